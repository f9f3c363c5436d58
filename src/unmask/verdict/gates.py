"""Quality gates: what makes a face hard to judge, how much it widens the interval, and when to abstain.

A gate looks at one measure of a face on a frame. It can widen an interval and it can turn a verdict into
``inconclusive``; it never moves a score, narrows an interval or turns one verdict into another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Literal

Effect = Literal["widens", "abstains"]



@dataclass(frozen=True)
class Reason:
    """Why an interval is wider, or why there is no verdict, in plain words.

    gate : the gate's name; ``interval`` or ``band`` for a verdict that is inconclusive without any gate.
    effect : ``widens`` the interval, or ``abstains`` from a verdict. text : one line for people.
    """

    gate: str
    effect: Effect
    text: str

    def to_dict(self) -> dict[str, str]:
        """Give the reason as plain values."""
        return {"gate": self.gate, "effect": self.effect, "text": self.text}


@dataclass(frozen=True)
class Gate:
    """One thing that makes a face hard to judge.

    Parameters
    ----------
    name
        In plain words, such as ``"small"``.
    measure
        What is looked at: a field of ``faces.FaceQuality``, or ``"reconstruction_error"``.
    limit, refuse
        Up to ``limit`` the gate is silent; from ``refuse`` on the face is not judged. ``refuse`` is below
        ``limit`` where small values are bad, above it where large ones are.
    sd
        Standard deviation of the doubt at ``refuse``, in calibrated log-odds; it rises linearly from 0 at ``limit``.
    text
        What is wrong, for people; ``{value}`` stands for the measure.
    """

    name: str
    measure: str
    limit: float
    refuse: float
    sd: float
    text: str

    def __post_init__(self) -> None:
        if not (math.isfinite(self.limit + self.refuse) and self.limit != self.refuse and self.sd >= 0):
            raise ValueError(f"gate {self.name}: needs two finite, different limits and sd >= 0")

    def severity(self, value: float) -> float:
        """Say how bad a value is: 0 up to ``limit``, 1 from ``refuse`` on; 0 for what was not measured."""
        if not math.isfinite(value):
            return 0.0
        return min(1.0, max(0.0, (value - self.limit) / (self.refuse - self.limit)))


# Limits: where errors begin to rise on the validation crops of dfdc-faces and on made degradations of them, and
# where hardly more than chance is left. Widths: fitted there for the built-in detector by scripts/fit_gates.py,
# which writes those of another detector into its card. See docs/gates.md.
GATES = (
    Gate("small", "side", 160, 32, 1.0, "the face is small: {value:.0f} pixels"),
    Gate("blurred", "detail", 0.32, 0.25, 1.0, "the face is blurred or coarsely compressed"),
    Gate("grainy", "detail", 0.5, 0.9, 1.0, "the face is covered by noise"),
    Gate("dark", "brightness", 40, 8, 1.0, "the face is dark: mean brightness {value:.0f} of 255"),
    Gate("over-exposed", "burnt", 0.02, 0.5, 1.0, "the face is over-exposed: {value:.2f} of it is white"),
    Gate("turned away", "turn", 0.12, 0.4, 1.0, "the face is turned to the side"),
    Gate(
        "uncertain face",
        "confidence",
        0.75,
        0.45,
        1.0,
        "the face may be covered in part: the face finder is sure of it only by {value:.2f}",
    ),
)
OUTLIER = "unlike real faces"
OUTLIER_SD = 1.0


@dataclass(frozen=True)
class Doubt:
    """What the gates say of one face on one frame.

    fired : severity in (0, 1] of each gate that fired. values : the measure that it fired at. variance : of
    the doubt, in squared calibrated log-odds.
    """

    fired: Mapping[Gate, float] = field(default_factory=dict)
    values: Mapping[Gate, float] = field(default_factory=dict)

    @property
    def variance(self) -> float:
        """Sum of the gates' variances: what is wrong with a face adds up."""
        return sum((gate.sd * severity) ** 2 for gate, severity in self.fired.items())

    @property
    def refused(self) -> bool:
        """Whether the face is not to be judged on this frame."""
        return any(severity >= 1 for severity in self.fired.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The gates that fired, in plain words."""
        return tuple(gate.name for gate in self.fired)


def examine(measures: Mapping[str, float | None], gates: Sequence[Gate]) -> Doubt:
    """Hold the measures of one face on one frame against the gates; what was not measured fires none."""
    values = {gate: measures.get(gate.measure) for gate in gates}
    known = {gate: float(value) for gate, value in values.items() if value is not None}
    fired = {gate: severity for gate, value in known.items() if (severity := gate.severity(value)) > 0}
    return Doubt(fired, {gate: known[gate] for gate in fired})


@dataclass(frozen=True)
class TrackDoubt:
    """What the gates say of one face over its scored frames.

    variance : mean of its frames' variances. It is not divided by their number: what is wrong with a face is
    wrong on every frame. abstains : more than half of the frames are refused. reasons : one for each gate that fired.
    """

    variance: float = 0.0
    abstains: bool = False
    reasons: tuple[Reason, ...] = ()


def track_doubt(doubts: Sequence[Doubt]) -> TrackDoubt:
    """Sum up the doubts of a track's scored frames."""
    if not doubts:
        return TrackDoubt()
    abstains = 2 * sum(doubt.refused for doubt in doubts) > len(doubts)
    gates = list(dict.fromkeys(gate for doubt in doubts for gate in doubt.fired))
    reasons = tuple(_reason(gate, doubts, abstains) for gate in gates)
    return TrackDoubt(sum(doubt.variance for doubt in doubts) / len(doubts), abstains, reasons)


def _reason(gate: Gate, doubts: Sequence[Doubt], abstains: bool) -> Reason:
    severities = [doubt.fired.get(gate, 0.0) for doubt in doubts]
    worst = max(range(len(doubts)), key=severities.__getitem__)
    seen = sum(severity > 0 for severity in severities)
    text = gate.text.format(value=doubts[worst].values[gate])
    if seen < len(doubts):
        text += f", on {seen} of {len(doubts)} frames"
    return Reason(gate.name, "abstains" if abstains and severities[worst] >= 1 else "widens", text)


def outlier_gate(quantiles: Mapping[str, float], sd: float = OUTLIER_SD) -> Gate:
    """Make the gate on a face that the decoder rebuilds worse than nearly all real faces.

    quantiles : of the reconstruction error on real faces, by share: ``"0.5"`` and ``"0.99"`` are used. The gate
    is silent up to the 99th percentile, and refuses from as far beyond it as it lies beyond the median.
    """
    middle, high = quantiles["0.5"], quantiles["0.99"]
    text = f"the face is unlike real faces: reconstruction error {{value:.3f}}, 99 % of them are below {high:.3f}"
    return Gate(OUTLIER, "reconstruction_error", high, 2 * high - middle, sd, text)


def gates_of(card: object) -> tuple[Gate, ...]:
    """Give a detector's gates: the default ones as its card fits them, and the one on outliers.

    card : its field ``quality`` may be missing or None (cards of earlier versions); then the defaults hold.
    """
    quality: Any = getattr(card, "quality", None)
    if quality is None:
        return GATES
    gates = list(GATES)
    if quality.reconstruction_error is not None:
        gates.append(outlier_gate(quality.reconstruction_error.quantiles))
    return tuple(replace(gate, sd=quality.gates.get(gate.name, gate.sd)) for gate in gates)
