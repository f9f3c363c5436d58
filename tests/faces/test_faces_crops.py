import tracemalloc

import numpy as np
import pytest
from PIL import Image

from unmask.faces import PROFILES, CropProfile, cut, profile

PLAIN = CropProfile("plain", scale=1.0, size=64)


@pytest.fixture(scope="module")
def ramp():
    """(200, 300, 3): red rises to the right, green downwards."""
    rows, columns = np.mgrid[0:200, 0:300]
    return np.stack([columns * 0.8, rows * 1.2, np.full_like(rows, 7)], axis=2).astype(np.uint8)


def test_profiles_are_looked_up_by_name():
    assert profile("tight") is PROFILES["tight"]
    assert profile("wide").scale == 1.3
    with pytest.raises(ValueError, match="did you mean 'tight'"):
        profile("tigth")


def test_the_square_is_so_many_times_the_longer_side_and_shifted_down():
    x0, y0, x1, y1 = CropProfile("p", scale=1.5, shift=0.1).square((10, 20, 50, 100))
    assert (x1 - x0, y1 - y0) == pytest.approx((120, 120))
    assert ((x0 + x1) / 2, (y0 + y1) / 2) == pytest.approx((30, 60 + 12))


def test_a_square_of_the_crops_own_size_is_copied(ramp):
    assert np.array_equal(cut(ramp, (100, 50, 164, 114), PLAIN), ramp[50:114, 100:164])


def test_fractions_of_pixels_count():
    """On a ramp the crop's values tell its place: half a pixel to the right adds half a step."""
    ramp = np.repeat(np.arange(0, 200, 2, dtype=np.uint8)[None, :, None], 100, axis=0).repeat(3, axis=2)
    whole = cut(ramp, (20, 20, 60, 60), PLAIN, size=40).astype(int)
    half = cut(ramp, (20.5, 20, 60.5, 60), PLAIN, size=40).astype(int)
    assert np.abs((half - whole)[:, 1:-1] - 1).max() <= 0


@pytest.mark.parametrize("size", [32, 224])
@pytest.mark.parametrize("box", [(60.3, 40.7, 161.9, 150.2), (3.2, 5.0, 90.0, 80.0)])
def test_cutting_a_region_equals_cutting_the_whole_picture(astronaut, box, size):
    """Reference: pad the whole picture by reflection, then let Pillow cut from it."""
    pad = 200
    padded = np.pad(astronaut, ((pad, pad), (pad, pad), (0, 0)), mode="reflect")
    square = tuple(edge + pad for edge in PROFILES["wide"].square(box))
    expected = Image.fromarray(padded).resize((size, size), Image.Resampling.BILINEAR, box=square)
    crop = cut(astronaut, box, PROFILES["wide"], size=size)
    assert crop.shape == (size, size, 3)
    assert crop.dtype == np.uint8
    assert np.abs(crop.astype(int) - np.asarray(expected)).max() <= 1


def test_strong_reduction_averages_instead_of_picking():
    """A checkerboard of single pixels turns grey; picking pixels would keep black and white."""
    board = (np.indices((512, 512)).sum(axis=0) % 2 * 255).astype(np.uint8)
    crop = cut(np.stack([board] * 3, axis=2), (56, 56, 456, 456), PLAIN, size=32)
    assert np.abs(crop.astype(int) - 127).max() < 12


@pytest.mark.parametrize(
    "box",
    [
        (-30, -30, 60, 60),
        (250, 150, 360, 260),
        (-500, -500, 900, 900),
        (1000, 1000, 1100, 1100),
        (-9e3, 0, -8e3, 9e2),
    ],
)
def test_squares_beyond_the_picture_are_filled_from_it(ramp, box):
    crop = cut(ramp, box, PROFILES["wide"], size=48)
    assert crop.shape == (48, 48, 3)
    assert np.all(crop[..., 2] == 7)  # only the picture's own pixels, nowhere black


def test_the_picture_is_mirrored_at_its_border(ramp):
    crop = cut(ramp, (-32, 50, 32, 114), PLAIN).astype(int)
    assert np.abs(crop[:, 32 - 20] - crop[:, 32 + 20]).max() <= 1


def test_a_picture_of_one_pixel():
    assert np.all(cut(np.full((1, 1, 3), 9, np.uint8), (0, 0, 1, 1), PLAIN) == 9)


@pytest.mark.parametrize("box", [(5, 5, 5, 5), (float("nan"), 0, 1, 1), (0, 0, float("inf"), 1)])
def test_boxes_without_an_area_are_refused(ramp, box):
    with pytest.raises(ValueError, match="face box"):
        cut(ramp, box, PLAIN)


def test_read_only_and_strided_pictures(ramp):
    view = ramp[::-1, ::2]
    view.flags.writeable = False
    assert cut(view, (20, 20, 60, 60), PLAIN).shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("shape", "box"), [((1, 70_000), (0, 0, 70_000, 1)), ((48, 64), (-1e9, -1e9, 1e9, 1e9))]
)
def test_a_hostile_face_box_takes_little_memory(shape, box):
    image = np.full((*shape, 3), 77, np.uint8)
    tracemalloc.start()
    crop = cut(image, box, PROFILES["wide"], 224)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert crop.shape == (224, 224, 3) and (crop == 77).all() and most < 200e6


def test_a_very_large_face_is_cut_as_a_reduced_picture_of_it_would_be():
    ramp = np.linspace(0, 255, 9_000).astype(np.uint8)
    image = np.repeat(np.broadcast_to(ramp, (200, 9_000))[..., None], 3, axis=2)
    box = (500.0, 50.0, 8_500.0, 150.0)
    reduced = np.asarray(Image.fromarray(image).resize((900, 20), Image.Resampling.BOX))
    small = cut(reduced, tuple(value / 10 for value in box), PROFILES["tight"], 64)
    assert np.abs(cut(image, box, PROFILES["tight"], 64).astype(int) - small).max() <= 2
