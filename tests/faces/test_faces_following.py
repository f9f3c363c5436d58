import numpy as np
import pytest

from unmask.faces import find_again

FACE = (120, 60, 180, 130)


def moved(box, by):
    return tuple(value + step for value, step in zip(box, by + by, strict=True))


class Counting:
    """A finder that notes the size of what it is shown."""

    def __init__(self, finder):
        self.finder, self.sizes = finder, []

    def find(self, image):
        self.sizes.append(image.shape[:2])
        return self.finder.find(image)


@pytest.mark.parametrize("by", [(0, 0), (25, -20), (-40, 30)])
def test_a_face_that_moved_is_found_with_a_look_around_its_old_place(toys, finder, by):
    now = moved(FACE, by)
    image = toys.draw([(now, toys.RED)])
    counting = Counting(finder)
    (face,) = find_again(counting, image, [FACE])
    assert np.allclose(face.box, now, atol=2)
    assert len(counting.sizes) == 1 and max(counting.sizes[0]) <= 192


def test_a_large_face_is_looked_at_in_few_pixels_and_brought_back_to_the_frames(toys, finder):
    box = (300, 200, 700, 640)
    image = toys.draw([(moved(box, (30, 20)), toys.BLUE)], size=(1280, 800))
    counting = Counting(finder)
    (face,) = find_again(counting, image, [box])
    assert np.allclose(face.box, moved(box, (30, 20)), atol=8)
    assert max(counting.sizes[0]) <= 192


@pytest.mark.parametrize("now", [(220, 150, 280, 220), (120, 60, 300, 230), (140, 80, 160, 103)])
def test_a_face_that_left_or_changed_its_size_is_looked_for_everywhere(toys, finder, now):
    image = toys.draw([(now, toys.RED)])
    counting = Counting(finder)
    (face,) = find_again(counting, image, [FACE])
    assert np.allclose(face.box, now, atol=2)
    assert counting.sizes[-1] == image.shape[:2]


def test_two_places_that_lead_to_one_face_are_no_answer(toys, finder):
    image = toys.draw([(FACE, toys.RED)])
    counting = Counting(finder)
    assert len(find_again(counting, image, [FACE, moved(FACE, (20, 0))])) == 1
    assert counting.sizes[-1] == image.shape[:2]


def test_without_known_faces_or_with_many_the_whole_frame_is_looked_over(toys, finder):
    image = toys.draw([(FACE, toys.RED)])
    for known in ([], [FACE] * 4):
        counting = Counting(finder)
        find_again(counting, image, known)
        assert counting.sizes == [image.shape[:2]]
