"""Animated GIF, PNG, WebP and AVIF: frames over time, composed as an independent composition in floats has them."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from unmask.media import DecodingProcesses, Limits, MediaError, Sampling, open_media
from unmask.media.video import VideoMedia

WIDTH, HEIGHT = 40, 24
PNG = b"\x89PNG\r\n\x1a\n"


def flat(*shades):
    return [Image.fromarray(np.full((48, 64, 3), shade, np.uint8)) for shade in shades]


def write_animation(path, shades=(0, 80, 160, 240), duration=(100, 200, 300, 400), **options):
    first, *rest = flat(*shades)
    options |= {"lossless": True} if path.suffix == ".webp" else {}
    first.save(path, save_all=True, append_images=rest, duration=list(duration), **options)
    return path


def seen(path, wanted=20, limits=None):
    with open_media(path, limits) as media:
        return media.info, list(media.sample(wanted))


@pytest.mark.parametrize("ending", ["png", "webp", "avif", "gif"])
def test_an_animation_gives_its_frames_over_time(tmp_path, ending):
    info, frames = seen(write_animation(tmp_path / f"wrongly_named_{ending}.{ending}"))
    assert (info.kind, info.width, info.height, info.frames) == ("video", 64, 48, 4)
    assert info.duration == pytest.approx(1.0)
    assert [frame.time for frame in frames] == pytest.approx([0.0, 0.1, 0.3, 0.6])
    assert [float(frame.image.mean()) for frame in frames] == pytest.approx([0, 80, 160, 240], abs=3)


@pytest.mark.parametrize("ending", ["png", "webp", "avif", "gif"])
@pytest.mark.parametrize(
    "order",
    [Sampling(3), Sampling(2, near_keyframes=True), Sampling(9, every=0.2), Sampling(1, every_frame=True)],
)
def test_an_animation_is_sampled_as_a_gif_is(tmp_path, ending, order):
    clip = range(0, 240, 10), [100] * 24
    expected = seen(write_animation(tmp_path / "moving.gif", *clip), order)[1]
    frames = seen(write_animation(tmp_path / f"moving.{ending}", *clip), order)[1]
    assert [frame.time for frame in frames] == pytest.approx([frame.time for frame in expected])


def test_a_second_look_leaves_out_what_was_taken(tmp_path):
    path = write_animation(tmp_path / "moving.webp", range(0, 200, 10), [100] * 20)
    first = [frame.time for frame in seen(path, Sampling(2, near_keyframes=True))[1]]
    second = [frame.time for frame in seen(path, Sampling(6, near_keyframes=True, exclude=first))[1]]
    assert len(first) == 2 and len(second) == 4
    assert not set(first) & set(second)


@pytest.mark.parametrize("ending", ["gif", "png", "webp", "avif"])
def test_no_picture_is_taken_twice_where_there_are_fewer_than_parts(tmp_path, ending):
    path = write_animation(tmp_path / f"short.{ending}", range(0, 240, 80), [200] * 3)
    with DecodingProcesses(Limits()) as processes, open_media(path) as here, processes.open(path) as there:
        for media in (here, there):
            times = [frame.time for frame in media.sample(Sampling(2, near_keyframes=True))]
            times += [frame.time for frame in media.sample(Sampling(12, near_keyframes=True, exclude=times))]
            assert len({round(time, 3) for time in times}) == len(times) >= 2


@pytest.mark.parametrize("ending", ["png", "webp", "avif"])
def test_another_process_gives_the_same_frames(tmp_path, ending):
    path = write_animation(tmp_path / f"moving.{ending}")
    with DecodingProcesses(Limits()) as processes, processes.open(path) as media:
        info, frames = media.info, list(media.sample(20))
        facts = media.facts()
    expected_info, expected = seen(path)
    assert info == expected_info
    assert facts.streams[0].frames == 4 and facts.duration == pytest.approx(1.0)
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames, expected, strict=True))


# Composition. The independent one works in floats, on straight alpha, by the definition of "over".


def random_layers(rng, count, alphas):
    layers = []
    for number in range(count):
        width, height = (WIDTH, HEIGHT) if number == 0 else rng.integers(4, 20, 2)
        left, top = (0, 0) if number == 0 else (2 * rng.integers(0, 18 // 2 + 1), 2 * rng.integers(0, 3))
        pixels = rng.integers(0, 256, (height, width, 4), dtype=np.uint8)
        pixels[..., 3] = rng.choice(alphas, (height, width))
        disposal = "keep" if number == 0 else str(rng.choice(["keep", "clear", "restore"]))
        layers.append((int(left), int(top), pixels, bool(rng.integers(2)), disposal))
    return layers


def composed(layers, width=WIDTH, height=HEIGHT):
    """Frames on white, as float (H, W, 3)."""
    canvas, frames = np.zeros((height, width, 4)), []
    for left, top, pixels, over, disposal in layers:
        before = canvas.copy()
        place = np.s_[top : top + pixels.shape[0], left : left + pixels.shape[1]]
        below, new = canvas[place], (pixels / 255.0)[: height - top, : width - left]
        if over:
            alpha = new[..., 3:] + below[..., 3:] * (1 - new[..., 3:])
            colour = new[..., :3] * new[..., 3:] + below[..., :3] * below[..., 3:] * (1 - new[..., 3:])
            new = np.concatenate([colour / np.maximum(alpha, 1e-9), alpha], axis=2)
        canvas[place] = new
        frames.append(255 * (canvas[..., :3] * canvas[..., 3:] + 1 - canvas[..., 3:]))
        if disposal == "restore":
            canvas = before
        elif disposal == "clear":
            canvas[place] = 0
    return frames


def chunk(kind, content):
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def png_chunks(pixels, kind):
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    data, place = file.getvalue(), 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        if data[place + 4 : place + 8] == kind:
            yield data[place + 8 : place + 8 + length]
        place += 12 + length


def apng(layers, still=None, count=None):
    """An animated PNG; ``still`` is a default image that is no part of the animation."""
    (header,) = png_chunks(still if still is not None else layers[0][2], b"IHDR")
    data = PNG + chunk(b"IHDR", header) + chunk(b"acTL", struct.pack(">II", count or len(layers), 0))
    number = 0
    if still is not None:
        data += b"".join(chunk(b"IDAT", part) for part in png_chunks(still, b"IDAT"))
    for place, (left, top, pixels, over, disposal) in enumerate(layers):
        height, width = pixels.shape[:2]
        ways = {"keep": 0, "clear": 1, "restore": 2}[disposal], int(over)
        data += chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, width, height, left, top, 1, 10, *ways))
        number += 1
        for part in png_chunks(pixels, b"IDAT"):
            if place == 0 and still is None:
                data += chunk(b"IDAT", part)
            else:
                data += chunk(b"fdAT", struct.pack(">I", number) + part)
                number += 1
    return data + chunk(b"IEND", b"")


def webp(layers):
    def riff(kind, content):
        return kind + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)

    def three(value):
        return struct.pack("<I", value)[:3]

    body = riff(b"VP8X", b"\x12\0\0\0" + three(WIDTH - 1) + three(HEIGHT - 1)) + riff(b"ANIM", bytes(6))
    for left, top, pixels, over, disposal in layers:
        file = BytesIO()
        Image.fromarray(pixels).save(file, "WEBP", lossless=True, exact=True)
        coded = file.getvalue()[12:]
        place = coded.index(b"VP8L")
        size = three(pixels.shape[1] - 1) + three(pixels.shape[0] - 1)
        flags = (0 if over else 2) | (1 if disposal == "clear" else 0)
        head = three(left // 2) + three(top // 2) + size + three(100) + bytes([flags])
        body += riff(b"ANMF", head + coded[place:])
    return b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body


def gif(layers, screen=(WIDTH, HEIGHT)):
    """Layers whose pixels are opaque grey or fully transparent."""
    table = bytes(value for grey in range(256) for value in (grey, grey, grey))
    data = b"GIF89a" + struct.pack("<HHBBB", *screen, 0xF7, 0, 0) + table
    for left, top, pixels, _, disposal in layers:
        grey = np.where(pixels[..., 3] > 0, np.minimum(pixels[..., 0], 254), 255).astype(np.uint8)
        image = Image.fromarray(grey, "L").convert("P")
        file = BytesIO()
        image.save(file, "GIF", interlace=0, optimize=False)
        coded = file.getvalue()
        start = coded.index(b"\x2c" + struct.pack("<HHHH", 0, 0, grey.shape[1], grey.shape[0])) + 9
        flags = coded[start]
        start += 1 + (3 << (flags & 7) + 1 if flags & 0x80 else 0)
        way = {"keep": 1, "clear": 2, "restore": 3}[disposal]
        data += b"\x21\xf9\x04" + bytes([way << 2 | 1, 10, 0, 255, 0])
        data += b"\x2c" + struct.pack("<HHHHB", left, top, grey.shape[1], grey.shape[0], 0) + coded[start:-1]
    return data + b";"


def with_grey(layers):
    """The layers as the GIF has them: grey, opaque or transparent, always over."""
    for left, top, pixels, _, disposal in layers:
        grey = np.minimum(pixels[..., :1], 254)
        yield left, top, np.concatenate([grey, grey, grey, pixels[..., 3:]], axis=2), True, disposal


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("kind", ["png", "webp"])
def test_layers_are_composed_as_browsers_do(tmp_path, kind, seed):
    layers = random_layers(np.random.default_rng(seed), 12, [0, 30, 128, 200, 255])
    if kind == "webp":
        layers = [(*rest, "keep" if way == "restore" else way) for *rest, way in layers]
    path = tmp_path / "moving"
    path.write_bytes(apng(layers) if kind == "png" else webp(layers))
    expected = composed(layers)
    frames = seen(path, Sampling(1, every_frame=True))[1]
    assert len(frames) == 12
    for frame, wanted in zip(frames, expected, strict=True):
        # Each 8 bit blending rounds; faint pixels below others round more.
        assert np.abs(frame.image - wanted).max() <= 6
    # A few of them, in an order that skips: the same pixels.
    few = seen(path, 5)[1]
    by_time = {round(frame.time, 3): frame.image for frame in frames}
    assert all(np.array_equal(frame.image, by_time[round(frame.time, 3)]) for frame in few)


@pytest.mark.parametrize("seed", range(4))
def test_a_gif_that_ffmpeg_refuses_is_composed_as_browsers_do(tmp_path, seed):
    """Its screen has no size; browsers take the first picture's."""
    layers = random_layers(np.random.default_rng(seed), 12, [0, 255])
    path = tmp_path / "moving.gif"
    path.write_bytes(gif(layers, screen=(0, 0)))
    with pytest.raises(MediaError):
        VideoMedia(path, ("gif",), Limits())
    info, frames = seen(path, Sampling(1, every_frame=True))
    assert (info.kind, info.width, info.height) == ("video", WIDTH, HEIGHT)
    for frame, wanted in zip(frames, composed(list(with_grey(layers))), strict=True):
        assert np.abs(frame.image - wanted).max() <= 1


