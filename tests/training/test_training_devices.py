"""Two processes give what one gives."""

import csv
import os
import subprocess
import sys

import pytest
from lightning.pytorch import Callback
from training_toys import toy_recipes

from unmask.training import loop
from unmask.training.recipes import RecipeError

# No layer whose result depends on how a batch is divided: norms keep their statistics, no dropout.
LINEAR = (
    "model.backbone={kind: timm, name: mobilenetv3_small_050, tap: 1, input_size: 32, frozen: true}",
    "model.encoder.kind=identity",
    "model.classifier={pool: mean_std, hidden: 0, dropout: 0}",
    "loss.weight=0",
)
# The decoder's resolution is the map's, so it has no BatchNorm either; the network before both branches is trained.
BOTH_BRANCHES = (
    "model.backbone={kind: timm, name: mobilenetv3_small_050, tap: 1, input_size: 32, fixed_statistics: true}",
    "model.encoder.kind=identity",
    "model.classifier={pool: mean_std, hidden: 8, dropout: 0}",
    "model.decoder.resolution=8",
    "loss.weight=0.5",
    "loss.target=real",
)
PLAIN = ("precision=32", "trainer.accelerator=cpu")


def train_by_command(folder, name, *changes):
    """Run `unmask train` as a user does, and give the lines of its metrics."""
    command = [sys.executable, "-m", "unmask", "train", str(folder / "toy.yaml"), *PLAIN, *changes]
    command += [f"data.root={folder}", f"runs={folder / 'runs'}", f"name={name}"]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=280, env=environment)
    assert done.returncode == 0, done.stderr[-2000:]
    assert done.stdout.count("next: unmask export") == 1
    with (folder / "runs" / name / "metrics.csv").open() as lines:
        return list(csv.DictReader(lines)), (folder / "runs" / name / "log.txt").read_text()


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    ("head", "losses"),
    [
        (LINEAR, ["classification", "total"]),
        (BOTH_BRANCHES, ["classification", "reconstruction", "total"]),
    ],
    ids=["linear", "both branches"],
)
def test_two_processes_train_as_one_does(tmp_path, head, losses):
    toy_recipes(tmp_path)
    alone, _ = train_by_command(tmp_path, "alone", *head, "trainer.devices=1")
    together, log = train_by_command(tmp_path, "together", *head, "trainer.devices=2", "trainer.strategy=ddp")
    assert log.count("starting: ") == 1
    assert [row["step"] for row in together] == [row["step"] for row in alone] == ["4", "8"]
    for ours, theirs in zip(together, alone, strict=True):
        for figure in (*losses, "auc_faces", "auc"):
            assert float(ours[figure]) == pytest.approx(float(theirs[figure]), abs=1e-4), figure


def test_a_batch_that_devices_cannot_share_is_refused(toy_recipe, tmp_path, monkeypatch):
    monkeypatch.setattr(loop.Trainer, "world_size", 3)
    with pytest.raises(RecipeError, match="no multiple of 6"):
        loop.make_trainer(toy_recipe("optimiser.batch_size=8"), tmp_path, Callback(), progress=False)
