"""The technical facts of a file: what its container, its streams and its tags say about how it was made."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.formats.edit_lists import MAX_EDITS, Edit

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream
    from PIL import Image

MAX_TAGS = 40
MAX_TAG_LENGTH = 300
MAX_STREAMS = 16
WITHHELD = "present, not shown here"

_NUMBERS_END = 1 << 63

_PLACE_WORDS = ("location", "gps")
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825

Tags = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class StreamFacts:
    """One stream of a file as its header states it; what it does not state is None.

    Parameters
    ----------
    kind
        ``"video"``, ``"audio"``, ``"image"``, ``"subtitle"``, ``"data"`` or ``"attachment"``.
    width, height
        Pixels as stored.
    frame_rate
        Frames a second.
    bit_rate
        Bits a second.
    sample_rate
        Hz.
    duration
        Seconds that the header states of this stream by itself.
    """

    kind: str
    codec: str | None = None
    profile: str | None = None
    width: int | None = None
    height: int | None = None
    pixel_format: str | None = None
    frame_rate: float | None = None
    frames: int | None = None
    bit_rate: int | None = None
    sample_rate: int | None = None
    channels: int | None = None
    tags: Tags = ()
    duration: float | None = None


@dataclass(frozen=True)
class FileFacts:
    """A file's technical facts; every string but sha256 comes from the file: escape it before it is shown.

    Parameters
    ----------
    bytes
        Of the whole file; None until it is measured.
    sha256
        Of the whole file, in hex; None until it is measured.
    container
        Format name; None when the header could not be read.
    duration
        Seconds.
    bit_rate
        Bits a second.
    edits
        Entries of its edit lists (MP4 and MOV), 32 at most.
    tags
        As the file has them, at most 40 of at most 300 characters each; of places (GPS) only the presence is stated,
        since reports are passed on.
    """

    bytes: int | None = None
    sha256: str | None = None
    container: str | None = None
    duration: float | None = None
    bit_rate: int | None = None
    streams: tuple[StreamFacts, ...] = ()
    tags: Tags = ()
    edits: tuple[Edit, ...] = ()

    def measured(self, path: str | Path) -> FileFacts:
        """Return the facts with size and hash, reading all of the file.

        Parameters
        ----------
        path
            Of the file.

        Raises
        ------
        OSError
            When it cannot be read any more.
        """
        digest, size = hashlib.sha256(), 0
        with Path(path).open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
                size += len(block)
        return replace(self, bytes=size, sha256=digest.hexdigest())

    def to_dict(self) -> dict[str, Any]:
        """Return the facts as the JSON schema has them: tags as objects."""
        facts = asdict(self)
        facts["tags"] = dict(self.tags)
        facts["streams"] = [asdict(stream) | {"tags": dict(stream.tags)} for stream in self.streams]
        facts["edits"] = list(facts["edits"])  # A validator of JSON takes no tuple for an array.
        return facts

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> FileFacts:
        """Return the facts of ``to_dict``'s values, which may come from anywhere.

        Parameters
        ----------
        values
            Of JSON.

        Raises
        ------
        ValueError
            When they are not the facts of a file.
        """
        try:
            streams = tuple(_rebuilt(StreamFacts, stream) for stream in values["streams"][:MAX_STREAMS])
            edits = tuple(_edit(edit) for edit in values.get("edits", ())[:MAX_EDITS])
            facts: FileFacts = _rebuilt(cls, {**values, "streams": (), "edits": ()})
            return replace(facts, streams=streams, edits=edits)
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not the facts of a file") from error


def facts_of_video(container: InputContainer) -> FileFacts:
    """Return the facts that a video's header states.

    Parameters
    ----------
    container
        Opened.
    """
    return FileFacts(
        container=container.format.name,
        duration=container.duration / 1e6 if container.duration else None,
        bit_rate=container.bit_rate or None,
        streams=tuple(_stream_facts(stream) for stream in tuple(container.streams)[:MAX_STREAMS]),
        tags=_tags(container.metadata),
    )


def facts_of_image(image: Image.Image) -> FileFacts:
    """Return the facts that an image's header states; broken EXIF data count as none.

    Parameters
    ----------
    image
        Opened.
    """
    coding = (image.format or "").lower() or None
    picture = StreamFacts(
        "image", codec=coding, width=image.size[0], height=image.size[1], pixel_format=image.mode
    )
    texts = {str(key): value for key, value in image.info.items() if isinstance(value, str)}
    try:
        texts = _exif(image) | texts
    except Exception:
        texts = dict(texts)  # Pillow raises nearly anything on broken EXIF data.
    return FileFacts(container=coding, streams=(picture,), tags=_tags(texts))


def _stream_facts(stream: Stream) -> StreamFacts:
    context: Any = stream.codec_context
    kind = stream.type or "data"
    if context is None:
        return StreamFacts(kind, tags=_tags(stream.metadata))
    facts: dict[str, Any] = {}
    if kind == "video":
        rate = getattr(stream, "average_rate", None)
        facts = {
            "width": context.width,
            "height": context.height,
            "pixel_format": context.pix_fmt,
            "frame_rate": float(rate) if rate else None,
            "frames": stream.frames or None,
        }
    if kind == "audio":
        facts = {"sample_rate": context.sample_rate or None, "channels": context.channels or None}
    return StreamFacts(
        kind,
        codec=context.name,
        profile=context.profile,
        bit_rate=context.bit_rate or None,
        tags=_tags(stream.metadata),
        duration=float(stream.duration * stream.time_base) if stream.duration and stream.time_base else None,
        **facts,
    )


def _exif(image: Image.Image) -> dict[str, str]:
    """Return the plain entries of an image's EXIF data by their names."""
    from PIL import ExifTags

    exif = image.getexif()
    entries = {**exif, **exif.get_ifd(_EXIF_IFD)}
    named = {ExifTags.TAGS.get(key, f"EXIF {key:#06x}"): value for key, value in entries.items()}
    plain = {name: str(value) for name, value in named.items() if not isinstance(value, (bytes, dict))}
    plain.pop("GPSInfo", None)
    plain.pop("ExifOffset", None)
    return plain | ({"GPS position": WITHHELD} if exif.get_ifd(_GPS_IFD) else {})


