"""First bytes of kinds of files: images, videos, and what is well known and not read."""

from __future__ import annotations

import re

JPEG_OR_PNG = "save it as JPEG or PNG"

# (first bytes, Pillow's formats).
IMAGES: tuple[tuple[bytes, tuple[str, ...]], ...] = (
    (b"\xff\xd8\xff", ("JPEG", "MPO")),
    (b"\x89PNG\r\n\x1a\n", ("PNG",)),
    (b"GIF87a", ("GIF",)),
    (b"GIF89a", ("GIF",)),
    (b"II*\x00", ("TIFF",)),
    (b"MM\x00*", ("TIFF",)),
    (b"II+\x00", ("TIFF",)),  # BigTIFF.
    (b"8BPS\x00\x01", ("PSD",)),
    (b"\xff\x4f\xff\x51", ("JPEG2000",)),
)

# Patterns are compiled by the first file that gets to them, which few do.
IMAGE_PATTERNS: tuple[tuple[bytes, tuple[str, ...]], ...] = (
    (rb"BM.{12}[\x0c\x28\x34\x38\x40\x6c\x7c]\x00\x00\x00", ("BMP",)),
    (rb"P[1-6]\s(?:\s|#[^\n]*\n)*\d", ("PPM",)),
    (rb"\x00\x00\x00\x0cjP  \r\n\x87\n.{4}ftyp(?!mjp2)", ("JPEG2000",)),
)

# Videos whose demuxers take part only where the first bytes call for them: several would claim nearly anything.
RAW_VIDEOS: tuple[tuple[bytes, tuple[str, ...]], ...] = (
    (rb"\x06\x0e\x2b\x34\x02\x05\x01\x01\x0d\x01\x02", ("mxf",)),
    (rb"DKIF", ("ivf",)),
    (rb"YUV4MPEG2 ", ("yuv4mpegpipe",)),
    (rb"\x1f\x07\x00[\x3f\xbf]", ("dv",)),
    (rb"nut/multimedia container\x00", ("nut",)),
    (rb"\.RMF\x00\x00\x00", ("rm",)),
    (rb"\xb7\xd8\x00\x20\x37\x49\xda\x11\xa6\x4e", ("wtv",)),
    (rb"\x00\x00\x00\x00\x01\xbc.{8}\xe1\xe2", ("gxf",)),
    (rb"\x00\x00\x02\x80\x01", ("dnxhd",)),
    # AV1: a temporal delimiter, then a sequence header.
    (rb"\x12\x00\x0a[\x01-\x7f]", ("obu",)),
    # MPEG-4 part 2: a visual object sequence, or a video object and its layer.
    (rb"\x00\x00\x01\xb0|\x00\x00\x01[\x00-\x1f]\x00\x00\x01[\x20-\x2f]", ("m4v",)),
    # H.264 begins with a sequence parameter set, access unit delimiter or enhancement information; H.265 and H.266 do
    # likewise, or with a video parameter set.
    (rb"\x00{0,8}\x00\x00\x01[\x27\x47\x67\x09\x06]", ("h264",)),
    (rb"\x00{0,8}\x00\x00\x01[\x40\x42\x46\x4e]\x01", ("hevc",)),
    (rb"\x00{0,8}\x00\x00\x01\x00[\x71\x79\xa1\xb9]", ("vvc",)),
)

_ISO_BOXES = (b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"wide", b"free", b"skip", b"pnot")
_ASF = b"\x30\x26\xb2\x75\x8e\x66\xcf\x11\xa6\xd9\x00\xaa\x00\x62\xce\x6c"
_VIDEO_STARTS = (b"\x1a\x45\xdf\xa3", b"FLV\x01", b"OggS", _ASF, b"\x00\x00\x01\xba", b"\x00\x00\x01\xb3")
_ASF_VIDEO = b"\xc0\xef\x19\xbc\x4d\x5b\xcf\x11\xa8\xfd\x00\x80\x5f\x5c\x44\x2b"
_OGG_VIDEOS = (b"\x80theora", b"\x01video", b"OVP80", b"BBCD", b"fishead")
_TS_PACKETS = ((0, 188), (4, 192), (0, 204))

_JPEG_XL = f"a JPEG XL image; {JPEG_OR_PNG}"
RAW_PICTURE = f"a camera's raw picture; {JPEG_OR_PNG}"
_SOUND = "sound only"

