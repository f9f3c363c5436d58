"""What ``unmask scan`` leaves for a later check: the report with its manifest, and lines of a log of scans."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from unmask.cli.folders import reason
from unmask.cli.streams import NOT_WRITTEN

if TYPE_CHECKING:
    from unmask.batch import Fingerprint
    from unmask.report import ScanResult
    from unmask.report.case import CaseData
    from unmask.scanning import Scanner, Settings


@dataclass(frozen=True)
class RecordPurpose:
    """What is to be left.

    Parameters
    ----------
    report
        Folder of the report; None for none.
    custody_log
        File of the log; None for none.
    case
        What stands at the report's head.
    """

    report: Path | None
    custody_log: Path | None
    case: CaseData


def record_purpose(
    report: Path | None, custody_log: Path | None, case: str, exhibit: str, examiner: str
) -> RecordPurpose | None:
    """Return what the options ask to be left; None for nothing.

    Parameters
    ----------
    report, custody_log, case, exhibit, examiner
        Options of the command.

    Raises
    ------
    typer.BadParameter
        Case data is too long, or goes with no report.
    """
    if report is None and (case or exhibit or examiner):
        raise typer.BadParameter("go with --report", param_hint="--case, --exhibit, --examiner")
    if report is None and custody_log is None:
        return None
    from unmask.report.case import CaseData

    try:
        return RecordPurpose(report, custody_log, CaseData(case, exhibit, examiner))
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--case, --exhibit, --examiner") from None


class Recorder:
    """Keeps what a report and a log need of each scan.

    Parameters
    ----------
    purpose
        What is to be left.
    settings
        Of the scans.
    command
        The command line, secrets left out.

    Raises
    ------
    RecordError
        The file of the log is none.
    """

    def __init__(self, purpose: RecordPurpose, settings: Settings, command: str) -> None:
        from datetime import datetime, timezone

        self._purpose = purpose
        self._settings = settings
        self._command = command
        self._contents: dict[str, Fingerprint] = {}
        self._log = None
        if purpose.custody_log is not None:
            from unmask.records.custody import CustodyLog

            self._log = CustodyLog(purpose.custody_log)
        self._key: str | None = None
        self._started = self._ended = datetime.now(timezone.utc)

    def scan(self, scanner: Scanner, path: Path) -> ScanResult:
        """Scan a file; one that was changed meanwhile is ``unreadable``.

        Parameters
        ----------
        scanner
            Scans it.
        path
            Of the file.
        """
        from unmask.batch import fingerprint
        from unmask.batch.worker import largest, unless_changed

        seen = fingerprint(path, largest(self._settings))
        result, of = unless_changed(path, seen, scanner.scan_or_explain(path))
        self._take(result, of)
        return result

    def take(self, result: ScanResult, file: Path) -> None:
        """Keep what is needed of a scan.

        Parameters
        ----------
        result
            Of the scan.
        file
            The scanned file, which is still there.
        """
        from unmask.batch import fingerprint
        from unmask.batch.worker import largest

        self._take(result, fingerprint(file, largest(self._settings)))

    def take_unread(self, result: ScanResult) -> None:
        """Keep what is needed of a file that could not be read to its end, unless that was done.

        Parameters
        ----------
        result
            Of the scan.
        """
        from unmask.batch import Fingerprint

        if result.path not in self._contents:
            self._take(result, Fingerprint())

    def take_row(self, row: dict[str, Any]) -> None:
        """Keep what is needed of a scan by the row of its results log.

        Parameters
        ----------
        row
            Of the results log.
        """
        from unmask.batch import Fingerprint

        batch = row["batch"]
        seen = Fingerprint(batch["content"], batch["bytes"], batch["modified"])
        if self._purpose.report is not None:
            self._contents[row["path"]] = seen
        self._add_line(row, seen, batch["scan"])

    def end(self) -> None:
        """Take the time at which the last scan ended."""
        from datetime import datetime, timezone

        self._ended = datetime.now(timezone.utc)

    def save(self, results: Sequence[ScanResult]) -> int:
        """Write the report, if wanted, and say where it is, or in one line why it is not; return the exit code.

        Parameters
        ----------
        results
            Of all scans.
        """
        folder = self._purpose.report
        if folder is None:
            return 0
        from unmask.records.making import Run, save_record
        from unmask.report.words import printable

        run = Run(
            self._settings, self._started, self._ended, self._contents, self._command, self._purpose.case
        )
        try:
            page = save_record(results, folder, run)
            self._add_report(folder)
        except Exception as error:
            line = (
                reason(error)
                if isinstance(error, OSError)
                else f"internal error: {type(error).__name__}: {error}"
            )
            typer.echo(f"unmask: no report in {printable(f'{str(folder)!r}: {line}')}", err=True)
            return NOT_WRITTEN
        typer.echo(f"report: {printable(str(page))}", err=True)
        return 0

    def _take(self, result: ScanResult, seen: Fingerprint) -> None:
        self._contents[result.path] = seen
        if self._log is not None:
            self._add_line(result.to_dict(), seen, self._scan_key())

    def _scan_key(self) -> str:
        if self._key is None:
            from unmask.batch import scan_key
            from unmask.detectors import load_card

            card, *further = (load_card(name) for name in self._settings.detectors)
            self._key = scan_key(card, self._settings, further)
        return self._key

    def _add_line(self, values: dict[str, Any], seen: Fingerprint, key: str) -> None:
        if self._log is None:
            return
        from unmask import __version__
        from unmask.records.digests import result_sha256

        self._log.append(
            {
                "event": "scan",
                "input": {"path": values["path"], "sha256": seen.content, "bytes": seen.bytes},
                "status": values["status"],
                "verdict": values["verdict"],
                "result_sha256": result_sha256(values),
                "settings_sha256": key,
                "unmask": __version__,
            }
        )

    def _add_report(self, folder: Path) -> None:
        if self._log is None:
            return
        from unmask import __version__
        from unmask.detectors import file_sha256
        from unmask.records.manifest import MANIFEST

        self._log.append(
            {
                "event": "report",
                "folder": str(folder),
                "manifest_sha256": file_sha256(folder / MANIFEST),
                "unmask": __version__,
            }
        )
