"""Batches for training and validation, from cached maps or from crops rendered by worker processes."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, IterableDataset

from unmask.training.maps import MapStore, map_rows
from unmask.training.masks import mask_of
from unmask.training.recipes import Recipe, RecipeError
from unmask.training.sampling import Draw, PairedSampler
from unmask.training.views import SourceViews, distinct_videos, open_views, set_names

_WAITING_ITEMS = 4  # That were computed ahead of their use.


class Batch(NamedTuple):
    """A batch as it comes from the loader.

    Parameters
    ----------
    inputs
         Crops (N, S, S, 3) uint8 RGB, or maps (N, places, channels) float16.
    targets
         Pictures to rebuild (N, h, w, 3) uint8.
    labels
         (N,) float32, 0 real, 1 fake.
    teacher_logits
         (N,) float32, the teacher's.
    masks
         (N, side, side) uint8, where each crop was manipulated (``unmask.models.masks``).
    """

    inputs: Tensor
    targets: Tensor
    labels: Tensor
    teacher_logits: Tensor | None = None
    masks: Tensor | None = None


class ValidationRows(NamedTuple):
    """The rows of a validation set, in the order of its batches.

    Parameters
    ----------
    name
        Of the set.
    labels
        (N,) 0 real, 1 fake.
    groups
        (N,) what must stay on one side of a split.
    videos
        (N,) equal numbers for the frames of one video.
    """

    name: str
    labels: np.ndarray
    groups: np.ndarray
    videos: np.ndarray


class Batches(Protocol):
    """Where a run's batches come from."""

    def training(self, start: int, count: int, rank: int = 0, ranks: int = 1) -> DataLoader[Batch]:
        """Load `count` training batches from number `start` on; with several devices, one device's share.

        Parameters
        ----------
        start
            Number of the first batch, from 0.
        count
            Number of batches.
        rank
            Number of this device, from 0.
        ranks
            Number of devices.
        """

    def validation(self) -> list[DataLoader[Batch]]:
        """Load each validation set from first to last row."""

    def validation_rows(self) -> list[ValidationRows]:
        """Return what the rows of each validation set are."""