def test_both_readers_of_gif_agree(tmp_path, monkeypatch):
    layers = [(*rest, "keep") for *rest, _ in random_layers(np.random.default_rng(9), 8, [0, 255])]
    path = tmp_path / "moving.gif"
    path.write_bytes(gif(layers))
    by_ffmpeg = seen(path)[1]
    monkeypatch.setattr(
        VideoMedia, "pictures", lambda *_: (_ for _ in ()).throw(MediaError("unreadable", "no"))
    )
    by_layers = seen(path)[1]
    assert [frame.time for frame in by_layers] == pytest.approx([frame.time for frame in by_ffmpeg])
    assert all(np.array_equal(a.image, b.image) for a, b in zip(by_layers, by_ffmpeg, strict=True))


def test_a_gif_whose_first_picture_is_larger_than_its_screen_is_shown_whole(tmp_path):
    path = tmp_path / "moving.gif"
    path.write_bytes(gif(random_layers(np.random.default_rng(1), 3, [255]), screen=(10, 10)))
    info, frames = seen(path)
    assert (info.width, info.height) == (WIDTH, HEIGHT)
    assert frames[0].image.shape == (HEIGHT, WIDTH, 3)


def test_a_still_gif_that_pillow_refuses_is_read_by_the_other(tmp_path, monkeypatch):
    path = tmp_path / "still.gif"
    flat(90)[0].save(path)
    from unmask.media.image import ImageMedia

    monkeypatch.setattr(
        ImageMedia, "pictures", lambda *_: (_ for _ in ()).throw(MediaError("unreadable", "no"))
    )
    info, frames = seen(path)
    assert (info.kind, info.frames, len(frames)) == ("image", 1, 1)
    assert frames[0].image.mean() == pytest.approx(90, abs=3)


