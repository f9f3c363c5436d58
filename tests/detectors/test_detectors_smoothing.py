"""Noise is estimated, and noisy crops are smoothed before the graph reads them."""

import json

import numpy as np
import pytest
from PIL import Image, ImageFilter
from pydantic import ValidationError
from scipy import ndimage

from toy_detectors import write_detector
from unmask.demo.clips import portrait
from unmask.detectors import load_card, load_detector
from unmask.detectors.inputs import Smoothing
from unmask.detectors.smoothing import noise_of, smoothed

OPTIONS = Smoothing(starts_at=1.0, saturates_at=3.0, sigma=2.0)


def noisy(deviation, side=160):
    slope = np.add.outer(np.arange(side) * 0.5, np.arange(side) * 0.4)[..., None]
    noise = np.random.default_rng(4).normal(0, deviation, (side, side, 1))
    return np.clip(np.rint(30 + slope + noise), 0, 255).astype(np.uint8).repeat(3, axis=2)


@pytest.mark.parametrize("deviation", [2, 5, 12, 25])
def test_noise_on_a_slope_is_measured(deviation):
    assert noise_of(noisy(deviation)) == pytest.approx(deviation, rel=0.06)


def test_the_estimate_is_immerkaers_with_a_median():
    picture = np.asarray(portrait().resize((160, 160)))
    mask = np.array([[1, -2, 1], [-2, 4, -2], [1, -2, 1]])
    answers = np.abs(ndimage.convolve(picture.mean(axis=2), mask)[1:-1, 1:-1])
    assert noise_of(picture) == pytest.approx(np.median(answers) / 6 / 0.6745)


def test_a_flat_crop_has_no_noise_and_stays():
    flat = np.full((32, 32, 3), 90, np.uint8)
    assert noise_of(flat) == 0 and smoothed(flat, OPTIONS) is flat


@pytest.mark.parametrize(("noise", "sigma"), [(2.0, 1.0), (3.0, 2.0), (9.0, 2.0)])
def test_the_smoothing_grows_with_the_noise_up_to_its_sigma(monkeypatch, noise, sigma):
    crop = noisy(5)
    monkeypatch.setattr("unmask.detectors.smoothing.noise_of", lambda crop: noise)
    wanted = np.asarray(Image.fromarray(crop).filter(ImageFilter.GaussianBlur(sigma)))
    np.testing.assert_array_equal(smoothed(crop, OPTIONS), wanted)


def test_a_detector_reads_its_noisy_crops_smoothed(tmp_path):
    # The toy's logit is a mean, which smoothing leaves alone but for clipped values: half of these crops is black.
    crop = np.where(noisy(30, 32) > 80, np.uint8(255), np.uint8(0))
    crop[:, :2] = 255
    plain = load_detector(write_detector(tmp_path / "plain"))
    folder = write_detector(tmp_path / "smooth")
    card = json.loads((folder / "card.json").read_text())
    profile, size = card.pop("crop_profile"), card.pop("input_size")
    spec = {"unit": "face", "crop_profile": profile, "size": size, "smoothing": OPTIONS.model_dump()}
    (folder / "card.json").write_text(json.dumps(card | {"input": spec}))
    smooth = load_detector(folder)
    crops = np.stack([crop, np.full_like(crop, 90)])
    by_hand = np.stack([smoothed(one, OPTIONS) for one in crops])
    np.testing.assert_array_equal(smooth.logits(crops), plain.logits(by_hand))
    np.testing.assert_array_equal(
        smooth.explain({"crops": crops})[0].patch_logits, plain.explain({"crops": by_hand})[0].patch_logits
    )
    assert (
        smooth.logits(crops)[0] != plain.logits(crops)[0]
        and smooth.logits(crops)[1] == plain.logits(crops)[1]
    )


def test_limits_must_be_in_order():
    with pytest.raises(ValidationError, match="starts_at must be below"):
        Smoothing(starts_at=2, saturates_at=2, sigma=1)


def test_the_identity_changes_with_the_smoothing(tmp_path):
    card = load_card(write_detector(tmp_path / "plain"))
    spec = card.input.model_copy(update={"smoothing": OPTIONS})
    assert card.model_copy(update={"input": spec}).identity != card.identity
