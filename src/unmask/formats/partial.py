"""Pictures that break off: what of them can be decoded, and which rows that is."""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass
from io import BytesIO
from typing import TYPE_CHECKING, BinaryIO

from unmask.formats.errors import MediaError

if TYPE_CHECKING:
    from PIL import Image, ImageFile

_BROKEN = "the image is broken and cannot be decoded"
_MOST_ROWS = 65_535
_STRIP_BYTES = 4_000_000
_LEAST_SHARE = 0.02  # Of the rows; less shows nothing.
_INK = (201, 7, 93, 155)  # A colour that no whole row of a picture has.
_WEBP_PADDING, _MOST_PADDING = 1_000_000, 20_000_000
_BLOCK_ROWS = 16  # Filters blend a row of blocks with the next one.
_LUMINANCE = frozenset(range(64))

Ink = int | tuple[int, ...]


@dataclass(frozen=True, eq=False)
class PartialImage:
    """What could be decoded of a picture.

    Parameters
    ----------
    image
        Loaded, in its whole size.
    top, bottom
        Rows from ``top`` to before ``bottom`` are there.
    detail
        One line for people.
    """

    image: Image.Image
    top: int
    bottom: int
    detail: str


def partial_image(file: BinaryIO, formats: tuple[str, ...], most_pixels: int) -> PartialImage:
    """Decode what is there of a picture that cannot be decoded whole.

    Missing rows are distinguished from decoded ones, never guessed: no verdict may rest on a decoder's filler.

    Parameters
    ----------
    file
        The file.
    formats
        Pillow's formats that may read it.
    most_pixels
        Bound on its size, which is read from its header before any pixel is decoded.

    Raises
    ------
    MediaError
        ``unreadable`` when hardly any row is there; ``too_large`` beyond the bound.
    """
    from PIL import Image

    file.seek(0)
    if formats == ("WEBP",):
        return _webp(file.read(), most_pixels)
    if formats[0] in ("JPEG", "PNG"):
        data = file.read()
        file = content = BytesIO(data.rstrip(b"\0") if formats[0] == "JPEG" else _undamaged_chunks(data))
    opened = Image.open(file, formats=formats)
    _check_pixels(opened, most_pixels)
    if opened.info.get("progressive"):
        return _progressive_jpeg(content.getvalue())
    interlaced = _is_interlaced(opened)
    ink = _ink(opened)
    _load_filled(opened, ink)
    present = _rows_present(opened, ink, interlaced)
    top, bottom = _longest_run(present, gap=1 if interlaced else 0)
    if formats == ("GIF",):
        bottom = max(top, bottom - 2)  # Written pixel by pixel: the last row may be half there.
    image: Image.Image = opened
    if interlaced:
        image = _interpolated(opened, [row for row in range(top + 1, bottom) if not present[row]])
    return _partial(image, top, bottom)


def has_empty_tail(file: BinaryIO) -> bool:
    """Return whether a JPEG file breaks off and is filled up with zeros, as interrupted copies are.

    Parameters
    ----------
    file
        Of a JPEG picture.
    """
    file.seek(-min(64, file.seek(0, os.SEEK_END)), os.SEEK_END)
    if file.read().strip(b"\0"):
        return False
    file.seek(0)
    return not file.read().rstrip(b"\0").endswith(b"\xff\xd9")


def _check_pixels(image: Image.Image, most: int) -> None:
    if image.height > _MOST_ROWS:
        raise MediaError("unreadable", _BROKEN)
    if image.width * image.height > most:
        raise MediaError("too_large", f"{image.width}x{image.height} pixels; the limit is {most}")


def _undamaged_chunks(data: bytes) -> bytes:
    """Return a PNG file up to its first damaged chunk; one that is cut off counts as whole so far."""
    place = 8
    while place + 8 <= len(data):
        end = place + 12 + int.from_bytes(data[place : place + 4], "big")
        if end > len(data):
            return data
        if zlib.crc32(data[place + 4 : end - 4]) != int.from_bytes(data[end - 4 : end], "big"):
            return data[:place]
        place = end
    return data


