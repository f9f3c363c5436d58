"""Bursts of large frames: reduced as they arrive, and searched at a reduced size."""

from dataclasses import dataclass

import numpy as np
import pytest

from unmask.faces import Face
from unmask.media import Frame
from unmask.scanning.bursts import find_reduced, reduce_frame


@dataclass(frozen=True)
class Found:
    face: Face


@dataclass(frozen=True)
class FoundFaces:
    faces: tuple[Found, ...]


def frame(width=400, height=200, **changes):
    return Frame(0, 0.5, np.zeros((height, width, 3), np.uint8), **changes)


def test_a_large_frame_is_reduced_and_a_small_one_is_not():
    small = frame()
    assert reduce_frame(small, 80_000).frame is small and reduce_frame(small, 80_000).factor == 1
    reduced = reduce_frame(small, 20_000)
    assert reduced.frame.image.shape == (100, 200, 3)
    assert (reduced.factor, reduced.frame.time) == (2.0, 0.5)


def test_a_picture_that_breaks_off_is_kept():
    broken = frame(present=(0, 0, 400, 120))
    assert reduce_frame(broken, 100).frame is broken


@pytest.mark.parametrize(("smallest", "width"), [(0.0, 400), (50.0, 400), (128.0, 200), (256.0, 100)])
def test_faces_are_found_at_the_size_that_the_smallest_needs_and_told_at_full_size(smallest, width):
    asked = []

    def find(searched):
        asked.append(searched.image.shape[1])
        scale = searched.image.shape[1] / 400
        box = tuple(scale * value for value in (40.0, 20.0, 120.0, 110.0))
        return FoundFaces((Found(Face(box, 0.9, np.full((5, 2), 60 * scale, np.float32))),))

    (one,) = find_reduced(frame(), smallest, find).faces
    assert asked == [width]
    assert one.face.box == pytest.approx((40, 20, 120, 110))
    np.testing.assert_allclose(one.face.landmarks, 60)
