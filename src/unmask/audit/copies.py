"""Duplicates and near-duplicates: files with the same bytes, and pictures that look the same.

A picture's hash is the signs of 255 low frequencies of its 32x32 grey thumbnail about their median (the DCT hash
known as pHash, 16x16 instead of 8x8: faces cut alike share their coarsest frequencies). Hashes of unrelated faces
differ in 120 bits or so, those of one picture coded twice in a few.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from unmask.audit.file_facts import SIDE
from unmask.audit.inspection import InspectedSet
from unmask.audit.listing import Row

Bits = NDArray[np.uint64]
Pairs = NDArray[np.int64]

LOW = 16
#: Bits of 255 in which two pictures of one thing differ at most: the same picture, coded or scaled again.
NEAR = 16
#: ... and in which a scene and its like differ: mostly one person in one place.
ALIKE = 32
#: Real and fake of one source this near may be one picture.
TWINS = 4
#: Thumbnails whose grey levels vary less than this say nothing.
BLANK = 3.0
_ROWS_AT_ONCE = 256


@dataclass(frozen=True)
class Copy:
    """A pair of rows, `first` before `second`: same bytes, or `distance` bits of 255 apart.

    `verified` says whether features and times agree (`audit.verification`); None where nobody asked.
    """

    first: int
    second: int
    distance: float
    exact: bool
    verified: bool | None = None

    @property
    def same(self) -> bool:
        """Whether both show the same picture, as far as is known."""
        if self.exact or self.verified is None:
            return self.exact or self.distance <= NEAR
        return self.verified


@cache
def _cosines() -> NDArray[np.float32]:
    """Rows of the orthonormal DCT-II of `SIDE` points, the lowest `LOW` of them."""
    grid = np.outer(np.arange(LOW), 2 * np.arange(SIDE) + 1) * np.pi / (2 * SIDE)
    scale = np.full((LOW, 1), np.sqrt(2 / SIDE))
    scale[0] = np.sqrt(1 / SIDE)
    basis: NDArray[np.float32] = (scale * np.cos(grid)).astype(np.float32)
    return basis


def hashes(thumbnails: NDArray[np.uint8]) -> Bits:
    """Return the hashes of thumbnails, (N, F * 4) uint64: 256 bits a frame, of which the first is always 0.

    Parameters
    ----------
    thumbnails
        (N, F, 32, 32).
    """
    count, frames = thumbnails.shape[:2]
    basis = _cosines()
    low = (basis @ thumbnails.astype(np.float32) @ basis.T).reshape(count, frames, LOW * LOW)
    middle = np.median(low[..., 1:], axis=2, keepdims=True)
    bits = low > middle
    bits[..., 0] = False
    return np.packbits(bits, axis=2).reshape(count, frames * LOW * LOW // 8).view(np.uint64)


def blank(thumbnails: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Return which thumbnails, (N,), show nothing: their hash would be noise.

    Parameters
    ----------
    thumbnails
        (N, F, 32, 32).
    """
    spread = thumbnails.reshape(len(thumbnails), thumbnails.shape[1], -1).std(axis=2)
    return np.asarray(spread.max(axis=1) < BLANK)


def near_pairs(bits: Bits, limit: int) -> tuple[Pairs, NDArray[np.float64]]:
    """Find all pairs of similar hashes.

    Every pair is compared: N * N / 2 times 256 bits a frame.

    Parameters
    ----------
    bits
        (N, F * 4) of `hashes`.
    limit
        Largest distance, in bits a frame.

    Returns
    -------
    pairs
        (P, 2), first < second.
    distances
        (P,) in bits a frame.
    """
    frames, half = bits.shape[1] // 4, bits.shape[1] // 2
    found, distances = [np.zeros((0, 2), np.int64)], [np.zeros(0)]
    for start in range(0, len(bits), _ROWS_AT_ONCE):
        rows, rest = bits[start : start + _ROWS_AT_ONCE], bits[start:]
        # Half the words tell nearly all pairs apart; the other half is for the few that are left.
        first, second = np.nonzero(_apart(rows[:, None, :half], rest[None, :, :half]) <= limit * frames)
        first, second = first[second > first], second[second > first]
        apart = _apart(rows[first], rest[second])
        near = apart <= limit * frames
        found.append(np.stack([first[near], second[near]], axis=1) + start)
        distances.append(apart[near] / frames)
    return np.concatenate(found), np.concatenate(distances)


def _apart(one: Bits, other: Bits) -> NDArray[np.uint16]:
    """Count the bits in which hashes (..., W) differ: (...)."""
    total: NDArray[np.uint16] = np.bitwise_count(one[..., 0] ^ other[..., 0]).astype(np.uint16)
    for word in range(1, one.shape[-1]):
        total += np.bitwise_count(one[..., word] ^ other[..., word])
    return total


