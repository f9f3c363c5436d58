"""Whole scans against labels: what users get, with the scan's own frames, gates, verdicts and abstaining."""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from unmask.evaluation.crops import CropFolder
from unmask.evaluation.predictions import cluster_of
from unmask.evaluation.sets import EvaluationSet, Item
from unmask.report import ScanResult
from unmask.report.said import deciding_opinion
from unmask.scanning import Scanner
from unmask.statistics import risk_coverage
from unmask.statistics.auc import auc_difference, auc_estimate
from unmask.statistics.intervals import (
    Difference,
    Estimate,
    Settings,
    cluster_index,
    estimate,
    item_counts,
    too_few_clusters,
)
from unmask.statistics.likelihood_ratios import estimate_costs, log10_of_scores
from unmask.statistics.metrics import Floats, UndefinedMetricError
from unmask.verdict.questions import QUESTIONS_GATE

ALL = "all"
LEAST_PROBABILITY = 1e-6
"""A log keeps six decimals."""
ERRORS = (0.01, 0.02, 0.05)
"""Shares of wrong verdicts among the decided files for which the decided share is reported."""
CALLED = {0: "likely_fake", 1: "likely_real"}
"""The wrong verdict of each label."""


@dataclass(frozen=True)
class ScannedFile:
    """One labelled file and the result of its scan."""

    item: Item
    result: ScanResult

    @property
    def cluster(self) -> str:
        """What is resampled as a whole."""
        item = self.item
        return cluster_of(item.dataset, item.group, item.source, item.path)


@dataclass(frozen=True)
class ScanFigures:
    """What the scans of a set, or of one manipulation beside its real files, came to.

    Parameters
    ----------
    real, fake
        Numbers of files with a score.
    clusters
        Sources or groups that the intervals rest on.
    statuses
        Number of files of each status, those without a score among them.
    verdicts
        Number of files of each verdict, by ``real`` and ``fake``.
    auc
        Area under the ROC curve of the files' scores.
    wrong, inconclusive
        Share of the scored real and of the scored fake files with the wrong verdict, and with none.
    decided_at
        For each error rate: the largest share of files, the surest first, of which so few are wrong.
    interval_coverage
        Share of the files whose interval reaches the side of the threshold that their label stands for.
    log
        Name of the results log that was read; empty for scans made here.
    auc_difference
        Of a further log: its AUC less the first log's, over the files with a score in both, paired.
    likelihood_ratios
        Costs of the likelihood ratios that the files' scores stand for, `statistics.likelihood_ratios.COSTS`.
    detectors
        Names of the detectors that judged, and how many of the files that were read each: images may have another one
        than videos.
    """

    dataset: str
    method: str
    real: int
    fake: int
    clusters: int
    statuses: Mapping[str, int]
    verdicts: Mapping[str, Mapping[str, int]]
    auc: Estimate
    wrong: Mapping[str, Estimate]
    inconclusive: Mapping[str, Estimate]
    decided_at: Mapping[str, Estimate]
    interval_coverage: Estimate
    log: str = ""
    auc_difference: Difference | None = None
    likelihood_ratios: Mapping[str, Estimate] = field(default_factory=dict)
    detectors: Mapping[str, int] = field(default_factory=dict)

    @property
    def judged_by(self) -> str:
        """The detectors' names for tables, with their numbers of files where there are several."""
        several = len(self.detectors) > 1
        names = [f"{name} ({count})" if several else name for name, count in self.detectors.items()]
        return ", ".join(names) or "-"

    @property
    def set_and_log(self) -> str:
        """The set's name for tables, with that of the log that was read."""
        return f"{self.dataset}, log {self.log}" if self.log else self.dataset

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "dataset": self.dataset,
            "method": self.method,
            "real": self.real,
            "fake": self.fake,
            "clusters": self.clusters,
            "statuses": dict(self.statuses),
            "verdicts": {name: dict(counts) for name, counts in self.verdicts.items()},
            "auc": self.auc.to_dict(),
            "wrong": {name: value.to_dict() for name, value in self.wrong.items()},
            "inconclusive": {name: value.to_dict() for name, value in self.inconclusive.items()},
            "decided_at": {name: value.to_dict() for name, value in self.decided_at.items()},
            "interval_coverage": self.interval_coverage.to_dict(),
            "log": self.log,
            "auc_difference": self.auc_difference.to_dict() if self.auc_difference else None,
            "likelihood_ratios": {name: value.to_dict() for name, value in self.likelihood_ratios.items()},
            "detectors": dict(self.detectors),
        }


