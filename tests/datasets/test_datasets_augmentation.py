import io

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from unmask.datasets import (
    Augment,
    AugmentOptions,
    SelfBlender,
    SelfBlendOptions,
    cut_square,
)
from unmask.distortions import codecs, photometry

NOTHING = dict.fromkeys(
    ("flip", "colour", "gamma", "grey", "resize", "blur", "motion", "noise", "jpeg", "webp", "video"), 0.0
)
STILL = {**NOTHING, "zoom": (1.0, 1.0), "shift": 0.0, "size": 256}


def _augment(**changes):
    return Augment(AugmentOptions(**{**STILL, **changes}))


def test_without_changes_the_crop_comes_back(face):
    np.testing.assert_array_equal(_augment()([face], np.random.default_rng(0))[0], face)


@pytest.mark.parametrize(
    "change",
    ["flip", "colour", "gamma", "grey", "resize", "blur", "motion", "noise", "jpeg", "webp", "video"],
)
def test_each_change_is_shared_by_a_pair_and_changes_it(face, change):
    one, other = _augment(**{change: 1.0})([face, face.copy()], np.random.default_rng(3))
    np.testing.assert_array_equal(one, other)
    assert (one != face).any()


def test_pairs_that_are_equal_stay_equal_through_everything(face, mesh, box):
    blend = SelfBlender(SelfBlendOptions(blend_ratios=(0.0,)))(face, mesh, np.random.default_rng(0))
    for seed in range(12):
        real, fake = Augment()([blend.real, blend.fake], np.random.default_rng(seed), box)
        np.testing.assert_array_equal(real, fake)
        assert real.shape == (224, 224, 3) and real.dtype == np.uint8


def test_a_result_depends_on_the_generator_alone(face, box):
    augment = Augment()
    alone = augment([face], np.random.default_rng(5), box)[0]
    paired = augment([face, 255 - face], np.random.default_rng(5), box)[0]
    np.testing.assert_array_equal(alone, paired)
    assert (alone != augment([face], np.random.default_rng(6), box)[0]).any()


def test_a_mask_is_cut_and_flipped_like_its_pictures(face):
    augment = Augment(AugmentOptions(**{**NOTHING, "flip": 0.5, "size": 128}))
    marked = np.zeros_like(face)
    marked[40:120, 30:90] = 255
    for seed in range(6):
        picture = augment([marked], np.random.default_rng(seed), (20.0, 20.0, 200.0, 220.0))[0]
        mask = augment.cut_alike(marked[..., 0], np.random.default_rng(seed), (20.0, 20.0, 200.0, 220.0))
        np.testing.assert_array_equal(mask, picture[..., 0])


def test_shapes_of_a_group_must_agree(face):
    with pytest.raises(ValueError, match="one shape"):
        Augment()([face, face[:-1]], np.random.default_rng(0))


def test_cuts_around_a_box_have_the_drawn_scale(face):
    yy, xx = np.mgrid[:256, :256]
    ruler = np.stack([xx, yy, xx], -1).astype(np.uint8)
    augment = _augment(box_scale=(1.0, 1.0), size=64)
    (cut,) = augment([ruler], np.random.default_rng(0), (100.0, 60.0, 164.0, 100.0))
    # The square is 64 wide around (132, 80): the cut's pixels are the ruler's own.
    np.testing.assert_array_equal(cut[0, :, 0], np.arange(100, 164))
    np.testing.assert_array_equal(cut[:, 0, 1], np.arange(48, 112))
    sides = [
        int(
            np.ptp(
                _augment(box_scale=(0.9, 1.5))([ruler], np.random.default_rng(s), (90, 90, 170, 170))[0][
                    ..., 0
                ]
            )
        )
        for s in range(40)
    ]
    assert 60 < min(sides) < 85 and 105 < max(sides) < 125


def test_cuts_past_the_edge_are_mirrored(face):
    picture = Image.fromarray(face)
    reference = np.pad(face, ((16, 16), (16, 16), (0, 0)), mode="symmetric")
    np.testing.assert_array_equal(np.asarray(cut_square(picture, (-16, -16, 272, 272), 288)), reference)
    small = np.asarray(cut_square(Image.fromarray(face[:32, :32]), (-80, -80, 112, 112), 64))
    assert small.min() > 0


def test_flips_mirror(face):
    np.testing.assert_array_equal(_augment(flip=1.0)([face], np.random.default_rng(0))[0], face[:, ::-1])


def test_video_compression_loses_more_at_a_higher_crf(face):
    errors = []
    for crf in (18, 28, 40):
        once, twice = (codecs.compress_video(Image.fromarray(face), crf, (1, -2)) for _ in range(2))
        assert once.tobytes() == twice.tobytes()
        errors.append(np.abs(np.asarray(once, float) - face).mean())
    assert 0 < errors[0] < errors[1] < errors[2] < 25


def test_odd_sizes_survive_video_compression(face):
    assert codecs.compress_video(Image.fromarray(face[:101, :77]), 23).size == (77, 101)


def test_jpeg_is_what_pillow_makes(face):
    buffer = io.BytesIO()
    Image.fromarray(face).save(buffer, "JPEG", quality=40, subsampling=0)
    reference = np.asarray(Image.open(buffer))
    np.testing.assert_array_equal(np.asarray(codecs.compress_jpeg(Image.fromarray(face), 40, 0)), reference)


def test_colour_changes_follow_their_formulas(face):
    soft = (face // 2 + 64).astype(np.uint8)
    picture = Image.fromarray(soft)
    grey = np.asarray(photometry.change_colour(picture, saturation=0.0), float)
    luma = soft @ np.array([0.299, 0.587, 0.114])
    assert np.abs(grey - luma[..., None]).max() < 1.2
    brighter = np.asarray(photometry.change_colour(picture, brightness=0.1, contrast=0.5), float)
    assert np.abs(brighter - (127.5 + (soft - 127.5) * 0.5 + 25.5)).max() < 1.2
    turned = np.asarray(photometry.change_colour(picture, hue=0.3), float)
    assert np.abs(turned @ [0.299, 0.587, 0.114] - luma).max() < 1.5
    gamma = np.asarray(photometry.change_gamma(picture, 2.0), float)
    assert np.abs(gamma - 255 * (soft / 255) ** 2).max() <= 0.51


def test_colours_are_matched_inside_the_region(face):
    reference = np.clip(face * 0.5 + 90, 0, 255).astype(np.uint8)
    region = Image.new("L", (256, 256), 255)
    matched = np.asarray(
        photometry.match_colour(Image.fromarray(face), Image.fromarray(reference), region), float
    )
    assert np.abs(matched.mean((0, 1)) - reference.mean((0, 1))).max() < 2
    assert np.abs(matched.std((0, 1)) - reference.std((0, 1))).max() < 2


def test_motion_blur_is_a_running_mean(face):
    blurred = photometry.motion_blur(face, 5, 0.0).astype(float)
    reference = ndimage.uniform_filter1d(face.astype(float), 5, axis=1, mode="nearest")
    assert np.abs(blurred - reference).max() <= 1


def test_noise_has_the_asked_deviation(face):
    grey = np.full((256, 256, 3), 128, np.uint8)
    (noisy,) = _augment(noise=1.0, noise_range=(5.0, 5.0))([grey], np.random.default_rng(0))
    assert noisy.astype(float).std() == pytest.approx(5, abs=0.1)
    assert noisy.mean() == pytest.approx(128, abs=0.1)
