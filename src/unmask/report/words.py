"""Plain words for verdicts and statuses, and names made safe to show."""

from __future__ import annotations

from dataclasses import dataclass

from unmask.report.opinions import Attribution
from unmask.report.result import ScanResult

VERDICTS = {
    "likely_fake": "likely fake",
    "likely_real": "likely real",
    "inconclusive": "inconclusive",
}
STATUSES = {
    "ok": "ok",
    "no_face": "no face",
    "unreadable": "unreadable",
    "unsupported": "unsupported",
    "too_large": "too large",
    "failed": "failed",
}
QUESTIONS = {
    "face_manipulated": "Was a face swapped or re-enacted?",
    "face_generated": "Was a face made by a machine?",
    "sound_belongs_to_face": "Does the sound belong to the face?",
}
MEANINGS = {
    "likely_fake": "The detector found signs that a face was swapped or re-enacted.",
    "likely_real": "The detector noticed no signs of a swapped or re-enacted face. That is no proof of authenticity.",
    "inconclusive": "The evidence does not allow a verdict: the score or its interval lies across the threshold.",
    "no_face": "No face was found in what was analysed, so there is nothing to score.",
    "unreadable": "The file could not be read, so nothing can be said about it.",
    "unsupported": "This kind of file is not read, so nothing can be said about it.",
    "too_large": "The file is beyond the limits, so nothing can be said about it.",
    "failed": "unmask itself failed, so nothing can be said about the file.",
}
# Of an opinion on another question than on manipulated faces, and of a file on which there are several.
ANSWERS = {
    "likely_fake": "The detector found signs of manipulation.",
    "likely_real": "The detector noticed no signs of manipulation. That is no proof of authenticity.",
    "inconclusive": MEANINGS["inconclusive"],
    "no_face": "Nothing was found in what was analysed that could be judged.",
}
NOTHING_TO_JUDGE = "The file has nothing that this detector could judge."
ADVICE = {
    "inconclusive": "What may help: a better copy of the file (larger, less compressed, not filmed from a screen), or "
    "a scan of more frames.",
    "no_face": "Faces smaller than 20 pixels are ignored. In a video, a scan of more frames may meet a face.",
    "unreadable": "Check that the file plays elsewhere, and that it was transferred completely.",
}
KINDS = {
    "swap_video": "faces swapped in videos",
    "reenactment": "re-enacted faces",
    "blend_self": "faces changed and blended back",
    "blend_face": "faces of others blended in",
    "gan_swap": "faces replaced by a GAN in photographs",
    "generated": "wholly generated faces",
}
"""Families of manipulation; what users enrolled has the names that they gave it."""
CANNOT_TELL = (
    "A verdict answers only what was asked: by default, whether a face was swapped or re-enacted.",
    "Unless a detector for it was named, it says nothing about sound, nor about wholly generated faces; and never "
    "about edits away from faces.",
    "A score is a calibrated estimate, not proof. Strong compression, small or dark faces and methods "
    "newer than the detector make it less certain.",
)


@dataclass(frozen=True)
class Row:
    """A name and a value.

    Parameters
    ----------
    code
        Whether the value is for machines, such as a hash.
    """

    name: str
    value: str
    code: bool = False


def headline(result: ScanResult) -> str:
    """Return a scan's verdict, else its status, in two words.

    Parameters
    ----------
    result
        Of the scan.
    """
    return VERDICTS[result.verdict] if result.verdict else STATUSES[result.status]


def notes(result: ScanResult) -> str:
    """Return in one line what else there is to know: the detail, what a face resembles, each reason for doubt.

    That it resembles none of the known kinds is left to the report.

    Parameters
    ----------
    result
        Of the scan.
    """
    alike = [
        attribution_words(one.attribution)
        for one in result.opinions
        if one.attribution and one.attribution.resembles
    ]
    return "; ".join([*([result.detail] if result.detail else []), *alike, *(r.text for r in result.reasons)])


def attribution_words(attribution: Attribution) -> str:
    """Return which kind of manipulation a face resembles, not printable yet.

    Parameters
    ----------
    attribution
        Of an opinion.
    """
    name = attribution.resembles
    known = "none of the known kinds" if name is None else KINDS.get(name, name)
    return f"resembles {known} ({percent(attribution.confidence)})"


def meaning(result: ScanResult) -> str:
    """Return in a sentence what the headline means.

    Parameters
    ----------
    result
        Of the scan.
    """
    return MEANINGS[result.verdict or result.status]


CUT_OFF = "cut off by the picture's edge, so it does not count"
"""What is said of a face that is set aside."""


def face_name(track: int) -> str:
    """Return the name of a face as people count, from 1.

    Parameters
    ----------
    track
        Its id, from 0.
    """
    return f"Face {track + 1}"


def printable(text: str) -> str:
    """Return text with control characters, line breaks, direction marks and undecodable bytes as escapes.

    Parameters
    ----------
    text
        Of a file.
    """
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in text)


def percent(value: float | None) -> str:
    """Return a probability as whole per cent, never rounded to a certainty it does not have.

    Parameters
    ----------
    value
        In [0, 1]; None is a dash.
    """
    if value is None:
        return "-"
    if 0 < value < 0.01:
        return "<1 %"
    if 0.99 < value < 1:
        return ">99 %"
    return f"{value:.0%}".replace("%", " %")


def interval_words(interval: tuple[float, float] | None) -> str:
    """Return an interval of probabilities in words.

    Parameters
    ----------
    interval
        (low, high) in [0, 1]; None is a dash.
    """
    if interval is None:
        return "-"
    low, high = map(percent, interval)
    return f"{low} throughout" if low == high else f"{low} to {high}"


def clock(seconds: float, step: float = 0.1) -> str:
    """Return a time as seconds below a minute, else as minutes or hours with seconds.

    Parameters
    ----------
    seconds
        From the first frame.
    step
        Between two such times, in seconds; below 1 tenths are shown.
    """
    tenths = step < 1
    if round(seconds, 1 if tenths else 0) < 60:
        return f"{seconds:.1f} s" if tenths else f"{seconds:.0f} s"
    whole, rest = divmod(round(seconds * 10) if tenths else 10 * round(seconds), 10)
    minutes, second = divmod(whole, 60)
    hours, minutes = divmod(minutes, 60)
    text = f"{hours}:{minutes:02d}:{second:02d}" if hours else f"{minutes}:{second:02d}"
    return f"{text}.{rest}" if tenths else text


def stretch(start: float, end: float) -> str:
    """Return a stretch of time in words: from when to when, or the one moment.

    Parameters
    ----------
    start, end
        In seconds.
    """
    return f"{clock(start)} to {clock(end)}" if end > start else f"at {clock(start)}"


def question_words(question: str) -> str:
    """Return a question as a person would ask it.

    Parameters
    ----------
    question
        As an opinion has it.
    """
    return QUESTIONS.get(question) or f"{question.replace('_', ' ').capitalize()}?"


def counted(count: int, noun: str) -> str:
    """Return a count with its noun: ``1 frame``, ``6 frames``.

    Parameters
    ----------
    count
        At least 0.
    noun
        In the singular.
    """
    return f"{count:,} {noun}" if count == 1 else f"{count:,} {noun}s"
