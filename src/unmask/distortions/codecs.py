"""Compression of single pictures as still image or video codecs would do it."""

from __future__ import annotations

import io
from fractions import Fraction

import av
import numpy as np
from av.video.codeccontext import VideoCodecContext
from PIL import Image


def compress_jpeg(picture: Image.Image, quality: int, subsampling: int = 2) -> Image.Image:
    """Encode as JPEG and decode again.

    Parameters
    ----------
    picture
        RGB.
    quality
        1 to 95.
    subsampling
        0 is 4:4:4, 1 4:2:2, 2 4:2:0.
    """
    return _through(picture, "JPEG", quality=quality, subsampling=subsampling)


def compress_webp(picture: Image.Image, quality: int) -> Image.Image:
    """Encode as lossy WebP and decode again.

    Parameters
    ----------
    picture
        RGB.
    quality
        1 to 100.
    """
    return _through(picture, "WEBP", quality=quality, method=1)


def _through(picture: Image.Image, kind: str, **options: int) -> Image.Image:
    buffer = io.BytesIO()
    picture.save(buffer, kind, **options)
    with Image.open(buffer) as decoded:
        picture = decoded.convert("RGB")
    return picture


def compress_video(
    picture: Image.Image, crf: int, shift: tuple[int, int] = (1, 0), preset: str = "veryfast"
) -> Image.Image:
    """Encode as the second frame of an H.264 video and decode again.

    The first frame is the picture moved, so the second is a predicted frame with motion vectors and a residual, as most
    frames of a video are.

    Parameters
    ----------
    picture
        RGB.
    crf
        libx264's rate factor: 18 fine, 40 coarse.
    shift
        Of the first frame, in pixels.
    preset
        libx264's.
    """
    width, height = picture.size
    image = np.asarray(picture)
    image = np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")
    packets = _encode([_shifted(image, shift), image], crf, preset)
    decoder = av.CodecContext.create("h264", "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.thread_count = 1
    frames = [frame for packet in [*packets, None] for frame in decoder.decode(packet)]
    return Image.fromarray(frames[-1].to_ndarray(format="rgb24")[:height, :width])


def _encode(images: list[np.ndarray], crf: int, preset: str) -> list[av.Packet[av.VideoStream]]:
    encoder = av.CodecContext.create("libx264", "w")
    assert isinstance(encoder, VideoCodecContext)
    encoder.height, encoder.width = images[0].shape[:2]
    encoder.pix_fmt = "yuv420p"
    encoder.framerate = Fraction(25)
    # One thread and no look-ahead: the same bytes every time, and nothing to wait for.
    encoder.thread_count = 1
    encoder.options = {"crf": str(crf), "preset": preset, "tune": "zerolatency", "scenecut": "0"}
    packets = []
    for position, image in enumerate(images):
        frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
        frame.pts = position
        packets += encoder.encode(frame)
    return packets + encoder.encode(None)


def _shifted(image: np.ndarray, shift: tuple[int, int]) -> np.ndarray:
    height, width = image.shape[:2]
    reach = max(abs(shift[0]), abs(shift[1]))
    padded = np.pad(image, ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    x, y = reach + shift[0], reach + shift[1]
    return padded[y : y + height, x : x + width]
