"""A face on every frame, from the frames on which it was searched for."""

import numpy as np
import pytest

from unmask.faces import Face, smooth_squares


def face(x, y, width, height):
    return Face(
        (x - width / 2, y - height / 2, x + width / 2, y + height / 2), 1.0, np.zeros((5, 2), np.float32)
    )


def test_a_face_that_moves_evenly_is_followed_between_the_places():
    places = [0, 5, 10, 12]
    squares = smooth_squares(places, [face(100 + 2 * place, 80, 40, 60) for place in places], 14)
    wanted_x = np.minimum(100 + 2 * np.arange(14), 124)
    # The window is symmetric in places, which lie unevenly before the last one.
    np.testing.assert_allclose(squares[:6, [0, 2]].mean(axis=1), wanted_x[:6], atol=1e-9)
    np.testing.assert_allclose(squares[12:, [0, 2]].mean(axis=1), 124)
    np.testing.assert_allclose(squares[:, 2] - squares[:, 0], 60)
    np.testing.assert_allclose(squares[:, 3] - squares[:, 1], 60)


def test_jitter_of_the_finder_is_averaged():
    rng = np.random.default_rng(0)
    places = list(range(0, 100, 5))
    jitter = rng.normal(0, 3, (len(places), 2))
    faces = [face(200 + x, 150 + y, 80, 100 + 10 * (number % 2)) for number, (x, y) in enumerate(jitter)]
    squares = smooth_squares(places, faces, 96)
    assert np.abs(np.diff(squares[:, 2] - squares[:, 0])).max() < 1
    centres = (squares[:, :2] + squares[:, 2:]) / 2
    assert centres.std() < 150
    assert centres[10:-10].std(axis=0).mean() < 0.8 * jitter.std(axis=0).mean()


def test_a_single_place_stands_still():
    squares = smooth_squares([3], [face(50, 60, 20, 30)], 5)
    assert squares == pytest.approx(np.tile([35, 45, 65, 75], (5, 1)))
