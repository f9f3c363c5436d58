"""Cache of what a frozen network makes of training crops: every augmented view goes through it once.

The network is a trunk, whose maps a head learns on, or a teacher (``unmask.training.teacher``), whose logits are kept.

A cache folder belongs to one view of one source: `maps.f16` (N, places, channels) float16, `targets.u8`
(N, side, side, 3) uint8, `rows.npz` (label, pair, group, video), `about.json`, and `done-32.txt` with a line
for each finished chunk of so many rows, so that a stopped run goes on where it was.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import as_completed
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image

from unmask.datasets.face_blending import FACE_BLEND_OPTIONS
from unmask.datasets.manifests import MANIFEST_NAME
from unmask.detectors import TrunkReference, file_sha256
from unmask.detectors.trunk import INPUT_SIZE
from unmask.processes.pool import worker_pool
from unmask.training.recipes import Recipe
from unmask.training.trunks import MapFunction, open_trunk, trunk_reference
from unmask.training.views import SourceViews, open_views

CHUNK = 32  # rows


@dataclass(frozen=True)
class MapStore:
    """The finished maps of one view of one source, read from disk row by row.

    Parameters
    ----------
    folder
        Of the cache.
    maps
        (N, places, channels) float16.
    targets
        (N, side, side, 3) uint8.
    label, pair, video
        (N,) int64.
    group
        (N,) names.
    masks
        (N, side, side) uint8, where each crop was manipulated (``unmask.training.masks``); None where not asked for.
    """

    folder: Path
    maps: np.memmap
    targets: np.memmap
    label: np.ndarray
    pair: np.ndarray
    group: np.ndarray
    video: np.ndarray
    masks: np.memmap | None = None

    @classmethod
    def open(cls, folder: Path) -> MapStore:
        """Open a finished cache folder without reading its maps.

        Parameters
        ----------
        folder
            One view of one source.
        """
        about = json.loads((folder / "about.json").read_text(encoding="utf-8"))
        with np.load(folder / "rows.npz", allow_pickle=False) as rows:
            label, pair, group, video = rows["label"], rows["pair"], rows["group"], rows["video"]
        maps = np.memmap(folder / "maps.f16", np.float16, "r", shape=(len(label), *about["map_shape"]))
        target = (len(label), about["target"], about["target"], 3)
        targets = np.memmap(folder / "targets.u8", np.uint8, "r", shape=target)
        return cls(folder, maps, targets, label, pair, group, video)

    def __len__(self) -> int:
        return len(self.label)

    def read(self, row: int) -> tuple[np.ndarray, np.ndarray]:
        """Read one row's map and target, and nothing around them.

        A page that is touched in a mapped file brings up to megabytes of its neighbours along, which a cache larger
        than memory has to drop again unused.

        Parameters
        ----------
        row
            Number of the row, from 0.

        Returns
        -------
        map
            (places, channels) float16.
        target
            (side, side, 3) uint8.
        """
        return _read_row(self.maps, row), _read_row(self.targets, row)

    def read_mask(self, row: int) -> np.ndarray:
        """Read one row's mask of a store with masks: (side, side) uint8.

        Parameters
        ----------
        row
            Number of the row, from 0.
        """
        assert self.masks is not None
        return _read_row(self.masks, row)


def cache_maps(
    recipe: Recipe,
    *,
    training: bool,
    trunk: Callable[[], MapFunction] | None = None,
    reference: TrunkReference | None = None,
    report: Callable[[str, int, int], None] = lambda source, done, total: None,
) -> list[list[MapStore]]:
    """Compute what is missing of the maps of a recipe's training or validation sources.

    Parameters
    ----------
    recipe
        Resolved.
    training
        Whether for training, not validation.
    trunk
        Opens, in each worker process, a function from crops (N, 224, 224, 3) uint8 RGB to tokens (N, 196, 768); None
        takes the recipe's.
    reference
        Names the trunk.
    report
        Called with the name of a source and view, finished rows and all rows, at its start and after each chunk.

    Returns
    -------
    list of lists of MapStore
        The views of each source.
    """
    trunk = trunk or partial(open_trunk, recipe.trunk)
    reference = reference or trunk_reference(recipe.trunk)
    pictures = Pictures(INPUT_SIZE, recipe.trunk.target, Image.Resampling.BOX)
    cache = Path(recipe.trunk.cache)
    return cache_views(recipe, cache, reference, trunk, pictures, training=training, report=report)


class Pictures(NamedTuple):
    """Sides in pixels of the crops that a network sees and of the pictures that are kept, and how these are made."""

    seen: int
    kept: int
    resampling: Image.Resampling


def cache_views(
    recipe: Recipe,
    cache: Path,
    reference: TrunkReference,
    network: Callable[[], MapFunction],
    pictures: Pictures,
    *,
    training: bool,
    report: Callable[[str, int, int], None],
) -> list[list[MapStore]]:
    """Compute what is missing of a network's outputs on a recipe's sources.

    Parameters
    ----------
    recipe
        Resolved.
    cache
        Folder of all caches.
    reference
        Names the network.
    network
        Opens it, in each worker process.
    pictures
        Sides of the crops.
    training
        Whether for training, not validation.
    report
        Called with the name of a source and view, finished rows and all rows.

    Returns
    -------
    list of lists of MapStore
        The views of each source.
    """
    stores = []
    for views in open_views(recipe, size=pictures.seen, training=training):
        of_source = []
        for view in range(views.source.views if training else 1):
            folder = cache / _cache_name(recipe, views, reference, pictures.kept) / f"view-{view:03d}"
            job = MapJob(folder, views, view, pictures, CHUNK)
            fill(job, network, recipe.data.workers, partial(report, _stage(views, view)))
            of_source.append(MapStore.open(folder))
        stores.append(of_source)
    return stores


def _stage(views: SourceViews, view: int) -> str:
    """Name the computing of a view, for reports of progress."""
    count = views.source.views if views.training else 1
    part = "training" if views.training else "validation"
    return f"caching {views.source.set} ({part})" + (f", view {view + 1} of {count}" if count > 1 else "")


def _cache_name(recipe: Recipe, views: SourceViews, network: TrunkReference, kept: int) -> str:
    """Name a source's cache after everything that its content depends on, also the side of the stored pictures."""
    data, source = recipe.data, views.source
    blend = {"self_blended": data.blend, "face_blended": FACE_BLEND_OPTIONS}.get(source.kind)
    parts: dict[str, Any] = {
        "trunk": [network.sha256, network.output, *network.earlier, kept],
        "manifest": file_sha256(data.folder(source) / MANIFEST_NAME),
        "source": source.model_dump(mode="json", include={"split", "kind", "held_out", "take", "limit"}),
        "seed": recipe.data_seed,
        "blend": blend.model_dump(mode="json") if blend else None,
    }
    if source.where:
        parts["where"] = source.model_dump(mode="json")["where"]
    if source.share < 1:
        parts["share"] = source.share
    if views.training:
        parts |= {"crop": source.crop, "augment": data.augment.model_dump(mode="json")}
    else:
        parts["crop_profile"] = repr(views.profile)
    digest = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()
    return f"{Path(source.set).name}-{source.kind}-{'train' if views.training else 'val'}-{digest[:12]}"


