"""The layers of animated GIF, PNG and WebP files, read from their containers without decoding any pixel."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from struct import Struct
from typing import BinaryIO, Literal, NamedTuple

Disposal = Literal["keep", "clear", "restore"]
Span = tuple[int, int]

MAX_LAYERS = 100_000

# Browsers show pictures that state hardly any duration for a tenth of a second.
_TOO_SHORT = 0.0105
_DEFAULT_SECONDS = 0.1
_PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_CHUNK = Struct(">I4s")
_FRAME_CONTROL = Struct(">IIIIIHHBB")
_GIF_SCREEN = Struct("<6sHHBBB")
_GIF_IMAGE = Struct("<HHHHB")


class Layer(NamedTuple):
    """One picture of an animation, and how it changes the canvas.

    Parameters
    ----------
    left, top, width, height
        Its place on the canvas, in pixels.
    duration
        Seconds for which it is shown.
    over
        Whether it is blended over the canvas; otherwise it replaces the pixels, transparent ones too.
    disposal
        What becomes of its place afterwards: ``"keep"``, ``"clear"`` (transparent) or ``"restore"`` (as before).
    spans
        (start, end) of its coded data in the file, in bytes.
    control
        What else the container says about its coding.
    """

    left: int
    top: int
    width: int
    height: int
    duration: float
    over: bool
    disposal: Disposal
    spans: tuple[Span, ...]
    control: bytes = b""

    def covers(self, width: int, height: int) -> bool:
        """Return whether it covers a canvas.

        Parameters
        ----------
        width, height
            Of the canvas, in pixels.
        """
        return (
            self.left <= 0
            and self.top <= 0
            and self.left + self.width >= width
            and self.top + self.height >= height
        )


@dataclass(frozen=True)
class Animation:
    """The layers of a file, in order.

    Parameters
    ----------
    width, height
        Of the canvas, in pixels.
    layers
        At most ``MAX_LAYERS``, those only whose data are all there.
    ends_early
        Whether the file breaks off.
    extract
        Makes of a layer a file of its own that a decoder for stills reads.
    hides_still
        Whether there is another picture, for programs that know no animation only.
    enlarged
        Whether the first picture is larger than the stated canvas.
    exif
        EXIF data of the file.
    """

    width: int
    height: int
    layers: tuple[Layer, ...]
    ends_early: bool
    extract: Callable[[Layer], bytes] = field(repr=False)
    hides_still: bool = False
    enlarged: bool = False
    exif: bytes = b""

    @property
    def times(self) -> list[float]:
        """When each layer comes up, in seconds, and when the last one ends."""
        times = [0.0]
        for layer in self.layers:
            times.append(times[-1] + layer.duration)
        return times

    @property
    def keys(self) -> list[int]:
        """Numbers of the layers that do not depend on those before them, ascending."""
        size = self.width, self.height
        keys = [0]
        for number, (before, layer) in enumerate(pairwise(self.layers), start=1):
            is_cleared = before.disposal == "clear" and before.covers(*size)
            is_whole = layer.covers(*size) and not layer.over and layer.disposal != "restore"
            if is_cleared or is_whole:
                keys.append(number)
        return keys


def may_be_animated(file: BinaryIO) -> bool:
    """Return whether the header of a PNG or WebP file says that it is animated.

    Parameters
    ----------
    file
        At its beginning.
    """
    head = file.read(21)
    if head[:4] == b"RIFF":
        return head[12:16] == b"VP8X" and len(head) > 20 and bool(head[20] & 0x02)
    place = 8
    while True:
        file.seek(place)
        chunk = file.read(8)
        if len(chunk) < 8 or chunk[4:] in (b"IDAT", b"IEND"):
            return False
        if chunk[4:] == b"acTL":
            return True
        place += 12 + int.from_bytes(chunk[:4], "big")


def gif_animation(data: bytes) -> Animation | None:
    """Read the layers of a GIF file; None when it holds no picture.

    Parameters
    ----------
    data
        The whole file.
    """
    if len(data) < _GIF_SCREEN.size:
        return None
    _, width, height, flags, _, _ = _GIF_SCREEN.unpack_from(data)
    place = _GIF_SCREEN.size + _table_bytes(flags)
    table = data[_GIF_SCREEN.size : place]
    layers: list[Layer] = []
    control = b""
    cut = True
    while place < len(data) and len(layers) < MAX_LAYERS:
        kind = data[place]
        if kind == 0x3B:
            cut = False
            break
        if kind == 0x21:
            if data[place + 1 : place + 3] == b"\xf9\x04":
                control = data[place + 3 : place + 7]
            end = _after_blocks(data, place + 2)
        elif kind == 0x2C:
            if place + 11 > len(data):
                break
            left, top, columns, rows, coding = _GIF_IMAGE.unpack_from(data, place + 1)
            end = _after_blocks(data, place + 11 + _table_bytes(coding))
            holds_data = end is not None and end - place > 13 + _table_bytes(coding)
            if end is not None and holds_data and columns and rows:
                span = (place + 9, end)
                layers.append(
                    Layer(left, top, columns, rows, *_gif_control(control), spans=(span,), control=control)
                )
            control = b""
        else:
            # Neither an extension nor a picture: browsers stop here too.
            cut = False
            break
        if end is None:
            break
        place = end
    if not layers:
        return None
    # As browsers do: a first picture that is larger than the screen enlarges it.
    stated = width, height
    width = max(width, layers[0].left + layers[0].width)
    height = max(height, layers[0].top + layers[0].height)

    def extract(layer: Layer) -> bytes:
        head = _GIF_SCREEN.pack(b"GIF89a", layer.width, layer.height, flags, 0, 0) + table
        extension = b"\x21\xf9\x04" + bytes([layer.control[0] & 1]) + layer.control[1:] + b"\0"
        image = b"\x2c" + Struct("<HHHH").pack(0, 0, layer.width, layer.height)
        ((start, end),) = layer.spans
        return head + (extension if layer.control else b"") + image + data[start:end] + b"\x3b"

    # A missing trailer alone costs nothing.
    ends_early = cut and len(layers) < MAX_LAYERS and place < len(data)
    enlarged = (width, height) != stated
    return Animation(width, height, tuple(layers), ends_early, extract, enlarged=enlarged)


def _table_bytes(flags: int) -> int:
    """Return the size of the colour table that a GIF block's flags announce."""
    return 3 << ((flags & 7) + 1) if flags & 0x80 else 0


