"""Runs a detector over a set: reading goes on in the background, so that inference sets the pace."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from unmask.detectors import Card
from unmask.evaluation.predictions import Prediction, Predictions
from unmask.evaluation.sets import Crop, EvaluationSet, Item, Reading
from unmask.evaluation.zero_pixel import Metadata
from unmask.processes.cores import available_cores
from unmask.report import Status
from unmask.verdict import rule_of

BATCH = 32


class Scorer(Protocol):
    """What is evaluated."""

    @property
    def card(self) -> Card:
        """The card, with threshold and calibration."""
        ...

    def logits(self, crops: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return raw logits (N,).

        Parameters
        ----------
        crops
            (N, S, S, 3) uint8 RGB.
        """
        ...


@dataclass
class Rates:
    """Where the time went, in seconds; reading is summed over its threads.

    Inference sets the pace when `waiting`, the time in which it had nothing to score, is a small part of `total`.
    """

    items: int = 0
    crops: int = 0
    reading: float = 0.0
    scoring: float = 0.0
    waiting: float = 0.0
    total: float = 0.0
    readers: int = 1

    @property
    def read_per_second(self) -> float | None:
        """Crops a second that reading would reach alone; None where none was read."""
        return _rate(self.crops * self.readers, self.reading)

    @property
    def scored_per_second(self) -> float | None:
        """Crops a second that inference would reach alone; None where none was scored."""
        return _rate(self.crops, self.scoring)

    def to_dict(self) -> dict[str, float | None]:
        """Seconds, and crops a second that reading and scoring would each reach alone."""
        return {
            "items": self.items,
            "crops": self.crops,
            "readers": self.readers,
            "reading_seconds": round(self.reading, 3),
            "scoring_seconds": round(self.scoring, 3),
            "waiting_seconds": round(self.waiting, 3),
            "total_seconds": round(self.total, 3),
            "crops_read_per_second": self.read_per_second,
            "crops_scored_per_second": self.scored_per_second,
        }


def _rate(count: float, seconds: float) -> float | None:
    return round(count / seconds, 1) if count and seconds > 0 else None


@dataclass(frozen=True)
class Outcome:
    """What scoring a set gave: frame rows, facts about each file, details of failures, and rates."""

    frames: Predictions
    metadata: Sequence[Metadata]
    details: dict[str, str]
    rates: Rates


@dataclass
class _Collector:
    """Fills batches across items, and puts each logit back where it belongs."""

    detector: Scorer
    batch: int
    rates: Rates
    rows: list[tuple[Item, Status, int | None]] = field(default_factory=list)
    logits: dict[int, float] = field(default_factory=dict)
    waiting: list[tuple[int, Crop]] = field(default_factory=list)

    def add(self, item: Item, reading: Reading) -> None:
        positions: list[tuple[int | None, Status, Crop | None]] = [
            (position, "ok", crop) for position, crop in reading.crops
        ]
        positions += [(position, "no_face", None) for position in reading.without_face]
        if not positions:
            positions = [(item.frame, reading.status, None)]
        for position, status, crop in sorted(positions, key=lambda entry: entry[0] or 0):
            if crop is not None:
                self.waiting.append((len(self.rows), crop))
            self.rows.append((item, status, position if item.frame is None else item.frame))
        while len(self.waiting) >= self.batch:
            self.score()

    def score(self) -> None:
        now, self.waiting = self.waiting[: self.batch], self.waiting[self.batch :]
        if not now:
            return
        started = time.perf_counter()
        values = self.detector.logits(np.stack([crop for _, crop in now]))
        self.rates.scoring += time.perf_counter() - started
        self.rates.crops += len(now)
        self.logits.update((row, float(value)) for (row, _), value in zip(now, values, strict=True))


def score_set(
    detector: Scorer,
    items: EvaluationSet,
    chosen: Sequence[int],
    on_item: Callable[[], None] = lambda: None,
    batch: int = BATCH,
    readers: int | None = None,
) -> Outcome:
    """Score the chosen items of a set.

    Parameters
    ----------
    detector
        Scores batches of crops in this thread.
    items
        The set; its `read` runs in `readers` threads.
    chosen
        Positions of the items to score.
    on_item
        Called after each item that was read.
    batch
        Crops scored at once; batches are filled across items.
    readers
        Threads that read; by default one fewer than cores, 1 to 8.
    """
    started = time.perf_counter()
    rates = Rates(readers=readers or max(1, min(8, available_cores() - 1)))
    collector = _Collector(detector, batch, rates)
    metadata: list[Metadata] = []
    details: dict[str, str] = {}
    for index, reading in zip(chosen, read_ahead(items, chosen, rates, batch), strict=True):
        item = items.items[index]
        collector.add(item, reading)
        metadata.append(reading.metadata)
        if reading.detail:
            details[item.path] = reading.detail
        rates.items += 1
        on_item()
    while collector.waiting:
        collector.score()
    rates.total = time.perf_counter() - started
    calibrate = rule_of(detector.card).calibration.score
    return Outcome(_predictions(collector, calibrate), metadata, details, rates)


def _predictions(collector: _Collector, calibrate: Callable[[float], float]) -> Predictions:
    rows = []
    for number, (item, status, frame) in enumerate(collector.rows):
        logit = collector.logits.get(number)
        rows.append(
            Prediction(
                dataset=item.dataset,
                method=item.method,
                path=item.path,
                source=item.source,
                group=item.group,
                label=item.label,
                level="frame",
                status=status,
                logit=logit,
                score=None if logit is None else calibrate(logit),
                frame=frame,
            )
        )
    return Predictions(tuple(rows))


def read_ahead(items: EvaluationSet, chosen: Sequence[int], rates: Rates, ahead: int) -> Iterator[Reading]:
    """Read items in background threads, and yield them in order.

    Parameters
    ----------
    items
        The set.
    chosen
        Positions of the items to read.
    rates
        Counts the time; says how many threads read.
    ahead
        Maximum number of items that are read and not yet taken.
    """

    def read(index: int) -> tuple[Reading, float]:
        started = time.perf_counter()
        return items.read(index), time.perf_counter() - started

    pool = ThreadPoolExecutor(rates.readers, thread_name_prefix="read")
    rest = iter(chosen)
    pending = deque(pool.submit(read, index) for index in islice(rest, ahead))
    try:
        while pending:
            started = time.perf_counter()
            reading, seconds = pending.popleft().result()
            rates.waiting += time.perf_counter() - started
            rates.reading += seconds
            pending.extend(pool.submit(read, index) for index in islice(rest, 1))
            yield reading
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