def _is_interlaced(image: ImageFile.ImageFile) -> bool:
    if image.format == "GIF":
        return bool(image.tile and image.tile[0].args[1])  # type: ignore[index]
    return bool(image.info.get("interlace"))


def _rows_present(image: Image.Image, ink: Ink, interlaced: bool) -> list[bool]:
    """Return for each row whether it was decoded; the pixels at odd places are the last that an interlaced file has."""
    from PIL import Image

    missing = Image.new(image.mode, (image.width, 1), ink).tobytes()
    size = len(Image.new(image.mode, (8, 1)).tobytes()) // 8
    step = max(1, _STRIP_BYTES // len(missing))
    rows: list[bool] = []
    for top in range(0, image.height, step):
        count = min(step, image.height - top)
        strip = image.crop((0, top, image.width, top + count)).tobytes()
        if strip == missing * count:
            rows += [False] * count
            continue
        for start in range(0, len(strip), len(missing)):
            row = strip[start : start + len(missing)]
            there = row != missing
            if there and image.format == "GIF":  # Written pixel by pixel.
                there = row[-size:] != missing[:size]
            elif there and interlaced and image.width > 1 and size:
                there = any(row[at : at + size] != missing[:size] for at in range(size, len(row), 2 * size))
            rows.append(there)
    return rows


def _interpolated(image: Image.Image, rows: list[int]) -> Image.Image:
    """Fill rows from their neighbours."""
    from PIL import Image

    if not rows:
        return image
    if image.mode not in ("RGB", "RGBA"):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    for row in rows:
        above, below = (image.crop((0, y, image.width, y + 1)) for y in (row - 1, row + 1))
        image.paste(Image.blend(above, below, 0.5), (0, row))
    return image


def _load_filled(image: ImageFile.ImageFile, ink: Ink) -> None:
    """Load a picture as far as possible; pixels that are not decoded have the ink's colour."""
    prepare = image.load_prepare

    def filled() -> None:
        prepare()
        image.im.paste(ink, (0, 0, *image.im.size))

    image.load_prepare = filled  # type: ignore[method-assign]
    try:
        image.load()
    except MemoryError:
        raise
    except Exception:  # Whatever it is, the rows before it are there.
        image.tile = []  # Nothing is left to be loaded.


def _ink(image: Image.Image) -> Ink:
    bands = len(image.getbands())
    if bands > 1:
        return _INK[:bands]
    return 255 if image.mode == "1" else _INK[0]


def _longest_run(present: list[bool], gap: int) -> tuple[int, int]:
    """Return where the longest run of rows begins and ends; so many rows in a row may be missing in it."""
    best, start, end = (0, 0), 0, -1
    for row, there in enumerate(present):
        if not there:
            continue
        if row - end > gap:
            start = row
        end = row + 1
        best = max(best, (start, end), key=lambda run: run[1] - run[0])
    return best


def _partial(image: Image.Image, top: int, bottom: int) -> PartialImage:
    share = (bottom - top) / image.height
    if share < _LEAST_SHARE:
        raise MediaError("unreadable", _BROKEN)
    where = "upper" if top == 0 else "lower" if bottom == image.height else "middle"
    detail = f"the file breaks off or is damaged; the {where} {share:.0%} of the picture is there"
    if share == 1:
        detail = "the file breaks off or is damaged behind the picture"
    return PartialImage(image, top, bottom, detail)


@dataclass(frozen=True)
class _Scan:
    """A scan of a JPEG file: where its data are, whether they are whole, which luminance coefficients they have."""

    start: int
    end: int
    whole: bool
    coefficients: frozenset[int]


def _progressive_jpeg(data: bytes) -> PartialImage:
    """Decode the scans that are there; the whole picture is there once each luminance coefficient has come."""
    scans = _scans(data)
    whole = [scan for scan in scans if scan.whole]
    if not whole:
        raise MediaError("unreadable", _BROKEN)
    come = frozenset().union(*(scan.coefficients for scan in whole))
    if come == _LUMINANCE:
        image = _loaded_jpeg(data[: whole[-1].end])
        return PartialImage(
            image, 0, image.height, "the file breaks off; the picture is coarser than it was meant"
        )
    last = scans[-1]
    if last.whole or come | last.coefficients != _LUMINANCE:
        raise MediaError("unreadable", "the file breaks off; only a coarse preview of the picture is there")
    # With the last scan's head alone the decoder smooths blocks as it does with a part of the scan's data.
    coarse, finer = (_loaded_jpeg(data[:end]) for end in (last.start, last.end))
    return _partial(finer, 0, max(0, _last_difference(coarse, finer) - 2 * _BLOCK_ROWS))


def _loaded_jpeg(data: bytes) -> Image.Image:
    """Decode what is there of a JPEG file, whose end is put behind it."""
    from PIL import Image

    image = Image.open(BytesIO(data + b"\xff\xd9"), formats=("JPEG",))
    image.load()
    return image


def _scans(data: bytes) -> list[_Scan]:
    """Return where a JPEG file's scans are."""
    scans: list[_Scan] = []
    place, luminance = 2, -1
    while place + 4 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:
            place += 1
            continue
        if marker == 0xD9:
            break
        end = place + 2 + int.from_bytes(data[place + 2 : place + 4], "big")
        if end > len(data):
            break
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC) and end - place > 10:
            luminance = data[place + 10]
        if marker == 0xDA:
            count = data[place + 4]
            components = data[place + 5 : place + 5 + 2 * count : 2]
            first, last = data[end - 3], data[end - 2]
            coefficients = range(first, last + 1) if luminance in components else ()
            start = place = end
            while (place := data.find(b"\xff", place)) >= 0 and place + 1 < len(data):
                if data[place + 1] != 0 and not 0xD0 <= data[place + 1] <= 0xD7:
                    break
                place += 2
            whole = 0 <= place < len(data) - 1
            end = place if whole else len(data)
            scans.append(_Scan(start, end, whole, frozenset(coefficients)))
            if not whole:
                break
        place = end
    return scans


