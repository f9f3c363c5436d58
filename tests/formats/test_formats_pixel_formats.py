"""Whatever a frame's pixel format and colour matrix, it becomes RGB."""

from fractions import Fraction
from types import SimpleNamespace

import numpy as np
import pytest
from av.video.frame import VideoFrame

from stream_toys import RED, Toy, write_streams
from unmask.formats.display import Display, square_size
from unmask.media import Limits, conversion, open_media
from unmask.scanning import Settings, scan


def frames_of(path):
    with open_media(path) as media:
        return list(media.sample(1)), media.info


MATRICES = {
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


@pytest.mark.parametrize("matrix", MATRICES)
@pytest.mark.parametrize(("height", "usual"), [(48, 5), (592, 1)], ids=["BT.601", "BT.709"])
def test_an_unknown_matrix_counts_as_the_usual_one(tmp_path, matrix, height, usual):
    toy = Toy(height=height, count=2, codec="prores_ks", pixels="yuv422p10le", matrix=usual)
    known = write_streams(tmp_path / "known.mov", toy)
    toy.matrix = matrix
    other = write_streams(tmp_path / "other.mov", toy)
    expected, plain = frames_of(known)
    frames, info = frames_of(other)
    name = "BT.709" if usual == 1 else "BT.601"
    assert plain.details == ()
    told = f"colour matrix {MATRICES[matrix]} cannot be converted, {name} was used: colours are not exact"
    assert info.details == (told,)
    np.testing.assert_array_equal(frames[0].image, expected[0].image)


@pytest.mark.parametrize(
    ("ending", "codec", "pixels"),
    [
        ("ts", "libx264", "yuv420p"),
        ("mp4", "libx265", "yuv420p10le"),
        ("mp4", "libvpx-vp9", "yuv420p"),
        ("mov", "prores_ks", "yuv422p10le"),
        ("mpg", "mpeg2video", "yuv422p"),
        ("mkv", "ffv1", "yuv444p12le"),
    ],
)
def test_unknown_matrices_of_every_coding_are_converted_and_told(tmp_path, ending, codec, pixels):
    options = {"x265-params": "log-level=none"} if codec == "libx265" else {}
    toy = Toy(count=15, codec=codec, pixels=pixels, matrix=14, options=options)
    path = write_streams(tmp_path / f"clip.{ending}", toy)
    frames, info = frames_of(path)
    assert np.abs(frames[0].image.mean((0, 1)) - RED).max() < 40
    assert "ICtCp" in "".join(info.details)


@pytest.mark.parametrize("pixels", ["gbrp10le", "gray"])
def test_pixels_without_a_matrix_are_converted_as_they_are(tmp_path, pixels):
    toy = Toy((90, 90, 90), codec="ffv1", pixels=pixels)
    plain = write_streams(tmp_path / "plain.mkv", toy)
    toy.matrix = 14
    path = write_streams(tmp_path / "clip.mkv", toy)
    frames, info = frames_of(path)
    assert info.details == ()
    np.testing.assert_array_equal(frames[0].image, frames_of(plain)[0][0].image)


def test_an_unknown_matrix_and_anamorphic_pixels_are_both_seen_to(tmp_path, detector, finder):
    path = write_streams(tmp_path / "clip.mp4", Toy(aspect=(2, 1), matrix=8))
    assert frames_of(path)[0][0].image.shape == (48, 128, 3)
    result = scan(path, Settings(frames=1), detector, finder)
    assert result.detail == "colour matrix YCgCo cannot be converted, BT.601 was used: colours are not exact"


PIXELS = (
    "yuv410p yuv411p yuv420p yuv422p yuv440p yuv444p yuva420p yuva422p yuva444p yuvj411p yuvj420p yuvj422p yuvj440p "
    "yuvj444p yuv420p9le yuv420p10le yuv422p10le yuv440p10le yuv444p10le yuv420p10be yuv444p12le yuv444p14le "
    "yuv420p16le yuv444p16be yuva420p10le yuva444p16le nv12 nv21 nv16 nv24 nv42 nv20le p010le p010be p012le p016le "
    "p210le p216le p410le p412le p416le uyvy422 yuyv422 yvyu422 y210le y212le y216le xv30le xv36le xv48le "
    "v30xle vuya vuyx vyu444 uyva ayuv ayuv64le rgb24 bgr24 rgba bgra argb abgr 0rgb rgb0 bgr0 0bgr rgb48le bgr48be "
    "rgba64le bgra64le x2rgb10le x2bgr10le rgb565le bgr565le rgb555le bgr555le gbrp gbrap gbrp9le gbrp10le gbrp12be "
    "gbrp14le gbrp16le gbrap10le gbrap16le gbrpf32le gbrapf32le pal8 rgb8 bgr8 gray gray9le gray10le gray12le gray14le "
    "gray16le gray16be grayf32le ya8 ya16le xyz12le"
)


@pytest.mark.parametrize("pixels", PIXELS.split())
def test_pixel_formats_become_rgb(pixels):
    colour = (130, 130, 130) if pixels.startswith(("gray", "ya")) else RED
    toy = Toy(colour, pixels=pixels, full_range=pixels.startswith("yuvj"))
    image = conversion.picture_of(toy.frame(), 0.0, Limits()).frame(0).image
    assert image.shape == (48, 64, 3)
    np.testing.assert_allclose(image.mean((0, 1)), colour, atol=41 if pixels == "pal8" else 12)


CODINGS = {
    "ffv1": (
        "mkv",
        "yuv410p yuv420p10le yuv444p12le yuva444p10le gray16le ya8 gbrp10le gbrp16le bgr0 rgb48le rgba64le",
    ),
    "rawvideo": ("avi", "nv12 uyvy422 yuyv422 yuv420p bgr24 rgba gray"),
    "mjpeg": ("avi", "yuvj420p yuvj422p yuvj444p"),
    "libx264": ("mp4", "yuvj420p yuvj444p nv12 yuv420p10le yuv422p10le yuv444p10le gray gray10le"),
    "libx264rgb": ("mp4", "rgb24 bgr0"),
    "libvpx-vp9": ("mkv", "yuv440p yuv444p gbrp"),
    "prores_ks": ("mov", "yuv444p10le yuva444p10le"),
    "png": ("mov", "rgb24 rgba rgb48be gray gray16be pal8 ya8"),
    "qtrle": ("mov", "rgb24 rgb555be argb gray"),
    "gif": ("gif", "rgb8 gray pal8"),
}


@pytest.mark.parametrize(
    ("codec", "ending", "pixels"),
    [(codec, ending, one) for codec, (ending, pixels) in CODINGS.items() for one in pixels.split()],
)
def test_codings_of_many_pixel_formats_are_read(tmp_path, codec, ending, pixels):
    colour = (130, 130, 130) if pixels.startswith(("gray", "ya8")) else RED
    toy = Toy(colour, count=3, codec=codec, pixels=pixels, full_range="yuvj" in pixels)
    frames, info = frames_of(write_streams(tmp_path / f"clip.{ending}", toy))
    assert info.details == ()
    np.testing.assert_allclose(frames[0].image.mean((0, 1)), colour, atol=41 if pixels == "pal8" else 12)


@pytest.mark.parametrize("size", [(1, 1), (2, 2), (1, 200), (200, 1), (3, 5), (17, 33)])
@pytest.mark.parametrize("pixels", ["yuv420p", "yuv410p", "nv12", "yuv444p10le", "gray"])
@pytest.mark.parametrize("aspect", [Fraction(1), Fraction(4, 3), Fraction(1, 3)])
def test_the_smallest_frames_are_converted(size, pixels, aspect):
    width, height = size
    frame = VideoFrame(width, height, pixels)
    stated = Display(
        SimpleNamespace(
            codec_context=SimpleNamespace(format=frame.format, colorspace=14, sample_aspect_ratio=None),
            container=SimpleNamespace(format=SimpleNamespace(name="mov")),
            sample_aspect_ratio=aspect,
        )
    )
    picture = conversion.picture_of(frame, 0.0, Limits(), stated)
    assert (picture.width, picture.height) == square_size(width, height, aspect, 4096)
    assert len(b"".join(picture.strips)) == picture.size
