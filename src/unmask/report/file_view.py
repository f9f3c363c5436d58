"""The part of the view about the file itself: technical facts and content credentials."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unmask.formats.edit_lists import Edit
from unmask.media import Credentials, FileFacts, StreamFacts
from unmask.report.origin_view import SOURCE_TYPES
from unmask.report.sound import SILENCE_DBFS, SoundFacts
from unmask.report.words import Row, counted, printable

STATES = {
    "trusted": "The seal holds, and a trust anchor that was given vouches for who signed.",
    "valid": "The seal holds: the file was not changed since it was signed. Nobody vouches for who signed.",
    "invalid": "The seal is broken: the file, or what is said about it, was changed after signing.",
    "absent": "None in this file. Most files have none; that says nothing for or against them.",
    "unreadable": "There is something that cannot be read as content credentials.",
    "not_checked": "Not checked.",
}


@dataclass(frozen=True)
class FileView:
    """Technical facts of a file, and the tags that it carries."""

    rows: tuple[Row, ...]
    tags: tuple[Row, ...]


@dataclass(frozen=True)
class CredentialsView:
    """Content credentials: their state in a word and in a sentence, and what they say."""

    state: str
    meaning: str
    rows: tuple[Row, ...]


def file_view(file: FileFacts) -> FileView:
    """Return the technical facts of a file.

    Parameters
    ----------
    file
        The facts.
    """
    duration = None if file.duration is None else f"{file.duration:.2f} s"
    rows = _rows(
        [
            ("Size", None if file.bytes is None else f"{file.bytes:,} bytes"),
            ("Container", file.container),
            ("Duration", duration),
            ("Bit rate", _bit_rate(file.bit_rate)),
            *((_kind(stream), _stream(stream)) for stream in file.streams),
            ("Edit lists", "; ".join(_edit(edit) for edit in file.edits)),
        ]
    )
    tags = [("", name, value) for name, value in file.tags]
    tags += [(f"{_kind(stream)}: ", name, value) for stream in file.streams for name, value in stream.tags]
    return FileView(
        (*rows, Row("SHA-256", printable(file.sha256 or "not measured"), code=True)),
        _rows((place + name, value) for place, name, value in tags),
    )


def credentials_view(given: Credentials) -> CredentialsView:
    """Return what content credentials say, and whether their signature holds.

    Parameters
    ----------
    given
        Of the file.
    """
    rows = [
        ("Note", given.detail),
        ("Signed by", given.signer),
        ("Signed at", given.signed),
        ("Written by", given.generator),
        ("Done", ", ".join(given.actions)),
        ("Source", ", ".join(SOURCE_TYPES.get(source, source) for source in given.sources)),
        ("Made from", ", ".join(given.ingredients)),
        ("Failed checks", ", ".join(given.problems)),
        ("Trust anchors", counted(given.anchors, "certificate") if given.anchors else None),
    ]
    return CredentialsView(given.state.replace("_", " ").capitalize(), STATES[given.state], _rows(rows))


def sound_rows(sound: SoundFacts) -> tuple[Row, ...]:
    """Return the facts of a file's sound.

    Parameters
    ----------
    sound
        The facts.
    """
    coding = f"{sound.codec}, {sound.sample_rate} Hz, {counted(sound.channels, 'channel')}"
    more = f"; {sound.streams} streams, the one that players take" if sound.streams > 1 else ""
    late = "after" if sound.start >= 0 else "before"
    length = None if sound.duration is None else f"{sound.duration:.3f} s"
    if length and sound.longer_by is not None:
        length += f", ends {abs(sound.longer_by):.3f} s {'after' if sound.longer_by >= 0 else 'before'} the pictures"
    return _rows(
        [
            ("Sound", coding + more),
            ("Sound starts", f"{abs(sound.start):.3f} s {late} the first frame"),
            ("Length of the sound", length),
            ("Silence at the start", _silence(sound.leading_silence, sound.examined)),
            ("Silence at the end", _silence(sound.trailing_silence, sound.examined)),
        ]
    )


def _silence(seconds: float | None, examined: float | None) -> str | None:
    if seconds is None or examined is None:
        return None
    least = "at least " if seconds >= examined else ""
    return f"{least}{seconds:.3f} s below {SILENCE_DBFS:g} dBFS"


def _edit(edit: Edit) -> str:
    what = "nothing" if edit.start is None else f"from {edit.start:.3f} s of what is stored"
    return f"{edit.kind}: {what}, for {edit.seconds:.3f} s"


def _rows(rows: Iterable[tuple[str, str | None]]) -> tuple[Row, ...]:
    """Return names with their values, printable; values that are not there are left out."""
    return tuple(Row(printable(name), printable(value)) for name, value in rows if value)


def _kind(stream: StreamFacts) -> str:
    return {"video": "Video", "audio": "Sound", "image": "Picture"}.get(stream.kind, stream.kind)


def _stream(stream: StreamFacts) -> str:
    codec = " ".join(part for part in (stream.codec, stream.profile) if part)
    size = f"{stream.width} x {stream.height} pixels" if stream.width and stream.height else None
    rate = None if stream.frame_rate is None else f"{stream.frame_rate:.5g} frames/s"
    frames = f"{stream.frames:,} frames" if stream.frames and stream.kind == "video" else None
    hertz = None if stream.sample_rate is None else f"{stream.sample_rate} Hz"
    channels = None if stream.channels is None else f"{stream.channels} channel{'s' * (stream.channels != 1)}"
    parts = (codec, size, stream.pixel_format, rate, frames, hertz, channels, _bit_rate(stream.bit_rate))
    return ", ".join(part for part in parts if part) or "unknown coding"


def _bit_rate(rate: int | None) -> str | None:
    return None if rate is None else f"{rate / 1000:,.0f} kbit/s"
