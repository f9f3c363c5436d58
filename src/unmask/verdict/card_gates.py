"""The quality gates that belong to a detector: the default ones of faces, and those that follow from its card."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from unmask.verdict.gates import Gate

SMALL = "small"
"""The gate on the size of a face."""

# Of detectors of faces whose card has none. Limits and rejections: where errors rise, and where little more than chance
# is left, on validation crops of dfdc-faces as they are and made worse. Widths: fitted there for the built-in detector
# by scripts/fit_gates.py, which writes those of any detector into its card. docs/gates.md has the figures.
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
OUTLIER = "unlike real faces"
"""The gate on the reconstruction error; it exists where the card holds its distribution on real faces."""
UNITS_OF_FACES = frozenset({"face", "face_clip"})
"""Inputs of a card for which the default gates hold."""
UNFAMILIAR = "no photograph"
"""The gate on the distance from the training faces; it exists where the card has ``quality.familiarity``."""


def outlier_gate(quantiles: Mapping[str, float]) -> Gate:
    """Make the gate on a face that the decoder rebuilds worse than nearly all real faces.

    Parameters
    ----------
    quantiles
        Of the reconstruction error on real faces, by share: ``"0.5"`` and ``"0.99"`` are used. The gate is silent up to
        the 99th percentile; its uncertainty is full as far beyond it as it lies beyond the median, and twice as far
        beyond it the face is rejected. It widens nothing unless a card says so: on the built-in detector's validation
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


def gates_of(card: Any) -> tuple[Gate, ...]:
    """Return a detector's gates: limits of its card, or else the default ones of faces, with the widths that it holds.

    Parameters
    ----------
    card
        An `unmask.detectors.Card`, which this room does not import.

    Notes
    -----
    A card may have a distribution of the reconstruction error, or of the distance from the training faces, on real
    faces; then there is a gate on it as well.
    """
    if card.gates is not None:
        gates = [Gate(**gate.model_dump()) for gate in card.gates]
    else:
        gates = list(GATES) if card.input.unit in UNITS_OF_FACES else []
    quality = card.quality
    if quality is None:
        return tuple(gates)
    if quality.reconstruction_error is not None:
        gates.append(outlier_gate(quality.reconstruction_error.quantiles))
    if quality.familiarity is not None:
        gates.append(unfamiliar_gate(quality.familiarity.distances.quantiles))
    return tuple(_with_widths(gate, quality.gates.get(gate.name)) for gate in gates)


def _with_widths(gate: Gate, widths: tuple[float, float] | None) -> Gate:
    up, down = widths or (gate.up, gate.down)
    least = LEAST_DOWN if any(gate.name == known.name for known in GATES) else 0.0
    return replace(gate, up=up, down=max(down, least))
