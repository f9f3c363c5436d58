"""Frames are shown with square pixels: what is scanned, reported and copied has the shape that a player shows."""

import struct
from fractions import Fraction

import av
import numpy as np
import pytest
from PIL import Image

from stream_toys import BLUE, GREEN, RED, Toy, write_streams
from unmask.annotating import annotate
from unmask.formats.display import square_size
from unmask.media import DecodingProcesses, Limits, Sampling, open_media, video
from unmask.scanning import Settings, scan


def frames_of(path, sampling=2, limits=None):
    with open_media(path, limits) as media:
        return list(media.sample(sampling)), media.info


def corners(width, height):
    """A picture whose left upper corner is red and whose left lower is blue, the rest green."""
    picture = np.full((height, width, 3), GREEN, np.uint8)
    picture[: height // 4, : width // 4] = RED
    picture[-(height // 4) :, : width // 4] = BLUE
    return picture


def extent(image, colour):
    """The box (x0, y0, x1, y1) of what has a colour."""
    near = np.abs(image.astype(int) - colour).max(2) < 60
    rows, columns = np.flatnonzero(near.any(1)), np.flatnonzero(near.any(0))
    return columns[0], rows[0], columns[-1] + 1, rows[-1] + 1


@pytest.mark.parametrize(
    ("size", "aspect", "square"),
    [
        ((720, 576), (16, 15), (768, 576)),
        ((720, 576), (64, 45), (1024, 576)),
        ((720, 480), (8, 9), (720, 540)),
        ((720, 480), (32, 27), (853, 480)),
        ((1440, 1080), (4, 3), (1920, 1080)),
        ((352, 576), (32, 11), (1024, 576)),
        ((64, 128), (1, 2), (64, 256)),
        ((640, 480), (1, 1), (640, 480)),
        ((854, 480), (1281, 1280), (854, 480)),
        ((1920, 1088), (135, 136), (1920, 1088)),
        ((640, 480), (1000, 1), (640, 480)),
        ((640, 480), (1, 65535), (640, 480)),
        ((640, 480), (1, 5), (640, 480)),
        ((4096, 2160), (4, 3), (4096, 1620)),
        ((2160, 4096), (1, 2), (1080, 4096)),
        ((1, 1), (2, 1), (2, 1)),
    ],
)
def test_the_size_with_square_pixels(size, aspect, square):
    assert square_size(*size, Fraction(*aspect), 4096) == square


# Where the ratio is stated: by the container alone, by both, by the coded stream alone.
PLACES = {
    "container": ("mp4", {"codec": "libvpx-vp9"}),
    "both": ("mp4", {}),
    "matroska": ("mkv", {}),
    "stream": ("ts", {}),
    "avi": ("avi", {"codec": "mpeg4"}),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize(
    ("aspect", "shape"), [((4, 3), (96, 171)), ((9, 8), (96, 144)), ((2, 3), (144, 128)), ((1, 1), (96, 128))]
)
def test_frames_are_made_square(tmp_path, place, aspect, shape):
    ending, options = PLACES[place]
    toy = Toy(width=128, height=96, aspect=aspect, picture=corners(128, 96), **options)
    path = write_streams(tmp_path / f"clip.{ending}", toy)
    frames, info = frames_of(path)
    assert len(frames) == 2
    assert (info.width, info.height, info.details) == (128, 96, ())
    for frame in frames:
        assert frame.image.shape == (*shape, 3)
        height, width = shape
        assert extent(frame.image, RED) == pytest.approx((0, 0, width / 4, height / 4), abs=3)
        assert extent(frame.image, BLUE) == pytest.approx((0, height * 3 / 4, width / 4, height), abs=3)


def test_dvd_frames_are_made_square(tmp_path):
    # MPEG-2 states the shape of the frame instead: here 16:9.
    toy = Toy(width=128, height=96, aspect=(4, 3), codec="mpeg2video", picture=corners(128, 96))
    frames, _ = frames_of(write_streams(tmp_path / "clip.vob", toy))
    assert frames[0].image.shape == (96, 171, 3)


@pytest.mark.parametrize(
    ("rotation", "shape", "red"),
    [(90, (171, 96), (0, 1)), (180, (96, 171), (1, 1)), (270, (171, 96), (1, 0))],
)
def test_pixels_are_made_square_before_the_frame_is_turned(tmp_path, rotation, shape, red):
    toy = Toy(width=128, height=96, aspect=(4, 3), picture=corners(128, 96), rotation=rotation)
    frames, _ = frames_of(write_streams(tmp_path / "clip.mp4", toy))
    height, width = shape
    assert frames[0].image.shape == (height, width, 3)
    x0, y0, x1, y1 = extent(frames[0].image, RED)
    assert (x1 - x0, y1 - y0) == pytest.approx((width / 4, height / 4), abs=4)
    assert (x0 > width / 2, y0 > height / 2) == (bool(red[0]), bool(red[1]))


@pytest.mark.parametrize("aspect", [(1000, 1), (1, 1000), (5, 1), (2**31 - 1, 1)])
def test_an_absurd_ratio_is_told_and_not_followed(tmp_path, aspect):
    path = write_streams(tmp_path / "clip.mp4", Toy(aspect=(4, 3), codec="libvpx-vp9"))
    content = path.read_bytes()
    assert content.count(b"pasp" + struct.pack("!2I", 4, 3)) == 1  # No encoder states an absurd one.
    path.write_bytes(
        content.replace(b"pasp" + struct.pack("!2I", 4, 3), b"pasp" + struct.pack("!2I", *aspect))
    )
    frames, info = frames_of(path)
    assert frames[0].image.shape == (48, 64, 3)
    expected = f"the stated pixel aspect ratio {aspect[0]}:{aspect[1]} is implausible and was ignored"
    assert info.details == (expected,)


@pytest.mark.parametrize("aspect", [(0, 0), (0, 1), (1, 0), (2**32 - 1, 1)])
def test_a_ratio_without_meaning_counts_as_none(tmp_path, aspect):
    path = write_streams(tmp_path / "clip.mp4", Toy(aspect=(4, 3), codec="libvpx-vp9"))
    content = path.read_bytes()
    path.write_bytes(
        content.replace(b"pasp" + struct.pack("!2I", 4, 3), b"pasp" + struct.pack("!2I", *aspect))
    )
    frames, info = frames_of(path)
    assert (frames[0].image.shape, info.details) == ((48, 64, 3), ())


def test_a_square_frame_keeps_the_limit_on_its_side(tmp_path):
    path = write_streams(tmp_path / "clip.mp4", Toy(width=128, height=96, aspect=(2, 1)))
    frames, _ = frames_of(path, limits=Limits(video_side=160))
    assert frames[0].image.shape == (60, 160, 3)


def test_a_ratio_that_changes_within_the_stream_is_followed(tmp_path):
    first = write_streams(tmp_path / "a.ts", Toy(aspect=(1, 1), count=30))
    second = write_streams(tmp_path / "b.ts", Toy(aspect=(2, 1), count=30))
    path = tmp_path / "joined.ts"
    path.write_bytes(first.read_bytes() + second.read_bytes())
    shapes = [frame.image.shape[:2] for frame in frames_of(path, Sampling(1, every_frame=True))[0]]
    assert (shapes[0], shapes[-1]) == ((48, 64), (48, 128))


@pytest.mark.parametrize("seek_beyond", [0.1, 60.0])
@pytest.mark.parametrize(
    "sampling", [Sampling(3), Sampling(3, near_keyframes=True), Sampling(3, every_frame=True)]
)
def test_every_way_of_sampling_makes_frames_square(tmp_path, monkeypatch, sampling, seek_beyond):
    monkeypatch.setattr(video, "SEEK_BEYOND_SECONDS", seek_beyond)
    path = write_streams(tmp_path / "clip.mp4", Toy(aspect=(4, 3), count=50, options={"g": "10"}))
    frames, _ = frames_of(path, sampling)
    assert len(frames) >= 3
    assert {frame.image.shape for frame in frames} == {(48, 85, 3)}


def test_the_process_that_decodes_makes_frames_square(tmp_path):
    path = write_streams(tmp_path / "clip.mp4", Toy(aspect=(4, 3), picture=corners(64, 48), rotation=90))
    here, info = frames_of(path)
    with DecodingProcesses(Limits()) as processes, processes.open(path) as media:
        there = list(media.sample(2))
        assert media.info == info
    for one, other in zip(here, there, strict=True):
        np.testing.assert_array_equal(one.image, other.image)


@pytest.mark.parametrize("animated", [False, True], ids=["still", "animated"])
@pytest.mark.parametrize("kind", ["png", "jpeg", "tiff", "gif"])
def test_an_image_s_resolution_does_not_change_its_shape(tmp_path, kind, animated):
    path = tmp_path / f"picture.{kind}"
    pictures = [Image.new("RGB", (64, 48), colour) for colour in (RED, BLUE)]
    more = {"append_images": pictures[1:], "save_all": True} if animated and kind == "gif" else {}
    pictures[0].save(path, dpi=(72, 36), **more)
    if kind == "gif":
        content = bytearray(path.read_bytes())
        content[12] = 113  # Pixels of (113 + 15) : 64.
        path.write_bytes(content)
    assert frames_of(path)[0][0].image.shape == (48, 64, 3)


def test_boxes_reports_and_copies_are_of_the_square_frame(tmp_path, detector, finder, toys):
    square = toys.draw([((40, 60, 100, 120), toys.RED)], (320, 240))
    stored = np.asarray(Image.fromarray(square).resize((240, 240)))
    toy = Toy(width=240, height=240, pixels="yuv444p", aspect=(4, 3), picture=stored, options={"crf": "5"})
    path = write_streams(tmp_path / "clip.mp4", toy)
    result = scan(path, Settings(frames=2, evidence=True), detector, finder)
    assert result.status == "ok"
    for frame in result.tracks[0].frames:
        assert frame.box == pytest.approx((40, 60, 100, 120), abs=3)
    assert {(view.width, view.height) for view in result.evidence.frames} == {(320, 240)}
    with av.open(str(annotate(path, result, tmp_path / "out", finder))) as container:
        stream = container.streams.video[0]
        assert (stream.width, stream.height) == (320, 240)
        assert not stream.sample_aspect_ratio or stream.sample_aspect_ratio == 1
