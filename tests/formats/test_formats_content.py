"""Kinds of files beyond the usual ones: each is read as what its content is, or refused by its name."""

import struct
from io import BytesIO

import av
import numpy as np
import pytest
from PIL import Image

import media_toys as toys
import mutants
from tiffs import tiff
from unmask.formats.content import HEAD_BYTES, content_of
from unmask.formats.jpeg import MOST_STRAY_BYTES
from unmask.media import Limits, MediaError, open_media

RNG = np.random.default_rng(1)


@pytest.fixture
def gradient():
    """(40, 60, 3) with another colour at each corner."""
    rows, columns = np.mgrid[0:40, 0:60]
    return np.stack([rows * 6, columns * 4, 90 + rows + columns], axis=2).astype(np.uint8)


def picture(path):
    with open_media(path) as media:
        assert media.info.kind == "image"
        return next(iter(media.sample(1))).image


def refusal(path, limits=None):
    with pytest.raises(MediaError) as caught, open_media(path, limits) as media:
        list(media.sample(1))
    return caught.value


def saved(pixels, format, **options):
    target = BytesIO()
    (pixels if isinstance(pixels, Image.Image) else Image.fromarray(pixels)).save(target, format, **options)
    return target.getvalue()


# Pictures whose first bytes are not the usual ones.


STRAY = {
    "a line break": b"\r\n",
    "zeros": bytes(7),
    "a byte order mark": b"\xef\xbb\xbf",
    "an answer's header": b"HTTP/1.1 200 OK\r\nContent-Type: image/jpeg\r\n\r\n",
    "half a start": b"\xff\xd8\x00\xff\xd8\xff\xe0",
    "noise": RNG.integers(0, 255, MOST_STRAY_BYTES - 1, dtype=np.uint8).tobytes(),
}


@pytest.mark.parametrize("stray", STRAY.values(), ids=STRAY)
@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"comment": "x"}, {"exif": bytes(20_000)}])
def test_a_jpeg_behind_stray_bytes(tmp_path, gradient, stray, options):
    data = saved(gradient, "JPEG", quality=98, subsampling=0, **options)
    path = tmp_path / "picture"
    path.write_bytes(stray + data + b"trailing bytes \xff\xd9")
    (tmp_path / "clean").write_bytes(data)
    assert np.array_equal(picture(path), picture(tmp_path / "clean"))


def test_a_few_bytes_that_look_like_a_jpeg_are_none(tmp_path):
    path = tmp_path / "noise"
    path.write_bytes(b"\x01\x02" * 50 + b"\xff\xd8\xff\xe0\x00\x10" + b"\x01" * 500)
    assert refusal(path).status == "unreadable"


@pytest.mark.parametrize("major", [b"mif1", b"msf1", b"miaf", b"mif2", b"MA1B"])
@pytest.mark.parametrize("others", [b"avif", b"miafavif", b"mif1heixavif"])
def test_avif_with_a_general_brand(tmp_path, gradient, major, others):
    data = saved(gradient, "AVIF", quality=95)
    size = struct.unpack(">I", data[:4])[0]
    brands = struct.pack(">I4s4sI", 16 + len(others), b"ftyp", major, 0) + others
    moved = data.find(b"mdat", size)
    assert moved > 0
    # Positions in the file are absolute: the box keeps its size, or filler makes up for it.
    filler = size - len(brands)
    if filler < 0 or 0 < filler < 8:
        brands = brands[:16] + (others + b"miaf" * 8)[: size - 16]
        brands = struct.pack(">I", size) + brands[4:]
        filler = 0
    box = struct.pack(">I4s", filler, b"free") + bytes(filler - 8) if filler else b""
    path = tmp_path / "picture"
    path.write_bytes(brands + box + data[size:])
    assert np.abs(picture(path).astype(int) - gradient).max() <= 16


@pytest.mark.parametrize("format", ["JPEG2000", "PPM"])
def test_more_formats_of_pictures(tmp_path, gradient, format):
    path = tmp_path / "picture"
    path.write_bytes(saved(gradient, format))
    assert np.array_equal(picture(path), gradient)