@dataclass(frozen=True)
class MapJob:
    """One cache folder to be filled: a view of a source, its pictures, rows in a chunk."""

    folder: Path
    views: SourceViews
    view: int
    pictures: Pictures
    chunk: int

    @property
    def progress(self) -> Path:
        """The file that names the finished chunks."""
        return self.folder / f"done-{self.chunk}.txt"

    @property
    def chunks(self) -> int:
        """How many chunks of rows there are."""
        return math.ceil(len(self.views.rows) / self.chunk)

    def finished(self) -> set[int]:
        """Chunks that an earlier run has written; a line cut short by a kill does not count."""
        if not self.progress.is_file():
            return set()
        *lines, _ = self.progress.read_text(encoding="utf-8").split("\n")
        return {int(line) for line in lines if line.isdigit()}


def fill(
    job: MapJob,
    trunk: Callable[[], MapFunction],
    workers: int = 0,
    report: Callable[[int, int], None] = lambda done, total: None,
) -> None:
    """Write the chunks of a cache folder that are missing, in worker processes or in this one.

    Parameters
    ----------
    job
        What is to be computed.
    trunk
        Opens the network, in each worker process.
    workers
        Worker processes; 0 works in this one.
    report
        Called with finished rows and all rows.
    """
    done = job.finished()
    missing = [chunk for chunk in range(job.chunks) if chunk not in done]
    rows = len(job.views.rows)
    if not missing:
        return
    job.folder.mkdir(parents=True, exist_ok=True)
    np.savez(
        job.folder / "rows.npz",
        label=job.views.rows.label,
        pair=job.views.rows.pair,
        group=job.views.rows.group,
        video=job.views.rows.video,
    )
    _keep_whole_lines(job.progress, done)
    report(min(rows, len(done) * job.chunk), rows)
    with job.progress.open("a", encoding="utf-8") as progress:
        for number, (chunk, shape) in enumerate(_written(job, missing, trunk, workers), start=len(done) + 1):
            about = {"map_shape": shape, "target": job.pictures.kept, "rows": rows}
            (job.folder / "about.json").write_text(json.dumps(about), encoding="utf-8")
            progress.write(f"{chunk}\n")
            progress.flush()
            report(min(rows, number * job.chunk), rows)


