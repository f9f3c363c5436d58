"""Writes feedback as sets that ``unmask evaluate`` reads."""

from __future__ import annotations

import csv
import json
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unmask.serve.feedback import FeedbackStore, kept_file
from unmask.serve.jobs import moment
from unmask.serve.settings import ServeError, ServeSettings

MANIFEST = "manifest.csv"
LOG = "scans.jsonl"
EVERYTHING = "feedback.jsonl"
RECORDED, KEPT = "recorded", "kept"
COLUMNS = ("path", "label", "source", "sha256", "detector", "weights", "verdict", "score")
TOLD = ("scan", "file", "sha256", "size", "label", "note", "status", "verdict", "score", "detector", "weights",
                 "updated")  # fmt: skip


@dataclass(frozen=True)
class Exported:
    """What was written.

    Parameters
    ----------
    labels
        Number of files of each label; of several opinions on the same bytes the newest counts.
    recorded
        Folder of the set with the recorded results.
    kept
        Folder of the set of kept files; None where none was kept.
    files
        Number of files in it.
    """

    labels: Mapping[str, int]
    recorded: Path
    kept: Path | None
    files: int


def export_feedback(store: FeedbackStore, settings: ServeSettings, out: Path) -> Exported:
    """Write all feedback of a server into a folder.

    Parameters
    ----------
    store
        Of the feedback.
    settings
        Of the server, whose folder has the kept files.
    out
        Gets ``feedback.jsonl`` with every opinion; ``recorded``, a set of all files that were called real or fake with
        the log of their scans; and ``kept``, a set of those whose files were kept.

    Raises
    ------
    ServeError
        When there is no feedback.
    """
    everything = list(store.rows())
    if not everything:
        raise ServeError("the store holds no feedback")
    _write_lines(out / EVERYTHING, [json.dumps(_told(row)) for row in everything])
    newest = list({row["sha256"]: row for row in everything}.values())
    labelled = [row for row in newest if row["label"] != "unsure"]
    _write(out / RECORDED / MANIFEST, COLUMNS, [_listed(row) for row in labelled])
    _write_lines(out / RECORDED / LOG, [row["result"] for row in labelled])
    kept = [row for row in labelled if row["kept"] and kept_file(settings, row["job"]).is_file()]
    if kept:
        _write(out / KEPT / MANIFEST, COLUMNS, [_listed(row) for row in kept])
        for row in kept:
            shutil.copyfile(kept_file(settings, row["job"]), out / KEPT / row["file"])
    labels = Counter(row["label"] for row in newest)
    return Exported(labels, out / RECORDED, out / KEPT if kept else None, len(kept))


def _listed(row: Mapping[str, Any]) -> dict[str, Any]:
    return {**row, "path": row["file"], "source": row["sha256"]}


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {**row, "scan": row["job"], "updated": moment(row["updated"])}
    return {name: told[name] for name in TOLD}


def _write(path: Path, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, columns, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