def _webp(data: bytes, most_pixels: int) -> PartialImage:
    """Decode a WebP file that breaks off: what does not depend on the bytes that are missing is there."""
    from PIL import Image

    stated = 8 + int.from_bytes(data[4:8], "little")
    chunk = _last_webp_chunk(data)
    if len(data) >= stated or chunk is None:
        raise MediaError("unreadable", _BROKEN)
    images = []
    for filler in (b"\0", b"\x55"):
        # More than is missing: rubbish may take more bytes than the picture took.
        longer = bytearray(data + filler * (min(2 * (stated - len(data)), _MOST_PADDING) + _WEBP_PADDING))
        longer += bytes(len(longer) % 2)
        longer[4:8] = (len(longer) - 8).to_bytes(4, "little")
        longer[chunk + 4 : chunk + 8] = (len(longer) - chunk - 8).to_bytes(4, "little")
        image = Image.open(BytesIO(longer), formats=("WEBP",))
        _check_pixels(image, most_pixels)
        image.load()
        images.append(image)
    return _partial(images[0], 0, max(0, _first_difference(*images) - _BLOCK_ROWS))


def _last_webp_chunk(data: bytes) -> int | None:
    """Return where the last chunk begins, if it holds a picture."""
    place = 12
    while place + 8 <= len(data):
        length = int.from_bytes(data[place + 4 : place + 8], "little")
        if place + 8 + length > len(data):
            return place if data[place : place + 4] in (b"VP8 ", b"VP8L") else None
        place += 8 + length + length % 2
    return None


def _first_difference(one: Image.Image, other: Image.Image) -> int:
    """Return the first row in which two pictures differ; the height where they do not."""
    from PIL import ImageChops

    box = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).getbbox()
    return one.height if box is None else box[1]


def _last_difference(one: Image.Image, other: Image.Image) -> int:
    """Return the row behind the last one in which two pictures differ; 0 where they do not."""
    from PIL import ImageChops

    box = ImageChops.difference(one.convert("RGB"), other.convert("RGB")).getbbox()
    return 0 if box is None else box[3]
