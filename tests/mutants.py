"""Small valid files of every kind that is read, and seeded ways to break them."""

import zlib
from io import BytesIO
from pathlib import Path
from tempfile import TemporaryDirectory

import av
import numpy as np
import pillow_heif
from PIL import Image

from tiffs import tiff

WIDTH, HEIGHT = 64, 48
ENCODING = {"g": "4", "threads": "1", "x265-params": "log-level=none"}
WAYS = ("flips", "truncated", "swapped", "length", "spliced", "doubled")
_LENGTHS = (0, 1, 7, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)

# Name of the seed: container, encoder, pixel format, options of the container.
VIDEOS = {
    "front.mp4": ("mp4", "libx264", "yuv420p", {"movflags": "faststart"}),
    "fragments.mp4": ("mp4", "libx264", "yuv420p", {"movflags": "frag_keyframe+empty_moov"}),
    "hevc.mp4": ("mp4", "libx265", "yuv420p", {}),
    "jpeg.mov": ("mov", "mjpeg", "yuvj420p", {}),
    "clip.mkv": ("matroska", "libx264", "yuv420p", {}),
    "clip.webm": ("webm", "libvpx-vp9", "yuv420p", {}),
    "clip.avi": ("avi", "mpeg4", "yuv420p", {}),
    "clip.ts": ("mpegts", "libx264", "yuv420p", {}),
    "clip.mpg": ("mpeg", "mpeg2video", "yuv420p", {}),
    "clip.flv": ("flv", "flv", "yuv420p", {}),
    "clip.wmv": ("asf", "wmv2", "yuv420p", {}),
    "clip.ogv": ("ogg", "libvpx", "yuv420p", {}),
    "clip.gif": ("gif", "gif", "rgb8", {}),
    "clip.mxf": ("mxf", "mpeg2video", "yuv422p", {}),
    "clip.ivf": ("ivf", "libvpx", "yuv420p", {}),
    "clip.h264": ("h264", "libx264", "yuv420p", {}),
}
# Name of the seed: what Pillow is told when it saves.
IMAGES = {
    "picture.png": {"format": "PNG"},
    "palette.png": {"format": "PNG", "mode": "P"},
    "moving.png": {"format": "PNG", "pictures": 3},
    "picture.jpg": {"format": "JPEG"},
    "steps.jpg": {"format": "JPEG", "progressive": True},
    "cmyk.jpg": {"format": "JPEG", "mode": "CMYK"},
    "picture.webp": {"format": "WEBP"},
    "moving.webp": {"format": "WEBP", "pictures": 3, "lossless": True},
    "picture.tiff": {"format": "TIFF"},
    "packed.tiff": {"format": "TIFF", "compression": "tiff_lzw"},
    "deep.tiff": {"format": "TIFF", "mode": "F", "compression": "tiff_deflate"},
    "picture.bmp": {"format": "BMP"},
    "still.gif": {"format": "GIF"},
    "picture.avif": {"format": "AVIF"},
    "picture.heic": {"format": "HEIF"},
    "burst.heic": {"format": "HEIF", "pictures": 3},
    "picture.jp2": {"format": "JPEG2000"},
    "moving.avif": {"format": "AVIF", "pictures": 3},
}
# Name of the seed: what makes it.
OTHERS = {
    "floats.tiff": lambda: tiff(pictures(1)[0].astype(np.float32) / 255, pack=zlib.compress, tile=16),
}
SEEDS = (*VIDEOS, *IMAGES, *OTHERS)


def pictures(count):
    """Noise that moves, so that packets have some size."""
    base = np.random.default_rng(1).integers(0, 255, (HEIGHT, WIDTH, 3), dtype=np.uint8)
    return [np.roll(base, shift, axis=1) for shift in range(count)]


def seed(name):
    """The bytes of a valid file."""
    if name in OTHERS:
        return OTHERS[name]()
    return _video(*VIDEOS[name]) if name in VIDEOS else _image(**IMAGES[name])


