"""Of several video streams the one is scanned that a player shows, and the result says what was left out."""

import numpy as np
import pytest
from av.stream import Disposition

import media_toys
from stream_toys import BLUE, GREEN, RED, Toy, write_streams
from unmask.media import DecodingProcesses, Limits, MediaError, Sampling, open_media
from unmask.scanning import Settings, scan

COVER = Toy(GREEN, 640, 480, 1, "mjpeg", "yuvj420p", Disposition.attached_pic)
PICTURE = Toy(GREEN, 640, 480, 1, "mjpeg", "yuvj420p")  # Not marked as a cover.
SMALL, LARGE = Toy(RED), Toy(BLUE, 128, 96)


def colour_of(path, sampling=2):
    """The colour that comes out, one of those that the toys have, and what was told about the file."""
    with open_media(path) as media:
        frames = list(media.sample(sampling))
        means = np.array([frame.image.mean((0, 1)) for frame in frames])
    colours = {name: np.abs(means - name).max() for name in (RED, GREEN, BLUE)}
    colour = min(colours, key=colours.get)
    assert colours[colour] < 12
    return colour, media.info


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv", "avi", "ts"])
@pytest.mark.parametrize("order", [1, -1])
def test_the_largest_is_scanned_where_none_is_the_default(tmp_path, ending, order):
    none = Disposition(0)
    toys = [Toy(RED, disposition=none), Toy(BLUE, 128, 96, disposition=none)][::order]
    colour, info = colour_of(write_streams(tmp_path / f"clip.{ending}", *toys, sound=True))
    if ending in ("mp4", "mov"):  # FFmpeg makes the first one the default where none is.
        assert colour == toys[0].colour
    else:
        assert (colour, info.width) == (BLUE, 128)
    assert len(info.details) == 1


@pytest.mark.parametrize("ending", ["mp4", "mov", "mkv"])
@pytest.mark.parametrize("order", [1, -1])
def test_the_default_goes_before_a_larger_one(tmp_path, ending, order):
    toys = [LARGE, Toy(RED, disposition=Disposition.default)][::order]
    colour, info = colour_of(write_streams(tmp_path / f"clip.{ending}", *toys))
    assert (colour, info.width, info.height) == (RED, 64, 48)
    here, there = (0, 1) if order < 0 else (1, 0)
    assert info.details == (
        f"video stream {here} (h264 64x48) was scanned, left out: stream {there} (h264 128x96)",
    )


def test_of_several_defaults_the_largest_is_scanned(tmp_path):
    toys = [Toy(RED, disposition=Disposition.default), Toy(BLUE, 128, 96, disposition=Disposition.default)]
    assert colour_of(write_streams(tmp_path / "clip.mkv", *toys))[0] == BLUE


def test_of_equals_the_first_is_scanned(tmp_path):
    assert colour_of(write_streams(tmp_path / "clip.ts", Toy(RED), Toy(BLUE), Toy(GREEN)))[0] == RED


@pytest.mark.parametrize("order", [1, -1])
@pytest.mark.parametrize("picture", [COVER, PICTURE], ids=["cover", "one frame"])
@pytest.mark.parametrize("ending", ["mp4", "mkv", "avi"])
def test_no_picture_is_scanned_where_there_is_a_video(tmp_path, ending, picture, order):
    colour, info = colour_of(write_streams(tmp_path / f"clip.{ending}", *[picture, SMALL][::order]))
    assert (colour, info.codec) == (RED, "h264")
    assert "mjpeg 640x480" in info.details[0]


def test_a_cover_is_called_one(tmp_path):
    path = write_streams(tmp_path / "clip.mp4", COVER, SMALL)
    expected = "video stream 0 (h264 64x48) was scanned, left out: stream 1 (cover picture, mjpeg 640x480)"
    assert colour_of(path)[1].details == (expected,)


def test_sound_with_a_cover_is_no_video(tmp_path):
    path = write_streams(tmp_path / "song.mp4", COVER, sound=True)
    with pytest.raises(MediaError, match=r"sound only.*cover picture") as caught:
        open_media(path)
    assert caught.value.status == "unsupported"


def test_a_video_of_one_frame_alone_is_scanned(tmp_path):
    assert colour_of(write_streams(tmp_path / "one.mp4", PICTURE, sound=True))[1].details == ()


def test_one_stream_is_nothing_to_tell(tmp_path):
    path = media_toys.write_video(tmp_path / "clip.mp4", sound=True)
    with open_media(path) as media:
        assert media.info.details == ()


def test_pictures_for_the_deaf_come_after_the_others(tmp_path):
    signing = Disposition.default | Disposition.hearing_impaired
    toys = [Toy(BLUE, 128, 96, disposition=signing), Toy(RED, disposition=Disposition.default)]
    assert colour_of(write_streams(tmp_path / "clip.mkv", *toys))[0] == RED


def test_a_stream_that_cannot_be_decoded_comes_last(tmp_path):
    path = write_streams(tmp_path / "clip.mkv", Toy(BLUE, 128, 96, codec="mpeg4"), SMALL)
    content = path.read_bytes()
    assert content.count(b"V_MPEG4/ISO/ASP") == 1
    path.write_bytes(content.replace(b"V_MPEG4/ISO/ASP", b"V_OTHER/ISO/ASP"))
    colour, info = colour_of(path)
    assert colour == RED
    assert "stream 0 (of unknown coding" in info.details[0]


def test_a_stream_without_frames_is_not_scanned(tmp_path):
    empty = Toy(BLUE, 128, 96, count=0, codec="mpeg4", disposition=Disposition.default)
    assert colour_of(write_streams(tmp_path / "clip.mp4", empty, SMALL))[0] == RED


def test_many_streams_are_not_all_listed(tmp_path):
    path = write_streams(tmp_path / "clip.mkv", *[Toy(RED, count=2) for _ in range(9)])
    (detail,) = colour_of(path)[1].details
    assert detail.endswith("stream 4 (h264 64x48), 4 more")


@pytest.mark.parametrize(
    "sampling", [Sampling(2, every_frame=True), Sampling(2, near_keyframes=True), Sampling(2, every=0.1)]
)
def test_every_way_of_sampling_takes_the_same_stream(tmp_path, sampling):
    assert colour_of(write_streams(tmp_path / "clip.mkv", SMALL, LARGE), sampling)[0] == BLUE


def test_the_process_that_decodes_tells_it_and_so_does_the_result(tmp_path, detector, finder):
    path = write_streams(tmp_path / "clip.mkv", SMALL, LARGE)
    with open_media(path) as here, DecodingProcesses(Limits()) as processes, processes.open(path) as there:
        assert there.info == here.info
        assert there.info.details
    result = scan(path, Settings(frames=2), detector, finder)
    assert result.detail == "; ".join(here.info.details)
