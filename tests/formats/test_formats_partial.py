"""Pictures that break off: what is there comes out to the bit, and what is not is never taken for the picture."""

import struct
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from unmask.demo.clips import portrait
from unmask.media import DecodingProcesses, Limits, MediaError, open_media

KINDS = {
    "picture.jpg": {"format": "JPEG"},
    "grey.jpg": {"format": "JPEG", "mode": "L"},
    "cmyk.jpg": {"format": "JPEG", "mode": "CMYK"},
    "picture.png": {"format": "PNG"},
    "palette.png": {"format": "PNG", "mode": "P"},
    "alpha.png": {"format": "PNG", "mode": "RGBA"},
    "picture.bmp": {"format": "BMP"},
    "picture.tiff": {"format": "TIFF"},
    "float.tiff": {"format": "TIFF", "mode": "F"},
    "picture.gif": {"format": "GIF", "interlace": 0},
    "lossy.webp": {"format": "WEBP"},
    "lossless.webp": {"format": "WEBP", "lossless": True},
}


@pytest.fixture(scope="module")
def picture():
    return portrait().resize((256, 256))


def coded(picture, format, mode="RGB", **options):
    file = BytesIO()
    picture.convert(mode).save(file, format=format, **options)
    return file.getvalue()


def taken(path, limits=None):
    """The only frame, and what is said behind it."""
    frames, said = [], None
    with open_media(path, limits) as media:
        try:
            for frame in media.sample(1):
                frames.append(frame)
        except MediaError as error:
            said = error.detail
    return frames, said


@pytest.mark.parametrize("share", [0.5, 0.8, 0.98])
@pytest.mark.parametrize("name", KINDS)
def test_the_rows_that_are_there_are_those_of_the_whole_picture(tmp_path, picture, name, share):
    path = tmp_path / name
    data = coded(picture, **KINDS[name])
    path.write_bytes(data)
    ((whole,), nothing) = taken(path)
    assert nothing is None and whole.present is None
    path.write_bytes(data[: int(len(data) * share)])
    ((frame,), said) = taken(path)
    assert "breaks off" in said
    x0, y0, x1, y1 = frame.present
    assert (x0, x1) == (0, 256)
    assert (y1 == 256 and y0 > 0) if name.endswith("bmp") else (y0 == 0 and y1 < 256)
    assert share - 0.25 < (y1 - y0) / 256 < share + 0.1
    assert np.array_equal(frame.image[y0:y1], whole.image[y0:y1])
    rest = np.delete(frame.image, np.s_[y0:y1], axis=0)
    assert (rest == 128).all()


