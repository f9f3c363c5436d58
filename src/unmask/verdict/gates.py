"""Quality gates: what makes a face hard to judge, how much it widens the interval, and when to abstain.

A gate looks at one measure of a face on a frame. It can push out an end of the interval, and it can turn a verdict
into ``inconclusive``, alone or together with another; it never moves a score, narrows an interval or turns one verdict
into another.
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
        """Return the reason as plain values."""
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
    limit, full
        Up to ``limit`` the gate is silent, from ``full`` on its doubt is at its largest. ``full`` is below
        ``limit`` where small values are bad, above it where large ones are.
    refuse
        Value from which, further in the same direction, the face is not judged; None for never.
    text
        What is wrong, for people; ``{value}`` stands for the measure.
    up, down
        Standard deviations of the doubt at ``full``, in calibrated log-odds: that the score is too low, because traces
        are hidden, and that it is too high, because traces are feigned. They rise linearly from 0 at ``limit``.
    """

    name: str
    measure: str
    limit: float
    full: float
    refuse: float | None
    text: str
    up: float = 0.0
    down: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.limit + self.full) and self.limit != self.full):
            raise ValueError(f"gate {self.name}: limit and full must be finite and differ")
        if self.up < 0 or self.down < 0:
            raise ValueError(f"gate {self.name}: up and down must be at least 0")

    def severity(self, value: float) -> float:
        """Return how bad a value is: 0 up to ``limit``, 1 from ``full`` on; 0 for what was not measured."""
        if not math.isfinite(value):
            return 0.0
        return min(1.0, max(0.0, (value - self.limit) / (self.full - self.limit)))

    def refuses(self, value: float) -> bool:
        """Whether a face of this value is not to be judged."""
        if self.refuse is None or not math.isfinite(value):
            return False
        return value >= self.refuse if self.full > self.limit else value <= self.refuse


SMALL = "small"
"""The gate on the size of a face."""

# Limits and refusals: where errors rise, and where little more than chance is left, on validation crops of dfdc-faces
# as they are and made worse. Widths: fitted there for the built-in detector by scripts/fit_gates.py, which writes those
# of any detector into its card. docs/gates.md has the figures.
GATES = (
    Gate(SMALL, "side", 64, 24, 24, "the face is small: {value:.0f} pixels", down=3.0),
    Gate("blurred", "detail", 0.32, 0.26, None, "the face is blurred or coarsely compressed", down=3.0),
    Gate("grainy", "detail", 0.65, 0.9, 0.9, "the face is covered by noise", 2.7, 3.0),
    Gate(
        "dark or flat",
        "contrast",
        40,
        8,
        5,
        "the face is dark or flat: its light and dark parts are {value:.0f} of 255 grey levels apart",
        2.3,
        3.0,
    ),
    Gate("over-exposed", "overexposed_share", 0.05, 0.6, None, "the face is over-exposed", 0.9, 3.0),
    Gate("turned away", "turn", 0.12, 0.4, None, "the face is turned to the side", 2.1, 3.0),
    Gate(
        "uncertain face",
        "confidence",
        0.75,
        0.45,
        None,
        "the face may be covered in part: the face finder gives it {value:.2f} of 1",
        2.2,
        3.0,
    ),
)
LEAST_DOWN = 3.0
"""Width that each of these gates has at least about high scores: what was fitted on one set of videos is often 0,
because that set has few such real faces, and in photographs these are called fake two to seven times as often."""
TOGETHER = 0.1
"""Severity from which two gates at once refuse a face. docs/gates.md has the measurements of both."""
OUTLIER = "unlike real faces"
"""The gate on the reconstruction error; it exists where the card holds its distribution on real faces."""
UNFAMILIAR = "no photograph"
"""The gate on the distance from the training faces; it exists where the card has ``quality.familiarity``."""


@dataclass(frozen=True)
class Uncertainty:
    """What the gates say of one face on one frame: the measure and the severity of each gate that has an effect."""

    values: Mapping[Gate, float] = field(default_factory=dict)
    severities: Mapping[Gate, float] = field(default_factory=dict)

    @property
    def up(self) -> float:
        """Variance of the doubt that the score is too low, in squared calibrated log-odds; what is wrong adds up."""
        return sum((gate.up * severity) ** 2 for gate, severity in self.severities.items())

    @property
    def down(self) -> float:
        """Variance of the doubt that the score is too high."""
        return sum((gate.down * severity) ** 2 for gate, severity in self.severities.items())

    @property
    def refused(self) -> bool:
        """Whether the face is not to be judged on this frame."""
        return bool(self.refusing)

    @property
    def refusing(self) -> frozenset[Gate]:
        """The gates for which the face is not to be judged: each alone, or two and more together."""
        alone = {gate for gate, value in self.values.items() if gate.refuses(value)}
        together = {gate for gate, severity in self.severities.items() if severity > TOGETHER}
        return frozenset(alone | together if len(together) > 1 else alone)

    @property
    def names(self) -> tuple[str, ...]:
        """The gates that have an effect, in plain words."""
        return tuple(gate.name for gate in self.values)


