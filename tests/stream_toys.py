"""Toy files of several video streams, of anamorphic pixels and of any colour matrix and pixel format."""

from dataclasses import dataclass
from fractions import Fraction

import av
import numpy as np
from av.stream import Disposition
from av.video.frame import VideoFrame

import media_toys

RED, GREEN, BLUE = (200, 40, 40), (40, 180, 40), (40, 40, 200)


@dataclass
class Toy:
    """One video stream: a number of equal pictures, of one colour unless given."""

    colour: tuple = RED
    width: int = 64
    height: int = 48
    count: int = 10
    codec: str = "libx264"
    pixels: str = "yuv420p"
    disposition: Disposition | None = None
    aspect: tuple | None = None
    matrix: int | None = None
    tagged: bool = True  # Whether the frames carry the matrix, too, as an encoder wants it.
    rotation: float | None = None
    picture: np.ndarray | None = None
    full_range: bool = False
    options: dict | None = None

    def frame(self):
        picture = self.picture
        if picture is None:
            picture = np.full((self.height, self.width, 3), self.colour, np.uint8)
        frame = VideoFrame.from_ndarray(np.ascontiguousarray(picture), format="rgb24")
        if self.pixels == "pal8":
            # The scaler writes no palette; 3, 3 and 2 bits of each pixel are looked up in one that stands for them.
            return paletted(picture)
        return frame.reformat(format=self.pixels, dst_color_range=2 if self.full_range else None)


def paletted(picture):
    red, green, blue = (picture[..., channel].astype(int) for channel in range(3))
    numbers = (red >> 5 << 5) | (green >> 5 << 2) | (blue >> 6)
    codes = np.arange(256)
    palette = np.stack(
        [np.full(256, 255), (codes >> 5) * 255 // 7, (codes >> 2 & 7) * 255 // 7, (codes & 3) * 255 // 3],
        axis=1,
    )
    return VideoFrame.from_ndarray((numbers.astype(np.uint8), palette.astype(np.uint8)), format="pal8")


def write_streams(path, *toys, sound=False, rate=25):
    """Write the streams, in order, into one file; the ending says which container."""
    with av.open(str(path), "w") as file:
        streams = [_add(file, toy, rate) for toy in toys]
        track = file.add_stream("aac", rate=16000) if sound else None
        for toy, stream in zip(toys, streams, strict=True):
            frame = toy.frame()
            for number in range(toy.count):
                frame.pts, frame.time_base = number, Fraction(1, rate)
                if toy.matrix is not None and toy.tagged:
                    frame.colorspace = toy.matrix
                file.mux(stream.encode(frame))
            file.mux(stream.encode())
        if track:
            media_toys.write_silence(file, track)
    return path


def _add(file, toy, rate):
    stream = file.add_stream(toy.codec, rate=rate, options=toy.options or {})
    stream.width, stream.height, stream.pix_fmt = toy.width, toy.height, toy.pixels
    if toy.aspect is not None:
        stream.codec_context.sample_aspect_ratio = Fraction(*toy.aspect)
    if toy.matrix is not None:
        stream.codec_context.colorspace = toy.matrix
    if toy.full_range:
        stream.codec_context.color_range = 2
    if toy.rotation is not None:
        stream.set_display_rotation(toy.rotation)
    if toy.disposition is not None:
        stream.disposition = toy.disposition
    return stream
