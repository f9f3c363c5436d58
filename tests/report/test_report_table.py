import io

from rich.console import Console

from unmask.report import DetectorInfo, FrameScore, Opinion, ScanResult, TrackScore, subjects_of
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


def judged(path, detector, *further):
    track = TrackScore(0, 0.93, (FrameScore(0, (0, 0, 9, 9), 0.9, 0.93),))
    said = ("likely_fake", 0.93, (0.81, 0.998))
    opinions = tuple(
        Opinion("face_manipulated", one, *said, subjects=subjects_of([track]), decisive=0)
        for one in (detector, *further)
    )
    return ScanResult(
        path, "video", "ok", detector, None, *said, (track,), decisive_track=0, opinions=opinions
    )


def test_rows_name_their_detector_where_there_are_several():
    stills = DetectorInfo("jrc-stills", "1", "cd" * 32, "wide")
    alike = printed(judged("a.mp4", DETECTOR), judged("b.mp4", DETECTOR))
    assert "detector" not in alike and "jrc" not in alike
    mixed = printed(
        judged("a.mp4", DETECTOR),
        judged("b.png", stills),
        ScanResult("bad.mp4", "video", "unreadable", DETECTOR, "not a video"),
    )
    rows = [" ".join(line.split()) for line in mixed.splitlines()]
    assert rows[0] == "file detector verdict score 90 % interval faces note"
    assert [row.split()[1] for row in rows[1:]] == ["jrc", "jrc-stills", "-"]
    only_one = printed(
        judged("a.mp4", stills), ScanResult("bad.mp4", "video", "unreadable", DETECTOR, "not a video")
    )
    assert "detector" not in only_one


def test_two_opinions_on_one_question_are_told_apart():
    stills = DetectorInfo("jrc-stills", "1", "cd" * 32, "wide")
    rows = [" ".join(line.split()) for line in printed(judged("a.mp4", DETECTOR, stills)).splitlines()]
    assert rows[1].startswith("a.mp4 likely fake")
    assert rows[2].startswith("Was a face swapped or re-enacted? (jrc) likely fake")
    assert rows[3].startswith("Was a face swapped or re-enacted? (jrc-stills) likely fake")
