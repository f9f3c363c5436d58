"""What every blend is made of: options, source changes, masks and the result."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Literal, TypeVar

import numpy as np
from PIL import Image, ImageChops, ImageFilter, ImageStat
from pydantic import BaseModel, ConfigDict, Field

from unmask.datasets.regions import MESH_GROUPS, Region, face_frame, outline, soft_mask, warp_outline
from unmask.distortions import photometry

Kind = Literal["classic", "expression", "resampled", "smoothed"]
Weight = Annotated[float, Field(ge=0)]
Share = Annotated[float, Field(ge=0, le=1)]
Name = TypeVar("Name", bound=str)

CHANGE_RADIUS = 4
"""Pixels around a pixel whose mean change counts as its own: unchanged ones among changed ones belong to the region."""
LEAST_CHANGE = 1.0
"""Mean change in grey levels from which a place counts as changed."""


class SelfBlendOptions(BaseModel):
    """How self-blended images are drawn; weights need not sum to one.

    `kinds`: classic (colour and frequency mismatch), expression (mouth or eyes moved), resampled (inside
    generated at `face_sides` pixels), smoothed (inside blurred). `regions` are used by all kinds except
    expression, which blends around what it moved. `translation` and `softness` are shares of the face's
    width, `least_change` is the mean change in grey levels inside the mask below which another draw is made.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    kinds: Mapping[Kind, Weight] = {"classic": 0.45, "expression": 0.2, "resampled": 0.2, "smoothed": 0.15}
    regions: Mapping[Region, Weight] = {
        "face": 0.3,
        "brow_to_chin": 0.25,
        "inner": 0.2,
        "lower_face": 0.1,
        "mouth": 0.1,
        "eyes": 0.05,
    }
    blend_ratios: tuple[Share, ...] = (0.25, 0.5, 0.75, 1.0, 1.0, 1.0)
    translation: Share = 0.03
    scale: tuple[float, float] = (0.95, 1.05)
    rotation: float = Field(default=2.0, ge=0, description="degrees, either way")
    elastic: Share = Field(default=0.5, description="probability of an elastic change of the source")
    outline_warp: Share = Field(default=0.04, description="waves on the mask's outline, share of its radius")
    softness: tuple[Share, Share] = (0.008, 0.07)
    face_sides: tuple[float, float] = (48.0, 160.0)
    expression_strength: Share = 0.16
    least_change: float = Field(default=1.2, ge=0)


@dataclass(frozen=True)
class SelfBlend:
    """A real image and a fake made of it.

    `real` and `fake` are (H, W, 3) uint8 RGB and equal wherever `mask`, (H, W) float32 in [0, 1], is 0. A
    colour change of the whole picture may be in both. `kind` says what was changed.
    """

    real: np.ndarray
    fake: np.ndarray
    mask: np.ndarray
    kind: str


def pick(weights: Mapping[Name, float], rng: np.random.Generator) -> Name:
    """Draw a key of a mapping by its weights.

    Parameters
    ----------
    weights
        At least 0; need not sum to one.
    rng
        Draws.

    Raises
    ------
    ValueError
        Where no weight is positive.
    """
    keys = list(weights)
    shares = np.array([weights[key] for key in keys], float)
    if not keys or shares.sum() <= 0:
        raise ValueError("weights need at least one positive value")
    return keys[int(rng.choice(len(keys), p=shares / shares.sum()))]


def mismatch_colour(picture: Image.Image, rng: np.random.Generator, strength: float) -> Image.Image:
    """Shift colours as between two recordings.

    Parameters
    ----------
    picture
        RGB.
    rng
        Draws the shifts.
    strength
        1 is up to 8 % brightness and 10 % contrast.
    """
    # Each change is left out half of the time: colours of a good fake fit, and then only its seam gives it away.
    spread = rng.uniform(-1, 1, 7) * strength * (rng.random(7) < 0.5)
    return photometry.change_colour(
        picture,
        brightness=0.08 * spread[0],
        contrast=1 + 0.1 * spread[1],
        saturation=1 + 0.2 * spread[2],
        hue=0.12 * spread[3],
        shift=(14 * spread[4], 14 * spread[5], 14 * spread[6]),
    )


