"""Tells whether a detector has seen a set before: figures on its training data are no results."""

from __future__ import annotations

from unmask.detectors import Card
from unmask.evaluation.sets import EvaluationSet

IN_DOMAIN, OUT_OF_DOMAIN = "in domain", "out of domain"


def _uses_of(card: Card, part: EvaluationSet) -> set[str]:
    """Return the uses (`training`, `validation`) for which the card names a set, by its folder or dataset.

    Case, spaces and punctuation do not count.
    """
    names = {_plain(part.name), *(_plain(dataset) for dataset in {item.dataset for item in part.items})}
    return {source.use for source in card.data if _plain(source.name) in names}


def domain_of(card: Card, part: EvaluationSet) -> str:
    """Return `in domain` where the card names the set among its data, else `out of domain`.

    Parameters
    ----------
    card
        Of the detector.
    part
        The set.
    """
    return IN_DOMAIN if _uses_of(card, part) else OUT_OF_DOMAIN


def warnings_of(card: Card, part: EvaluationSet) -> list[str]:
    """Return a warning where what was taken of the set is what the detector was trained on.

    Parameters
    ----------
    card, part
        As for `domain_of`.
    """
    if "training" in _uses_of(card, part) and part.split in (None, "train"):
        what = "its split train" if part.split else "a set without splits"
        return [
            f"WARNING: {card.name} was trained on {part.name}, and what was evaluated is {what}: "
            "these figures are no results"
        ]
    return []


def notes_of(card: Card, part: EvaluationSet) -> list[str]:
    """Return a note where the card's choices were made on the set.

    Parameters
    ----------
    card, part
        As for `domain_of`.
    """
    if "validation" in _uses_of(card, part) and part.split in (None, "val"):
        return [
            f"{part.name} is validation data of {card.name}, which chose its threshold and calibration: "
            "figures on it flatter"
        ]
    return []


def _plain(name: str) -> str:
    return "".join(letter for letter in name.casefold() if letter.isalnum())
