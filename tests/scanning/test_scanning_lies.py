"""What a decoding process says that a file has taken over: a status, never an exception."""

import json
import math
import textwrap

import numpy as np
import pytest
from PIL import Image

from unmask.media.isolated import process as decoding_process
from unmask.media.sampling import MAX_SEGMENTS
from unmask.scanning import Scanner, Settings, scan

INFO = {
    "kind": "video", "width": 320, "height": 240, "duration": 2.0, "frame_rate": 10.0, "codec": "h264", "frames": 20,
    "details": [], "damaged": 0, "parts": [],
}  # fmt: skip
FRAME = {"time": 0.5, "width": 320, "height": 240, "turn": {}, "present": None}
HUGE = 10**400

# Speaks the protocol of the child, and says what it was told to say.
LIAR = """
import json, socket, struct, sys
INFO, FRAME, COUNT, FACTS = json.loads(sys.argv[-2])
def say(text):
    text = text if isinstance(text, bytes) else json.dumps(text).encode()
    sys.stdout.buffer.write(struct.pack("!I", len(text)) + text)
    sys.stdout.buffer.flush()
door = socket.socket(fileno=0)
say({"ready": True})
text = b""
while True:
    data, _, _, _ = socket.recv_fds(door, 1 << 16, 8)
    if not data:
        break
    *lines, text = (text + data).split(b"\\n")
    for line in lines:
        request = json.loads(line)
        if "open" in request:
            say({"info": INFO})
        elif "facts" in request:
            say({"facts": FACTS})
        elif "sample" in request:
            for _ in range(COUNT):
                say(FRAME)
                if isinstance(FRAME, dict):
                    sys.stdout.buffer.write(bytes(320 * 240 * 3))
            say({"end": True, "info": INFO})
"""


def short(value):
    return str(value)[:40]


@pytest.fixture
def scan_by_a_liar(tmp_path, monkeypatch, detector, finder):
    if not decoding_process.HANDS_OVER_FILES:
        pytest.skip("files are handed over differently here")
    path = tmp_path / "file.mp4"
    path.write_bytes(b"\0\0\0\x18ftypmp42" + bytes(100))

    def lie(info=INFO, frame=FRAME, count=1, facts=None, **settings):
        popen = decoding_process.subprocess.Popen

        def started(arguments, **options):
            told = json.dumps([info, frame, count, facts])
            return popen([*arguments[:-2], textwrap.dedent(LIAR), told, arguments[-1]], **options)

        monkeypatch.setattr(decoding_process.subprocess, "Popen", started)
        return scan(path, Settings(frames=2, **settings), detector, finder)

    return lie


def test_what_is_no_lie_is_believed(scan_by_a_liar):
    assert scan_by_a_liar().status == "ok"


@pytest.mark.parametrize(
    "frame",
    [
        {"time": math.inf}, {"time": -math.inf}, {"time": math.nan}, {"time": HUGE}, {"time": None}, {"time": "soon"},
        {"time": [1]}, {"width": math.inf}, {"height": -1}, {"width": HUGE}, {"turn": {"twist": 1}}, {"turn": 5},
        {"width": 10**6, "height": 10**6},
    ],
    ids=short,
)  # fmt: skip
def test_an_impossible_frame_is_the_files_fault(scan_by_a_liar, frame):
    result = scan_by_a_liar(frame=FRAME | frame)
    assert (result.status, result.score) == ("unreadable", None)


@pytest.mark.parametrize(
    "info",
    [
        {"duration": math.inf}, {"duration": math.nan}, {"width": math.inf}, {"frames": math.inf}, {"frames": HUGE},
        {"duration": HUGE}, {"width": "wide"}, {"width": None}, {"kind": "sound"}, {"kind": []}, {"codec": math.nan},
    ],
    ids=short,
)  # fmt: skip
def test_impossible_facts_are_the_files_fault(scan_by_a_liar, info):
    assert scan_by_a_liar(info=INFO | info).status == "unreadable"


@pytest.mark.parametrize("info", [{"duration": -5.0}, {"frame_rate": -1.0}, {"frames": -3}], ids=short)
def test_facts_that_make_no_sense_count_as_unknown(scan_by_a_liar, info):
    result = scan_by_a_liar(info=INFO | info)
    assert result.status == "ok"
    json.dumps(result.to_dict(), allow_nan=False)


def test_more_frames_than_were_asked_for_are_not_taken(scan_by_a_liar):
    assert scan_by_a_liar(count=MAX_SEGMENTS**2 + 3).detail.startswith("only in part")


@pytest.mark.parametrize(
    "said", [[1, 2], "x", None, {"ready": True}, {"error": []}, {"error": "ok", "detail": "x" * 9999}]
)
def test_what_is_no_answer_is_the_files_fault(scan_by_a_liar, said):
    result = scan_by_a_liar(frame=said, count=1)
    assert result.status == "unreadable" and len(result.detail) < 500


@pytest.mark.parametrize(
    "facts",
    [
        None, 5, {}, {"streams": {}, "tags": {}}, {"streams": [], "tags": []},
        {"streams": [], "tags": {}, "duration": math.inf}, {"streams": [], "tags": {}, "bit_rate": HUGE},
        {"streams": [{"kind": "video", "tags": {}, "width": HUGE}], "tags": {}},
    ],
    ids=short,
)  # fmt: skip
def test_a_report_of_a_liar_is_made(scan_by_a_liar, tmp_path, facts):
    result = scan_by_a_liar(facts=facts, evidence=True)
    assert result.status == "ok"
    json.dumps(result.to_dict(), allow_nan=False)
    result.save_report(tmp_path / "report")


def test_an_impossible_time_from_decoding_here_is_no_exception_either(
    tmp_path, detector, finder, monkeypatch
):
    from unmask.media import Frame
    from unmask.scanning import scanner as scanning

    path = tmp_path / "x.png"
    Image.new("RGB", (64, 64)).save(path)
    opened = scanning.open_media(path)
    frames = [Frame(0, math.inf, np.zeros((64, 64, 3), np.uint8))]
    monkeypatch.setattr(opened, "sample", lambda wanted: iter(frames))
    monkeypatch.setattr(scanning, "open_media", lambda *_: opened)
    with Scanner(Settings(isolated=False), detector, finder) as scanner:
        assert scanner.scan(path).status == "unreadable"
