"""Bombs, disguises and oddities, each made on the fly; ``FILES`` says which statuses each may get."""

import os
import socket
import struct
import zipfile
import zlib
from fractions import Fraction
from io import BytesIO

import av
import numpy as np
from PIL import Image

import mutants

READ, BROKEN, STRANGE, LARGE = "no_face", "unreadable", "unsupported", "too_large"
FILES = {}


def hostile(name, *statuses):
    """Note a maker of a file under its name, with the statuses that a scan may give it."""

    def note(make):
        FILES[name] = make, statuses
        return make

    return note


def write_all(folder):
    """Make every file; return its path and its statuses by name."""
    made = {}
    for name, (make, statuses) in FILES.items():
        path = folder / name
        make(path)
        made[name] = path, statuses
    return made


def write_clip(path, pictures=None, codec="libx264", pixels="yuv420p", format=None, times=None, cover=False):
    """A clip of noise at 25 frames a second; ``times`` are in its 90,000ths of a second."""
    pictures = mutants.pictures(8) if pictures is None else pictures
    with av.open(str(path), "w", format=format) as file:
        stream = file.add_stream(codec, rate=25, options=mutants.ENCODING)
        stream.height, stream.width = pictures[0].shape[:2]
        stream.pix_fmt = pixels
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            for packet in stream.encode(frame):
                _mux(file, packet, times)
        for packet in stream.encode():
            _mux(file, packet, times)
    return path


def _mux(file, packet, times):
    if times is not None:
        number = round(packet.pts * packet.time_base * 25)
        packet.time_base = Fraction(1, 90_000)
        packet.pts = packet.dts = times[number]
    file.mux(packet)


def png(width, height, colour, channels):
    """A black PNG of 8 bits a channel, made a row at a time."""
    packer = zlib.compressobj(9)
    packed = [packer.compress(bytes(1 + width * channels)) for _ in range(height)]
    packed.append(packer.flush())
    chunks = [
        (b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0)),
        (b"IDAT", b"".join(packed)),
        (b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def gif(width, height, count):
    """A GIF whose frames each paint one pixel."""
    head = b"GIF89a" + struct.pack("<HHBBB", width, height, 0x80, 0, 0) + bytes([0, 0, 0, 255, 255, 255])
    frame = b"\x21\xf9\x04\x04\x0a\x00\x00\x00" + b"\x2c" + struct.pack("<HHHHB", 0, 0, 1, 1, 0)
    return head + (frame + b"\x02\x02\x44\x01\x00") * count + b"\x3b"


# Bombs: small files that stand for much.


@hostile("196-megapixels.png", LARGE)
def _(path):
    path.write_bytes(png(14_000, 14_000, 0, 1))


@hostile("74-megapixels.png", READ)
def _(path):
    path.write_bytes(png(8_600, 8_600, 2, 3))


@hostile("74-megapixels-alpha.png", READ, LARGE)
def _(path):
    path.write_bytes(png(8_600, 8_600, 6, 4))


@hostile("74-megapixels-float.tiff", READ, LARGE)
def _(path):
    Image.new("F", (8_600, 8_600)).save(path, compression="tiff_lzw")


@hostile("lying-header.png", LARGE)
def _(path):
    data = bytearray(png(64, 48, 2, 3))
    data[16:24] = struct.pack(">II", 0x7FFFFFFF, 0x7FFFFFFF)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    path.write_bytes(data)


@hostile("lying-header.jpg", LARGE)
def _(path):
    data = mutants.seed("picture.jpg")
    path.write_bytes(data.replace(struct.pack(">HH", 48, 64), struct.pack(">HH", 65_500, 65_500)))


@hostile("lying-header.bmp", LARGE, BROKEN)
def _(path):
    data = bytearray(mutants.seed("picture.bmp"))
    data[18:26] = struct.pack("<ii", 0x7FFFFFFF, 0x7FFFFFFF)
    path.write_bytes(data)


@hostile("lying-header.webp", LARGE, BROKEN)
def _(path):
    data = bytearray(mutants.seed("moving.webp"))
    assert data[12:16] == b"VP8X"
    data[24:30] = b"\xff\x3f\x00" * 2
    path.write_bytes(data)


@hostile("lying-header.heic", LARGE, BROKEN)
def _(path):
    data = mutants.seed("picture.heic")
    path.write_bytes(data.replace(struct.pack(">II", 64, 64), struct.pack(">II", 65_500, 65_500)))


@hostile("lying-header.avi", LARGE, BROKEN, STRANGE, READ)
def _(path):
    write_clip(path, codec="rawvideo", pixels="bgr24")
    data = path.read_bytes()
    path.write_bytes(data.replace(struct.pack("<ii", 64, 48), struct.pack("<ii", 60_000, 60_000)))


@hostile("100000-frames.gif", READ)
def _(path):
    path.write_bytes(gif(16, 16, 100_000))


@hostile("100000-frames.png", READ, LARGE)
def _(path):
    def chunk(kind, content):
        return (
            struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
        )

    data = png(16, 16, 2, 3)
    place = data.index(b"IDAT") - 4
    dot = zlib.compress(bytes(4))
    frames = [struct.pack(">IIIIIHHBB", 0, 16, 16, 0, 0, 1, 10, 0, 0)]
    frames += [struct.pack(">IIIIIHHBB", 0, 1, 1, 0, 0, 1, 10, 0, 1)] * 99_999
    head = data[:place] + chunk(b"acTL", struct.pack(">II", len(frames), 0)) + chunk(b"fcTL", frames[0])
    one = chunk(b"fcTL", frames[1]) + chunk(b"fdAT", bytes(4) + dot)
    path.write_bytes(head + data[place:-12] + one * 99_999 + data[-12:])


@hostile("100000-frames.webp", READ, LARGE)
def _(path):
    data = mutants.seed("moving.webp")
    place = data.index(b"ANMF")
    end = place + 8 + struct.unpack("<I", data[place + 4 : place + 8])[0]
    body = data[12:place] + data[place : end + end % 2] * (40_000_000 // (end - place))
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body) + 4) + b"WEBP" + body)


