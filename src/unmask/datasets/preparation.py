"""Turns the videos of a dataset into face crops with a manifest, in parallel, in as many runs as it takes."""

from __future__ import annotations

import csv
import io
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from concurrent.futures.process import BrokenProcessPool
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

import numpy as np

from unmask.datasets import prepared_folder
from unmask.datasets.layouts import VideoRow
from unmask.datasets.manifests import VIDEOS_NAME, CropRecord, DatasetError
from unmask.datasets.prepared_folder import ImageFormat
from unmask.datasets.video_crops import CONTEXT, CropOptions, VideoCrops, cut_video
from unmask.faces import CenterFace, FaceFinder
from unmask.processes.pool import worker_pool

MakeFinder = Callable[[], FaceFinder]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class PrepareOptions:
    """Everything that decides which bytes are written.

    Parameters
    ----------
    crops
        What is cut.
    image
        jpg (quality 95, full colour resolution) or png.
    """

    crops: CropOptions = field(default_factory=CropOptions)
    image: ImageFormat = "jpg"

    def __post_init__(self) -> None:
        if self.image not in ("jpg", "png"):
            raise ValueError(f"image must be jpg or png, not {self.image!r}")


@dataclass(frozen=True)
class Prepared:
    """The result of a preparation: videos by status, and crops in all."""

    folder: Path
    statuses: Mapping[str, int]
    crops: int


def built_in_finder() -> FaceFinder:
    """Load the built-in face finder on one thread: work is shared out by video."""
    return CenterFace(threads=1, effort="quick")  # The face that is cut is a large one.


def prepare(
    rows: Sequence[VideoRow],
    root: Path,
    out: Path,
    options: PrepareOptions | None = None,
    workers: int = 1,
    make_finder: MakeFinder = built_in_finder,
    progress: Progress | None = None,
) -> Prepared:
    """Cut the crops of every video and write ``manifest.csv`` (a row a crop) and ``videos.csv`` (a row a video).

    A run that was ended at any moment goes on where it stopped when repeated, and ends with the same bytes. Videos
    that could not be read, or whose size on disk has changed since, are tried again.

    Parameters
    ----------
    rows
        The videos; see ``unmask.datasets.layouts.list_videos``. They keep their order in the manifests.
    root
        Folder (or table) that their paths start from.
    out
        Folder to fill: new, empty, or of an earlier run on a root of this name with the same options.
    options
        All that decides which bytes are written.
    workers
        Processes; 0 does the work in this one. The result does not depend on it.
    make_finder
        Makes the face finder in each process; a function of a module, so that processes can import it.
    progress
        Called with videos done and videos in all.

    Raises
    ------
    DatasetError
        The folder cannot be used, or worker processes cannot start.
    unmask.faces.FaceFinderError
        The face finder cannot be loaded.
    """
    options = options or PrepareOptions()
    prepared_folder.start(out, {"format": 1, "root": root.resolve().name, **asdict(options)})
    base = root.parent if root.is_file() else root
    tasks = [_Task(base / row.path, out, prepared_folder.key_of(row.path), options) for row in rows]
    waiting = [task for task in tasks if not task.done]
    if progress:
        progress(len(tasks) - len(waiting), len(tasks))
    for number, _ in enumerate(_all_done(waiting, workers, make_finder), start=1):
        if progress:
            progress(len(tasks) - len(waiting) + number, len(tasks))
    return _assemble(rows, out)


@dataclass(frozen=True)
class _Task:
    """One video to cut: its path, where its crops go, and under which key."""

    video: Path
    out: Path
    key: str
    options: PrepareOptions

    @property
    def bytes(self) -> int | None:
        """Size of the file, or of all files of a folder of frames; None where there is neither."""
        if self.video.is_dir():
            return sum(file.stat().st_size for file in self.video.iterdir() if file.is_file())
        return self.video.stat().st_size if self.video.is_file() else None

    @property
    def done(self) -> bool:
        record = prepared_folder.read_record(self.out, self.key)
        return record is not None and record["status"] != "unreadable" and record["bytes"] == self.bytes

    def write(self, found: VideoCrops) -> None:
        facts = {"bytes": self.bytes}
        prepared_folder.write_video(self.out, self.key, found, self.options.image, facts)

    def run(self, finder: FaceFinder) -> None:
        self.write(cut_video(self.video, self.options.crops, finder))


