"""File endings of images and videos: what a file's name suggests before its content is looked at."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from unmask.formats.errors import MediaKind


def _endings(words: str) -> frozenset[str]:
    return frozenset(f".{word}" for word in words.split())


IMAGE_ENDINGS = _endings(
    "jpg jpeg jpe jfif jif mpo png apng webp gif bmp dib tif tiff btf tf8 avif avifs heic heics heif heifs hif "
    "jp2 j2k j2c jpc jpf jpx pbm pgm ppm pnm psd"
)
VIDEO_ENDINGS = _endings(
    "mp4 m4v mov qt mkv mk3d webm avi divx mpg mpeg mpe m1v m2v mpv vob evo ts mts m2ts m2t trp tod 3gp 3gpp 3g2 3gp2 "
    "flv f4v wmv asf ogv ogm mj2 mxf ivf obu dv y4m nut h264 264 h265 265 hevc gxf wtv rm rmvb"
)


def kind_by_name(path: str | Path) -> MediaKind:
    """Return the kind that a file's ending alone suggests, for files that could not be opened.

    Parameters
    ----------
    path
        Need not exist.
    """
    return "image" if Path(path).suffix.lower() in IMAGE_ENDINGS else "video"