@hostile("2000-large-frames.gif", READ)
def _(path):
    path.write_bytes(gif(4_000, 4_000, 2_000))


@hostile("1000-pages.tiff", READ)
def _(path):
    page = Image.new("L", (8, 8))
    page.save(path, save_all=True, append_images=[page] * 999)


@hostile("circular.tiff", READ, BROKEN)
def _(path):
    data = bytearray(mutants.seed("picture.tiff"))
    (start,) = struct.unpack("<I", data[4:8])
    (entries,) = struct.unpack("<H", data[start : start + 2])
    end = start + 2 + 12 * entries
    data[end : end + 4] = struct.pack("<I", start)
    path.write_bytes(data)


@hostile("deep-exif.jpg", READ)
def _(path):
    # 5,000 entries that each claim four thousand million bytes, and an EXIF folder that is the folder itself.
    entries = [struct.pack("<HHII", 0x8769, 4, 1, 8), struct.pack("<HHII", 0x8825, 4, 1, 8)]
    entries += [struct.pack("<HHII", 0x9000 + number, 7, 0xFFFFFFFF, 8) for number in range(5_000)]
    exif = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + b"".join(entries) + struct.pack("<I", 8)
    Image.fromarray(mutants.pictures(1)[0]).save(path, exif=exif)


@hostile("long-text.png", READ, BROKEN)
def _(path):
    data = png(64, 48, 2, 3)
    text = b"Comment\0\0" + zlib.compress(bytes(300_000_000), 1)
    chunk = struct.pack(">I", len(text)) + b"zTXt" + text + struct.pack(">I", zlib.crc32(b"zTXt" + text))
    path.write_bytes(data[:33] + chunk + data[33:])


@hostile("samples.mp4", READ, BROKEN)
def _(path):
    data = bytearray(mutants.seed("front.mp4"))
    for table in (b"stts", b"stsz", b"ctts", b"stsc", b"stco"):
        place = data.find(table)
        if place > 0:
            data[place + 8 : place + 12] = struct.pack(">I", 0x7FFFFFFF)
    path.write_bytes(data)


@hostile("nested.mp4", BROKEN)
def _(path):
    boxes = b"".join(struct.pack(">I", 8 * left) + b"moov" for left in range(20_000, 0, -1))
    path.write_bytes(mutants.seed("front.mp4")[:32] + boxes)


# Disguises: files that are not what their name says, or two things at once.


def _text(name, status, text):
    hostile(name, status)(lambda path: path.write_text(text))


_text("playlist.mp4", BROKEN, "#EXTM3U\n#EXT-X-TARGETDURATION:3\n#EXTINF:3,\n/etc/passwd\n#EXT-X-ENDLIST\n")
_text("script.mp4", BROKEN, "ffconcat version 1.0\nfile 'clip.mkv'\n")
_text("page.mp4", BROKEN, "<!doctype html><title>a clip</title><script>alert(1)</script>\n")
_text("drawing.png", BROKEN, '<svg xmlns="http://www.w3.org/2000/svg"><image href="/etc/passwd"/></svg>\n')
_text("plain.jpg", BROKEN, "no picture\n" * 100)


def archive():
    target = BytesIO()
    with zipfile.ZipFile(target, "w") as file:
        file.writestr("clip.mp4", mutants.seed("front.mp4"))
    return target.getvalue()


@hostile("archive.mp4", STRANGE)
def _(path):
    path.write_bytes(archive())


@hostile("picture-and-archive.jpg", READ)
def _(path):
    path.write_bytes(mutants.seed("picture.jpg") + archive())


