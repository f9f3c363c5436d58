"""The part of the page that says what was looked at, what was not, and what the frames look like."""

from __future__ import annotations

import base64
from html import escape

from unmask.report.evidence import FrameView
from unmask.report.result import ScanResult
from unmask.report.tracks import FrameScore
from unmask.report.words import counted, face_name, percent

MOST_PICTURES = 48
MOST_SCORES = 3


def coverage_section(result: ScanResult, threshold: float | None) -> str:
    """Return how much of the file was looked at, with a picture of each sampled frame where there are pictures."""
    if not result.was_read:
        return ""
    return (
        f'<section class="card"><h3>What was looked at</h3>{_sampled(result)}{_left_out(result)}'
        f"{_strip(result, threshold)}</section>"
    )


def picture_address(jpeg: bytes) -> str:
    """Return a JPEG as an address that carries the picture itself."""
    return "data:image/jpeg;base64," + base64.b64encode(jpeg).decode("ascii")


def _sampled(result: ScanResult) -> str:
    coverage = result.coverage
    if result.kind == "image":
        return "<p>The whole picture.</p>"
    whole = _frames_of_video(result)
    of = f" of about {whole:,}" if whole and whole > coverage.frames_sampled else ""
    length = f" in {coverage.duration:.1f} s of video" if coverage.duration else ""
    sentence = f"{counted(coverage.frames_sampled, 'frame')}{of}{length}"
    if coverage.times:
        times = ", ".join(f"{time:.1f}" for time in coverage.times[:MOST_PICTURES])
        more = " …" if len(coverage.times) > MOST_PICTURES else ""
        sentence += f", at {times}{more} s"
    return f"<p>{escape(sentence)}. A face was found on {coverage.frames_with_face} of them.</p>"


def _frames_of_video(result: ScanResult) -> int | None:
    file = result.evidence.file if result.evidence else None
    for stream in file.streams if file else ():
        if stream.kind == "video":
            if stream.frames:
                return stream.frames
            if stream.frame_rate and result.coverage.duration:
                return round(stream.frame_rate * result.coverage.duration)
    return None


def _left_out(result: ScanResult) -> str:
    unscored = sum(frame.score is None for track in result.tracks for frame in track.frames)
    parts = []
    if result.kind == "video":
        parts += ["what happens between these moments", "the sound"]
    parts.append("everything outside the faces")
    if unscored:
        parts.append(f"{counted(unscored, 'observation')} of faces in a crowd, found but not scored")
    return f'<p class="muted">Not looked at: {"; ".join(parts)}.</p>'


def _strip(result: ScanResult, threshold: float | None) -> str:
    views = result.evidence.frames if result.evidence else ()
    if not views:
        return ""
    if len(views) > MOST_PICTURES:
        step = len(views) / MOST_PICTURES
        views = tuple(views[int((k + 0.5) * step)] for k in range(MOST_PICTURES))
    single = " single" if len(views) == 1 else ""
    items = "".join(f"<li>{_picture(view, result, threshold)}</li>" for view in views)
    return f'<ul class="strip{single}">{items}</ul>'


def _picture(view: FrameView, result: ScanResult, threshold: float | None) -> str:
    """Draw a frame with a box for each face: its number and its score; solid at or above the threshold, else dashed."""
    faces = [
        (track.id, frame)
        for track in result.tracks
        for frame in track.frames
        if abs(frame.time - view.time) < 1e-6
    ]
    scores = (
        len(faces) <= MOST_SCORES
    )  # Beyond these the labels would cover each other; the caption has them.
    boxes = "".join(_box(number, frame, view, threshold, scores) for number, frame in faces)
    told = ", ".join(f"{face_name(number)}: {_score(frame)}" for number, frame in faces) or "no face"
    moment = "" if result.kind == "image" else f"{view.time:.2f} s: "
    return (
        f'<figure><svg viewBox="0 0 {view.width} {view.height}" role="img" aria-label="{escape(moment + told)}">'
        f'<image href="{picture_address(view.picture)}" width="{view.width}" height="{view.height}"/>{boxes}</svg>'
        f"<figcaption>{escape(moment + told)}</figcaption></figure>"
    )


def _box(number: int, frame: FrameScore, view: FrameView, threshold: float | None, scores: bool) -> str:
    x0, y0, x1, y1 = frame.box
    unit = max(view.width, view.height) / 100
    place = f'x="{x0:.1f}" y="{y0:.1f}" width="{x1 - x0:.1f}" height="{y1 - y0:.1f}"'
    kind = "unscored"
    if frame.score is not None:
        kind = "above" if threshold is not None and frame.score >= threshold else "below"
    label = f"{number + 1}: {_score(frame)}" if scores else f"{number + 1}"
    height, width = 5 * unit, (len(label) * 2.35 + 1.5) * unit
    top = y0 - height if y0 >= height else min(y1, view.height - height)
    left = min(max(0.0, x0), max(0.0, view.width - width))
    return (
        f'<rect class="outline" {place} stroke-width="{1.3 * unit:.1f}"/>'
        f'<rect class="{kind}" {place} stroke-width="{0.7 * unit:.1f}" pathLength="100"/>'
        f'<rect class="tag" x="{left:.1f}" y="{top:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
        f'<text x="{left + 0.7 * unit:.1f}" y="{top + 3.8 * unit:.1f}" font-size="{4 * unit:.1f}">'
        f"{escape(label)}</text>"
    )


def _score(frame: FrameScore) -> str:
    return "not scored" if frame.score is None else percent(frame.score)