def _after_blocks(data: bytes, place: int) -> int | None:
    """Return where a chain of GIF sub-blocks ends; None when the file ends before."""
    while place < len(data):
        length = data[place]
        place += 1 + length
        if length == 0:
            return place
    return None


def _gif_control(control: bytes) -> tuple[float, bool, Disposal]:
    if not control:
        return _seconds(0.0), True, "keep"
    disposals: dict[int, Disposal] = {2: "clear", 3: "restore"}
    disposal = disposals.get(control[0] >> 2 & 7, "keep")
    return _seconds(int.from_bytes(control[1:3], "little") / 100), True, disposal


def png_animation(data: bytes) -> Animation | None:
    """Read the layers of a PNG file; None for a still, or where what moves is not described as it should be.

    A default image that is no part of the animation is left out, as browsers do.

    Parameters
    ----------
    data
        The whole file.
    """
    place, header, palette, exif = len(_PNG_SIGNATURE), b"", b"", b""
    wanted = 0
    layers: list[Layer] = []
    control, spans = b"", list[Span]()
    hides_still = seen_still = False
    ends_early = True
    while place + 8 <= len(data):
        length, kind = _CHUNK.unpack_from(data, place)
        start, end = place + 8, place + 8 + length
        if kind == b"IEND":
            ends_early = False
            break
        if end > len(data):
            spans = []
            break
        place = end + 4
        if kind == b"IHDR":
            header = data[start:end]
        elif kind in (b"PLTE", b"tRNS"):
            palette += data[start - 8 : end + 4]
        elif kind == b"eXIf":
            exif = b"Exif\0\0" + data[start:end]
        elif kind == b"acTL" and not seen_still:
            wanted = min(int.from_bytes(data[start : start + 4], "big"), MAX_LAYERS)
        elif kind == b"fcTL":
            layers += _png_layers(control, spans)
            control, spans = data[start:end], []
        elif kind == b"IDAT":
            seen_still = True
            hides_still |= not control
            if control:
                spans.append((start, end))
        elif kind == b"fdAT":
            spans.append((start + 4, end))
    layers += _png_layers(control, spans)
    layers = layers[:wanted]
    if len(header) != 13 or not layers:
        return None
    width, height = (int.from_bytes(header[place : place + 4], "big") for place in (0, 4))
    if layers[0].disposal == "restore":
        layers[0] = layers[0]._replace(disposal="clear")

    def extract(layer: Layer) -> bytes:
        size = layer.width.to_bytes(4, "big") + layer.height.to_bytes(4, "big")
        coded = b"".join(data[start:end] for start, end in layer.spans)
        return (
            _PNG_SIGNATURE
            + _chunk(b"IHDR", size + header[8:])
            + palette
            + _chunk(b"IDAT", coded)
            + _chunk(b"IEND", b"")
        )

    return Animation(width, height, tuple(layers), ends_early, extract, hides_still=hides_still, exif=exif)


