"""Fitting lips to sound on toy speakers, judging speakers left out, and the detector's folder."""

from dataclasses import replace

import numpy as np
import onnxruntime
import pytest
import torch
from typer.testing import CliRunner

import sound_toys
from unmask.cli.main import build
from unmask.detectors import load_detector
from unmask.detectors.mesh import MESH_FILE, FaceMesh
from unmask.faces import Face
from unmask.models.families.sync import SyncOptions
from unmask.models.lips import CHANNELS
from unmask.training import sync_run
from unmask.training.recipes import OptimiserOptions, Recipe, RecipeError, SourceOptions, load_recipe
from unmask.training.sync import SyncClip, fit
from unmask.training.sync_clips import list_files, read_clips
from unmask.training.sync_export import CURVES, ExportedSync, write_sync
from unmask.training.sync_run import judge_recipe
from unmask.training.sync_validation import (
    OTHER_SPEAKER,
    SAME_SPEAKER,
    TOLD,
    TRUE,
    auc,
    fit_weights,
    judge,
    offset_share,
    windows,
)

RECIPE = """
name: toy-sync
data:
  train: &people [{set: people, terms: made for a test}]
  validation: *people
model: {family: sync}
"""


def recipe(**data):
    people = data.pop("people", {"set": "people"})
    data = {"train": [people], "validation": [people], **data}
    return Recipe.model_validate({"name": "toy-sync", "data": data, "model": {"family": "sync"}})


def speaker(number, frames=320, late=0):
    """Lips and sound that follow one hidden signal, each mixed by the speaker's own weights, in noise."""
    rng = np.random.default_rng(number)
    fine = np.convolve(rng.normal(size=4 * (frames + 40)), np.hanning(17), "same")
    lips = np.outer(np.linspace(1, 0.2, CHANNELS) * 0.05, fine[80 : 80 + 4 * frames : 4])
    mel = np.outer(np.linspace(0.5, 1, 40), fine[80 - 4 * late : 80 - 4 * late + 4 * frames])
    lips += rng.normal(0, 0.03, lips.shape)
    mel += rng.normal(0, 1.5, mel.shape)
    return SyncClip(lips.astype(np.float32), mel.astype(np.float32), f"speaker {number}")


@pytest.fixture(scope="module")
def clips():
    return [speaker(number) for number in range(6)]


@pytest.fixture(scope="module")
def trials(clips):
    return judge_recipe(recipe(), clips, clips)


def test_speakers_left_out_are_told_and_their_offsets_found(trials):
    weights = fit_weights(trials)
    assert auc(trials, weights, TOLD).value > 0.95
    assert auc(trials, weights, [OTHER_SPEAKER]).value > 0.95
    assert auc(trials, weights, [SAME_SPEAKER]).value > 0.95
    share = offset_share(trials, 0.12)
    assert share.value > 0.9 and share.low <= share.value <= share.high


@pytest.mark.filterwarnings("error")
def test_draws_of_sources_without_wrong_sound_do_not_count(trials):
    first = trials[0].source
    few = [trial for trial in trials if trial.source == first and (trial.kind == TRUE or trial.kind in TOLD)]
    few += [replace(trial, source="another") for trial in few if trial.kind == TRUE]
    figure = auc(few, np.array([1.0, 0, 0, 0]), TOLD)
    assert 0 < figure.low <= figure.value <= figure.high <= 1


def test_sound_that_has_nothing_to_do_with_the_lips_is_at_chance(clips):
    mixed = [
        SyncClip(one.lips, two.mel, one.source)
        for one, two in zip(clips, [*clips[1:], clips[0]], strict=True)
    ]
    figure = auc(judge_recipe(recipe(), mixed, mixed), np.array([1.0, 0, 0, 0]), [OTHER_SPEAKER])
    assert 0.2 < figure.value < 0.8


def test_the_linear_towers_are_a_canonical_correlation_analysis(clips):
    """Of what they read, the first pair of channels has the largest correlation: that of a direct solution."""
    network = fit(clips, SyncOptions(width=1, ridge=1e-6))
    seen, heard = [], []
    with torch.no_grad():
        for clip in clips:
            pair = network(torch.tensor(clip.lips)[None], torch.tensor(clip.mel)[None])
            seen.append(pair[0][0, 0].numpy())
            heard.append(pair[1][0, 0].numpy())
    correlation = np.corrcoef(np.concatenate(seen), np.concatenate(heard))[0, 1]
    single = max(
        abs(np.corrcoef(clip.lips[channel], clip.mel[band, 1::4])[0, 1])
        for clip in clips[:1]
        for channel in range(CHANNELS)
        for band in (0, 20, 39)
    )
    assert correlation > max(0.6, single)


