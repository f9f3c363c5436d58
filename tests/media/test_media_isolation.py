"""Decoding in a process of its own: the same frames, and every accident one file's status."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import media_toys as toys
from unmask.media import (
    DecodingProcessError,
    DecodingProcesses,
    Limits,
    MediaError,
    Sampling,
    open_media,
)
from unmask.media.isolated import process as decoding_process
from unmask.media.isolated.confinement import isolation

ON_LINUX = pytest.mark.skipif(sys.platform != "linux", reason="needs Linux's /proc")


@pytest.fixture
def processes():
    with DecodingProcesses(Limits()) as started:
        yield started


def processes_answers(media):
    """The pipe over which a file's process answers."""
    return media._process._answers


def bytes_waiting(pipe):
    import fcntl
    import termios

    return int.from_bytes(fcntl.ioctl(pipe.fileno(), termios.FIONREAD, bytes(4)), sys.byteorder)


def write_all_kinds(folder):
    picture = np.random.default_rng(1).integers(0, 255, (40, 50, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(picture).save(folder / "turned.jpg", exif=exif)
    Image.fromarray(np.dstack([picture, picture[..., :1]])).save(folder / "see-through.png")
    Image.fromarray(picture[..., 0].astype(np.int32) * 257).save(folder / "deep.tiff")
    toys.write_video(folder / "clip.mp4")
    toys.write_video(folder / "turned.mp4", count=5, rotation=90)
    toys.write_video(folder / "odd.mkv", width=65, height=49, pixels="yuv444p")
    toys.write_video(folder / "loop.gif", codec="gif", pixels="rgb8")
    return sorted(folder.iterdir())


@pytest.mark.parametrize("hands_over_files", [True, False])
def test_facts_and_frames_are_those_of_decoding_here(tmp_path, monkeypatch, hands_over_files):
    """Also where files cannot be handed over and are opened by their path, as on Windows."""
    monkeypatch.setattr(
        decoding_process, "HANDS_OVER_FILES", hands_over_files and decoding_process.HANDS_OVER_FILES
    )
    with DecodingProcesses(Limits()) as processes:
        for path in write_all_kinds(tmp_path):
            with processes.open(path) as there, open_media(path) as here:
                assert there.info == here.info
                for order in (
                    3,
                    Sampling(4, near_keyframes=True),
                    Sampling(8, near_keyframes=True, exclude=[0.0]),
                ):
                    got, expected = list(there.sample(order)), list(here.sample(order))
                    assert [(f.index, f.time) for f in got] == [(f.index, f.time) for f in expected]
                    assert all(np.array_equal(a.image, b.image) for a, b in zip(got, expected, strict=True))


def pids(processes):
    return [process._process.pid for process in processes._idle]


def test_one_process_does_file_after_file(tmp_path, processes):
    path = toys.write_video(tmp_path / "clip.mp4")
    (tmp_path / "text.mp4").write_text("no video")
    seen = set()
    for name in (path, tmp_path / "text.mp4", path, tmp_path / "missing.mp4", path):
        try:
            with processes.open(name) as media:
                assert len(list(media.sample(2))) == 2
        except MediaError as error:
            assert error.status == "unreadable"
        seen |= set(pids(processes))
    assert len(seen) == 1


def test_files_open_at_a_time_have_a_process_each(tmp_path, processes):
    path = toys.write_video(tmp_path / "clip.mp4")

    def shades(_):
        with processes.open(path) as media:
            return [toys.brightness(frame) for frame in media.sample(5)]

    with ThreadPoolExecutor(3) as threads:
        results = list(threads.map(shades, range(6)))
    assert all(result == results[0] for result in results)
    with processes.open(path), processes.open(path):
        assert pids(processes) != []


@pytest.mark.skipif(not hasattr(signal, "SIGSEGV"), reason="no such signal")
def test_a_crash_costs_one_file(tmp_path, processes):
    path = toys.write_video(tmp_path / "clip.mp4", count=60, width=640, height=480)
    with processes.open(path) as media:
        frames = iter(media.sample(40))
        next(frames)
        os.kill(media._process._process.pid, signal.SIGSEGV)
        with pytest.raises(MediaError, match="the decoder crashed on it") as caught:
            list(frames)
        assert caught.value.status == "unreadable"
    with processes.open(path) as media:
        assert len(list(media.sample(4))) == 4


@pytest.mark.skipif(not hasattr(signal, "SIGSTOP"), reason="no such signal")
def test_a_hang_ends_at_the_limit(tmp_path):
    path = toys.write_video(tmp_path / "clip.mp4", count=60, width=640, height=480)
    with DecodingProcesses(Limits(decoding_seconds=4.0)) as processes:
        with processes.open(path) as media:
            process = media._process._process
            os.kill(process.pid, signal.SIGSTOP)
            started = time.monotonic()
            with pytest.raises(MediaError, match="longer than 4 s") as caught:
                list(media.sample(4))
        assert caught.value.status == "too_large" and time.monotonic() - started < 20
        assert process.poll() is not None


@pytest.mark.slow
@ON_LINUX
def test_memory_is_bounded(tmp_path):
    Image.new("RGB", (5000, 5000)).save(tmp_path / "large.png")
    Image.new("RGB", (50, 50)).save(tmp_path / "small.png")
    video = toys.write_video(tmp_path / "large.mp4", count=30, width=2560, height=2560)
    with DecodingProcesses(Limits(decoding_bytes=100_000_000)) as processes:
        for path in (tmp_path / "large.png", video):
            with pytest.raises(MediaError, match="memory") as caught, processes.open(path) as media:
                list(media.sample(8))
            assert caught.value.status == "too_large"
        with processes.open(tmp_path / "small.png") as media:
            assert len(list(media.sample(1))) == 1


@ON_LINUX
def test_processor_time_is_bounded(tmp_path):
    code = """
    from unmask.media.isolated.confinement import bound_seconds
    bound_seconds(0.5)
    while True:
        pass
    """
    assert run(code).returncode == -signal.SIGXCPU


def run(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code), *map(str, arguments)], capture_output=True, timeout=60
    )


