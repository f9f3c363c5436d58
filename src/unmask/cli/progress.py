"""How far something long is: bars on a terminal; of a run over many files, a line now and then elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import typer
from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

if TYPE_CHECKING:
    from unmask.batch import Ledger

SECONDS_BETWEEN_LINES = 30.0
SECONDS_OF_RATE = 60.0


@contextmanager
def shown(ledger: Ledger, total: int | None) -> Iterator[None]:
    """Show files done, rate and time left on standard error while a ledger fills; total None: unknown."""
    if not sys.stderr.isatty():
        lines = Lines(total)
        ledger.on_done = lines.advance
        yield
        return
    console = Console(stderr=True)
    columns = (BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True, speed_estimate_period=SECONDS_OF_RATE) as bar:
        task = bar.add_task("scanning", total=total)
        ledger.on_done = lambda: bar.advance(task)
        yield


@contextmanager
def bars() -> Iterator[Callable[[str, int, int], None]]:
    """Show a bar for each set or step on the terminal's standard error."""
    if not sys.stderr.isatty():
        yield lambda name, done, items: None
        return
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    tasks = {}
    with Progress(*columns, console=Console(stderr=True), transient=True) as display:

        def advance(name: str, done: int, items: int) -> None:
            if name not in tasks:
                tasks[name] = display.add_task(escape(name), total=items)
            display.update(tasks[name], completed=done)

        yield advance


@contextmanager
def caching(visible: bool) -> Iterator[Callable[[str, int, int], None]]:
    """Show how far the maps of each source are computed."""
    if not visible:
        yield lambda source, done, total: None
        return
    with Progress(console=Console(stderr=True), transient=True) as display:
        tasks = {}

        def report(source: str, done: int, total: int) -> None:
            if done < total and source not in tasks:
                tasks[source] = display.add_task(f"maps of {source}", total=total)
            if source in tasks:
                display.update(tasks[source], completed=done)
            if done >= total and source in tasks:
                display.remove_task(tasks.pop(source))
            if not tasks:
                display.refresh()

        yield report


class Rate(ProgressColumn):
    """Files a second, over the last minute."""

    def render(self, task: Task) -> Text:
        """Give the rate as text."""
        return Text("" if task.speed is None else f"{task.speed:.1f} files/s", style="progress.data.speed")


class Lines:
    """Writes a line every half minute, for logs of services."""

    def __init__(self, total: int | None) -> None:
        self._total = total
        self._done = 0
        self._started = self._said = time.monotonic()

    def advance(self) -> None:
        """Count a file, and say so when it is time."""
        self._done += 1
        now = time.monotonic()
        if now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            typer.echo(f"unmask: {self.line(now - self._started)}", err=True)

    def line(self, seconds: float) -> str:
        """Say how far it is after so many seconds."""
        rate = self._done / seconds
        if self._total is None:
            return f"{self._done} files, {rate:.1f} files/s"
        left = round((self._total - self._done) / rate / 60)
        return f"{self._done} of {self._total} files, {rate:.1f} files/s, {left} min left"