def scan_items(
    scanner: Scanner, part: EvaluationSet, chosen: Sequence[int], advance: Callable[[], None] = lambda: None
) -> list[ScannedFile]:
    """Scan the files of a set as a user would; crops in a tar file are scanned as the pictures that they are.

    Parameters
    ----------
    scanner
        With the detector.
    part
        The set.
    chosen
        Positions of the items to scan.
    advance
        Called after each file.
    """
    scanned = []
    for index in chosen:
        with _file_of(part, index) as path:
            result = scanner.scan_or_explain(path)
        scanned.append(ScannedFile(part.items[index], result))
        advance()
    return scanned


@contextlib.contextmanager
def _file_of(part: EvaluationSet, index: int) -> Iterator[Path]:
    if not isinstance(part, CropFolder) or index >= len(part.crops):
        yield part.root / part.items[index].path
        return
    record = part.crops.records[index]
    with tempfile.TemporaryDirectory(prefix="unmask-") as folder:
        path = Path(folder) / Path(record.file).name
        path.write_bytes(part.crops.store.read(record))
        yield path


def scan_figures(
    dataset: str, files: Sequence[ScannedFile], settings: Settings | None = None
) -> list[ScanFigures]:
    """Measure a set's scans: all of them, then each manipulation beside all real files where there are several.

    Parameters
    ----------
    dataset
        Name of the set.
    files
        Its scans.
    settings
        Of the intervals.
    """
    settings = settings or Settings()
    methods = sorted({one.item.method for one in files if one.item.label == 1 and one.item.method})
    slices = [ALL, *methods] if len(methods) > 1 else [ALL]
    return [
        _figures(
            dataset,
            method,
            [one for one in files if method == ALL or one.item.label == 0 or one.item.method == method],
            settings,
        )
        for method in slices
    ]


def compare_scans(
    files: Sequence[ScannedFile], first: Sequence[ScannedFile], settings: Settings | None = None
) -> Difference:
    """Return the AUC of scans less that of the first ones, paired by clusters.

    Parameters
    ----------
    files, first
        Scans of the same files, in the same order.
    settings
        Of the intervals.
    """
    both = [
        (one, other)
        for one, other in zip(files, first, strict=True)
        if one.result.score is not None and other.result.score is not None
    ]
    labels = np.array([one.item.label for one, _ in both], np.int64)
    mine, theirs = (_log_odds([pair[place] for pair in both]) for place in (0, 1))
    clusters = np.array([one.cluster for one, _ in both], str)
    return auc_difference(labels, mine, theirs, clusters, settings)


def _figures(dataset: str, method: str, files: Sequence[ScannedFile], settings: Settings) -> ScanFigures:
    scored = [one for one in files if one.result.score is not None]
    labels = np.array([one.item.label for one in scored], np.int64)
    clusters = [one.cluster for one in scored]
    names = ("real", "fake")
    flags = _flags(scored, labels)
    rates = _rates(labels, flags, clusters, settings)
    return ScanFigures(
        dataset,
        method,
        int((labels == 0).sum()),
        int((labels == 1).sum()),
        len(set(clusters)),
        Counter(one.result.status for one in files),
        {
            name: Counter(one.result.verdict or "" for one in scored if one.item.label == label)
            for label, name in enumerate(names)
        },
        auc_estimate(labels, _log_odds(scored), np.asarray(clusters, str), settings),
        {name: rates[f"wrong {name}"] for name in names},
        {name: rates[f"inconclusive {name}"] for name in names},
        {f"{error:.0%}": rates[f"decided at {error}"] for error in ERRORS},
        rates["interval"],
        likelihood_ratios=estimate_costs(
            labels,
            log10_of_scores(np.array([one.result.score for one in scored], float), LEAST_PROBABILITY),
            np.asarray(clusters, str),
            settings,
        ),
        detectors=dict(Counter(one.result.detector.name for one in files if one.result.was_read)),
    )


def _log_odds(files: Sequence[ScannedFile]) -> Floats:
    """Return the scores of files that have one in log-odds, which do not saturate."""
    scores = [one.result.score for one in files]
    return np.array([risk_coverage.log_odds(score or 0.0, LEAST_PROBABILITY) for score in scores], float)


