import io

from rich.console import Console

from unmask.report import DetectorInfo, FrameScore, ScanResult, TrackScore
from unmask.report.table import table

DETECTOR = DetectorInfo("jrc", "1", "ab" * 32, "wide")


def printed(*results):
    out = io.StringIO()
    Console(file=out, width=120, color_system=None).print(table(results))
    return out.getvalue()


def test_a_row_a_file():
    track = TrackScore(0, 0.93, (FrameScore(0, (0, 0, 9, 9), 0.9, 0.93),))
    ok = ScanResult("clip.mp4", "video", "ok", DETECTOR, None, "likely_fake", 0.93, (0.81, 0.998), (track,))
    text = printed(ok, ScanResult("bad.mp4", "video", "unreadable", DETECTOR, "not a video"))
    row, bad = (line for line in text.splitlines() if ".mp4" in line)
    assert " ".join(row.split()) == "clip.mp4 likely fake 93 % 81 % to >99 % 1"
    assert " ".join(bad.split()) == "bad.mp4 unreadable - - - not a video"


def test_markup_and_control_characters_in_names_have_no_effect():
    text = printed(ScanResult("[red]x[/red]\n\x1b[2J.mp4", "video", "unreadable", DETECTOR, "[bold]no"))
    assert "[red]x[/red]\\n\\x1b[2J.mp4" in text
    assert "\x1b" not in text and "[bold]no" in text