def _video(container, encoder, pixels, options):
    with TemporaryDirectory() as folder:
        path = Path(folder, "seed")
        _write_video(path, container, encoder, pixels, options)
        return path.read_bytes()


def _write_video(path, container, encoder, pixels, options):
    with av.open(str(path), "w", format=container, options=options) as file:
        stream = file.add_stream(encoder, rate=25, options=ENCODING)
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, pixels
        stream.bit_rate = 200_000
        for picture in pictures(8):
            file.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        file.mux(stream.encode())


def _image(format, mode="RGB", pictures=1, **options):
    grey = mode == "F"
    made = [Image.fromarray(picture) for picture in globals()["pictures"](pictures)]
    made = [picture.convert("L").convert(mode) if grey else picture.convert(mode) for picture in made]
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a picture"
    # Pillow's encoder crashes on a sequence of AVIF with EXIF.
    if format not in ("BMP", "GIF", "JPEG2000") and (format, pictures) != ("AVIF", 3):
        options["exif"] = exif
    if pictures > 1:
        options |= {"save_all": True, "append_images": made[1:]}
    target = BytesIO()
    if format == "HEIF":
        file = pillow_heif.from_pillow(made[0])
        for picture in made[1:]:
            file.add_from_pillow(picture)
        file.save(target, exif=exif.tobytes())
    else:
        made[0].save(target, format=format, **options)
    return target.getvalue()


def mutant(files, name, number):
    """The numbered mutant of a seed: its way and its bytes, always the same for the same seeds."""
    rng = np.random.default_rng([zlib.crc32(name.encode()), number])
    way = WAYS[number % len(WAYS)]
    data = bytearray(files[name])
    if way == "spliced":
        return way, _spliced(data, files[SEEDS[rng.integers(len(SEEDS))]], rng)
    for _ in range(int(rng.integers(1, 4))):
        data = {
            "flips": _flipped,
            "truncated": _truncated,
            "swapped": _swapped,
            "length": _with_a_length,
            "doubled": _doubled,
        }[way](data, rng)
    return way, bytes(data)


def _place(data, rng, width=1):
    """Somewhere; in half of the cases in the header, where each byte matters most."""
    end = max(1, len(data) - width)
    return int(rng.integers(min(end, 400) if rng.random() < 0.5 else end))


def _flipped(data, rng):
    for _ in range(int(rng.integers(1, 16))):
        data[_place(data, rng)] ^= 1 << int(rng.integers(8))
    return data


def _truncated(data, rng):
    return data[: max(1, int(rng.integers(len(data))))]


def _swapped(data, rng):
    size = int(rng.integers(2, max(3, len(data) // 6)))
    a, b = sorted(_place(data, rng, size) for _ in range(2))
    if b - a < size:
        return _flipped(data, rng)
    data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]
    return data


def _with_a_length(data, rng):
    """A field of 1, 2 or 4 bytes, in either order, made extreme or off by a little."""
    width, order = int(rng.choice([1, 2, 4])), str(rng.choice(["big", "little"]))
    place = _place(data, rng, width)
    value = int.from_bytes(data[place : place + width], order)
    value = int(rng.choice(_LENGTHS)) if rng.random() < 0.7 else value + int(rng.integers(-9, 10))
    data[place : place + width] = (value % (1 << 8 * width)).to_bytes(width, order)
    return data


def _doubled(data, rng):
    """A block written twice, or left out: everything behind it moves."""
    size = int(rng.integers(1, max(2, len(data) // 6)))
    place = _place(data, rng, size)
    block = data[place : place + size]
    data[place : place + (size if rng.random() < 0.5 else 0)] = b"" if rng.random() < 0.5 else block * 2
    return data or bytearray(b"\0")


def _spliced(head, tail, rng):
    return bytes(head[: _place(head, rng) + 1]) + bytes(tail[_place(tail, rng) :])