@pytest.mark.parametrize("layers", [0, 1])
def test_contrast_finds_what_a_closed_form_does(clips, layers):
    options = SyncOptions(width=2, hidden=8, layers=layers)
    network = fit(clips[:4], options, OptimiserOptions(steps=60, lr=5e-3, warm_up=15))
    judged = [judge(network, *window) for clip in clips[4:] for window in windows(clip, clips[:1], 125)]
    assert offset_share(judged, 0.12).value > 0.7


@pytest.mark.parametrize("options", [SyncOptions(), SyncOptions(hidden=8, layers=1)])
def test_the_exported_detector_says_what_the_network_says(clips, tmp_path, options):
    network = fit(clips, options, OptimiserOptions(steps=2))
    weights = np.array([3.0, 0.5, 1.0, -1.5])
    write_sync(network, weights, MESH_FILE, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, (1, 1280 * 39)).astype(np.float32)
    faces = rng.integers(0, 256, (1, 39, 192, 192, 3), dtype=np.uint8)
    names = [output.name for output in session.get_outputs()]
    given = dict(zip(names, session.run(None, {"clips": faces, "sound": sound}), strict=True))
    points = torch.tensor(FaceMesh().points(faces[0]).reshape(39, -1))
    with torch.no_grad():
        wanted = dict(
            zip(names, ExportedSync(network, weights).eval()(points, torch.tensor(sound)), strict=True)
        )
    for name in ("logit", "offset", "similarity", "mouth_motion", *CURVES):
        np.testing.assert_allclose(given[name], wanted[name].numpy(), atol=2e-2, err_msg=name)
    assert given["fit"].shape == given["mouth_opening"].shape == given["sound_level"].shape == (1, 78)


def test_speakers_held_out_are_judged_by_one_network(clips, monkeypatch):
    fitted = []
    monkeypatch.setattr(sync_run, "fit", lambda part, *how: fitted.append(part) or fit(part, *how))
    trials = judge_recipe(recipe(), clips[:4], clips[4:])
    assert fitted == [clips[:4]]
    assert {trial.source for trial in trials} == {"speaker 4", "speaker 5"}
    assert auc(trials, fit_weights(trials), TOLD).value > 0.95
    judge_recipe(recipe(), clips[:4], clips[3:])
    assert [len(part) for part in fitted[1:]] == [4, 3]  # One of the judged is among the others as well.


@pytest.fixture
def toy_folder(clips, tmp_path, monkeypatch):
    """A folder of six videos, which are read as toy speakers, and a recipe on it."""
    (tmp_path / "people").mkdir()
    for number in range(6):
        (tmp_path / "people" / f"speaker {number}.mkv").touch()
    by_name = {clip.source: clip for clip in clips}
    monkeypatch.setattr(
        sync_run, "read_clips", lambda files, cache, report: [by_name[file.source] for file in files]
    )
    (tmp_path / "sync.yaml").write_text(RECIPE)
    return tmp_path


def test_the_commands_train_and_export_it(toy_folder, monkeypatch):
    def run(*arguments):
        result = CliRunner().invoke(build(), [str(argument) for argument in arguments])
        assert result.exit_code == 0, result.output
        return result

    root, runs = f"data.root={toy_folder}", f"runs={toy_folder / 'runs'}"
    run("train", toy_folder / "sync.yaml", root, runs, "--quiet")
    assert "unmask scan FILE" in run("export", toy_folder / "runs" / "toy-sync").output.replace("\n", " ")
    detector = load_detector(toy_folder / "runs" / "toy-sync" / "detector")
    assert detector.draws_curves and set(detector.measures) == {"offset", "similarity", "mouth_motion"}
    card = detector.card
    assert (card.question, card.input.unit) == ("sound_belongs_to_face", "face_clip")
    assert [(one.name, one.terms, one.use) for one in card.data] == [
        ("people", "made for a test", use) for use in ("training", "validation")
    ]
    assert card.recipe["model"]["family"] == "sync" and "cache" not in card.recipe["model"]
    figures = card.metrics["validation"]["people"]
    assert figures["frame_auc"] > 0.95 and figures["sources"] == 6
    assert "AUC against shifts" in (toy_folder / "runs" / "toy-sync" / "log.txt").read_text()


