"""Broken and hostile files: each gives frames or one documented error, quickly, and opens nothing else."""

import http.server
import os
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import media_toys as toys
from unmask.media import Limits, MediaError, open_media

STATUSES = {"unreadable", "unsupported", "too_large"}


def outcome(path, limits=None):
    """The frames, or the error's status; anything else that happens fails the test."""
    try:
        with open_media(path, limits) as media:
            frames = list(media.sample(3))
    except MediaError as error:
        assert error.status in STATUSES
        assert "\n" not in error.detail and error.detail
        assert str(path) not in error.detail
        return error.status
    assert frames
    assert all(frame.image.ndim == 3 for frame in frames)
    return frames


@pytest.fixture
def visited():
    """A web server on this machine that notes who asks."""
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_error(404)

        def log_message(self, *args):
            pass

    server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}", asked
    server.shutdown()
    server.server_close()


DISGUISES = {
    "ffconcat": "ffconcat version 1.0\nfile '{target}'\n",
    "concat list": "file '{target}'\nduration 1\n",
    "HLS": "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n{target}\n#EXT-X-ENDLIST\n",
    "SDP": "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nc=IN IP4 127.0.0.1\nt=0 0\nm=video 5004 RTP/AVP 96\n",
    "DASH": '<?xml version="1.0"?><MPD><Period><BaseURL>{target}</BaseURL></Period></MPD>',
    "data": "data:video/mp4;base64,AAAAIGZ0eXBpc29t",
    "URL": "{target}",
    "SVG": '<svg xmlns="http://www.w3.org/2000/svg"><image href="{target}"/></svg>',
    "text": "hello, this is no video\n" * 10,
}


@pytest.mark.parametrize("disguise", DISGUISES)
@pytest.mark.parametrize("ending", ["mp4", "m3u8", "ffconcat", "jpg"])
def test_playlists_and_texts_are_refused_and_never_followed(tmp_path, visited, disguise, ending):
    address, asked = visited
    secret = toys.write_video(tmp_path / "secret.mp4")
    for target in (secret.name, str(secret), f"file:{secret}", f"{address}/secret.mp4"):
        path = tmp_path / f"disguised.{ending}"
        path.write_text(DISGUISES[disguise].format(target=target))
        assert outcome(path) == "unreadable"
    assert not asked


def test_names_that_look_like_protocols_are_plain_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    content = toys.write_video(tmp_path / "clip.mp4").read_bytes()
    for name in (
        "concat:a|b",
        "data:,x",
        "pipe:0",
        "http:clip.mp4",
        "two\nlines.mp4",
        "-i",
        "%03d.mp4",
        "ü ß.mp4",
    ):
        Path(name).write_bytes(content)
        assert len(outcome(name)) == 3


def test_a_name_that_is_not_utf8(tmp_path):
    content = toys.write_video(tmp_path / "clip.mp4").read_bytes()
    path = tmp_path / os.fsdecode(b"clip\xff.mp4")
    try:
        path.write_bytes(content)
    except OSError:
        pytest.skip("this file system takes UTF-8 names only")
    assert len(outcome(path)) == 3


def test_what_is_not_a_plain_file_is_refused_without_waiting(tmp_path):
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    empty = tmp_path / "empty.mp4"
    empty.touch()
    circle = tmp_path / "circle.mp4"
    circle.symlink_to(circle)
    for path in (pipe, tmp_path, "/dev/zero", empty, circle, tmp_path / "missing.mp4", "bad\0name"):
        assert outcome(path) == "unreadable"


def test_a_link_to_a_file_is_followed(tmp_path):
    link = tmp_path / "link.mp4"
    link.symlink_to(toys.write_video(tmp_path / "clip.mp4"))
    assert len(outcome(link)) == 3


def test_known_contents_that_are_not_read_are_named(tmp_path):
    assert outcome(toys.write_sound(tmp_path / "sound.mp4")) == "unsupported"
    for head in (
        b"RIFF\x24\x00\x00\x00WAVEfmt ",
        b"%PDF-1.7\n",
        b"ID3\x04",
    ):
        path = tmp_path / "file.mp4"
        path.write_bytes(head + bytes(100))
        assert outcome(path) == "unsupported"


