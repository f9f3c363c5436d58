"""HEIC and HEIF, which phones write: read where everything else is decoded, within the same bounds."""

import struct
import subprocess
import sys
from io import BytesIO

import numpy as np
import pillow_heif
import pytest
from PIL import Image

import media_toys as toys
import mutants
from unmask.media import DecodingProcesses, Limits, MediaError, open_media


@pytest.fixture
def gradient():
    """(48, 64, 3) with another colour at each corner."""
    rows, columns = np.mgrid[0:48, 0:64]
    return np.stack([rows * 5, columns * 4, np.full_like(rows, 90)], axis=2).astype(np.uint8)


@pytest.fixture(scope="module")
def processes():
    with DecodingProcesses(Limits()) as started:
        yield started


def heic(*pictures, **options):
    """The bytes of a file of these pictures, of which the first is the primary one."""
    images = [
        picture if isinstance(picture, Image.Image) else Image.fromarray(picture) for picture in pictures
    ]
    file = pillow_heif.from_pillow(images[0])
    for image in images[1:]:
        file.add_from_pillow(image)
    target = BytesIO()
    file.save(target, **{"quality": 95, "chroma": 444, **options})
    return target.getvalue()


def picture(path, opened=open_media):
    with opened(path) as media:
        assert (media.info.kind, media.info.codec) == ("image", "heif")
        frames = list(media.sample(3))
    assert len(frames) == 1
    return frames[0].image


def refusal(path, opened=open_media):
    with pytest.raises(MediaError) as caught, opened(path) as media:
        list(media.sample(1))
    return caught.value


@pytest.mark.parametrize("brands", [b"heicmif1", b"mif1heic", b"heixmif1", b"miafheix"])
def test_it_is_read_by_the_confined_process_whatever_its_brands(tmp_path, gradient, processes, brands):
    data = heic(gradient)
    path = tmp_path / "wrongly_named.mp4"
    path.write_bytes(
        data[:8] + brands[:4] + data[12:16] + brands[4:] * ((data[3] - 16) // 4) + data[data[3] :]
    )
    pixels = picture(path, processes.open)
    assert np.abs(pixels.astype(int) - gradient).max() <= 8
    assert np.array_equal(picture(path), pixels)


def test_its_facts_are_read(tmp_path, gradient, processes):
    exif = Image.Exif()
    exif[0x010F] = "a maker"
    (tmp_path / "picture.heic").write_bytes(heic(gradient, exif=exif.tobytes()))
    with processes.open(tmp_path / "picture.heic") as media:
        facts = media.facts()
    assert facts.container == "heif" and dict(facts.tags)["Make"] == "a maker"


@pytest.mark.parametrize("orientation", range(1, 9))
def test_it_is_turned_upright_once(tmp_path, gradient, orientation):
    """Its own turn counts; what EXIF says of it besides is what viewers leave alone."""
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = Image.fromarray(gradient)
    stored.getexif()[0x0112] = orientation
    (tmp_path / "picture.heic").write_bytes(heic(gradient, exif=exif.tobytes()))
    expected = np.asarray(ImageOps.exif_transpose(stored)).astype(int)
    pixels = picture(tmp_path / "picture.heic")
    assert pixels.shape == expected.shape and np.abs(pixels - expected).max() <= 8


def test_alpha_is_laid_on_white(tmp_path):
    image = Image.new("RGBA", (64, 48), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 32, 48))
    (tmp_path / "picture.heic").write_bytes(heic(image))
    pixels = picture(tmp_path / "picture.heic")
    assert pixels[:, :24].max() < 12 and pixels[:, 40:].min() > 243


@pytest.mark.parametrize("deep", ["10 bits", "12 bits", "grey", "grey of 10 bits"])
def test_ten_bits_and_grey(tmp_path, gradient, deep, monkeypatch):
    monkeypatch.setattr(pillow_heif.options, "SAVE_HDR_TO_12_BIT", deep == "12 bits")
    expected = gradient
    if deep == "grey":
        data = heic(gradient[..., 1])
        expected = np.repeat(gradient[..., 1:2], 3, axis=2)
    elif deep == "grey of 10 bits":
        grey = gradient[..., 1].astype(np.uint16) * 257
        data = heic(Image.fromarray(grey))
        expected = np.repeat(gradient[..., 1:2], 3, axis=2)
    else:
        target = BytesIO()
        samples = (gradient.astype(np.uint16) * 257).tobytes()
        pillow_heif.encode("RGB;16", (64, 48), samples, target, quality=95, chroma=444)
        data = target.getvalue()
    (tmp_path / "picture.heic").write_bytes(data)
    assert np.abs(picture(tmp_path / "picture.heic").astype(int) - expected).max() <= 8


@pytest.mark.parametrize("options", [{"thumbnails": [32]}, {"tile_size": 64}, {"chroma": 420}])
def test_thumbnails_tiles_and_coarse_colours(tmp_path, options):
    rows, columns = np.mgrid[0:120, 0:200]
    smooth = np.stack([rows, columns, rows + columns], axis=2).astype(np.uint8)
    (tmp_path / "picture.heic").write_bytes(heic(smooth, **options))
    pixels = picture(tmp_path / "picture.heic")
    assert pixels.shape == smooth.shape
    assert np.abs(pixels.astype(int) - smooth).mean() < (8 if "chroma" in options else 3)


