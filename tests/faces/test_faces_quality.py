"""Measures of a face's quality tell a good portrait from the same one made worse."""

import math

import numpy as np
import pytest
from PIL import Image, ImageFilter

from unmask.demo.clips import FACE, portrait
from unmask.faces import measure, outside_share_of, turn_of

FRONTAL = np.array([[30, 40], [70, 40], [50, 60], [35, 80], [65, 80]], np.float32)
PROFILE = np.array([[30, 40], [42, 41], [12, 60], [25, 80], [38, 80]], np.float32)


@pytest.fixture(scope="module")
def picture():
    return portrait()


def of(picture, **known):
    return measure(np.asarray(picture), FACE, **known)


def test_a_portrait_has_the_size_of_its_box_and_known_brightness(picture):
    quality = of(picture, landmarks=FRONTAL, confidence=0.9)
    assert quality.side == FACE[3] - FACE[1] and quality.confidence == 0.9
    inner = np.asarray(picture.convert("L"), float)[80:175, 190:272]
    assert quality.brightness == pytest.approx(inner.mean(), abs=12)
    assert quality.contrast > 60 and quality.overexposed_share < 0.02 and 0.3 < quality.detail < 0.5


def test_blur_and_grain_show_in_the_detail(picture):
    rng = np.random.default_rng(0)
    blurred = picture.filter(ImageFilter.GaussianBlur(4))
    grainy = np.clip(np.asarray(picture) + rng.normal(0, 50, (512, 512, 3)), 0, 255).astype(np.uint8)
    assert of(blurred).detail < 0.29 < 0.5 < of(grainy).detail


def test_detail_is_that_of_a_direct_formula():
    rng = np.random.default_rng(1)
    chip = rng.integers(0, 256, (96, 96), dtype=np.uint8)
    # A box whose tight cut is the picture itself, pixel for pixel.
    side = 96 / 0.94
    top = 48 - 0.027 * 96 - side / 2
    quality = measure(np.stack([chip] * 3, axis=2), (48 - side / 2, top, 48 + side / 2, top + side))
    fine = chip.astype(float)[12:84, 12:84]
    coarse = chip.reshape(48, 2, 48, 2).astype(float).mean((1, 3))[6:42, 6:42]

    def steps(grey):
        height, width = grey.shape
        down = [(grey[y + 1, x] - grey[y, x]) ** 2 for y in range(height - 1) for x in range(width)]
        across = [(grey[y, x + 1] - grey[y, x]) ** 2 for y in range(height) for x in range(width - 1)]
        return sum(down) / len(down) + sum(across) / len(across)

    assert quality.detail == pytest.approx(steps(fine) / steps(coarse), rel=0.02)
    assert quality.brightness == pytest.approx(fine.mean(), abs=0.5)


def test_detail_does_not_depend_on_contrast(picture):
    pale = Image.fromarray((np.asarray(picture) * 0.5 + 60).astype(np.uint8))
    assert of(pale).detail == pytest.approx(of(picture).detail, rel=0.1)


def test_darkness_and_light_show(picture):
    pixels = np.asarray(picture).astype(float)
    dark = (pixels * 0.05).astype(np.uint8)
    light = np.clip(pixels * 4, 0, 255).astype(np.uint8)
    assert of(dark).contrast < 10 and of(light).overexposed_share > 0.6


def test_a_face_without_any_structure_has_no_detail_to_measure():
    assert math.isnan(measure(np.full((100, 100, 3), 90, np.uint8), (20, 20, 80, 80)).detail)


def test_the_turn_is_small_from_the_front_and_large_from_the_side():
    assert turn_of(FRONTAL) == pytest.approx(0) and turn_of(PROFILE) > 0.5
    assert turn_of(FRONTAL[:, ::-1] * [-1, 1]) == pytest.approx(turn_of(FRONTAL), abs=1e-6)


def test_the_turn_does_not_change_with_roll_size_or_place():
    angle = 0.6
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    assert turn_of(3 * PROFILE @ rotation.T + 100) == pytest.approx(turn_of(PROFILE), rel=1e-5)


def test_a_turn_that_cannot_be_told_is_not_a_number():
    assert math.isnan(turn_of(None)) and math.isnan(turn_of(np.zeros((5, 2))))


def test_the_size_in_the_original_may_be_given(picture):
    assert of(picture, side=31.0).side == 31.0


@pytest.mark.parametrize(
    ("box", "share"),
    [
        ((10, 10, 50, 50), 0.0),
        ((0, 10, 20, 50), 0.25),  # The square reaches from -10 to 30 of a face 40 high.
        ((-10, 30, 30, 70), 0.25),
        ((80, 80, 120, 120), 0.75),
        ((0, 0, 100, 100), 0.0),
    ],
)
def test_a_cut_face_lies_partly_beyond_the_edge(box, share):
    assert outside_share_of(box, 100, 100) == pytest.approx(share)


def test_a_face_without_a_side_has_no_share():
    assert math.isnan(outside_share_of((5, 5, 5, 5), 100, 100))
