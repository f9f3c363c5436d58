"""One way to follow faces over frames, for scans, preparation, evaluation and annotated copies."""

import numpy as np
import pytest

from unmask.faces import Face, FrameFaces, cut_faces, follow, follow_main_face, scene_of, set_upright


def face(x, side=60.0):
    return Face((x, 40.0, x + side, 40.0 + side), 0.9, upright_landmarks(x, side))


def upright_landmarks(x, side):
    return np.array([[0.3, 0.4], [0.7, 0.4], [0.5, 0.6], [0.35, 0.8], [0.65, 0.8]], np.float32) * side + (
        x,
        40,
    )


SCENE = np.eye(1, 4, dtype=np.float32)[0]
OTHER_SCENE = np.eye(1, 4, 1, dtype=np.float32)[0]


def frames_of(*rows, scenes=None):
    """Frames whose faces keep the name that they are listed with."""
    return [
        FrameFaces([found for found, _ in row], [name for _, name in row], scene)
        for row, scene in zip(rows, scenes or [SCENE] * len(rows), strict=True)
    ]


def test_each_track_has_what_was_kept_of_its_faces():
    frames = frames_of(
        [(face(20), "a0"), (face(200), "b0")], [(face(203), "b1"), (face(24), "a1")], [(face(28), "a2")]
    )
    tracks = follow(frames)
    assert [[followed.kept for followed in track] for track in tracks] == [["a0", "a1", "a2"], ["b0", "b1"]]
    assert [[followed.place for followed in track] for track in tracks] == [[0, 1, 2], [0, 1]]
    assert tracks[1][1].face is frames[1].faces[0]


def test_a_face_object_may_come_again_on_another_frame():
    """A finder may return the same object for frames that look the same."""
    again = face(20)
    (track,) = follow(frames_of([(again, 0)], [(again, 1)], [(again, 2)]))
    assert [followed.kept for followed in track] == [0, 1, 2]


@pytest.mark.parametrize(
    ("cuts", "scenes"), [((2,), None), ((), [SCENE, SCENE, OTHER_SCENE, OTHER_SCENE])], ids=["joined", "cut"]
)
def test_tracks_end_at_cuts(cuts, scenes):
    tracks = follow(frames_of(*([(face(20), place)] for place in range(4)), scenes=scenes), cuts)
    assert [[followed.kept for followed in track] for track in tracks] == [[0, 1], [2, 3]]


def test_the_main_face_is_the_one_on_most_frames_then_the_largest():
    often = frames_of([(face(20), "a"), (face(200, 90.0), "b")], [(face(20), "a")])
    assert [followed.kept for followed in follow_main_face(often)] == ["a", "a"]
    assert [followed.kept for followed in follow_main_face(often[:1])] == ["b"]
    assert follow_main_face(frames_of([], [])) == follow_main_face([]) == []


def test_faces_are_cut_where_they_stand_upright(toys, finder):
    image = toys.draw([((20, 40, 80, 110), toys.RED), ((200, 120, 260, 190), toys.BLUE)])
    faces = finder.find(image)
    seen = cut_faces(image, faces, finder, lambda found, view: (found, view.angle, view.face.box))
    assert seen.faces == faces
    expected = [set_upright(image, found, finder) for found in faces]
    assert seen.kept == [(f, view.angle, view.face.box) for f, view in zip(faces, expected, strict=True)]
    np.testing.assert_array_equal(seen.scene, scene_of(image))
    assert cut_faces(image, faces, finder, lambda *_: None, SCENE).scene is SCENE
