"""What became of the decisive scores after re-encodings."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from unmask.report.codec import Number, Part, Pattern, Probability, Seconds


@dataclass(frozen=True)
class ReencodedScore(Part):
    """A score after a re-encoding.

    Parameters
    ----------
    reencoding
        Its name, such as jpeg_70.
    score
        Calibrated.
    """

    reencoding: Annotated[str, Pattern("[a-z][a-z0-9_]*")]
    score: Probability


@dataclass(frozen=True)
class FrameStability(Part):
    """A face on a decisive frame, scored again.

    Parameters
    ----------
    time
        Seconds from the start of the file; 0 for an image.
    score
        As it is.
    reencoded
        After each re-encoding.
    """

    time: Seconds
    score: Probability
    reencoded: tuple[ReencodedScore, ...]


@dataclass(frozen=True)
class Stability(Part):
    """How a detector's answer holds up after re-encodings that websites make.

    Parameters
    ----------
    spread
        Root mean square of the shifts of the face's mean logit, in calibrated log-odds; widens the interval.
    reencoded
        The opinion's score after each re-encoding.
    frames
        The decisive face on the frames that were scored again.
    """

    spread: Annotated[float, Number(0, None, 3)]
    reencoded: tuple[ReencodedScore, ...]
    frames: tuple[FrameStability, ...]
