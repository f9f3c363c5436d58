"""Who has done what: which files have their row, which contents are in progress, which wait for one of these."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unmask.batch.identity import Fingerprint, copy_of, facts_of, short_hash
from unmask.media.addresses import name_of

if TYPE_CHECKING:
    from unmask.batch.log import ResultsLog

Row = dict[str, Any]
Outcome = tuple[str, str | None]


class Ledger:
    """Decides what is to be scanned and writes the rows; safe to use from several threads.

    A file has its row when the log holds one of its path and content, made with the same scan key. A content is
    scanned once; other files with it get a copy of the row that names the first. Rows of earlier runs that say
    ``failed`` do not count.

    Attributes
    ----------
    outcomes
        Number of files of each (status, verdict), of all files asked about.
    scanned
        Number of rows written for a scan.
    done_before
        Number of files that had their row already.
    of_other_scans
        Number of rows with another scan key.
    copies
        For each path that got a copy, the path that was scanned.
    on_done
        Called, with the ledger's lock held, for every file that is known to have its row.
    on_row
        Called likewise with each row that was written.
    """

    def __init__(self, log: ResultsLog, key: str) -> None:
        self.key = key
        self.copies: dict[str, str] = {}
        self.on_done: Callable[[], None] = _nothing
        self.on_row: Callable[[Row], None] = _no_row
        self.outcomes: Counter[Outcome] = Counter()
        self.scanned = self.done_before = self.of_other_scans = 0
        self._log = log
        self._lock = threading.Lock()
        self._files: dict[bytes, Outcome] = {}
        self._contents: dict[bytes, int] = {}
        self._in_progress: dict[str, Path] = {}
        self._waiting: dict[str, list[tuple[Path, Fingerprint]]] = {}
        for offset, row in log.rows():
            if row.get("status") != "failed":  # An error of unmask's own: the file is tried again.
                self._index(offset, row)

    def is_done(self, path: Path) -> bool:
        """Return whether a file has its row, judged without reading it: by path, size and time of change.

        Parameters
        ----------
        path
            Of the file.
        """
        facts = facts_of(path)
        if facts is None:
            return False
        with self._lock:
            outcome = self._files.get(_by_facts(name_of(path), *facts))
            return outcome is not None and self._count_done(outcome)

    def not_done(self, paths: Iterable[Path]) -> list[Path]:
        """Return the files that are not done.

        Parameters
        ----------
        paths
            Of files.
        """
        return [path for path in paths if not self.is_done(path)]

    def known_contents(self) -> frozenset[bytes]:
        """Return short hashes of the contents that have a row."""
        return frozenset(self._contents)

    def claim(self, path: Path, seen: Fingerprint) -> bool:
        """Return whether a file is to be scanned; if so, ``finish`` or ``release`` must follow.

        If not, its row exists, was written now, or will be once another file with the same content is finished.

        Parameters
        ----------
        path
            Of the file.
        seen
            Its fingerprint.
        """
        with self._lock:
            outcome = self._files.get(_by_content(name_of(path), seen))
            if outcome is not None:
                return not self._count_done(outcome)
            if seen.content is None:
                return True
            if self._copy(path, seen):
                return False
            if seen.content in self._in_progress:
                self._waiting.setdefault(seen.content, []).append((path, seen))
                return False
            self._in_progress[seen.content] = path
            return True

    def finish(self, path: Path, seen: Fingerprint, row: Row) -> list[Path]:
        """Write the row of a scanned file, and those of the files that waited for it.

        Parameters
        ----------
        path
            Of the file.
        seen
            As claimed.
        row
            Of its result.

        Returns
        -------
        list of Path
            Files to be queued again: they waited for a content that the row is not of, because the file was changed
            during its scan.
        """
        with self._lock:
            waiting = self._let_go(path, seen)
            self._write(row)
            return [other for other, facts in waiting if not self._copy(other, facts)]

    def release(self, path: Path, seen: Fingerprint) -> list[Path]:
        """Release a claimed file unfinished, and return the files that waited for it.

        Parameters
        ----------
        path
            Of the file.
        seen
            As claimed.
        """
        with self._lock:
            return [other for other, _ in self._let_go(path, seen)]

    def _let_go(self, path: Path, seen: Fingerprint) -> list[tuple[Path, Fingerprint]]:
        if seen.content is None or self._in_progress.get(seen.content) != path:
            return []
        del self._in_progress[seen.content]
        return self._waiting.pop(seen.content, [])

    def _copy(self, path: Path, seen: Fingerprint) -> bool:
        """Write the row of a file whose content has one; False when it has none."""
        offset = self._contents.get(short_hash(seen.content))
        if offset is None:
            return False
        outcome = self._files.get(_by_content(name_of(path), seen))
        if outcome is not None:
            return self._count_done(outcome)
        self._write(copy_of(self._log.read(offset), name_of(path), seen))
        return True

    def _count_done(self, outcome: Outcome) -> bool:
        self.done_before += 1
        self.outcomes[outcome] += 1
        self.on_done()
        return True

    def _write(self, row: Row) -> None:
        self._index(self._log.append(row), row)
        self.on_row(row)
        if row["batch"]["same_as"] is None:
            self.scanned += 1
        else:
            self.copies[row["path"]] = row["batch"]["same_as"]
        self.outcomes[row["status"], row["verdict"]] += 1
        self.on_done()

    def _index(self, offset: int, row: Row) -> None:
        batch = row.get("batch") or {}
        if batch.get("scan") != self.key:
            self.of_other_scans += 1
            return
        seen = Fingerprint(batch["content"], batch["bytes"], batch["modified"])
        outcome = (row["status"], row["verdict"])
        if seen.bytes is not None and seen.modified is not None:
            self._files[_by_facts(row["path"], seen.bytes, seen.modified)] = outcome
        self._files[_by_content(row["path"], seen)] = outcome
        if seen.content is not None:
            self._contents.setdefault(short_hash(seen.content), offset)


def _nothing() -> None:
    pass


def _no_row(row: Row) -> None:
    pass


def _by_facts(path: str, size: int, modified: float) -> bytes:
    return short_hash("facts", path, size, modified)


def _by_content(path: str, seen: Fingerprint) -> bytes:
    return short_hash("content", path, seen.content)
