"""The real way on real clips: installed detector, CenterFace, real people."""

import csv
import json

import pytest
from jsonschema import Draft202012Validator

from unmask.detectors import built_in
from unmask.report.schema import schema
from unmask.scanning import DEFAULTS, Scanner

pytestmark = [
    pytest.mark.data,
    pytest.mark.skipif(DEFAULTS.detector not in built_in(), reason="the detector is not installed"),
]


@pytest.fixture(scope="module")
def scanned(data_root):
    clips = data_root / "clips"
    with (clips / "manifest.csv").open(newline="", encoding="utf-8") as file:
        names = [row["path"] for row in csv.DictReader(file)]
    with Scanner() as scanner:
        return {name: scanner.scan(clips / name) for name in names}


def test_every_clip_is_read_and_every_track_scored(scanned):
    for result in scanned.values():
        Draft202012Validator(schema()).validate(json.loads(json.dumps(result.to_dict())))
        assert result.status == "ok"
        assert result.coverage.frames_sampled in (2, 12)
        assert all(frame.score is not None for track in result.tracks for frame in track.frames)


def test_faces_are_found_on_every_sampled_frame(scanned):
    assert all(r.coverage.frames_with_face == r.coverage.frames_sampled for r in scanned.values())


def test_talking_heads_are_one_track(scanned):
    grid = [result for name, result in scanned.items() if name.endswith(".mpg")]
    assert len(grid) == 4
    tracks = [[len(track.frames) for track in result.tracks] for result in grid]
    assert tracks == [[result.coverage.frames_sampled] for result in grid]
