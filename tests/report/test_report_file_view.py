"""What the pages and the table say of a file itself: its origin and its sound, in words that do not overstate."""

import json

import pytest

from unmask.media import Credentials, OriginMark
from unmask.report import DetectorInfo, Evidence, ScanResult, SoundFacts
from unmask.report.file_view import credentials_view
from unmask.report.origin_view import CAUTION, NONE_FOUND, origin_note
from unmask.report.page import page
from unmask.report.table import table
from unmask.report.view import result_view

DETECTOR = DetectorInfo("jrc", "1", "ab" * 32, "wide")
GRAPH = OriginMark("generation_parameters", "generated", "<b>{}</b>\u202e", "PNG text prompt", "ComfyUI")
EDITED = OriginMark("digital_source_type", "partly_generated", "compositeSynthetic", "XMP DigitalSourceType")
CAMERA = OriginMark("digital_source_type", "captured", "digitalCapture", "XMP DigitalSourceType")
SOUND = SoundFacts(2, "aac", 48_000, 1, -0.021, 10.0, -0.25, 0.3, 10.0, 10.0)


def result(*marks, sound=None):
    evidence = Evidence(sound=sound) if sound else None
    return ScanResult("a.png", "image", "no_face", DETECTOR, provenance=marks, evidence=evidence)


def test_marks_are_rows_with_their_place_and_a_caution():
    origin = result_view(result(GRAPH, EDITED, CAMERA)).origin
    assert [row.name for row in origin.rows] == [
        "Settings of a generator",
        *["Digital source type (IPTC)"] * 2,
    ]
    assert origin.rows[0].value == "ComfyUI: <b>{}</b>\\u202e [PNG text prompt]"
    assert origin.rows[1].value.startswith("a composite with generated elements (compositeSynthetic)")
    assert origin.note == CAUTION


def test_of_a_file_without_marks_is_said_that_this_proves_nothing():
    assert result_view(result()).origin.note == NONE_FOUND and "proves nothing" in NONE_FOUND
    unread = ScanResult("a.png", "image", "unreadable", DETECTOR, "broken")
    assert result_view(unread).origin is None


@pytest.mark.parametrize(
    ("marks", "words"),
    [
        ((), ""),
        ((CAMERA,), ""),
        ((EDITED,), "says of itself that it was partly generated"),
        ((CAMERA, EDITED, GRAPH, GRAPH), "says of itself that it was generated (ComfyUI)"),
    ],
)
def test_the_table_notes_what_a_file_says_against_itself(marks, words):
    assert origin_note(marks) == words
    (cell,) = table([result(*marks), result(GRAPH)]).columns[-1]._cells[:1]
    assert str(cell) == words


def test_the_page_escapes_what_stands_in_the_file():
    text = page([result(GRAPH)])
    assert "&lt;b&gt;{}&lt;/b&gt;" in text and "<b>{}" not in text


def test_marks_are_read_back_from_json():
    there = result(GRAPH, EDITED)
    assert ScanResult.from_dict(json.loads(json.dumps(there.to_dict()))).provenance == there.provenance
    earlier = there.to_dict()
    del earlier["provenance"]
    assert ScanResult.from_dict(earlier).provenance == ()


def test_the_sound_in_words():
    rows = {row.name: row.value for row in result_view(result(sound=SOUND)).sound}
    assert rows == {
        "Sound": "aac, 48000 Hz, 1 channel; 2 streams, the one that players take",
        "Sound starts": "0.021 s before the first frame",
        "Length of the sound": "10.000 s, ends 0.250 s before the pictures",
        "Silence at the start": "0.300 s below -50 dBFS",
        "Silence at the end": "at least 10.000 s below -50 dBFS",
    }
    assert SoundFacts.from_dict(json.loads(json.dumps(SOUND.to_dict()))) == SOUND
    assert result_view(result()).sound == ()


def test_credentials_say_which_trust_they_were_held_against():
    rows = {row.name: row.value for row in credentials_view(Credentials("valid", anchors=3)).rows}
    assert rows == {"Trust anchors": "3 certificates"}
    assert "vouches" in credentials_view(Credentials("valid")).meaning
