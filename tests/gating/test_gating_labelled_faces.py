"""Faces are scored and measured as they are and made worse, the same way each time, and a stopped run goes on."""

import csv

import numpy as np
import pytest
from PIL import Image

from toys import ColourDetector
from unmask.demo.clips import FACE, portrait
from unmask.detectors import Prediction
from unmask.distortions.faces import DEGRADATIONS, degrade
from unmask.faces import measure
from unmask.gating import labelled_faces
from unmask.gating.confidence import judge_faces
from unmask.gating.labelled_faces import MEASURES, FaceSample, LabelledFaces, score_faces
from unmask.verdict import GATES, PlattScaling, Rule, judge_track

PICTURE = np.asarray(portrait())


class Brightness:
    """The brighter a crop, the more likely fake."""

    def __init__(self):
        self.card = ColourDetector(input={"unit": "face", "crop_profile": "tight", "size": 64}).card
        self.seen = 0

    def predict(self, inputs):
        crops = inputs["crops"]
        self.seen += len(crops)
        logits = crops.reshape(len(crops), -1).mean(1, dtype=np.float32) / 50 - 2
        return Prediction(logits, {"reconstruction_error": np.full(len(crops), 0.1, np.float32)})


@pytest.fixture
def crops(tmp_path):
    """Two videos of three frames with boxes, one real and one fake, in a split of their own."""
    rows = []
    for video, label in (("one", "real"), ("two", "fake")):
        for frame in range(3):
            name = f"{video}-{frame}.png"
            Image.fromarray(np.roll(PICTURE, frame, axis=1)).save(tmp_path / name)
            box = " ".join(str(value) for value in FACE)
            rows.append([name, label, f"s-{video}", "val", video, str(frame), box, "200", "generous"])
    with (tmp_path / "manifest.csv").open("w", newline="") as file:
        head = ["file", "label", "source", "split", "video", "frame", "box", "face_px", "crop_profile"]
        csv.writer(file).writerows([head, *rows])
    return tmp_path


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_every_degradation_changes_the_face_and_is_drawn_by_its_seed_alone(name):
    one, same = (DEGRADATIONS[name](PICTURE, FACE, np.random.default_rng(5)) for _ in range(2))
    assert one.dtype == np.uint8 and one.ndim == 3
    np.testing.assert_array_equal(one, same)
    other = DEGRADATIONS[name](PICTURE, FACE, np.random.default_rng(6))
    assert other.shape != one.shape or not np.array_equal(other, one)


def test_the_box_follows_a_picture_that_shrinks():
    for seed in range(40):
        name, worse, box = degrade(PICTURE, FACE, np.random.default_rng(seed))
        if name == "small":
            assert 14 <= box[3] - box[1] <= 92
            assert box[0] / worse.shape[1] == pytest.approx(FACE[0] / 512)
        else:
            assert box == FACE


def test_the_measures_are_those_of_the_crop(crops):
    faces = score_faces(Brightness(), crops, FaceSample())
    assert len(faces) == 6 and faces.label.tolist() == [0, 0, 0, 1, 1, 1]
    assert set(faces.video.tolist()) == {"one", "two"} and set(faces.cluster.tolist()) == {"s-one", "s-two"}
    quality = measure(PICTURE, FACE)
    row = dict(zip(MEASURES, faces.measures[0], strict=True))
    assert row["detail"] == pytest.approx(quality.detail) and row["contrast"] == quality.contrast
    assert row["side"] == FACE[3] - FACE[1] and row["reconstruction_error"] == pytest.approx(0.1)
    assert np.isnan(row["turn"]) and np.isnan(row["confidence"])


def test_a_video_is_made_worse_as_a_whole_and_each_turn_anew(crops):
    faces = score_faces(Brightness(), crops, FaceSample(crops=2, degradations=4))
    assert len(faces) == 2 * 2 * 4 and (faces.way != "").all()
    assert all(len(set(faces.way[faces.video == video].tolist())) == 1 for video in set(faces.video.tolist()))
    assert len(set(faces.way.tolist())) > 1


def test_a_stopped_run_goes_on_from_its_cache(crops, monkeypatch):

    monkeypatch.setattr(labelled_faces, "_CHUNK", 2)
    cache = crops / "faces.npz"
    whole = score_faces(Brightness(), crops, FaceSample(), cache=cache)
    LabelledFaces.load(cache).take(np.arange(4)).save(cache)
    detector = Brightness()
    again = score_faces(detector, crops, FaceSample(), cache=cache)
    assert detector.seen == 2
    np.testing.assert_array_equal(again.logit, whole.logit)
    np.testing.assert_array_equal(LabelledFaces.load(cache).measures, whole.measures)


def test_the_margin_counts_widths_to_the_threshold_and_rejected_faces_rank_last():
    measures = np.full((3, len(MEASURES)), np.nan)
    measures[1, MEASURES.index("detail")] = 0.26
    measures[2, MEASURES.index("side")] = 10
    names = np.array(["a", "b", "c"])
    faces = LabelledFaces(
        np.array([1, 1, 0]), np.array([3.0, 3.0, 3.0]), measures, names, names, np.array([""] * 3)
    )
    rule = Rule(PlattScaling(within_sd=0.5), 0.5, (0.4, 0.6))
    judged = judge_faces(faces, rule, [GATES] * 3, videos=False)
    low = judge_track([3.0], rule).interval[0]
    assert judged.margin_without_gates == pytest.approx(3 / (3 - np.log(low / (1 - low))))
    assert judged.wrong.tolist() == [False, False, True]
    assert judged.margin[0] == judged.margin_without_gates[0] > judged.margin[1] > 0 > judged.margin[2]
    assert judged.is_conclusive_without_gates.tolist() == [True] * 3 and not judged.is_conclusive[2]


def test_videos_are_judged_by_all_their_faces():
    count = 4
    names = np.array(["v", "v", "w", "w"])
    measures = np.full((count, len(MEASURES)), np.nan)
    faces = LabelledFaces(
        np.array([1, 1, 0, 0]), np.array([2.0, 4.0, -1.0, -3.0]), measures, names, names, names
    )
    judged = judge_faces(faces, Rule(PlattScaling()), [GATES] * count, videos=True)
    assert (
        judged.label.tolist() == [1, 0] and not judged.wrong.any() and judged.cluster.tolist() == ["v", "w"]
    )
