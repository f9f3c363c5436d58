"""What a check of a record came to, in lines for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from unmask.records.checking import FileCheck
from unmask.records.custody import ChainCheck
from unmask.records.differences import Difference
from unmask.records.rescanning import Rescan, ScanCheck
from unmask.report.page import PAGE
from unmask.report.words import counted, printable

MOST_DIFFERENCES = 12
_FILES = {
    "equal": "as it was written",
    "changed": "CHANGED",
    "missing": "MISSING",
    "added": "ADDED: it was not there when the report was written",
}


def file_lines(files: Sequence[FileCheck]) -> Iterator[str]:
    """Return a line for each file of a report.

    Parameters
    ----------
    files
        Their checks.
    """
    for one in files:
        yield printable(f"{one.path}: {_FILES[one.state]}{f'; {one.detail}' if one.detail else ''}")


def scan_lines(rescan: Rescan) -> Iterator[str]:
    """Return the lines about scans that were run again.

    Parameters
    ----------
    rescan
        Of a report.
    """
    for one in rescan.scans:
        yield from map(printable, _of_scan(one))
    if rescan.page is not None:
        yield f"{PAGE}: " + (
            "made again from these scans, byte for byte"
            if rescan.page
            else "DIFFERS from the page that these scans give"
        )


def _of_scan(one: ScanCheck) -> Iterator[str]:
    detail = f"; {one.detail}" if one.detail else ""
    if one.state == "equal":
        yield f"{one.path}: scanned again, equal to the bit{detail}"
    elif one.state == "not_checked":
        yield f"{one.path}: NOT SCANNED{detail}"
    else:
        yield f"{one.path}: scanned again, DIFFERS in {counted(len(one.differences), 'field')}{detail}"
        yield from (f"    {_of_field(difference)}" for difference in one.differences[:MOST_DIFFERENCES])
        if len(one.differences) > MOST_DIFFERENCES:
            yield f"    and in {len(one.differences) - MOST_DIFFERENCES} more (--json has all)"
        yield from (f"    perhaps because of {reason}" for reason in one.why)


def _of_field(one: Difference) -> str:
    by = "" if one.by is None else f", by {one.by:.3g}"
    return f"{one.field}: {_short(one.recorded)} then, {_short(one.now)} now{by}"


def _short(value: Any) -> str:
    text = "absent" if value is None else str(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def chain_lines(check: ChainCheck) -> Iterator[str]:
    """Return the lines about a log of scans.

    Parameters
    ----------
    check
        Of the log.
    """
    for number in check.torn:
        if check.broken is None or number < check.broken:  # After that line nothing is known of a crash.
            yield f"line {number}: cut off by a crash; its scan is not recorded"
    if check.broken is not None:
        yield f"line {check.broken}: BROKEN: {check.why}"
    else:
        yield (
            f"{counted(check.lines, 'line')}, the chain holds"
            if check.lines
            else "empty: no scan is recorded"
        )
    if check.lines:
        yield f"the last line has sha256 {check.last_sha256}"
