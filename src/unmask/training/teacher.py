"""Teaching a network by a detector: its logits on every view of the training crops, computed once and kept."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

from PIL import Image
from torch.utils.data import DataLoader

from unmask.detectors import DetectorError, TrunkReference, load_card, load_detector
from unmask.training.batches import Batch, ImageBatches, MapBatches, ValidationRows
from unmask.training.maps import MapStore, Pictures, cache_views
from unmask.training.recipes import Recipe, RecipeError, TeacherOptions
from unmask.training.trunks import MapFunction


class TaughtBatches(MapBatches):
    """Training crops come from the views that the teacher scored, with its logits; validation crops as ever."""

    def __init__(self, recipe: Recipe, teacher_logits: list[list[MapStore]]) -> None:
        super().__init__(recipe, teacher_logits, [])
        self._judged = ImageBatches(recipe)

    def validation(self) -> list[DataLoader[Batch]]:
        """Load each validation set from first to last row."""
        return self._judged.validation()

    def validation_rows(self) -> list[ValidationRows]:
        """Return what the rows of each validation set are."""
        return self._judged.validation_rows()

    def _to_model_batch(self, batch: Batch) -> Batch:
        return Batch(batch.targets, batch.targets, batch.labels, batch.inputs[:, 0].float())


def distillation_batches(
    recipe: Recipe, teacher: TeacherOptions, report: Callable[[str, int, int], None]
) -> TaughtBatches:
    """Let the teacher score what it has not scored yet of a recipe's training sources, and open all of it.

    Each row that is kept is its logit, (1,), and the crop at the side that the taught network reads. RecipeError when
    there is no such teacher, or it wants other crops than the recipe cuts.
    """
    try:
        card = load_card(teacher.detector)
        crops = card.face_crops()
    except DetectorError as error:
        raise RecipeError(f"teacher.detector: {error}") from None
    if crops.crop_profile != recipe.data.crop_profile:
        raise RecipeError(
            f"teacher.detector: {card.name} wants crop profile {crops.crop_profile}, data.crop_profile is "
            f"{recipe.data.crop_profile}"
        )
    pictures = Pictures(crops.size, recipe.model.input_shape[0], Image.Resampling.BICUBIC)
    reference = TrunkReference(name=card.name, sha256=card.identity, output="logit")
    network = partial(_logits, teacher.detector)
    cache = Path(teacher.cache)
    return TaughtBatches(
        recipe, cache_views(recipe, cache, reference, network, pictures, training=True, report=report)
    )


def _logits(name: str) -> MapFunction:
    """Open, in each worker process, a function from crops to logits (N, 1)."""
    detector = load_detector(name, threads=1)
    return lambda crops: detector.logits(crops)[:, None]
