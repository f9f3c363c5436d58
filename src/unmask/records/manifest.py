"""The manifest of a report: hashes of all that went in and came out, and all that is needed to scan again."""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
import re
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from unmask.detectors import file_sha256
from unmask.records.environment import Environment
from unmask.records.errors import RecordError
from unmask.records.seals import SEAL, seal_holds, sealed_json
from unmask.records.weights import DetectorRecord
from unmask.report.case import CaseData

SCHEMA = 1
MANIFEST = "manifest.json"
_PICTURE = re.compile(r"data:image/([a-z]+);base64,([A-Za-z0-9+/=]+)")


@dataclass(frozen=True)
class FileRecord:
    """A file of the report's folder.

    Parameters
    ----------
    path
        Its name in the folder.
    sha256
        In hex.
    bytes
        Its size.
    """

    path: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class PictureRecord:
    """A picture inside the page.

    Parameters
    ----------
    kind
        ``jpeg`` or ``png``.
    sha256
        In hex, of the picture's own bytes.
    bytes
        Its size.
    """

    kind: str
    sha256: str
    bytes: int


@dataclass(frozen=True)
class InputRecord:
    """A scanned file.

    Parameters
    ----------
    path
        As the result has it; ``-`` for standard input.
    from_report
        Its path relative to the report's folder; None for standard input, or where there is no such path.
    sha256, bytes
        Of its content when it was scanned; None for what could not be read, or is larger than what is scanned.
    result_sha256
        SHA-256 (hex) of what its result says, as ``digests.result_sha256`` has it.
    exact_sha256
        The same of the numbers to their last bit.
    """

    path: str
    from_report: str | None
    sha256: str | None
    bytes: int | None
    result_sha256: str
    exact_sha256: str


@dataclass(frozen=True)
class Manifest:
    """A report's manifest.

    Parameters
    ----------
    started, ended
        UTC, ISO 8601, of all scans of the report.
    made
        The time that the page states, likewise.
    command
        The command line, secrets left out; empty where there was none.
    case
        What stands at the page's head.
    settings
        Of the scan, all of them.
    settings_sha256
        The scan key that rows of results logs have as ``batch.scan``.
    detectors
        That were asked, each before that which judges images in its place.
    face_finder
        SHA-256 (hex) of its weights.
    environment
        What computed the results.
    inputs
        In the order of the report.
    files
        Of the folder, but for the manifest itself.
    pictures
        Inside the page, in order, each once.
    beside
        Names of what else was in the folder when the report was written.
    """

    started: str
    ended: str
    made: str
    command: str
    case: CaseData
    settings: dict[str, Any]
    settings_sha256: str
    detectors: tuple[DetectorRecord, ...]
    face_finder: str
    environment: Environment
    inputs: tuple[InputRecord, ...]
    files: tuple[FileRecord, ...]
    pictures: tuple[PictureRecord, ...]
    beside: tuple[str, ...] = ()


@dataclass(frozen=True)
class ReadManifest:
    """A manifest that was read.

    Parameters
    ----------
    manifest
        None where it was changed so that it cannot be read.
    is_sealed
        Whether each byte of it is as it was written.
    """

    manifest: Manifest | None
    is_sealed: bool


def write_manifest(manifest: Manifest, folder: Path) -> None:
    """Write a manifest whole, or not at all.

    Parameters
    ----------
    manifest
        Of the report.
    folder
        Of the report.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    target = folder / MANIFEST
    part = target.with_name(f"{MANIFEST}.part")
    try:
        part.write_bytes(sealed_json({"schema": SCHEMA, **asdict(manifest)}, indent=1) + b"\n")
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def read_manifest(folder: Path) -> ReadManifest:
    """Read the manifest of a report.

    Parameters
    ----------
    folder
        Of the report.

    Raises
    ------
    RecordError
        There is none, or one of a later version.
    OSError
        It cannot be read.
    """
    try:
        content = (folder / MANIFEST).read_bytes()
    except FileNotFoundError:
        raise RecordError(
            f"{str(folder)!r} holds no {MANIFEST}; `unmask scan --report` writes one with each report"
        ) from None
    text = content.removesuffix(b"\n")
    is_sealed = content.endswith(b"\n") and seal_holds(text)
    try:
        values = json.loads(text)
        schema = values.pop("schema")
        values.pop(SEAL, None)
        manifest = TypeAdapter(Manifest).validate_python(values) if schema == SCHEMA else None
    except (ValueError, TypeError, AttributeError, KeyError, ValidationError, RecursionError):
        return ReadManifest(None, False)
    if manifest is None and is_sealed:
        raise RecordError(
            f"{str(folder / MANIFEST)!r} is of schema {schema}; this version of unmask reads {SCHEMA}"
        )
    return ReadManifest(manifest, is_sealed)


def file_record(path: Path) -> FileRecord:
    """Return the record of a file.

    Parameters
    ----------
    path
        Of it.

    Raises
    ------
    OSError
        When it cannot be read.
    """
    return FileRecord(path.name, file_sha256(path), path.stat().st_size)


def pictures_in(page: str) -> tuple[PictureRecord, ...]:
    """Return the pictures inside a page, in order, each once.

    Parameters
    ----------
    page
        HTML.
    """
    found: dict[PictureRecord, None] = {}
    for kind, text in _PICTURE.findall(page):
        try:
            content = base64.b64decode(text, validate=True)
        except binascii.Error:
            content = text.encode("ascii")  # A picture that was changed into none.
        found[PictureRecord(kind, hashlib.sha256(content).hexdigest(), len(content))] = None
    return tuple(found)
