import dataclasses
import json

import pytest
from jsonschema import Draft202012Validator

from unmask.report import Coverage, DetectorInfo, FrameScore, ScanResult, TrackScore, schema
from unmask.verdict import Reason

DETECTOR = DetectorInfo("jrc", "1", "ab" * 32, "wide", 0.9, (0.4, 0.9))
FRAMES = (
    FrameScore(0.5, (10.04, 20, 110, 140), 0.98, 0.91, 0.03),
    FrameScore(1.5, (-3, 20, 97, 141), 0.97, 0.95, reasons=("small",)),
    FrameScore(2.0, (12, 20, 97, 141), 0.97),
)
SMALL = Reason("small", "widens", "the face is small: 40 pixels")
OK = ScanResult(
    "a/clip.mp4",
    "video",
    "ok",
    DETECTOR,
    verdict="likely_fake",
    score=0.9312345678,
    interval=(0.8, 0.98),
    tracks=(TrackScore(0, 0.9312345678, FRAMES, (SMALL,)),),
    coverage=Coverage(10.0, 8, 3),
    seconds=1.23456,
    reasons=(SMALL,),
)
NO_FACE = ScanResult("a.png", "image", "no_face", DETECTOR, coverage=Coverage(None, 1, 0))
BROKEN = ScanResult("a.mp4", "video", "unreadable", DETECTOR, "not a video")


def test_to_dict_has_the_designs_fields_in_its_order():
    assert list(OK.to_dict()) == [
        "schema", "path", "kind", "status", "detail", "verdict", "score", "interval", "reasons", "decisive_track",
        "tracks",
        "coverage", "detector", "isolation", "seconds",
    ]  # fmt: skip
    assert OK.to_dict()["tracks"][0] == {
        "id": 0,
        "score": 0.931235,
        "reasons": [{"gate": "small", "effect": "widens", "text": "the face is small: 40 pixels"}],
        "spans": [{"start": 0.5, "end": 1.5, "frames": 2, "score": 0.95}],
        "frames": [
            {
                "time": 0.5,
                "box": [10.0, 20, 110, 140],
                "face_confidence": 0.98,
                "score": 0.91,
                "reconstruction_error": 0.03,
                "reasons": [],
            },
            {
                "time": 1.5,
                "box": [-3, 20, 97, 141],
                "face_confidence": 0.97,
                "score": 0.95,
                "reconstruction_error": None,
                "reasons": ["small"],
            },
            {
                "time": 2.0,
                "box": [12, 20, 97, 141],
                "face_confidence": 0.97,
                "score": None,
                "reconstruction_error": None,
                "reasons": [],
            },
        ],
    }
    coverage = {"duration": 10.0, "frames_sampled": 8, "frames_with_face": 3}
    assert OK.to_dict()["coverage"] == coverage | {
        "frames_planned": None,
        "longest_gap": None,
        "times": [],
        "frames_damaged": 0,
        "smallest_face": None,
    }


@pytest.mark.parametrize("result", [OK, NO_FACE, BROKEN])
def test_json_follows_the_schema(result):
    Draft202012Validator.check_schema(schema())
    Draft202012Validator(schema()).validate(json.loads(json.dumps(result.to_dict())))


@pytest.mark.parametrize(
    "change",
    [
        {"score": None},
        {"verdict": None},
        {"status": "no_face"},
        {"score": 1.2},
        {"extra": 1},
        {"interval": [0.1]},
        {"tracks": []},
        {"kind": None},
    ],
)
def test_the_schema_refuses_what_contradicts_itself(change):
    assert not Draft202012Validator(schema()).is_valid(OK.to_dict() | change)


@pytest.mark.parametrize(
    "change",
    [
        {"status": "fine"},
        {"kind": "sound"},
        {"verdict": None},
        {"verdict": "fake"},
        {"score": None},
        {"score": 1.5},
        {"score": float("nan")},
        {"interval": None},
        {"interval": (0.95, 0.99)},
        {"interval": (0.5, 1.1)},
        {"tracks": ()},
        {"tracks": OK.tracks * 2},
        {"seconds": -1},
        {"detail": "two\nlines"},
        {"status": "no_face"},
        {"decisive_track": 1},
    ],
)
def test_a_contradictory_result_cannot_be_made(change):
    with pytest.raises(ValueError):
        dataclasses.replace(OK, **change)


@pytest.mark.parametrize("change", [{"score": 0.5}, {"verdict": "inconclusive"}, {"detail": None}])
def test_a_failure_has_a_detail_and_no_score(change):
    with pytest.raises(ValueError):
        dataclasses.replace(BROKEN, **change)


@pytest.mark.parametrize(
    "make",
    [
        lambda: FrameScore(-1, (0, 0, 1, 1), 0.5),
        lambda: FrameScore(0, (5, 0, 1, 1), 0.5),
        lambda: FrameScore(0, (0, 0, 1, 1), 1.5),
        lambda: FrameScore(0, (0, 0, 1, 1), 0.5, -0.1),
        lambda: FrameScore(0, (0, 0, 1, 1), 0.5, 0.1, -2),
        lambda: TrackScore(0, 0.5, (FRAMES[2],)),
        lambda: TrackScore(0, 0.5, FRAMES[::-1]),
        lambda: Coverage(1.0, 3, 4),
    ],
)
def test_parts_are_checked_too(make):
    with pytest.raises(ValueError):
        make()


def test_a_picture_without_a_face_was_read():
    assert (OK.was_read, NO_FACE.was_read, BROKEN.was_read) == (True, True, False)
