"""What the metadata of an opened file state about its origin: texts are gathered here and read in ``generators``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from unmask.formats.generators import MAX_TEXT, MetadataText, OriginMark, marks_in

if TYPE_CHECKING:
    from av.container import InputContainer
    from PIL import Image
    from PIL.ImageFile import ImageFile

_EXIF_IFD, _USER_COMMENT = 0x8769, 0x9286
_EXIF_NAMES = {
    0x010E: "ImageDescription",
    0x010F: "Make",
    0x0110: "Model",
    0x0131: "Software",
    0x013B: "Artist",
}
_IPTC_NAMES = {(2, 65): "OriginatingProgram", (2, 110): "Credit", (2, 115): "Source"}
_XMP_KEYS = ("xmp", "XML:com.adobe.xmp", "Raw profile type xmp")
_CHARACTER_CODES = {b"ASCII\0\0\0": "latin-1", b"UNICODE\0": "utf-16", b"JIS\0\0\0\0\0": "iso2022_jp"}

_XMP_BOX = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")  # XMP specification, part 3, 1.3.8 (MPEG-4).
_MOST_BOXES = 64
_NOT_SEARCHED = 16  # Streams beyond these.


def marks_of_image(image: Image.Image) -> tuple[OriginMark, ...]:
    """Return what an image's metadata state about its origin; broken metadata state nothing.

    Parameters
    ----------
    image
        Opened; its pixels need not be decoded.
    """
    texts: list[MetadataText] = []
    for gather in (_infos, _exif, _iptc):
        with suppress(Exception):  # Pillow raises nearly anything on broken metadata.
            texts += gather(image)
    return marks_in(texts)


def marks_of_video(container: InputContainer, packets: Sequence[bytes] = ()) -> tuple[OriginMark, ...]:
    """Return what a video's tags and XMP packets state about its origin.

    Parameters
    ----------
    container
        Opened.
    packets
        Of the file, as ``xmp_packets`` finds them.
    """
    metadata = [container.metadata, *(s.metadata for s in tuple(container.streams)[:_NOT_SEARCHED])]
    texts = [MetadataText("tag", name, value) for tags in metadata for name, value in tags.items()]
    return marks_in([*texts, *(MetadataText("XMP", "", _decoded(packet)) for packet in packets)])


def _infos(image: Image.Image) -> Iterator[MetadataText]:
    place = "PNG text" if image.format == "PNG" else "tag"
    for name, value in image.info.items():
        if name in _XMP_KEYS:
            yield MetadataText("XMP", "", _decoded(value))
        elif isinstance(value, str):
            yield MetadataText(place, str(name), value)
        elif name == "comment" and isinstance(value, bytes):
            yield MetadataText(place, name, _decoded(value))


def _exif(image: Image.Image) -> Iterator[MetadataText]:
    from PIL import Image

    # Not `image.getexif`: it decodes a PNG, and keeps what it finds before the rest of the file is read.
    tags: Any = getattr(image, "tag_v2", {})
    if isinstance(block := image.info.get("exif"), bytes):
        tags = Image.Exif()
        tags.load(block)
        comment = tags.get_ifd(_EXIF_IFD).get(_USER_COMMENT)
        if isinstance(comment, (bytes, str)):
            yield MetadataText("EXIF", "UserComment", _comment(comment, tags.endian))
    for key, name in _EXIF_NAMES.items():
        if isinstance(value := tags.get(key), str):
            yield MetadataText("EXIF", name, value)


def _comment(value: bytes | str, endian: str | None) -> str:
    """Decode a user comment: eight bytes say how its characters are coded, and not every program keeps to them."""
    if isinstance(value, str):
        return value
    code = _CHARACTER_CODES.get(value[:8])
    body = value[8:] if code else value
    if code != "utf-16":
        return _decoded(body)
    # By the standard the byte order is the file's; piexif, which web UIs write with, always takes big-endian.
    high_first, low_first = body[0:200:2].count(0), body[1:200:2].count(0)
    little = low_first > high_first or (low_first == high_first and endian == "<")
    return body[: 2 * MAX_TEXT].decode("utf-16-le" if little else "utf-16-be", "replace")


def _iptc(image: Image.Image) -> Iterator[MetadataText]:
    if "photoshop" not in image.info:
        return
    from PIL.IptcImagePlugin import getiptcinfo

    entries: dict[Any, Any] = getiptcinfo(cast("ImageFile", image)) or {}
    for key, name in _IPTC_NAMES.items():
        if isinstance(value := entries.get(key), bytes):
            yield MetadataText("IPTC", name, _decoded(value))


def _decoded(value: bytes | str) -> str:
    return value if isinstance(value, str) else value[: 4 * MAX_TEXT].decode("utf-8", "replace")


def xmp_packets(file: BinaryIO) -> list[bytes]:
    """Return the XMP packets that stand in boxes of their own at the top of an MP4 file, as far as it can be read.

    Parameters
    ----------
    file
        The whole file; its position changes.
    """
    packets: list[bytes] = []
    with suppress(OSError, OverflowError):
        packets.extend(_xmp_boxes(file))
    return packets


def _xmp_boxes(file: BinaryIO) -> Iterator[bytes]:
    place = 0
    for _ in range(_MOST_BOXES):
        file.seek(place)
        head = file.read(32)
        if place == 0 and head[4:8] not in (b"ftyp", b"moov", b"wide", b"mdat", b"free"):
            return
        size, kind = int.from_bytes(head[:4], "big"), head[4:8]
        start = 8
        if size == 1:
            size, start = int.from_bytes(head[8:16], "big"), 16
        if len(head) < 8 or size < start:
            return
        if kind == b"uuid" and head[start : start + 16] == _XMP_BOX:
            file.seek(place + start + 16)
            yield file.read(min(size - start - 16, 4 * MAX_TEXT))
        place += size
