"""The part of the view that says what of a file was analysed, and what was not."""

from __future__ import annotations

from dataclasses import dataclass

from unmask.report.result import ScanResult
from unmask.report.words import clock, counted

_MOST_TIMES = 48
_LEAST_FACE = 20
SOUND_BELONGS = "sound_belongs_to_face"


@dataclass(frozen=True)
class CoverageView:
    """What was analysed: a sentence, what was found, and what was left out."""

    analysed: str
    found: str
    left_out: str


def coverage_view(result: ScanResult) -> CoverageView | None:
    """Return what was analysed; None for a file that could not be read.

    Parameters
    ----------
    result
        Of the scan.
    """
    if not result.was_read:
        return None
    left_out = "; ".join(_left_out(result))
    return CoverageView(_analysed(result), _found(result), f"Not analysed: {left_out}." if left_out else "")


def frames_were_searched(result: ScanResult) -> bool:
    """Return whether faces were searched for on the sampled frames, and not beside the sound alone.

    Parameters
    ----------
    result
        Of the scan.
    """
    return {opinion.question for opinion in result.opinions} != {SOUND_BELONGS}


def _analysed(result: ScanResult) -> str:
    coverage = result.coverage
    if result.kind == "image":
        return "The whole picture was searched." if frames_were_searched(result) else "The picture was read."
    whole = _frames_of_video(result)
    of = f" (of about {whole:,})" if whole and whole > coverage.frames_sampled else ""
    length = f" of {clock(coverage.duration)} of video" if coverage.duration else ""
    how = ", each searched as a whole" if frames_were_searched(result) else ""
    text = f"{counted(coverage.frames_sampled, 'frame')}{of}{length}{how}"
    if coverage.times:
        times = ", ".join(f"{time:.1f}" for time in coverage.times[:_MOST_TIMES])
        text += f", at {times}{' …' if len(coverage.times) > _MOST_TIMES else ''} s"
    planned = coverage.frames_planned or 0
    if result.verdict not in (None, "inconclusive") and planned > coverage.frames_sampled:
        text += f"; {planned} would have been, had these not settled the verdict"
    return f"{text}."


def _found(result: ScanResult) -> str:
    where = "in it" if result.kind == "image" else "on any of them"
    if not frames_were_searched(result):
        return ""
    if not result.coverage.frames_with_face:
        return f"No face of {_LEAST_FACE} pixels or more was found {where}."
    if result.kind == "image":
        faces = len(result.tracks)
        return f"{counted(faces, 'face')} {'was' if faces == 1 else 'were'} found in it."
    return f"A face was found on {result.coverage.frames_with_face} of them."


def _left_out(result: ScanResult) -> list[str]:
    gap = result.coverage.longest_gap
    judged = {subject.kind for opinion in result.opinions for subject in opinion.subjects}
    heard = "sound" in judged or any(
        opinion.subjects and opinion.question == SOUND_BELONGS for opinion in result.opinions
    )
    parts = []
    if result.kind == "video":
        between = f" (up to {clock(gap)} at a stretch)" if gap else ""
        parts.append(f"what happens between these moments{between}")
        parts += ["the sound"] * (not heard)
    if result.tracks and "picture" not in judged:
        parts.append("everything outside the faces")
    unscored = sum(frame.score is None for track in result.tracks for frame in track.frames)
    if unscored:
        parts.append(f"{counted(unscored, 'observation')} of faces in a crowd, found but not scored")
    return parts


def _frames_of_video(result: ScanResult) -> int | None:
    file = result.evidence.file if result.evidence else None
    for stream in file.streams if file else ():
        if stream.kind == "video":
            if stream.frames:
                return stream.frames
            if stream.frame_rate and result.coverage.duration:
                return round(stream.frame_rate * result.coverage.duration)
    return None
