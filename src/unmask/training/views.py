"""Turns sources of a recipe into rows, and rows into the crops that the detector sees."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from unmask.datasets import Augment, CropRecord, CropSet, FaceBlender, SelfBlend, SelfBlender
from unmask.datasets.blending import changed_region
from unmask.faces import cut, profile
from unmask.training.recipes import DataOptions, Recipe, RecipeError, SourceOptions

BLENDS = ("self_blended", "face_blended")
"""Kinds of sources whose fakes are made of their real crops."""


@dataclass(frozen=True)
class Rows:
    """One row a crop that can be drawn: arrays of one length.

    Parameters
    ----------
    record
        The crop's number in the source's set.
    part
        0, or 1 for the fake half of a blend.
    label
        0 real, 1 fake.
    pair
        Equal for rows whose real and fake belong into one batch.
    group
        What must stay on one side of a split (a person, a source), for intervals.
    video
        Equal for the frames of one video, which is data set, method and path, so that manipulations of one recording
        stay apart; a row without a video is its own.
    """

    record: np.ndarray
    part: np.ndarray
    label: np.ndarray
    pair: np.ndarray
    group: np.ndarray
    video: np.ndarray

    def __len__(self) -> int:
        return len(self.label)


class SourceViews:
    """The crops of one source, each rendered in any number of views.

    A view is a function of (seed, crop, view) alone: the same in any process and any order. Real and fake of
    one recording share a view's cut and augmentation. Validation crops are only blended and cut.
    """

    def __init__(
        self, data: DataOptions, source: SourceOptions, *, size: int, seed: int, training: bool
    ) -> None:
        self.source = source
        self.size = size
        self.seed = seed
        self.training = training
        self.profile = profile(data.crop_profile)
        self.crops = _select(data, source, seed)
        self.blender: SelfBlender | FaceBlender = SelfBlender(data.blend)
        if source.kind == "face_blended":
            self.blender = FaceBlender(self.crops)
        changes: dict[str, object] = {"size": size}
        if source.crop is not None:
            changes |= {"box_scale": source.crop, "zoom": source.crop}
        self.augment = Augment(data.augment.model_copy(update=changes))
        self.rows = self._rows()
        self._rendered = lru_cache(maxsize=4)(self._render)

    def __getstate__(self) -> dict[str, object]:
        return {name: value for name, value in self.__dict__.items() if name != "_rendered"}

    def __setstate__(self, state: dict[str, object]) -> None:
        self.__dict__.update(state)
        self._rendered = lru_cache(maxsize=4)(self._render)

    def image(self, row: int, view: int = 0) -> np.ndarray:
        """Render a row: (size, size, 3) uint8 RGB. Both halves of a blend are rendered at once and kept.

        Parameters
        ----------
        row
            Number of the row.
        view
            Number of its random changes.
        """
        return self._rendered(int(self.rows.record[row]), view)[int(self.rows.part[row])]

    def changed_share(self, row: int, view: int, side: int) -> np.ndarray | None:
        """Return how much of each cell of a row's crop was manipulated: (side, side) float32 in [0, 1].

        A real crop's is 0 everywhere. That of a fake which was not made here is unknown: None.

        Parameters
        ----------
        row
            Number of the row.
        view
            Number of its random changes.
        side
            Cells on each side.
        """
        if not self.rows.label[row]:
            return np.zeros((side, side), np.float32)
        if self.source.kind not in BLENDS:
            return None
        place = int(self.rows.record[row])
        record = self.crops.records[place]
        blend = self._blend(self.crops.image(place), record, self._generator(record.file, view))
        region = np.where(changed_region(blend), np.uint8(255), np.uint8(0))
        if self.training:
            crop = self.augment.cut_alike(region, self._generator(record.source, view), record.box)
        else:
            crop = self._cut(np.repeat(region[..., None], 3, axis=2), record)[..., 0]
        cells = Image.fromarray(crop.astype(np.float32)).resize((side, side), Image.Resampling.BOX)
        share: np.ndarray = np.asarray(cells) / np.float32(255)
        return share

    def _rows(self) -> Rows:
        records = self.crops.records
        groups = [record.group for record in records]
        videos = ["\n".join(record.video) for record in records]
        place = np.arange(len(records))
        if self.source.kind == "labelled":
            keys = [record.source for record in records]
            part, label = np.zeros(len(records), np.int64), self.crops.labels
        elif self.source.kind == "unlabelled":
            # Numbers in turn, which make every other row "fake" for the sampler, whatever it shows.
            part, label, keys = np.zeros(len(records), np.int64), place % 2, [str(number) for number in place]
        else:
            place = np.repeat(np.arange(len(records)), 2)
            part = label = np.tile([0, 1], len(records))
            keys, groups = [str(number) for number in place], [groups[number] for number in place]
            videos = [f"{videos[number]} {half}" for number, half in zip(place, part, strict=True)]
        return Rows(place, part, label, _numbers(keys), np.asarray(groups, str), _numbers(videos))

    def _render(self, place: int, view: int) -> tuple[np.ndarray, ...]:
        record = self.crops.records[place]
        image = self.crops.image(place)
        images = [image]
        if self.source.kind in BLENDS:
            blend = self._blend(image, record, self._generator(record.file, view))
            images = [blend.real, blend.fake]
        if self.training:
            return tuple(self.augment(images, self._generator(record.source, view), record.box))
        return tuple(self._cut(picture, record) for picture in images)

    def _blend(self, image: np.ndarray, record: CropRecord, rng: np.random.Generator) -> SelfBlend:
        points = record.mask_points
        assert points is not None, "only crops with landmarks are selected for blending"
        if isinstance(self.blender, FaceBlender):
            return self.blender(image, points, rng, record.group)
        return self.blender(image, points, rng)

    def _cut(self, image: np.ndarray, record: CropRecord) -> np.ndarray:
        if record.box is not None:
            return cut(image, record.box, self.profile, self.size)
        return np.asarray(Image.fromarray(image).resize((self.size, self.size), Image.Resampling.BICUBIC))

    def _generator(self, name: str, view: int) -> np.random.Generator:
        return np.random.default_rng([self.seed, zlib.crc32(name.encode()), view])


def open_views(recipe: Recipe, *, size: int, training: bool) -> list[SourceViews]:
    """Open all training sources of a recipe, or all validation sources, as its ``data_seed`` draws them.

    Parameters
    ----------
    recipe
        Resolved.
    size
        Side of the crops, in pixels.
    training
        Whether for training, not validation.
    """
    data, seed = recipe.data, recipe.data_seed
    sources = data.train if training else data.validation
    return [SourceViews(data, source, size=size, seed=seed, training=training) for source in sources]


def set_names(sources: Iterable[SourceOptions]) -> list[str]:
    """Name each source: by itself, or its folder's name, what is done to it, and a number where that is not enough.

    Parameters
    ----------
    sources
        Training or validation sources of a recipe.
    """
    names: list[str] = []
    for source in sources:
        name = Path(source.set).name + ("" if source.kind == "labelled" else f"-{source.kind}")
        names.append(source.name or (name if name not in names else f"{name}-{len(names)}"))
    return names


def distinct_videos(names: Sequence[str], videos: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Return numbers of videos that no two sources of one set share.

    Parameters
    ----------
    names
        Of the set that each source belongs to.
    videos
        (N,) numbers of each source's rows, from 0.
    """
    first: dict[str, int] = {}
    numbered = []
    for name, of_source in zip(names, videos, strict=True):
        numbered.append(of_source + first.get(name, 0))
        first[name] = int(numbered[-1].max()) + 1
    return numbered


