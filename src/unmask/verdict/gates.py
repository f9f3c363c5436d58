"""Quality gates: what makes a face hard to judge, how much it widens the interval, and when to abstain.

A gate looks at one measure of a face on a frame. It can push out an end of the interval, and it can turn a verdict
into ``inconclusive``, alone or together with another; it never moves a score, narrows an interval or turns one verdict
into another.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

Effect = Literal["widens", "abstains", "sets_aside"]


@dataclass(frozen=True)
class Reason:
    """Why an interval is wider, why there is no verdict, or why a face has no part in it, in plain words.

    Parameters
    ----------
    gate
        The gate's name; ``interval`` or ``band`` for a verdict that is inconclusive without any gate.
    effect
        ``widens`` the interval, ``abstains`` from a verdict, or ``sets_aside`` a face beside others.
    text
        One line for people.
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
        What is looked at: a field of ``faces.FaceQuality``, or a measure of the detector's.
    starts_at, saturates_at
        Up to ``starts_at`` the gate is silent, from ``saturates_at`` on its uncertainty is at its largest.
        ``saturates_at`` is below ``starts_at`` where small values are bad, above it where large ones are.
    reject_at
        Value from which, further in the same direction, the face is not judged; None for never.
    text
        What is wrong, for people; ``{value}`` stands for the measure.
    up, down
        Standard deviations of the uncertainty at ``saturates_at``, in calibrated log-odds: that the score is too low,
        because traces are hidden, and that it is too high, because traces are feigned. They rise linearly from 0 at
        ``starts_at``.
    """

    name: str
    measure: str
    starts_at: float
    saturates_at: float
    reject_at: float | None
    text: str
    up: float = 0.0
    down: float = 0.0

    def __post_init__(self) -> None:
        if not (math.isfinite(self.starts_at + self.saturates_at) and self.starts_at != self.saturates_at):
            raise ValueError(f"gate {self.name}: starts_at and saturates_at must be finite and differ")
        if self.up < 0 or self.down < 0:
            raise ValueError(f"gate {self.name}: up and down must be at least 0")

    def severity(self, value: float) -> float:
        """Return how bad a value is: 0 up to ``starts_at``, 1 from ``saturates_at`` on.

        Parameters
        ----------
        value
            Of the measure; not finite where it was not measured, which counts as 0.
        """
        if not math.isfinite(value):
            return 0.0
        return min(1.0, max(0.0, (value - self.starts_at) / (self.saturates_at - self.starts_at)))

    def rejects(self, value: float) -> bool:
        """Return whether a face of this value is not to be judged.

        Parameters
        ----------
        value
            As for `severity`.
        """
        if self.reject_at is None or not math.isfinite(value):
            return False
        return value >= self.reject_at if self.saturates_at > self.starts_at else value <= self.reject_at


TOGETHER = 0.1
"""Severity from which two gates at once reject a face. docs/gates.md has the measurements."""


@dataclass(frozen=True)
class Uncertainty:
    """What the gates say of one face on one frame: the measure and the severity of each gate that has an effect."""

    values: Mapping[Gate, float] = field(default_factory=dict)
    severities: Mapping[Gate, float] = field(default_factory=dict)

    @property
    def variance_up(self) -> float:
        """Variance of the uncertainty that the score is too low, in squared calibrated log-odds; gates add up."""
        return sum((gate.up * severity) ** 2 for gate, severity in self.severities.items())

    @property
    def variance_down(self) -> float:
        """Variance of the uncertainty that the score is too high."""
        return sum((gate.down * severity) ** 2 for gate, severity in self.severities.items())

    @property
    def rejected(self) -> bool:
        """Whether the face is not to be judged on this frame."""
        return bool(self.rejecting)

    @property
    def rejecting(self) -> frozenset[Gate]:
        """The gates for which the face is not to be judged: each alone, or two and more together."""
        alone = {gate for gate, value in self.values.items() if gate.rejects(value)}
        together = {gate for gate, severity in self.severities.items() if severity > TOGETHER}
        return frozenset(alone | together if len(together) > 1 else alone)

    @property
    def names(self) -> tuple[str, ...]:
        """The gates that have an effect, in plain words."""
        return tuple(gate.name for gate in self.values)


def examine(measures: Mapping[str, float | None], gates: Sequence[Gate]) -> Uncertainty:
    """Return what the gates say of one face on one frame.

    Parameters
    ----------
    measures
        By name; one that is missing or None has no effect.
    gates
        Of the detector.
    """
    values, severities = {}, {}
    for gate in gates:
        value = measures.get(gate.measure)
        if value is None:
            continue
        severity = gate.severity(value)
        if gate.rejects(value) or (severity > 0 and gate.up + gate.down > 0):
            values[gate], severities[gate] = float(value), severity
    return Uncertainty(values, severities)


@dataclass(frozen=True)
class TrackUncertainty:
    """What the gates say of one face over its scored frames.

    Parameters
    ----------
    variance_up, variance_down
        Means of its frames' variances. They are not divided by the number of frames: what is wrong with a face is
        wrong on each.
    abstains
        Whether more than half of the frames are rejected.
    reasons
        One for each gate.
    """

    variance_up: float = 0.0
    variance_down: float = 0.0
    abstains: bool = False
    reasons: tuple[Reason, ...] = ()


def track_uncertainty(uncertainties: Sequence[Uncertainty]) -> TrackUncertainty:
    """Sum up the uncertainties of a track.

    Parameters
    ----------
    uncertainties
        One for each scored frame.
    """
    if not uncertainties:
        return TrackUncertainty()
    abstains = 2 * sum(one.rejected for one in uncertainties) > len(uncertainties)
    gates = list(dict.fromkeys(gate for one in uncertainties for gate in one.values))
    return TrackUncertainty(
        sum(one.variance_up for one in uncertainties) / len(uncertainties),
        sum(one.variance_down for one in uncertainties) / len(uncertainties),
        abstains,
        tuple(reason for gate in gates if (reason := _reason(gate, uncertainties, abstains))),
    )


def _reason(gate: Gate, uncertainties: Sequence[Uncertainty], abstains: bool) -> Reason | None:
    """Return what a gate did; None where it has no width and its rejections are too few."""
    values = [one.values[gate] for one in uncertainties if gate in one.values]
    worst = max(values) if gate.saturates_at > gate.starts_at else min(values)
    text = gate.text.format(value=worst)
    if len(values) < len(uncertainties):
        text += f", on {len(values)} of {len(uncertainties)} frames"
    rejected = abstains and any(gate in one.rejecting for one in uncertainties)
    if rejected and not any(gate.rejects(value) for value in values):
        text += ", and that is not all that is wrong with it"
    if not rejected and gate.up + gate.down == 0:
        return None
    return Reason(gate.name, "abstains" if rejected else "widens", text)
