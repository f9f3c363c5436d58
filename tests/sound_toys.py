"""Toy videos whose sound tells the time: a click at each whole second."""

from fractions import Fraction

import av
import numpy as np

import media_toys as toys

FORMATS = {"pcm_s16le": "s16", "aac": "fltp", "libmp3lame": "fltp", "libopus": "flt", "pcm_f32le": "flt"}


def clicks(seconds, rate, channels=1):
    """(channels, L) float32 with a click in the middle of each second."""
    samples = np.zeros((channels, round(seconds * rate)), np.float32)
    samples[:, rate // 2 :: rate] = 0.9
    return samples


def tone(seconds, rate, hertz, channels=1):
    return np.tile(0.5 * np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate), (channels, 1))


def write(
    path, samples, rate, codec="pcm_s16le", sound_start=0.0, picture_start=0.0, seconds=4.0, layout=None
):
    """Write a video whose sound and pictures begin at times of their own, in seconds."""
    channels = len(samples)
    layout = layout or {1: "mono", 2: "stereo", 3: "2.1", 6: "5.1"}[channels]
    form = FORMATS[codec]
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width, stream.height, stream.pix_fmt = toys.SIDE, 48, "yuv420p"
        track = file.add_stream(codec, rate=rate, layout=layout)
        track.format = form
        items = [
            (picture_start + number / 25, number, None)
            for number in range(round(seconds * 25))
        ] + [
            (sound_start + place / rate, None, samples[:, place : place + 1024])
            for place in range(0, samples.shape[1], 1024)
        ]  # fmt: skip
        for time, number, piece in sorted(items, key=lambda item: item[0]):
            if piece is None:
                frame = av.VideoFrame.from_ndarray(
                    toys.grey_frame(number, round(seconds * 25)), format="rgb24"
                )
                frame.pts, frame.time_base = round(time * 25), Fraction(1, 25)
                file.mux(stream.encode(frame))
                continue
            data = (piece * 32767).astype(np.int16) if form == "s16" else piece.astype(np.float32)
            data = data if form == "fltp" else data.T.reshape(1, -1)
            sound = av.AudioFrame.from_ndarray(np.ascontiguousarray(data), format=form, layout=layout)
            sound.rate, sound.pts, sound.time_base = rate, round(time * rate), Fraction(1, rate)
            file.mux(track.encode(sound))
        file.mux(stream.encode())
        file.mux(track.encode())
    return path
