"""Error rates by group of people, where a set's manifest names the groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.predictions import Predictions, VideoKey
from unmask.statistics.intervals import (
    Estimate,
    Settings,
    cluster_index,
    estimate,
    item_counts,
    too_few_clusters,
)
from unmask.statistics.metrics import Floats, UndefinedMetricError

#: Columns of a manifest that are taken for groups of people without being asked for.
ATTRIBUTES = ("gender", "sex", "age_group", "skin", "skin_type", "skin_tone", "ethnicity", "race")
#: A rate of fewer items says little: it is named small and has no part in the largest gap.
SMALL = 20
NOT_STATED = "(not stated)"

Rate = Literal["fpr", "fnr"]
RATES: dict[Rate, int] = {"fpr": 0, "fnr": 1}


@dataclass(frozen=True)
class GroupRates:
    """FPR over the real and FNR over the fake videos of one group, at the card's threshold."""

    group: str
    real: int
    fake: int
    fpr: Estimate
    fnr: Estimate

    @property
    def small(self) -> list[Rate]:
        """The rates that rest on fewer than `SMALL` videos."""
        counts: dict[Rate, int] = {"fpr": self.real, "fnr": self.fake}
        return [rate for rate, count in counts.items() if count < SMALL]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        rates = {"fpr": self.fpr.to_dict(), "fnr": self.fnr.to_dict()}
        return {"group": self.group, "real": self.real, "fake": self.fake, **rates, "small": self.small}


@dataclass(frozen=True)
class Gap:
    """The largest difference of a rate between two groups.

    The interval is that of these two groups, which were picked for lying furthest apart: it flatters no detector.
    """

    rate: Rate
    highest: str
    lowest: str
    difference: Estimate

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        groups = {"highest": self.highest, "lowest": self.lowest}
        return {"rate": self.rate, **groups, "difference": self.difference.to_dict()}


@dataclass(frozen=True)
class FairnessTable:
    """Rates of every group of one attribute of one set, at video level, and the largest gaps."""

    dataset: str
    attribute: str
    groups: Sequence[GroupRates]
    gaps: Sequence[Gap]

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "dataset": self.dataset,
            "attribute": self.attribute,
            "groups": [group.to_dict() for group in self.groups],
            "gaps": [gap.to_dict() for gap in self.gaps],
        }


def fairness_table(
    dataset: str,
    attribute: str,
    rows: Predictions,
    group_of: Mapping[VideoKey, str],
    threshold: float,
    settings: Settings | None = None,
) -> FairnessTable:
    """Measure FPR and FNR in each group.

    Parameters
    ----------
    dataset, attribute
        What the table is called.
    rows
        Predictions; the scored videos count.
    group_of
        Group of each video; empty or missing where the manifest does not say.
    threshold
        The card's.
    settings
        Resamples, confidence and seed of the intervals. Every group sees the same resamples.
    """
    settings = settings or Settings()
    rows = rows.at("video").scored
    scored = rows.to_scored(threshold)
    groups = np.array([group_of.get(row.video) or NOT_STATED for row in rows], dtype=np.str_)
    names = sorted(set(groups) - {NOT_STATED}) + sorted(set(groups) & {NOT_STATED})
    errors = (scored.scores >= threshold) != (scored.labels == 1)
    estimates: dict[tuple[str, Rate], tuple[Estimate, Floats | None]] = {}
    for rate, label in RATES.items():
        members = np.stack([(groups == name) & (scored.labels == label) for name in names]) if names else None
        if members is not None:
            for name, pair in zip(names, _rates(members, errors, rows.clusters, settings), strict=True):
                estimates[name, rate] = pair
    tables = [_group(name, groups, scored.labels, estimates) for name in names]
    gaps = [gap for rate in RATES for gap in _gap(rate, tables, estimates, settings)]
    return FairnessTable(dataset, attribute, tables, gaps)


def _group(
    name: str,
    groups: NDArray[np.str_],
    labels: NDArray[np.int64],
    estimates: Mapping[tuple[str, Rate], tuple[Estimate, Floats | None]],
) -> GroupRates:
    here = labels[groups == name]
    fpr, fnr = estimates[name, "fpr"][0], estimates[name, "fnr"][0]
    return GroupRates(name, int((here == 0).sum()), int((here == 1).sum()), fpr, fnr)


def _rates(
    members: NDArray[np.bool_], errors: NDArray[np.bool_], clusters: NDArray[np.str_], settings: Settings
) -> list[tuple[Estimate, Floats | None]]:
    """Share of errors among each group's members, members (G, N), with what it was in the resamples."""
    index = cluster_index(clusters, members.shape[1])
    too_few = too_few_clusters(index)
    wrong = (members & errors).astype(np.float64)
    draws = None
    if not too_few:
        with np.errstate(invalid="ignore"):
            blocks = [
                (counts @ wrong.T) / (counts @ members.T.astype(np.float64))
                for counts in item_counts(index, settings)
            ]
        draws = np.concatenate(blocks)
    rates = []
    for number, group in enumerate(members):
        value = float(errors[group].mean()) if group.any() else UndefinedMetricError("no such video")
        drawn = None if draws is None else draws[:, number]
        rates.append((estimate(value, drawn, settings, too_few), drawn))
    return rates


def _gap(
    rate: Rate,
    tables: Sequence[GroupRates],
    estimates: Mapping[tuple[str, Rate], tuple[Estimate, Floats | None]],
    settings: Settings,
) -> list[Gap]:
    known = [
        (figure.value, table.group)
        for table in tables
        if table.group != NOT_STATED
        and rate not in table.small
        and (figure := estimates[table.group, rate][0]).value is not None
    ]
    if len(known) < 2:
        return []
    (low, lowest), (high, highest) = min(known), max(known)
    above, below = estimates[highest, rate][1], estimates[lowest, rate][1]
    draws = None if above is None or below is None else above - below
    return [Gap(rate, highest, lowest, estimate(high - low, draws, settings, "too few sources or groups"))]
