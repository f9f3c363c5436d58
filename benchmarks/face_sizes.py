"""Which faces are found in large and long pictures: picture size x face size, and what a search takes.

    python benchmarks/face_sizes.py                       # every size of picture and face, one thread; some minutes
    python benchmarks/face_sizes.py --pictures 6000x4000  # this one
    python benchmarks/face_sizes.py --faceless            # what is found where there is no face

The pictures are made: coloured 1/f noise, as photographs have it, with the demo's public-domain portrait pasted at many
places, mirrored, turned by up to 15 degrees and brighter or darker. All faces of a picture have the same size; a face
counts as found where a box shares more than half of the union with its own. Faceless pictures are such noise without a
portrait, and scikit-image's sample pictures, where it is installed, as they are, enlarged, and tiled to 24 megapixels.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageFilter

from unmask.demo import FACE, portrait
from unmask.faces import CenterFace, FaceSearch

PICTURES = [
    "640x480",
    "1000x1000",
    "1920x1080",
    "4000x3000",
    "6000x4000",
    "8600x8600",
    "1080x12000",
]
FACE_SIDES = (20, 24, 32, 40, 60, 80, 120, 200, 400, 800)
MOST_FACES = 24
SAMPLES = [
    "brick",
    "cat",
    "coffee",
    "coins",
    "colorwheel",
    "grass",
    "gravel",
    "moon",
    "page",
    "rocket",
    "text",
]
PATCH = 2.0  # Side of what is pasted, in sides of the face.
FOUND = 0.5


def main() -> None:
    """Print one Markdown row a picture."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pictures", nargs="*", default=PICTURES, help="WIDTHxHEIGHT")
    parser.add_argument("--faces", nargs="*", type=int, default=FACE_SIDES, help="longer sides in pixels")
    parser.add_argument("--video", action="store_true", help="search as in a frame of a video of 12")
    parser.add_argument("--faceless", action="store_true")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    finder = CenterFace(threads=options.threads)
    if options.faceless:
        print_faceless(finder, options.pictures, options.seed)
        return
    print(
        f"| picture | {' | '.join(map(str, options.faces))} | searched from | processor seconds | other boxes |"
    )
    print("| --- " * (len(options.faces) + 4) + "|")
    for picture in options.pictures:
        print(row(finder, picture, options.faces, options.video, options.seed), flush=True)


def row(finder: CenterFace, picture: str, sides: tuple[int, ...], video: bool, seed: int) -> str:
    """Measure one size of picture with every size of face."""
    width, height = map(int, picture.split("x"))
    cells, smallest, seconds, others = [], [], [], 0
    for side in sides:
        rng = np.random.default_rng([seed, width, height, side])
        image, boxes = composed((width, height), side, rng)
        if not boxes:
            cells.append("")
            continue
        search, took = searched(finder, image, video)
        hits = [max((union(face.box, box) for face in search.faces), default=0.0) > FOUND for box in boxes]
        cells.append(f"{sum(hits)}/{len(boxes)}")
        smallest.append(search.smallest or 0.0)
        seconds.append(took)
        others += sum(max(union(face.box, box) for box in boxes) <= 0.3 for face in search.faces)
        others += len(search.faces) - len({nearest(face.box, boxes) for face in search.faces})
    span = "{:.0f}" if round(min(smallest)) == round(max(smallest)) else "{:.0f} to {:.0f}"
    return (
        f"| {width} x {height} | {' | '.join(cells)} | {span.format(min(smallest), max(smallest))} px "
        f"| {min(seconds):.1f} to {max(seconds):.1f} | {others} |"
    )


def searched(finder: CenterFace, image: np.ndarray, video: bool = False) -> tuple[FaceSearch, float]:
    """Search a picture as a scan does; the faces, and the processor seconds."""
    from unmask.faces import search_budget

    start = time.process_time()
    search = finder.search(
        image, "sparing" if video else "thorough", search_budget(planned=12 if video else 1)
    )
    return search, time.process_time() - start


def composed(
    size: tuple[int, int], side: int, rng: np.random.Generator
) -> tuple[np.ndarray, list[tuple[float, float, float, float]]]:
    """Paste portraits with faces of one size on a background; the picture, and the faces' boxes."""
    width, height = size
    image = background(size, rng)
    step = round(side * PATCH * 1.15)
    places = [(x, y) for y in range(0, height - step, step) for x in range(0, width - step, step)]
    chosen = rng.permutation(len(places))[:MOST_FACES]
    boxes = []
    for x, y in (places[number] for number in chosen):
        patch, mask, box = face_patch(side, rng)
        image.paste(patch, (x, y), mask)
        boxes.append((box[0] + x, box[1] + y, box[2] + x, box[3] + y))
    return np.asarray(image), boxes


