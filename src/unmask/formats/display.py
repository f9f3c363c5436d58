"""How the frames of a video stream are shown: with square pixels, and in colours that the scaler can convert."""

from __future__ import annotations

from fractions import Fraction
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.format import VideoFormat
    from av.video.frame import VideoFrame
    from av.video.stream import VideoStream

# Width by height of one pixel. Anamorphic video in use reaches 2.91 (352x576 shown as 16:9).
MAX_PIXEL_ASPECT = Fraction(4)
# Ratios that come from rounding the frame size, such as 1281:1280, are below it; the mildest in use is 16:15.
_ASPECT_TOLERANCE = Fraction(2, 100)

# Matrix coefficients as ITU-T H.273 numbers them; swscale converts by these.
_UNSPECIFIED = 2
_CONVERTIBLE = frozenset({0, 1, _UNSPECIFIED, 4, 5, 6, 7, 9})
_NAMES = {
    3: "reserved",
    8: "YCgCo",
    10: "BT.2020 with constant luminance",
    11: "SMPTE ST 2085",
    12: "chroma-derived",
    13: "chroma-derived with constant luminance",
    14: "ICtCp",
    15: "IPT-C2",
    16: "YCgCo-Re",
    17: "YCgCo-Ro",
}
_BT709, _BT601 = 1, 5  # As swscale numbers them, and below.
_BICUBIC = 4
_HD_WIDTH, _HD_HEIGHT = 1280, 577  # Smallest of either that is above standard definition.

# Image viewers and browsers show each pixel of an image as a square, whatever its header says.
_IMAGE_DEMUXERS = frozenset({"gif", "apng", "webp", "webp_anim"})


class Display:
    """What a stream says about the display of its frames; to be made before any frame is decoded.

    Parameters
    ----------
    stream
        The video stream, just opened.
    """

    def __init__(self, stream: VideoStream) -> None:
        self._context = context = stream.codec_context
        self._format = context.format
        # Some decoders reset what the container says, such as that of VP9.
        self._matrix = context.colorspace
        self._is_image = stream.container.format.name in _IMAGE_DEMUXERS
        self._first_aspect = first = stream.sample_aspect_ratio
        # The container's ratio goes before the coded one, which may change from frame to frame.
        self._container_aspect = None if first == context.sample_aspect_ratio else first

    @property
    def pixel_aspect(self) -> Fraction:
        """Width by height of one pixel of the frame decoded last, positive; 1 where nothing is stated."""
        aspect = self._container_aspect or self._context.sample_aspect_ratio or self._first_aspect
        return aspect if aspect and aspect > 0 and not self._is_image else Fraction(1)

    def conversion(self, frame: VideoFrame, longest: int) -> dict[str, int]:
        """Return what to ask of the scaler for a frame; nothing for an ordinary one.

        Parameters
        ----------
        frame
            The frame decoded last.
        longest
            The longer side's limit, in pixels.
        """
        options: dict[str, int] = {}
        width, height = square_size(frame.width, frame.height, self.pixel_aspect, longest)
        if (width, height) != (frame.width, frame.height):
            options |= {"width": width, "height": height, "interpolation": _BICUBIC}
        stated = self._matrix if frame.colorspace == _UNSPECIFIED else frame.colorspace
        if stated not in _CONVERTIBLE and _has_matrix(frame.format):
            options["src_colorspace"] = _usual_matrix(frame.width, frame.height)
        return options

    def details(self) -> tuple[str, ...]:
        """Return sentences for the user about what in the header cannot be followed."""
        details = []
        aspect = self.pixel_aspect
        if not 1 / MAX_PIXEL_ASPECT <= aspect <= MAX_PIXEL_ASPECT:
            ratio = f"{aspect.numerator}:{aspect.denominator}"
            details.append(f"the stated pixel aspect ratio {ratio} is implausible and was ignored")
        if self._matrix not in _CONVERTIBLE and self._format is not None and _has_matrix(self._format):
            name = _NAMES.get(self._matrix, f"number {self._matrix}")
            taken = _usual_matrix(self._context.width, self._context.height)
            usual = "BT.709" if taken == _BT709 else "BT.601"
            details.append(
                f"colour matrix {name} cannot be converted, {usual} was used: colours are not exact"
            )
        return tuple(details)


def square_size(width: int, height: int, aspect: Fraction, longest: int) -> tuple[int, int]:
    """Return the size of a frame with square pixels, of the shape in which it is shown.

    The shorter direction of the pixels is enlarged, as players do; where a side would be beyond the limit, the whole
    is made smaller. Ratios near 1, and those beyond ``MAX_PIXEL_ASPECT``, leave the size as it is.

    Parameters
    ----------
    width, height
        Pixels as stored.
    aspect
        Width by height of one pixel.
    longest
        The longer side's limit, in pixels.
    """
    if abs(aspect - 1) < _ASPECT_TOLERANCE or not 1 / MAX_PIXEL_ASPECT <= aspect <= MAX_PIXEL_ASPECT:
        return width, height
    wide, high = width * max(aspect, Fraction(1)), height / min(aspect, Fraction(1))
    scale = min(Fraction(1), longest / max(wide, high))
    return max(1, round(wide * scale)), max(1, round(high * scale))


def _has_matrix(pixels: VideoFormat) -> bool:
    return not pixels.is_rgb and len(pixels.components) >= 3


def _usual_matrix(width: int, height: int) -> int:
    """Return the matrix that is usual at a frame size: BT.709 above standard definition, else BT.601."""
    return _BT709 if width >= _HD_WIDTH or height >= _HD_HEIGHT else _BT601
