"""Tells images from videos by the first bytes of a file, never by its name."""

from __future__ import annotations

import re
from dataclasses import dataclass

from unmask.formats import signatures
from unmask.formats.errors import MediaError, MediaKind
from unmask.formats.jpeg import jpeg_start

HEAD_BYTES = 16_384
UNREAD = "not an image or video that is read: "

# FFmpeg's demuxers that read one self-contained file. Playlists and scripts (concat, hls, dash, sdp, image2)
# are left out on purpose: they open other files or the network.
DEMUXERS = ("mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "ogg", "gif")

# A sequence of HEIF images is a track like a video's.
HEIF_SEQUENCE = ("mov",)
_HEIF_BRANDS = frozenset({b"heic", b"heix", b"heim", b"heis"})
_HEIF_SEQUENCE_BRANDS = frozenset({b"hevc", b"hevx", b"hevm", b"hevs"})
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_GENERAL_BRANDS = frozenset({b"mif1", b"mif2", b"mif3", b"msf1", b"miaf", b"MiHE", b"MiHB", b"MiHA", b"1pic"})


@dataclass(frozen=True)
class Content:
    """What a file holds, judged by its first bytes.

    Parameters
    ----------
    kind
        ``"image"`` or ``"video"``.
    formats
        Pillow's formats that may read the image (``"HEIF"`` is pillow-heif's), or FFmpeg's demuxers that may read the
        video.
    """

    kind: MediaKind
    formats: tuple[str, ...]


def content_of(head: bytes) -> Content:
    """Judge a file by its first bytes.

    Anything that is neither a known image nor a known stranger counts as a possible video: FFmpeg's
    white-listed demuxers then decide.

    Parameters
    ----------
    head
        The first ``HEAD_BYTES`` bytes of the file, or fewer.

    Raises
    ------
    MediaError
        ``unsupported`` for well-known contents that are not read, such as JPEG XL images.
    """
    return recognised(head) or Content("video", DEMUXERS)


def recognised(head: bytes) -> Content | None:
    """Return what a file holds where its first bytes say so; None where they say nothing.

    Parameters
    ----------
    head
        As `content_of` takes it.

    Raises
    ------
    MediaError
        As `content_of` raises it.
    """
    for magic, formats in signatures.IMAGES:
        if head.startswith(magic):
            return Content("image", formats)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Content("image", ("WEBP",))
    if (heif := _heif(head)) is not None:
        return heif
    if signatures.is_video(head):
        return Content("video", DEMUXERS)
    if (what := signatures.unread_kind(head)) is not None:
        raise MediaError("unsupported", UNREAD + what)
    for pattern, formats in signatures.IMAGE_PATTERNS:
        if re.match(pattern, head, re.DOTALL):
            return Content("image", formats)
    for pattern, demuxers in signatures.RAW_VIDEOS:
        if re.match(pattern, head, re.DOTALL):
            return Content("video", demuxers)
    return Content("image", ("JPEG", "MPO")) if jpeg_start(head) is not None else None


def _heif(head: bytes) -> Content | None:
    """Distinguish AVIF from HEIF (HEVC) where one of them is named among the brands of an ISO base media file."""
    if head[4:8] != b"ftyp":
        return None
    major = head[8:12]
    end = min(int.from_bytes(head[:4], "big"), len(head))
    brands = {head[place : place + 4] for place in range(16, end - 3, 4)}
    if major in _AVIF_BRANDS:
        return Content("image", ("AVIF",))
    if major in _HEIF_BRANDS:
        return Content("image", ("HEIF",))
    if major in _HEIF_SEQUENCE_BRANDS:
        return Content("video", HEIF_SEQUENCE)
    if brands & _AVIF_BRANDS and not (brands & _HEIF_BRANDS and b"hvc1" in head):
        return Content("image", ("AVIF",))
    if major == b"msf1":
        return Content("video", HEIF_SEQUENCE)
    if brands & _HEIF_BRANDS or major in _GENERAL_BRANDS:
        return Content("image", ("HEIF",))
    return None
