"""A report to pass on: one HTML file that needs no network, and the JSON beside it."""

from __future__ import annotations

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path

from unmask.report.result import ScanResult, TrackScore
from unmask.report.timeline import timeline
from unmask.report.words import CANNOT_TELL, headline, percent, printable

POLICY = "default-src 'none'; style-src 'unsafe-inline'"
STYLE = """
:root { color-scheme: light dark; --text: #1c1e21; --muted: #5d6470; --page: #fbfbfa; --card: #fff;
  --line: #d9dce1; --fake: #b3261e; --real: #19703c; --unsure: #8a5a00; }
@media (prefers-color-scheme: dark) { :root { --text: #e8e8e6; --muted: #a3a9b3; --page: #17181a;
  --card: #202225; --line: #3a3d42; --fake: #ff8a80; --real: #7bd69b; --unsure: #f0bc5e; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 60rem; padding: 2rem 1rem 4rem; background: var(--page); color: var(--text);
  font: 16px/1.5 system-ui, sans-serif; }
h1 { font-size: 1.4rem; } h2 { font-size: 1.1rem; overflow-wrap: anywhere; margin: 0 0 .5rem; }
section { background: var(--card); border: 1px solid var(--line); border-radius: 8px; padding: 1.25rem;
  margin: 1rem 0; }
.verdict { font-size: 1.5rem; font-weight: 650; margin: 0; }
.likely_fake { color: var(--fake); } .likely_real { color: var(--real); } .inconclusive { color:
var(--unsure); } .muted, dt { color: var(--muted); } .wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; margin-top: 1rem; }
th, td { text-align: left; padding: .4rem .6rem; border-bottom: 1px solid var(--line); vertical-align:
middle; } th { font-weight: 600; color: var(--muted); font-size: .85rem; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .2rem 1rem; margin: 1rem 0 0; font-size:
.9rem; } dd { margin: 0; overflow-wrap: anywhere; }
.timeline { display: block; width: 22rem; max-width: 100%; }
.timeline rect { fill: none; stroke: var(--line); }
.timeline line { stroke: var(--muted); stroke-dasharray: 4 4; }
.timeline polyline { fill: none; stroke: var(--text); stroke-width: 1.5; }
.timeline circle { fill: var(--text); }
"""


def save_report(results: Sequence[ScanResult], folder: str | Path, threshold: float | None = None) -> Path:
    """Write ``index.html`` and ``scan.json`` (a list) for these results into a folder; give the page's path.

    The folder is made if missing; nothing is written outside it. threshold : score at
    which a line is drawn into the timelines.
    Raises OSError when the folder cannot be written.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "scan.json").write_text(json.dumps([result.to_dict() for result in results], indent=1), "utf-8")
    target = folder / "index.html"
    target.write_text(page(results, threshold), encoding="utf-8")
    return target


def page(results: Sequence[ScanResult], threshold: float | None = None) -> str:
    """Give the whole page for these results, every string of theirs escaped."""
    sections = "\n".join(_section(result, threshold) for result in results)
    limits = "".join(f"<li>{escape(sentence)}</li>" for sentence in CANNOT_TELL)
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        f"<title>unmask report</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        f"<h1>unmask report</h1>\n{sections}\n"
        f"<section><h2>What this can and cannot tell</h2><ul>{limits}</ul></section>\n</body>\n</html>\n"
    )


def _section(result: ScanResult, threshold: float | None) -> str:
    return (
        f"<section>\n<h2>{_safe(result.path)}</h2>\n"
        f'<p class="verdict {result.verdict or result.status}">{escape(headline(result))}</p>\n'
        f"{_summary(result)}{_tracks(result, threshold)}{_facts(result)}</section>"
    )


def _summary(result: ScanResult) -> str:
    parts = []
    if result.score is not None and result.interval is not None:
        low, high = result.interval
        parts.append(
            f"<p>Estimated probability of manipulation {escape(percent(result.score))}, "
            f"90 % interval {escape(percent(low))} to {escape(percent(high))}.</p>"
        )
    if result.reasons:
        why = {"widens": "This widens the interval", "abstains": "This is why there is no verdict"}
        items = "".join(f"<li>{why[r.effect]}: {_safe(r.text)}.</li>" for r in result.reasons)
        parts.append(f'<ul class="reasons">{items}</ul>')
    if result.detail:
        parts.append(f'<p class="muted">{_safe(result.detail)}</p>')
    return "\n".join(parts)


def _tracks(result: ScanResult, threshold: float | None) -> str:
    if not result.tracks:
        return ""
    rows = "\n".join(_row(track, result, threshold) for track in result.tracks)
    when = "<th>Seen</th><th>Score over time</th>" if result.kind == "video" else ""
    return (
        '<div class="wide"><table><thead><tr><th>Face</th><th>Score</th><th>Frames</th>'
        f"<th>Box of the highest score</th>{when}</tr></thead>\n<tbody>\n{rows}\n</tbody></table></div>\n"
    )


def _row(track: TrackScore, result: ScanResult, threshold: float | None) -> str:
    worst = max(track.frames, key=lambda frame: -1.0 if frame.score is None else frame.score)
    box = ", ".join(f"{value:.0f}" for value in worst.box)
    cells = [str(track.id), escape(percent(track.score)), str(len(track.frames)), box]
    if result.kind == "video":
        cells.append(f"{track.frames[0].time:.1f} to {track.frames[-1].time:.1f} s")
        cells.append(timeline(track, result.coverage.duration, threshold))
    return "<tr>" + "".join(f"<td>{cell}</td>" for cell in cells) + "</tr>"


def _facts(result: ScanResult) -> str:
    coverage, detector = result.coverage, result.detector
    duration = "" if coverage.duration is None else f" of {coverage.duration:.1f} s"
    facts = {
        "Looked at": f"{coverage.frames_sampled} frames{duration}, {coverage.frames_with_face} with a face",
        "Detector": f"{detector.name} {detector.version}, crop profile {detector.crop_profile}",
        "Weights": f"sha256 {detector.sha256}",
    }
    return (
        "<dl>" + "".join(f"<dt>{name}</dt><dd>{_safe(value)}</dd>" for name, value in facts.items()) + "</dl>"
    )


def _safe(text: str) -> str:
    return escape(printable(text))
