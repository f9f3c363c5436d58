"""Files of one label with the results of their scans: what a threshold and a calibration are fixed on."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from unmask.datasets.layouts.layout import media_below
from unmask.detectors import Card
from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.predictions import cluster_of
from unmask.evaluation.scan_logs import check_detector, read_scans
from unmask.evaluation.scans import ScannedFile
from unmask.evaluation.sets import Item
from unmask.evaluation.videos import MANIFEST_NAME, list_items
from unmask.report import ScanResult
from unmask.scanning import Scanner

CLASSES = ("real", "fake")


@dataclass(frozen=True)
class FileSet:
    """Files of one label below a folder; the items' paths start there."""

    name: str
    root: Path
    items: tuple[Item, ...]


def list_files(paths: Sequence[Path], label: int, by: str | None = None) -> list[FileSet]:
    """List files: single ones, those in folders, and those that a folder's manifest.csv names (column ``path``).

    Parameters
    ----------
    paths
        Files and folders.
    label
        0 real or 1 fake; a manifest must state no other.
    by
        Column of the manifests whose value names an item's group; None for the columns ``group``, else ``source``.

    Raises
    ------
    EvaluationError
        A path does not exist, there is no file, a manifest lists files of the other label, or the column is missing.
    """
    sets = [_listed(path, label, by) for path in paths]
    if not any(part.items for part in sets):
        raise EvaluationError(f"there is no image or video in {', '.join(str(path) for path in paths)}")
    return sets


def _listed(path: Path, label: int, by: str | None) -> FileSet:
    if path.is_dir() and (path / MANIFEST_NAME).is_file():
        return _of_manifest(path, label, by)
    if by is not None:
        raise EvaluationError(f"--by {by} needs a manifest.csv with that column, and {path} has none")
    if not path.exists():
        raise EvaluationError(f"{path}: no such file or folder")
    root, name = path.resolve().parent, path.resolve().name
    files = media_below(root, name, images=True) if path.is_dir() else [name]
    return FileSet(name, root, tuple(Item(name, CLASSES[label], file, "", "", label) for file in files))


def _of_manifest(folder: Path, label: int, by: str | None) -> FileSet:
    items = [item for item, _ in list_items(folder)]
    others = sum(item.label != label for item in items)
    if others:
        option = ("--fakes takes fakes alone", "fakes go to --fakes")[1 - label]
        raise EvaluationError(
            f"{folder / MANIFEST_NAME} lists {others} {CLASSES[1 - label]} files beside {len(items) - others} "
            f"{CLASSES[label]} ones; {option}"
        )
    if by is not None and not any(_value(item, by) for item in items):
        raise EvaluationError(f"{folder / MANIFEST_NAME} has no column {by!r} that says something")
    if by is not None:
        items = [replace(item, source="", group=_value(item, by)) for item in items]
    return FileSet(folder.resolve().name, folder, tuple(items))


def _value(item: Item, column: str) -> str:
    """Return a manifest's cell; an empty string where there is none."""
    if column in ("source", "group", "dataset", "method"):
        return str(getattr(item, column))
    return item.attributes.get(column, "")


def scan_files(
    sets: Sequence[FileSet], scanner: Scanner, progress: Callable[[str, int, int], None]
) -> list[ScannedFile]:
    """Scan all files, as users do.

    Parameters
    ----------
    sets
        Files.
    scanner
        With the detector.
    progress
        Called with the files' class, files done and files in all: at the start, and after each.

    Raises
    ------
    EvaluationError
        A file is judged by another detector; no further file is scanned.
    """
    files = [(part, item) for part in sets for item in part.items]
    scanned: list[ScannedFile] = []
    for part, item in files:
        progress(CLASSES[item.label], len(scanned), len(files))
        scanned.append(ScannedFile(item, scanner.scan_or_explain(part.root / item.path)))
        check_detector(scanned[-1:], scanner.detector.card, images=False)
    if files:
        progress(CLASSES[files[0][1].label], len(files), len(files))
    return scanned


def read_files(sets: Sequence[FileSet], log: Path, card: Card) -> list[ScannedFile]:
    """Read the results of all files from a log of ``unmask scan --output``.

    Parameters
    ----------
    sets
        Files.
    log
        JSON lines.
    card
        Of the detector.

    Raises
    ------
    EvaluationError
        A file is not in the log, or a result is of another detector, calibration or threshold.
    """
    scanned = [one for part in sets for one in read_scans(log, part, range(len(part.items)))]
    check_detector(scanned, card, images=False)
    return [replace(one, result=_of_first(one.result)) for one in scanned]


def _of_first(result: ScanResult) -> ScanResult:
    """Return a result with what the first detector says by itself, without the opinions of others."""
    own = next(iter(result.opinions), None)
    if own is None or own.verdict is None or len(result.opinions) == 1:
        return result
    return replace(
        result,
        verdict=own.verdict,
        score=own.score,
        interval=own.interval,
        reasons=own.reasons,
        decisive_track=own.decisive,
        opinions=(own,),
    )


def groups_of(files: Sequence[ScannedFile]) -> list[str]:
    """Return the group of each file, of which only the highest score counts: see `cluster_of`.

    Parameters
    ----------
    files
        Scanned files.
    """
    return [cluster_of(one.item.dataset, one.item.group, one.item.source, one.item.path) for one in files]