def test_files_beyond_the_limit_are_not_opened(tmp_path):
    path = toys.write_video(tmp_path / "clip.mp4")
    assert outcome(path, Limits(video_bytes=100)) == "too_large"
    Image.new("L", (50, 50)).save(tmp_path / "picture.png")
    assert outcome(tmp_path / "picture.png", Limits(image_bytes=10)) == "too_large"
    with (tmp_path / "sparse.mp4").open("wb") as file:
        file.truncate(3_000_000_000)
    assert outcome(tmp_path / "sparse.mp4") == "too_large"


def test_a_gif_of_endless_frames_is_decoded_up_to_the_limit_only(tmp_path):
    path = toys.write_video(tmp_path / "bomb.gif", count=400, codec="gif", pixels="rgb8")
    with open_media(path, Limits(decoded_pixels=8 * 100 * 64 * 48)) as media:
        frames = list(media.sample(4))
    assert 1 <= len(frames) <= 2
    assert frames[-1].time < 150 / 25


def noisy_video(path, **options):
    """A clip whose packets have some size: moving noise."""
    rng = np.random.default_rng(1)
    base = rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)
    pictures = [np.roll(base, shift, axis=1) for shift in range(30)]
    return toys.write_video(path, pictures=pictures, **options)


CLIPS = {
    "front.mp4": {"container": {"movflags": "faststart"}},
    "back.mp4": {},
    "fragments.mp4": {"container": {"movflags": "frag_keyframe+empty_moov"}, "options": {"g": "5"}},
    "clip.mkv": {},
    "clip.ts": {},
    "clip.mpg": {"codec": "mpeg2video"},
    "clip.avi": {"codec": "mpeg4"},
    "clip.gif": {"codec": "gif", "pixels": "rgb8"},
}


@pytest.mark.parametrize("name", CLIPS)
def test_truncated_videos_give_what_can_be_decoded(tmp_path, name):
    path = noisy_video(tmp_path / name, **CLIPS[name])
    content = path.read_bytes()
    decoded = 0
    for tenth in range(1, 10):
        path.write_bytes(content[: len(content) * tenth // 10])
        decoded += not isinstance(outcome(path), str)
    least = {"back.mp4": 0, "clip.avi": 2}  # Up to seven tenths the AVI holds a part of one frame only.
    assert decoded >= least.get(name, 4)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "tiff", "gif"])
def test_truncated_images(tmp_path, ending):
    path = tmp_path / f"picture.{ending}"
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)).save(path)
    content = path.read_bytes()
    for tenth in range(1, 10):
        path.write_bytes(content[: len(content) * tenth // 10])
        outcome(path)


def mutants(content, count, seed):
    """Byte flips, swapped chunks, and lengths made huge."""
    rng = np.random.default_rng(seed)
    for _ in range(count):
        data = np.frombuffer(content, np.uint8).copy()
        kind = rng.integers(3)
        if kind == 0:
            places = rng.integers(0, len(data), rng.integers(1, 40))
            data[places] = rng.integers(0, 256, len(places))
        elif kind == 1:
            size = int(rng.integers(4, max(5, len(data) // 8)))
            a, b = rng.integers(0, len(data) - size, 2)
            data[a : a + size], data[b : b + size] = data[b : b + size].copy(), data[a : a + size].copy()
        else:
            place = rng.integers(0, min(len(data), 600) - 4)
            data[place : place + 4] = 255
        yield data.tobytes()


@pytest.mark.parametrize("name", CLIPS)
def test_mutated_videos(tmp_path, name):
    path = noisy_video(tmp_path / name, **CLIPS[name])
    content = path.read_bytes()
    for mutant in mutants(content, 24, seed=7):
        path.write_bytes(mutant)
        outcome(path)


@pytest.mark.parametrize("ending", ["png", "jpg", "webp", "bmp", "tiff", "gif", "avif"])
def test_mutated_images(tmp_path, ending):
    path = tmp_path / f"picture.{ending}"
    rng = np.random.default_rng(1)
    Image.fromarray(rng.integers(0, 255, (40, 50, 3), dtype=np.uint8)).save(path)
    content = path.read_bytes()
    for mutant in mutants(content, 40, seed=11):
        path.write_bytes(mutant)
        outcome(path)


def test_nothing_is_printed_about_broken_files(tmp_path, capfd):
    path = noisy_video(tmp_path / "clip.mp4")
    content = bytearray(path.read_bytes())
    content[200:2000:7] = b"\xff" * len(content[200:2000:7])
    path.write_bytes(content)
    outcome(path)
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
