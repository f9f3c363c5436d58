"""``unmask scan`` over many files: JSON lines, worker processes, Ray; progress, summary and exit code."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from unmask.media.addresses import name_of

if TYPE_CHECKING:
    from unmask.batch import FileScanner, Ledger, PathSource
    from unmask.detectors import Card
    from unmask.report import ScanResult
    from unmask.scanning import Settings

STANDARD = Path("-")
PIPE_CLOSED = 141


@dataclass(frozen=True)
class ManyOptions:
    """How many files are scanned.

    Parameters
    ----------
    output
        File of JSON lines, "-" for standard output, None for none.
    workers
        Processes; 0 for this one, None for one a processor.
    resume
        Whether to skip files that have a line.
    ray
        Address of a cluster.
    listed
        File with paths, "-" for standard input.
    keep
        Whether the caller wants whole results.
    """

    output: Path | None = None
    workers: int | None = None
    resume: bool = False
    ray: str | None = None
    listed: Path | None = None
    keep: bool = False

    @property
    def wanted(self) -> bool:
        """Whether anything asks for more than scanning file after file in this process."""
        given = (self.output, self.workers, self.ray, self.listed)
        return self.resume or any(value is not None for value in given)

    def check(self) -> None:
        """Raise typer.BadParameter for options that do not go together."""
        if self.resume and (self.output is None or self.keep):
            raise typer.BadParameter(
                "goes with --output, and with none of --json, --report, --annotate", param_hint="--resume"
            )
        if self.ray is not None and (self.output is None or self.keep or self.workers == 0):
            raise typer.BadParameter(
                "goes with --output, and with none of --json, --report, --annotate, --workers 0",
                param_hint="--ray",
            )
        if self.output == STANDARD and self.keep:
            raise typer.BadParameter(
                "'-' goes with none of --json, --report, --annotate", param_hint="--output"
            )


@dataclass(frozen=True)
class Scanned:
    """Result of a run.

    Parameters
    ----------
    outcomes
        Files by (status, verdict).
    results
        In the order of the files, when they were to be kept.
    signal
        Number of the signal that stopped the run.
    lost
        The exit code where the run ended because its lines could not be written; 0 otherwise.
    """

    outcomes: Counter[tuple[str, str | None]]
    results: Sequence[ScanResult]
    signal: int | None = None
    lost: int = 0


def scan_many(
    files: Sequence[Path],
    settings: Settings,
    options: ManyOptions,
    on_row: Callable[[dict[str, Any]], None] | None = None,
) -> Scanned:
    """Scan files as the options say, and print a summary.

    Parameters
    ----------
    files
        Paths; not used where ``options.listed`` names them.
    settings
        Of the scan.
    options
        Of the run.
    on_row
        Called with each row that was written.
    """
    from unmask.batch import Ledger, LogWriteError, Stop, open_log, run, scan_key, unnamed_log
    from unmask.batch.cluster import run_on_ray
    from unmask.cli.progress import shown
    from unmask.detectors import load_card
    from unmask.report.words import printable

    card, *further = (load_card(name) for name in settings.detectors)
    target = None if options.output == STANDARD else options.output
    stop = Stop(on_request=_interrupt if options.ray else _say_stopping)
    results: dict[str, ScanResult] = {}
    log = unnamed_log() if options.output is None else open_log(target, options.resume)
    lost = 0
    try:
        with log, stop.listening(), _quiet_when_nobody_reads():
            ledger = Ledger(log, scan_key(card, settings, further))
            ledger.on_row = on_row or ledger.on_row
            if ledger.of_other_scans:
                note = f"{ledger.of_other_scans} lines are of another detector or other settings, and stay"
                typer.echo(f"unmask: {note}", err=True)
            source, left = _source(files, options, ledger)
            with shown(ledger, left):
                if options.ray is not None:
                    paths = iter(lambda: source.take(0), None)
                    run_on_ray(options.ray, list(paths), ledger, settings, card, stop, options.workers)
                else:
                    on_result = (
                        (lambda result: results.update({result.path: result})) if options.keep else None
                    )
                    run(source, ledger, _scanners(options, left, settings, card), stop, on_result)
    except LogWriteError as error:
        if not options.keep:
            raise
        # What was scanned until then still gets its report, its copies and its table.
        typer.echo(f"unmask: {printable(str(error))}", err=True)
        lost = error.exit_code
    kept = _in_order(files, results, ledger.copies) if options.keep else []
    if options.output is not None and not lost:
        _print_summary(ledger)
    return Scanned(ledger.outcomes, kept, stop.signal, lost)


def _source(files: Sequence[Path], options: ManyOptions, ledger: Ledger) -> tuple[PathSource, int | None]:
    """Return the paths and how many they are; None when they come as a stream."""
    from unmask.batch import ListedPaths, StreamedPaths, listed_in

    if options.listed is not None:
        if options.listed == STANDARD and options.ray is None:
            return StreamedPaths(0), None
        files = listed_in(Path("/dev/stdin") if options.listed == STANDARD else options.listed)
    left = ledger.not_done(files)
    return ListedPaths(left), len(left)


def _scanners(
    options: ManyOptions, left: int | None, settings: Settings, card: Card
) -> Sequence[FileScanner]:
    from unmask.batch import InProcessScanner, IsolatedScanner
    from unmask.processes.cores import available_cores
    from unmask.scanning import detector_info

    if options.workers == 0:
        return [InProcessScanner(settings)]
    count = min(options.workers or available_cores(), max(1, left if left is not None else sys.maxsize))
    return [IsolatedScanner(settings, detector_info(card)) for _ in range(count)]


def _in_order(
    files: Sequence[Path], results: dict[str, ScanResult], copies: dict[str, str]
) -> list[ScanResult]:
    """Put results in the order of the files, those of the same content among them."""
    all_of_them = results | {path: replace(results[first], path=path) for path, first in copies.items()}
    order = [name for name in map(name_of, files) if name in all_of_them]
    return [all_of_them[path] for path in order or all_of_them]


def _say_stopping(number: int) -> None:
    typer.echo("unmask: stopping after the files in progress (once more: aborting them)", err=True)


def _interrupt(number: int) -> None:
    raise KeyboardInterrupt


@contextmanager
def _quiet_when_nobody_reads() -> Iterator[None]:
    """End as other tools do when the reader of a pipe has gone."""
    try:
        yield
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise typer.Exit(PIPE_CLOSED) from None


def _print_summary(ledger: Ledger) -> None:
    """Say on standard error what the run came to."""
    kinds: Counter[str] = Counter()
    for (status, verdict), count in ledger.outcomes.items():
        kinds[(verdict or status).replace("_", " ")] += count
    came_to = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "nothing to do"
    done = (
        f"{ledger.scanned} scanned, {len(ledger.copies)} of a known content, {ledger.done_before} done before"
    )
    typer.echo(f"unmask: {sum(kinds.values())} files: {came_to} ({done})", err=True)