def test_a_bare_jpeg_2000_stream(tmp_path, gradient):
    path = tmp_path / "picture"
    path.write_bytes(saved(gradient, "JPEG2000", no_jp2=True))
    assert np.array_equal(picture(path), gradient)


def test_a_photoshop_document(tmp_path, gradient):
    height, width = gradient.shape[:2]
    head = b"8BPS" + struct.pack(">H6xHIIHH", 1, 3, height, width, 8, 3)
    data = head + bytes(12) + struct.pack(">H", 0) + gradient.transpose(2, 0, 1).tobytes()
    path = tmp_path / "picture"
    path.write_bytes(data)
    assert np.array_equal(picture(path), gradient)


# Samples of TIFF files.


def zipped(data):
    import zlib

    return zlib.compress(data)


GREY = np.linspace(0, 1, 2400).reshape(40, 60)
TYPES = {
    "uint16": (GREY * 65_535).astype(np.uint16),
    "uint32 of 8 bits": (GREY * 255).astype(np.uint32),
    "uint32 of 16 bits": (GREY * 65_535).astype(np.uint32),
    "uint32": (GREY * 0xFFFFFFFF).astype(np.uint32),
    "int8": (GREY * 255 - 128).astype(np.int8),
    "int16": (GREY * 65_535 - 32_768).astype(np.int16),
    "int16 from zero": (GREY * 32_767).astype(np.int16),
    "int16 of 12 bits": (GREY * 4095).astype(np.int16),
    "int32 of 8 bits": (GREY * 255).astype(np.int32),
    "int32 of 16 bits": (GREY * 65_535).astype(np.int32),
    "int32": ((GREY - 0.5) * 4e9).astype(np.int32),
    "float16": GREY.astype(np.float16),
    "float32": GREY.astype(np.float32),
    "float32 beyond one": (GREY * 1.03 - 0.015).astype(np.float32),
    "float32 of 8 bits": (GREY * 255).astype(np.float32),
    "float32 of 16 bits": (GREY * 65_535).astype(np.float32),
    "float32 around zero": (GREY * 2 - 1).astype(np.float32),
    "float32 of any unit": (GREY * 3e6 - 1e6).astype(np.float32),
    "float64": GREY.astype(np.float64),
}
WAYS = {
    "plain": {},
    "big-endian": {"order": ">"},
    "BigTIFF": {"big": True},
    "packed": {"pack": zipped},
    "tiles": {"tile": 32},
}


@pytest.mark.parametrize("samples", TYPES.values(), ids=TYPES)
@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
@pytest.mark.parametrize("coloured", [False, True])
def test_samples_of_tiff_files_span_the_grey_scale(tmp_path, samples, way, coloured):
    path = tmp_path / "picture.tiff"
    path.write_bytes(tiff(np.stack([samples] * 3, axis=2) if coloured else samples, **way))
    expected = np.repeat((GREY * 255)[..., None], 3, axis=2)
    assert np.abs(picture(path).astype(float) - expected).max() <= (6 if samples.min() < 0 else 2.5)