def examine(measures: Mapping[str, float | None], gates: Sequence[Gate]) -> Uncertainty:
    """Hold the measures of one face on one frame against the gates; what was not measured fires none."""
    values, severities = {}, {}
    for gate in gates:
        value = measures.get(gate.measure)
        if value is None:
            continue
        severity = gate.severity(value)
        if gate.refuses(value) or (severity > 0 and gate.up + gate.down > 0):
            values[gate], severities[gate] = float(value), severity
    return Uncertainty(values, severities)


@dataclass(frozen=True)
class TrackUncertainty:
    """What the gates say of one face over its scored frames.

    up, down : means of its frames' variances. They are not divided by the number of frames: what is wrong
    with a face is wrong on each. abstains : more than half of the frames are refused. reasons : one for each gate.
    """

    up: float = 0.0
    down: float = 0.0
    abstains: bool = False
    reasons: tuple[Reason, ...] = ()


def track_uncertainty(doubts: Sequence[Uncertainty]) -> TrackUncertainty:
    """Sum up the doubts of a track's scored frames."""
    if not doubts:
        return TrackUncertainty()
    abstains = 2 * sum(doubt.refused for doubt in doubts) > len(doubts)
    gates = list(dict.fromkeys(gate for doubt in doubts for gate in doubt.values))
    return TrackUncertainty(
        sum(doubt.up for doubt in doubts) / len(doubts),
        sum(doubt.down for doubt in doubts) / len(doubts),
        abstains,
        tuple(reason for gate in gates if (reason := _reason(gate, doubts, abstains))),
    )


def _reason(gate: Gate, doubts: Sequence[Uncertainty], abstains: bool) -> Reason | None:
    """Return what a gate did; None where it has no width and its refusals are too few."""
    values = [doubt.values[gate] for doubt in doubts if gate in doubt.values]
    worst = max(values) if gate.full > gate.limit else min(values)
    text = gate.text.format(value=worst)
    if len(values) < len(doubts):
        text += f", on {len(values)} of {len(doubts)} frames"
    refused = abstains and any(gate in doubt.refusing for doubt in doubts)
    if refused and not any(gate.refuses(value) for value in values):
        text += ", and that is not all that is wrong with it"
    if not refused and gate.up + gate.down == 0:
        return None
    return Reason(gate.name, "abstains" if refused else "widens", text)


def outlier_gate(quantiles: Mapping[str, float]) -> Gate:
    """Make the gate on a face that the decoder rebuilds worse than nearly all real faces.

    quantiles : of the reconstruction error on real faces, by share: ``"0.5"`` and ``"0.99"`` are used. The gate is
    silent up to the 99th percentile; its doubt is full as far beyond it as it lies beyond the median, and twice as far
    beyond it the face is refused. It widens nothing unless a card says so: on the built-in detector's validation
    faces the error foretold no mistakes short of that.
    """
    middle, high = quantiles["0.5"], quantiles["0.99"]
    text = f"the face is unlike real faces: reconstruction error {{value:.3f}}, 99 % of them are below {high:.3f}"
    spread = high - middle
    return Gate(OUTLIER, "reconstruction_error", high, high + spread, high + 2 * spread, text)


def unfamiliar_gate(quantiles: Mapping[str, float]) -> Gate:
    """Return the gate on a face that is unlike the photographed faces that the detector learned from.

    Parameters
    ----------
    quantiles
        Of the distance on photographed faces that had no part in its fit: ``"0.95"`` and ``"0.99"`` are used. The gate
        is silent up to the 95th percentile, and from the 99th on the face is not judged.
    """
    low, high = quantiles["0.95"], quantiles["0.99"]
    text = (
        "the face is unlike the photographed faces that the detector learned from, as drawings, sculptures, renders "
        f"and animals are: distance {{value:.1f}}, 99 % of photographs are below {high:.1f}"
    )
    return Gate(UNFAMILIAR, "token_distance", low, high, high, text)


def gates_of(card: object) -> tuple[Gate, ...]:
    """Return a detector's gates: the default ones with the widths that its card holds, and the one on outliers.

    card : its field ``quality`` may be missing or None (cards of earlier versions); then the defaults hold.
    """
    quality: Any = getattr(card, "quality", None)
    if quality is None:
        return GATES
    gates = list(GATES)
    if quality.reconstruction_error is not None:
        gates.append(outlier_gate(quality.reconstruction_error.quantiles))
    if getattr(quality, "familiarity", None) is not None:
        gates.append(unfamiliar_gate(quality.familiarity.distances.quantiles))
    return tuple(_with_widths(gate, *quality.gates.get(gate.name, (gate.up, gate.down))) for gate in gates)


def _with_widths(gate: Gate, up: float, down: float) -> Gate:
    least = LEAST_DOWN if any(gate.name == known.name for known in GATES) else 0.0
    return replace(gate, up=up, down=max(down, least))
