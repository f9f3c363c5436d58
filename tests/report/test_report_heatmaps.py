import io

import numpy as np
import pytest
from PIL import Image

from unmask.report import heatmaps


def test_strengths_have_fixed_scales():
    np.testing.assert_allclose(heatmaps.strength_of_patches(np.array([[-3.0, 0, 6, 30]])), [[0, 0, 0.5, 1]])
    np.testing.assert_allclose(heatmaps.strength_of_errors(np.array([[0.0, 0.25, 0.9]])), [[0, 0.5, 1]])


def test_a_map_colours_its_strong_place_alone():
    crop = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    strength = np.zeros((7, 7), np.float32)
    strength[0, 6] = 1
    picture = heatmaps.overlay(crop, strength).astype(int)
    assert picture.shape == (224, 224, 3)
    colourful = np.ptp(picture, axis=2)
    assert colourful[:16, -16:].mean() > 60 and colourful[112:, :112].max() == 0


def test_colours_grow_brighter_all_the_way():
    bar = heatmaps.scale_bar().astype(float)[0]
    over_black = heatmaps.overlay(np.zeros((9, 9, 3), np.uint8), np.linspace(0, 1, 81).reshape(9, 9))
    assert over_black[-1].mean() > over_black[0].mean()
    luminance = bar[60:] @ [0.2126, 0.7152, 0.0722]
    assert (np.diff(luminance) > 0).all()


@pytest.mark.parametrize(
    ("place", "words"), [((0, 6), "the upper right"), ((3, 3), "the centre"), ((6, 3), "the lower centre")]
)
def test_the_strongest_place_in_words(place, words):
    strength = np.zeros((7, 7))
    strength[place] = 1
    assert heatmaps.strongest_place(strength) == words


def test_a_picture_is_a_plain_jpeg():
    image = Image.open(io.BytesIO(heatmaps.jpeg(np.zeros((8, 6, 3), np.uint8))))
    assert (image.format, image.size, dict(image.getexif())) == ("JPEG", (6, 8), {})


def test_an_outline_runs_around_the_cells_that_count():
    mask = np.zeros((4, 4))
    mask[0, 1:3], mask[3, 3] = 0.9, 0.4
    segments = heatmaps.outline(mask, (10.0, 20.0, 50.0, 60.0))
    assert len(segments) == 6
    xs, ys = {x for s in segments for x in s[::2]}, {y for s in segments for y in s[1::2]}
    assert xs == {20.0, 30.0, 40.0} and ys == {20.0, 30.0}
    assert sum(abs(ax - bx) + abs(ay - by) for ax, ay, bx, by in segments) == pytest.approx(60)