@pytest.mark.parametrize("primary", [0, 2])
def test_of_several_pictures_the_primary_one_counts(tmp_path, primary):
    shades = [np.full((48, 64, 3), shade, np.uint8) for shade in (40, 120, 200)]
    (tmp_path / "burst.heic").write_bytes(heic(*shades, primary_index=primary))
    assert picture(tmp_path / "burst.heic").mean() == pytest.approx((40, 120, 200)[primary], abs=3)


@pytest.mark.parametrize("brand", [b"msf1", b"hevc", b"hevx"])
def test_a_sequence_is_read_as_frames_over_time(tmp_path, processes, brand):
    options = {"x265-params": "log-level=none"}
    path = toys.write_video(tmp_path / "clip.mp4", codec="libx265", options=options)
    data = path.read_bytes()
    path.write_bytes(data[:8] + brand + data[12:].replace(b"vide", b"pict"))
    with processes.open(path) as media:
        assert media.info.kind == "video"
        assert [toys.brightness(frame) for frame in media.sample(3)] == pytest.approx(
            [1 / 6, 1 / 2, 5 / 6], abs=0.06
        )


def test_a_sequence_without_a_track_is_its_primary_picture(tmp_path, gradient):
    data = heic(gradient)
    (tmp_path / "picture.heic").write_bytes(data[:8] + b"msf1" + data[12:])
    assert np.abs(picture(tmp_path / "picture.heic").astype(int) - gradient).max() <= 8


def test_pixels_are_counted_before_any_is_decoded(tmp_path, gradient):
    data = heic(gradient)
    path = tmp_path / "picture.heic"
    path.write_bytes(data)
    error = refusal(path, lambda path: open_media(path, Limits(image_pixels=64 * 48 - 1)))
    assert error.status == "too_large"
    size = b"ispe" + struct.pack(">III", 0, 64, 64)  # As it is coded; a crop follows.
    assert size in data
    path.write_bytes(data.replace(size, b"ispe" + struct.pack(">III", 0, 65_000, 65_000)))
    assert refusal(path).status == "too_large"


def test_a_picture_that_is_larger_than_it_says_is_not_let_through(tmp_path):
    """Its coded pictures are of 640 x 384 pixels, whatever the header says."""
    data = heic(np.zeros((384, 640, 3), np.uint8))
    size = b"ispe" + struct.pack(">III", 0, 640, 384)
    assert size in data
    path = tmp_path / "picture.heic"
    path.write_bytes(data.replace(size, b"ispe" + struct.pack(">III", 0, 60, 40)))
    try:
        with open_media(path, Limits(image_pixels=10_000)) as media:
            assert next(iter(media.sample(1))).image.size <= 3 * 10_000
    except MediaError as error:
        assert error.status in ("too_large", "unreadable")


def test_files_that_break_off_at_any_place_get_one_status(tmp_path, processes):
    data = mutants.seed("picture.heic")
    path = tmp_path / "picture.heic"
    for length in range(1, len(data), max(1, len(data) // 60)):
        path.write_bytes(data[:length])
        assert refusal(path, processes.open).status in ("unreadable", "unsupported", "too_large")


def test_a_coding_that_is_not_known_is_unsupported(tmp_path, gradient):
    data = heic(gradient)
    path = tmp_path / "picture.heic"
    path.write_bytes(data.replace(b"hvc1", b"vvc1"))
    error = refusal(path)
    assert error.status == "unsupported" and "HEIF" in error.detail


def test_where_the_library_is_missing_the_detail_says_so(tmp_path, gradient, monkeypatch):
    (tmp_path / "picture.heic").write_bytes(heic(gradient))
    monkeypatch.setitem(sys.modules, "pillow_heif", None)
    error = refusal(tmp_path / "picture.heic")
    assert error.status == "unsupported" and "pillow-heif" in error.detail


def test_the_library_waits_for_the_first_file_that_needs_it(tmp_path, gradient):
    Image.fromarray(gradient).save(tmp_path / "picture.png")
    (tmp_path / "picture.heic").write_bytes(heic(gradient))
    code = """
import sys
from unmask.media import open_media
for path, loaded in zip(sys.argv[1:], (False, True)):
    with open_media(path) as media:
        list(media.sample(1))
    assert ("pillow_heif" in sys.modules) is loaded, path
from PIL import Image
assert "HEIF" not in Image.OPEN and "HEIF" not in Image.SAVE
"""
    paths = [tmp_path / "picture.png", tmp_path / "picture.heic"]
    subprocess.run([sys.executable, "-c", code, *map(str, paths)], check=True, timeout=60)


def test_memory_is_bounded(tmp_path):
    (tmp_path / "large.heic").write_bytes(heic(np.zeros((2000, 3000, 3), np.uint8), quality=10, chroma=420))
    with DecodingProcesses(Limits(decoding_bytes=60_000_000)) as processes:
        assert refusal(tmp_path / "large.heic", processes.open).status in ("too_large", "unreadable")
