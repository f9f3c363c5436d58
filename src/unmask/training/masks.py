"""Masks beside cached maps: where each training crop was manipulated, for losses that ask for it.

`masks.u8` in a cache folder holds (N, side, side) uint8, the manipulated share of each cell in 254ths, or `UNKNOWN`.
Masks need no network: a cache that has none yet gets them by rendering its blends once more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import numpy.typing as npt

from unmask.detectors.trunk import INPUT_SIZE
from unmask.models.masks import MASK_SIDE, UNKNOWN, WHOLE
from unmask.training.maps import MapStore
from unmask.training.recipes import Recipe
from unmask.training.views import SourceViews, open_views

MASKS_NAME = "masks.u8"
_ROWS = 64  # Between two reports.


def mask_of(views: SourceViews, row: int, view: int) -> npt.NDArray[np.uint8]:
    """Return the mask of a row, (side, side) uint8.

    Parameters
    ----------
    views
        Of a source.
    row
        Number of the row.
    view
        Number of its random changes.
    """
    share = views.changed_share(row, view, MASK_SIDE)
    if share is None:
        return np.full((MASK_SIDE, MASK_SIDE), UNKNOWN, np.uint8)
    mask: npt.NDArray[np.uint8] = np.rint(share * WHOLE).astype(np.uint8)
    return mask


def add_masks(
    recipe: Recipe,
    stores: Sequence[Sequence[MapStore]],
    report: Callable[[str, int, int], None] = lambda stage, done, total: None,
) -> list[list[MapStore]]:
    """Return the views of each training source with their masks.

    Parameters
    ----------
    recipe
        Resolved.
    stores
        Of its training sources, as `unmask.training.maps.cache_maps` returns them.
    report
        Called with the name of a stage, rows done and rows in all.
    """
    sources = open_views(recipe, size=INPUT_SIZE, training=True)
    return [
        [
            with_masks(store, views, number, partial(report, f"masks of {views.source.set}"))
            for number, store in enumerate(of_source)
        ]
        for views, of_source in zip(sources, stores, strict=True)
    ]


def with_masks(
    store: MapStore,
    views: SourceViews,
    view: int,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> MapStore:
    """Return a store with its masks, which are written on first use.

    Parameters
    ----------
    store
        A finished cache of one view of a source.
    views
        Of that source.
    view
        Number of the view.
    report
        Called with rows done and rows in all.
    """
    path = store.folder / MASKS_NAME
    if not path.is_file():
        part = store.folder / f"{MASKS_NAME}.{os.getpid()}.part"
        with part.open("wb") as masks:
            for row in range(len(store)):
                if row % _ROWS == 0:
                    report(row, len(store))
                masks.write(mask_of(views, row, view).tobytes())
        part.replace(path)
        report(len(store), len(store))
    shape = (len(store), MASK_SIDE, MASK_SIDE)
    return replace(store, masks=np.memmap(path, np.uint8, "r", shape=shape))
