"""How far something long is: bars on a terminal; elsewhere a line at the start and one a minute, for logs."""

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
    TaskID,
    TaskProgressColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from unmask.report.words import printable

if TYPE_CHECKING:
    from unmask.batch import Ledger

SECONDS_BETWEEN_LINES = 60.0
SECONDS_OF_RATE = 60.0
SECONDS_OF_A_LONG_STAGE = 5.0  # Whose end is told.
MINUTES_IN_MINUTES = 120  # More are told in hours.

Advance = Callable[[str, int, int], None]
Clock = Callable[[], float]


@contextmanager
def reported(unit: str = "", visible: bool = True) -> Iterator[Advance]:
    """Show on standard error how far each stage of some work is.

    Parameters
    ----------
    unit
        What is counted, in the plural; empty where stages count different things.
    visible
        False shows nothing.

    Yields
    ------
    Advance
        To be called with a stage's name, how many are done and how many there are: at its start, and after each.
    """
    if not visible:
        yield lambda name, done, total: None
    elif not sys.stderr.isatty():
        yield StageLines(unit)
    else:
        with _bars(unit) as display:
            yield StageBars(display)


@contextmanager
def shown(ledger: Ledger, total: int | None) -> Iterator[None]:
    """Show files done, rate and time left on standard error while a ledger fills.

    Parameters
    ----------
    ledger
        Counts the files.
    total
        None when it is not known.
    """
    if not sys.stderr.isatty():
        # Without a first line: what is done within a minute has its summary, and a pipe's reader may leave early.
        ledger.on_done = Lines(total).advance
        yield
        return
    with _bars("files") as display:
        task = display.add_task("scanning", total=total)
        ledger.on_done = lambda: display.advance(task)
        yield


@contextmanager
def share_done(name: str, visible: bool = True) -> Iterator[Callable[[float], None]]:
    """Show on standard error how much of one piece of work is done: a bar, or elsewhere a line a minute.

    Parameters
    ----------
    name
        Of the work.
    visible
        False shows nothing.

    Yields
    ------
    Callable
        To be called with the share that is done, in [0, 1].
    """
    if not visible:
        yield lambda share: None
    elif not sys.stderr.isatty():
        lines = Lines(100, "%", printable(name))
        yield lambda share: lines.reach(round(100 * share))
    else:
        columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
        with Progress(*columns, console=Console(stderr=True), transient=True) as display:
            task = display.add_task(escape(printable(name)), total=1.0)
            yield lambda share: display.update(task, completed=share)


class Lines:
    """Writes how far one stage is: a line at its start, and one a minute from then on, as it is told.

    Parameters
    ----------
    total
        How many there are; None: unknown.
    unit
        What is counted, in the plural.
    name
        Of the stage; empty where there is one alone.
    done
        How many were done before; they do not count for the rate.
    clock
        Gives seconds.
    """

    def __init__(
        self,
        total: int | None,
        unit: str = "files",
        name: str = "",
        done: int = 0,
        clock: Clock | None = None,
    ) -> None:
        self.done = done
        self._total = total
        self._unit = unit
        self._name = name
        self._before = done
        self._clock = clock or _now
        self._started = self._said = self._clock()

    def begin(self) -> None:
        """Return how much there is to do."""
        self._say(self._count())

    def advance(self) -> None:
        """Count one more, and say so when it is time."""
        self.reach(self.done + 1)

    def reach(self, done: int) -> None:
        """Count items, and print a line when it is time.

        Parameters
        ----------
        done
            Items done in all.
        """
        self.done = done
        now = self._clock()
        if now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            self._say(self.line(now - self._started))

    def end(self) -> None:
        """Report the stage as done, unless it took no time."""
        seconds = self._clock() - self._started
        if seconds >= SECONDS_OF_A_LONG_STAGE:
            self._say(self.line(seconds))

    def line(self, seconds: float) -> str:
        """Return the progress in one line.

        Parameters
        ----------
        seconds
            Since the beginning.
        """
        speed = (self.done - self._before) / seconds
        told = f"{self._count()}, {rate(speed, self._unit)}"
        if self._total is None or speed <= 0 or self.done >= self._total:
            return told
        return f"{told}, {time_left((self._total - self.done) / speed)}"

    def _count(self) -> str:
        of = "" if self._total is None else f" of {self._total}"
        return f"{self.done}{of} {self._unit}".rstrip()

    def _say(self, line: str) -> None:
        typer.echo(f"unmask: {self._name}: {line}" if self._name else f"unmask: {line}", err=True)


class StageLines:
    """Writes lines for one stage after the other; see ``Lines``. A stage that begins again has a first line again."""

    def __init__(self, unit: str = "", clock: Clock | None = None) -> None:
        self._unit = unit
        self._clock = clock
        self._stages: dict[str, Lines] = {}

    def __call__(self, name: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        lines = self._stages.get(name)
        if lines is None or done < lines.done:
            self._stages[name] = Lines(total, self._unit, name, done, self._clock)
            self._stages[name].begin()
        else:
            before = lines.done
            if before < done == total:
                lines.done = done
                lines.end()
            else:
                lines.reach(done)


class StageBars:
    """Shows a bar for each stage; that of a finished one makes room."""

    def __init__(self, display: Progress) -> None:
        self._display = display
        self._tasks: dict[str, TaskID] = {}

    def __call__(self, name: str, done: int, total: int) -> None:
        """Show how far a stage is."""
        if name not in self._tasks and done < total:
            self._tasks[name] = self._display.add_task(escape(name), total=total, completed=done)
        if name in self._tasks:
            self._display.update(self._tasks[name], completed=done)
            if done >= total:
                self._display.refresh()
                self._display.remove_task(self._tasks.pop(name))


class Rate(ProgressColumn):
    """How many a second, a minute or an hour, over the last minute."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Return the rate as text.

        Parameters
        ----------
        task
            Of the progress bar.
        """
        return Text("" if task.speed is None else rate(task.speed, self._unit), style="progress.data.speed")


def rate(speed: float, unit: str) -> str:
    """Write a rate, given a second, a minute or an hour, so that its first digit shows.

    Parameters
    ----------
    speed
        How many a second.
    unit
        What is counted, in the plural, or nothing.
    """
    unit = f" {unit}" if unit else ""
    for count, period in ((1, "s"), (60, "min"), (3600, "h")):
        if speed * count >= 1 or speed <= 0:
            return f"{speed * count:.1f}{unit}/{period}"
    return f"{speed * 3600:.2f}{unit}/h"


def time_left(seconds: float) -> str:
    """Return a duration in words.

    Parameters
    ----------
    seconds
        The duration.
    """
    minutes = round(seconds / 60)
    return f"{minutes} min left" if minutes < MINUTES_IN_MINUTES else f"{seconds / 3600:.1f} h left"


def _bars(unit: str) -> Progress:
    columns = (
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Rate(unit), TimeRemainingColumn(),
    )  # fmt: skip
    console = Console(stderr=True)
    return Progress(*columns, console=console, transient=True, speed_estimate_period=SECONDS_OF_RATE)


def _now() -> float:
    return time.monotonic()
