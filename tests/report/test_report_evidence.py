"""Evidence from a scan with toys: in the JSON and on the page, and only when it is asked for."""

import io
import json
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from jsonschema import Draft202012Validator
from PIL import Image, PngImagePlugin

from unmask.report import FrameScore, TrackScore
from unmask.report.order import SHARES, choose_shown
from unmask.report.page import page
from unmask.report.schema import schema
from unmask.scanning import Scanner, Settings, scan


@pytest.fixture
def result(two_faces, detector, finder):
    return scan(two_faces, Settings(frames=8, evidence=True), detector, finder)


def test_the_json_follows_the_schema_with_its_evidence(result):
    data = json.loads(json.dumps(result.to_dict()))
    Draft202012Validator(schema()).validate(data)
    assert data["decisive_track"] == max(data["tracks"], key=lambda track: track["score"])["id"]
    assert data["coverage"]["times"] == sorted({f["time"] for t in data["tracks"] for f in t["frames"]})
    assert data["evidence"]["file"]["streams"][0]["codec"] == "h264"
    shown = {(face["track"], face["time"]) for face in data["evidence"]["faces"]}
    assert len(shown) == 12 and {track for track, _ in shown} == {0, 1}


def test_maps_are_the_detector_s_own(result, detector, toys):
    for face in result.evidence.faces:
        crop = np.asarray(Image.open(io.BytesIO(face.crop)))
        wanted = detector.explain({"crops": crop[None]})[0]
        np.testing.assert_allclose(face.patch_logits, wanted.patch_logits, atol=0.3)
        assert face.error_map.shape == (8, 8)
        frame = next(f for f in result.tracks[face.track].frames if f.time == face.time)
        x0, _, x1, _ = face.square
        assert x0 < (frame.box[0] + frame.box[2]) / 2 < x1


def test_nothing_is_gathered_unless_asked_for(two_faces, detector, finder):
    detector.explain = None
    result = scan(two_faces, Settings(frames=2), detector, finder)
    assert result.evidence is None and "evidence" not in result.to_dict()
    assert "<img" not in page([result])


def test_the_page_shows_pictures_that_are_pictures(result):
    text = page([result])
    pictures = re.findall(r'(?:src|href)="data:image/(jpeg|png);base64,([^"]+)"', text)
    faces = 4 * len(result.evidence.faces)
    assert len(pictures) == len(result.evidence.frames) + faces + 1
    assert text.count("A hint of manipulation</figcaption>") == len(result.evidence.faces)
    assert "hints where to look, not proof" in text


def test_a_map_of_the_blend_takes_the_place_of_the_hint(result):
    mask = np.zeros((28, 28), np.float32)
    mask[20:24, 2:10] = 0.9
    faces = tuple(replace(face, blend_mask=mask) for face in result.evidence.faces)
    mapped = replace(result, evidence=replace(result.evidence, faces=faces))
    text = page([mapped])
    assert text.count("Where a blend seems to lie</figcaption>") == len(faces)
    assert "A hint of manipulation" not in text and "trained on blended faces" in text
    assert "most at the lower left" in text
    rows = np.array(mapped.to_dict()["evidence"]["faces"][0]["blend_mask"])
    np.testing.assert_allclose(rows, mask.reshape(14, 2, 14, 2).mean((1, 3)), atol=1e-3)
    Draft202012Validator(schema()).validate(json.loads(json.dumps(mapped.to_dict())))


def test_a_picture_without_a_face_has_facts_and_its_words_are_escaped(tmp_path, detector, finder, toys):
    notes = PngImagePlugin.PngInfo()
    notes.add_text("Software", "<script>alert(1)</script>\u202e")
    path = tmp_path / "empty.png"
    Image.fromarray(toys.draw([])).save(path, pnginfo=notes)
    result = scan(path, Settings(evidence=True), detector, finder)
    text = page([result])
    assert result.status == "no_face" and result.evidence.faces == ()
    assert "&lt;script&gt;alert(1)&lt;/script&gt;\\u202e" in text and "<script" not in text
    assert result.to_dict()["evidence"]["file"]["tags"]["Software"].startswith("<script>")


def test_a_file_that_cannot_be_read_has_no_evidence(tmp_path, detector, finder):
    (tmp_path / "text.mp4").write_text("not a video")
    assert scan(tmp_path / "text.mp4", Settings(evidence=True), detector, finder).evidence is None


DEADLY = """
import os
class Settings:
    from_dict = staticmethod(dict)
def Context(settings):
    os._exit(0)
"""


def test_content_credentials_that_kill_their_reader_cost_nothing_else(
    tmp_path, monkeypatch, two_faces, detector, finder
):
    (tmp_path / "stand-in").mkdir()
    (tmp_path / "stand-in" / "c2pa.py").write_text(DEADLY)
    monkeypatch.syspath_prepend(tmp_path / "stand-in")
    monkeypatch.delitem(sys.modules, "c2pa", raising=False)
    with Scanner(Settings(frames=4, evidence=True), detector, finder) as scanner:
        results = [scanner.scan(two_faces) for _ in range(2)]
    for result in results:
        assert (result.status, result.detail, result.verdict) == ("ok", None, results[0].verdict)
        evidence = result.evidence
        assert len(evidence.faces) == 8 and evidence.file.streams[0].codec == "h264" and evidence.file.sha256
        assert evidence.credentials.state == "unreadable" and "crashed" in evidence.credentials.detail
        assert "crashed" in page([result])
    assert "c2pa" not in sys.modules


def track(number, *scores):
    frames = (FrameScore(float(n), (0, 0, 9, 9), 0.9, score) for n, score in enumerate(scores))
    return TrackScore(number, max(score for score in scores if score is not None), tuple(frames))


def test_of_a_long_track_the_highest_scores_are_shown_and_the_rest_is_represented():
    scores = [0.1] * 20
    scores[3], scores[4], scores[11] = 0.9, 0.8, 0.7
    places = [place for _, place in choose_shown([track(0, *scores)], 20)]
    assert len(places) == SHARES[0] and {3, 4, 11} <= set(places)
    assert places == sorted(places) and min(places) < 3 < 11 < max(places)


def test_the_face_that_decides_comes_first_and_those_seen_too_briefly_last():
    tracks = [track(0, 0.2, 0.3, 0.4), track(1, 0.99), track(2, 0.5, 0.6, 0.5), track(3, None, 0.1, 0.2)]
    order = list(dict.fromkeys(number for number, _ in choose_shown(tracks, 8, decisive=2)))
    assert order == [2, 0, 3, 1]
    assert (3, 0) not in choose_shown(tracks, 8)
