"""What an examiner writes at the head of a report."""

from __future__ import annotations

from dataclasses import dataclass, fields

from unmask.report.file_view import Row
from unmask.report.words import printable

MOST_CHARACTERS = 200


@dataclass(frozen=True)
class CaseData:
    """Free text that goes with a report and changes nothing in it.

    Parameters
    ----------
    case, exhibit, examiner
        Each of at most 200 characters; spaces around it are left out, and an empty one is not shown.

    Raises
    ------
    ValueError
        When a text is longer.
    """

    case: str = ""
    exhibit: str = ""
    examiner: str = ""

    def __post_init__(self) -> None:
        for field in fields(self):
            text = getattr(self, field.name).strip()
            if len(text) > MOST_CHARACTERS:
                raise ValueError(f"{field.name} has {len(text)} characters; {MOST_CHARACTERS} are allowed")
            object.__setattr__(self, field.name, text)

    @property
    def rows(self) -> tuple[Row, ...]:
        """Names and texts, printable; they are still to be escaped."""
        given = ((field.name, getattr(self, field.name)) for field in fields(self))
        return tuple(Row(name.capitalize(), printable(text)) for name, text in given if text)
