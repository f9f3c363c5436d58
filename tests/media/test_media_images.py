import numpy as np
import pytest
from PIL import Image

from unmask.media import Limits, MediaError, open_media


def picture(path, limits=None):
    with open_media(path, limits) as media:
        assert media.info.kind == "image"
        frames = list(media.sample(8))
    assert [(frame.index, frame.time) for frame in frames] == [(0, 0.0)]
    assert frames[0].image.dtype == np.uint8
    assert frames[0].image.shape[2] == 3
    return frames[0].image


@pytest.fixture
def gradient():
    """(20, 30, 3) with another colour at each corner."""
    rows, columns = np.mgrid[0:20, 0:30]
    return np.stack([rows * 12, columns * 8, np.full_like(rows, 90)], axis=2).astype(np.uint8)


@pytest.mark.parametrize("ending", ["png", "bmp", "tiff", "webp", "jpg", "gif", "avif"])
def test_formats_are_told_by_content(tmp_path, gradient, ending):
    options = {"webp": {"lossless": True}, "jpg": {"quality": 98, "subsampling": 0}, "avif": {"quality": 95}}
    path = tmp_path / "wrongly_named.mp4"
    Image.fromarray(gradient).save(
        path, format={"jpg": "jpeg"}.get(ending, ending), **options.get(ending, {})
    )
    tolerance = {"gif": 40, "jpg": 12, "avif": 16}.get(ending, 0)
    assert np.abs(picture(path).astype(int) - gradient).max() <= tolerance


@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_turns_the_picture_upright(tmp_path, gradient, orientation):
    """Stored so that a viewer which follows the flag shows the gradient; Pillow's own way is the reference."""
    from PIL import ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    path = tmp_path / "picture.png"
    Image.fromarray(gradient).save(path, exif=exif)
    with Image.open(path) as stored:
        expected = np.asarray(ImageOps.exif_transpose(stored))
    assert np.array_equal(picture(path), expected)


def test_broken_exif_does_not_cost_the_picture(tmp_path, gradient):
    path = tmp_path / "picture.jpg"
    Image.fromarray(gradient).save(path, exif=b"Exif\x00\x00MM\x00*\xff\xff\xff\xff garbage")
    assert picture(path).shape == (20, 30, 3)


def test_sixteen_bit_grey(tmp_path):
    values = np.linspace(0, 65535, 600).astype(np.uint16).reshape(20, 30)
    for name in ("picture.png", "picture.tiff"):
        Image.fromarray(values).save(tmp_path / name)
        expected = np.repeat((values / 257)[..., None], 3, axis=2)
        assert np.abs(picture(tmp_path / name) - expected).max() <= 1


def test_floating_point_tiff(tmp_path):
    values = np.linspace(0, 1, 600, dtype=np.float32).reshape(20, 30)
    Image.fromarray(values).save(tmp_path / "picture.tiff")
    assert np.abs(picture(tmp_path / "picture.tiff")[..., 0] - values * 255).max() <= 1


def test_cmyk_jpeg(tmp_path):
    Image.new("CMYK", (30, 20), (0, 255, 255, 0)).save(tmp_path / "picture.jpg", quality=98)
    red = picture(tmp_path / "picture.jpg").astype(int)
    assert np.abs(red - [255, 0, 0]).max() < 12


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_alpha_is_laid_on_white(tmp_path, mode):
    image = Image.new("RGBA", (30, 20), (0, 0, 0, 0))
    image.paste((0, 0, 0, 255), (0, 0, 15, 20))
    name = "picture.png" if mode != "PA" else "picture.gif"
    (image if mode == "RGBA" else image.convert("LA" if mode == "LA" else "P")).save(tmp_path / name)
    pixels = picture(tmp_path / name)
    assert pixels[:, :14].max() == 0
    assert mode == "PA" or pixels[:, 16:].min() == 255


@pytest.mark.parametrize("mode", ["1", "L", "P", "YCbCr"])
def test_other_colour_modes_become_rgb(tmp_path, gradient, mode):
    name = "picture.jpg" if mode == "YCbCr" else "picture.png"
    converted = Image.fromarray(gradient).convert(mode)
    converted.save(tmp_path / name, **({"quality": 100, "subsampling": 0} if mode == "YCbCr" else {}))
    expected = np.asarray(converted.convert("RGB")).astype(int)
    assert np.abs(picture(tmp_path / name) - expected).max() <= (12 if mode == "YCbCr" else 0)


def test_pixels_are_counted_before_any_is_decoded(tmp_path):
    """A picture of 10,000 x 10,000 pixels cut off behind its header: its pixels are not even there."""
    path = tmp_path / "bomb.png"
    Image.new("1", (10_000, 10_000)).save(path, compress_level=1)
    path.write_bytes(path.read_bytes()[:200])
    with pytest.raises(MediaError, match="10000x10000") as caught:
        open_media(path)
    assert caught.value.status == "too_large"
    Image.new("L", (40, 30)).save(path)
    with pytest.raises(MediaError) as caught:
        open_media(path, Limits(image_pixels=1199))
    assert caught.value.status == "too_large"


def test_pillows_own_bound_is_reported_in_the_same_way(tmp_path):
    path = tmp_path / "bomb.png"
    Image.new("1", (14_000, 14_000)).save(path, compress_level=1)
    with pytest.raises(MediaError) as caught:
        open_media(path, Limits(image_pixels=10**12))
    assert caught.value.status == "too_large"


def test_a_still_gif_is_an_image_and_a_moving_one_a_video(tmp_path):
    still, moving = tmp_path / "still.gif", tmp_path / "moving.gif"
    pictures = [Image.new("L", (30, 20), shade) for shade in (0, 120, 240)]
    pictures[0].save(still)
    pictures[0].save(moving, save_all=True, append_images=pictures[1:], duration=100)
    assert picture(still).shape == (20, 30, 3)
    with open_media(moving) as media:
        assert media.info.kind == "video"
        assert [int(frame.image.mean()) for frame in media.sample(3)] == pytest.approx([0, 120, 240], abs=3)


def test_no_warning_reaches_the_user(tmp_path, recwarn):
    path = tmp_path / "picture.png"
    Image.new("1", (9_500, 9_500)).save(path, compress_level=1)  # Pillow warns above 89 million pixels
    with pytest.raises(MediaError):
        open_media(path)
    assert not recwarn.list
