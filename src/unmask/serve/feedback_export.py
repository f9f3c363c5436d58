"""Writes feedback as sets that ``unmask evaluate`` reads."""

from __future__ import annotations

import csv
import hashlib
import json
import re
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
UNSURE = "unsure"
COLUMNS = ("path", "label", "source", "sha256", "detector", "weights", "verdict", "score")
TOLD = (
    "scan", "file", "sha256", "size", "label", "note", "status", "verdict", "score", "detector", "weights", "updated",
)  # fmt: skip


@dataclass(frozen=True)
class Exported:
    """What was written.

    Parameters
    ----------
    labels
        Number of files of each label; of several opinions on the same bytes the newest counts.
    recorded
        Name of each detector that gave results, and the folder of the set with its recorded results.
    kept
        Folder of the set of kept files; None where none was kept.
    files
        Number of files in it.
    """

    labels: Mapping[str, int]
    recorded: Sequence[tuple[str, Path]]
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
        Gets ``feedback.jsonl`` with every opinion; in ``recorded``, for each detector, a set of the files that were
        called real or fake with the log of their scans; and ``kept``, a set of those whose files were kept.

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
    labelled = [row for row in newest if row["label"] != UNSURE]
    kept = [row for row in labelled if row["kept"] and kept_file(settings, row["job"]).is_file()]
    if kept:
        _write(out / KEPT / MANIFEST, kept)
        for row in kept:
            shutil.copyfile(kept_file(settings, row["job"]), out / KEPT / row["file"])
    recorded = [
        (rows[0]["detector"], _record(out / RECORDED / name, rows))
        for name, rows in sorted(_by_detector(everything).items())
    ]
    labels = Counter(row["label"] for row in newest)
    return Exported(labels, recorded, out / KEPT if kept else None, len(kept))


def _by_detector(everything: Sequence[Mapping[str, Any]]) -> dict[str, list[Mapping[str, Any]]]:
    """Group the newest feedback on each file and detector: a set is judged by one detector, in one state of it."""
    found: dict[str, dict[str, Mapping[str, Any]]] = {}
    for row in everything:
        detector = json.loads(row["result"])["detector"]
        state = hashlib.sha256(json.dumps(detector, sort_keys=True).encode()).hexdigest()[:8]
        name = re.sub(r"[^A-Za-z0-9._-]", "_", f"{detector['name']}-{detector['version']}-{state}")
        found.setdefault(name, {})[row["sha256"]] = row
    labelled = {
        name: [row for row in rows.values() if row["label"] != UNSURE] for name, rows in found.items()
    }
    return {name: rows for name, rows in labelled.items() if rows}


def _record(folder: Path, rows: Sequence[Mapping[str, Any]]) -> Path:
    _write(folder / MANIFEST, rows)
    _write_lines(folder / LOG, [row["result"] for row in rows])
    return folder


def _told(row: Mapping[str, Any]) -> dict[str, Any]:
    told = {**row, "scan": row["job"], "updated": moment(row["updated"])}
    return {name: told[name] for name in TOLD}


def _write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, extrasaction="ignore", lineterminator="\n")
        writer.writeheader()
        writer.writerows({**row, "path": row["file"], "source": row["sha256"]} for row in rows)


def _write_lines(path: Path, lines: Sequence[str]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
