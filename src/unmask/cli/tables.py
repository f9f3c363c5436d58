"""Where tables are printed: as wide as the terminal, and as wide as they are where they are piped."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.console import Console

_UNBOUNDED = 100_000


def table_console() -> Console:
    """Return standard output for tables: a terminal folds cells to its width, a pipe or a file gets whole lines.

    ``COLUMNS`` sets the width of both.
    """
    from rich.console import Console

    console = Console()
    if not console.is_terminal and "COLUMNS" not in os.environ:
        console.width = _UNBOUNDED
    return console