# What browsers show, and what stays an image.


def test_a_default_image_that_browsers_hide_is_not_looked_at(tmp_path):
    hidden = np.zeros((HEIGHT, WIDTH, 4), np.uint8) + 255
    layers = random_layers(np.random.default_rng(2), 3, [255])
    path = tmp_path / "moving.png"
    path.write_bytes(apng(layers, still=hidden))
    info, frames = seen(path)
    assert (info.kind, info.frames) == ("video", 3)
    assert np.abs(frames[0].image - composed(layers)[0]).max() <= 1
    path.write_bytes(apng(layers[:1], still=hidden))
    info, frames = seen(path)
    assert (info.kind, info.frames, len(frames)) == ("image", 1, 1)
    assert np.abs(frames[0].image - composed(layers)[0]).max() <= 1


def test_a_png_that_says_nothing_usable_of_its_animation_is_its_still(tmp_path):
    pixels = np.random.default_rng(3).integers(0, 255, (HEIGHT, WIDTH, 4), dtype=np.uint8)
    pixels[..., 3] = 255
    path = tmp_path / "still.png"
    for data in (apng([], still=pixels, count=1), apng([(0, 0, pixels, False, "keep")])):
        path.write_bytes(data)
        info, frames = seen(path)
        assert info.kind == "image"
        assert np.array_equal(frames[0].image, pixels[..., :3])