def test_clips_that_are_too_short_to_be_judged_are_said_in_one_line(toy_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sync_run, "judge_recipe", lambda *arguments, **options: [])
    recipe = load_recipe(toy_folder / "sync.yaml", [f"data.root={toy_folder}"])
    with pytest.raises(RecipeError, match="two thirds of a window"):
        sync_run.train(recipe, tmp_path, lambda *stage: None)


def test_too_few_people_and_options_of_crops_are_refused(toy_folder):
    few = load_recipe(toy_folder / "sync.yaml", [f"data.root={toy_folder}"])
    for number in range(4):
        (toy_folder / "people" / f"speaker {number}.mkv").unlink()
    with pytest.raises(RecipeError, match=r"data\.train: 2 people"):
        sync_run.open_clips(few, lambda *stage: None)
    with pytest.raises(RecipeError, match="there are no such videos"):
        list_files(few.data, [SourceOptions(set="nowhere")])
    with pytest.raises(RecipeError, match="no manifest"):
        list_files(few.data, [SourceOptions(set="people", where={"source": "studio"})])
    with pytest.raises(RecipeError, match="the model family sync reads no share of a source"):
        load_recipe(toy_folder / "sync.yaml", ["data.train.0.share=0.5"])


class FixedFinder:
    """Sees one face in every frame, at the same place."""

    def find(self, image):
        landmarks = np.float32([[24, 18], [36, 18], [30, 26], [26, 34], [34, 34]])
        return [Face((16, 6, 44, 42), 0.9, landmarks)]


def test_any_folder_of_videos_is_listed_and_read(tmp_path, monkeypatch):
    still = np.zeros((48, 64, 3), np.uint8)
    still[10:40, 20:45] = 200  # One scene: faces are followed from frame to frame.
    monkeypatch.setattr(sound_toys.toys, "grey_frame", lambda number, count: still)
    for name in ("anna/one.mkv", "anna/two.mkv", "ben.mkv", "notes.txt"):
        path = tmp_path / "people" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("txt"):
            path.write_text("no video")
        else:
            sound_toys.write(path, sound_toys.clicks(3.0, 16_000), 16_000, seconds=3.0)
    data = recipe(root=str(tmp_path)).data
    files = list_files(data, data.train)
    assert [file.source for file in files] == ["anna", "anna", "ben"]
    clips = read_clips(files, tmp_path / "cache", finder=FixedFinder(), mesh=FaceMesh())
    assert [clip.source for clip in clips] == ["anna", "anna", "ben"]
    assert all(clip.lips.shape == (CHANNELS, 74) and clip.mel.shape == (40, 296) for clip in clips)
    # A click lies in the middle of each second; 2.96 s of the 3 are read, from 0.04 s on.
    assert clips[0].mel[:, 100:200].mean(axis=0).argmax() in (45, 46)
    again = read_clips(files, tmp_path / "cache")  # Nothing is read twice.
    np.testing.assert_array_equal(again[0].mel, clips[0].mel)


def test_a_manifest_and_shares_of_the_people_choose_the_videos(tmp_path):
    (tmp_path / "people").mkdir()
    rows = [
        f"{number}.mp4,{'studio' if number < 40 else 'street'},person {number // 2}" for number in range(80)
    ]
    (tmp_path / "people" / "manifest.csv").write_text("path,source,group\n" + "\n".join(rows) + "\n")

    def listed(**choice):
        data = recipe(root=str(tmp_path), people={"set": "people", **choice}).data
        return list_files(data, data.train)

    assert len(listed()) == 80 and listed()[3].source == "person 1"
    assert {file.path.name for file in listed(where={"source": "studio"})} == {f"{n}.mp4" for n in range(40)}
    held, rest = (listed(held_out=0.3, take=take) for take in ("held_out", "rest"))
    assert len(held) + len(rest) == 80 and 8 <= len(held) <= 40
    assert not {file.source for file in held} & {file.source for file in rest}
