import dataclasses
import json

import pytest
from jsonschema import Draft202012Validator

from unmask.report import Coverage, DetectorInfo, FrameScore, Opinion, ScanResult, Subject, TrackScore
from unmask.report.schema import schema
from unmask.verdict import LikelihoodRatio, Reason

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
        "opinions", "tracks",
        "coverage", "detector", "provenance", "isolation", "seconds",
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


WITH_RATIO = OK.with_opinion_on_faces({0: (0.85, 0.95)}, LikelihoodRatio(1.2345, 0.5, 1.5))
ALL = [
    OK,
    NO_FACE,
    BROKEN,
    WITH_RATIO,
    OK.with_opinion_on_faces({0: (0.85, 0.95)}),
    NO_FACE.with_opinion_on_faces(),
]


@pytest.mark.parametrize("result", ALL)
def test_json_follows_the_schema(result):
    Draft202012Validator.check_schema(schema())
    Draft202012Validator(schema()).validate(json.loads(json.dumps(result.to_dict())))


@pytest.mark.parametrize("result", ALL)
def test_without_opinions_it_is_what_schema_1_has(result):
    Draft202012Validator(schema(1)).validate(as_schema_1(result))


def as_schema_1(result):
    row = json.loads(json.dumps(result.to_dict())) | {"schema": 1}
    del row["opinions"], row["provenance"]
    return row


@pytest.mark.parametrize("result", ALL)
def test_json_reads_back(result):
    row = json.loads(json.dumps(result.to_dict()))
    assert ScanResult.from_dict(row).to_dict() == row
    earlier = ScanResult.from_dict(as_schema_1(result))
    assert earlier.opinions == ScanResult.from_dict(row).with_opinion_on_faces().opinions


def test_the_opinion_on_faces_says_what_the_result_says():
    (opinion,) = OK.with_opinion_on_faces({0: (0.85, 0.95)}).opinions
    assert opinion.to_dict() == {
        "question": "face_manipulated",
        "detector": OK.detector.to_dict(),
        "verdict": "likely_fake",
        "score": 0.931235,
        "interval": [0.8, 0.98],
        "reasons": [SMALL.to_dict()],
        "subjects": [
            {
                "kind": "face",
                "id": 0,
                "start": 0.5,
                "end": 2.0,
                "score": 0.931235,
                "interval": [0.85, 0.95],
                "box": [10.0, 20, 110, 140],
                "windows": [],
            }
        ],
        "decisive": None,
        "lr": None,
        "stability": None,
        "attribution": None,
    }
    assert WITH_RATIO.to_dict()["opinions"][0]["lr"] == {
        "log10": 1.234,
        "low": 0.5,
        "high": 1.5,
        "bounded": False,
    }
    assert NO_FACE.with_opinion_on_faces().opinions == (Opinion("face_manipulated", DETECTOR),)
    assert BROKEN.with_opinion_on_faces().opinions == ()


PICTURE = Opinion(
    "face_generated", DETECTOR, "likely_fake", 0.9, (0.8, 0.95), (), (Subject("picture", 0),), 0
)


def test_an_opinion_on_the_picture_needs_no_face():
    whole = ScanResult(
        "a.png",
        "image",
        "ok",
        DETECTOR,
        None,
        "likely_fake",
        0.9,
        (0.8, 0.95),
        coverage=Coverage(None, 1, 0),
        opinions=(Opinion("face_manipulated", DETECTOR), PICTURE),
    )
    row = json.loads(json.dumps(whole.to_dict()))
    Draft202012Validator(schema()).validate(row)
    assert ScanResult.from_dict(row) == whole


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
        {"tracks": (), "opinions": (Opinion("face_manipulated", DETECTOR),)},
    ],
)
def test_a_contradictory_result_cannot_be_made(change):
    with pytest.raises(ValueError):
        dataclasses.replace(OK, **change)


@pytest.mark.parametrize(
    "change", [{"score": 0.5}, {"verdict": "inconclusive"}, {"detail": None}, {"opinions": (PICTURE,)}]
)
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
        lambda: Subject("hand", 0),
        lambda: Subject("face", -1),
        lambda: Subject("face", 0, 2.0, 1.0),
        lambda: Subject("face", 0, 0.0, float("inf")),
        lambda: Subject("face", 0, score=1.5),
        lambda: Subject("face", 0, interval=(0.1, 0.2)),
        lambda: Subject("face", 0, score=0.5, interval=(0.6, 0.7)),
        lambda: Subject("face", 0, box=(5, 0, 1, 1)),
        lambda: dataclasses.replace(PICTURE, question="Is it fake?"),
        lambda: dataclasses.replace(PICTURE, verdict="fake"),
        lambda: dataclasses.replace(PICTURE, score=None),
        lambda: dataclasses.replace(PICTURE, interval=(0.91, 0.95)),
        lambda: dataclasses.replace(PICTURE, subjects=()),
        lambda: dataclasses.replace(PICTURE, subjects=PICTURE.subjects * 2),
        lambda: dataclasses.replace(PICTURE, decisive=1),
    ],
)
def test_parts_are_checked_too(make):
    with pytest.raises(ValueError):
        make()


def test_a_picture_without_a_face_was_read():
    assert (OK.was_read, NO_FACE.was_read, BROKEN.was_read) == (True, True, False)
