"""Maps with fewer channels: a linear projection fitted without labels, so that a study's many runs are cheap.

Tokens are layer-normalised, centred and turned onto their principal components, each divided by the fourth root of its
variance: half way between components as they are and whitened ones, so that small ones are neither lost nor as loud as
large ones. Projected maps are written beside the projection, one folder for each cache folder that they came from.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unmask.detectors import file_sha256
from unmask.training.maps import MapStore

Floats = npt.NDArray[np.float32]
ROWS = 64  # at once


def fit_projection(
    stores: Sequence[MapStore],
    components: int,
    path: Path,
    *,
    rows: int = 2000,
    tokens: int = 64,
) -> None:
    """Fit principal components to a sample of tokens and write them: `mean` (C,), `weight` (C, components).

    Parameters
    ----------
    stores
        Views of the training sources.
    components
        Channels to keep.
    path
        Of the projection, .npz.
    rows
        Most rows of all stores together that are read.
    tokens
        Most places of each row that are read.
    """
    rng = np.random.default_rng(0)
    places = [(store, row) for store in stores for row in range(len(store))]
    chosen = rng.choice(len(places), min(rows, len(places)), replace=False)
    sample = []
    for number in np.sort(chosen):
        store, row = places[number]
        count = store.maps.shape[1]
        some = rng.choice(count, min(tokens, count), replace=False)
        sample.append(layer_normalised(store.maps[row][some]))
    seen = np.concatenate(sample).astype(np.float64)
    mean = seen.mean(axis=0)
    variances, directions = np.linalg.eigh(np.cov(seen - mean, rowvar=False))
    # eigh sorts upwards; the tail of a map with fewer independent channels is noise of the arithmetic.
    kept = [i for i in np.argsort(variances)[::-1][:components] if variances[i] > 1e-9 * variances.max()]
    weight = directions[:, kept] / variances[kept] ** 0.25
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part.npz")
    np.savez(part, mean=mean.astype(np.float32), weight=weight.astype(np.float32))
    part.replace(path)


def layer_normalised(tokens: npt.NDArray[np.floating]) -> Floats:
    """Return tokens with mean 0 and variance 1 over their channels.

    Parameters
    ----------
    tokens
        (..., C).
    """
    values = np.asarray(tokens, np.float32)
    values = values - values.mean(axis=-1, keepdims=True)
    deviation = np.sqrt(np.square(values).mean(axis=-1, keepdims=True) + 1e-5)
    return np.asarray(values / deviation, np.float32)


def projected(
    store: MapStore, path: Path, report: Callable[[int, int], None] = lambda done, total: None
) -> MapStore:
    """Return a store whose maps are (N, places, components) float16, written on first use.

    A run that is stopped while writing leaves nothing behind that is read later.

    Parameters
    ----------
    store
        Of the trunk's maps.
    path
        Of the projection.
    report
        Called with rows done and rows in all.
    """
    with np.load(path, allow_pickle=False) as file:
        mean, weight = file["mean"], file["weight"]
    folder = path.with_suffix("") / file_sha256(path)[:12] / store.folder.parent.name / store.folder.name
    shape = (len(store), store.maps.shape[1], weight.shape[1])
    if not (folder / "maps.f16").is_file():
        folder.mkdir(parents=True, exist_ok=True)
        part = folder / f"maps.{os.getpid()}.part"
        report(0, len(store))
        with part.open("wb") as maps:
            for first in range(0, len(store), ROWS):
                tokens = layer_normalised(store.maps[first : first + ROWS])
                maps.write(((tokens - mean) @ weight).astype(np.float16).tobytes())
                report(min(first + ROWS, len(store)), len(store))
        part.replace(folder / "maps.f16")
    return replace(store, folder=folder, maps=np.memmap(folder / "maps.f16", np.float16, "r", shape=shape))
