"""Labels of faces, drawn on a picture: boxes, words, and lines around where a blend seems to lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from unmask.faces import Box
from unmask.report.heatmaps import Segment

_MOST_DETAILS = 3
_REGION = (252, 165, 10)
_ABOVE, _BELOW, _UNSCORED = (255, 84, 72), (88, 214, 141), (230, 230, 230)


@dataclass(frozen=True)
class Label:
    """What is drawn at a face.

    Parameters
    ----------
    box
        In pixels.
    words
        Beside the box.
    kind
        ``above``, ``below`` or ``unscored``.
    detail
        Further words, left out where many faces are on the picture.
    region
        Lines around where a blend seems to lie, drawn of ``above`` alone.
    """

    box: Box
    words: str
    kind: str
    detail: str = ""
    region: Sequence[Segment] = ()


def drawn(image: np.ndarray, labels: Sequence[Label]) -> Image.Image:
    """Return a copy of a picture with labels.

    Kinds differ in line as well as in colour: ``above`` a thick closed box, ``below`` corners only, ``unscored`` a
    thin box.

    Parameters
    ----------
    image
        (H, W, 3) uint8 RGB.
    labels
        In pixels of the picture.
    """
    picture = Image.fromarray(image)
    draw = ImageDraw.Draw(picture)
    unit = max(1, round(max(picture.size) / 400))
    font = ImageFont.load_default(max(12, 9 * unit))
    for label in labels:
        for segment in label.region if label.kind == "above" else ():
            draw.line(segment, fill=_REGION, width=unit)
        _draw_box(draw, label, unit)
    for label in labels:
        words = label.words + (label.detail if len(labels) <= _MOST_DETAILS else "")
        _, _, right, bottom = draw.textbbox((0, 0), words, font=font)
        width, height = right + 2 * unit, bottom + 2 * unit
        x = min(max(0.0, label.box[0]), max(0, picture.width - width))
        y = label.box[1] - height - unit if label.box[1] >= height + unit else label.box[3] + unit
        y = min(max(0.0, y), max(0, picture.height - height))
        draw.rectangle((x, y, x + width, y + height), fill=(0, 0, 0))
        draw.text((x + unit, y + unit), words, font=font, fill=_colour(label.kind))
    return picture


def _draw_box(draw: ImageDraw.ImageDraw, label: Label, unit: int) -> None:
    x0, y0, x1, y1 = label.box
    colour, width = _colour(label.kind), 3 * unit if label.kind == "above" else 2 * unit
    if label.kind != "below":
        draw.rectangle((x0 - unit, y0 - unit, x1 + unit, y1 + unit), outline=(0, 0, 0), width=width + unit)
        draw.rectangle(label.box, outline=colour, width=width if label.kind == "above" else unit)
        return
    reach = min(x1 - x0, y1 - y0) / 4
    for x, inward_x in ((x0, reach), (x1, -reach)):
        for y, inward_y in ((y0, reach), (y1, -reach)):
            corner = [(x + inward_x, y), (x, y), (x, y + inward_y)]
            draw.line(corner, fill=(0, 0, 0), width=width + 2 * unit)
            draw.line(corner, fill=colour, width=width)


def _colour(kind: str) -> tuple[int, int, int]:
    return {"above": _ABOVE, "below": _BELOW}.get(kind, _UNSCORED)
