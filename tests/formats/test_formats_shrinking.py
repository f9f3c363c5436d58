"""Pictures are reduced as Pillow reduces them, in less memory."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from unmask.media import shrink


@pytest.mark.parametrize(
    ("shape", "size", "gap"),
    [
        ((480, 640), (640, 480), 1.5),
        ((700, 900), (640, 498), 1.5),
        ((1801, 2777), (640, 415), 1.5),
        ((2777, 1801), (208, 320), 2.0),
        ((1537, 40), (3, 640), 1.5),
        ((40, 4096), (640, 6), 2.0),
    ],
)
def test_it_gives_what_pillow_gives(shape, size, gap):
    image = np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)
    wanted = Image.fromarray(image).resize(size, Image.Resampling.BILINEAR, reducing_gap=gap)
    np.testing.assert_array_equal(shrink(image, size, gap), np.asarray(wanted))


GROWTH = """
import re
from pathlib import Path
import numpy as np
from PIL import Image
from unmask.media import shrink

def peak():
    return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text()).group(1))

image = np.ones((6000, 6000, 3), np.uint8)
before = peak()
shrink(image, (640, 640), 1.5)
between = peak()
Image.fromarray(image).resize((640, 640), Image.Resampling.BILINEAR, reducing_gap=1.5)
print(between - before, peak() - before)
"""


# getrusage would give the peak of the process that started this one.
@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_a_large_picture_is_not_copied():
    done = subprocess.run([sys.executable, "-c", GROWTH], capture_output=True, text=True, check=True)
    ours, pillows = map(int, done.stdout.split())
    assert pillows > 4 * 6000**2 / 1024 * 0.9
    assert ours < pillows / 3
