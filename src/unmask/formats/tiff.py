"""TIFF pictures: Pillow's, and samples that Pillow does not read (several of 32 bits, signed, floating point)."""

from __future__ import annotations

import math
import zlib
from typing import TYPE_CHECKING, Any

from PIL import Image
from PIL.TiffImagePlugin import COMPRESSION_INFO, TiffImageFile

from unmask.formats.content import UNREAD
from unmask.formats.errors import MediaError
from unmask.formats.sample_range import eight_bit, range_of
from unmask.formats.signatures import RAW_PICTURE

if TYPE_CHECKING:
    import numpy as np

_BITS, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _ROWS, _PLANES = 258, 259, 262, 277, 278, 284
_STRIPS, _TILE_WIDTH, _TILE_HEIGHT, _TILES, _PREDICTOR = 273, 322, 323, 324, 317
_DNG_VERSION, _SUBFILE, _FURTHER_IMAGES = 50706, 254, 330  # A raw picture's first image is a small preview.
_EXTRA, _SAMPLE_FORMAT, _FILL_ORDER = 338, 339, 266
_TYPE_LETTERS = {1: "u", 2: "i", 3: "f"}
_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB = 0, 1, 2
_DEFLATE = (8, 32946)
_DIMENSIONS = {256, 257}


class AnyTiffImageFile(TiffImageFile):
    """A TIFF picture that is read by Pillow where it can, else sample by sample, to 8 bits.

    Raises MediaError, ``unsupported``, for a way of coding that neither reads.
    """

    _layout: _Layout | None = None

    def _setup(self) -> None:
        if _DNG_VERSION in self.tag_v2 or (
            self.tag_v2.get(_SUBFILE, 0) & 1 and _FURTHER_IMAGES in self.tag_v2
        ):
            raise MediaError("unsupported", UNREAD + RAW_PICTURE)
        try:
            self._layout = None
            super()._setup()
            signed_bytes = (
                self.tag_v2.get(_SAMPLE_FORMAT, (1,))[0] == 2 and self.tag_v2.get(_BITS, (1,))[0] == 8
            )
            if not signed_bytes:
                return
        except SyntaxError:
            pass  # Pillow does not know these samples.
        except KeyError as error:
            if self.tag_v2.get(_COMPRESSION, 1) in COMPRESSION_INFO:
                raise SyntaxError("an incomplete directory") from error
            raise MediaError("unsupported", "a TIFF image in a compression that is not read") from error
        if not (self.tag_v2.keys() >= _DIMENSIONS and self.tag_v2.keys() & {_STRIPS, _TILES}):
            raise SyntaxError("an incomplete directory")
        self._layout = _Layout(self.tag_v2)
        self._mode = {1: "L", 3: "RGB", 4: "RGBA"}[self._layout.channels]
        self.tile = []

    def load(self) -> Any:
        """Decode the picture."""
        if self._layout is not None and self._im is None:
            self.im = Image.fromarray(self._layout.pixels(self._fp)).im
            self.load_end()
        return super().load()


