"""Annotated copies: every frame is there, boxes lie on the faces, and kinds differ in more than colour."""

import av
import numpy as np
import pytest
from PIL import Image

from unmask import annotating
from unmask.annotating import AnnotationError, Label, annotate, drawn
from unmask.faces import Face, FrameFaces
from unmask.scanning import Settings, scan


def frames_of(path):
    with av.open(str(path)) as container:
        return [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]


@pytest.fixture
def result(two_faces, detector, finder):
    return scan(two_faces, Settings(frames=4), detector, finder)


def test_a_video_s_copy_has_every_frame_at_its_time(result, two_faces, finder, tmp_path):
    copy = annotate(two_faces, result, tmp_path / "out", finder)
    assert copy == tmp_path / "out" / "two.annotated.mp4"
    with av.open(str(copy)) as container:
        stream = container.streams.video[0]
        assert (stream.codec_context.name, stream.width, stream.height) == ("h264", 320, 240)
        times = [frame.time for frame in container.decode(stream)]
    np.testing.assert_allclose(times, np.arange(20) / 10, atol=0.011)


def test_boxes_follow_the_faces_between_the_scored_frames(result, two_faces, finder, tmp_path):
    plain, copy = frames_of(two_faces), frames_of(annotate(two_faces, result, tmp_path, finder))
    for number in (3, 9, 16):
        changed = np.abs(copy[number].astype(int) - plain[number]).max(2) > 60
        left = 20 + 2 * number
        # The red face's closed box changes its left edge; the face's middle stays as it was.
        assert changed[60:90, left - 3 : left + 4].any(axis=1).mean() > 0.9
        assert changed[60:90, left + 20 : left + 40].mean() < 0.1


def test_an_image_becomes_a_png(tmp_path, detector, finder, toys):
    path = tmp_path / "face.jpg"
    Image.fromarray(toys.draw([((20, 40, 80, 110), toys.RED)])).save(path, quality=95)
    result = scan(path, Settings(), detector, finder)
    copies = [annotate(path, result, tmp_path) for _ in range(2)]
    assert [copy.name for copy in copies] == ["face.annotated.png", "face-2.annotated.png"]
    assert Image.open(copies[0]).size == (320, 240)


def test_an_image_s_copy_outlines_where_a_blend_seems_to_lie():
    grey = np.full((200, 200, 3), 128, np.uint8)
    region = [(80.0, 100.0, 120.0, 100.0)]
    for kind, wanted in (("above", True), ("below", False)):
        picture = np.asarray(drawn(grey, [Label((40, 60, 140, 160), "", kind, region=region)])).astype(int)
        assert (np.abs(picture[98:103, 90:110] - 128).max() > 30) == wanted


def test_odd_sizes_are_made_even(detector, finder, toys, tmp_path, make_video):
    frames = [toys.draw([((20, 40, 80, 110), toys.BLUE)])[:239, :319]] * 5
    path = make_video(frames, "odd.mp4")
    result = scan(path, Settings(frames=2), detector, finder)
    assert frames_of(annotate(path, result, tmp_path, finder))[0].shape == (240, 320, 3)


def test_kinds_differ_in_line_and_not_in_colour_alone():
    grey = np.full((200, 200, 3), 128, np.uint8)
    edges = {}
    for kind in ("above", "below", "unscored"):
        picture = np.asarray(drawn(grey, [Label((40, 60, 140, 160), "", kind)])).astype(int)
        edges[kind] = (np.abs(picture - 128).max(2) > 30)[100:120, 30:60].sum(axis=1)
    assert edges["below"].max() == 0  # Corners only: the middle of its sides is free.
    assert edges["above"].min() > edges["unscored"].min() > 0


def test_a_face_that_the_scan_did_not_score_is_drawn_as_such(result):
    blue = next(track for track in result.tracks if track.frames[0].box[0] > 150)
    assert annotating._same_face(result, [0.0, 2.0], [(200, 120, 260, 190)] * 2).id == blue.id
    assert annotating._same_face(result, [0.0, 2.0], [(0, 200, 30, 230)] * 2) is None
    stranger = Face((0.0, 200.0, 30.0, 230.0), 0.9, np.zeros((5, 2), np.float32))
    scene = np.full(64, 1 / 8, np.float32)
    found = [FrameFaces([stranger], [time], scene) for time in (0.0, 0.2)]
    (trajectory,) = annotating._trajectories(result, found)
    assert trajectory.at(0.1).words == "not scored" and trajectory.at(1.5) is None


def test_what_was_not_read_is_not_annotated_and_leaves_nothing(tmp_path, detector, finder, two_faces, result):
    (tmp_path / "text.mp4").write_text("not a video")
    broken = scan(tmp_path / "text.mp4", Settings(), detector, finder)
    with pytest.raises(AnnotationError, match="unreadable"):
        annotate(tmp_path / "text.mp4", broken, tmp_path / "out")
    two_faces.write_bytes(b"\0" * 5000)
    with pytest.raises(AnnotationError):
        annotate(two_faces, result, tmp_path / "out", finder)
    assert not list(tmp_path.glob("out/*"))


def test_a_file_of_the_longest_name_has_its_copy(tmp_path, toys, finder, detector):
    path = tmp_path / ("a" * 251 + ".png")
    Image.fromarray(toys.draw([((20, 40, 80, 110), toys.RED)])).save(path)
    copy = annotate(path, scan(path, detector=detector, finder=finder), tmp_path / "copies", finder)
    assert copy.name == "a" * (255 - len(".annotated.png")) + ".annotated.png" and copy.stat().st_size


def test_a_copy_that_finds_no_place_is_one_line(result, two_faces, finder, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(AnnotationError, match="the copy cannot be written: not a directory"):
        annotate(two_faces, result, tmp_path / "file" / "below", finder)
