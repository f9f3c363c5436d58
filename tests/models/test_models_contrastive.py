"""Contrastive pre-training: its loss against the formula, and the views that it compares."""

import numpy as np
import torch

from unmask.models.contrastive import contrastive_loss, random_views

torch.set_num_threads(1)


def test_the_loss_is_that_of_the_formula():
    rng = np.random.default_rng(0)
    first, second = (
        rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in rng.normal(size=(2, 3, 5))
    )
    both = [*first, *second]
    losses = []
    for one, row in enumerate(both):
        others = {other: np.exp(row @ both[other] / 0.5) for other in range(6) if other != one}
        losses.append(-np.log(others[(one + 3) % 6] / sum(others.values())))
    found = contrastive_loss(torch.from_numpy(first), torch.from_numpy(second), 0.5)
    np.testing.assert_allclose(found.item(), np.mean(losses), rtol=1e-6)


def test_views_are_pictures_of_their_own():
    torch.manual_seed(0)
    images = torch.rand(4, 3, 16, 16)
    first, second = random_views(images, 0.5), random_views(images, 0.5)
    assert first.shape == images.shape and first.min() >= 0 and first.max() <= 1
    assert (first - second).abs().mean(dim=(1, 2, 3)).min() > 0.01


def test_a_view_of_the_whole_picture_holds_every_pixel_in_its_place_or_mirrored():
    torch.manual_seed(0)
    images = torch.linspace(0.3, 0.5, 8).expand(16, 3, 8, 8)
    views = random_views(images, 1.0)
    steps = views.mean(dim=1).diff(dim=2)
    rising, falling = (steps > 0).all(dim=(1, 2)), (steps < 0).all(dim=(1, 2))
    assert (rising ^ falling).all() and rising.any() and falling.any()