class _Layout:
    """How the samples of a picture are stored, by its tags."""

    def __init__(self, tags: Any) -> None:
        import numpy as np

        samples = int(tags.get(_SAMPLES, 1))
        bits, formats = set(tags.get(_BITS, (1,))), set(tags.get(_SAMPLE_FORMAT, (1,)))
        compression, photometric = tags.get(_COMPRESSION, 1), tags.get(_PHOTOMETRIC, _BLACK_IS_ZERO)
        letter, width = _TYPE_LETTERS.get(next(iter(formats))), next(iter(bits))
        readable = (
            len(bits) == len(formats) == 1
            and (
                (letter in ("u", "i") and width in (8, 16, 32, 64))
                or (letter == "f" and width in (16, 32, 64))
            )
            and photometric in (_WHITE_IS_ZERO, _BLACK_IS_ZERO, _RGB)
            and 1 <= samples <= 16
            and (photometric != _RGB or samples >= 3)
            and tags.get(_FILL_ORDER, 1) == 1
            and (tags.get(_PREDICTOR, 1) == 1 or (tags.get(_PREDICTOR) == 2 and letter != "f"))
            and (compression == 1 or compression in _DEFLATE)
        )
        if not readable:
            raise MediaError("unsupported", "a TIFF image whose samples are coded in a way that is not read")
        self._dtype = np.dtype(f"{'<' if tags.prefix == b'II' else '>'}{letter}{width // 8}")
        self._packed = compression != 1
        self._differences = tags.get(_PREDICTOR, 1) == 2
        self._inverted = photometric == _WHITE_IS_ZERO
        self._samples = samples
        self._together = tags.get(_PLANES, 1) == 1
        self._width, self._height = int(tags[256]), int(tags[257])
        alpha = photometric == _RGB and samples > 3 and next(iter(tags.get(_EXTRA, ())), 0) in (1, 2)
        self.channels = 1 if photometric != _RGB else 4 if alpha else 3
        if _TILES in tags:
            self._part = int(tags[_TILE_WIDTH]), int(tags[_TILE_HEIGHT])
            self._offsets = tuple(tags[_TILES])
        else:
            self._part = self._width, min(int(tags.get(_ROWS, self._height)), self._height)
            self._offsets = tuple(tags[_STRIPS])
        self._counts = tuple(tags[_TILES + 1 if _TILES in tags else _STRIPS + 6])
        if min(self._width, self._height, *self._part) < 1:
            raise MediaError("unreadable", "the image states no size")

    def pixels(self, file: Any) -> np.ndarray:
        """Read the samples; return (H, W) or (H, W, 3 or 4) uint8."""
        import numpy as np

        values = np.zeros((self._height, self._width, self.channels), self._dtype.newbyteorder("="))
        columns = math.ceil(self._width / self._part[0])
        rows = math.ceil(self._height / self._part[1])
        planes = 1 if self._together else self.channels
        for plane in range(planes):
            for number in range(columns * rows):
                place = plane * columns * rows + number
                if place >= len(self._offsets):
                    raise MediaError("unreadable", "the image is broken and cannot be decoded")
                top, left = number // columns * self._part[1], number % columns * self._part[0]
                target = values[top : top + self._part[1], left : left + self._part[0]]
                self._fill(target, plane, self._bytes(file, place))
        return self._eight_bit(values)

    def _bytes(self, file: Any, place: int) -> bytes:
        """Read one strip or tile, no more of it than its pixels need."""
        width, height = self._part
        most = width * height * self._dtype.itemsize * (self._samples if self._together else 1)
        if most > 1 << 30:
            raise MemoryError
        file.seek(self._offsets[place])
        if not self._packed:
            return bytes(file.read(most))
        return zlib.decompressobj().decompress(file.read(self._counts[place]), most)

    def _fill(self, target: np.ndarray, plane: int, data: bytes) -> None:
        """Put a strip's or tile's samples where they belong."""
        import numpy as np

        samples = self._samples if self._together else 1
        row = self._part[0] * samples
        values = np.frombuffer(data, self._dtype, count=len(data) // self._dtype.itemsize)
        values = values[: len(values) // row * row].reshape(-1, self._part[0], samples)
        if self._differences:
            values = np.cumsum(values, axis=1, dtype=target.dtype)
        values = values[: target.shape[0], : target.shape[1]]
        if len(values) < target.shape[0]:
            raise MediaError("unreadable", "the image is broken and cannot be decoded")
        if self._together:
            target[:] = values[..., : self.channels]
        else:
            target[..., plane] = values[..., 0]

    def _eight_bit(self, values: np.ndarray) -> np.ndarray:
        import numpy as np

        colours = values[..., :3]
        black, white = range_of([colours], values.dtype.kind, values.dtype.itemsize * 8)
        whole = np.empty(values.shape, np.uint8)
        opaque = 1.0 if values.dtype.kind == "f" else float(np.iinfo(values.dtype).max)
        for row in range(self._height):  # Row by row: the numbers take eight times the memory.
            whole[row, :, :3] = eight_bit(colours[row], black, white)
            if self.channels == 4:
                whole[row, :, 3] = eight_bit(values[row, :, 3], 0.0, opaque)
        if self._inverted:
            np.subtract(255, whole, out=whole)
        return whole[..., 0] if self.channels == 1 else whole