def test_another_process_tells_the_same(tmp_path, picture):
    path = tmp_path / "picture.png"
    data = coded(picture, "PNG")
    path.write_bytes(data[: len(data) // 2])
    ((expected,), said) = taken(path)
    with DecodingProcesses(Limits()) as processes, processes.open(path) as media:
        frames = media.sample(1)
        frame = next(frames)
        with pytest.raises(MediaError) as caught:
            next(frames)
    assert frame.present == expected.present and np.array_equal(frame.image, expected.image)
    assert caught.value.detail == said


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_missing_part_turns_with_the_picture(tmp_path, picture, orientation):
    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "picture.jpg"
    data = coded(picture.resize((256, 192)), "JPEG", exif=exif, quality=95)
    path.write_bytes(data[: len(data) // 2])
    ((frame,), _) = taken(path)
    x0, y0, x1, y1 = frame.present
    missing = np.ones(frame.image.shape[:2], bool)
    missing[y0:y1, x0:x1] = False
    grey = (frame.image == 128).all(axis=2)
    assert grey[missing].all() and missing.mean() > 0.2
    assert grey[~missing].mean() < 0.05


def test_a_progressive_jpeg_counts_once_each_coefficient_has_come(tmp_path, picture):
    data = coded(picture, "JPEG", progressive=True, quality=90)
    path = tmp_path / "picture.jpg"
    path.write_bytes(data[: len(data) * 9 // 10])
    ((frame,), said) = taken(path)
    assert frame.present is None and "coarser" in said
    assert np.abs(frame.image - np.asarray(picture, int)).mean() < 8
    path.write_bytes(data[: len(data) // 8])
    frames, said = taken(path)
    assert not frames and "preview" in said


def test_a_progressive_jpeg_in_the_middle_of_a_first_pass_has_its_upper_part(tmp_path, picture):
    from unmask.formats.partial import _scans

    data = coded(picture, "JPEG", progressive=True, quality=90)
    scans = _scans(data)
    come, number = set(), 0
    while come != set(range(64)):
        come |= scans[number].coefficients
        number += 1
    start, end = scans[number - 2].end, scans[number - 1].end
    path = tmp_path / "picture.jpg"
    path.write_bytes(data[: (start + end) // 2])
    ((frame,), said) = taken(path)
    assert 60 < frame.present[3] < 200 and "upper" in said


@pytest.mark.parametrize("format", ["GIF", "PNG"])
def test_rows_that_an_interlaced_file_still_lacks_are_interpolated(tmp_path, picture, format):
    data = adam7(np.asarray(picture)) if format == "PNG" else coded(picture, "GIF", interlace=1)
    path = tmp_path / "picture"
    path.write_bytes(data)
    ((whole,), nothing) = taken(path)
    assert nothing is None
    path.write_bytes(data[: len(data) * 3 // 4])
    ((frame,), _) = taken(path)
    _, y0, _, y1 = frame.present or (0, 0, 256, 256)
    assert y0 == 0 and y1 > 200
    assert np.array_equal(frame.image[0:y1:2], whole.image[0:y1:2])
    assert np.abs(frame.image[:y1].astype(int) - whole.image[:y1]).mean() < 12
    path.write_bytes(data[: len(data) // 10])
    frames, _ = taken(path)
    assert not frames


def adam7(pixels):
    """An interlaced PNG, which Pillow does not write."""
    import zlib

    raw = b""
    for x, y, right, down in (
        (0, 0, 8, 8),
        (4, 0, 8, 8),
        (0, 4, 4, 8),
        (2, 0, 4, 4),
        (0, 2, 2, 4),
        (1, 0, 2, 2),
        (0, 1, 1, 2),
    ):
        part = pixels[y::down, x::right]
        raw += b"".join(b"\0" + row.tobytes() for row in part)

    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    head = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 8, 2, 0, 0, 1)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(raw)) + chunk(b"IEND", b"")
    )


def test_a_jpeg_filled_up_with_zeros_breaks_off_where_they_begin(tmp_path, picture):
    data = coded(picture, "JPEG")
    path = tmp_path / "picture.jpg"
    path.write_bytes(data[: len(data) // 2] + bytes(len(data) - len(data) // 2))
    ((frame,), said) = taken(path)
    assert "breaks off" in said and frame.present[3] < 200
    path.write_bytes(data + bytes(1000))  # Behind its end zeros mean nothing.
    assert taken(path)[1] is None


def test_compressed_tiff_whose_directory_comes_first_has_its_first_strips(tmp_path, picture):
    data = bytearray(coded(picture, "TIFF", compression="tiff_lzw", tiffinfo={278: 32}))
    (start,) = struct.unpack("<I", data[4:8])
    (count,) = struct.unpack("<H", data[start : start + 2])
    shift = len(data) - start
    directory = bytearray(data[start:])
    sizes = {3: 2, 4: 4, 5: 8}
    for number in range(count):
        place = 2 + 12 * number
        tag, kind, items, value = struct.unpack("<HHII", directory[place : place + 12])
        if sizes.get(kind, 1) * items > 4:
            assert value >= start
            directory[place + 8 : place + 12] = struct.pack("<I", value - start + 8)
            if tag == 273:
                for item in range(items):
                    at = value - start + 4 * item
                    (offset,) = struct.unpack("<I", directory[at : at + 4])
                    directory[at : at + 4] = struct.pack("<I", offset + shift)
    data = data[:4] + struct.pack("<I", 8) + directory + data[8:start]
    path = tmp_path / "picture.tiff"
    path.write_bytes(data)
    ((whole,), nothing) = taken(path)
    assert nothing is None and np.array_equal(whole.image, np.asarray(picture))
    path.write_bytes(data[: len(data) // 2])
    ((frame,), _) = taken(path)
    _, y0, _, y1 = frame.present
    assert y0 == 0 and 64 <= y1 <= 160
    assert np.array_equal(frame.image[:y1], whole.image[:y1])


@pytest.mark.parametrize("name", [*KINDS, "picture.avif"])
def test_of_hardly_anything_nothing_comes(tmp_path, picture, name):
    data = coded(picture, **KINDS.get(name, {"format": "AVIF"}))
    path = tmp_path / name
    place = {"picture.avif": len(data) // 2}.get(name, 120)
    path.write_bytes(data[:place])
    with pytest.raises(MediaError) as caught, open_media(path) as media:
        list(media.sample(1))
    assert caught.value.status == "unreadable"


def test_a_bomb_that_breaks_off_is_still_too_large(tmp_path, picture):
    path = tmp_path / "picture.webp"
    data = coded(picture, "WEBP")
    path.write_bytes(data[: len(data) // 2])
    with pytest.raises(MediaError) as caught, open_media(path, Limits(image_pixels=10_000)) as media:
        list(media.sample(1))
    assert caught.value.status == "too_large"
