"""The part of the view that states the method: what was asked, how, and what is known of the errors."""

from __future__ import annotations

from dataclasses import dataclass

from unmask.report.words import Row


@dataclass(frozen=True)
class ErrorRates:
    """What a detector's card says of one validation set, in words.

    Parameters
    ----------
    items
        Real and fake ones.
    false_positives, misses, auc
        With their 95 % intervals; a dash where the card has none.
    """

    dataset: str
    items: str
    false_positives: str
    misses: str
    auc: str


@dataclass(frozen=True)
class AskedQuestion:
    """A question that a detector was asked.

    Parameters
    ----------
    question
        In plain words.
    rows
        Which detector, what it reads, what it learned from, its rule.
    rates
        One a validation set.
    notes
        What the rates do not say, and the limits that the card states.
    unit
        What the rates count, in the plural.
    """

    question: str
    rows: tuple[Row, ...]
    rates: tuple[ErrorRates, ...]
    notes: tuple[str, ...]
    unit: str = "single faces"


@dataclass(frozen=True)
class MethodView:
    """The method statement of one file; strings are printable, and still to be escaped.

    Parameters
    ----------
    questions
        With their detectors.
    sampling
        How frames were chosen, in sentences.
    """

    questions: tuple[AskedQuestion, ...]
    sampling: tuple[str, ...]