def _flags(scored: Sequence[ScannedFile], labels: NDArray[np.int64]) -> dict[str, Floats]:
    """Return what each scored file is, (N,) each: 0 or 1, and the margin."""
    verdicts = [one.result.verdict for one in scored]
    sides = [side(one.result) for one in scored]
    return {
        "wrong": np.array(
            [verdict == CALLED[label] for verdict, label in zip(verdicts, labels, strict=True)], float
        ),
        "inconclusive": np.array([verdict == "inconclusive" for verdict in verdicts], float),
        "on the wrong side": np.array(
            [side != label for side, label in zip(sides, labels, strict=True)], float
        ),
        "interval": np.array(
            [_reaches(one.result, int(label)) for one, label in zip(scored, labels, strict=True)], float
        ),
        "margin": np.array([margin(one.result) for one in scored], float),
    }


def _threshold(result: ScanResult) -> float:
    """Return the threshold of the detector that the file's score is of."""
    deciding = deciding_opinion(result)
    threshold = (deciding or result).detector.threshold
    return 0.5 if threshold is None else threshold


def side(result: ScanResult) -> int:
    """Return 1 where a file's score is at or above the threshold, else 0.

    Parameters
    ----------
    result
        Of the file's scan.
    """
    return int((result.score or 0.0) >= _threshold(result))


def _reaches(result: ScanResult, label: int) -> bool:
    low, high = result.interval or (0.0, 1.0)
    return high >= _threshold(result) if label else low < _threshold(result)


def margin(result: ScanResult) -> float:
    """Return the margin of a file's verdict, see `risk_coverage.margin`; the least where a gate rejected the file.

    Parameters
    ----------
    result
        Of the file's scan.
    """
    rejected = any(
        reason.effect == "abstains" and reason.gate not in ("interval", "band", QUESTIONS_GATE)
        for reason in result.reasons
    )
    return risk_coverage.margin(
        result.score or 0.0,
        result.interval or (0.0, 1.0),
        _threshold(result),
        rejected=rejected,
        least=LEAST_PROBABILITY,
    )


def _rates(
    labels: NDArray[np.int64], flags: Mapping[str, Floats], clusters: Sequence[str], settings: Settings
) -> dict[str, Estimate]:
    """Estimate every share with its interval by bootstrap over clusters."""
    count = len(labels)
    values = _shares(np.ones((1, count)), labels, flags) if count else {}
    if not count:
        reason = "no file has a score"
        return {name: Estimate(None, reason=reason) for name in _names()}
    index = cluster_index(np.asarray(clusters, str), count)
    too_few = too_few_clusters(index)
    draws: dict[str, list[Floats]] = {name: [] for name in values}
    if not too_few:
        for weights in item_counts(index, settings):
            for name, drawn in _shares(weights, labels, flags).items():
                draws[name].append(drawn)
    found = {}
    for name, value in values.items():
        single = float(value[0])
        point: float | UndefinedMetricError = single
        if math.isnan(single):
            point = UndefinedMetricError("no file of this class has a score")
        found[name] = estimate(point, np.concatenate(draws[name]) if draws[name] else None, settings, too_few)
    return found


def _names() -> list[str]:
    shares = [f"{what} {label}" for what in ("wrong", "inconclusive") for label in ("real", "fake")]
    return [*shares, "interval", *(f"decided at {error}" for error in ERRORS)]


def _shares(weights: Floats, labels: NDArray[np.int64], flags: Mapping[str, Floats]) -> dict[str, Floats]:
    """Return every share under weightings (B, N) of the files: (B,) each, NaN where a class has no weight."""
    found = {}
    for what in ("wrong", "inconclusive"):
        for label, name in enumerate(("real", "fake")):
            members = weights * (labels == label)
            found[f"{what} {name}"] = _divided(members @ flags[what], members.sum(axis=1))
    found["interval"] = _divided(weights @ flags["interval"], weights.sum(axis=1))
    order = np.argsort(-flags["margin"], kind="stable")
    decided = np.cumsum(weights[:, order], axis=1)
    failed = np.cumsum(weights[:, order] * flags["on the wrong side"][order], axis=1)
    risk = _divided(failed, decided)
    share = _divided(decided, decided[:, -1:])
    for error in ERRORS:
        found[f"decided at {error}"] = np.where(risk <= error, share, 0.0).max(axis=1)
    return found


def _divided(above: Floats, below: Floats) -> Floats:
    below = np.broadcast_to(below, above.shape)
    share: Floats = np.divide(above, below, out=np.full(above.shape, np.nan), where=below > 0)
    return share
