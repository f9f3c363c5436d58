"""Facts of a picture's file that no face is needed for, and a thumbnail to know its copies by."""

from __future__ import annotations

import hashlib
import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, JpegImagePlugin

from unmask.evaluation.zero_pixel import jpeg_quality

Thumbnail = NDArray[np.uint8]

#: Side of a thumbnail in pixels.
SIDE = 32
#: JPEGs are decoded at the smallest of their built-in scales that is at least this large.
_DRAFT = (2 * SIDE, 2 * SIDE)
_SOFTWARE_TAG = 0x0131
_SAMPLINGS = {0: "4:4:4", 1: "4:2:2", 2: "4:2:0"}
_BLOCKS = ("jfif", "adobe", "exif", "icc_profile", "xmp", "photoshop", "dpi", "gamma", "transparency")


def picture_facts(data: bytes) -> tuple[dict[str, float | str | None], Thumbnail]:
    """Read how a picture is coded, and shrink it.

    Parameters
    ----------
    data
        An encoded picture.

    Returns
    -------
    tuple
        Facts by name (numbers, words, None where a format has no such thing), and a (32, 32) uint8 grey thumbnail.

    Raises
    ------
    OSError, ValueError, SyntaxError
        The picture cannot be decoded; PIL.Image.DecompressionBombError where it is too large.
    """
    with Image.open(io.BytesIO(data)) as picture:
        facts = _coding(picture) | _size(picture.width, picture.height, len(data))
        return facts, thumbnail(picture)


def thumbnail(picture: Image.Image) -> Thumbnail:
    """Return a picture as (32, 32) grey; a JPEG is decoded no larger than that needs.

    Parameters
    ----------
    picture
        Opened, not yet decoded.
    """
    picture.draft("L", _DRAFT)
    small = picture.convert("L").resize((SIDE, SIDE), Image.Resampling.BOX, reducing_gap=3.0)
    return np.asarray(small, np.uint8)


def _size(width: int, height: int, size: int) -> dict[str, float | str | None]:
    return {
        "width": float(width),
        "height": float(height),
        "aspect": width / height,
        "bytes": float(size),
        "bytes_per_pixel": size / (width * height),
    }


def _coding(picture: Image.Image) -> dict[str, float | str | None]:
    tables: dict[int, Any] = getattr(picture, "quantization", None) or {}
    return {
        "format": (picture.format or "").lower(),
        "colour_mode": picture.mode,
        "jpeg_quality": round(jpeg_quality(tables[0]), 1) if 0 in tables else None,
        "chroma_subsampling": _sampling(picture) if tables else None,
        "quantisation_tables": _fingerprint(tables) if tables else None,
        "progressive": str(bool(picture.info.get("progressive"))).lower() if tables else None,
        "encoder": _encoder(picture),
        "metadata_blocks": " ".join(name for name in _BLOCKS if name in picture.info) or "none",
    }


def _sampling(picture: Image.Image) -> str:
    return _SAMPLINGS.get(JpegImagePlugin.get_sampling(picture), "other")


def _fingerprint(tables: dict[int, Any]) -> str:
    text = repr(sorted((number, list(table)) for number, table in tables.items()))
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def _encoder(picture: Image.Image) -> str:
    """Name the program that says it wrote the file, as far as its first word and number."""
    said = picture.getexif().get(_SOFTWARE_TAG) or picture.info.get("Software") or picture.info.get("comment")
    if isinstance(said, bytes):
        said = said.decode("latin-1")
    words = "".join(letter if letter.isprintable() else " " for letter in str(said or "")).split()
    return " ".join(words)[:40] or "unnamed"
