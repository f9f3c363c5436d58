"""Runs a detector over a set and its training set, and traces its decisions to facts and to training crops."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from unmask.audit.drivers import (
    Training,
    correlations,
    influences,
    mean_over_clusters,
    shared_facts,
    similarities,
    top,
)
from unmask.audit.inspection import InspectedSet
from unmask.audit.latents import Latents, OpenedDetector
from unmask.audit.listing import Listing
from unmask.audit.report import Drivers
from unmask.audit.units import Units, units_of
from unmask.evaluation.crops import CropFolder
from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.sets import EvaluationSet, choose
from unmask.evaluation.videos import VideoFolder
from unmask.evidence import FaceCropExtractor
from unmask.faces import CenterFace
from unmask.statistics.intervals import Estimate, Settings

#: Frames of a video that go through the detector.
FRAMES = 4

Chosen = tuple[Listing, InspectedSet, Sequence[int]]
Progress = Callable[[str, int, int], None]


@dataclass(frozen=True, eq=False)
class Decided:
    """Videos that went through a detector, with the mean logit and the mean hidden layer of their crops."""

    units: Units
    latents: Latents
    files: Sequence[str]


def attribute(
    detector: OpenedDetector,
    chosen: Chosen,
    training: Chosen | None,
    limit: int,
    settings: Settings,
    progress: Progress,
) -> Drivers:
    """Trace a detector's decisions on the chosen rows of a set, and of its training set where there is one.

    Parameters
    ----------
    detector
        The detector, cut open.
    chosen, training
        Listing, what its files are, and the positions of the rows that count.
    limit
        Most items of each that go through the detector, as many of each class.
    settings
        Resamples, confidence, seed.
    progress
        Called after each item.

    Raises
    ------
    EvaluationError
        No item of a set has a face to show the detector.
    """
    decided = decide(detector, chosen, limit, settings.seed, progress)
    facts = correlations(decided.units, decided.latents.logits, settings)
    card = detector.card
    about = {"name": card.name, "version": card.version, "identity": card.identity}
    clusters = len(np.unique(decided.units.clusters))
    drivers = Drivers(about, len(decided.units), clusters, facts)
    if training is None:
        return drivers
    theirs = decide(detector, training, limit, settings.seed, progress)
    known = Training(theirs.files, theirs.units.labels, theirs.units.facts, theirs.latents)
    cosine, gradient = similarities(decided.latents, known)
    nearest = shared_facts(decided.units.facts, decided.units.clusters, top(cosine), known, settings)
    supporting = shared_facts(decided.units.facts, decided.units.clusters, top(gradient), known, settings)
    return replace(
        drivers,
        facts=[
            replace(fact, nearest=nearest.get(fact.fact), gradient=supporting.get(fact.fact))
            for fact in facts
        ],
        training=training[0].name,
        training_crops=len(known.files),
        agreement=_agreement(decided, top(cosine), known, settings),
        influences=influences(gradient, known),
    )


def decide(detector: OpenedDetector, chosen: Chosen, limit: int, seed: int, progress: Progress) -> Decided:
    """Run rows through a detector and merge them into videos.

    Parameters
    ----------
    detector
        Opened for its hidden layer.
    chosen
        Of a set.
    limit
        Most rows that are run.
    seed
        Of the draw.
    progress
        Called with a title, rows done and rows in all.

    Raises
    ------
    EvaluationError
        Without a face.
    """
    listing, inspected, positions = chosen
    readable = [index for index in positions if inspected.inspections[index].status == "ok"]
    drawn = [readable[n] for n in choose([inspected.rows[index].item for index in readable], limit, seed)]
    opened = _as_evaluated(listing, detector)
    runs: defaultdict[object, list[tuple[int, Latents]]] = defaultdict(list)
    progress(f"{listing.name}: {detector.card.name}", 0, len(drawn))
    for count, index in enumerate(drawn, start=1):
        reading = opened.read(index)
        if reading.crops:
            latents = detector.read(np.stack([crop for _, crop in reading.crops]))
            runs[inspected.rows[index].item.video].append((index, latents))
        progress(f"{listing.name}: {detector.card.name}", count, len(drawn))
    if not runs:
        raise EvaluationError(f"{listing.name} has no face to show the detector")
    units = units_of(inspected, [index for run in runs.values() for index, _ in run])
    return Decided(
        units,
        Latents(
            np.array([np.mean(np.concatenate([part.logits for _, part in run])) for run in runs.values()]),
            np.stack(
                [np.concatenate([part.hidden for _, part in run]).mean(axis=0) for run in runs.values()]
            ),
        ),
        [inspected.rows[indexes[0]].file for indexes in units.rows],
    )


def _as_evaluated(listing: Listing, detector: OpenedDetector) -> EvaluationSet:
    """Open a set's rows, all splits together, as `unmask evaluate` shows them to the detector."""
    crops = detector.card.face_crops()
    items = [row.item for row in listing.rows]
    if listing.crops is not None:
        return CropFolder(listing.crops, items, crops.size, crops.crop_profile, listing.name)
    finder = CenterFace(effort="quick")
    return VideoFolder(listing.root, items, finder, FaceCropExtractor(crops), FRAMES, listing.name)


def _agreement(decided: Decided, neighbours: np.ndarray, training: Training, settings: Settings) -> Estimate:
    """Share of the nearest training crops whose label is the decision's."""
    sides = (decided.latents.logits > 0).astype(np.int64)
    shares = (training.labels[neighbours] == sides[:, None]).mean(axis=1)
    return mean_over_clusters(shares, decided.units.clusters, settings)