@pytest.mark.parametrize("ending", ["png", "webp", "avif"])
def test_a_still_has_the_pixels_that_pillow_gives(tmp_path, ending):
    pixels = np.random.default_rng(4).integers(0, 255, (48, 64, 3), dtype=np.uint8)
    path = tmp_path / f"still.{ending}"
    Image.fromarray(pixels).save(path)
    info, frames = seen(path)
    assert (info.kind, info.details, len(frames)) == ("image", (), 1)
    with Image.open(path) as stored:
        assert np.array_equal(frames[0].image, np.asarray(stored.convert("RGB")))


def test_pictures_without_a_duration_are_shown_for_a_tenth_of_a_second(tmp_path):
    for ending in ("png", "webp", "gif"):
        info, frames = seen(write_animation(tmp_path / f"moving.{ending}", (0, 100, 200), (0, 0, 0)))
        assert [frame.time for frame in frames] == pytest.approx([0.0, 0.1, 0.2])
        assert ending == "gif" or info.duration == pytest.approx(0.3)


def test_the_orientation_flag_holds_for_each_frame(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    for ending in ("png", "webp"):
        frames = seen(write_animation(tmp_path / f"moving.{ending}", exif=exif))[1]
        assert {frame.image.shape for frame in frames} == {(64, 48, 3)}


# Files that break off, are damaged, or stand for much.


@pytest.mark.parametrize("ending", ["png", "webp", "gif"])
def test_an_animation_that_breaks_off_gives_the_pictures_that_are_whole(tmp_path, ending):
    rng = np.random.default_rng(5)
    pictures = [Image.fromarray(rng.integers(0, 255, (48, 64, 3), dtype=np.uint8)) for _ in range(6)]
    path = tmp_path / f"moving.{ending}"
    pictures[0].save(path, save_all=True, append_images=pictures[1:], duration=100)
    whole = seen(path)[1]
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3])
    info, frames = seen(path)
    assert 3 <= len(frames) <= 4
    assert all(np.array_equal(a.image, b.image) for a, b in zip(frames[:3], whole, strict=False))
    assert "breaks off" in info.details[0]


def test_a_damaged_picture_is_left_out_and_said(tmp_path):
    layers = random_layers(np.random.default_rng(6), 4, [255])
    data = bytearray(apng(layers))
    place = data.index(b"fdAT") + 8
    data[place : place + 20] = bytes(20)
    path = tmp_path / "moving.png"
    path.write_bytes(data)
    with open_media(path) as media:
        frames = []
        with pytest.raises(MediaError, match="1 of 4 frames"):
            for frame in media.sample(20):
                frames.append(frame)
    assert len(frames) == 3


@pytest.mark.parametrize("kind", ["png", "webp"])
def test_a_hundred_thousand_pictures_take_bounded_work(tmp_path, kind):
    pixel = np.full((1, 1, 4), 255, np.uint8)
    make = {"png": apng, "webp": webp}[kind]
    first = np.full((HEIGHT, WIDTH, 4), 255, np.uint8)
    one = (0, 0, first, True, "keep")
    short = make([one, (0, 0, pixel, True, "keep")])
    start = len(make([one])) - (12 if kind == "png" else 0)
    end = len(short) - (12 if kind == "png" else 0)
    many = bytearray(short[:end] + short[start:end] * 99_999 + short[end:])
    if kind == "png":
        many[41:45] = struct.pack(">I", 100_001)
    if kind == "webp":
        many[4:8] = struct.pack("<I", len(many) - 8)
    path = tmp_path / "bomb"
    path.write_bytes(many)
    with open_media(path, Limits(decoded_pixels=80_000_000)) as media:
        assert media.info.frames == 100_000
        frames = media.sample(Sampling(2, near_keyframes=True))
        try:
            assert len(list(frames)) <= 2
        except MediaError as error:
            assert error.status == "too_large"


def test_an_animation_larger_than_videos_may_be_is_read_as_a_still(tmp_path):
    path = write_animation(tmp_path / "moving.webp")
    info, frames = seen(path, limits=Limits(video_side=50))
    assert (info.kind, len(frames)) == ("image", 1)


@pytest.mark.parametrize("ending", ["webp", "png", "avif"])
def test_a_picture_that_is_held_from_the_beginning_is_sampled_and_none_twice(tmp_path, ending):
    dark, bright = (Image.new("RGB", (64, 64), (level, level, level)) for level in (20, 230))
    path = tmp_path / f"held.{ending}"
    dark.save(path, save_all=True, append_images=[bright], duration=[1000, 1000])
    with open_media(path) as media:
        frames = list(media.sample(Sampling(2, near_keyframes=True)))
        assert [round(frame.time, 2) for frame in frames] == [0.0, 1.0]
        assert frames[0].image.mean() < 60 < 200 < frames[1].image.mean()
        taken = [frame.time for frame in frames]
        assert list(media.sample(Sampling(12, near_keyframes=True, exclude=taken))) == []
