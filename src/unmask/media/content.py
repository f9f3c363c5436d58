"""Tells images from videos by the first bytes of a file, never by its name."""

from __future__ import annotations

from dataclasses import dataclass

from unmask.media.frame import MediaError, MediaKind

HEAD_BYTES = 64

# FFmpeg's demuxers that read one self-contained file. Playlists and scripts (concat, hls, dash, sdp, image2)
# are left out on purpose: they open other files or the network.
DEMUXERS = ("mov", "matroska", "avi", "mpegts", "mpeg", "mpegvideo", "flv", "asf", "ogg", "gif")

_IMAGES: tuple[tuple[bytes, tuple[str, ...]], ...] = (
    (b"\xff\xd8\xff", ("JPEG", "MPO")),
    (b"\x89PNG\r\n\x1a\n", ("PNG",)),
    (b"GIF87a", ("GIF",)),
    (b"GIF89a", ("GIF",)),
    (b"II*\x00", ("TIFF",)),
    (b"MM\x00*", ("TIFF",)),
    (b"BM", ("BMP",)),
)
_KNOWN_BUT_UNREAD: tuple[tuple[bytes, str], ...] = (
    (b"ID3", "sound only"),
    (b"fLaC", "sound only"),
    (b"%PDF-", "a PDF document"),
    (b"PK\x03\x04", "a ZIP archive"),
    (b"\xff\x0a", "a JPEG XL image; save it as JPEG or PNG"),
    (b"\x00\x00\x00\x0cJXL ", "a JPEG XL image; save it as JPEG or PNG"),
    (b"8BPS", "a Photoshop document; save it as JPEG or PNG"),
)
_HEIF_BRANDS = (b"heic", b"heix", b"hevc", b"heim", b"heis", b"mif1", b"msf1")
_AVIF_BRANDS = (b"avif", b"avis")


@dataclass(frozen=True)
class Content:
    """What a file holds, judged by its first bytes.

    Parameters
    ----------
    kind
        ``"image"`` or ``"video"``.
    formats
        Pillow's formats that may read the image, or FFmpeg's demuxers that may read the video.
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
        ``unsupported`` for well-known contents that are not read, such as HEIC images.
    """
    for magic, formats in _IMAGES:
        if head.startswith(magic):
            return Content("image", formats)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return Content("image", ("WEBP",))
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        raise MediaError("unsupported", "not an image or video: sound only")
    if head[4:8] == b"ftyp" and head[8:12] in _AVIF_BRANDS:
        return Content("image", ("AVIF",))
    if head[4:8] == b"ftyp" and head[8:12] in _HEIF_BRANDS:
        raise MediaError("unsupported", "HEIC images are not read; save it as JPEG or PNG")
    for magic, what in _KNOWN_BUT_UNREAD:
        if head.startswith(magic):
            raise MediaError("unsupported", f"not an image or video that is read: {what}")
    return Content("video", DEMUXERS)
