"""The watermark of diffusion pipelines: written here by its rule, and by the library where that is installed."""

import io

import numpy as np
import pytest
from PIL import Image

from unmask.formats.watermark import MESSAGES, watermark_of


def embedded(image, message):
    """Write a message as `dwtDct` of invisible-watermark does, by its rule, block for block."""
    height, width = (side // 4 * 4 for side in image.shape[:2])
    red, green, blue = (image[..., channel].astype(float) for channel in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    u, v = 0.492 * (blue - luma) + 128, 0.877 * (red - luma) + 128
    part = u[:height, :width]
    a, b, c, d = part[::2, ::2], part[::2, 1::2], part[1::2, ::2], part[1::2, 1::2]
    low, details = (a + b + c + d) / 2, ((a + b - c - d) / 2, (a - b + c - d) / 2, (a - b - c + d) / 2)
    number = 0
    for row in range(low.shape[0] // 4):
        for column in range(low.shape[1] // 4):
            block = low[4 * row : 4 * row + 4, 4 * column : 4 * column + 4]
            place = np.unravel_index(np.argmax(np.abs(block.ravel()[1:])) + 1, (4, 4))
            block[place] = (block[place] // 36 + 0.25 + 0.5 * int(message[number % len(message)])) * 36
            number += 1
    h, w, x = details
    part[::2, ::2], part[::2, 1::2] = (low + h + w + x) / 2, (low + h - w - x) / 2
    part[1::2, ::2], part[1::2, 1::2] = (low - h + w - x) / 2, (low - h - w + x) / 2
    blue, red = luma + (u - 128) / 0.492, luma + (v - 128) / 0.877
    green = (luma - 0.299 * red - 0.114 * blue) / 0.587
    return np.clip(np.rint(np.stack([red, green, blue], -1)), 0, 255).astype(np.uint8)


@pytest.fixture
def portrait(astronaut):
    """Without black and white areas, in which no watermark fits."""
    return astronaut // 2 + 64


@pytest.mark.parametrize("program", MESSAGES)
@pytest.mark.parametrize("size", [(512, 512), (420, 613)])
def test_each_known_watermark_is_read(portrait, program, size):
    image = np.asarray(Image.fromarray(portrait).resize(size[::-1]))
    assert watermark_of(image) is None
    mark = watermark_of(embedded(image, MESSAGES[program]))
    assert (mark.kind, mark.says, mark.program) == ("watermark", "generated", program)


def test_an_unknown_message_is_no_mark(portrait):
    assert watermark_of(embedded(portrait, "01" * 24)) is None


def test_it_does_not_survive_scaling(portrait):
    marked = Image.fromarray(embedded(portrait, MESSAGES["Stable Diffusion XL"]))
    assert watermark_of(np.asarray(marked.resize((400, 400)))) is None


@pytest.mark.parametrize("value", [0, 50, 126, 128, 255])
def test_flat_and_small_pictures_carry_none(value):
    assert watermark_of(np.full((300, 300, 3), value, np.uint8)) is None
    assert watermark_of(np.full((100, 3, 3), value, np.uint8)) is None


def test_what_the_library_writes_is_read(portrait):
    library = pytest.importorskip("imwatermark", reason="needs the package invisible-watermark")
    for program, message in MESSAGES.items():
        encoder = library.WatermarkEncoder()
        encoder.set_watermark("bits", [int(letter) for letter in message])
        marked = encoder.encode(np.ascontiguousarray(portrait[..., ::-1]), "dwtDct")[..., ::-1]
        assert watermark_of(marked).program == program


@pytest.mark.data
def test_real_photographs_carry_none(data_root):
    """Faces of real photographs; every 20th, of 2,708."""
    from unmask.datasets import CropSet

    crops = CropSet.open(data_root / "wide-faces")
    for record in crops.records[::20]:
        image = np.asarray(Image.open(io.BytesIO(crops.store.read(record))).convert("RGB"))
        assert watermark_of(image) is None, record.file
