"""Measures a detector by family of manipulation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unmask.datasets.families import family_of
from unmask.detectors import Card
from unmask.evaluation.family_table import FalsePositives, FamilyResult, FamilyTable
from unmask.evaluation.findings import ScoredSet
from unmask.evaluation.predictions import Level, Predictions, VideoKey
from unmask.statistics.intervals import Estimate, Settings, bootstrap

UNKNOWN = "not stated"


def family_table(sets: Sequence[ScoredSet], card: Card, settings: Settings) -> FamilyTable:
    """Measure every family of every set: of videos where a set has several frames of one, else of frames.

    Parameters
    ----------
    sets
        Scored by one detector.
    card
        Of the detector.
    settings
        Of the intervals.
    """
    results: list[FamilyResult] = []
    reals: list[FalsePositives] = []
    for scored in sets:
        level: Level = (
            "video" if len(scored.predictions.at("video")) < len(scored.predictions.at("frame")) else "frame"
        )
        rows = scored.predictions.at(level).scored
        family = _families(scored)
        real = rows.where(lambda row: row.label == 0)
        name = scored.part.name
        if len(real):
            reals.append(FalsePositives(name, level, len(real), _measure(real, card, settings, "fpr")))
        for found in sorted(set(family.values())):
            fakes = _fakes_of(found, rows, family)
            if not len(fakes):
                continue
            known = found in card.families if card.families and found != UNKNOWN else None
            results.append(
                FamilyResult(
                    found,
                    known,
                    name,
                    level,
                    len(real),
                    len(fakes),
                    _measure(real + fakes, card, settings, "auc"),
                    _measure(fakes, card, settings, "fnr"),
                )
            )
    return FamilyTable(tuple(results), tuple(reals))


def _fakes_of(wanted: str, rows: Predictions, family: Mapping[VideoKey, str]) -> Predictions:
    return rows.where(lambda row: row.label == 1 and family.get(row.video) == wanted)


def _families(scored: ScoredSet) -> dict[VideoKey, str]:
    items = [scored.part.items[index] for index in scored.chosen]
    return {
        item.video: family_of(item.attributes.get("family", ""), item.method, item.dataset) or UNKNOWN
        for item in items
        if item.label == 1
    }


def _measure(rows: Predictions, card: Card, settings: Settings, metric: str) -> Estimate:
    return bootstrap(rows.to_scored(card.threshold), rows.clusters, settings)[metric]
