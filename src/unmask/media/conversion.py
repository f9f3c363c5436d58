"""From decoded frames of FFmpeg (PyAV) to pictures in RGB."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from unmask.formats.errors import MediaError, check_memory
from unmask.media.frame import Limits
from unmask.media.picture import CHANNELS, Picture, Turn

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

    from unmask.formats.display import Display


def picture_of(frame: VideoFrame, time: float, limits: Limits, display: Display | None = None) -> Picture:
    """Convert a frame to RGB and square pixels, and turn it upright, by its display matrix.

    Parameters
    ----------
    frame
        As the decoder returned it.
    time
        Of the picture, in seconds.
    limits
        Of the scan.
    display
        Of the frame's stream; without it the pixels are square.

    Raises
    ------
    MediaError
        When the frame is larger than the limit, whatever the header said, or cannot be converted.
    """
    from av.error import FFmpegError

    check_side(frame.width, frame.height, limits)
    options = {} if display is None else display.conversion(frame, limits.video_side)
    try:
        # More threads would each hold memory of their own for as long as the frame lives.
        rgb = frame.reformat(format="rgb24", threads=1, **options)
        plane = rgb.planes[0]
    except (FFmpegError, ValueError) as error:
        check_memory(error)
        raise MediaError("unsupported", "its pixel format cannot be converted to RGB") from error
    side_data: Any = frame.side_data  # PyAV's stubs call this a TypedDict; it is a mapping of buffers.
    matrix = side_data.get("DISPLAYMATRIX")
    turn = Turn.of_display_matrix(None if matrix is None else bytes(matrix))
    strips = _rows(memoryview(plane), rgb.width * CHANNELS, plane.line_size, rgb.height)
    return Picture(time, rgb.width, rgb.height, strips, turn)


def check_side(width: int, height: int, limits: Limits) -> None:
    """Check the longer side of a frame.

    Parameters
    ----------
    width, height
        In pixels.
    limits
        Of the scan.

    Raises
    ------
    MediaError
        ``too_large`` beyond the limit.
    """
    if max(width, height) > limits.video_side:
        raise MediaError(
            "too_large", f"frames of {width}x{height} pixels; the limit is {limits.video_side} a side"
        )


def _rows(pixels: memoryview, row: int, stride: int, rows: int) -> Iterator[memoryview]:
    """Return the rows without the padding at their ends; all in one where there is none."""
    if row == stride:
        yield pixels[: row * rows]
        return
    for number in range(rows):
        yield pixels[number * stride : number * stride + row]
