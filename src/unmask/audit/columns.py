"""Facts of videos as columns of numbers: ranks of what can be ordered, one indicator for each frequent word."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from unmask.evaluation.zero_pixel import Metadata
from unmask.statistics.metrics import Floats

#: In reports and among equals, the fact that says most about the cause comes first.
ORDER = (
    "format", "jpeg_quality", "chroma_subsampling", "quantisation_tables", "progressive", "codec", "encoder",
    "colour_mode", "metadata_blocks", "compression", "crop_profile", "dataset", "origin", "width", "height", "aspect",
    "face_px", "box_px", "frame_rate", "duration", "bitrate", "bits_per_pixel", "bytes_per_pixel", "bytes",
    "leading_silence", "trailing_silence", "sound", "sound_rate", "sound_channels", "sound_start", "sound_longer_by",
)  # fmt: skip
#: Words beyond so many of the most frequent are "other"; numbers of no more values have indicators too.
WORDS = 12


@dataclass(frozen=True, eq=False)
class Fact:
    """A fact of files, or that it has one value.

    Parameters
    ----------
    fact
        Its name.
    value
        The value, where having it or not matters more than the order of values.
    """

    fact: str
    value: str | None

    @property
    def name(self) -> str:
        """The fact, with the value where it is about one."""
        return self.fact if self.value is None else f"{self.fact} = {self.value}"


@dataclass(frozen=True, eq=False)
class Column(Fact):
    """One way to order N items: by a fact, or by whether it has the value.

    Parameters
    ----------
    values
        (N,) numbers.
    """

    values: Floats


def fact_order(name: str) -> tuple[int, str]:
    """Return the sort key of a fact: those of `ORDER` first, then by name.

    Parameters
    ----------
    name
        Of the fact.
    """
    return (ORDER.index(name) if name in ORDER else len(ORDER), name)


def fewer_words(facts: Sequence[Metadata]) -> list[dict[str, float | str | None]]:
    """Return the facts with every word that is not among a fact's `WORDS` most frequent replaced by `other`.

    Parameters
    ----------
    facts
        Of each item.
    """
    kept: dict[str, set[str]] = {}
    for name in {key for row in facts for key in row}:
        counts = Counter(value for row in facts if isinstance(value := row.get(name), str))
        kept[name] = {word for word, _ in counts.most_common(WORDS)}
    return [
        {
            name: "other" if isinstance(value, str) and value not in kept[name] else value
            for name, value in row.items()
        }
        for row in facts
    ]


def columns_of(facts: Sequence[Metadata]) -> list[Column]:
    """Return facts as columns, those that do not differ between items left out; in the order of `ORDER`.

    Parameters
    ----------
    facts
        Of each item.
    """
    rows = fewer_words(facts)
    columns = []
    for name in sorted({key for row in rows for key in row}, key=fact_order):
        columns += _columns(name, [row.get(name) for row in rows])
    return [column for column in columns if np.ptp(column.values) > 0]


def _columns(name: str, values: Sequence[float | str | None]) -> list[Column]:
    columns = []
    numbers = np.array([np.nan if value is None or isinstance(value, str) else value for value in values])
    known = np.isfinite(numbers)
    if known.any():
        columns.append(Column(name, None, np.where(known, numbers, np.median(numbers[known]))))
        few = np.unique(numbers[known])
        if 2 < len(few) <= WORDS:
            columns += [Column(name, f"{value:g}", (numbers == value).astype(np.float64)) for value in few]
    words = sorted({value for value in values if isinstance(value, str)})
    columns += [
        Column(name, word, np.array([value == word for value in values], np.float64)) for word in words
    ]
    if any(value is None for value in values):
        columns.append(Column(name, "unknown", np.array([value is None for value in values], np.float64)))
    return columns