def find_copies(inspected: InspectedSet, limit: int = ALIKE) -> tuple[list[Copy], list[int]]:
    """Find pairs of rows with the same bytes or at most `limit` bits apart, nearest first, and blank pictures.

    Frames of one video are no copies of each other, however alike, unless their bytes are the same. Rows with the same
    bytes are paired with the first of them alone, which stands for them in near pairs too.

    Parameters
    ----------
    inspected
        One or two sets.
    limit
        In bits of 255.

    Returns
    -------
    copies
        The pairs.
    blank
        Numbers of the rows.
    """
    exact = list(_same_bytes(inspected))
    repeated = {copy.second for copy in exact}
    seen = [
        n for n, one in enumerate(inspected.inspections) if one.thumbnails is not None and n not in repeated
    ]
    near: list[Copy] = []
    empty: list[int] = []
    # One picture of a crop and several of a video cannot be compared.
    by_frames: defaultdict[int, list[int]] = defaultdict(list)
    for index in seen:
        small = inspected.inspections[index].thumbnails
        assert small is not None
        by_frames[len(small)].append(index)
    for members in by_frames.values():
        indexes = np.array(members)
        thumbnails = inspected.thumbnails(indexes)
        flat = blank(thumbnails)
        empty += indexes[flat].tolist()
        indexes, thumbnails = indexes[~flat], thumbnails[~flat]
        pairs, apart = near_pairs(hashes(thumbnails), limit)
        near += [
            Copy(int(a), int(b), float(distance), False)
            for (a, b), distance in zip(indexes[pairs], apart, strict=True)
            if inspected.rows[a].item.video != inspected.rows[b].item.video
        ]
    return sorted([*exact, *near], key=lambda copy: (not copy.exact, copy.distance)), sorted(empty)


def _same_bytes(inspected: InspectedSet) -> Iterator[Copy]:
    first: dict[str, int] = {}
    for index, one in enumerate(inspected.inspections):
        if one.sha256 is not None and first.setdefault(one.sha256, index) != index:
            yield Copy(first[one.sha256], index, 0.0, True)


def related(one: Row, other: Row) -> bool:
    """Return whether two rows are known to belong together: one video, one source or one group.

    Parameters
    ----------
    one, other
        Of the set.
    """
    a, b = one.item, other.item
    return (
        a.video == b.video
        or (a.dataset, a.source) == (b.dataset, b.source) != (a.dataset, "")
        or (a.dataset, a.group) == (b.dataset, b.group) != (a.dataset, "")
    )


@dataclass(frozen=True)
class CopyCounts:
    """How many pairs of which kind there are; `copies` are exact ones and those that show the same picture.

    Parameters
    ----------
    exact, near
        All pairs with the same bytes; pairs that look the same, of different videos.
    across_splits
        Copies on both sides of a split.
    across_labels
        Exact copies with both labels, and near ones whose rows are not known to be related.
    across_sources
        Near copies whose rows are not known to be related, within one split.
    alike_across_splits
        Pairs up to `ALIKE` bits apart, not known to be related, on both sides of a split: one scene, most likely.
    twins
        Real and fake of one source that hardly differ: the manipulation is elsewhere, tiny or missing.
    not_verified
        Pairs at most `NEAR` bits apart whose features or times do not agree, which count as alike at most.
    """

    exact: int = 0
    near: int = 0
    across_splits: int = 0
    across_labels: int = 0
    across_sources: int = 0
    alike_across_splits: int = 0
    twins: int = 0
    not_verified: int = 0


def kinds_of(copy: Copy, inspected: InspectedSet) -> set[str]:
    """Return the names of the counts of `CopyCounts` in which a pair counts.

    Parameters
    ----------
    copy
        The pair.
    inspected
        The sets that it is from.
    """
    one, other = inspected.rows[copy.first], inspected.rows[copy.second]
    split = inspected.places[copy.first] != inspected.places[copy.second]
    labels = one.item.label != other.item.label
    known = related(one, other)
    kinds = set()
    if copy.same:
        kinds.add("exact" if copy.exact else "near")
        kinds |= {"across_splits"} if split else set()
        kinds |= {"across_labels"} if labels and (copy.exact or not known) else set()
        kinds |= {"across_sources"} if not known and not split else set()
        kinds |= {"twins"} if labels and known and not copy.exact and copy.distance <= TWINS else set()
    elif split and not known and copy.distance <= ALIKE:
        kinds.add("alike_across_splits")
    if not copy.same and copy.distance <= NEAR:
        kinds.add("not_verified")
    return kinds


def count_copies(copies: Sequence[Copy], inspected: InspectedSet) -> CopyCounts:
    """Count the pairs of each kind.

    Parameters
    ----------
    copies
        The pairs.
    inspected
        The sets that they are from.
    """
    counts: defaultdict[str, int] = defaultdict(int)
    for copy in copies:
        for kind in kinds_of(copy, inspected):
            counts[kind] += 1
    return CopyCounts(**counts)