class MapBatches(Batches):
    """Batches of cached maps: whole rows are gathered from the files by a thread, ahead of training."""

    def __init__(
        self, recipe: Recipe, training: Sequence[Sequence[MapStore]], validation: Sequence[Sequence[MapStore]]
    ) -> None:
        self.recipe = recipe
        self.stores = training
        self.held_out = [views[0] for views in validation]
        self.sampler = _paired_sampler(recipe, [map_rows(views) for views in training])

    def training(self, start: int, count: int, rank: int = 0, ranks: int = 1) -> DataLoader[Batch]:
        """Load `count` batches from number `start` on."""
        draws = [share(batch, rank, ranks) for batch in islice(self.sampler.batches(start), count)]
        places = [[self._place(draw) for draw in batch] for batch in draws]
        return DataLoader(_Gathered(places, self._to_model_batch), batch_size=None, num_workers=0)

    def validation(self) -> list[DataLoader[Batch]]:
        """Load each validation set from first to last row."""
        size = self.recipe.evaluation.batch_size
        loaders = []
        for store in self.held_out:
            places = [(store, row) for row in range(len(store))]
            batches = [places[first : first + size] for first in range(0, len(places), size)]
            loaders.append(DataLoader(_Gathered(batches), batch_size=None, num_workers=0))
        return loaders

    def validation_rows(self) -> list[ValidationRows]:
        """Return what the rows of each validation set are."""
        names = set_names(self.recipe.data.validation)
        videos = distinct_videos(names, [store.video for store in self.held_out])
        return [
            ValidationRows(name, store.label, store.group, video)
            for name, store, video in zip(names, self.held_out, videos, strict=True)
        ]

    def _to_model_batch(self, batch: Batch) -> Batch:
        """Turn the stored rows of a training batch into what the model reads: here they are that already."""
        return batch

    def _place(self, draw: Draw) -> tuple[MapStore, int]:
        views = self.stores[draw.source]
        return views[draw.row // len(views[0])], draw.row % len(views[0])


class ImageBatches(Batches):
    """Batches of crops, rendered again in each pass by the workers of a DataLoader."""

    def __init__(self, recipe: Recipe) -> None:
        size = recipe.model.input_shape[0]
        self.recipe = recipe
        self.views = open_views(recipe, size=size, training=True)
        self.held_out = open_views(recipe, size=size, training=False)
        self.sampler = _paired_sampler(recipe, [(views.rows.label, views.rows.pair) for views in self.views])

    def training(self, start: int, count: int, rank: int = 0, ranks: int = 1) -> DataLoader[Batch]:
        """Load `count` batches from number `start` on."""
        draws = [share(batch, rank, ranks) for batch in islice(self.sampler.batches(start), count)]
        return self._loader(self.views, draws, masks=self.recipe.loss.mask > 0)

    def validation(self) -> list[DataLoader[Batch]]:
        """Load each validation set from first to last row."""
        size = self.recipe.evaluation.batch_size
        loaders = []
        for number, views in enumerate(self.held_out):
            draws = [Draw(number, row, 0) for row in range(len(views.rows))]
            batches = [draws[first : first + size] for first in range(0, len(draws), size)]
            loaders.append(self._loader(self.held_out, batches))
        return loaders

    def validation_rows(self) -> list[ValidationRows]:
        """Return what the rows of each validation set are."""
        names = set_names(self.recipe.data.validation)
        rows = [views.rows for views in self.held_out]
        videos = distinct_videos(names, [row.video for row in rows])
        return [
            ValidationRows(name, row.label, row.group, video)
            for name, row, video in zip(names, rows, videos, strict=True)
        ]

    def _loader(
        self, views: Sequence[SourceViews], batches: list[list[Draw]], masks: bool = False
    ) -> DataLoader[Batch]:
        crops: Dataset[Any] = _Rendered(views, masks)
        return DataLoader(
            crops,
            batch_sampler=batches,
            num_workers=self.recipe.data.workers,
            collate_fn=_collate,
            prefetch_factor=4 if self.recipe.data.workers else None,
            pin_memory=torch.cuda.is_available(),
        )


def _paired_sampler(recipe: Recipe, rows: Sequence[tuple[np.ndarray, np.ndarray]]) -> PairedSampler:
    """Return the sampler of a recipe, from the labels and pair numbers of each training source."""
    try:
        return PairedSampler(
            [labels for labels, _ in rows],
            [pairs for _, pairs in rows],
            [source.weight for source in recipe.data.train],
            recipe.optimiser.batch_size,
            recipe.seed,
        )
    except ValueError as error:
        raise RecipeError(f"data.train: {error}; is it to be blended?") from None


def share(batch: list[Draw], rank: int, ranks: int) -> list[Draw]:
    """Return a device's share of a batch, pairs kept together.

    Parameters
    ----------
    batch
        Real and fake draws in turn.
    rank
        Number of the device, from 0.
    ranks
        Number of devices.
    """
    pairs = len(batch) // 2 // ranks
    return batch[2 * pairs * rank : 2 * pairs * (rank + 1)]


class _Gathered(IterableDataset[Batch]):
    """Reads given rows of given stores, a few batches ahead."""

    def __init__(
        self,
        batches: list[list[tuple[MapStore, int]]],
        formed: Callable[[Batch], Batch] = lambda batch: batch,
    ) -> None:
        self.batches = batches
        self.formed = formed

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[Batch]:
        return ahead(self.formed(_gather(places)) for places in self.batches)


def _gather(places: list[tuple[MapStore, int]]) -> Batch:
    first = places[0][0]
    maps = np.empty((len(places), *first.maps.shape[1:]), np.float16)
    targets = np.empty((len(places), *first.targets.shape[1:]), np.uint8)
    labels = np.empty(len(places), np.float32)
    for number, (store, row) in enumerate(places):
        maps[number], targets[number] = store.read(row)
        labels[number] = store.label[row]
    masks = None
    if first.masks is not None:
        masks = torch.from_numpy(np.stack([store.read_mask(row) for store, row in places]))
    return Batch(torch.from_numpy(maps), torch.from_numpy(targets), torch.from_numpy(labels), masks=masks)


def ahead(items: Iterable[Any]) -> Iterator[Any]:
    """Compute items in a thread, ahead of their use; its errors are raised here.

    Parameters
    ----------
    items
        Computed as it is iterated.
    """
    ready: queue.Queue[tuple[str, Any]] = queue.Queue(_WAITING_ITEMS)
    stopped = threading.Event()

    def put(kind: str, value: Any) -> bool:
        while not stopped.is_set():
            try:
                ready.put((kind, value), timeout=0.1)
                return True
            except queue.Full:
                continue
        return False

    def work() -> None:
        try:
            for item in items:
                if not put("item", item):
                    return
            put("end", None)
        except BaseException as error:
            put("error", error)

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        while True:
            kind, value = ready.get()
            if kind == "error":
                raise value
            if kind == "end":
                return
            yield value
    finally:
        stopped.set()
        thread.join()


class _Rendered(Dataset[tuple[np.ndarray, float, np.ndarray | None]]):
    """Renders drawn rows, with their masks where these are asked for; each turn through a source is a new view."""

    def __init__(self, views: Sequence[SourceViews], masks: bool) -> None:
        self.views, self.masks = views, masks

    def __getitem__(self, draw: Draw) -> tuple[np.ndarray, float, np.ndarray | None]:
        views = self.views[draw.source]
        mask = mask_of(views, draw.row, draw.turn) if self.masks else None
        return views.image(draw.row, draw.turn), float(views.rows.label[draw.row]), mask


def _collate(rows: list[tuple[np.ndarray, float, np.ndarray | None]]) -> Batch:
    crops = torch.from_numpy(np.stack([crop for crop, _, _ in rows]))
    found = [mask for _, _, mask in rows if mask is not None]
    masks = torch.from_numpy(np.stack(found)) if found else None
    return Batch(crops, crops, torch.tensor([label for _, label, _ in rows]), masks=masks)
