"""Tuning a trunk's norms and biases behind a block whose tokens are cached, and taking them along in an export."""

import json

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from training_toys import toy_recipes

from unmask.detectors import Detector, DetectorError, Trunk, read_card, trunk_path
from unmask.models import BackboneOptions
from unmask.models.backbones import build_backbone
from unmask.models.clip_trunk import load_trunk
from unmask.training.export import export, load_best
from unmask.training.loop import train
from unmask.training.maps import open_trunk, trunk_reference
from unmask.training.module import initialise_from, model_input
from unmask.training.recipes import RecipeError, TrunkOptions, load_recipe

torch.set_num_threads(1)

LAST_BLOCK = "model.backbone={kind: clip, start: 7, tap: 8, frozen: true, tune: biases}"


@pytest.fixture(scope="module")
def crop():
    return np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Train the last block's norms and biases, and a head, for two steps, and export both."""
    folder = tmp_path_factory.mktemp("tuned")
    recipe = toy_recipes(folder, count=4)
    changes = [LAST_BLOCK, "trunk.tap=7", "optimiser.steps=2", "optimiser.batch_size=2", "optimiser.lr=0.1"]
    run = train(recipe(*changes), progress=False)
    export(run)
    return run


def relative(a, b):
    return np.median(np.linalg.norm(a - b, axis=-1) / np.linalg.norm(b, axis=-1))


def tokens_of(backbone, entry):
    with torch.no_grad():
        return backbone(torch.from_numpy(entry)).flatten(2).permute(0, 2, 1).numpy()


def test_blocks_behind_a_start_continue_those_before_it(crop):
    images = torch.from_numpy(crop).permute(0, 3, 1, 2).float() / 255
    with torch.no_grad():
        whole = load_trunk(2)
        early = whole.blocks[0](whole.embed(images))
        torch.testing.assert_close(load_trunk(2, start=1)(early), whole(images))


def test_a_trunk_cut_behind_a_block_gives_what_the_next_one_reads(crop):
    early = open_trunk(TrunkOptions(tap=7))(crop)
    assert early.shape == (1, 197, 768)
    rest = build_backbone(BackboneOptions(kind="clip", start=7, tap=8))[0].eval()
    assert relative(tokens_of(rest, early), Trunk(threads=1).maps(crop)) < 0.05


def test_there_is_nothing_to_tune_behind_the_last_block(toy_recipe):
    with pytest.raises(RecipeError, match="no block behind block 8"):
        open_trunk(TrunkOptions(tap=8))
    with pytest.raises(RecipeError, match=r"start must be trunk\.tap"):
        toy_recipe(LAST_BLOCK, "trunk.tap=6")


def test_maps_of_another_block_have_a_reference_and_a_cache_of_their_own():
    assert trunk_reference(TrunkOptions(tap=7)).output == "blocks.6.out"
    assert trunk_reference(TrunkOptions()).output == "tokens"


def test_the_int8_trunk_follows_tuned_norms_and_biases(crop):
    rest = build_backbone(BackboneOptions(kind="clip", start=7, tap=8, frozen=True, tune="biases"))[0].eval()
    generator = torch.Generator().manual_seed(0)
    tuned = {}
    for name, parameter in rest.network.named_parameters():
        if parameter.requires_grad:
            parameter.data *= 1 + 0.3 * torch.randn(parameter.shape, generator=generator)
            tuned[name] = parameter.detach().numpy()
    assert len(tuned) == 8  # two norms with weight and bias, and four layers' biases
    before, after = Trunk(threads=1).maps(crop), Trunk(threads=1, tuned=tuned).maps(crop)
    wanted = tokens_of(rest, open_trunk(TrunkOptions(tap=7))(crop))
    assert relative(after, before) > 0.1
    assert relative(after, wanted) < 0.05


def test_the_class_token_is_left_out_of_a_map():
    tokens = torch.arange(2 * 10 * 3, dtype=torch.float16).reshape(2, 10, 3)
    torch.testing.assert_close(model_input(tokens), model_input(tokens[:, 1:]))
    torch.testing.assert_close(model_input(tokens, whole=True), tokens.float())


