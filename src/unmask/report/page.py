"""A report to pass on: one HTML file that needs no network, and the JSON beside it."""

from __future__ import annotations

import base64
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timezone
from functools import cache
from html import escape
from pathlib import Path

from unmask.report.faces import faces_section
from unmask.report.file_facts import file_section
from unmask.report.marks import gauge, kind_of, mark
from unmask.report.overview import coverage_section
from unmask.report.result import ScanResult
from unmask.report.words import CANNOT_TELL, counted, face_name, headline, meaning, percent, safe


def save_report(results: Sequence[ScanResult], folder: str | Path, threshold: float | None = None) -> Path:
    """Write ``index.html`` and ``scan.json`` (a list) for these results into a folder; give the page's path.

    The folder is made if missing; nothing is written outside it. threshold : the score that parts real from fake, for
    results whose detector does not state its own.
    Raises OSError when the folder cannot be written; no file is left there half written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / "scan.json", json.dumps([result.to_dict() for result in results], indent=1))
    target = folder / "index.html"
    _write(target, page(results, threshold, datetime.now(timezone.utc)))
    return target


def _write(target: Path, text: str) -> None:
    """Write a file whole, in place of one that is there, or not at all."""
    part = target.with_name(f"{target.name}.part")
    try:
        part.write_text(text, encoding="utf-8")
        part.replace(target)
    except BaseException:
        with suppress(OSError):
            part.unlink(missing_ok=True)
        raise


def page(results: Sequence[ScanResult], threshold: float | None = None, made: datetime | None = None) -> str:
    """Return the whole page for these results, every string of theirs escaped.

    It holds no script, loads nothing, and its security policy forbids both. made : the time that it states.
    """
    style = _style()
    title = f"unmask report: {safe(Path(results[0].path).name)}" if len(results) == 1 else "unmask report"
    sections = "\n".join(_article(result, number, threshold) for number, result in enumerate(results, 1))
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{policy(style)}">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{title}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f"<header><h1>unmask report</h1>{_made(results, made)}</header>\n<main>\n{_contents(results)}\n{sections}\n"
        f"</main>\n<footer>{_how_to_read()}</footer>\n</body>\n</html>\n"
    )


def policy(style: str) -> str:
    """Return the page's content security policy: this style, pictures inside the page, and nothing else."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return (
        f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )


@cache
def _style() -> str:
    from importlib.resources import files

    return "\n" + files("unmask.report").joinpath("report.css").read_text(encoding="utf-8")


def _made(results: Sequence[ScanResult], made: datetime | None) -> str:
    when = "" if made is None else f", {made:%Y-%m-%d %H:%M} UTC"
    return f'<p class="muted small">unmask {_version()}{when}. {counted(len(results), "file")}.</p>'


def _version() -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("unmask")
    except PackageNotFoundError:
        return "(not installed)"


def _contents(results: Sequence[ScanResult]) -> str:
    """Return a table of the files where there are several."""
    if len(results) < 2:
        return ""
    counts = Counter(headline(result) for result in results)
    summary = ", ".join(f"{count} {words}" for words, count in counts.most_common())
    rows = "".join(
        f'<tr><td class="name"><a href="#file-{number}">{safe(result.path)}</a></td>'
        f'<td><span class="mark {kind_of(result)}">{mark(kind_of(result))}{escape(headline(result))}</span></td>'
        f'<td class="nowrap">{escape(percent(result.score))}</td>'
        f'<td class="nowrap">{escape(_interval(result) or "-")}</td></tr>'
        for number, result in enumerate(results, 1)
    )
    return (
        f'<section class="card"><h2>{counted(len(results), "file")}</h2><p>{escape(summary)}.</p>'
        '<div class="scroll" tabindex="0" role="region" aria-label="All files"><table><thead><tr>'
        '<th scope="col">File</th><th scope="col">Verdict</th><th scope="col">Score</th>'
        f'<th scope="col">90 % interval</th></tr></thead><tbody>{rows}</tbody></table></div></section>'
    )


def _article(result: ScanResult, number: int, threshold: float | None) -> str:
    threshold = threshold if result.detector.threshold is None else result.detector.threshold
    anchor = f"file-{number}"
    name = safe(Path(result.path).name or result.path)
    place = f'<p class="muted small">{safe(result.path)}</p>' if name != safe(result.path) else ""
    return (
        f'<article id="{anchor}"><h2>{name}</h2>{place}\n{_verdict(result, threshold)}\n'
        f"{coverage_section(result, threshold)}\n{faces_section(result, threshold, anchor)}\n"
        f"{file_section(result)}\n{_detector(result, threshold)}</article>"
    )


def _verdict(result: ScanResult, threshold: float | None) -> str:
    kind = kind_of(result)
    score = ""
    if result.score is not None:
        score = (
            f"<p>Estimated probability of manipulation: <strong>{escape(percent(result.score))}</strong>, "
            f"90 % interval {escape(_interval(result))}.</p>{gauge(result, threshold)}"
        )
    score += _rests_on(result) + _reasons(result)
    detail = f'<p class="muted">{safe(result.detail)}</p>' if result.detail else ""
    return (
        f'<section class="card verdict {kind}">{mark(kind)}<p class="words">{escape(headline(result))}</p>'
        f'<div class="rest"><p>{escape(meaning(result))}</p>{score}{detail}</div></section>'
    )


def _reasons(result: ScanResult) -> str:
    """Return what widens the interval, and why there is no verdict."""
    why = {"widens": "This widens the interval", "abstains": "This is why there is no verdict"}
    items = "".join(f"<li>{why[reason.effect]}: {safe(reason.text)}.</li>" for reason in result.reasons)
    return f'<ul class="reasons">{items}</ul>' if items else ""


def _rests_on(result: ScanResult) -> str:
    """Return which of several faces the verdict rests on, and why its score is not the file's."""
    track = next((track for track in result.tracks if track.id == result.decisive_track), None)
    if track is None or len(result.tracks) < 2:
        return ""
    return (
        f"<p>It rests on {face_name(track.id).lower()} of {len(result.tracks)}, whose own score is "
        f"{escape(percent(track.score))}: of many faces one looks suspicious by chance, so more is asked of each.</p>"
    )


def _interval(result: ScanResult) -> str:
    if result.interval is None:
        return ""
    low, high = result.interval
    return f"{percent(low)} to {percent(high)}"


def _detector(result: ScanResult, threshold: float | None) -> str:
    detector = result.detector
    rows = [("Detector", f"{detector.name} {detector.version}, crop profile {detector.crop_profile}")]
    if threshold is not None:
        rows.append(("Threshold", percent(threshold)))
    if detector.band is not None:
        rows.append(("Inconclusive", f"{percent(detector.band[0])} to {percent(detector.band[1])}"))
    items = "".join(f"<dt>{name}</dt><dd>{safe(value)}</dd>" for name, value in rows)
    return (
        f'<section class="card"><h3>How it was judged</h3><dl>{items}'
        f'<dt>Weights</dt><dd class="hash">sha256 {safe(detector.sha256)}</dd></dl></section>'
    )


def _how_to_read() -> str:
    limits = "".join(f"<li>{escape(sentence)}</li>" for sentence in CANNOT_TELL)
    return (
        f"<h2>What this can and cannot tell</h2><ul>{limits}</ul>"
        "<p>The interval holds the true probability in 9 of 10 files like those that the detector was validated on; on "
        "other material less is certain than it says. Do not let a verdict alone decide about a person.</p>"
    )
