"""What a card says of parts of the face, of kinds of manipulation, and of a threshold fixed on a user's own files."""

from __future__ import annotations

from pydantic import Field, FiniteFloat, NonNegativeFloat

from unmask.detectors.inputs import CardPart


class EnrolledKind(CardPart):
    """A kind of manipulation that a user showed examples of.

    Parameters
    ----------
    name
        As the user named it.
    faces
        Number of examples.
    separation
        How far they lie from real faces, in standard deviations of these.
    """

    name: str
    faces: int = Field(ge=2)
    separation: NonNegativeFloat


class KnownKinds(CardPart):
    """The file ``prototypes.npz``, by which a detector says which kind of manipulation a face resembles.

    It lies beside the detector's weights, or beside those of its trunk, where several detectors share it.

    Parameters
    ----------
    sha256
        Of the file.
    trunk
        Identity of the trunk whose tokens it describes; empty without a trunk.
    slope
        Weight of a prototype's score among the log-odds of the kinds.
    unknown
        Log-odds of "none of the known", on the scale of the weighted scores.
    fitted_on
        The data of both.
    enrolled
        What ``unmask enrol`` added; each that is separate enough raises the logits of faces that match it.
    """

    sha256: str
    trunk: str
    slope: float = Field(gt=0)
    unknown: FiniteFloat
    fitted_on: str = ""
    enrolled: tuple[EnrolledKind, ...] = ()


class PartsOfFace(CardPart):
    """The file ``parts.npz``, by which a report says which part of a face its map is about.

    It lies beside the detector's weights, or beside those of its trunk, where several detectors share it.

    Parameters
    ----------
    sha256
        Of the file.
    trunk
        Identity of the trunk whose tokens it reads.
    names
        Of the parts.
    faces
        Real faces that it was learned on.
    sets
        Their sets.
    """

    sha256: str
    trunk: str
    names: tuple[str, ...] = ()
    faces: int | None = Field(default=None, ge=1)
    sets: tuple[str, ...] = ()


class PromisedRate(CardPart):
    """A rate of false positives and the threshold that promises it.

    Parameters
    ----------
    rate
        The highest rate that is accepted.
    threshold
        On the calibrated score.
    interval
        90 % interval of the rate itself, given the files that it was fixed on.
    """

    rate: float = Field(gt=0, lt=1)
    threshold: float = Field(ge=0, le=1)
    interval: tuple[float, float]


class Lineage(CardPart):
    """What a detector was derived from by ``unmask calibrate``: the same weights, another rule.

    Parameters
    ----------
    parent, parent_version
        As its card has them.
    parent_card_sha256
        Of its card's file.
    data_sha256
        Of the sorted lines "path, group, score" of the scored real files, separated by tabs.
    files
        Scored real files.
    groups
        Of these only the highest score counted.
    fakes
        Scored fake files of a new calibration, 0 without one.
    rates
        The first is that of the card's threshold.
    """

    parent: str
    parent_version: str
    parent_card_sha256: str
    data_sha256: str
    files: int = Field(ge=1)
    groups: int = Field(ge=1)
    fakes: int = Field(default=0, ge=0)
    rates: tuple[PromisedRate, ...]