def _tags(metadata: Mapping[str, str]) -> Tags:
    return tuple(_tag(name, value) for name, value in list(metadata.items())[:MAX_TAGS])


def _tag(name: str, value: str) -> tuple[str, str]:
    hidden = any(word in name.lower() for word in _PLACE_WORDS)
    return name[:MAX_TAG_LENGTH], WITHHELD if hidden else value[:MAX_TAG_LENGTH]


def _edit(values: Mapping[str, Any]) -> Edit:
    kind, numbers = values["kind"], [values["seconds"], values.get("start")]
    if not isinstance(kind, str) or numbers[0] is None:
        raise TypeError
    if not all(one is None or (isinstance(one, (int, float)) and abs(one) < _NUMBERS_END) for one in numbers):
        raise TypeError
    return Edit(kind[:MAX_TAG_LENGTH], *numbers)


def _rebuilt(kind: Any, values: Mapping[str, Any]) -> Any:
    """Make facts of JSON values, each held against its field's type."""
    given = dict(values)
    tags = _tags({str(name): str(value) for name, value in given.pop("tags").items()})
    for name, annotation in kind.__annotations__.items():
        value = given.get(name)
        wanted = (str,) if "str" in annotation else (int, float) if "float" in annotation else (int,)
        if name not in ("tags", "streams", "edits") and value is not None and not isinstance(value, wanted):
            raise TypeError(name)
        if isinstance(value, (int, float)) and not abs(value) < _NUMBERS_END:
            raise TypeError(name)
        if isinstance(value, str):
            given[name] = value[:MAX_TAG_LENGTH]
    return kind(**given, tags=tags)