def face_patch(
    side: int, rng: np.random.Generator
) -> tuple[Image.Image, Image.Image, tuple[float, float, float, float]]:
    """Cut the portrait's head and shoulders, its face's longer side being ``side``; picture, soft mask, face box."""
    x0, y0, x1, y1 = FACE
    scale = (y1 - y0) / side
    whole = round(side * PATCH)
    left, top = (x0 + x1) / 2 - whole * scale / 2, (y0 + y1) / 2 - whole * scale / 2
    picture = portrait().rotate(
        float(rng.uniform(-15, 15)), Image.Resampling.BICUBIC, center=((x0 + x1) / 2, (y0 + y1) / 2)
    )
    view = (max(0.0, left), max(0.0, top), left + whole * scale, top + whole * scale)
    cut = (round((view[2] - view[0]) / scale), round((view[3] - view[1]) / scale))
    patch = picture.resize(cut, Image.Resampling.LANCZOS, box=view)
    patch = patch.point(
        [min(255, round(value * light)) for light in [rng.uniform(0.7, 1.1)] for value in range(256)] * 3
    )
    a, b = (x0 - view[0]) / scale, (y0 - view[1]) / scale
    c, d = (x1 - view[0]) / scale, (y1 - view[1]) / scale
    if rng.random() < 0.5:
        patch = patch.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        a, c = cut[0] - c, cut[0] - a
    soft = max(1, side // 8)
    mask = Image.new("L", cut, 0)
    mask.paste(255, (soft, soft, cut[0] - soft, cut[1] - soft))
    return patch, mask.filter(ImageFilter.GaussianBlur(soft / 2)), (a, b, c, d)


def background(size: tuple[int, int], rng: np.random.Generator) -> Image.Image:
    """Make coloured 1/f noise: a coarse layer enlarged to the picture, and a fine one repeated over it."""
    width, height = size
    coarse = Image.fromarray(noise(256, rng)).resize(size, Image.Resampling.BICUBIC)
    fine = noise(512, rng)
    repeated = np.tile(fine, (-(-height // 512), -(-width // 512), 1))[:height, :width]
    return Image.blend(coarse, Image.fromarray(repeated), 0.35)


def noise(side: int, rng: np.random.Generator) -> np.ndarray:
    """Make 1/f noise, (side, side, 3) uint8, that goes on at its opposite borders."""
    frequency = np.hypot(np.fft.fftfreq(side)[:, None], np.fft.rfftfreq(side))
    frequency[0, 0] = np.inf
    waves = np.fft.rfft2(rng.normal(size=(3, side, side))) / frequency
    grey = np.fft.irfft2(waves, s=(side, side))
    mixed = 0.8 * grey.mean(axis=0) + 0.35 * grey
    return np.clip(128 + 48 * (mixed / mixed.std()), 0, 255).astype(np.uint8).transpose(1, 2, 0).copy()


def print_faceless(finder: CenterFace, sizes: list[str], seed: int) -> None:
    """Print what is found in pictures without a face."""
    megapixels = boxes = 0.0
    for name, image in faceless(sizes, seed):
        search, took = searched(finder, image)
        boxes += len(search.faces)
        megapixels += image.shape[0] * image.shape[1] / 1e6
        words = ", ".join(
            f"{max(x1 - x0, y1 - y0):.0f} px ({face.confidence:.2f})"
            for face in search.faces
            for x0, y0, x1, y1 in [face.box]
        )
        print(f"{name}, {image.shape[1]} x {image.shape[0]}, {took:.1f} s: {words or 'nothing'}", flush=True)
    print(f"{boxes:.0f} boxes in {megapixels:.0f} megapixels without a face")


def faceless(sizes: list[str], seed: int) -> Iterator[tuple[str, np.ndarray]]:
    """Return pictures without a face, by name."""
    for size in sizes:
        width, height = map(int, size.split("x"))
        yield "noise", np.asarray(background((width, height), np.random.default_rng([seed, width, height])))
    try:
        from skimage import data
    except ImportError:
        return
    for name in SAMPLES:
        sample = np.asarray(getattr(data, name)())
        sample = np.stack([sample] * 3, axis=2) if sample.ndim == 2 else sample[..., :3]
        picture = Image.fromarray(np.ascontiguousarray(sample))
        yield name, np.asarray(picture)
        large = picture.resize((3 * picture.width, 3 * picture.height), Image.Resampling.BICUBIC)
        yield f"{name}, enlarged", np.asarray(large)
        times = -(-4000 // picture.height), -(-6000 // picture.width)
        yield f"{name}, tiled", np.tile(np.asarray(picture), (*times, 1))[:4000, :6000]


def union(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Return the intersection over union of two boxes."""
    shared = max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))
    areas = sum((box[2] - box[0]) * (box[3] - box[1]) for box in (a, b))
    return shared / (areas - shared)


def nearest(box: tuple[float, ...], boxes: list[tuple[float, float, float, float]]) -> int:
    """Return the place of the face whose centre lies nearest to a box's."""
    centre = (box[0] + box[2], box[1] + box[3])
    return min(
        range(len(boxes)),
        key=lambda k: (
            (boxes[k][0] + boxes[k][2] - centre[0]) ** 2 + (boxes[k][1] + boxes[k][3] - centre[1]) ** 2
        ),
    )


if __name__ == "__main__":
    main()
