"""Codes a whole video anew with H.264, as a platform does to an upload."""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import Disposition
from av.video.stream import VideoStream
from numpy.typing import NDArray

from unmask.distortions.levels import PRESET
from unmask.formats.content import HEAD_BYTES, content_of
from unmask.media import Limits, MediaError, open_media
from unmask.media.decoding import Decoder, packets_of, upright_rgb

_FALLBACK_RATE = Fraction(25)


def recode(path: Path, target: Path, crf: int, preset: str = PRESET, limits: Limits | None = None) -> None:
    """Code every frame of a video with libx264 at a constant rate factor, without sound.

    Parameters
    ----------
    path
        The video.
    target
        File to write, an MP4. A last odd row or column is dropped: 4:2:0 needs even sides.
    crf
        libx264's rate factor, 0 .. 51; higher is coarser.
    preset
        libx264's preset.
    limits
        Bounds on the input; decoding stops where they are reached.

    Raises
    ------
    MediaError
        The file cannot be read, or no frame of it.
    """
    limits = limits or Limits()
    with open_media(path, limits):
        pass  # Refuses what a scan refuses, for the same reasons.
    with path.open("rb") as file:
        content = content_of(file.read(HEAD_BYTES))
    formats = content.formats if content.kind == "video" else ("gif",)
    reading = {"format_whitelist": ",".join(formats), "protocol_whitelist": "file"}
    try:
        with (
            av.open(f"file:{path.absolute()}", container_options=reading) as source,
            av.open(str(target), "w", format="mp4") as sink,
        ):
            _copy(source, sink, {"crf": str(crf), "preset": preset}, limits)
    except FFmpegError as error:
        raise MediaError("unreadable", "cannot be coded anew") from error


def _copy(
    source: InputContainer,
    sink: OutputContainer,
    options: dict[str, str],
    limits: Limits,
) -> None:
    stream = next(s for s in source.streams.video if not s.disposition & Disposition.attached_pic)
    coded = sink.add_stream("libx264", rate=stream.average_rate or _FALLBACK_RATE, options=options)
    assert isinstance(coded, VideoStream)
    coded.pix_fmt = "yuv420p"
    # One thread: the same bytes every time; sets are read by several threads anyway.
    coded.thread_count = 1
    count = 0
    for image in _images(source, stream, limits):
        height, width = (side - side % 2 for side in image.shape[:2])
        if count == 0:
            coded.height, coded.width = height, width
        if (height, width) != (coded.height, coded.width):
            continue  # A stream that changes its size; the larger part keeps the first.
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image[:height, :width]), format="rgb24")
        frame.pts = count
        count += 1
        sink.mux(coded.encode(frame))
    if count == 0:
        raise MediaError("unreadable", "no frame of the video can be decoded")
    sink.mux(coded.encode(None))


def _images(source: InputContainer, stream: VideoStream, limits: Limits) -> Iterator[NDArray[np.uint8]]:
    decoder = Decoder(stream, limits, skip_unreferenced=False)
    for packet in packets_of(source, stream):
        for _, frame in decoder.decode(packet):
            yield upright_rgb(frame, limits)
        if decoder.exhausted:
            break
    for _, frame in decoder.drain():
        yield upright_rgb(frame, limits)
