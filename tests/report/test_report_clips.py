"""The mouth and the sound over time on the report's page."""

import re
from dataclasses import replace

import numpy as np

from unmask.report import (
    ClipEvidence,
    Coverage,
    DetectorInfo,
    Evidence,
    FrameView,
    Measure,
    Opinion,
    ScanResult,
    Subject,
    Window,
)
from unmask.report.clip_view import clip_views, stretches
from unmask.report.page import page

DETECTOR = DetectorInfo("sync", "1", "0" * 64, "mesh", 0.5, (0.4, 0.6))


def clip(fit=None):
    time = np.arange(125) / 25
    fit = np.ones(125) if fit is None else fit
    return ClipEvidence(
        "sync", 3, 2.0, 7.0, {"mouth_opening": np.sin(time), "sound_level": np.cos(time), "fit": fit}
    )


def opinion(offset=-0.24):
    window = Window(2.0, 7.0, 0.93, (Measure("offset", offset),))
    subject = Subject("face", 3, 2.0, 7.0, 0.93, (0.8, 0.97), (0.0, 0.0, 9.0, 9.0), (window,))
    return Opinion("sound_belongs_to_face", DETECTOR, "likely_fake", 0.93, (0.8, 0.97), (), (subject,), 3)


def test_stretches_that_do_not_fit_are_those_of_some_length():
    fit = np.ones(100)
    fit[10:30], fit[50:52], fit[90:] = -1, -1, -1
    assert stretches(fit, 5.0) == [(0.1, 0.3), (0.9, 1.0)]


def test_a_clip_is_told_and_drawn():
    fit = np.ones(125)
    fit[25:75] = -0.5
    (view,) = clip_views([clip(fit)], [opinion()])
    assert (view.name, view.when) == ("Face 4", "2.0 s to 7.0 s")
    assert view.story == "Score 93 %. Lips go together best with the sound of 0.24 s earlier."
    assert view.drawing.count("<polyline") == 2 and view.drawing.count('class="span"') == 1
    mouth = re.search(r'class="curve mouth" points="([^"]+)"', view.drawing)[1].split()
    heights = np.array([float(point.split(",")[1]) for point in mouth])
    assert len(mouth) == 125
    # The higher on the page the more open.
    assert np.corrcoef(heights, np.sin(np.arange(125) / 25))[0, 1] < -0.999
    (together,) = clip_views([clip()], [opinion(0.0)])
    assert "best as they are" in together.story


def test_the_page_shows_them_and_the_json_has_curves_and_windows():
    result = ScanResult(
        "a.mp4", "video", "ok", DETECTOR, verdict="likely_fake", score=0.93, interval=(0.8, 0.97),
        opinions=(opinion(),), evidence=Evidence(clips=(clip(),)),
    )  # fmt: skip
    html = page([result])
    assert "Lips and sound" in html and "0.24 s earlier" in html
    row = result.to_dict()
    assert row["opinions"][0]["subjects"][0]["windows"][0] == {
        "start": 2.0, "end": 7.0, "score": 0.93, "measures": [{"name": "offset", "value": -0.24}],
    }  # fmt: skip
    assert len(row["evidence"]["clips"][0]["curves"]["fit"]) == 125
    assert ScanResult.from_dict(row).opinions == result.opinions


def test_frames_that_only_stand_beside_the_sound_are_not_said_to_show_no_face():
    result = ScanResult(
        "a.mp4", "video", "ok", DETECTOR, verdict="likely_fake", score=0.93, interval=(0.8, 0.97),
        opinions=(opinion(),), coverage=Coverage(10.0, 1, 0, 2, 9.0, (1.0,)),
        evidence=Evidence(frames=(FrameView(1.0, 8, 8, b"JPEG"),)),
    )  # fmt: skip
    html = page([result])
    assert "1.0 s: not searched for faces" in html
    assert "no face" not in html and "searched as a whole" not in html
    faces = replace(result, opinions=(replace(opinion(), question="face_manipulated"),))
    assert "1.0 s: no face" in page([faces]) and "searched as a whole" in page([faces])


def test_without_clips_there_is_no_section():
    result = ScanResult("a.mp4", "video", "no_face", DETECTOR, evidence=Evidence())
    assert "Lips and sound" not in page([result])
