"""Writes a report with its manifest."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timezone
from pathlib import Path

from unmask.batch import Fingerprint, scan_key
from unmask.detectors import load_card
from unmask.faces.weights import CENTERFACE_SHA256
from unmask.records.digests import exact_sha256, result_sha256
from unmask.records.environment import environment
from unmask.records.manifest import (
    MANIFEST,
    InputRecord,
    Manifest,
    file_record,
    pictures_in,
    write_manifest,
)
from unmask.records.method import method_view
from unmask.records.weights import UsedDetector, used_detectors
from unmask.report import ScanResult, save_report
from unmask.report.case import CaseData
from unmask.report.page import PAGE, RESULTS, Particulars
from unmask.scanning import Settings

STANDARD_INPUT = "-"


@dataclass(frozen=True)
class Run:
    """The scans of a report.

    Parameters
    ----------
    settings
        Of the scans.
    started, ended
        With time zone.
    contents
        Fingerprints of the scanned files, by the paths of their results.
    command
        The command line, secrets left out.
    case
        What stands at the page's head.
    """

    settings: Settings
    started: datetime
    ended: datetime
    contents: Mapping[str, Fingerprint]
    command: str = ""
    case: CaseData = field(default_factory=CaseData)


def save_record(results: Sequence[ScanResult], folder: Path, run: Run) -> Path:
    """Write a report and, last and at once, its manifest; return the page's path.

    Where that fails on the way, an earlier manifest stays: it names what it finds changed.

    Parameters
    ----------
    results
        One or more, with their evidence.
    folder
        Made if missing.
    run
        What they were made with.

    Raises
    ------
    OSError
        When the folder cannot be written.
    DetectorError
        When a detector is no longer there.
    """
    folder.mkdir(parents=True, exist_ok=True)
    used = used_detectors(run.settings)
    # As the JSON has them, so that the page can be made again from the JSON.
    results = [replace(result, seconds=round(result.seconds, 3)) for result in results]
    made = datetime.now(timezone.utc)
    page = save_report(
        results, folder, used[0].card.threshold, made, particulars_of(results, run.settings, used, run.case)
    )
    files = tuple(file_record(folder / name) for name in (PAGE, RESULTS))
    known = {MANIFEST, *(file.path for file in files)}
    asked = [load_card(name) for name in run.settings.detectors]
    manifest = Manifest(
        started=_utc(run.started),
        ended=_utc(run.ended),
        made=made.isoformat(),
        command=run.command,
        case=run.case,
        settings=asdict(run.settings),
        settings_sha256=scan_key(asked[0], run.settings, asked[1:]),
        detectors=tuple(one.record for one in used),
        face_finder=CENTERFACE_SHA256,
        environment=environment(),
        inputs=tuple(_input(result, folder, run.contents.get(result.path)) for result in results),
        files=files,
        pictures=pictures_in(page.read_text(encoding="utf-8")),
        beside=tuple(sorted(entry.name for entry in os.scandir(folder) if entry.name not in known)),
    )
    write_manifest(manifest, folder)
    return page


def particulars_of(
    results: Sequence[ScanResult], settings: Settings, used: Sequence[UsedDetector], case: CaseData
) -> Particulars:
    """Return what the page states beside the results.

    Parameters
    ----------
    results
        Of the scans.
    settings
        Of the scans.
    used
        Their detectors.
    case
        At the page's head.
    """
    return Particulars(case, tuple(method_view(result, settings, used) for result in results))


def _input(result: ScanResult, folder: Path, seen: Fingerprint | None) -> InputRecord:
    return InputRecord(
        result.path,
        _from_report(result.path, folder),
        seen.content if seen else None,
        seen.bytes if seen else None,
        result_sha256(result.to_dict()),
        exact_sha256(result),
    )


def _from_report(path: str, folder: Path) -> str | None:
    if path == STANDARD_INPUT:
        return None
    try:
        return Path(os.path.relpath(path, folder)).as_posix()
    except (OSError, ValueError):  # On another drive.
        return None


def _utc(time: datetime) -> str:
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds")