def _keep_whole_lines(progress: Path, done: set[int]) -> None:
    """Drop a line that a kill cut short; a kill right here leaves the old file or the new one."""
    part = progress.with_suffix(".part")
    part.write_text("".join(f"{chunk}\n" for chunk in sorted(done)), encoding="utf-8")
    part.replace(progress)


def _written(
    job: MapJob, chunks: Sequence[int], trunk: Callable[[], MapFunction], workers: int
) -> Iterator[tuple[int, list[int]]]:
    """Write chunks; each number is given, with the shape of a map, as soon as it is on disk."""
    if workers == 0:
        _start(job, trunk)
        yield from map(_write_chunk, chunks)
        return
    with worker_pool(workers, _start, job, trunk) as pool:
        for future in as_completed([pool.submit(_write_chunk, chunk) for chunk in chunks]):
            yield future.result()


_running: tuple[MapJob, MapFunction] | None = None


def _start(job: MapJob, trunk: Callable[[], MapFunction]) -> None:
    global _running
    _running = (job, trunk())


def _write_chunk(chunk: int) -> tuple[int, list[int]]:
    assert _running is not None
    job, trunk = _running
    rows = range(chunk * job.chunk, min((chunk + 1) * job.chunk, len(job.views.rows)))
    crops = np.stack([job.views.image(row, job.view) for row in rows])
    with np.errstate(over="ignore"):
        maps = np.ascontiguousarray(trunk(crops), np.float16)
    if not np.isfinite(maps).all():
        raise ValueError("the network's outputs do not fit into float16")
    size = (job.pictures.kept, job.pictures.kept)
    small = [Image.fromarray(crop).resize(size, job.pictures.resampling) for crop in crops]
    _write_rows(job.folder / "maps.f16", rows.start, maps)
    _write_rows(job.folder / "targets.u8", rows.start, np.stack([np.asarray(image) for image in small]))
    return chunk, list(maps.shape[1:])


def _read_row(rows: np.memmap, row: int) -> np.ndarray:
    shape = rows.shape[1:]
    count = math.prod(shape)
    start = rows.offset + row * count * rows.itemsize
    return np.fromfile(str(rows.filename), rows.dtype, count, offset=start).reshape(shape)


def _write_rows(path: Path, start: int, rows: np.ndarray) -> None:
    path.touch()
    with path.open("r+b") as file:
        file.seek(start * rows[0].nbytes)
        file.write(rows.tobytes())


def map_rows(stores: Iterable[MapStore]) -> tuple[np.ndarray, np.ndarray]:
    """Join the views of a source; a recording in one view is a pair.

    Parameters
    ----------
    stores
        The views of one source.

    Returns
    -------
    labels
        (N,) 0 real, 1 fake.
    pairs
        (N,) pair numbers.
    """
    stores = list(stores)
    labels = np.concatenate([store.label for store in stores])
    views = np.concatenate([np.full(len(store), view) for view, store in enumerate(stores)])
    pairs = np.concatenate([store.pair for store in stores]) * len(stores) + views
    return labels, pairs
