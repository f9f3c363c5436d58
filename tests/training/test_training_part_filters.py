"""Part filters are learned from made maps of faces on which two patterns keep their places."""

import numpy as np
import pytest
import torch

from unmask.training.part_filters import FaceViews, PartOptions, fit_part_filters, part_losses

SIDE = 8
PATTERNS = np.eye(2, 6, dtype=np.float32) * 4
ON_FACE = np.array(
    [(-0.25, -0.2), (0.25, 0.25)]
)  # x, y from the middle of the face box, in sides of the face.


def views(faces, rng):
    """Two views of each face: noise, a sign of the place in the crop, and the patterns where the face has them."""
    maps, frames = [], []
    for _ in range(2 * faces):
        left, top = rng.uniform(-0.8, -0.4, 2)
        frame = (left, top, 1.25)
        tokens = rng.normal(0, 0.3, (SIDE, SIDE, 6)).astype(np.float32)
        tokens[..., 4] += np.arange(SIDE)  # What a transformer's tokens know of their place.
        for pattern, (x, y) in zip(PATTERNS, ON_FACE, strict=True):
            column, row = int((x - left) / 1.25 * SIDE), int((y - top) / 1.25 * SIDE)
            tokens[row, column] += pattern
        maps.append(tokens.reshape(-1, 6))
        frames.append(frame)
    paired = np.arange(0, 2 * faces, 2)
    return FaceViews(np.array(maps), np.array(frames, np.float32), paired, paired)


def test_two_patterns_become_two_parts_wherever_the_crop_shows_them():
    rng = np.random.default_rng(0)
    filters = fit_part_filters(views(60, rng), PartOptions(parts=2, steps=150, rate=0.03))
    others = views(20, rng)
    places = filters.places(filters.activations(others.maps))
    on_face = others.frames[:, None, :2] + places * others.frames[:, None, 2:]
    first = np.argmin(np.abs(on_face[0, :, 0] - ON_FACE[0, 0]))
    wanted = ON_FACE if first == 0 else ON_FACE[::-1]
    assert np.mean(np.abs(on_face - wanted).max(-1) < 0.13) > 0.9
    assert filters.visible(filters.activations(others.maps)).mean() == pytest.approx(0.5, abs=0.1)


def test_losses_of_parts_that_are_perfect_and_of_parts_in_one_place():
    heat = torch.zeros(2, 2, SIDE, SIDE)
    heat[:, 0, 2, 2], heat[:, 1, 5, 5] = 1, 1
    frames = torch.tensor([[-0.6, -0.6, 1.2], [-0.6, -0.6, 1.2]])
    perfect = part_losses(heat, frames)
    assert {name: float(loss) for name, loss in perfect.items()} == pytest.approx(
        {"locality": -1, "unicity": 0, "consistency": 0, "spread": 0}, abs=1e-6
    )
    heat[:, 1] = heat[:, 0]
    assert float(part_losses(heat, frames)["unicity"]) == 1
    moved = torch.tensor([[-0.6, -0.6, 1.2], [-0.5, -0.6, 1.2]])
    assert float(part_losses(heat, moved)["consistency"]) == pytest.approx(0.1, abs=1e-6)
