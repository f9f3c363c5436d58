"""Files that break off, and files that are no media, are told apart."""

import numpy as np
import pytest
from PIL import Image

import media_toys as toys
from unmask.formats.truncation import told_break
from unmask.media import DecodingProcesses, Limits, MediaError, Sampling, open_media


def told(path):
    """What is said about a file in this process; another one says the same."""
    with pytest.raises(MediaError) as here, open_media(path) as media:
        list(media.sample(Sampling(3)))
    with (
        DecodingProcesses(Limits()) as processes,
        pytest.raises(MediaError) as there,
        processes.open(path) as media,
    ):
        list(media.sample(Sampling(3)))
    assert here.value.status == there.value.status == "unreadable"
    assert here.value.detail == there.value.detail
    return here.value.detail


def cut(path, share):
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    return f"{int(share * len(data)):,} of at least "


def test_a_video_whose_index_is_gone(tmp_path):
    path = toys.write_video(tmp_path / "a.mp4")
    there = cut(path, 0.2)
    assert told(path).startswith(f"the file breaks off: {there}")
    assert told(path).endswith("; the index behind them is missing")


def test_a_video_of_which_the_index_alone_is_there(tmp_path):
    path = toys.write_video(tmp_path / "a.mp4", container={"movflags": "faststart"})
    data = path.read_bytes()
    path.write_bytes(data[: data.index(b"mdat") + 20])
    assert told(path).startswith("the file breaks off: ") and "index" not in told(path)


@pytest.mark.parametrize("frames", [1, 6])
def test_an_avif_image_and_animation(tmp_path, frames):
    random = np.random.default_rng(0)
    first, *rest = [
        Image.fromarray(random.integers(0, 255, (64, 64, 3), dtype=np.uint8)) for _ in range(frames)
    ]
    first.save(tmp_path / "a.avif", save_all=frames > 1, append_images=rest, duration=200)
    with (tmp_path / "a.avif").open("rb") as file:
        assert told_break(file) is None
    there = cut(tmp_path / "a.avif", 0.7)
    assert told(tmp_path / "a.avif").startswith(f"the file breaks off: {there}")


def test_a_text_and_a_broken_video_differ(tmp_path):
    (tmp_path / "text.mp4").write_text("hello world, no video\n" * 50)
    assert told(tmp_path / "text.mp4") == "not an image or video"
    path = toys.write_video(tmp_path / "a.mkv")
    path.write_bytes(path.read_bytes()[:60])
    assert told(path) == "the video is broken and cannot be read"


@pytest.mark.parametrize("junk", [b"", bytes(3), bytes(40), b"\0\0\0\x04free"])
def test_hostile_boxes_end(tmp_path, junk):
    (tmp_path / "a.mp4").write_bytes(b"\0\0\0\x10ftypisom\0\0\0\0" + junk)
    with (tmp_path / "a.mp4").open("rb") as file:
        assert told_break(file) is None or "breaks off" in told_break(file)