def transform(picture: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Change colour and frequency as SBI does: mismatch, then sharpen, or shrink 1.3 to 4 times and enlarge.

    Parameters
    ----------
    picture
        RGB.
    rng
        Draws the change.
    """
    picture = mismatch_colour(picture, rng, 1.0)
    if rng.random() < 0.5:
        return photometry.sharpen(picture, rng.uniform(0.6, 2.0), rng.uniform(0.3, 1.0))
    down = (Image.Resampling.NEAREST, Image.Resampling.BILINEAR)[rng.integers(2)]
    up = photometry.SMOOTH_FILTERS[rng.integers(len(photometry.SMOOTH_FILTERS))]
    return photometry.resample(picture, 1 / rng.uniform(1.3, 4.0), down, up)


def regenerate(
    picture: Image.Image, points: np.ndarray, sides: tuple[float, float], rng: np.random.Generator
) -> Image.Image:
    """Shrink so that the face is as wide as a generator would make it, and enlarge again.

    Parameters
    ----------
    picture
        RGB.
    points
        Of the face, mesh (122, 2) or landmarks (5, 2), in pixels.
    sides
        Smallest and largest width of such a face, in pixels.
    rng
        Draws the width and the filters.
    """
    side = np.exp(rng.uniform(*np.log(sides)))
    factor = float(np.clip(side / face_width(points), 0.2, 0.9))
    filters = photometry.SMOOTH_FILTERS
    down, up = (filters[i] for i in rng.integers(len(filters), size=2))
    picture = photometry.resample(picture, factor, down, up)
    return photometry.sharpen(picture, 1.0, rng.uniform(0.2, 0.8)) if rng.random() < 0.3 else picture


def changed_region(blend: SelfBlend) -> np.ndarray:
    """Return where a blend is not the real picture any more, (H, W) bool.

    That is inside the mask, at half of its largest value or more, where pixels really changed.

    Parameters
    ----------
    blend
        Of any kind.
    """
    change = np.abs(blend.fake.astype(np.int16) - blend.real).max(axis=2)
    # In eighths of a grey level, since Pillow blurs whole numbers alone.
    eighths = Image.fromarray((8 * np.minimum(change, 31)).astype(np.uint8))
    around = np.asarray(eighths.filter(ImageFilter.BoxBlur(CHANGE_RADIUS)))
    inside = (blend.mask > 0) & (blend.mask >= blend.mask.max() / 2)
    region: np.ndarray = inside & (around >= 8 * LEAST_CHANGE)
    return region


def draw_mask(
    points: np.ndarray,
    region: Region,
    size: tuple[int, int],
    options: SelfBlendOptions,
    rng: np.random.Generator,
) -> Image.Image:
    """Draw a region's soft mask (mode L): warped, eroded or dilated, softened, scaled by a blend ratio.

    Parameters
    ----------
    points
        Of the face, mesh (122, 2) or landmarks (5, 2), in pixels.
    region
        Of the face.
    size
        Width and height of the mask.
    options
        How much of each.
    rng
        Draws.
    """
    polygon = warp_outline(outline(points, region, rng), options.outline_warp, rng)
    softness = float(np.exp(rng.uniform(*np.log(np.maximum(options.softness, 1e-3))))) * face_width(points)
    # A mouth must survive the blur that a whole face can bear.
    softness = min(softness, 0.25 * float(min(np.ptp(polygon, axis=0))))
    mask = soft_mask(polygon, size, softness, rng.uniform(0.25, 0.75))
    ratio = options.blend_ratios[rng.integers(len(options.blend_ratios))]
    return mask if ratio == 1 else mask.point([round(value * ratio) for value in range(256)])


def change_inside(real: Image.Image, fake: Image.Image, mask: Image.Image) -> float:
    """Return the mean absolute change in grey levels where the mask is set, 0 where it is empty.

    Parameters
    ----------
    real, fake
        RGB, of one size.
    mask
        Mode L, of the same size.
    """
    inside = mask.point([0] + [255] * 255)
    if not inside.getbbox():
        return 0.0
    return float(np.mean(ImageStat.Stat(ImageChops.difference(real, fake), inside).mean))


def finish(real: Image.Image, fake: Image.Image, mask: Image.Image, kind: str) -> SelfBlend:
    """Return pictures as the arrays of a SelfBlend.

    Parameters
    ----------
    real, fake
        RGB, of one size.
    mask
        Mode L, of the same size.
    kind
        Of the blend.
    """
    return SelfBlend(np.asarray(real), np.asarray(fake), np.asarray(mask, np.float32) / 255, kind)


def face_width(points: np.ndarray) -> float:
    """Return the face's width in pixels: the mesh oval's, or 1.9 eye-mouth distances.

    Parameters
    ----------
    points
        Mesh (122, 2) or landmarks (5, 2), in pixels.
    """
    if len(points) == 5:
        return 1.9 * face_frame(points)[2]
    return max(1.0, float(np.ptp(points[MESH_GROUPS["oval"]][:, 0])))