# (offset, bytes there, what it is).
_UNREAD: tuple[tuple[int, bytes, str], ...] = (
    *((0, magic, _SOUND) for magic in (b"ID3", b"fLaC", b"#!AMR", b"MThd", b"wvpk", b"DSD ", b"caff\x00")),
    *((0, magic, _SOUND) for magic in (b".snd\x00", b"TTA1", b"MPCK", b"RF64", b"\x0bw")),
    (8, b"WAVE", _SOUND),
    (8, b"AIFF", _SOUND),
    (8, b"AIFC", _SOUND),
    (0, b"%PDF-", "a PDF document"),
    (0, b"%!PS", "a PostScript document"),
    (0, b"\xc5\xd0\xd3\xc6", "a PostScript document"),
    (0, b"{\\rtf", "a text document"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document"),
    (0, b"PK\x03\x04", "a ZIP archive"),
    (0, b"PK\x05\x06", "a ZIP archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7-Zip archive"),
    (257, b"ustar", "a TAR archive"),
    (0, b"\x1f\x8b\x08", "a GZIP archive"),
    (0, b"\xfd7zXZ\x00", "an XZ archive"),
    (0, b"\x28\xb5\x2f\xfd", "a Zstandard archive"),
    (0, b"\xff\x0a", _JPEG_XL),
    (0, b"\x00\x00\x00\x0cJXL ", _JPEG_XL),
    (0, b"II\xbc\x01", f"a JPEG XR image; {JPEG_OR_PNG}"),
    (0, b"MM\x00+", f"a big-endian BigTIFF image; {JPEG_OR_PNG}"),
    (0, b"8BPS\x00\x02", f"a large Photoshop document (PSB); {JPEG_OR_PNG}"),
    (0, b"gimp xcf", f"a GIMP document; {JPEG_OR_PNG}"),
    (0, b"\x76\x2f\x31\x01", f"an OpenEXR image; {JPEG_OR_PNG}"),
    (0, b"#?RADIANCE", f"a Radiance HDR image; {JPEG_OR_PNG}"),
    (0, b"#?RGBE", f"a Radiance HDR image; {JPEG_OR_PNG}"),
    (0, b"SDPX", f"a DPX image; {JPEG_OR_PNG}"),
    (0, b"XPDS", f"a DPX image; {JPEG_OR_PNG}"),
    (0, b"\x80\x2a\x5f\xd7", f"a Cineon image; {JPEG_OR_PNG}"),
    (0, b"SIMPLE  =", f"a FITS image; {JPEG_OR_PNG}"),
    (0, b"DDS |", f"a DirectDraw surface; {JPEG_OR_PNG}"),
    (0, b"qoif", f"a QOI image; {JPEG_OR_PNG}"),
    (0, b"BPG\xfb", f"a BPG image; {JPEG_OR_PNG}"),
    (0, b"FLIF", f"a FLIF image; {JPEG_OR_PNG}"),
    (0, b"P7\n", f"a PAM image; {JPEG_OR_PNG}"),
    (0, b"PF\n", f"a PFM image; {JPEG_OR_PNG}"),
    (0, b"Pf\n", f"a PFM image; {JPEG_OR_PNG}"),
    (0, b"\x01\xda\x00", f"an SGI image; {JPEG_OR_PNG}"),
    (0, b"\x01\xda\x01", f"an SGI image; {JPEG_OR_PNG}"),
    (0, b"\x59\xa6\x6a\x95", f"a Sun raster image; {JPEG_OR_PNG}"),
    (0, b"\xd7\xcd\xc6\x9a", f"a Windows metafile; {JPEG_OR_PNG}"),
    (0, b"icns", f"an icon; {JPEG_OR_PNG}"),
    (128, b"DICM", f"a DICOM file; {JPEG_OR_PNG}"),
    (8, b"ILBM", f"an ILBM image; {JPEG_OR_PNG}"),
    (4, b"ftypcrx ", RAW_PICTURE),
    (0, b"IIRO", RAW_PICTURE),
    (0, b"IIRS", RAW_PICTURE),
    (0, b"IIU\x00", RAW_PICTURE),
    (0, b"FUJIFILMCCD-RAW", RAW_PICTURE),
    (0, b"FOVb", RAW_PICTURE),
    (0, b"SMK2", "a Smacker video; save it as MP4"),
    (0, b"SMK4", "a Smacker video; save it as MP4"),
    (0, b"REDV", "a RED raw video; save it as MP4"),
    (4, b"RED1", "a RED raw video; save it as MP4"),
    (4, b"RED2", "a RED raw video; save it as MP4"),
    (0, b"\x00\x00\x01\x0f", "a bare VC-1 stream; save it as MP4"),
    (0, b"BBCD\x00", "a Dirac video; save it as MP4"),
    (0, b"SQLite format 3\x00", "a database"),
    (0, b"\x00\x05\x16\x07", "what macOS notes about another file"),
)
_UNREAD_PATTERNS: tuple[tuple[bytes, str], ...] = (
    (rb"\x00\x00[\x01\x02]\x00[\x01-\xff]\x00...\x00", f"an icon; {JPEG_OR_PNG}"),
    (rb"BZh[1-9]1AY&SY", "a BZIP2 archive"),
    (rb"[FCZ]WS[\x01-\x1f]", "a Flash animation"),
    (rb"BIK[a-k]|KB2[a-n]", "a Bink video; save it as MP4"),
    (rb"MAC [\x00-\xff]\x0f|MP\+[\x07\x17]", _SOUND),
)

_MPEG_SOUND_KILOBITS = {  # By (version 1, layer), from index 1 on.
    (True, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (True, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (True, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (False, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (False, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (False, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
_MPEG_SOUND_HERTZ = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}


def unread_kind(head: bytes) -> str | None:
    """Return the name of a well-known kind of file that is not read; None for any other.

    Parameters
    ----------
    head
        The file's first bytes.
    """
    for offset, magic, what in _UNREAD:
        if head.startswith(magic, offset):
            return what
    for pattern, what in _UNREAD_PATTERNS:
        if re.match(pattern, head, re.DOTALL):
            return what
    return _SOUND if _is_mpeg_sound(head.lstrip(b"\x00")) else None


def is_video(head: bytes) -> bool:
    """Return whether a file is a container of video; it may hold sound only.

    Parameters
    ----------
    head
        The file's first bytes.
    """
    if head[:1] == b"\x00" and head[4:8] in _ISO_BOXES and head[8:12] != b"crx ":
        return True
    if head.startswith(_VIDEO_STARTS) or head[20:24] == b"mjp2":
        return True
    if head[:4] == b"RIFF" and head[8:12] in (b"AVI ", b"AVIX", b"AMV "):
        return True
    return any(
        len(head) > first + 2 * step and all(head[first + step * number] == 0x47 for number in range(3))
        for first, step in _TS_PACKETS
    )


def is_sound_alone(head: bytes) -> bool:
    """Return whether a container of video states that it holds sound only.

    Parameters
    ----------
    head
        The file's first bytes.
    """
    if head[4:8] == b"ftyp":
        return head[8:12] in (b"M4A ", b"M4B ", b"M4P ")
    if head.startswith(_ASF):
        return _ASF_VIDEO not in head
    if head.startswith(b"OggS"):
        return not any(mark in head for mark in _OGG_VIDEOS)
    if head.startswith(b"\x1a\x45\xdf\xa3"):
        return b"\x86\x85A_" in head and re.search(rb"\x86.V_", head) is None
    return False


def _is_mpeg_sound(data: bytes) -> bool:
    """Return whether frames of MPEG sound (MP3, AAC) follow one another from the first byte on."""
    place, frames = 0, 0
    while frames < 3 and place < len(data):
        length = _mpeg_sound_frame(data[place : place + 7])
        if length is None:
            return False
        place += length
        frames += 1
    return frames > 0


def _mpeg_sound_frame(header: bytes) -> int | None:
    """Return the length of a frame of MPEG sound in bytes, by its header; None where it is none."""
    if len(header) < 7 or header[0] != 0xFF or header[1] & 0xE0 != 0xE0:
        return None
    version, layer = header[1] >> 3 & 3, 4 - (header[1] >> 1 & 3)
    if header[1] & 0xF6 == 0xF0:  # AAC in ADTS frames.
        length = (header[3] & 3) << 11 | header[4] << 3 | header[5] >> 5
        return length if length > 7 and header[2] >> 2 & 15 < 13 else None
    rate, hertz, padding = header[2] >> 4, header[2] >> 2 & 3, header[2] >> 1 & 1
    if layer == 4 or version == 1 or not 0 < rate < 15 or hertz == 3:
        return None
    bits = 1000 * _MPEG_SOUND_KILOBITS[version == 3, layer][rate - 1]
    if layer == 1:
        return (12 * bits // _MPEG_SOUND_HERTZ[version][hertz] + padding) * 4
    samples = 72 if layer == 3 and version != 3 else 144
    return samples * bits // _MPEG_SOUND_HERTZ[version][hertz] + padding
