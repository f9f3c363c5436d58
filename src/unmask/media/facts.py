"""The technical facts of a file: what its container, its streams and its tags say about how it was made."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.media.content import HEAD_BYTES, content_of
from unmask.media.frame import MediaError

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.stream import Stream

MAX_TAGS = 40
MAX_TAG_LENGTH = 300
MAX_STREAMS = 16
WITHHELD = "present, not shown here"

_PLACE_WORDS = ("location", "gps")
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825

Tags = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class StreamFacts:
    """One stream of a file as its header states it; what it does not state is None.

    kind : ``"video"``, ``"audio"``, ``"subtitle"``, ``"data"`` or ``"attachment"``. width, height : pixels as
    stored. frame_rate : frames a second. bit_rate : bits a second. sample_rate : Hz.
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


@dataclass(frozen=True)
class FileFacts:
    """A file's technical facts.

    sha256 : hex, over the whole file. container : format name, None when the header could not be read.
    duration : seconds. bit_rate : bits a second. tags : (name, value) as the file has them, at most 40 of at most
    300 characters each; places (GPS) are only said to be there, since reports are passed on. Every string but
    sha256 comes from the file: escape it before it is shown.
    """

    bytes: int
    sha256: str
    container: str | None = None
    duration: float | None = None
    bit_rate: int | None = None
    streams: tuple[StreamFacts, ...] = ()
    tags: Tags = ()

    def to_dict(self) -> dict[str, Any]:
        """Give the facts as the JSON schema has them: tags as objects."""
        facts = asdict(self)
        facts["tags"] = dict(self.tags)
        facts["streams"] = [asdict(stream) | {"tags": dict(stream.tags)} for stream in self.streams]
        return facts


def file_facts(path: str | Path) -> FileFacts:
    """Read a file's facts: all of it for the hash, its header for the rest.

    Ask only for files that were opened before within limits. Raises MediaError (``unreadable``) when the file
    cannot be read; a header that makes no sense leaves the container unknown.
    """
    path = Path(path)
    try:
        size, digest = path.stat().st_size, _sha256(path)
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except OSError as error:
        raise MediaError("unreadable", (error.strerror or str(error)).lower()) from error
    try:
        content = content_of(head)
        read = _image_facts if content.kind == "image" else _video_facts
        return read(path, content.formats, size, digest)
    except Exception:  # The facts of a strange file are few; none of it is worth failing for.
        return FileFacts(size, digest)


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _video_facts(path: Path, formats: tuple[str, ...], size: int, digest: str) -> FileFacts:
    import av

    options = {"format_whitelist": ",".join(formats), "protocol_whitelist": "file"}
    with av.open(f"file:{path.absolute()}", container_options=options) as container:
        return FileFacts(
            size,
            digest,
            container=container.format.name,
            duration=container.duration / 1e6 if container.duration else None,
            bit_rate=container.bit_rate or None,
            streams=tuple(_stream_facts(s, container) for s in tuple(container.streams)[:MAX_STREAMS]),
            tags=_tags(container.metadata),
        )


def _stream_facts(stream: Stream, container: InputContainer) -> StreamFacts:
    context: Any = stream.codec_context
    facts: dict[str, Any] = {}
    if context is not None:
        facts = {"codec": context.name, "profile": context.profile, "bit_rate": context.bit_rate or None}
    if context is not None and stream.type == "video":
        rate = stream.average_rate
        facts |= {
            "width": context.width,
            "height": context.height,
            "pixel_format": context.pix_fmt,
            "frame_rate": float(rate) if rate else None,
            "frames": stream.frames or None,
        }
    if context is not None and stream.type == "audio":
        facts |= {"sample_rate": context.sample_rate or None, "channels": context.channels or None}
    return StreamFacts(stream.type or "data", tags=_tags(stream.metadata), **facts)


def _image_facts(path: Path, formats: tuple[str, ...], size: int, digest: str) -> FileFacts:
    from PIL import Image

    with Image.open(path, formats=formats) as image:
        picture = StreamFacts(
            "image",
            codec=(image.format or "").lower() or None,
            width=image.size[0],
            height=image.size[1],
            pixel_format=image.mode,
            frames=getattr(image, "n_frames", 1),
        )
        texts = {key: value for key, value in image.info.items() if isinstance(value, str)}
        tags = _tags(_exif(image) | texts)
        return FileFacts(size, digest, container=picture.codec, streams=(picture,), tags=tags)


def _exif(image: Any) -> dict[str, str]:
    """Give the plain entries of an image's EXIF data by their names."""
    from PIL import ExifTags

    exif = image.getexif()
    entries = {**exif, **exif.get_ifd(_EXIF_IFD)}
    named = {ExifTags.TAGS.get(key, f"EXIF {key:#06x}"): value for key, value in entries.items()}
    plain = {name: str(value) for name, value in named.items() if not isinstance(value, (bytes, dict))}
    plain.pop("GPSInfo", None)
    plain.pop("ExifOffset", None)
    return plain | ({"GPS position": WITHHELD} if exif.get_ifd(_GPS_IFD) else {})


def _tags(metadata: Mapping[str, str]) -> Tags:
    return tuple(_bounded(metadata.items()))


def _bounded(tags: Iterable[tuple[str, str]]) -> Iterable[tuple[str, str]]:
    for number, (name, value) in enumerate(tags):
        if number == MAX_TAGS:
            return
        hidden = any(word in name.lower() for word in _PLACE_WORDS)
        yield name[:MAX_TAG_LENGTH], WITHHELD if hidden else value[:MAX_TAG_LENGTH]
