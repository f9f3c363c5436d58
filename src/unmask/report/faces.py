"""The part of the page about the faces: for each its score over time, and its looks with their maps."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from functools import cache
from html import escape

from unmask.report import heatmaps
from unmask.report.evidence import FaceEvidence
from unmask.report.marks import mark
from unmask.report.overview import picture_address
from unmask.report.result import FrameScore, ScanResult, TrackScore
from unmask.report.shown_faces import SHARES, by_suspicion, looks_needed, scored_looks
from unmask.report.timeline import clock, timeline
from unmask.report.words import counted, face_name, percent, safe

MOST_CARDS = len(SHARES)


def faces_section(result: ScanResult, threshold: float | None, anchor: str) -> str:
    """Return a card for each of the most suspicious faces, and beyond one face a table of all of them."""
    if not result.tracks:
        return ""
    tracks = by_suspicion(result.tracks, result.coverage.frames_sampled, result.decisive_track)
    cards = "".join(_card(track, result, threshold, anchor) for track in tracks[:MOST_CARDS])
    table = _table(tracks, result, threshold, anchor) if len(tracks) > 1 else ""
    return table + cards + _legend(result)


def _legend(result: ScanResult) -> str:
    """Explain the drawings once for all cards."""
    video = (
        "<p><strong>Timeline.</strong> Diamonds: looks at or above the threshold (dashed line), shaded where they "
        "follow each other. Circles: looks below it. Bars at the foot: sampled frames with this face; rings: without "
        "it. Nothing is known between the looks.</p>"
    )
    maps = (
        f"<p><strong>Maps</strong>, weak {_scale()} strong. They are hints where to look, not proof. <em>A hint of "
        "manipulation</em> asks the classifier about each place alone, which it was not trained for, and every place "
        "has seen the whole face. <em>Differs from the rebuilt face</em> shows where the decoder fails to rebuild what "
        "it sees; strange backgrounds, glasses, hands and lettering do that in genuine pictures too.</p>"
    )
    parts = video * (result.kind == "video") + maps * bool(result.evidence and result.evidence.faces)
    return f'<section class="card small"><h3>How to read the drawings</h3>{parts}</section>' if parts else ""


def _table(tracks: Sequence[TrackScore], result: ScanResult, threshold: float | None, anchor: str) -> str:
    video = result.kind == "video"
    seen = '<th scope="col">Seen</th><th scope="col">Scored looks</th>' if video else ""
    rows = "".join(
        f"<tr><td>{_link(track, number, anchor)}</td><td>{_level(track.score, threshold)}</td>"
        + (f"<td>{_seen(track)}</td><td>{_weight(track, result)}</td>" if video else "")
        + "</tr>"
        for number, track in enumerate(tracks)
    )
    folded = len(tracks) > MOST_CARDS
    table = (
        f"<table><caption>{_order(result)}</caption><thead><tr>"
        f'<th scope="col">Face</th><th scope="col">Score</th>{seen}</tr></thead><tbody>{rows}</tbody></table>'
    )
    table = f'<div class="scroll" tabindex="0" role="region" aria-label="All faces">{table}</div>'
    if folded:
        table = f"<details><summary>All {len(tracks)} faces</summary>{table}</details>"
    return f'<section class="card"><h3>{counted(len(tracks), "face")}</h3>{table}</section>'


def _order(result: ScanResult) -> str:
    first = "The verdict rests on the first, the" if result.decisive_track is not None else "The"
    return f"{first} others follow by falling score, those seen too briefly last."


def _weight(track: TrackScore, result: ScanResult) -> str:
    looks = scored_looks(track)
    return f"{looks}" if looks >= _needed(result) else f"{looks}, too few to count"


def _needed(result: ScanResult) -> int:
    return looks_needed(result.tracks, result.coverage.frames_sampled)


def _link(track: TrackScore, number: int, anchor: str) -> str:
    name = face_name(track.id)
    return f'<a href="#{anchor}-face-{track.id + 1}">{name}</a>' if number < MOST_CARDS else name


def _card(track: TrackScore, result: ScanResult, threshold: float | None, anchor: str) -> str:
    decisive = result.decisive_track == track.id and len(result.tracks) > 1
    return (
        f'<section class="card" id="{anchor}-face-{track.id + 1}"><h3>{face_name(track.id)}'
        f"{' (the verdict rests on it)' if decisive else ''}</h3>"
        f"<p>{_level(track.score, threshold)}{_when(track, result, threshold)}</p>{_hard(track)}"
        f"{_drawing(track, result, threshold)}{_looks(track, result, threshold)}{_numbers(track, result)}</section>"
    )


def _hard(track: TrackScore) -> str:
    """Return what makes the face hard to judge."""
    texts = "; ".join(dict.fromkeys(reason.text for reason in track.reasons))
    return f'<p class="muted">Hard to judge: {safe(texts)}.</p>' if texts else ""


def _level(score: float | None, threshold: float | None) -> str:
    """Write a score with its mark and what it means against the threshold."""
    if score is None:
        return '<span class="mark unscored">not scored</span>'
    if threshold is None:
        return f'<span class="mark">{escape(percent(score))}</span>'
    kind, words = ("likely_fake", "at or above") if score >= threshold else ("likely_real", "below")
    return (
        f'<span class="mark {kind}">{mark(kind)}{escape(percent(score))}</span> '
        f'<span class="muted">{words} the threshold</span>'
    )


def _seen(track: TrackScore) -> str:
    first, last = track.frames[0].time, track.frames[-1].time
    return f"{clock(first, 0.1)} to {clock(last, 0.1)}" if last > first else f"at {clock(first, 0.1)}"


def _when(track: TrackScore, result: ScanResult, threshold: float | None) -> str:
    if result.kind == "image":
        return ""
    looks = scored_looks(track)
    text = f". Seen {_seen(track)}, in {counted(looks, 'scored look')}"
    if looks < _needed(result):
        text += ", too few to count for the verdict"
    spans = track.spans(threshold)
    if spans:
        parts = ", ".join(
            f"{clock(s.start, 0.1)} to {clock(s.end, 0.1)}"
            if s.end > s.start
            else f"at {clock(s.start, 0.1)}"
            for s in spans
        )
        text += f". At or above the threshold in {sum(s.frames for s in spans)} of them: {parts}"
    return text + "."


def _drawing(track: TrackScore, result: ScanResult, threshold: float | None) -> str:
    if result.kind == "image":
        return ""
    return timeline(track, result.coverage.duration, threshold, result.coverage.times)


def _looks(track: TrackScore, result: ScanResult, threshold: float | None) -> str:
    shown = [e for e in (result.evidence.faces if result.evidence else ()) if e.track == track.id]
    if not shown:
        return ""
    frames = {frame.time: frame for frame in track.frames}
    items = "".join(_look(one, frames[one.time], result, threshold) for one in shown)
    return f'<ul class="looks">{items}</ul>'


def _look(one: FaceEvidence, frame: FrameScore, result: ScanResult, threshold: float | None) -> str:
    moment = "" if result.kind == "image" else f'<p class="when">{one.time:.2f} s</p>'
    return f'<li><div>{moment}<p>{_level(frame.score, threshold)}</p></div><div class="maps">{_maps(one)}</div></li>'


def _maps(one: FaceEvidence) -> str:
    """Show the face, and of it what the detector gives: the rebuilt face, where they differ, where the signs lie."""
    import numpy as np
    from PIL import Image

    crop = np.asarray(Image.open(io.BytesIO(one.crop)))
    figures = [_figure(one.crop, "The face as the detector sees it", "The face")]
    if one.reconstruction is not None:
        figures.append(_figure(one.reconstruction, "The face as the decoder rebuilds it", "Rebuilt"))
    if one.error_map is not None:
        strength = heatmaps.strength_of_errors(one.error_map)
        told = (
            f"Difference between face and rebuilt face: {one.error_map.mean():.2f} on average, "
            f"strongest at {heatmaps.strongest_place(strength)}"
        )
        figures.append(_map(crop, strength, told, "Differs from the rebuilt face"))
    if one.patch_logits is not None:
        strength = heatmaps.strength_of_patches(one.patch_logits)
        told = "What speaks for manipulation: "
        told += f"most at {heatmaps.strongest_place(strength)}" if strength.max() > 0.1 else "hardly anything"
        figures.append(_map(crop, strength, told, "A hint of manipulation"))
    return "".join(figures)


def _map(crop: object, strength: object, told: str, caption: str) -> str:
    return _figure(heatmaps.jpeg(heatmaps.overlay(crop, strength), 80), told, caption)  # type: ignore[arg-type]


def _figure(jpeg: bytes, told: str, caption: str) -> str:
    return (
        f'<figure><img src="{picture_address(jpeg)}" width="224" height="224" alt="{escape(told)}">'
        f"<figcaption>{escape(caption)}</figcaption></figure>"
    )


@cache
def _scale() -> str:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(heatmaps.scale_bar()).save(buffer, "PNG")
    data = base64.b64encode(buffer.getvalue()).decode("ascii")
    return f'<img class="scale" src="data:image/png;base64,{data}" alt="to">'


def _numbers(track: TrackScore, result: ScanResult) -> str:
    """Return every look as a row of numbers, folded away on the screen and unfolded on paper."""
    rows = "".join(
        f"<tr><td>{frame.time:.2f}</td><td>{'-' if frame.score is None else format(frame.score, '.3f')}</td>"
        f"<td>{'-' if frame.reconstruction_error is None else format(frame.reconstruction_error, '.3f')}</td>"
        f"<td>{frame.face_confidence:.2f}</td><td>{', '.join(f'{value:.0f}' for value in frame.box)}</td></tr>"
        for frame in track.frames
    )
    return (
        f"<details><summary>The numbers of {counted(len(track.frames), 'look')}</summary>"
        f'<div class="scroll" tabindex="0" role="region" aria-label="Numbers of {face_name(track.id)}"><table>'
        f"<caption>{face_name(track.id)} is track {track.id} in the JSON.</caption><thead><tr>"
        '<th scope="col">Time (s)</th><th scope="col">Score</th><th scope="col">Reconstruction error</th>'
        '<th scope="col">Face found with</th><th scope="col">Box (left, top, right, bottom)</th></tr></thead>'
        f"<tbody>{rows}</tbody></table></div></details>"
    )
