"""Opens untrusted files, after checks of their kind, size and first bytes."""

from __future__ import annotations

import contextlib
import os
import stat
from pathlib import Path

from unmask.formats.content import HEAD_BYTES, HEIF_SEQUENCE, UNREAD, Content, content_of, recognised
from unmask.formats.errors import MediaError
from unmask.formats.signatures import is_sound_alone
from unmask.formats.truncation import told_break
from unmask.media.addresses import address_advice
from unmask.media.frame import Limits
from unmask.media.source import DecodedMedia, opened

_KINDS = (
    (stat.S_ISDIR, "a folder"),
    (stat.S_ISFIFO, "a named pipe"),
    (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"),
    (stat.S_ISBLK, "a device"),
)


def open_media(path: str | os.PathLike[str], limits: Limits | None = None) -> DecodedMedia:
    """Open an image or a video, deciding by its content which it is.

    Images: JPEG, PNG, WebP, BMP, TIFF, GIF, AVIF, HEIC/HEIF, JPEG 2000, PNM, PSD; of one that breaks off, what is
    there. Videos: what FFmpeg's demuxers for MP4/MOV, Matroska/WebM, AVI, MPEG, FLV, ASF, Ogg, MXF, DV, IVF,
    RealMedia, NUT, GXF, WTV, Y4M and bare H.264, H.265, H.266, AV1 and MPEG-4 streams read, and animated GIF, PNG, WebP
    and AVIF.
    Playlists and anything that would open another file or the network are refused.

    Parameters
    ----------
    path
        A plain file, or a link to one.
    limits
        Bounds on the file; ``Limits()`` when left out.

    Returns
    -------
    Media
        A context manager with ``info`` and ``sample(count)``.

    Raises
    ------
    MediaError
        ``unreadable``, ``unsupported`` or ``too_large``.
    """
    limits = limits or Limits()
    path = Path(path)
    return decode_as(content_of_file(path, limits), path, limits)


def content_of_file(path: Path, limits: Limits) -> Content:
    """Return what a file is by its kind, size and first bytes, without decoding any of it.

    Parameters
    ----------
    path
        Of the file.
    limits
        Of the scan.

    Raises
    ------
    MediaError
        As ``open_media``.
    """
    size = _size_of_plain_file(path)
    content = content_of(_first_bytes(path))
    _check_size(size, limits.image_bytes if content.kind == "image" else limits.video_bytes)
    return content


def why_left_out(path: Path) -> str | None:
    """Return why a file whose name says nothing is no image or video that is read; None where it may be one.

    Parameters
    ----------
    path
        Only a plain file is opened, and only its first bytes are read.
    """
    try:
        _size_of_plain_file(path)
        head = _first_bytes(path)
        if recognised(head) is None:
            return "no image or video"
    except MediaError as error:
        return error.detail.removeprefix(UNREAD).partition(";")[0]
    return "sound only" if is_sound_alone(head) else None


def decode_as(content: Content, source: Path | int, limits: Limits) -> DecodedMedia:
    """Open a file as what it was found to be.

    Parameters
    ----------
    content
        By its first bytes.
    source
        Path, or open file descriptor.
    limits
        Of the scan.

    Raises
    ------
    MediaError
        As ``open_media``.
    """
    try:
        return _decode_as(content, source, limits)
    except MediaError as error:
        if error.status != "unreadable" or (detail := _told(source, error.detail)) == error.detail:
            raise
        raise MediaError("unreadable", detail) from error


def _told(source: Path | int, detail: str) -> str:
    """Return why a file cannot be decoded: whether its first bytes say anything, and whether it breaks off."""
    from unmask.media.container import BROKEN

    with opened(source) as file:
        if detail == BROKEN and not _is_recognised(file.read(HEAD_BYTES)):
            return "not an image or video"
        return told_break(file) or detail


def _is_recognised(head: bytes) -> bool:
    try:
        return recognised(head) is not None
    except MediaError:
        return True


def _decode_as(content: Content, source: Path | int, limits: Limits) -> DecodedMedia:
    if content.formats == HEIF_SEQUENCE:
        return _sequence(source, limits)
    if content.kind == "video":
        from unmask.media.joined import open_video

        return open_video(source, content.formats, limits)
    from unmask.media.animation import open_image_or_animation

    return open_image_or_animation(source, content.formats, limits)


def _sequence(source: Path | int, limits: Limits) -> DecodedMedia:
    """Open a sequence of HEIF images: its track, or its primary picture where it has none."""
    from unmask.media.image import ImageMedia
    from unmask.media.video import VideoMedia

    with contextlib.suppress(MediaError):
        video = VideoMedia(source, HEIF_SEQUENCE, limits)
        if (video.info.frames or 0) > 1:
            return video
        video.close()
    return ImageMedia(source, ("HEIF",), limits)


def _size_of_plain_file(path: Path) -> int:
    """Look before opening: opening a named pipe or a device can hang or have effects."""
    try:
        status = path.stat()
    except FileNotFoundError as error:
        raise MediaError("unreadable", address_advice(path) or "no such file") from error
    except (OSError, ValueError) as error:
        raise MediaError("unreadable", address_advice(path) or _reason(error)) from error
    for is_kind, name in _KINDS:
        if is_kind(status.st_mode):
            raise MediaError("unreadable", f"not a file but {name}")
    if status.st_size == 0:
        raise MediaError("unreadable", "the file is empty")
    return status.st_size


def _first_bytes(path: Path) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(HEAD_BYTES)
    except OSError as error:
        raise MediaError("unreadable", _reason(error)) from error


def _check_size(size: int, limit: int) -> None:
    if size > limit:
        raise MediaError("too_large", f"{size} bytes; the limit is {limit}")


def _reason(error: OSError | ValueError) -> str:
    """Return what went wrong without the path, which OSError's own text would carry."""
    return (getattr(error, "strerror", None) or str(error)).lower()