def test_sixteen_bits_are_divided_by_257(tmp_path):
    dark = (GREY * 4095).astype(np.uint16)  # The type tells the range, not what happens to be in the picture.
    path = tmp_path / "picture.tiff"
    path.write_bytes(tiff(dark))
    assert np.array_equal(picture(path)[..., 0], dark // 257)


def test_what_is_no_number_does_not_shift_the_range(tmp_path):
    values = GREY.astype(np.float32)
    values[0, :3] = np.nan, np.inf, -np.inf
    path = tmp_path / "picture.tiff"
    path.write_bytes(tiff(values))
    pixels = picture(path)[..., 0]
    assert pixels[0, :3].tolist() == [0, 255, 0]
    assert np.abs(pixels[1:] - GREY[1:] * 255).max() <= 1.5


@pytest.mark.parametrize("values", [np.full((40, 60), 7.5), np.full((40, 60), np.nan), np.zeros((40, 60))])
def test_a_flat_picture_of_real_numbers(tmp_path, values):
    path = tmp_path / "picture.tiff"
    path.write_bytes(tiff(values.astype(np.float32)))
    assert len(np.unique(picture(path))) == 1


@pytest.mark.parametrize("kind", ["uint16", "uint32", "float32", "float64", "int8"])
def test_zero_can_be_white(tmp_path, kind):
    path = tmp_path / "picture.tiff"
    path.write_bytes(tiff(TYPES[kind], photometric=0))
    assert np.abs(picture(path)[..., 0] - (255 - GREY * 255)).max() <= 2.5


@pytest.mark.parametrize("planes", [1, 2])
def test_colours_keep_their_places(tmp_path, gradient, planes):
    path = tmp_path / "picture.tiff"
    path.write_bytes(tiff((gradient / 255).astype(np.float32), planes=planes, tile=16))
    assert np.abs(picture(path).astype(int) - gradient).max() <= 1


def test_deep_alpha_is_laid_on_white(tmp_path):
    values = np.zeros((40, 60, 4), np.float32)
    values[:, :30, 3] = 1
    path = tmp_path / "picture.tiff"
    path.write_bytes(tiff(values, t338=[2]))
    pixels = picture(path)
    assert pixels[:, :30].max() == 0 and pixels[:, 30:].min() == 255


@pytest.mark.parametrize("orientation", range(1, 9))
def test_deep_samples_are_turned_upright(tmp_path, gradient, orientation):
    for samples in (gradient, (gradient / 255).astype(np.float32)):
        (tmp_path / str(samples.dtype)).write_bytes(tiff(samples, t274=[orientation]))
    deep, plain = picture(tmp_path / "float32"), picture(tmp_path / "uint8")
    assert deep.shape == plain.shape and np.abs(deep.astype(int) - plain).max() <= 1


def test_a_tiff_coded_in_a_rare_way_is_unsupported(tmp_path):
    path = tmp_path / "picture.tiff"
    for data in (
        tiff(np.zeros((40, 60, 3), np.float32), photometric=32_803),
        tiff(np.zeros((40, 60, 3), np.float32), t259=[5]),
        tiff(np.zeros((40, 60), np.uint8), t259=[50_002]),
    ):
        path.write_bytes(data)
        error = refusal(path)
        assert error.status == "unsupported" and "TIFF" in error.detail


@pytest.mark.parametrize("tags", [{"t254": [1], "t330": [8]}, {"t50706": [1]}])
def test_a_raw_picture_is_not_judged_by_the_preview_in_front(tmp_path, gradient, tags):
    path = tmp_path / "picture.nef"
    path.write_bytes(tiff(gradient, **tags))
    error = refusal(path)
    assert error.status == "unsupported" and "raw" in error.detail


def test_deep_tiffs_that_break_off_or_lie(tmp_path):
    path = tmp_path / "picture.tiff"
    whole = tiff(np.zeros((40, 60, 3), np.float32))
    path.write_bytes(whole.replace(struct.pack("<HHII", 257, 4, 1, 40), struct.pack("<HHII", 257, 4, 1, 400)))
    assert refusal(path).status == "unreadable"
    path.write_bytes(
        whole.replace(struct.pack("<HHII", 256, 4, 1, 60), struct.pack("<HHII", 256, 4, 1, 1 << 31))
    )
    assert refusal(path).status == "too_large"


# Videos beyond the usual containers.

VIDEOS = {
    "clip.h264": {"format": "h264"},
    "clip.hevc": {"format": "hevc", "codec": "libx265", "options": {"x265-params": "log-level=none"}},
    "clip.ivf": {"format": "ivf", "codec": "libvpx"},
    "clip.m4v": {"format": "m4v", "codec": "mpeg4"},
    "clip.mxf": {"format": "mxf", "codec": "mpeg2video", "pixels": "yuv422p"},
    "clip.nut": {"format": "nut", "codec": "mpeg4"},
    "clip.wtv": {"format": "wtv", "codec": "mpeg2video"},
    "clip.y4m": {"format": "yuv4mpegpipe", "codec": "wrapped_avframe"},
    "clip.rm": {"format": "rm", "codec": "rv10", "width": 176, "height": 144},
    "clip.dv": {"format": "dv", "codec": "dvvideo", "width": 720, "height": 576},
    "clip.gxf": {"format": "gxf", "codec": "mpeg2video", "width": 720, "height": 576},
    "clip.vob": {"format": "vob", "codec": "mpeg2video"},
    "clip.m2v": {"format": "mpeg2video", "codec": "mpeg2video"},
    "clip.3g2": {"format": "3g2"},
    "clip.asf": {"format": "asf", "codec": "wmv2"},
    "clip.mj2": {"format": "mov", "codec": "jpeg2000"},
}


@pytest.mark.parametrize("name", VIDEOS)
def test_more_kinds_of_videos(tmp_path, name):
    path = toys.write_video(tmp_path / name, **VIDEOS[name])
    path = path.rename(tmp_path / "clip")
    with open_media(path) as media:
        assert media.info.kind == "video"
        frames = list(media.sample(5))
    assert len(frames) == 5
    assert [toys.brightness(frame) for frame in frames] == pytest.approx(
        [frame.time * 25 / 29 for frame in frames], abs=0.06
    )
    assert [frame.time for frame in frames] == pytest.approx([0.12, 0.36, 0.6, 0.84, 1.08], abs=0.05)


def test_a_bare_stream_of_several_groups_of_pictures_keeps_its_times(tmp_path):
    path = toys.write_video(tmp_path / "clip.h264", count=100, format="h264", options={"g": "10", "bf": "2"})
    with open_media(path) as media:
        frames = list(media.sample(4))
    assert [toys.brightness(frame) * 99 / 25 for frame in frames] == pytest.approx(
        [frame.time for frame in frames], abs=0.05
    )


def test_a_sequence_of_av1_units(tmp_path):
    """As an encoder writes them bare: the same packets that an IVF file wraps."""
    if "libsvtav1" not in av.codecs_available:
        pytest.skip("no AV1 encoder")
    path = toys.write_video(
        tmp_path / "clip.obu", count=10, format="obu", codec="libsvtav1", options={"preset": "12"}
    )
    with open_media(path) as media:
        assert media.info.kind == "video" and len(list(media.sample(3))) == 3


# Whole files of kinds that are not read.


def mp3_frames(count=8):
    return (b"\xff\xfb\x90\x00" + bytes(413)) * count


def sound(format, codec):
    target = BytesIO()
    with av.open(target, "w", format=format) as file:
        toys.write_silence(file, file.add_stream(codec, rate=16_000 if codec != "ac3" else 32_000))
    return target.getvalue()


def jpeg_of(frame, bits=8):
    data = bytearray(mutants.seed("picture.jpg"))
    place = data.find(b"\xff\xc0")
    data[place + 1], data[place + 4] = frame, bits
    return bytes(data)


STRANGERS = {
    "MP3 without a tag": (mp3_frames, "sound"),
    "MP3 behind zeros": (lambda: bytes(30) + mp3_frames(), "sound"),
    "one frame of MP3": (lambda: mp3_frames(1)[:200], "sound"),
    "AAC": (lambda: sound("adts", "aac"), "sound"),
    "AC-3": (lambda: b"\x0b\x77" + bytes(500), "sound"),
    "WAVE": (lambda: b"RIFF\x24\x00\x00\x00WAVEfmt " + bytes(50), "sound"),
    "AIFF": (lambda: b"FORM\x00\x00\x00\x20AIFFCOMM" + bytes(50), "sound"),
    "FLAC": (lambda: b"fLaC" + bytes(50), "sound"),
    "PDF": (lambda: b"%PDF-1.7\n" + bytes(50), "PDF"),
    "PostScript": (lambda: b"%!PS-Adobe-3.0" + bytes(50), "PostScript"),
    "ZIP": (lambda: b"PK\x03\x04" + bytes(50), "ZIP"),
    "RAR": (lambda: b"Rar!\x1a\x07\x01\x00" + bytes(50), "RAR"),
    "7-Zip": (lambda: b"7z\xbc\xaf\x27\x1c" + bytes(50), "7-Zip"),
    "GZIP": (lambda: b"\x1f\x8b\x08" + bytes(50), "GZIP"),
    "TAR": (lambda: b"name".ljust(257, b"\0") + b"ustar" + bytes(300), "TAR"),
    "Word": (lambda: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(50), "Office"),
    "JPEG XL": (lambda: b"\xff\x0a" + bytes(50), "JPEG XL"),
    "JPEG XL in boxes": (lambda: b"\x00\x00\x00\x0cJXL \r\n\x87\n" + bytes(50), "JPEG XL"),
    "JPEG XR": (lambda: b"II\xbc\x01" + bytes(50), "JPEG XR"),
    "JPEG-LS": (lambda: jpeg_of(0xF7), "JPEG-LS"),
    "JPEG of 12 bits": (lambda: jpeg_of(0xC1, 12), "12 bits"),
    "big-endian BigTIFF": (lambda: tiff(np.zeros((4, 4), np.uint8), order=">", big=True), "BigTIFF"),
    "PSB": (lambda: b"8BPS\x00\x02" + bytes(50), "Photoshop"),
    "XCF": (lambda: b"gimp xcf v011" + bytes(50), "GIMP"),
    "OpenEXR": (lambda: b"\x76\x2f\x31\x01" + bytes(50), "OpenEXR"),
    "Radiance": (lambda: b"#?RADIANCE\n" + bytes(50), "Radiance"),
    "DPX": (lambda: b"SDPX" + bytes(50), "DPX"),
    "FITS": (lambda: b"SIMPLE  =                    T", "FITS"),
    "DICOM": (lambda: bytes(128) + b"DICM" + bytes(50), "DICOM"),
    "QOI": (lambda: saved(np.zeros((4, 4, 3), np.uint8), "QOI"), "QOI"),
    "icon": (lambda: saved(np.zeros((16, 16, 3), np.uint8), "ICO"), "icon"),
    "raw": (lambda: b"\x00\x00\x00\x18ftypcrx \x00\x00\x00\x01crx isom" + bytes(50), "raw"),
    "Flash": (lambda: b"FWS\x06" + bytes(50), "Flash"),
    "Bink": (lambda: b"BIKi" + bytes(50), "Bink"),
}


@pytest.mark.parametrize("kind", STRANGERS)
def test_whole_files_of_a_kind_that_is_not_read_are_named_not_called_broken(tmp_path, kind):
    make, named = STRANGERS[kind]
    path = tmp_path / "file.mp4"
    path.write_bytes(make())
    error = refusal(path)
    assert error.status == "unsupported" and named in error.detail


@pytest.mark.parametrize(
    "text", ["BMW, 1994", "P5 is a label", "FWS Inc.", "MAC address", "Gap " * 200, "a free text"]
)
def test_a_text_that_begins_like_a_file_of_some_kind_is_none(tmp_path, text):
    path = tmp_path / "file"
    path.write_text(text)
    assert refusal(path).status == "unreadable"


@pytest.mark.parametrize("name", mutants.SEEDS)
def test_seeds_are_told_by_their_first_bytes(name):
    kind = "image" if name not in mutants.VIDEOS or name == "clip.gif" else "video"
    assert content_of(mutants.seed(name)[:HEAD_BYTES]).kind == kind


def test_limits_hold_for_what_is_new(tmp_path):
    path = tmp_path / "picture"
    for data in (saved(np.zeros((40, 30, 3), np.uint8), "JPEG2000"), tiff(np.zeros((40, 30, 3), np.float32))):
        path.write_bytes(data)
        assert refusal(path, Limits(image_pixels=1199)).status == "too_large"
    path = toys.write_video(tmp_path / "clip.ivf", format="ivf", codec="libvpx")
    assert refusal(path, Limits(video_side=40)).status == "too_large"
