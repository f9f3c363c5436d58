"""What the media room returns: facts about a file, and frames; and the limits that it keeps."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from unmask.formats.errors import MediaKind
from unmask.formats.generators import OriginMark
from unmask.media.audio import AudioInfo

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Limits:
    """Bounds that a file must keep, so that memory and time stay bounded on untrusted input.

    Parameters
    ----------
    image_bytes, video_bytes
        Size of the file, in bytes.
    image_pixels
        Width x height of an image, read from its header before any pixel is decoded.
    video_side
        Longer side of a video's frames, in pixels.
    decoded_pixels
        Pixels decoded in one sampling of a video; decoding stops there, with the frames found so far.
    packets
        Video packets looked at when a video is surveyed; the rest of the file is ignored.
    decoding_bytes
        Memory of the process that decodes, where files are decoded in a process of their own.
    decoding_seconds
        Time that a scan waits for that process, for one file.
    """

    image_bytes: int = 50_000_000
    image_pixels: int = 75_000_000
    video_bytes: int = 2_000_000_000
    video_side: int = 4096
    decoded_pixels: int = 16_000_000_000
    packets: int = 2_000_000
    decoding_bytes: int = 800_000_000
    decoding_seconds: float = 120.0


@dataclass(frozen=True)
class MediaInfo:
    """Facts about a file: what its header states, put right where reading the file shows it to be wrong or missing.

    Parameters
    ----------
    kind
        ``"image"`` or ``"video"``.
    width, height
        Pixels as stored, before the orientation flag and the shape of the pixels are applied.
    duration
        Seconds that the pictures cover; None for images and where nothing tells.
    frame_rate
        Frames a second; None for images and where the header says nothing.
    codec
        FFmpeg's or Pillow's name of the coding, such as ``"h264"`` or ``"jpeg"``.
    frames
        Number of frames; 1 for an image, None where the header says nothing.
    details
        Sentences for the user about how the file is read, such as which streams are left out.
    damaged
        Number of damaged frames met so far; they are left out.
    parts
        Where, in seconds, further recordings begin in a file of several that were joined or cut.
    audio
        The sound of a video; None where there is none.
    marks
        What its metadata state about its origin.
    """

    kind: MediaKind
    width: int
    height: int
    duration: float | None = None
    frame_rate: float | None = None
    codec: str | None = None
    frames: int | None = None
    details: tuple[str, ...] = ()
    damaged: int = 0
    parts: tuple[float, ...] = ()
    audio: AudioInfo | None = None
    marks: tuple[OriginMark, ...] = ()


@dataclass(frozen=True, eq=False)
class Frame:
    """One picture of a file, upright, with square pixels and in full size.

    Parameters
    ----------
    index
        Place among the sampled frames, from 0.
    time
        Seconds from the first frame of the file.
    image
        (H, W, 3) uint8 RGB.
    present
        (x0, y0, x1, y1) in pixels: the part that was decoded, of a picture that breaks off; the rest is grey. None for
        all of it.
    burst
        Number of the burst that it belongs to, from 0; None where no bursts were wanted, and for images.
    place
        Which frame of its burst it is, from 0.
    """

    index: int
    time: float
    image: np.ndarray
    present: tuple[int, int, int, int] | None = None
    burst: int | None = None
    place: int | None = None
