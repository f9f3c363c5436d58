"""A report to pass on: one HTML file that needs no network, and the JSON beside it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.report.case import CaseData
from unmask.report.face_view import MOST_CARDS
from unmask.report.marks import MARKS
from unmask.report.method_view import MethodView
from unmask.report.pictures import (
    BLEND_CAPTION,
    FramePicture,
    ShownFrame,
    frame_pictures,
    scale_address,
    shown_frames,
)
from unmask.report.result import ScanResult
from unmask.report.timeline import timeline
from unmask.report.view import View, result_view
from unmask.report.words import CANNOT_TELL, counted, headline

if TYPE_CHECKING:
    from jinja2 import Template

PAGE, RESULTS = "index.html", "scan.json"


@dataclass(frozen=True)
class Article:
    """One file on the page: its view, and what the page alone shows of it.

    Parameters
    ----------
    timelines, shown
        By the id of a face.
    method
        Its method statement, where there is one.
    """

    view: View
    frames: list[FramePicture]
    shown: dict[int, list[ShownFrame]]
    timelines: dict[int, str]
    method: MethodView | None

    @property
    def has_blend_masks(self) -> bool:
        """Whether maps of the blend are shown, in place of hints."""
        figures = (figure for frames in self.shown.values() for frame in frames for figure in frame.figures)
        return any(figure.caption == BLEND_CAPTION for figure in figures)


@dataclass(frozen=True)
class Particulars:
    """What a page states beside the results where a manifest is written with it.

    Parameters
    ----------
    case
        At the head.
    methods
        The method statement of each result, in their order.
    """

    case: CaseData
    methods: tuple[MethodView | None, ...]


def save_report(
    results: Sequence[ScanResult],
    folder: str | Path,
    threshold: float | None = None,
    made: datetime | None = None,
    particulars: Particulars | None = None,
) -> Path:
    """Write ``index.html`` and ``scan.json`` (a list) for these results into a folder; return the page's path.

    The folder is made if missing; nothing is written outside it.

    Parameters
    ----------
    results
        One or more.
    folder
        Where to write.
    threshold
        The score that parts real from fake, for results whose detector does not state its own.
    made
        The time that the page states; None: now.
    particulars
        What the page states beside the results.

    Raises
    ------
    OSError
        When the folder cannot be written; no file is left there half written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / RESULTS, json.dumps([result.to_dict() for result in results], indent=1))
    target = folder / PAGE
    write_whole(target, page(results, threshold, made or datetime.now(timezone.utc), particulars))
    return target


def write_whole(target: Path, text: str) -> None:
    """Write a file whole, in place of one that is there, or not at all.

    Parameters
    ----------
    target
        Its path.
    text
        Of it.

    Raises
    ------
    OSError
        When it cannot be written.
    """
    part = target.with_name(f"{target.name}.part")
    try:
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def page(
    results: Sequence[ScanResult],
    threshold: float | None = None,
    made: datetime | None = None,
    particulars: Particulars | None = None,
) -> str:
    """Return the whole page for these results, every string of theirs escaped.

    It holds no script, loads nothing, and its security policy forbids both.

    Parameters
    ----------
    results
        Of the scans.
    threshold
        Of the detector, for results that state none.
    made
        The time that the page states; None for none.
    particulars
        What it states beside the results.
    """
    methods = particulars.methods if particulars else (None,) * len(results)
    style = _style()
    counts = Counter(headline(result) for result in results)
    return _template().render(
        style=style,
        policy=policy(style),
        version=_version(),
        made=made,
        case=particulars.case.rows if particulars else (),
        has_manifest=particulars is not None,
        articles=[
            _article(result, threshold, method) for result, method in zip(results, methods, strict=True)
        ],
        summary=", ".join(f"{count} {words}" for words, count in counts.most_common()),
        cannot_tell=CANNOT_TELL,
        most_cards=MOST_CARDS,
    )


def policy(style: str) -> str:
    """Return the page's content security policy: this style, pictures inside the page, and nothing else.

    Parameters
    ----------
    style
        The page's.
    """
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


def _article(result: ScanResult, threshold: float | None, method: MethodView | None) -> Article:
    view = result_view(result, threshold)
    tracks = {track.id: track for track in result.tracks}
    drawn = view.faces[:MOST_CARDS] if view.is_video else ()
    coverage = result.coverage
    return Article(
        view,
        frame_pictures(result, view.moments),
        shown_frames(result, view.threshold),
        {
            face.id: timeline(tracks[face.id], coverage.duration, view.threshold, coverage.times)
            for face in drawn
        },
        method,
    )


@cache
def _template() -> Template:
    # Here, so that a scan without a report starts without Jinja.
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("unmask.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["counted"] = counted
    sections = environment.list_templates(filter_func=lambda name: name.startswith("sections/"))
    environment.globals.update(marks=MARKS, scale_address=scale_address, sections=sections)
    return environment.get_template("report.html")


@cache
def _style() -> str:
    return "\n" + files("unmask.report").joinpath("report.css").read_text(encoding="utf-8")


def _version() -> str:
    try:
        return version("unmask")
    except PackageNotFoundError:
        return "(not installed)"
