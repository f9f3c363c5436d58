"""The report of an audit: everything found, and the findings in the order in which they matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import unmask
from unmask.audit.copies import ALIKE, NEAR, CopyCounts
from unmask.audit.drivers import FactCorrelation, InfluentialCrop
from unmask.audit.leaks import Leak
from unmask.audit.shortcuts import FactAUC
from unmask.evaluation.remarks import show
from unmask.evaluation.zero_pixel import Control
from unmask.statistics.intervals import Estimate

SCHEMA = 1
Severity = Literal["serious", "notice"]


@dataclass(frozen=True)
class Finding:
    """One thing that is wrong: `serious` where figures on the set cannot be believed as they are, else `notice`."""

    severity: Severity
    kind: str
    text: str

    def to_dict(self) -> dict[str, str]:
        """Return the fields as plain values."""
        return dict(self.__dict__)


@dataclass(frozen=True)
class CopyPair:
    """Two files that are copies: same bytes where `distance` is None, else so many bits of 255 apart."""

    first: str
    second: str
    distance: float | None
    kinds: tuple[str, ...]
    labels: tuple[str, str]
    places: tuple[str, str]


@dataclass(frozen=True)
class Summary:
    """What was audited: rows by place and label, files by status, blank pictures, videos and clusters compared.

    `unread` gives the status of each file that could not be opened; `sources` is None where the manifest names none, so
    that every file counts as its own.
    """

    name: str
    kind: str
    rows: Mapping[str, Mapping[str, int]]
    sources: int | None
    statuses: Mapping[str, int]
    unread: Mapping[str, str]
    blank: Sequence[str]
    videos: Mapping[str, int]
    clusters: int


@dataclass(frozen=True)
class Drivers:
    """What drives a detector's decisions: facts that its logit follows, and training crops that decisions rest on.

    `agreement` is the share of the nearest training crops whose label is the decision's.
    """

    detector: Mapping[str, Any]
    videos: int
    clusters: int
    facts: Sequence[FactCorrelation]
    training: str | None = None
    training_crops: int = 0
    agreement: Estimate | None = None
    influences: Sequence[InfluentialCrop] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as plain values."""
        return {
            "detector": dict(self.detector),
            "videos": self.videos,
            "clusters": self.clusters,
            "facts": [fact.to_dict() for fact in self.facts],
            "training": self.training,
            "training_crops": self.training_crops,
            "agreement": self.agreement.to_dict() if self.agreement else None,
            "influences": [influence.to_dict() for influence in self.influences],
        }


@dataclass(frozen=True)
class AuditReport:
    """Everything that an audit found; `findings` puts the first things first.

    `facts` is empty, with the reason in `facts_reason`, where the videos compared have one class only.
    """

    summary: Summary
    settings: Mapping[str, Any]
    counts: CopyCounts
    pairs: Sequence[CopyPair]
    leaks: Sequence[Leak]
    facts: Sequence[FactAUC]
    facts_reason: str | None
    control: Control | None
    drivers: Drivers | None = None
    command: str | None = None

    @property
    def findings(self) -> list[Finding]:
        """What is wrong, serious things first, shortcuts before all."""
        found = [*_shortcuts(self), *_splits(self.leaks), *_copies(self.counts), *_others(self)]
        return sorted(found, key=lambda finding: finding.severity != "serious")

    def to_dict(self) -> dict[str, Any]:
        """Return everything but the pairs as plain values."""
        return {
            "schema": SCHEMA,
            "unmask": unmask.__version__,
            "command": self.command,
            "set": asdict(self.summary),
            "settings": dict(self.settings),
            "findings": [finding.to_dict() for finding in self.findings],
            "copies": asdict(self.counts),
            "leaks": [leak.to_dict() for leak in self.leaks],
            "facts": [fact.to_dict() for fact in self.facts],
            "facts_reason": self.facts_reason,
            "zero_pixel_control": self.control.to_dict() if self.control else None,
            "drivers": self.drivers.to_dict() if self.drivers else None,
        }


def _shortcuts(report: AuditReport) -> Iterator[Finding]:
    shortcuts = [fact for fact in report.facts if fact.is_shortcut]
    if shortcuts:
        first, *rest = shortcuts
        text = f"{first.name} tells real from fake: AUC {show(first.auc)}, higher in {first.higher_in}"
        if rest:
            text += "; so do " + ", ".join(f"{fact.name} ({fact.auc.value:.3f})" for fact in rest)
        yield Finding("serious", "shortcut", text)
    if report.control and report.control.leaks:
        text = f"metadata alone, without a pixel, reach AUC {show(report.control.auc)}"
        yield Finding("serious", "zero-pixel control", text)


def _splits(leaks: Sequence[Leak]) -> Iterator[Finding]:
    for kind, text in (
        ("video", "videos with crops on both sides of a split"),
        ("source", "sources on both sides of a split"),
        ("group", "groups (persons) on both sides of a split"),
        ("label", "files labelled both real and fake"),
    ):
        names = [leak.name for leak in leaks if leak.kind == kind]
        if names:
            yield Finding("serious", kind, f"{text}: {len(names)}, such as {names[0]}")
    listed = [leak.name for leak in leaks if leak.kind == "file"]
    if listed:
        yield Finding("notice", "file", f"files listed more than once: {len(listed)}, such as {listed[0]}")


def _copies(counts: CopyCounts) -> Iterator[Finding]:
    lines: tuple[tuple[Severity, str, int, str], ...] = (
        (
            "serious",
            "copies across splits",
            counts.across_splits,
            "pairs of copies on both sides of a split",
        ),
        (
            "serious",
            "copies across labels",
            counts.across_labels,
            "pairs of copies labelled real and fake, the same bytes or of sources that nothing links",
        ),
        ("notice", "duplicates", counts.exact, "files with the bytes of another"),
        (
            "notice",
            "near-duplicates",
            counts.across_sources,
            f"pairs of different sources within a split that look the same (at most {NEAR} bits of 255 apart)",
        ),
        (
            "notice",
            "alike across splits",
            counts.alike_across_splits,
            f"pairs on both sides of a split that look alike (at most {ALIKE} bits), mostly one person in one place",
        ),
        (
            "notice",
            "real and fake alike",
            counts.twins,
            "pairs of real and fake of one source that hardly differ (the change is tiny, elsewhere or missing)",
        ),
    )
    for severity, kind, count, text in lines:
        if count:
            yield Finding(severity, kind, f"{text}: {count}")


def _others(report: AuditReport) -> Iterator[Finding]:
    unread = {name: count for name, count in report.summary.statuses.items() if name != "ok"}
    if unread:
        counts = ", ".join(f"{count} {name}" for name, count in sorted(unread.items()))
        first = next(iter(report.summary.unread))
        yield Finding("notice", "files", f"not every file could be opened: {counts}, such as {first}")
    if report.summary.blank:
        blank = report.summary.blank
        yield Finding("notice", "blank", f"pictures that show nothing: {len(blank)}, such as {blank[0]}")
    if report.drivers:
        yield from _driving(report.drivers)


def _driving(drivers: Drivers) -> Iterator[Finding]:
    driving = [fact for fact in drivers.facts if fact.drives]
    if driving:
        first, *rest = driving
        way = "rises" if (first.pull.value or 0) > 0 else "falls"
        text = (
            f"{drivers.detector['name']}'s logit {way} with {first.name} among items of one label: rank correlation "
            f"{show(first.pull)}"
        )
        if rest:
            text += "; it follows, too, " + ", ".join(f"{fact.name} ({fact.pull.value:.3f})" for fact in rest)
        yield Finding("notice", "driver", text)
