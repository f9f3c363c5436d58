"""A head that is turned in the picture plane is set upright; others are left exactly as they are."""

import numpy as np
import pytest
from PIL import Image, ImageFilter

from unmask.demo.clips import portrait
from unmask.faces import PROFILES, CenterFace, Face, cut, roll_of, set_upright

WIDE = PROFILES["wide"]


@pytest.fixture(scope="module")
def center_face():
    return CenterFace(threads=1)


def turned(angle):
    """The portrait, turned counter-clockwise on a canvas that holds it."""
    picture = portrait().rotate(angle, Image.Resampling.BICUBIC, expand=True, fillcolor=(120, 120, 120))
    return np.asarray(picture)


def crop_of(image, finder):
    view = set_upright(image, finder.find(image)[0], finder)
    return view, cut(view.image, view.face.box, WIDE, 96).astype(float)


@pytest.mark.parametrize("angle", [0, 15, 30, 45, 315, 330, 345])
def test_a_head_that_is_turned_less_is_left_as_it_is(center_face, angle):
    image = turned(angle)
    face = center_face.find(image)[0]
    view = set_upright(image, face, center_face)
    assert view.image is image and view.face is face and view.angle == 0


@pytest.mark.parametrize("angle", [75, 90, 105, 120, 135, 150, 165, 180, 195, 210, 225, 240, 255, 270, 285])
def test_a_head_that_is_turned_further_is_set_upright(center_face, angle):
    view, crop = crop_of(turned(angle), center_face)
    assert abs(roll_of(view.face.landmarks)) < 30
    off = (view.angle + angle + 180) % 360 - 180
    assert abs(off) < 30
    _, upright = crop_of(turned(off), center_face)
    assert np.corrcoef(crop.ravel(), upright.ravel())[0, 1] > 0.6


@pytest.mark.parametrize("quarter", [1, 2, 3])
def test_a_quarter_turn_gives_the_upright_crop_but_for_the_box(center_face, quarter):
    """No pixel is resampled: the finder's box on the surroundings is all that differs."""
    straight = np.asarray(portrait())
    view, crop = crop_of(np.ascontiguousarray(np.rot90(straight, quarter)), center_face)
    assert np.array_equal(view.image, straight)
    upright = center_face.find(straight)[0].box
    side = max(upright[2] - upright[0], upright[3] - upright[1])
    assert np.abs(np.subtract(view.face.box, upright)).max() < 0.12 * side
    _, wanted = crop_of(straight, center_face)
    assert np.corrcoef(crop.ravel(), wanted.ravel())[0, 1] > 0.8


@pytest.mark.parametrize("radius", [2, 4])
def test_a_blurred_or_covered_head_is_not_turned(center_face, radius):
    image = np.asarray(portrait().filter(ImageFilter.GaussianBlur(radius))).copy()
    image[150:200, 170:280] = 90
    for face in center_face.find(image):
        assert set_upright(image, face, center_face).angle == 0


def test_landmarks_that_coincide_say_nothing():
    face = Face((10.0, 10.0, 50.0, 60.0), 0.4, np.zeros((5, 2), np.float32))
    image = np.zeros((80, 80, 3), np.uint8)
    assert set_upright(image, face, None).face is face


def test_a_face_that_is_found_in_no_other_direction_is_left_as_it_is():
    class Blind:
        def find(self, image):
            return []

    points = np.array([[50, 10], [50, 20], [40, 15], [20, 10], [20, 20]], np.float32)
    face = Face((10.0, 10.0, 60.0, 60.0), 0.9, points)
    assert roll_of(points) == pytest.approx(90)
    assert set_upright(np.zeros((80, 80, 3), np.uint8), face, Blind()).angle == 0


def test_the_roll_counts_clockwise_from_the_mouth_below_the_eyes():
    eyes_and_mouth = np.array([[40, 40], [60, 40], [50, 50], [42, 65], [58, 65]], float)
    for angle in (0, 30, 90, 135, -60, -170, 180):
        c, s = np.cos(np.radians(angle)), np.sin(np.radians(angle))
        found = roll_of(eyes_and_mouth @ np.array([[c, s], [-s, c]]))
        assert (found - angle + 180) % 360 - 180 == pytest.approx(0, abs=1e-9)
