"""Near-duplicates verified: by what a trunk sees in both pictures, and by when both were taken.

After TF-VPR (arXiv 2208.09315), where neighbours in features and in time have to agree. Hashes then only name
candidates, more of them, so that copies that were cut a little are found as well.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from unmask.audit.copies import ALIKE, Copy, related
from unmask.audit.inspection import InspectedSet
from unmask.audit.listing import FRAMES, Listing, Row
from unmask.detectors import Trunk
from unmask.media import open_isolated

Floats = NDArray[np.float32]
#: Takes the number of a row and returns its descriptor (D,) of length 1.
Describe = Callable[[int], Floats]

#: Bits of 255 in which candidates differ at most: 95 % of crops that lose 2 % at each side do.
CANDIDATE = 48
#: Cosine of descriptors that a copy has at least (docs/results/audit.md).
SIMILAR = 0.8
#: Rows of a video from which on its times can say something.
TIMED = 3
#: Seconds by which the time between two frames may differ from that between two other ones.
TOLERANCE = 0.5
_SIDE = 224


def verify(
    copies: Sequence[Copy],
    inspected: InspectedSet,
    describe: Describe,
    on_pair: Callable[[int, int], None] = lambda done, pairs: None,
) -> list[Copy]:
    """Return the pairs with what features and times say of them, less those beyond `ALIKE` that are not the same.

    Files with the same bytes need no verification, and rows that are known to be related are expected to be alike.

    Parameters
    ----------
    copies
        The pairs, up to `CANDIDATE` bits apart.
    inspected
        The sets that they are from.
    describe
        Describes a row.
    on_pair
        Called with the pairs done and all pairs.
    """
    rows = inspected.rows
    open_ones = [
        copy for copy in copies if not copy.exact and not related(rows[copy.first], rows[copy.second])
    ]
    timely = _agree_in_time(open_ones, rows)
    verdicts = {}
    for number, copy in enumerate(open_ones):
        similar = float(describe(copy.first) @ describe(copy.second)) >= SIMILAR
        verdicts[copy] = similar and timely.get((copy.first, copy.second), True)
        on_pair(number + 1, len(open_ones))
    verified = [replace(copy, verified=verdicts.get(copy)) for copy in copies]
    return [copy for copy in verified if copy.same or copy.distance <= ALIKE]


def _agree_in_time(copies: Sequence[Copy], rows: Sequence[Row]) -> dict[tuple[int, int], bool]:
    """Return for pairs of frames of two videos whether another pair of them, at another time, lies as far apart.

    Pairs of which a video has fewer than `TIMED` rows with a time are left out.
    """
    timed: defaultdict[object, int] = defaultdict(int)
    for row in rows:
        timed[row.item.video] += _time(row) is not None
    between: defaultdict[tuple[object, object], list[tuple[int, int]]] = defaultdict(list)
    for copy in copies:
        videos = rows[copy.first].item.video, rows[copy.second].item.video
        if min(timed[video] for video in videos) >= TIMED:
            between[videos].append((copy.first, copy.second))
    result: dict[tuple[int, int], bool] = {}
    for pairs in between.values():
        times = np.array([[_time(rows[index]) for index in pair] for pair in pairs], float)
        shifts = times[:, 1] - times[:, 0]
        same = np.abs(shifts[:, None] - shifts) <= TOLERANCE
        other = np.abs(times[:, None, 0] - times[:, 0]) > TOLERANCE
        result.update(zip(pairs, (same & other).any(axis=1).tolist(), strict=True))
    return result


def _time(row: Row) -> float | None:
    value = row.stated.get("time")
    return value if isinstance(value, float) else None


class Descriptors:
    """Describes rows of one or two sets by the tokens of the built-in trunk, each row once.

    Parameters
    ----------
    listings
        The sets, in the order of their rows.
    threads
        Operator threads; None for one a core.
    """

    def __init__(self, listings: Sequence[Listing], threads: int | None = None) -> None:
        self._places = [(listing, number) for listing in listings for number in range(len(listing.rows))]
        self._trunk: Trunk | None = None
        self._threads = threads
        self._known: dict[int, Floats] = {}

    def __call__(self, index: int) -> Floats:
        """Return the descriptor of a row, (D,) float32 of length 1.

        Parameters
        ----------
        index
            Number of the row.
        """
        if index not in self._known:
            self._trunk = self._trunk or Trunk(threads=self._threads)
            listing, number = self._places[index]
            self._known[index] = describe_pictures(self._trunk, _pictures(listing, number))
        return self._known[index]


def describe_pictures(trunk: Trunk, pictures: Sequence[NDArray[np.uint8]]) -> Floats:
    """Return the descriptor of a picture, or of frames of a video: (D,) float32 of length 1.

    Parameters
    ----------
    trunk
        That sees them.
    pictures
        (H, W, 3) uint8 RGB each.
    """
    scaled = [np.asarray(Image.fromarray(picture).resize((_SIDE, _SIDE))) for picture in pictures]
    tokens = trunk.maps(np.stack(scaled))
    tokens = (tokens - tokens.mean(axis=2, keepdims=True)) / (tokens.std(axis=2, keepdims=True) + 1e-6)
    side = round(tokens.shape[1] ** 0.5) // 2
    # Means of two by two places forgive the shift of a cut; the mean of all would forgive another pose.
    pooled = tokens.reshape(len(tokens), side, 2, side, 2, -1).mean(axis=(2, 4)).ravel()
    result: Floats = pooled / np.linalg.norm(pooled)
    return result


def _pictures(listing: Listing, number: int) -> list[NDArray[np.uint8]]:
    if listing.crops is not None:
        return [listing.crops.image(number)]
    with open_isolated(listing.root / listing.rows[number].item.path) as media:
        frames = [frame.image for frame in media.sample(1 if media.info.kind == "image" else FRAMES)]
    return [frames[min(frame, len(frames) - 1)] for frame in range(FRAMES)]
