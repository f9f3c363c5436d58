import dataclasses
import json
from html.parser import HTMLParser
from xml.etree import ElementTree

import pytest

from unmask.report import Coverage, DetectorInfo, FrameScore, ScanResult, TrackScore
from unmask.report.page import page
from unmask.report.timeline import BOTTOM, HEIGHT, LEFT, RIGHT, TOP, WIDTH, timeline
from unmask.report.words import percent, printable

FRAMES = tuple(FrameScore(t, (10, 20, 110, 140), 0.98, s) for t, s in ((0.0, 0.2), (5.0, 0.8)))
RESULT = ScanResult(
    "clip.mp4",
    "video",
    "ok",
    DetectorInfo("jrc", "1", "ab" * 32, "wide"),
    verdict="likely_fake",
    score=0.995,
    interval=(0.004, 0.999),
    tracks=(TrackScore(0, 0.995, FRAMES),),
    coverage=Coverage(10.0, 8, 2),
)
NASTY = "<script>alert(1)</script>\n\"'&[red]\u202e\udcff.mp4"


class Elements(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.open, self.links, self.names = [], [], set()
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.names.add(tag)
        self.links += [value for name, value in attrs if name in ("src", "href", "srcset", "action")]
        if tag not in ("meta", "link", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def test_page_is_whole_and_needs_no_network():
    text = page([RESULT])
    elements = Elements(text)
    assert elements.open == []
    assert elements.links == []
    assert "script" not in elements.names
    assert "url(" not in text and "@import" not in text
    assert "prefers-color-scheme: dark" in text


def test_page_says_what_was_found_and_what_it_cannot_tell():
    text = page([RESULT])
    assert "likely fake" in text
    assert "<strong>&gt;99 %</strong>, 90 % interval &lt;1 % to &gt;99 %." in text
    assert "nothing about sound" in text
    assert "ab" * 32 in text


def test_names_are_escaped_everywhere():
    broken = ScanResult(NASTY, "video", "unreadable", RESULT.detector, "<b>bad</b>")
    for text in (page([dataclasses.replace(RESULT, path=NASTY)]), page([broken])):
        elements = Elements(text)
        assert elements.open == [] and not {"script", "b"} & elements.names
        assert "&lt;script&gt;" in text
        text.encode("utf-8")


def test_report_is_written_into_the_folder_alone(tmp_path):
    folder = tmp_path / "deep" / "report"
    made = dataclasses.replace(RESULT, path="../../" + NASTY).save_report(folder)
    assert made == folder / "index.html"
    written = {p.relative_to(tmp_path).as_posix() for p in tmp_path.rglob("*") if p.is_file()}
    assert written == {"deep/report/index.html", "deep/report/scan.json"}
    assert json.loads((folder / "scan.json").read_text("utf-8"))[0]["path"] == "../../" + NASTY


def circles(svg):
    shapes = ElementTree.fromstring(svg).iter("circle")
    return [(float(c.get("cx")), float(c.get("cy"))) for c in shapes if c.get("class") == "below"]


def test_timeline_places_frames_by_time_and_score():
    first, last = circles(timeline(RESULT.tracks[0], 10.0, threshold=0.9))
    width, height = WIDTH - LEFT - RIGHT, HEIGHT - TOP - BOTTOM
    assert first == (LEFT, pytest.approx(TOP + height * 0.8))
    assert last == (pytest.approx(LEFT + width / 2), pytest.approx(TOP + height * 0.2))


def test_timeline_of_an_unknown_duration_ends_with_its_last_frame():
    assert circles(timeline(RESULT.tracks[0], None))[-1][0] == WIDTH - RIGHT


def test_scores_at_or_above_the_threshold_have_another_shape_and_are_told_in_words():
    svg = timeline(RESULT.tracks[0], 10.0, 0.8, sampled=(0.0, 2.5, 5.0))
    root = ElementTree.fromstring(svg)
    classes = [element.get("class") for element in root.iter() if element.get("class")]
    assert (classes.count("below"), classes.count("above"), classes.count("span")) == (1, 1, 1)
    assert (classes.count("seen"), classes.count("unseen")) == (2, 1)
    assert "At or above the threshold: 5.0 to 5.0 seconds." in root.get("aria-label")


def test_a_threshold_is_drawn_where_one_is_given():
    height = HEIGHT - TOP - BOTTOM
    line = f'<line class="threshold" x1="{LEFT}" y1="{TOP + height * 0.3:.1f}"'
    assert line in page([RESULT], threshold=0.7)
    own = dataclasses.replace(RESULT, detector=dataclasses.replace(RESULT.detector, threshold=0.7))
    assert line in page([own])
    assert 'class="threshold"' not in page([RESULT])


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (0.0, "0 %"), (0.004, "<1 %"), (0.5, "50 %"), (0.9951, ">99 %"), (1.0, "100 %")],
)
def test_percentages_claim_no_certainty(value, text):
    assert percent(value) == text


def test_control_characters_are_shown_not_obeyed():
    assert printable("a\nb\x1b[31m\u202e\udcff") == "a\\nb\\x1b[31m\\u202e\\udcff"


@pytest.mark.parametrize(
    ("threshold", "ends"), [(0.05, (False, True)), (0.5, (True, True)), (0.92, (True, False))]
)
def test_the_words_of_a_threshold_do_not_cover_an_end_of_the_gauge(threshold, ends):
    detector = dataclasses.replace(RESULT.detector, threshold=threshold, band=(threshold, threshold))
    text = page([dataclasses.replace(RESULT, detector=detector)])
    gauge = text[text.index('<svg class="gauge') :].split("</svg>")[0]
    assert (">0 %</text>" in gauge, ">100 %</text>" in gauge) == ends
    assert f"threshold {100 * threshold:.0f} %" in gauge
