"""The method statement: what was asked and how, and no error rate beyond what the card states."""

import json
import re
from functools import partial

import pytest

from toy_detectors import write_detector, write_unit_detector
from unmask.records.method import method_view
from unmask.records.weights import used_detectors
from unmask.report import Coverage, DetectorInfo, FrameScore, ScanResult, TrackScore
from unmask.scanning import Settings
from unmask.verdict import Reason

FIGURES = {
    "crops": {
        "frame_auc": 0.954,
        "frame_auc_interval": [0.947, 0.961],
        "true_positive_rate": 0.88,
        "false_positive_rate": 0.1128,
        "real": 1330,
        "fake": 1463,
        "groups": 1418,
    },
    "few": {"true_positive_rate": 0.9, "false_positive_rate": 0.25, "real": 240, "fake": 464, "groups": 8},
}


def statement(tmp_path, kind="video", reasons=(), settings=None, spec=None, **card):
    write = write_detector if spec is None else partial(write_unit_detector, spec=spec)
    folder = write(tmp_path / "toy", **card)
    settings = settings or Settings(str(folder))
    used = used_detectors(settings)
    info = DetectorInfo("toy", "1", used[0].card.sha256, "wide", 0.5, (0.4, 0.6))
    tracks = (TrackScore(0, 0.9, (FrameScore(0.0, (0, 0, 9, 9), 0.9, 0.9),)),)
    coverage = Coverage(8.0, 2, 2, 12) if kind == "video" else Coverage(None, 1, 1)
    result = ScanResult(
        "a", kind, "ok", info, None, "likely_fake", 0.9, (0.8, 0.95), tracks, coverage, 0.1, reasons, 0
    )
    return method_view(result.with_opinion_on_faces(), settings, used)


def test_rates_have_the_intervals_of_independent_items(tmp_path):
    stats = pytest.importorskip("scipy.stats")
    (asked,) = statement(tmp_path, metrics={"validation": FIGURES}).questions
    crops, few = asked.rates
    wanted = stats.binomtest(150, 1330).proportion_ci(method="wilson")
    assert crops.false_positives == f"11.3 % [{100 * wanted.low:.1f}, {100 * wanted.high:.1f}]"
    assert (crops.items, crops.auc) == (
        "1,330 real, 1,463 fake, 1,418 sources",
        "0.954 [0.947, 0.961] of faces",
    )
    # 240 crops of 8 sources tell no more than 8 items.
    wanted = stats.binomtest(2, 8).proportion_ci(method="wilson")
    assert few.false_positives == f"25.0 % [{100 * wanted.low:.1f}, {100 * wanted.high:.1f}]"
    assert few.misses.startswith("10.0 %") and few.auc == "-"
    assert any("not" not in note and "of single faces" in note for note in asked.notes)
    assert any("flatter" in note for note in asked.notes)


def test_a_detector_of_clips_reads_sound_and_its_figures_are_of_clips(tmp_path):
    clips = {"unit": "face_clip", "crop_profile": "tight", "size": 32, "frames": 8, "rate": 25.0}
    sound = {"audio": {"rate": 16000, "seconds": 0.32}}
    figures = {"validation": {"talking": {"frame_auc": 0.91, "real": 109, "fake": 543}}}
    (asked,) = statement(tmp_path, spec=clips | sound, metrics=figures).questions
    reads = next(row.value for row in asked.rows if row.name == "Reads")
    assert reads == "8 successive frames of a face, 25 a second, 32 x 32 pixels, with their sound"
    assert asked.rates[0].auc == "0.910 of clips of a face" and asked.unit == "clips of a face"
    assert not any("single faces" in note for note in asked.notes)
    assert any("states no rate of real ones called fake" in note for note in asked.notes)
    (mute,) = statement(tmp_path, spec=clips, metrics=figures).questions
    assert "sound" not in next(row.value for row in mute.rows if row.name == "Reads")


@pytest.mark.parametrize("metrics", [{}, {"validation": 3}, {"validation": {"a": 3}}])
def test_without_rates_it_says_so(tmp_path, metrics):
    (asked,) = statement(tmp_path, metrics=metrics).questions
    assert asked.rates == () and asked.notes[0] == "The card of the detector states no error rates."


def test_foreign_figures_break_nothing(tmp_path):
    strange = {
        "frame_auc": "high",
        "frame_auc_interval": ["a"],
        "real": -1,
        "false_positive_rate": 7,
        "groups": None,
    }
    (asked,) = statement(tmp_path, metrics={"validation": {"<b>\u202e": strange}}).questions
    (rate,) = asked.rates
    assert (rate.dataset, rate.items, rate.false_positives, rate.auc) == ("<b>\\u202e", "-", "-", "-")


def test_what_was_noted_of_the_file_is_named_as_without_rates(tmp_path):
    reasons = (
        Reason("blurred", "widens", "the face is blurred"),
        Reason("stability", "widens", "copies have other scores"),
    )
    (asked,) = statement(tmp_path, reasons=reasons, metrics={"validation": FIGURES}).questions
    assert any(
        "the face is blurred. The card states no error rates for such faces" in note for note in asked.notes
    )


def test_a_promised_rate_is_that_of_the_users_files(tmp_path):
    rates = [{"rate": 0.05, "threshold": 0.5, "interval": [0.031, 0.072]}]
    lineage = {
        "parent": "jrc", "parent_version": "1", "parent_card_sha256": "0" * 64, "data_sha256": "0" * 64,
        "files": 212, "groups": 200, "rates": rates,
    }  # fmt: skip
    (asked,) = statement(tmp_path, lineage=lineage).questions
    (note,) = [note for note in asked.notes if "of the user" in note]
    assert (
        "212 real files of the user (200 groups)" in note and "at most 5 %" in note and "3.1 to 7.2 %" in note
    )


def test_it_says_how_frames_were_chosen(tmp_path):
    assert "before anything in them was known" in statement(tmp_path).sampling[0]
    assert "2 frames of 12 planned were sampled" in statement(tmp_path).sampling[0]
    folder = str(tmp_path / "toy")
    assert "A frame every 2 seconds" in statement(tmp_path, settings=Settings(folder, every=2.0)).sampling[0]
    five = statement(tmp_path, settings=Settings(folder, frames=5, seconds=3.0)).sampling[0]
    assert five.startswith("5 frames, spread evenly over the length of the first 3.0 s, were asked for.")
    assert statement(tmp_path, "image").sampling[0] == "The whole picture was searched."
    assert "re-encodings" in statement(tmp_path, settings=Settings(folder, stability=True)).sampling[-1]


def test_files_that_could_not_be_read_have_none(tmp_path):
    info = DetectorInfo("toy", "1", "0" * 64, "wide")
    assert method_view(ScanResult("a", "video", "unreadable", info, "broken"), Settings(), ()) is None


def test_the_page_shows_statement_and_case_data_escaped(report):
    page = (report / "index.html").read_text("utf-8")
    assert page.count("<h3>Method statement</h3>") == 2
    assert "<dt>Case</dt><dd>2026/17 &lt;b&gt;</dd>" in page and "<dt>Exhibit</dt>" not in page
    card = json.loads((report.parent / "toy" / "card.json").read_text())
    assert re.search(f"sha256 {card['sha256']}", page)
