"""Fitting lips to sound on toy speakers, judging speakers left out, and the detector's folder."""

import numpy as np
import onnxruntime
import pytest
import torch

import sound_toys
from unmask.detectors import load_detector
from unmask.detectors.mesh import MESH_FILE, FaceMesh
from unmask.faces import Face
from unmask.models.lips import CHANNELS
from unmask.models.sync import SyncOptions
from unmask.training.sync import FitOptions, SyncClip, fit
from unmask.training.sync_export import CURVES, ExportedSync, write_sync
from unmask.training.sync_run import SyncRecipe, judge_recipe, list_files, read_clips, write_detector
from unmask.training.sync_validation import (
    OTHER_SPEAKER,
    SAME_SPEAKER,
    TOLD,
    auc,
    fit_weights,
    judge,
    offset_share,
    windows,
)

RECIPE = SyncRecipe(name="toy-sync", data={"folder": "people", "terms": "made for a test"})


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
    return judge_recipe(RECIPE, clips, (125,))


def test_speakers_left_out_are_told_and_their_offsets_found(trials):
    weights = fit_weights(trials)
    assert auc(trials, weights, TOLD).value > 0.95
    assert auc(trials, weights, [OTHER_SPEAKER]).value > 0.95
    assert auc(trials, weights, [SAME_SPEAKER]).value > 0.95
    share = offset_share(trials, 0.12)
    assert share.value > 0.9 and share.low <= share.value <= share.high


def test_sound_that_has_nothing_to_do_with_the_lips_is_at_chance(clips):
    mixed = [
        SyncClip(one.lips, two.mel, one.source)
        for one, two in zip(clips, [*clips[1:], clips[0]], strict=True)
    ]
    figure = auc(judge_recipe(RECIPE, mixed, (125,)), np.array([1.0, 0, 0, 0]), [OTHER_SPEAKER])
    assert 0.2 < figure.value < 0.8


def test_the_linear_towers_are_a_canonical_correlation_analysis(clips):
    """Of what they read, the first pair of channels has the largest correlation: that of a direct solution."""
    network = fit(clips, SyncOptions(width=1), FitOptions(ridge=1e-6))
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
    network = fit(clips[:4], options, FitOptions(steps=60, rate=5e-3))
    judged = [judge(network, *window) for clip in clips[4:] for window in windows(clip, clips[:1], 125)]
    assert offset_share(judged, 0.12).value > 0.7


@pytest.mark.parametrize("options", [SyncOptions(), SyncOptions(hidden=8, layers=1)])
def test_the_exported_detector_says_what_the_network_says(clips, tmp_path, options):
    network = fit(clips, options, FitOptions(steps=2 * options.layers))
    weights = np.array([3.0, 0.5, 1.0, -1.5])
    write_sync(network, weights, MESH_FILE, tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    rng = np.random.default_rng(0)
    sound = rng.normal(0, 0.1, (1, 640 * 78)).astype(np.float32)
    faces = rng.integers(0, 256, (1, 78, 192, 192, 3), dtype=np.uint8)
    names = [output.name for output in session.get_outputs()]
    given = dict(zip(names, session.run(None, {"clips": faces, "sound": sound}), strict=True))
    points = torch.tensor(FaceMesh().points(faces[0]).reshape(78, -1))
    with torch.no_grad():
        wanted = dict(
            zip(names, ExportedSync(network, weights).eval()(points, torch.tensor(sound)), strict=True)
        )
    for name in ("logit", "offset", "similarity", "mouth_motion", *CURVES):
        np.testing.assert_allclose(given[name], wanted[name].numpy(), atol=2e-2, err_msg=name)
    assert given["fit"].shape == given["mouth_opening"].shape == given["sound_level"].shape == (1, 78)


def test_a_detector_of_toy_speakers_is_written_whole(clips, tmp_path):
    card = write_detector(RECIPE, clips, tmp_path / "toy-sync")
    detector = load_detector(tmp_path / "toy-sync")
    assert detector.card == card and detector.draws_curves
    figures = card.metrics["validation"]["people"]
    assert figures["frame_auc"] > 0.95 and figures["sources"] == 6
    assert set(detector.measures) == {"offset", "similarity", "mouth_motion"}


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
    files = list_files(tmp_path, RECIPE.data)
    assert [file.source for file in files] == ["anna", "anna", "ben"]
    clips = read_clips(files, tmp_path / "cache", FixedFinder(), FaceMesh())
    assert [clip.source for clip in clips] == ["anna", "anna", "ben"]
    assert all(clip.lips.shape == (CHANNELS, 75) and clip.mel.shape == (40, 300) for clip in clips)
    # A click lies in the middle of each second.
    assert clips[0].mel[:, 100:200].mean(axis=0).argmax() in (49, 50)
    again = read_clips(files, tmp_path / "cache")  # Nothing is read twice.
    np.testing.assert_array_equal(again[0].mel, clips[0].mel)
