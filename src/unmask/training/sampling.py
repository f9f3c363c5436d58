"""Balanced, source-paired batches: half real, half fake, and a fake beside its own original."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Draw:
    """One crop of a batch: its source, its row there, and how often the source was passed through before."""

    source: int
    row: int
    turn: int


class PairedSampler:
    """Draws batches of real and fake crops in pairs.

    Rows without a partner are paired with each other at random. A source is passed through in a new random order each
    time. Batch k is a function of (seed, k): a resumed run has the batches that it would have had.

    Each row of a source of fakes alone is paired with one of the sources of real crops alone.

    Parameters
    ----------
    labels, pairs
        One pair of arrays (N,) for each source; rows with one `pair` number belong to one recording.
    weights
        Shares of the sources in the pairs; of sources of real crops alone, shares among these.
    batch_size
        Even.
    seed
        Of the draw.

    Raises
    ------
    ValueError
        When there are sources of fakes alone and none of real crops alone, or the reverse.
    """

    def __init__(
        self,
        labels: Sequence[np.ndarray],
        pairs: Sequence[np.ndarray],
        weights: Sequence[float],
        batch_size: int,
        seed: int = 0,
    ) -> None:
        self.labels, self.pairs = list(labels), list(pairs)
        self.real = [number for number, source in enumerate(labels) if not np.any(source == 1)]
        self.fake = [number for number, source in enumerate(labels) if not np.any(source == 0)]
        if bool(self.real) != bool(self.fake):
            number, one, other = (
                (self.real or self.fake)[0],
                *sorted(("real", "fake"), reverse=bool(self.real)),
            )
            raise ValueError(
                f"training source {number} has only {one} crops; a source of {other} ones is missing"
            )
        #: Sources that a pair is drawn for, and what draws its real crop where they have none.
        self.paired = [number for number in range(len(labels)) if number not in self.real]
        self.shares = _shares(weights, self.paired)
        self.real_shares = _shares(weights, self.real)
        self.slots = batch_size // 2
        self.seed = seed

    def batches(self, start: int = 0) -> Iterator[list[Draw]]:
        """Yield batches without end; real and fake alternate.

        Parameters
        ----------
        start
            Number of the first batch, from 0.
        """
        rng = np.random.default_rng([self.seed, 1])
        streams = [
            self._beside_real(number) if number in self.fake else self._stream(number)
            for number in self.paired
        ]
        number = 0
        while True:
            chosen = rng.choice(len(streams), size=self.slots, p=self.shares)
            batch = [draw for source in chosen for draw in next(streams[source])]
            if number >= start:
                yield batch
            number += 1

    def _stream(self, source: int) -> Iterator[tuple[Draw, Draw]]:
        turn = 0
        while True:
            rng = np.random.default_rng([self.seed, 2, source, turn])
            pairs = pair_rows(self.labels[source], self.pairs[source], rng)
            for real, fake in pairs:
                yield Draw(source, int(real), turn), Draw(source, int(fake), turn)
            turn += 1

    def _beside_real(self, source: int) -> Iterator[tuple[Draw, Draw]]:
        """Yield the rows of a source of fakes, each behind a row of one of the sources of real crops."""
        rng = np.random.default_rng([self.seed, 4, source])
        fakes, reals = self._rows(source, source), [self._rows(number, source) for number in self.real]
        for fake in fakes:
            yield next(reals[rng.choice(len(reals), p=self.real_shares)]), fake

    def _rows(self, source: int, partner: int) -> Iterator[Draw]:
        turn = 0
        while True:
            rng = np.random.default_rng([self.seed, 5, source, partner, turn])
            for row in rng.permutation(len(self.labels[source])):
                yield Draw(source, int(row), turn)
            turn += 1


def _shares(weights: Sequence[float], sources: Sequence[int]) -> np.ndarray:
    chosen = np.asarray([weights[number] for number in sources], float)
    shares: np.ndarray = chosen / chosen.sum()
    return shares


def pair_rows(labels: np.ndarray, pairs: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Pair each real row with a fake of its own recording where there is one.

    Rows left over are paired at random; the smaller class then repeats, so that every row is drawn once a pass.

    Parameters
    ----------
    labels
        (N,) 0 real, 1 fake.
    pairs
        (N,) equal for the rows of one recording.
    rng
        Shuffles.

    Returns
    -------
    array
        (P, 2) numbers of a real and a fake row, shuffled.
    """
    real = _numbered(np.flatnonzero(labels == 0), pairs, rng)
    fake = _numbered(np.flatnonzero(labels == 1), pairs, rng)
    shared = sorted(real.keys() & fake.keys())
    matched = np.array([(real[key], fake[key]) for key in shared], np.int64).reshape(-1, 2)
    left_real = rng.permutation([row for key, row in real.items() if key not in fake]).astype(np.int64)
    left_fake = rng.permutation([row for key, row in fake.items() if key not in real]).astype(np.int64)
    count = max(len(left_real), len(left_fake))
    if count:
        # A class without left-over rows lends rows that already have a partner.
        left_real = left_real if len(left_real) else rng.permutation(np.flatnonzero(labels == 0))
        left_fake = left_fake if len(left_fake) else rng.permutation(np.flatnonzero(labels == 1))
        rest = np.stack([np.resize(left_real, count), np.resize(left_fake, count)], axis=1)
        matched = np.concatenate([matched, rest])
    result: np.ndarray = rng.permutation(matched)
    return result


def _numbered(rows: np.ndarray, pairs: np.ndarray, rng: np.random.Generator) -> dict[tuple[int, int], int]:
    """Key each row by its pair and its place, in random order, among the rows of that pair."""
    seen: dict[int, int] = {}
    result = {}
    for row in rng.permutation(rows):
        pair = int(pairs[row])
        place = seen.get(pair, 0)
        seen[pair] = place + 1
        result[pair, place] = int(row)
    return result
