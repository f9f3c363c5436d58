"""Scans the files of a report again, with the recorded settings and detectors, and compares."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from unmask.batch import Fingerprint
from unmask.batch.worker import largest
from unmask.detectors import DetectorError, file_sha256
from unmask.detectors.registry import detector_folder
from unmask.faces.weights import CENTERFACE_SHA256
from unmask.records.differences import Change, Difference, changes_since, result_differences
from unmask.records.digests import exact_sha256, result_sha256
from unmask.records.environment import environment
from unmask.records.errors import RecordError
from unmask.records.inputs import InputFinder
from unmask.records.making import particulars_of
from unmask.records.manifest import InputRecord, Manifest
from unmask.records.weights import CARD, UsedDetector, used_detectors
from unmask.report import ScanResult
from unmask.report.page import PAGE, RESULTS, page
from unmask.scanning import Scanner, Settings

ScanState = Literal["equal", "differs", "not_checked"]
NO_CHANGE = "something that the manifest does not record: file, weights, versions and processor are the same"


@dataclass(frozen=True)
class ScanCheck:
    """What became of one input when it was scanned again.

    Parameters
    ----------
    path
        As the report has it.
    state
        ``equal`` to the last bit of every number, ``differs``, or ``not_checked``.
    file
        That was scanned; None where none was found.
    detail
        Why it was not checked, or what is to be said beside the differences.
    differences
        Of the JSON.
    why
        What may be the reason, the likeliest first.
    """

    path: str
    state: ScanState
    file: str | None = None
    detail: str = ""
    differences: tuple[Difference, ...] = ()
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rescan:
    """What became of a report when its files were scanned again.

    Parameters
    ----------
    scans
        One an input.
    changes
        What is not as it was when the report was written.
    page
        Whether the page that the results give now is that of the report byte for byte; None where it was not compared,
        because a result differs or other libraries would draw it.
    """

    scans: tuple[ScanCheck, ...]
    changes: tuple[Change, ...] = ()
    page: bool | None = None


def rescan(
    folder: Path, manifest: Manifest, given: Sequence[Path] = (), detectors: Sequence[str] = ()
) -> Rescan:
    """Scan the files of a report again.

    Parameters
    ----------
    folder
        Of the report.
    manifest
        Of the report.
    given
        Files to scan in place of those at the recorded paths.
    detectors
        Folders of detectors that are elsewhere than they were; each is taken in place of that with the same card.

    Raises
    ------
    RecordError
        A named file or detector is not there.
    """
    moved = {file_sha256(detector_folder(name) / CARD): name for name in detectors}
    if strangers := moved.keys() - {one.card_sha256 for one in manifest.detectors}:
        raise RecordError(
            f"--detector: {moved[min(strangers)]} is none of the report's detectors: another card"
        )
    try:
        settings = _settings(manifest, moved)
        used = used_detectors(settings)
        finder = InputFinder(folder, manifest.inputs, given, largest(settings))
        now = environment()
        then = (manifest.environment, manifest.detectors, manifest.face_finder)
        changes = changes_since(then, (now, [one.record for one in used], CENTERFACE_SHA256))
        scans, results = _scan(manifest, settings, finder, _recorded_results(folder), changes)
    except ValidationError:
        return _not_checked(manifest, "its settings cannot be used")
    except DetectorError as error:
        return _not_checked(manifest, str(error))
    is_equal = all(one.state == "equal" for one in scans)
    same_page = _same_page(folder, manifest, settings, used, results) if is_equal and not changes else None
    return Rescan(tuple(scans), changes, same_page)


def _not_checked(manifest: Manifest, why: str) -> Rescan:
    return Rescan(tuple(ScanCheck(one.path, "not_checked", detail=why) for one in manifest.inputs))


def _settings(manifest: Manifest, moved: Mapping[str, str]) -> Settings:
    """Return the recorded settings, with detectors where they are now, by the hashes of their cards."""
    known = {field.name for field in fields(Settings)}
    if unknown := sorted(manifest.settings.keys() - known):
        raise DetectorError(f"this version of unmask has no setting {', '.join(unknown)}")
    settings = TypeAdapter(Settings).validate_python(manifest.settings)
    cards = {one.asked: one.card_sha256 for one in manifest.detectors}
    first, *further = (moved.get(cards.get(name, ""), name) for name in settings.detectors)
    settings = replace(settings, detector=first, further_detectors=tuple(further))
    # A manifest may come from anybody: its files are decoded apart. Neither setting changes a result.
    return replace(settings, isolated=True, threads=None)


def _scan(
    manifest: Manifest,
    settings: Settings,
    finder: InputFinder,
    recorded: Sequence[Any],
    changes: Sequence[Change],
) -> tuple[list[ScanCheck], list[ScanResult]]:
    """Scan and compare each input whose file is found; the results have what the report says of path and time."""
    scans: list[ScanCheck] = []
    results: list[ScanResult] = []
    with Scanner(settings) as scanner:
        for number, record in enumerate(manifest.inputs):
            found = finder.find(record)
            if found is None:
                detail = "its file was not found; name it with --input"
                scans.append(ScanCheck(record.path, "not_checked", detail=detail))
                continue
            result = scanner.scan_or_explain(found[0])
            values = recorded[number] if number < len(recorded) else None
            results.append(_as_recorded(result, record, values))
            scans.append(_compared(record, found, values, result, changes))
    return scans, results


def _recorded_results(folder: Path) -> list[Any]:
    """Return the results of the report's JSON; none where it cannot be read."""
    try:
        values = json.loads((folder / RESULTS).read_bytes())
    except (OSError, ValueError, RecursionError):
        return []
    return values if isinstance(values, list) else []


