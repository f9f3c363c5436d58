"""Encode a whole video again with H.264, as a platform does to an upload."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path

import av
import numpy as np
from av.error import FFmpegError
from av.video.stream import VideoStream

from unmask.distortions.levels import PRESET
from unmask.media import MediaError, Sampling, open_isolated

_FALLBACK_RATE = Fraction(25)
_LARGEST_DENOMINATOR = 100_000  # Brings 29.97 back to 30000/1001.


def recode(path: Path, target: Path, crf: int) -> None:
    """Encode every frame of a video with libx264 at a constant rate factor, without sound.

    Parameters
    ----------
    path
        The video.
    target
        File to write, an MP4. A last odd row or column is dropped: 4:2:0 needs even sides.
    crf
        libx264's rate factor, 0 .. 51; higher is coarser.

    Raises
    ------
    MediaError
        The file cannot be read, or no frame of it.
    """
    try:
        with open_isolated(path) as media, av.open(str(target), "w", format="mp4") as sink:
            rate = Fraction(media.info.frame_rate or 0).limit_denominator(_LARGEST_DENOMINATOR)
            options = {"crf": str(crf), "preset": PRESET}
            coded = sink.add_stream("libx264", rate=rate or _FALLBACK_RATE, options=options)
            assert isinstance(coded, VideoStream)
            coded.pix_fmt = "yuv420p"
            # One thread: the same bytes every time; sets are read by several threads anyway.
            coded.thread_count = 1
            count = 0
            for picture in media.sample(Sampling(1, every_frame=True)):
                height, width = (side - side % 2 for side in picture.image.shape[:2])
                if count == 0:
                    coded.height, coded.width = height, width
                if (height, width) != (coded.height, coded.width):
                    continue  # A stream that changes its size; the larger part keeps the first.
                pixels = np.ascontiguousarray(picture.image[:height, :width])
                frame = av.VideoFrame.from_ndarray(pixels, format="rgb24")
                frame.pts = count
                count += 1
                sink.mux(coded.encode(frame))
            if count == 0:
                raise MediaError("unreadable", "no frame of the video can be decoded")
            sink.mux(coded.encode(None))
    except FFmpegError as error:
        raise MediaError("unreadable", "cannot be encoded again") from error
