"""Lips, sound, and the network that compares them."""

import numpy as np
import pytest
import torch
from scipy.spatial.transform import Rotation

from unmask.models.families.sync import SyncOptions
from unmask.models.lips import CHANNELS, OPENING, LipShape, doubled
from unmask.models.sound import LogMel, mel_filters
from unmask.models.sync import REACH, SyncNetwork, contrastive_loss, similarity, statistics_of


@pytest.fixture
def points():
    """A mesh whose lower inner lip (point 14) moves down and up."""
    rng = np.random.default_rng(0)
    still = rng.uniform(40, 150, (468, 3))
    still[[33, 263, 168, 2, 13, 14]] = [
        [60, 80, 0], [130, 80, 0], [95, 80, 0], [95, 115, 0], [95, 130, 0], [95, 132, 0],
    ]  # fmt: skip
    moving = np.repeat(still[None], 50, axis=0)
    moving[:, 14, 1] += 5 * (1 + np.sin(np.arange(50) / 3))
    return moving


def shape_of(points):
    return LipShape()(torch.tensor(points, dtype=torch.float32)[None])[0].numpy()


def test_the_opening_of_the_mouth_is_measured_in_distances_of_the_eyes(points):
    shape = shape_of(points)
    assert shape.shape == (CHANNELS, 50)
    np.testing.assert_allclose(shape[OPENING], (2 + 5 * (1 + np.sin(np.arange(50) / 3))) / 70, atol=1e-5)


def test_pose_place_and_size_of_the_face_drop_out(points):
    turned = 1.7 * points @ Rotation.from_euler("xyz", [10, -25, 15], degrees=True).as_matrix().T + [
        3,
        -8,
        20,
    ]
    np.testing.assert_allclose(shape_of(turned), shape_of(points), atol=1e-5)


def test_between_frames_the_shape_is_interpolated():
    shape = np.random.default_rng(4).normal(size=(2, CHANNELS, 9))
    wanted = np.apply_along_axis(lambda row: np.interp(np.arange(18) / 2, np.arange(9), row), 2, shape)
    np.testing.assert_allclose(doubled(torch.tensor(shape)).numpy(), wanted, atol=1e-12)


def test_log_mel_bands_are_those_of_a_direct_formula():
    rng = np.random.default_rng(1)
    samples = rng.normal(0, 0.1, 1600).astype(np.float32)
    bands = LogMel()(torch.tensor(samples)[None])[0].numpy()
    assert bands.shape == (40, 10)
    column = samples[160 * 5 - 120 : 160 * 5 - 120 + 400]
    spectrum = np.abs(np.fft.rfft(column * np.hanning(401)[:-1], 512)) ** 2
    np.testing.assert_allclose(bands[:, 5], np.log(mel_filters() @ spectrum + 1e-6), rtol=1e-3)


def test_a_tone_is_loudest_in_the_band_that_holds_it():
    tone = np.sin(2 * np.pi * 1000 * np.arange(16000) / 16000).astype(np.float32)
    bands = LogMel()(torch.tensor(tone)[None])[0].numpy()
    centres = np.argmax(mel_filters(), axis=1) * 16000 / 512
    assert abs(centres[bands[:, 50].argmax()] - 1000) < 100


def test_similarity_is_the_mean_product_at_each_offset():
    rng = np.random.default_rng(2)
    seen, heard = rng.normal(size=(2, 1, 3, 60))
    curve = similarity(torch.tensor(seen), torch.tensor(heard))[0].numpy()
    for offset in (-REACH, -5, 0, 11, REACH):
        frames = [t for t in range(60) if 0 <= t + offset < 60]
        wanted = np.mean([seen[0, :, t] @ heard[0, :, t + offset] / 3 for t in frames])
        assert curve[offset + REACH] == pytest.approx(wanted)


def test_sound_that_is_late_is_found_late():
    rng = np.random.default_rng(3)
    signal = np.convolve(rng.normal(size=400), np.ones(5), "same")
    seen, heard = signal[100:225], signal[88:213]  # What is heard at t was seen at t - 12.
    curve = similarity(torch.tensor(seen)[None, None], torch.tensor(heard)[None, None])
    assert int(curve.argmax()) - REACH == 12
    best, spread, above = statistics_of(curve)[0].tolist()
    assert best < 1 and spread < 3 and above < 0
    assert statistics_of(similarity(torch.tensor(seen)[None, None], torch.tensor(seen)[None, None]))[0, 2] > 0


def test_the_loss_is_smaller_for_sound_that_belongs():
    torch.manual_seed(0)
    network = SyncNetwork(SyncOptions())
    signals = torch.randn(6, 4, 100)
    own = contrastive_loss(network, signals, signals)
    other = contrastive_loss(network, signals, signals.roll(1, 0))
    assert own.shape == (6,) and (own < other).all()


@pytest.mark.parametrize("options", [{}, {"hidden": 8}, {"hidden": 8, "layers": 2}])
def test_both_towers_give_as_many_frames_and_channels_of_one_size(options):
    network = SyncNetwork(SyncOptions(width=3, **options)).eval()
    seen, heard = network(torch.randn(2, CHANNELS, 80), torch.randn(2, 40, 320))
    assert seen.shape == heard.shape == (2, 3, 80)
    for channels in (seen, heard):
        torch.testing.assert_close(channels.square().mean((1, 2)), torch.ones(2), rtol=1e-3, atol=1e-3)


def test_a_transformer_needs_channels_for_its_heads():
    with pytest.raises(ValueError, match="layers needs hidden, a multiple of heads"):
        SyncOptions(layers=1, hidden=6)
