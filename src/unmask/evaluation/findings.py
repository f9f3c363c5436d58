"""From scored sets to figures: results, calibration, fairness and comparisons, each set alone and pooled."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from unmask.detectors import Card
from unmask.evaluation.calibration import CalibrationRow, calibration_row
from unmask.evaluation.comparison import Comparison, compare
from unmask.evaluation.fairness import ATTRIBUTES, FairnessTable, fairness_table
from unmask.evaluation.predictions import Level, Predictions
from unmask.evaluation.report import Result
from unmask.evaluation.scoring import Outcome
from unmask.evaluation.sets import EvaluationSet
from unmask.evaluation.training_data import IN_DOMAIN, OUT_OF_DOMAIN, domain_of
from unmask.evaluation.zero_pixel import Control, zero_pixel_control
from unmask.statistics.intervals import Settings, bootstrap

ALL = "all"
LEVELS: tuple[Level, ...] = ("frame", "video")


@dataclass(frozen=True)
class ScoredSet:
    """A set, the positions of the items taken of it, what scoring gave, and its rows of both levels."""

    part: EvaluationSet
    chosen: Sequence[int]
    outcome: Outcome
    predictions: Predictions


def _slices(sets: Sequence[ScoredSet]) -> Iterator[tuple[str, str, Predictions, ScoredSet | None]]:
    """Return (dataset, method, rows, set): all pooled where there are several, each set, each of its methods."""
    if len(sets) > 1:
        yield ALL, ALL, pooled(sets), None
    for scored in sets:
        methods = scored.predictions.methods
        for method in [ALL, *methods] if len(methods) > 1 else [ALL]:
            rows = scored.predictions if method == ALL else scored.predictions.of_method(method)
            yield scored.part.name, method, rows, scored


def pooled(sets: Sequence[ScoredSet]) -> Predictions:
    """Return the rows of all sets.

    Parameters
    ----------
    sets
        Scored.
    """
    return sum((scored.predictions for scored in sets), Predictions(()))


def results_of(sets: Sequence[ScoredSet], card: Card, settings: Settings) -> list[Result]:
    """Measure every metric, per set and manipulation and pooled, at both levels.

    Parameters
    ----------
    sets
        Scored by one detector.
    card
        Of the detector.
    settings
        Of the intervals.
    """
    results = []
    for dataset, method, rows, scored in _slices(sets):
        control = _control(rows, scored, settings) if scored else None
        results += [_result(rows, dataset, method, level, card, settings, control) for level in LEVELS]
    return results


def _control(rows: Predictions, scored: ScoredSet, settings: Settings) -> Control:
    keys = (scored.part.items[index].video for index in scored.chosen)
    facts = dict(zip(keys, scored.outcome.metadata, strict=True))
    # A video without a crop has no file here to state facts of: that they are missing is no fact.
    videos = [row for row in rows.at("video") if facts[row.video]]
    return zero_pixel_control(
        np.array([row.label for row in videos], dtype=np.int64),
        [facts[row.video] for row in videos],
        np.array([row.cluster for row in videos], dtype=np.str_),
        settings,
    )


def _result(
    rows: Predictions,
    dataset: str,
    method: str,
    level: Level,
    card: Card,
    settings: Settings,
    control: Control | None,
) -> Result:
    scored = rows.at(level).scored
    fakes = sum(row.label for row in scored)
    metrics = bootstrap(scored.to_scored(card.threshold), scored.clusters, settings)
    clusters = len(set(scored.clusters))
    return Result(
        dataset, method, level, len(scored) - fakes, fakes, clusters, metrics, card.threshold, control
    )


def calibration_of(sets: Sequence[ScoredSet], card: Card, settings: Settings) -> list[CalibrationRow]:
    """Measure calibration per set, and over all sets, those in domain and those out of it where there are several.

    Parameters
    ----------
    sets, card, settings
        As for `results_of`.
    """
    domains = [domain_of(card, scored.part) for scored in sets]
    groups = [(scored.part.name, domain, [scored]) for scored, domain in zip(sets, domains, strict=True)]
    for domain in (IN_DOMAIN, OUT_OF_DOMAIN):
        members = [scored for scored, its in zip(sets, domains, strict=True) if its == domain]
        if 1 < len(members) < len(sets):
            groups.append((domain, domain, members))
    if len(sets) > 1:
        groups.append((ALL, domains[0] if len(set(domains)) == 1 else "mixed", list(sets)))
    return [
        calibration_row(name, domain, level, pooled(members), card.threshold, settings)
        for name, domain, members in groups
        for level in LEVELS
    ]


def attributes_of(part: EvaluationSet, asked: Sequence[str]) -> list[str]:
    """Return the columns of a set's manifest that name groups.

    Parameters
    ----------
    part
        The set.
    asked
        Columns that were asked for; empty for the usual ones.
    """
    present = {name for item in part.items for name, value in item.attributes.items() if value}
    return [name for name in asked or ATTRIBUTES if name in present]


def fairness_of(
    sets: Sequence[ScoredSet], card: Card, asked: Sequence[str], settings: Settings
) -> list[FairnessTable]:
    """Measure the error rates of each group, for each set whose manifest names groups.

    Parameters
    ----------
    sets, card, settings
        As for `results_of`.
    asked
        As for `attributes_of`.
    """
    tables = []
    for scored in sets:
        items = [scored.part.items[index] for index in scored.chosen]
        for attribute in attributes_of(scored.part, asked):
            # Of several crops of one video the first that says something counts.
            group_of = {item.video: item.attributes.get(attribute, "") for item in reversed(items)}
            group_of |= {
                item.video: value for item in reversed(items) if (value := item.attributes.get(attribute, ""))
            }
            name = scored.part.name
            tables.append(
                fairness_table(name, attribute, scored.predictions, group_of, card.threshold, settings)
            )
    return tables


def comparisons_of(
    first: Sequence[ScoredSet], second: Sequence[ScoredSet], cards: tuple[Card, Card], settings: Settings
) -> list[Comparison]:
    """Compare two detectors wherever both have results.

    Parameters
    ----------
    first, second
        The same sets in the same order, scored by one detector and the other.
    cards
        Of both.
    settings
        Of the intervals.
    """
    rows_of_second = {(dataset, method): rows for dataset, method, rows, _ in _slices(second)}
    thresholds = (cards[0].threshold, cards[1].threshold)
    return [
        compare(dataset, method, level, (rows, rows_of_second[dataset, method]), thresholds, settings)
        for dataset, method, rows, _ in _slices(first)
        for level in LEVELS
    ]
