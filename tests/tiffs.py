"""TIFF files of samples that Pillow does not write."""

import struct

import numpy as np


def tiff(samples, order="<", big=False, photometric=None, tile=None, planes=1, pack=None, **tags):
    """A TIFF of (H, W) or (H, W, C) samples of any type, written without any library."""
    samples = samples if samples.ndim == 3 else samples[..., None]
    height, width, channels = samples.shape
    data = samples.astype(samples.dtype.newbyteorder(order))
    parts = [data[..., plane, None] for plane in range(channels)] if planes == 2 else [data]
    if tile:
        parts = [
            np.pad(cut, ((0, tile - cut.shape[0]), (0, tile - cut.shape[1]), (0, 0)))
            for part in parts
            for cut in (
                part[y : y + tile, x : x + tile]
                for y in range(0, height, tile)
                for x in range(0, width, tile)
            )
        ]
    else:
        parts = [part[y : y + 16] for part in parts for y in range(0, height, 16)]
    blocks = [part.tobytes() if pack is None else pack(part.tobytes()) for part in parts]
    letter = {"u": 1, "i": 2, "f": 3}[samples.dtype.kind]
    values = {
        256: [width],
        257: [height],
        258: [samples.dtype.itemsize * 8] * channels,
        259: [1 if pack is None else 8],
        262: [photometric if photometric is not None else 2 if channels >= 3 else 1],
        277: [channels],
        284: [planes],
        339: [letter] * channels,
    } | {int(name[1:]): value for name, value in tags.items()}
    values |= {322: [tile], 323: [tile]} if tile else {278: [16]}
    offset_format, entry_format, head = ("Q", "HHQ", 16) if big else ("I", "HHI", 8)
    places = np.cumsum([head] + [len(block) for block in blocks]).tolist()
    values |= {324 if tile else 273: places[:-1], 325 if tile else 279: [len(block) for block in blocks]}
    inline, entries, extra = struct.calcsize(offset_format), b"", b""
    count_bytes = 8 if big else 2
    start = places[-1]
    extra_at = start + count_bytes + len(values) * (20 if big else 12) + inline
    for tag, numbers in sorted(values.items()):
        packed = struct.pack(f"{order}{len(numbers)}I", *numbers)
        if len(packed) > inline:
            packed, extra = (
                struct.pack(order + offset_format, extra_at + len(extra)),
                extra + packed,
            )
        entries += struct.pack(order + entry_format, tag, 4, len(numbers)) + packed.ljust(inline, b"\0")
    mark = b"II" if order == "<" else b"MM"
    header = mark + (
        struct.pack(order + "HHHQ", 43, 8, 0, start) if big else struct.pack(order + "HI", 42, start)
    )
    count = struct.pack(order + ("Q" if big else "H"), len(values))
    return header + b"".join(blocks) + count + entries + bytes(inline) + extra