def test_an_exported_head_brings_its_trunk_s_norms(run, crop):
    card = read_card(run / "detector")
    assert card.trunk is not None and card.trunk.tuned and card.trunk.output == "tokens"
    detector = Detector(run / "detector", threads=1)
    model = load_best(run, load_recipe(run / "recipe.yaml")).eval()
    with torch.no_grad():
        early = torch.from_numpy(open_trunk(TrunkOptions(tap=7))(crop))
        wanted = model(early)
    np.testing.assert_allclose(detector.logits(crop), wanted.logit.numpy(), rtol=0.05, atol=0.05)
    plain = Trunk(threads=1).maps(crop)
    assert relative(detector._trunk.maps(crop), plain) > 0.1


def test_calibration_is_fitted_on_the_int8_trunk(run):
    card, kept = read_card(run / "detector"), np.load(run / "validation.npz")
    assert card.metrics["validation"]["faces"]["real"] == (kept["label"] == 0).sum()
    detector = Detector(run / "detector", threads=1)
    recipe = load_recipe(run / "recipe.yaml")
    from unmask.training.views import open_views

    views = open_views(recipe, size=224, training=False)[0]
    logits = detector.logits(np.stack([views.image(row) for row in range(len(views.rows))]))
    np.testing.assert_allclose(logits, kept["logit"], rtol=0.1, atol=0.1)


def test_another_file_of_norms_is_refused(run, tmp_path):
    folder = tmp_path / "changed"
    folder.mkdir()
    for name in ("card.json", "model.onnx"):
        (folder / name).write_bytes((run / "detector" / name).read_bytes())
    with pytest.raises(DetectorError, match=r"trunk\.npz"):
        Detector(folder)
    np.savez(folder / "trunk.npz", **{"blocks.7.norm1.bias": np.zeros(768, np.float32)})
    with pytest.raises(DetectorError, match=r"trunk\.npz"):
        Detector(folder)


def test_a_detector_s_identity_depends_on_its_norms(run):
    card = read_card(run / "detector")
    other = card.model_copy(update={"trunk": card.trunk.model_copy(update={"tuned": "0" * 64})})
    assert other.identity != card.identity


def test_only_a_built_in_trunk_s_norms_can_be_exported(run, tmp_path):
    (tmp_path / "run").mkdir()
    for path in run.iterdir():
        if path.is_file():
            (tmp_path / "run" / path.name).write_bytes(path.read_bytes())
    recipe = (run / "recipe.yaml").read_text().replace("tune: biases", "tune: last_blocks")
    (tmp_path / "run" / "recipe.yaml").write_text(recipe)
    with pytest.raises(RecipeError, match="norms and biases"):
        export(tmp_path / "run")


def test_training_begins_with_what_fits_of_an_earlier_run(tmp_path):
    earlier, later = torch.nn.Linear(3, 2), torch.nn.Sequential(torch.nn.Linear(3, 2), torch.nn.Linear(2, 4))
    save_file({f"0.{n}": v for n, v in earlier.state_dict().items()}, tmp_path / "best.safetensors")
    initialise_from(later, str(tmp_path))
    torch.testing.assert_close(later[0].weight, earlier.weight)
    with pytest.raises(RecipeError, match="no weights"):
        initialise_from(torch.nn.Conv2d(3, 2, 1), str(tmp_path))
    with pytest.raises(RecipeError, match=r"no usable best\.safetensors"):
        initialise_from(later, str(tmp_path / "nowhere"))


def test_training_begins_with_a_head_of_an_exported_detector(tmp_path):
    heads = [torch.nn.Linear(3, 2) for _ in range(2)]
    weights = {
        f"heads.{n}.{name}": v for n, head in enumerate(heads) for name, v in head.state_dict().items()
    }
    save_file(weights, tmp_path / "model.safetensors")
    later = torch.nn.Linear(3, 2)
    initialise_from(later, f"{tmp_path}#1")
    torch.testing.assert_close(later.weight, heads[1].weight)
    with pytest.raises(RecipeError, match="no weights"):
        initialise_from(later, f"{tmp_path}#2")


def test_the_card_does_not_name_places(run):
    text = json.dumps(read_card(run / "detector").model_dump(mode="json"))
    assert str(run.parent.parent) not in text
    assert trunk_path("clip-vit-b16").name not in text
