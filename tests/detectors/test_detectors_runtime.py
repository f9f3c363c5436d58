"""Exported folders, their checks, and what a detector gives."""

import numpy as np
import pytest

from toy_detectors import write_detector
from unmask.detectors import DetectorError, load_card, load_detector


@pytest.fixture
def crops():
    return np.random.default_rng(1).integers(0, 256, (5, 48, 48, 3), dtype=np.uint8)


def test_scores_are_calibrated_logits(tmp_path, crops):
    detector = load_detector(write_detector(tmp_path / "toy", size=48))
    prediction = detector.predict({"crops": crops})
    logits = crops[..., 0].mean(axis=(1, 2)) / 100 - 1
    np.testing.assert_allclose(prediction.logits, logits, atol=1e-5)
    scores = detector.score(crops)
    np.testing.assert_allclose(scores, 1 / (1 + np.exp(-(2 * logits + 0.5))), atol=1e-5)
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, np.float32(detector.card.calibration.scores(prediction.logits)))


def test_reconstruction_and_its_error(tmp_path, crops):
    detector = load_detector(write_detector(tmp_path / "toy", size=48))
    rebuilt = detector.reconstruct(crops)
    assert rebuilt.shape == (5, 8, 8, 3) and rebuilt.dtype == np.uint8
    colour = crops.mean(axis=(1, 2))
    np.testing.assert_allclose(rebuilt[:, 0, 0], colour, atol=0.51)
    cells = crops.reshape(5, 8, 6, 8, 6, 3).mean(axis=(2, 4))
    wanted = np.abs(cells - colour[:, None, None]).mean(axis=(1, 2, 3)) / 255
    errors = detector.predict({"crops": crops}).measures["reconstruction_error"]
    np.testing.assert_allclose(errors, wanted, atol=2e-3)


@pytest.mark.parametrize("mirror", [False, True])
def test_an_explanation_maps_patches_and_errors(tmp_path, crops, mirror):
    detector = load_detector(write_detector(tmp_path / "toy", size=48, mirror=mirror))
    explained = detector.explain({"crops": crops})
    patches = crops[..., 0].reshape(5, 2, 24, 2, 24).mean(axis=(2, 4)) / 100
    np.testing.assert_allclose([one.patch_logits for one in explained], patches, atol=1e-5)
    np.testing.assert_array_equal([one.reconstruction for one in explained], detector.reconstruct(crops))
    cells = crops.reshape(5, 8, 6, 8, 6, 3).mean(axis=(2, 4))
    wanted = np.abs(cells - crops.mean(axis=(1, 2))[:, None, None]).mean(axis=3) / 255
    np.testing.assert_allclose([one.error_map for one in explained], wanted, atol=3e-3)
    means = [one.error_map.mean() for one in explained]
    errors = detector.predict({"crops": crops}).measures["reconstruction_error"]
    np.testing.assert_allclose(means, errors, atol=1e-6)


@pytest.mark.parametrize(("decoder", "patches"), [(True, False), (False, True), (False, False)])
def test_an_explanation_lacks_what_the_export_lacks(tmp_path, crops, decoder, patches):
    detector = load_detector(write_detector(tmp_path / "toy", decoder=decoder, patches=patches))
    one = detector.explain({"crops": crops[:1]})[0]
    assert (one.patch_logits is not None) == patches
    assert (one.error_map is not None) == (one.reconstruction is not None) == decoder
    assert detector.explain({"crops": crops[:0]}) == []


def test_a_detector_without_decoder_has_no_errors(tmp_path, crops):
    detector = load_detector(write_detector(tmp_path / "toy", decoder=False))
    assert detector.predict({"crops": crops}).measures == {}
    with pytest.raises(DetectorError, match="no decoder"):
        detector.reconstruct(crops)


def test_any_side_is_resized_and_no_crops_give_no_scores(tmp_path, crops):
    detector = load_detector(write_detector(tmp_path / "toy", size=32))
    assert detector.score(crops).shape == (5,)
    assert detector.score(crops[:0]).shape == (0,)


def test_mirror_averages_both_views(tmp_path, crops):
    plain = load_detector(write_detector(tmp_path / "plain", size=48))
    mirrored = load_detector(write_detector(tmp_path / "mirror", size=48, mirror=True))
    np.testing.assert_allclose(mirrored.logits(crops), plain.logits(crops), atol=1e-5)


@pytest.mark.parametrize("shape", [(48, 48, 3), (1, 48, 40, 3), (1, 48, 48, 4)])
def test_wrong_shapes_are_refused(tmp_path, shape):
    detector = load_detector(write_detector(tmp_path / "toy"))
    with pytest.raises(ValueError, match="crops must be"):
        detector.score(np.zeros(shape, np.uint8))
    with pytest.raises(ValueError, match="crops must be"):
        detector.score(np.zeros((1, 48, 48, 3), np.float32))


def test_crop_profile_is_checked_at_load(tmp_path):
    with pytest.raises(DetectorError, match="crop profile 'narrow'"):
        load_detector(write_detector(tmp_path / "toy", crop_profile="narrow"))


def test_changed_weights_are_refused(tmp_path):
    folder = write_detector(tmp_path / "toy")
    with (folder / "model.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(DetectorError, match="SHA-256 differs"):
        load_detector(folder)


@pytest.mark.parametrize(
    ("text", "message"), [("{", "cannot be read"), ('{"name": "x"}', "version"), (None, "no card.json")]
)
def test_broken_cards_give_one_line(tmp_path, text, message):
    folder = write_detector(tmp_path / "toy")
    (folder / "card.json").unlink()
    if text is not None:
        (folder / "card.json").write_text(text)
    with pytest.raises(DetectorError, match=message) as caught:
        load_detector(folder)
    assert "\n" not in str(caught.value)


def test_unknown_name_gives_a_hint():
    with pytest.raises(DetectorError, match="no detector named 'jrcc'"):
        load_detector("jrcc")


def test_identity_changes_with_the_calibration(tmp_path):
    first = load_detector(write_detector(tmp_path / "a")).card
    second = load_detector(write_detector(tmp_path / "b", calibration={"slope": 3.0})).card
    assert first.sha256 == second.sha256 and first.identity != second.identity


def test_identity_does_not_depend_on_what_no_score_depends_on(tmp_path):
    """That of the built-in detector is in caches of teachers and in published reports."""
    platt = {"slope": 3.0, "intercept": 0.5}
    plain = load_detector(write_detector(tmp_path / "a", calibration=platt)).card
    ratios = {"prior": 0.5, "reals": 9, "fakes": 9, "log10_lr_bounds": [-0.5, 0.5]}
    assert (
        load_detector(write_detector(tmp_path / "b", calibration=platt | ratios)).card.identity
        == plain.identity
    )
    assert load_card("jrc").identity == "da6a1ef6a37671eddd0c2b1419761894bb63d738e8c3cacb3c138b0be784f3a2"
