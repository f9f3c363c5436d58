"""What a card says that a detector reads, and what the detector makes of it."""

import json

import numpy as np
import pytest

from toy_detectors import write_detector, write_unit_detector
from unmask.detectors import DetectorError, FaceCrops, load_card, load_detector

FRAME = {"unit": "frame", "size": 16}
CLIP = {"unit": "face_clip", "crop_profile": "tight", "size": 16, "frames": 8, "rate": 8.0}
SOUND = {"unit": "audio", "rate": 1000, "seconds": 0.5}
CLIP_WITH_SOUND = CLIP | {"audio": {"rate": 1000, "seconds": 1.0}}


def arrays(count=3):
    rng = np.random.default_rng(1)
    return {
        "crops": rng.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8),
        "frames": rng.integers(0, 256, (count, 16, 16, 3), dtype=np.uint8),
        "clips": rng.integers(0, 256, (count, 8, 16, 16, 3), dtype=np.uint8),
        "sound": rng.uniform(-1, 1, (count, 500)).astype(np.float32),
        "second": rng.uniform(-1, 1, (count, 1000)).astype(np.float32),
    }


@pytest.mark.parametrize(
    ("spec", "names"),
    [
        ({"unit": "face", "crop_profile": "wide", "size": 16}, {"crops": "crops"}),
        (FRAME, {"frames": "frames"}),
        (CLIP, {"clips": "clips"}),
        (SOUND, {"sound": "sound"}),
        (CLIP_WITH_SOUND, {"clips": "clips", "sound": "second"}),
    ],
    ids=["face", "frame", "clip", "sound", "clip with sound"],
)
@pytest.mark.parametrize("mirror", [False, True])
def test_a_detector_of_each_unit_is_a_folder(tmp_path, spec, names, mirror):
    detector = load_detector(write_unit_detector(tmp_path / "toy", spec, 0.5, 0.25, ["level"], mirror=mirror))
    inputs = {name: arrays()[source] for name, source in names.items()}
    prediction = detector.predict(inputs)
    means = {name: array.reshape(len(array), -1).mean(1, dtype=np.float64) for name, array in inputs.items()}
    first, last = next(iter(means)), list(means)[-1]
    np.testing.assert_allclose(prediction.logits, 0.5 * means[first] - 0.25, atol=1e-4)
    np.testing.assert_allclose(prediction.measures["level"], means[last], atol=1e-4)
    assert set(prediction.measures) == {"level"} == set(detector.measures)
    none = detector.predict({name: array[:0] for name, array in inputs.items()})
    assert none.logits.shape == none.measures["level"].shape == (0,)
    assert [one.patch_logits for one in detector.explain(inputs)] == [None] * 3


def test_only_pictures_are_mirrored(tmp_path):
    """The toy's mean does not change with a mirror image; this one's does: the mean of the left half of pictures."""
    detector = load_detector(write_unit_detector(tmp_path / "toy", CLIP_WITH_SOUND, mirror=True))
    unit = {"clips": np.zeros((8, 16, 16, 3), np.uint8), "sound": np.arange(1000, dtype=np.float32)}
    unit["clips"][:, :, 0] = 1
    mirrored = detector._mirrored(unit)
    assert (mirrored["clips"][:, :, -1] == 1).all() and (mirrored["clips"][:, :, :-1] == 0).all()
    np.testing.assert_array_equal(mirrored["sound"], unit["sound"])


def test_a_card_with_profile_and_size_reads_face_crops(tmp_path):
    card = load_card(write_detector(tmp_path / "toy", size=48))
    assert card.input == FaceCrops(crop_profile="wide", size=48)
    assert (card.question, card.crop_profile, card.input_size) == ("face_manipulated", "wide", 48)
    written = card.model_dump_json()
    assert json.loads(written)["input"] == {"unit": "face", "crop_profile": "wide", "size": 48} | {
        "smoothing": None
    }
    assert type(card).model_validate_json(written) == card
    assert card.to_dict() | {"crop_profile": "wide", "input_size": 48} == card.to_dict()


def test_a_card_of_another_unit_has_no_crop_profile(tmp_path):
    card = load_card(write_unit_detector(tmp_path / "toy", SOUND, question="sound_belongs_to_face"))
    assert card.question == "sound_belongs_to_face" and card.crop_profile == ""
    assert "crop_profile" not in card.to_dict()
    with pytest.raises(DetectorError, match="toy reads audio, and this is for detectors of face crops"):
        card.face_crops()


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"unit": "smell"}, "input"),
        ({"unit": "frame"}, "input.frame.size: Field required"),
        ({"unit": "frame", "size": 16, "fit": "squeeze"}, "input.frame.fit"),
        (CLIP | {"frames": 1}, "input.face_clip.frames"),
        (SOUND | {"seconds": 1e9}, "input.audio.seconds"),
        (SOUND | {"rate": 192_000, "seconds": 30.0}, "input.audio: .*1 to 1500000 samples"),
        (CLIP | {"colour": 3}, "input.face_clip.colour: Extra inputs"),
    ],
)
def test_an_input_that_makes_no_sense_is_refused_in_one_line(tmp_path, spec, message):
    folder = write_unit_detector(tmp_path / "toy", FRAME, input=spec)
    with pytest.raises(DetectorError, match=message) as caught:
        load_card(folder)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("inputs", "message"),
    [
        ({}, "must be clips, sound, not none"),
        ({"clips": np.zeros((1, 8, 16, 16, 3), np.uint8)}, "must be clips, sound, not clips"),
        ({"clips": (8, 16, 16, 3), "sound": (1, 1000)}, r"clips must be \(N, 8, 16, 16, 3\) uint8"),
        ({"clips": (1, 8, 16, 16, 3), "sound": (1, 999)}, r"sound must be \(N, 1000\) float32"),
        ({"clips": (2, 8, 16, 16, 3), "sound": (1, 1000)}, "as many units"),
    ],
)
def test_inputs_that_do_not_fit_are_refused(tmp_path, inputs, message):
    detector = load_detector(write_unit_detector(tmp_path / "toy", CLIP_WITH_SOUND))
    types = {"clips": np.uint8, "sound": np.float32}
    made = {k: np.zeros(v, types[k]) if isinstance(v, tuple) else v for k, v in inputs.items()}
    with pytest.raises(ValueError, match=message):
        detector.predict(made)


def test_a_graph_that_reads_something_else_than_its_card_says_is_refused(tmp_path):
    with pytest.raises(DetectorError, match="reads clips, and its card says clips, sound"):
        load_detector(write_unit_detector(tmp_path / "toy", CLIP, input=CLIP_WITH_SOUND))


def test_conveniences_of_pictures_say_so_where_there_are_none(tmp_path):
    detector = load_detector(write_unit_detector(tmp_path / "toy", SOUND))
    with pytest.raises(DetectorError, match="toy reads audio, not single pictures"):
        detector.score(arrays()["crops"])
    with pytest.raises(DetectorError, match="no decoder"):
        detector.reconstruct(arrays()["crops"])
