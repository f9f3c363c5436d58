import itertools

import numpy as np
import pytest

from unmask.faces import Face, link, scene_of
from unmask.faces.scenes import is_cut


def face(x, y, side=60.0):
    """A face as high as ``side``, around (x, y)."""
    return Face(
        (x - 0.4 * side, y - side / 2, x + 0.4 * side, y + side / 2), 0.9, np.zeros((5, 2), np.float32)
    )


def places(tracks):
    return [[place for place, _ in track.faces] for track in tracks]


ONE_SCENE = np.eye(3, dtype=np.float32)[0]
OTHER_SCENE = np.eye(3, dtype=np.float32)[1]


def test_nothing_gives_no_tracks():
    assert link([]) == []
    assert link([[], [], []]) == []


def test_two_people_who_move_keep_their_tracks():
    frames = [[face(100 + 8 * i, 100), face(300 - 8 * i, 110)] for i in range(10)]
    tracks = link(frames)
    assert [track.id for track in tracks] == [0, 1]
    assert places(tracks) == [list(range(10))] * 2
    assert [found for _, found in tracks[0].faces] == [faces[0] for faces in frames]


def test_the_order_of_the_faces_does_not_matter():
    rng = np.random.default_rng(0)
    frames = [
        [face(80 + 70 * k + rng.normal(0, 9), 100 + rng.normal(0, 9)) for k in range(3)] for _ in range(4)
    ]
    expected = [[id(found) for _, found in track.faces] for track in link(frames)]
    for orders in itertools.product(itertools.permutations(range(3)), repeat=2):
        shuffled = [[frames[0][k] for k in orders[0]], [frames[1][k] for k in orders[1]], *frames[2:]]
        assert [[id(found) for _, found in track.faces] for track in link(shuffled)] == expected


def test_the_closest_pairs_are_joined_first():
    near, far = face(110, 100), face(140, 100)
    tracks = link([[face(112, 100)], [far, near]])
    assert tracks[0].faces[1][1] is near
    assert tracks[1].faces == [(1, far)]


@pytest.mark.parametrize(("missed", "joined"), [(1, True), (3, True), (4, False)])
def test_a_face_may_be_missed_for_some_frames(missed, joined):
    frames = [[face(100, 100)], *[[]] * missed, [face(110, 100)]]
    assert len(link(frames)) == (1 if joined else 2)


def test_boxes_that_do_not_overlap_are_two_people_unless_the_scene_is_known_to_be_the_same():
    frames = [[face(100, 100)], [face(160, 100)]]
    assert len(link(frames)) == 2
    assert len(link(frames, [ONE_SCENE, ONE_SCENE])) == 1


def test_nobody_leaps_across_a_scene():
    assert len(link([[face(100, 100)], [face(300, 100)]], [ONE_SCENE, ONE_SCENE])) == 2


def test_a_cut_ends_every_track():
    frames = [[face(100, 100)]] * 4
    scenes = [ONE_SCENE, ONE_SCENE, OTHER_SCENE, OTHER_SCENE]
    assert places(link(frames, scenes)) == [[0, 1], [2, 3]]


def test_a_much_larger_face_is_another_one():
    assert len(link([[face(100, 100, 40)], [face(100, 100, 90)]])) == 2
    assert len(link([[face(100, 100, 40)], [face(100, 100, 70)]])) == 1


def test_scenes_must_match_the_frames():
    with pytest.raises(ValueError, match="1 scenes for 2 frames"):
        link([[], []], [ONE_SCENE])


def test_movement_and_brightness_are_no_cut_but_another_picture_is(astronaut):
    data = pytest.importorskip("skimage.data")
    here = scene_of(astronaut)
    assert here.shape == (1152,)
    assert not is_cut(here, scene_of(np.roll(astronaut, 30, axis=1)))
    assert not is_cut(here, scene_of((astronaut * 0.2).astype(np.uint8)))
    assert not is_cut(here, scene_of(astronaut[::2, ::2]))
    for name in ("coffee", "rocket", "chelsea"):
        assert is_cut(here, scene_of(getattr(data, name)()))


def test_scenes_of_flat_and_tiny_pictures():
    assert not scene_of(np.zeros((50, 50, 3), np.uint8)).any()
    assert scene_of(np.zeros((1, 1, 3), np.uint8)).shape == (1152,)
