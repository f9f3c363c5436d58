"""``unmask prepare``: a dataset in its published layout in, face crops and a manifest out."""

from __future__ import annotations

from collections.abc import Sequence
from enum import Enum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from unmask.datasets.layouts import VideoRow

UNREAD = 1
KEYS = ("dataset", "method", "compression", "person", "split")


class ImageFormat(str, Enum):
    """How crops are saved."""

    jpg = "jpg"
    png = "png"


def prepare(
    layout: Annotated[
        str,
        typer.Argument(
            help="Layout, such as faceforensics; a wrong name lists them all.", show_default=False
        ),
    ],
    root: Annotated[Path, typer.Argument(help="Folder of the dataset (or a table).", show_default=False)],
    out: Annotated[Path, typer.Option(help="Folder to fill with crops and manifests.", show_default=False)],
    frames: Annotated[int, typer.Option(min=1, max=1024, help="Frames sampled from each video.")] = 32,
    size: Annotated[int, typer.Option(min=16, max=2048, help="Greatest side of a crop, in pixels.")] = 384,
    image: Annotated[
        ImageFormat, typer.Option(help="Save crops as JPEG (quality 95) or PNG.")
    ] = ImageFormat.jpg,
    only: Annotated[
        list[str] | None,
        typer.Option(help=f"Take a part, such as compression=c23; keys: {', '.join(KEYS)}. May be repeated."),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(min=1, help="Processes; by default one a processor.", show_default=False)
    ] = None,
) -> None:
    """Cut the faces of a dataset's videos, following one person through each, and write a manifest.

    Run it again to go on after an interruption. Exit code: 0 every video was read (also when no face was found),
    1 some could not be read, 2 wrong usage.
    """
    from unmask.cli.progress import reported
    from unmask.datasets.layouts import list_videos
    from unmask.datasets.preparation import PrepareOptions
    from unmask.datasets.preparation import prepare as run
    from unmask.datasets.video_crops import CropOptions
    from unmask.processes.cores import available_cores

    listing = list_videos(layout, root)
    for note in listing.notes:
        typer.echo(f"unmask: {note}", err=True)
    rows = choose(listing.rows, only or ())
    options = PrepareOptions(CropOptions(frames, size), image.value)
    with reported("videos") as progress:
        advance = partial(progress, out.name)
        done = run(rows, root, out, options, workers or available_cores(), progress=advance)
    counts = ", ".join(f"{count} {status}" for status, count in sorted(done.statuses.items()))
    typer.echo(f"{out}: {done.crops} crops of {len(rows)} videos ({counts})")
    raise typer.Exit(0 if set(done.statuses) <= {"ok", "no_face"} else UNREAD)


def choose(rows: Sequence[VideoRow], only: Sequence[str]) -> list[VideoRow]:
    """Keep the rows that agree with every KEY=VALUE; of one key given twice, either value will do.

    Parameters
    ----------
    rows
        Videos of a dataset.
    only
        The words KEY=VALUE.
    """
    wanted: dict[str, set[str]] = {}
    for condition in only:
        key, equals, value = condition.partition("=")
        if key not in KEYS or not equals:
            raise typer.BadParameter(
                f"--only takes KEY=VALUE with a key of {', '.join(KEYS)}, not {condition}"
            )
        known = sorted({getattr(row, key) for row in rows})
        if value not in known:
            there = ", ".join(repr(name) for name in known[:20])
            raise typer.BadParameter(f"no video has {condition}; {key} here: {there}")
        wanted.setdefault(key, set()).add(value)
    chosen = [row for row in rows if all(getattr(row, key) in values for key, values in wanted.items())]
    if not chosen:
        raise typer.BadParameter(f"no video meets all of {', '.join(only)}")
    return chosen
