"""The trivial-pixel control: how well colour, sharpness and noise alone separate the classes of a recipe's crops.

A logistic regression on 20 numbers of each crop learns from the recipe's training sources, in the same views that the
network learns from, and is judged on its validation sets. What it reaches, no network needed to see in a face.

    python scripts/pixel_control.py recipes/face-generated.yaml data.root=sets
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence

import numpy as np
from PIL import Image
from scipy import ndimage
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from unmask.statistics.auc import auc_estimate
from unmask.training.recipes import Recipe, load_recipe
from unmask.training.views import SourceViews, open_views, set_names

SIZE = 224


def features(crop: np.ndarray) -> np.ndarray:
    """Return 20 numbers of a crop (H, W, 3) uint8 RGB: its colours, their spread, sharpness and noise."""
    pixels = crop.astype(np.float64) / 255
    grey = pixels @ (0.299, 0.587, 0.114)
    hsv = np.asarray(Image.fromarray(crop).convert("HSV"), np.float64) / 255
    fine = ndimage.laplace(grey)
    edges = np.hypot(ndimage.sobel(grey, 0), ndimage.sobel(grey, 1))
    power = np.abs(np.fft.rfft2(grey - grey.mean())) ** 2
    radius = np.hypot(np.fft.fftfreq(grey.shape[0])[:, None], np.fft.rfftfreq(grey.shape[1])[None])
    bands = [
        power[(radius >= low) & (radius < high)].mean() for low, high in ((0, 0.1), (0.1, 0.25), (0.25, 0.5))
    ]
    residue = grey - ndimage.median_filter(grey, 3)
    values = [
        *pixels.mean((0, 1)), *pixels.std((0, 1)), *hsv.mean((0, 1)), *hsv.std((0, 1)),
        np.log(fine.var() + 1e-9), np.log(edges.mean() + 1e-9), *np.log(np.array(bands) + 1e-9),
        np.log(residue.std() + 1e-9), grey.min(), grey.max(),
    ]  # fmt: skip
    return np.array(values)


def measured(source: SourceViews, most: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return features (N, 20), labels and groups of at most so many rows, spread evenly."""
    rows = np.unique(np.linspace(0, len(source.rows) - 1, min(most, len(source.rows))).round().astype(int))
    found = np.stack([features(source.image(int(row))) for row in rows])
    return found, source.rows.label[rows], source.rows.group[rows]


def control(recipe: Recipe, most: int) -> None:
    """Print the control's AUC on each validation set that holds both classes."""
    training = [measured(source, most) for source in open_views(recipe, size=SIZE, training=True)]
    x, y = (np.concatenate([part[place] for part in training]) for place in (0, 1))
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000, class_weight="balanced"))
    model.fit(x, y)
    sets: dict[str, list[tuple[np.ndarray, np.ndarray, np.ndarray]]] = {}
    validation = open_views(recipe, size=SIZE, training=False)
    for name, source in zip(set_names(recipe.data.validation), validation, strict=True):
        sets.setdefault(name, []).append(measured(source, most))
    for name, parts in sets.items():
        x, y, groups = (np.concatenate([part[place] for part in parts]) for place in range(3))
        if len(np.unique(y)) == 2:
            auc = auc_estimate(y, model.decision_function(x), groups)
            print(
                f"{name}: {len(y)} crops, AUC of 20 trivial features {auc.value:.3f} [{auc.low:.3f}, {auc.high:.3f}]"
            )


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("recipe")
    parser.add_argument("changes", nargs="*", help="key=value")
    parser.add_argument("--most", type=int, default=1500, help="crops of a source")
    given = parser.parse_args(arguments)
    control(load_recipe(given.recipe, given.changes), given.most)


if __name__ == "__main__":
    main()