def _numbers(names: Sequence[str]) -> np.ndarray:
    """Return equal names equal numbers: (N,) int64."""
    return np.unique(np.asarray(names, str), return_inverse=True)[1].astype(np.int64)


@lru_cache(maxsize=8)
def _open(folder: Path) -> CropSet:
    """Open a set once, however many sources draw from it."""
    return CropSet.open(folder)


def draw_evenly(labels: np.ndarray, limit: int, seed: int) -> np.ndarray:
    """Draw rows at random, half of them real and half fake as far as there are as many.

    A smaller limit with the same seed draws a subset of a larger one's rows.

    Parameters
    ----------
    labels
        (N,) 0 real, 1 fake.
    limit
        Most rows.
    seed
        Of the draw.

    Returns
    -------
    array
        Numbers of the rows, ascending.
    """
    rng = np.random.default_rng([seed, 3])
    real, fake = (rng.permutation(np.flatnonzero(labels == label)) for label in (0, 1))
    of_real = min(len(real), max(limit - len(fake), (limit + 1) // 2))
    return np.sort(np.concatenate([real[:of_real], fake[: limit - of_real]]))


def _matches_where(record: CropRecord, where: Mapping[str, tuple[float, float] | str]) -> bool:
    fields = {"label": "fake" if record.label else "real", "method": record.method, "face_px": record.face_px}
    return matches({**record.extra, **fields}, where)


def matches(fields: Mapping[str, Any], where: Mapping[str, tuple[float, float] | str]) -> bool:
    """Return whether columns are the words, or lie in the ranges; a column that is missing does neither.

    Parameters
    ----------
    fields
        Of one row, by column.
    where
        Of a source.
    """
    for column, wanted in where.items():
        cell = str(fields.get(column, ""))
        if isinstance(wanted, str):
            if cell != wanted:
                return False
            continue
        try:
            if not wanted[0] <= float(cell) <= wanted[1]:
                return False
        except ValueError:
            return False
    return True


def _select(data: DataOptions, source: SourceOptions, seed: int) -> CropSet:
    crops = _open(data.folder(source))
    if source.split is not None:
        crops = crops.select(split=source.split)
    elif any(record.split == "test" for record in crops.records):
        raise RecipeError(f"{source.set} has a split for testing alone: name the split to be taken")
    if source.held_out:
        rest, held_out = crops.hold_out(source.held_out)
        crops = held_out if source.take == "held_out" else rest
    if source.where:
        crops = crops.select(where=lambda record: _matches_where(record, source.where))
    if source.share < 1:
        crops, _ = crops.hold_out(1 - source.share, seed=seed + 1)
    if source.kind in BLENDS:
        crops = crops.select(label="real", where=lambda record: record.mask_points is not None)
    if source.limit is not None:
        crops = crops.subset(draw_evenly(crops.labels, source.limit, seed))
    if not len(crops):
        raise RecipeError(
            f"the source {source.set} has no crops for split {source.split!r}, kind {source.kind}"
        )
    return crops
