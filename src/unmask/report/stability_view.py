"""The part of the view about re-encodings: what became of each decisive score."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from unmask.report.opinions import Opinion
from unmask.report.words import clock, percent, question_words
from unmask.verdict import REENCODINGS, STABILITY

_STORY = (
    "The crops that decide were scored again after re-encodings that websites make. Signs of manipulation that only "
    "one version of a file shows are weak ones."
)
_FLIPS = "At least one of them takes the score across the threshold, so there is no verdict."


@dataclass(frozen=True)
class StabilityRow:
    """Scores as they are and after each re-encoding, in words."""

    name: str
    scores: tuple[str, ...]


@dataclass(frozen=True)
class StabilityView:
    """A table of one opinion.

    Parameters
    ----------
    question
        Of the opinion; empty where it is the only one.
    story
        What the table says, a sentence or two.
    columns
        As it is, and the re-encodings.
    rows
        One for each decisive frame, and the opinion's.
    """

    question: str
    story: str
    columns: tuple[str, ...]
    rows: tuple[StabilityRow, ...]


def stability_views(opinions: Iterable[Opinion], *, several: bool, video: bool) -> tuple[StabilityView, ...]:
    """Return the tables of the opinions whose decisive face was scored again.

    Parameters
    ----------
    opinions
        Of one file.
    several
        Whether they have to be told apart.
    video
        Whether frames have times.
    """
    return tuple(_view(opinion, several, video) for opinion in opinions if opinion.stability is not None)


def _view(opinion: Opinion, several: bool, video: bool) -> StabilityView:
    found = opinion.stability
    assert found is not None
    rows = [
        StabilityRow(
            f"At {clock(frame.time)}" if video else "The face",
            (percent(frame.score), *(percent(one.score) for one in frame.reencoded)),
        )
        for frame in found.frames
    ]
    if opinion.score is not None:
        scores = percent(opinion.score), *(percent(one.score) for one in found.reencoded)
        rows.append(StabilityRow("The verdict's score", scores))
    flips = any(reason.gate == STABILITY and reason.effect == "abstains" for reason in opinion.reasons)
    return StabilityView(
        question_words(opinion.question) if several else "",
        f"{_STORY} {_FLIPS}" if flips else _STORY,
        ("As it is", *(REENCODINGS.get(one.reencoding, one.reencoding) for one in found.reencoded)),
        tuple(rows),
    )
