import numpy as np
import pytest
from PIL import Image

from unmask.datasets.augmentation import Augment, AugmentOptions
from unmask.distortions.strong import DEGRADATIONS, draw_degradation


@pytest.fixture
def face():
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((96, 80), Image.Resampling.BICUBIC), float)
    return np.clip(smooth + random.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)


def applied(steps, image):
    picture = Image.fromarray(image)
    for step in steps:
        picture = step(picture)
    return np.asarray(picture)


@pytest.mark.parametrize("name", DEGRADATIONS)
def test_each_changes_the_picture_and_keeps_size_and_kind(name, face):
    for seed in range(5):
        changed = applied(DEGRADATIONS[name](np.random.default_rng(seed), (96, 80)), face)
        assert changed.shape == face.shape and changed.dtype == np.uint8
        assert np.abs(changed.astype(float) - face).mean() > 0.1
        again = applied(DEGRADATIONS[name](np.random.default_rng(seed), (96, 80)), face)
        np.testing.assert_array_equal(changed, again)


def test_a_degradation_is_drawn_at_any_size(face):
    for seed in range(40):
        assert applied(draw_degradation(np.random.default_rng(seed), (96, 80)), face).shape == face.shape


def test_both_pictures_of_a_pair_are_degraded_alike(face):
    augment = Augment(AugmentOptions(size=64, degrade=1.0))
    for seed in range(20):
        one, other = augment([face, face], np.random.default_rng(seed))
        np.testing.assert_array_equal(one, other)


def test_without_it_views_are_what_they_were(face):
    """No number is drawn where nothing is degraded, so that recipes of before give the same views."""
    plain = Augment(AugmentOptions(size=64))([face], np.random.default_rng(3))[0]
    steps = Augment(AugmentOptions(size=64, degrade=0.0))([face], np.random.default_rng(3))[0]
    np.testing.assert_array_equal(plain, steps)