@ON_LINUX
def test_no_file_can_be_opened_or_written(tmp_path):
    (tmp_path / "secret.txt").write_text("secret")
    code = """
    import os, socket, sys
    from unmask.media.isolated.confinement import bound_resources, forbid_files
    if not forbid_files([os.path.dirname(os.__file__)]):
        sys.exit(77)
    bound_resources(10**9)
    import wave  # A module below the folder that may be read.
    for action in (
        lambda: open(sys.argv[1]),
        lambda: open(sys.argv[1] + ".new", "w"),
        lambda: os.listdir(os.path.dirname(sys.argv[1])),
        lambda: os.unlink(sys.argv[1]),
        lambda: os.execv("/bin/sh", ["sh"]),
        lambda: open(os.__file__, "a"),
    ):
        try:
            action()
        except OSError as error:
            continue
        sys.exit(3)
    """
    done = run(code, tmp_path / "secret.txt")
    if done.returncode == 77:
        pytest.skip("this kernel has no Landlock")
    assert done.returncode == 0, done.stderr.decode()
    assert [path.name for path in tmp_path.iterdir()] == ["secret.txt"]


@ON_LINUX
def test_no_network_can_be_used():
    code = """
    import errno, socket, sys
    from unmask.media.isolated.confinement import leave_network
    with socket.create_server(("127.0.0.1", 0)) as server, socket.socket(type=socket.SOCK_DGRAM) as there:
        there.bind(("127.0.0.1", 0))
        address, datagrams = server.getsockname(), there.getsockname()
        if not leave_network():
            sys.exit(77)
        for kind, to in (
            (socket.SOCK_STREAM, address),
            (socket.SOCK_DGRAM, datagrams),
            (socket.SOCK_DGRAM, ("192.0.2.1", 53)),
        ):
            with socket.socket(type=kind) as here:
                try:
                    here.connect(to)
                    here.send(b"x")
                except OSError as error:
                    assert error.errno == errno.ENETUNREACH, error
                    continue
            sys.exit(3)
    """
    done = run(code)
    if done.returncode == 77:
        pytest.skip("this system allows no namespaces")
    assert done.returncode == 0, done.stderr.decode()


@ON_LINUX
def test_what_is_said_to_confine_the_process_does(tmp_path, processes):
    """All of its threads: Landlock binds the thread that asks for it, and those that it starts."""
    path = toys.write_video(tmp_path / "clip.mp4", count=60, width=640, height=480)
    assert processes.isolation is None
    with processes.open(path) as media:
        frames = media.sample(40)
        next(frames)
        pid = media._process._process.pid
        said = processes.isolation
        threads = [status.read_text() for status in Path(f"/proc/{pid}/task").glob("*/status")]
        assert len(threads) > 1
        if "landlock" in said:
            assert all("NoNewPrivs:\t1" in status for status in threads)
        networks = {Path(f"/proc/{who}/ns/net").readlink() for who in (pid, "self")}
        assert ("namespaces" in said) == (len(networks) == 2)
    assert said in ("process", "namespaces") or said.startswith("landlock ")


