"""A study from file to table: what is missing is trained, and the page is rewritten after each run."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from unmask.detectors import TrunkReference
from unmask.statistics.intervals import Settings
from unmask.studies.cells import Cell, plan
from unmask.studies.judging import Judged, best_cell, judge, read_rows
from unmask.studies.plots import save_effects
from unmask.studies.rates import Rates, judge_rates
from unmask.studies.report import StudyReport, to_markdown
from unmask.studies.runs import Failure, Report, Run, Trunk, finished, order, train_run, with_projection
from unmask.studies.study import Study, StudyError, load_study
from unmask.training.views import set_names

PAGE, FIGURES, PLOT = "study.md", "study.json", "effects.png"


@dataclass(frozen=True)
class Progress:
    """Where a study stands before a run: its number of all runs known so far, its cell and seed."""

    number: int
    runs: int
    cell: str
    seed: int
    found: bool


@dataclass(frozen=True)
class Tools:
    """What a study is run with.

    Parameters
    ----------
    settings
        Of intervals.
    trunk
        Opens another trunk than the recipes'.
    reference
        The name of that trunk.
    only
        Texts, of which a cell's name must hold one; none takes every cell.
    on_run
        Called before each run.
    report
        Called with the name of a stage and how much of it is done and to do.
    command
        That the report states.
    """

    settings: Settings = field(default_factory=Settings)
    trunk: Trunk | None = None
    reference: TrunkReference | None = None
    only: tuple[str, ...] = ()
    on_run: Callable[[Progress], None] = lambda progress: None
    report: Report = lambda source, done, total: None
    command: str = ""


def run_study(
    path: str | Path, out: str | Path, overrides: Iterable[str] = (), tools: Tools | None = None
) -> StudyReport:
    """Train what is missing of a study and write `study.md`, `study.json` and `effects.png`.

    A run that fails is named in the report, and the others go on. Finished runs are read.

    Parameters
    ----------
    path
        Of the study file.
    out
        Folder of the runs and the report.
    overrides
        key=value changes to every recipe.
    tools
        What the study is run with.

    Raises
    ------
    StudyError
        When the file cannot be used, or no run was finished.
    """
    path, out, tools = Path(path), Path(out), tools or Tools()
    study = load_study(path)
    cells = plan(study, path, overrides)
    out.mkdir(parents=True, exist_ok=True)
    if study.components:
        cells = with_projection(cells, study.components, out, tools.trunk, tools.reference, tools.report)
    if tools.only:
        cells = [cell for cell in cells if any(text in cell.name for text in tools.only)]
        if not cells:
            raise StudyError(f"no cell's name holds {' or '.join(map(repr, tools.only))}: --plan lists them")
    session = _Session(study, cells, out, tools)
    session.train(cells)
    more = session.with_more_seeds()
    if more is not None:
        session.train(more)
    report = session.publish()
    if not report.finished:
        raise StudyError(f"no run came to an end: {report.failures[0].error}")
    return report


class _Session:
    """Runs and failures so far."""

    def __init__(self, study: Study, cells: list[Cell], out: Path, tools: Tools) -> None:
        self.study, self.cells, self.out, self.tools = study, cells, out, tools
        self.runs: dict[tuple[str, int], Run] = {}
        self.failures: list[Failure] = []
        self.best: str | None = None
        sets = set_names(cells[0].recipe.data.validation)
        figures = [*([study.best] if study.best else []), *study.frozen_on]
        for name in [*study.videos, *(figure.rpartition(", ")[0] for figure in figures)]:
            if name not in sets:
                raise StudyError(
                    f"videos, best, frozen_on: no validation set {name!r}; there are {', '.join(sets)}"
                )

    def train(self, cells: Iterable[Cell]) -> None:
        todo = [(cell, seed) for cell, seed in order(cells) if (cell.name, seed) not in self.runs]
        known = len(self.runs) + len(self.failures)
        for number, (cell, seed) in enumerate(todo, start=known + 1):
            run = finished(cell, seed, self.out)
            self.tools.on_run(Progress(number, known + len(todo), cell.name, seed, run is not None))
            if run is None:
                run = self._train(cell, seed)
                if run is None:
                    continue
                self.runs[cell.name, seed] = run
                self.publish()
            self.runs[cell.name, seed] = run

    def _train(self, cell: Cell, seed: int) -> Run | None:
        tools = self.tools
        try:
            return train_run(cell, seed, self.out, tools.trunk, tools.reference, tools.report)
        except (ValueError, RuntimeError, OSError, MemoryError) as error:
            line = " ".join(str(error).split()) or type(error).__name__
            self.failures.append(Failure(cell.name, seed, line))
            return None

    def with_more_seeds(self) -> list[Cell] | None:
        """Return controls and the best cell their further seeds; None where there are none."""
        if not self.study.more_seeds:
            return None
        best = best_cell(self.judged(), self.study.best)
        self.best = best.name if best else None
        controls = {cell.control for cell in self.cells}
        chosen = controls | {self.best}
        seeds = self.study.seeds + self.study.more_seeds
        self.cells = [
            replace(cell, seeds=seeds) if cell.name in chosen and cell.levels else cell for cell in self.cells
        ]
        return [cell for cell in self.cells if cell.name in chosen and cell.levels]

    def judged(self) -> list[Judged]:
        return judge(self.cells, list(self.runs.values()), self.study.videos, self.tools.settings)

    def rates(self) -> Rates:
        if not self.study.frozen_on:
            return {}
        runs, study = list(self.runs.values()), self.study
        return judge_rates(self.cells, runs, study.frozen_on, study.videos, self.tools.settings)

    def publish(self) -> StudyReport:
        """Write what is known so far."""
        settings = self.tools.settings
        first = next(iter(self.runs.values()), None)
        rows = read_rows(first.folder, self.study.videos) if first else {}
        report = StudyReport(
            name=self.study.name,
            command=self.tools.command,
            settings={
                "resamples": settings.resamples,
                "seed": settings.seed,
                "components": self.study.components,
                "seeds": list(self.study.seeds),
                "more_seeds": list(self.study.more_seeds),
                "frozen_on": list(self.study.frozen_on),
            },
            sets={name: found.counts() for name, found in rows.items()},
            cells=self.judged(),
            planned=sum(len(cell.seeds) for cell in self.cells),
            finished=len(self.runs),
            failures=tuple(self.failures),
            best=self.best,
            rates=self.rates(),
        )
        text = json.dumps(report.to_dict(), indent=1)
        (self.out / FIGURES).write_text(text + "\n", encoding="utf-8")
        plotted = save_effects(report, self.out / PLOT)
        page = to_markdown(report, PLOT if plotted else None)
        (self.out / PAGE).write_text(page, encoding="utf-8")
        return report