@hostile("document-and-clip.mp4", STRANGE)
def _(path):
    path.write_bytes(b"%PDF-1.7\n" + mutants.seed("front.mp4"))


@hostile("picture-and-clip.png", READ)
def _(path):
    path.write_bytes(mutants.seed("picture.png") + mutants.seed("front.mp4"))


@hostile("page-and-clip.mp4", READ, BROKEN)
def _(path):
    page = b"<script>alert(1)</script>"
    path.write_bytes(struct.pack(">I", len(page) + 8) + b"free" + page + mutants.seed("front.mp4"))


@hostile("clip-named.jpg", READ)
def _(path):
    path.write_bytes(mutants.seed("clip.mkv"))


@hostile("picture-named.mp4", READ)
def _(path):
    path.write_bytes(mutants.seed("picture.png"))


@hostile("\x1b[31mred\x1b[0m\nsecond line <b>.mp4", READ)
def _(path):
    path.write_bytes(mutants.seed("front.mp4"))


# What is no plain file, or cannot be opened.


@hostile("empty.mp4", BROKEN)
def _(path):
    path.touch()


@hostile("pipe.mp4", BROKEN)
def _(path):
    os.mkfifo(path)


@hostile("socket.mp4", BROKEN)
def _(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(os.path.relpath(path))


@hostile("link-to-pipe.mp4", BROKEN)
def _(path):
    path.symlink_to("pipe.mp4")


@hostile("link-to-device.mp4", BROKEN)
def _(path):
    path.symlink_to("/dev/zero")


@hostile("link-to-itself.mp4", BROKEN)
def _(path):
    path.symlink_to(path)


@hostile("link-to-nothing.mp4", BROKEN)
def _(path):
    path.symlink_to("missing.mp4")


# Oddities that are valid, or nearly.


@hostile("sound-with-cover.m4a", STRANGE)
def _(path):
    with av.open(str(path), "w", format="mp4") as file:
        cover = file.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = mutants.WIDTH, mutants.HEIGHT, "yuvj420p"
        cover.disposition = av.stream.Disposition.attached_pic
        sound = file.add_stream("aac", rate=16_000)
        picture = av.VideoFrame.from_ndarray(mutants.pictures(1)[0], format="rgb24")
        file.mux([*cover.encode(picture), *cover.encode()])
        for _ in range(20):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), "fltp", "mono")
            frame.rate = 16_000
            file.mux(sound.encode(frame))
        file.mux(sound.encode())


@hostile("sound-with-cover.mp3", STRANGE)
def _(path):
    picture = b"\0image/jpeg\0\x03\0" + mutants.seed("picture.jpg")
    frame = b"APIC" + struct.pack(">I", len(picture)) + b"\0\0" + picture
    size = len(frame)
    length = bytes((size >> shift) & 0x7F for shift in (21, 14, 7, 0))
    path.write_bytes(b"ID3\x03\0\0" + length + frame + b"\xff\xfb\x90\x00" + bytes(413))


@hostile("no-frames.mp4", BROKEN)
def _(path):
    data = write_clip(path).read_bytes()
    start = data.find(b"moov") - 4
    path.write_bytes(data[:32] + data[start:])


@hostile("half-a-header.mp4", BROKEN)
def _(path):
    data = mutants.seed("front.mp4")
    path.write_bytes(data[: data.find(b"stsd") + 40])


@hostile("two-sizes.ts", READ)
def _(path):
    small = write_clip(path, format="mpegts").read_bytes()
    large = [np.tile(picture, (3, 2, 1)) for picture in mutants.pictures(8)]
    path.write_bytes(small + write_clip(path, large, format="mpegts").read_bytes() + small)


@hostile("negative-times.mkv", READ)
def _(path):
    write_clip(path, codec="mjpeg", pixels="yuvj420p", times=[-90_000 + 3_600 * n for n in range(8)])


@hostile("absurd-times.ts", READ)
def _(path):
    write_clip(path, codec="mpeg2video", format="mpegts", times=[0, 3_600, *((n << 30) for n in range(1, 7))])


@hostile("ten-bits.mp4", READ)
def _(path):
    write_clip(path, codec="libx265", pixels="yuv420p10le")


@hostile("alpha.webm", READ)
def _(path):
    write_clip(path, codec="libvpx-vp9", pixels="yuva420p")


@hostile("sixteen-bits.mov", READ)
def _(path):
    write_clip(path, codec="png", pixels="rgb48be")


@hostile("odd.mkv", READ)
def _(path):
    write_clip(path, [picture[:47, :63] for picture in mutants.pictures(8)], pixels="yuv444p")


@hostile("one-pixel.gif", READ)
def _(path):
    path.write_bytes(gif(1, 1, 1))


@hostile("long-and-thin.png", READ)
def _(path):
    path.write_bytes(png(70_000, 1, 0, 1))