def _compared(
    record: InputRecord,
    found: tuple[Path, Fingerprint],
    recorded: Any,
    result: ScanResult,
    changes: Sequence[Change],
) -> ScanCheck:
    path, seen = found
    # Through text, as the recorded ones went.
    now = json.loads(json.dumps(result.to_dict()))
    same_content = seen.content == record.sha256
    same_numbers = exact_sha256(result) == record.exact_sha256
    differences: tuple[Difference, ...] = ()
    detail = ""
    if isinstance(recorded, dict):
        differences = result_differences(recorded, now)
    elif result_sha256(now) == record.result_sha256:
        detail = f"{RESULTS} cannot be read; verdict and scores were compared by their hash"
    else:
        detail = f"{RESULTS} cannot be read, so fields cannot be compared"
    if same_content and same_numbers and not differences:
        return ScanCheck(record.path, "equal", str(path), detail)
    if not same_numbers and not differences and isinstance(recorded, dict):
        detail = "equal in every digit that is written, not to the bit"
    why = [] if same_content else [_other_file(record, seen)]
    if same_numbers and any(not one.field.startswith("evidence") for one in differences):
        why.append(
            f"{RESULTS}, which was changed: the hash of the result in the manifest is that of this scan"
        )
    why += [change.text for change in changes]
    return ScanCheck(record.path, "differs", str(path), detail, differences, tuple(why) or (NO_CHANGE,))


def _other_file(record: InputRecord, seen: Fingerprint) -> str:
    def told(sha256: str | None) -> str:
        return "not readable" if sha256 is None else f"sha256 {sha256}"

    return f"another file: {told(record.sha256)} then, {told(seen.content)} now"


def _as_recorded(result: ScanResult, record: InputRecord, recorded: Any) -> ScanResult:
    """Return a result with what the report says of its path, time and isolation."""
    result = replace(result, path=record.path)
    try:
        return replace(result, seconds=recorded["seconds"], isolation=recorded["isolation"])
    except (KeyError, TypeError, ValueError):  # The JSON was changed.
        return result


def _same_page(
    folder: Path,
    manifest: Manifest,
    settings: Settings,
    used: Sequence[UsedDetector],
    results: Sequence[ScanResult],
) -> bool | None:
    """Return whether the page that the results give is the report's."""
    try:
        there = (folder / PAGE).read_bytes()
        made = datetime.fromisoformat(manifest.made)
    except (OSError, ValueError):
        return None
    particulars = particulars_of(results, settings, used, manifest.case)
    return page(results, used[0].card.threshold, made, particulars).encode("utf-8") == there