@pytest.mark.parametrize(
    ("landlock", "namespaces", "said"),
    [
        (0, False, "process"),
        (4, True, "landlock 4 + namespaces"),
        (3, False, "landlock 3"),
        (0, True, "namespaces"),
    ],
)
def test_what_holds_is_said_in_one_line(landlock, namespaces, said):
    assert isolation(landlock, namespaces) == said


# A process started in the background of a script ignores Ctrl-C unless it is told otherwise.
HOLDER = """
import signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from unmask.media import DecodingProcesses, Limits
with DecodingProcesses(Limits()) as processes:
    media = processes.open(sys.argv[1])
    frames = media.sample(40)
    next(frames)
    print(media._process._process.pid, flush=True)
    time.sleep(60)
"""


@ON_LINUX
@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_no_process_is_left_behind(tmp_path, end):
    path = toys.write_video(tmp_path / "clip.mp4", count=60, width=640, height=480)
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    with holder.stdout:
        child = int(holder.stdout.readline())
    os.killpg(holder.pid, end)
    holder.wait(30)
    deadline = time.monotonic() + 30
    while Path(f"/proc/{child}").exists() and "State:\tZ" not in status_of(child):
        assert time.monotonic() < deadline, "the process that decodes outlives its scan"
        time.sleep(0.05)


def status_of(pid):
    try:
        return Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return "State:\tZ"


def test_a_process_that_cannot_start_is_no_fault_of_the_files(tmp_path, monkeypatch):
    path = toys.write_video(tmp_path / "clip.mp4")
    for program in (str(tmp_path / "no-python"), "/bin/false"):
        monkeypatch.setattr(sys, "executable", program)
        with DecodingProcesses(Limits()) as processes, pytest.raises(DecodingProcessError):
            processes.open(path)


def test_a_sampling_given_up_halfway_ends_its_process_and_not_the_next_file(tmp_path, processes):
    path = toys.write_video(tmp_path / "clip.mp4", count=60, width=640, height=480)
    with processes.open(path) as media:
        next(media.sample(40))
    with processes.open(path) as media:
        assert len(list(media.sample(2))) == 2


def test_a_sampling_that_nobody_reads_ends_with_its_file(tmp_path, processes):
    path = toys.write_video(tmp_path / "clip.mp4", count=60, width=640, height=480)
    with processes.open(path) as media:
        media.sample(40)
        with pytest.raises(RuntimeError, match="one sampling"):
            media.sample(2)
    with processes.open(path) as media:
        assert len(list(media.sample(2))) == 2


@ON_LINUX
def test_a_file_is_decoded_before_its_first_frame_is_asked_for(tmp_path, processes):
    path = toys.write_video(tmp_path / "clip.mp4", count=5, width=64, height=48)
    with processes.open(path) as media:
        frames = media.sample(5)
        answers, there = processes_answers(media), 0
        until = time.monotonic() + 30
        while there < 5 * 64 * 48 * 3 and time.monotonic() < until:
            there = bytes_waiting(answers)
        assert there >= 5 * 64 * 48 * 3
        assert len(list(frames)) == 5


def test_a_picture_larger_than_it_may_be_is_not_believed(tmp_path, processes, monkeypatch):
    path = toys.write_video(tmp_path / "clip.mp4")
    with processes.open(path) as media:
        lie = {"time": 0.0, "width": 10**6, "height": 10**6, "turn": {}}
        monkeypatch.setattr(media._process, "_receive", lambda: lie)
        with pytest.raises(MediaError) as caught:
            next(media.sample(1))
    assert caught.value.status == "unreadable"


def test_nothing_is_printed(tmp_path, capfd):
    path = tmp_path / "clip.mp4"
    content = bytearray(toys.write_video(path).read_bytes())
    content[200:2000:7] = b"\xff" * len(content[200:2000:7])
    path.write_bytes(content)
    with DecodingProcesses(Limits()) as processes:
        try:
            with processes.open(path) as media:
                list(media.sample(3))
        except MediaError:
            pass
    captured = capfd.readouterr()
    assert captured.out == captured.err == ""
