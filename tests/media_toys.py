"""Toy videos whose frames tell their number, and images of every kind."""

from fractions import Fraction

import av
import numpy as np

SIDE = 64


def grey_frame(number, count, width=SIDE, height=48):
    """A flat picture whose brightness is the frame's place in the clip."""
    return np.full((height, width, 3), round(number * 255 / max(1, count - 1)), np.uint8)


def write_video(
    path,
    count=30,
    pictures=None,
    codec="libx264",
    rate=25,
    width=SIDE,
    height=48,
    pixels="yuv420p",
    options=None,
    times=None,
    container=None,
    format=None,
    rotation=None,
    sound=False,
):
    """Write a clip of grey frames (or of the given pictures); ``times`` are in ticks of 1/rate seconds."""
    with av.open(str(path), "w", format=format, options=container or {}) as file:
        stream = file.add_stream(codec, rate=rate, options=options or {})
        stream.width, stream.height, stream.pix_fmt = width, height, pixels
        if rotation is not None:
            stream.set_display_rotation(rotation)
        track = file.add_stream("aac", rate=16000) if sound else None
        for number in range(count):
            picture = pictures[number] if pictures is not None else grey_frame(number, count, width, height)
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            if times is not None:
                frame.pts, frame.time_base = times[number], Fraction(1, rate)
            file.mux(stream.encode(frame))
        file.mux(stream.encode())
        if track:
            write_silence(file, track)
    return path


def write_sound(path):
    with av.open(str(path), "w", format="mp4") as file:
        write_silence(file, file.add_stream("aac", rate=16000))
    return path


def write_silence(file, track):
    for _ in range(20):
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format="fltp", layout="mono")
        frame.rate = 16000
        file.mux(track.encode(frame))
    file.mux(track.encode())


def brightness(frame):
    """The share of the clip (0 to 1) that a frame's grey stands for."""
    return float(frame.image.mean()) / 255
