"""Verdicts of whole scans by group of people: wrong and inconclusive ones, with intervals and the largest gaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from unmask.evaluation.fairness import NOT_STATED, SMALL
from unmask.evaluation.scans import CALLED
from unmask.statistics.gaps import chance_of_gap, difference_of_proportions, proportion
from unmask.statistics.intervals import Estimate

DIGITS = 4
AGE_BANDS = ((18, 29), (30, 44), (45, 59), (60, None))
"""Years, inclusive."""
EVERYONE = "all"


@dataclass(frozen=True)
class GroupVerdicts:
    """Verdicts on the files of one group and one label.

    Parameters
    ----------
    group
        Its name.
    files
        With a verdict.
    wrong, inconclusive
        Shares of them, with 95 % Wilson intervals.
    """

    group: str
    files: int
    wrong: Estimate
    inconclusive: Estimate


@dataclass(frozen=True)
class VerdictGap:
    """The largest difference of a share between two groups, both of at least `SMALL` files.

    Parameters
    ----------
    highest, lowest
        The groups.
    difference
        With Newcombe's 95 % interval, of these two as if they had not been picked.
    chance
        p value: how often a gap is as large where groups do not matter (permutation test).
    """

    highest: str
    lowest: str
    difference: Estimate
    chance: float


@dataclass(frozen=True)
class VerdictsByGroup:
    """Verdicts by the groups of one attribute.

    Parameters
    ----------
    attribute
        Such as sex.
    groups
        In order of names.
    gaps
        By ``wrong`` and ``inconclusive``; a share with fewer than two groups to compare has none.
    """

    attribute: str
    groups: Sequence[GroupVerdicts]
    gaps: Mapping[str, VerdictGap]

    def to_dict(self) -> dict[str, Any]:
        """Return the shares as a card has them: [value, low, high] by group, and the gaps."""
        return {
            "groups": {
                each.group: {
                    "files": each.files,
                    "wrong": _rounded(each.wrong),
                    "inconclusive": _rounded(each.inconclusive),
                }
                for each in self.groups
            },
            "gaps": {
                name: {
                    "highest": gap.highest,
                    "lowest": gap.lowest,
                    "difference": _rounded(gap.difference),
                    "chance": round(gap.chance, DIGITS),
                }
                for name, gap in self.gaps.items()
            },
        }


def verdicts_by_group(
    attribute: str, groups: Sequence[str], verdicts: Sequence[str | None], label: int
) -> VerdictsByGroup:
    """Count verdicts by group.

    Parameters
    ----------
    attribute
        What the groups are of.
    groups
        (N,) of each file; those whose group is not stated are left out.
    verdicts
        (N,); files without one, such as those without a face, are left out.
    label
        Of all files: 0 real, 1 fake.
    """
    kept = [
        (group, verdict)
        for group, verdict in zip(groups, verdicts, strict=True)
        if verdict is not None and group not in ("", NOT_STATED)
    ]
    tables = []
    for name in sorted({group for group, _ in kept}):
        here = [verdict for group, verdict in kept if group == name]
        wrong, unclear = (here.count(verdict) for verdict in (CALLED[label], "inconclusive"))
        count = len(here)
        tables.append(GroupVerdicts(name, count, proportion(wrong, count), proportion(unclear, count)))
    gaps = {}
    for share, wanted in (("wrong", CALLED[label]), ("inconclusive", "inconclusive")):
        large = [table for table in tables if table.files >= SMALL]
        if len(large) < 2:
            continue
        lowest, *_, highest = sorted(large, key=lambda table: getattr(table, share).value)
        names = {table.group for table in large}
        counted = [(group, verdict == wanted) for group, verdict in kept if group in names]
        gaps[share] = VerdictGap(
            highest.group,
            lowest.group,
            difference_of_proportions(getattr(highest, share), getattr(lowest, share)),
            chance_of_gap([hit for _, hit in counted], [group for group, _ in counted]),
        )
    return VerdictsByGroup(attribute, tables, gaps)


def attributes_of_person(row: Mapping[str, str]) -> dict[str, str]:
    """Return the groups that a person belongs to, by attribute; what the row does not state is left out.

    Parameters
    ----------
    row
        Of a manifest, with the columns sex, race and age in years, as far as they are known.
    """
    sex, race, age = (row.get(name, "").strip() for name in ("sex", "race", "age"))
    found = {EVERYONE: EVERYONE, "sex": sex, "race": race, "age": _age_band(age)}
    found["sex and race"] = f"{race} {sex}" if sex and race else ""
    return {name: value for name, value in found.items() if value}


def _age_band(age: str) -> str:
    """Return the band of an age in years, empty for what lies in none or is no number."""
    if not age.isdecimal():
        return ""
    for low, high in AGE_BANDS:
        if int(age) >= low and (high is None or int(age) <= high):
            return f"{low} and more" if high is None else f"{low} to {high}"
    return ""


def _rounded(figure: Estimate) -> list[float | None]:
    values = (figure.value, figure.low, figure.high)
    return [None if value is None else round(value, DIGITS) for value in values]
