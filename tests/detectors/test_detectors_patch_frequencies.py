"""Frequencies of patches: SciPy's, in the places of a trunk's tokens."""

import numpy as np
import scipy.fft

from unmask.detectors import Trunk
from unmask.detectors.patch_frequencies import FLOOR, PATCH_FREQUENCIES, patch_log_dct


def test_they_are_those_of_scipy_place_by_place():
    crops = np.random.default_rng(0).integers(0, 256, (2, 48, 48, 3), dtype=np.uint8)
    found = patch_log_dct(crops).reshape(2, 3, 3, 3, 16, 16)
    patch = crops[1, 32:48, 16:32].astype(np.float64) / 255
    wanted = np.log(np.abs(scipy.fft.dctn(patch, axes=(0, 1), norm="ortho")) + FLOOR)
    np.testing.assert_allclose(found[1, 2, 1], wanted.transpose(2, 0, 1), atol=0.01)
    assert found.dtype == np.float32


def test_a_trunk_gives_them_before_its_tokens_and_leaves_these_as_they_are():
    crop = np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)
    joined = Trunk(threads=1, earlier=["blocks.4.out", PATCH_FREQUENCIES]).maps(crop)
    np.testing.assert_array_equal(joined[:, :, 768:1536], patch_log_dct(crop))
    np.testing.assert_array_equal(joined[:, :, -768:], Trunk(threads=1).maps(crop))