def _png_layers(control: bytes, spans: list[Span]) -> list[Layer]:
    """Return the layer that a frame control chunk and the data behind it make, if they do."""
    if len(control) < _FRAME_CONTROL.size or not spans:
        return []
    _, width, height, left, top, parts, whole, disposal, blend = _FRAME_CONTROL.unpack_from(control)
    if not (width and height):
        return []
    disposals: dict[int, Disposal] = {1: "clear", 2: "restore"}
    seconds = _seconds(parts / (whole or 100))
    kept = disposals.get(disposal, "keep")
    return [Layer(left, top, width, height, seconds, blend == 1, kept, tuple(spans))]


def _chunk(kind: bytes, content: bytes) -> bytes:
    return _CHUNK.pack(len(content), kind) + content + zlib.crc32(kind + content).to_bytes(4, "big")


def webp_animation(data: bytes) -> Animation | None:
    """Read the layers of a WebP file; None for a still.

    Parameters
    ----------
    data
        The whole file.
    """
    if data[12:16] != b"VP8X" or len(data) < 30 or not data[20] & 0x02:
        return None
    width, height = (int.from_bytes(data[place : place + 3], "little") + 1 for place in (24, 27))
    layers: list[Layer] = []
    end_of_file = 8 + int.from_bytes(data[4:8], "little")
    ends_early = end_of_file > len(data)
    exif = b""
    for kind, start, end in _riff_chunks(data, 12, len(data)):
        if kind == b"EXIF":
            exif = data[start:end]
        if kind != b"ANMF" or end - start < 16 or len(layers) == MAX_LAYERS:
            continue
        left, top, columns, rows, milliseconds = (
            int.from_bytes(data[place : place + 3], "little") for place in range(start, start + 15, 3)
        )
        flags = data[start + 15]
        disposal: Disposal = "clear" if flags & 1 else "keep"
        layers.append(
            Layer(
                2 * left,
                2 * top,
                columns + 1,
                rows + 1,
                _seconds(milliseconds / 1000),
                not flags & 2,
                disposal,
                ((start + 16, end),),
            )
        )

    def extract(layer: Layer) -> bytes:
        ((start, end),) = layer.spans
        chunks = data[start:end]
        if any(kind == b"ALPH" for kind, *_ in _riff_chunks(data, start, end)):
            size = (layer.width - 1).to_bytes(3, "little") + (layer.height - 1).to_bytes(3, "little")
            chunks = b"VP8X" + (10).to_bytes(4, "little") + b"\x10\0\0\0" + size + chunks
        return b"RIFF" + (len(chunks) + 4).to_bytes(4, "little") + b"WEBP" + chunks

    return Animation(width, height, tuple(layers), ends_early, extract, exif=exif) if layers else None


def _riff_chunks(data: bytes, place: int, stop: int) -> list[tuple[bytes, int, int]]:
    """Return (kind, start, end) of the RIFF chunks that are whole."""
    chunks = []
    while place + 8 <= stop:
        start = place + 8
        end = start + int.from_bytes(data[place + 4 : start], "little")
        if end > stop:
            break
        chunks.append((data[place : place + 4], start, end))
        place = end + (end - start) % 2
    return chunks


def _seconds(stated: float) -> float:
    return stated if stated > _TOO_SHORT else _DEFAULT_SECONDS
