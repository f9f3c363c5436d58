"""A run over many files on a Ray cluster: Ray Data distributes files to actors, the log stays with the driver."""

from __future__ import annotations

import json
import logging
import os
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from unmask.batch.errors import BatchError
from unmask.batch.identity import Fingerprint, row_of, short_hash
from unmask.batch.isolation import IsolatedScanner
from unmask.batch.ledger import Ledger
from unmask.batch.stopping import Stop
from unmask.detectors import Card
from unmask.scanning import Settings, detector_info

FILES_A_TASK = 8
FILES_A_ROUND = 50_000
_LOCAL_OBJECT_STORE = 200_000_000


def run_on_ray(
    address: str,
    paths: Sequence[Path],
    ledger: Ledger,
    settings: Settings,
    card: Card,
    stop: Stop,
    workers: int | None = None,
) -> None:
    """Scan every file that the ledger does not know, on a Ray cluster; each machine must see the same paths.

    A lost actor or machine costs only its files in progress: Ray gives these to another.

    Parameters
    ----------
    address
        Of a running cluster, as ``ray.init`` takes it, or ``"local"`` for one on this machine.
    paths
        Of the files.
    ledger
        Decides what is scanned.
    settings
        Of the scans.
    card
        Of the detector.
    stop
        Its request must raise KeyboardInterrupt: files in progress are aborted.
    workers
        Actors, each with one processor; None for as many as the cluster has processors.

    Raises
    ------
    BatchError
        The cluster cannot be reached, or an actor cannot load the detector.
    """
    if not paths:
        return
    try:
        # Ray takes SIGTERM for itself when it starts.
        with _connected(address, workers) as processors, stop.listening():
            actors = workers or processors
            while paths and not stop.asked:
                this_round, paths = paths[:FILES_A_ROUND], paths[FILES_A_ROUND:]
                again = _round(this_round, ledger, settings, card, actors)
                paths = [*again, *paths]
    except KeyboardInterrupt:
        if not stop.asked:
            raise


def _round(paths: Sequence[Path], ledger: Ledger, settings: Settings, card: Card, actors: int) -> list[Path]:
    """Scan some files; gives back those that waited for a content which then had no row."""
    import ray
    from ray.data import ActorPoolStrategy

    claims = ray.remote(num_cpus=0)(Claims).remote(ledger.known_contents())
    actors = min(actors, -(-len(paths) // FILES_A_TASK))
    answers = ray.data.from_items(
        [{"path": os.fsencode(path)} for path in paths],
        override_num_blocks=-(-len(paths) // FILES_A_TASK),
    ).map_batches(
        ScanOnRay,
        batch_size=FILES_A_TASK,
        compute=ActorPoolStrategy(size=actors),
        num_cpus=1,
        fn_constructor_args=(settings, card, ledger.key, str(Path.cwd()), claims),
    )
    waiting = []
    for item in answers.iter_rows():
        answer = json.loads(item["answer"])
        path, seen = Path(answer["path"]), Fingerprint(**answer["seen"])
        if answer["row"] is None:
            waiting.append((path, seen))
        elif ledger.claim(path, seen):
            ledger.finish(path, seen, answer["row"])
    return [path for path, seen in waiting if _has_no_row(ledger, path, seen)]


def _has_no_row(ledger: Ledger, path: Path, seen: Fingerprint) -> bool:
    """Copy the row of a file's content, if there is one."""
    if not ledger.claim(path, seen):
        return False
    ledger.release(path, seen)
    return True


class ScanOnRay:
    """An actor: one worker process that loads the detector once, so that a bad file never ends the actor."""

    def __init__(self, settings: Settings, card: Card, key: str, folder: str, claims: Any) -> None:
        self._scanner = IsolatedScanner(settings, detector_info(card))
        self._key = key
        self._folder = Path(folder)
        self._claims = claims

    def __call__(self, batch: dict[str, Any]) -> dict[str, list[str]]:
        """Return a JSON answer for each path of a batch: the path, its fingerprint, and its row.

        The row is null when another actor is scanning the same content.
        """
        return {"answer": [self._answer(os.fsdecode(bytes(name))) for name in batch["path"]]}

    def _answer(self, name: str) -> str:
        path = self._folder / name
        seen = self._scanner.fingerprint(path)
        row = None
        if self._may_scan(name, seen):
            result, of = self._scanner.scan(path, seen)
            row = row_of(result, of, self._key) | {"path": name}
        return json.dumps({"path": name, "seen": asdict(seen), "row": row})

    def _may_scan(self, name: str, seen: Fingerprint) -> bool:
        import ray

        if seen.content is None:
            return True
        asked = self._claims.claim.remote(short_hash(seen.content), name)
        return bool(ray.get(asked))


class Claims:
    """An actor that says who scans a content, so that no two do."""

    def __init__(self, known: frozenset[bytes]) -> None:
        self._holders: dict[bytes, str] = dict.fromkeys(known, "")

    def claim(self, content: bytes, name: str) -> bool:
        """Return whether a path may scan a content: the first that asks, and that one again after its actor was lost.

        Parameters
        ----------
        content
            Its hash.
        name
            The path.
        """
        return self._holders.setdefault(content, name) == name


@contextmanager
def _connected(address: str, workers: int | None) -> Iterator[int]:
    """Join a cluster, or start one on this machine; gives its number of processors."""
    # Before the import, which reads it: Ray would warn about its own actors.
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")
    import ray
    from ray.data import DataContext

    options: dict[str, Any] = {"log_to_driver": False, "logging_level": logging.ERROR}
    if address == "local":
        options |= {"include_dashboard": False, "object_store_memory": _LOCAL_OBJECT_STORE}
        options |= {"_node_ip_address": "127.0.0.1"}  # Nobody else is to reach it.
        options |= {"num_cpus": workers} if workers else {}
    _check_that_somebody_listens(address)
    try:
        ray.init(address=address, **options)
    except Exception as error:  # Ray raises just that when it does not start in time.
        raise BatchError(f"no Ray cluster at {address!r}: {str(error).splitlines()[0]}") from error
    try:
        context = DataContext.get_current()
        context.enable_progress_bars = False
        logging.getLogger("ray.data").setLevel(logging.ERROR)
        yield int(ray.cluster_resources().get("CPU", 1))
    finally:
        ray.shutdown()


def _check_that_somebody_listens(address: str) -> None:
    """Raise BatchError at once where Ray itself would try for minutes."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not (host and port.isdigit()):
        return
    try:
        socket.create_connection((host, int(port)), timeout=10).close()
    except (OSError, OverflowError) as error:
        raise BatchError(f"no Ray cluster at {address!r}: {error}") from None
