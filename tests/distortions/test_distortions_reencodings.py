"""The re-encodings of the stability test: each has words, keeps the size, and does what its name says."""

import io

import numpy as np
import pytest
from PIL import Image

from unmask.distortions.photometry import resample
from unmask.distortions.reencodings import REENCODINGS, reencode
from unmask.verdict import REENCODINGS as WORDS


@pytest.fixture
def face():
    random = np.random.default_rng(0)
    coarse = Image.fromarray(random.integers(0, 256, (12, 12, 3), dtype=np.uint8))
    smooth = np.asarray(coarse.resize((97, 81), Image.Resampling.BICUBIC), float)
    return np.clip(smooth + random.normal(0, 4, smooth.shape), 0, 255).astype(np.uint8)


def test_each_is_put_into_words():
    assert list(REENCODINGS) == list(WORDS)


@pytest.mark.parametrize("name", REENCODINGS)
def test_each_changes_the_picture_a_little_and_always_alike(name, face):
    changed = reencode(face, name)
    assert changed.shape == face.shape and changed.dtype == np.uint8
    assert 0.1 < np.abs(changed.astype(float) - face).mean() < 20
    np.testing.assert_array_equal(changed, reencode(face, name))


def test_jpeg_is_that_of_pillow(face):
    buffer = io.BytesIO()
    Image.fromarray(face).save(buffer, "JPEG", quality=70, subsampling="4:2:0")
    np.testing.assert_array_equal(reencode(face, "jpeg_70"), np.asarray(Image.open(buffer)))


def test_scaling_takes_what_is_finer_than_the_smaller_picture():
    stripes = Image.fromarray(np.tile(np.uint8([[[0] * 3], [[255] * 3]]), (20, 40, 1)))
    assert np.ptp(np.asarray(REENCODINGS["scale_50"](stripes))[8:-8]) < 30
    assert resample(stripes, 0.01, Image.Resampling.BICUBIC, Image.Resampling.BICUBIC).size == stripes.size