def _all_done(tasks: Sequence[_Task], workers: int, make_finder: MakeFinder) -> Iterator[_Task]:
    """Do the tasks in any order.

    Files are decoded in processes of their own, so what ends a worker is no file but, say, a lack of memory: workers
    are restarted until the work is done.
    """
    if workers < 1:
        finder = make_finder() if tasks else None
        for task in tasks:
            assert finder is not None
            task.run(finder)
            yield task
        return
    waiting = list(tasks)
    while waiting:
        left = len(waiting)
        try:
            yield from _in_processes(waiting, workers, make_finder)
        except BrokenProcessPool as error:
            if len(waiting) == left:
                raise DatasetError(
                    f"the worker processes ended before one of {left} videos was done, first {waiting[0].video.name}; "
                    "is there enough memory for so many? In a script of your own, call prepare under "
                    'if __name__ == "__main__", or with workers=0'
                ) from error


def _in_processes(waiting: list[_Task], workers: int, make_finder: MakeFinder) -> Iterator[_Task]:
    """Do the tasks in ``waiting``, each of which leaves it when it is done."""
    pool = worker_pool(min(workers, len(waiting)), _begin, make_finder)
    try:
        futures: dict[Future[None], _Task] = {}
        ahead = deque(waiting)
        while ahead or futures:
            while ahead and len(futures) < 2 * workers:
                task = ahead.popleft()
                futures[pool.submit(_run, task)] = task
            for future in wait(futures, return_when=FIRST_COMPLETED).done:
                future.result()
                task = futures.pop(future)
                waiting.remove(task)
                yield task
    finally:
        pool.shutdown(cancel_futures=True)


class _Worker:
    """What a worker process keeps from one video to the next."""

    make_finder: MakeFinder = built_in_finder
    finder: FaceFinder | None = None


def _begin(make_finder: MakeFinder) -> None:
    _Worker.make_finder = make_finder


def _run(task: _Task) -> None:
    # The finder is loaded here rather than in _begin, whose errors would look like a process that died.
    if _Worker.finder is None:
        _Worker.finder = _Worker.make_finder()
    task.run(_Worker.finder)


def _assemble(rows: Sequence[VideoRow], out: Path) -> Prepared:
    """Write both tables from the records, in the order of the rows."""
    records = [prepared_folder.read_record(out, prepared_folder.key_of(row.path)) or {} for row in rows]
    crops = [crop for row, record in zip(rows, records, strict=True) for crop in _crop_records(row, record)]
    prepared_folder.write_manifest_whole(out, crops)
    prepared_folder.write_whole(out / VIDEOS_NAME, _videos_table(rows, records))
    return Prepared(out, Counter(record["status"] for record in records), len(crops))


def _crop_records(row: VideoRow, record: Mapping[str, Any]) -> Iterator[CropRecord]:
    facts = {"video": row.path, "person": row.person, "donor": row.donor, "compression": row.compression}
    for crop in record["crops"]:
        time = "" if crop["time"] is None else str(crop["time"])
        x0, y0, x1, y1 = crop["box"]
        yield CropRecord(
            file=crop["file"],
            label=row.label,
            source=row.source,
            split=row.split,
            dataset=row.dataset,
            method=row.method,
            group=row.group,
            face_px=crop["face_px"],
            box=(x0, y0, x1, y1),
            landmarks=np.array(crop["landmarks"], np.float32).reshape(5, 2),
            extra={
                **row.attributes,
                **facts,
                "frame": str(crop["frame"]),
                "time": time,
                "status": record["status"],
                "confidence": str(crop["confidence"]),
                "crop_profile": CONTEXT.name,
            },
        )


def _videos_table(rows: Sequence[VideoRow], records: Sequence[Mapping[str, Any]]) -> str:
    """Write a row for every video, with its status and then its attributes, as CSV."""
    table = io.StringIO()
    writer = csv.writer(table, lineterminator="\n")
    names = [column.name for column in fields(VideoRow) if column.name != "attributes"]
    attributes = sorted({name for row in rows for name in row.attributes})
    writer.writerow([*names, "status", "frames", "crops", "detail", *attributes])
    for row, record in zip(rows, records, strict=True):
        cells = asdict(row) | {"label": "fake" if row.label else "real"}
        found = [record["status"], record["frames"], len(record["crops"]), record["detail"]]
        further = [row.attributes.get(name, "") for name in attributes]
        writer.writerow([*(cells[name] for name in names), *found, *further])
    return table.getvalue()
