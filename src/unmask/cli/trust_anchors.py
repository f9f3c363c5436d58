"""Trust anchors of content credentials, read from the file that a command names."""

from __future__ import annotations

from pathlib import Path

import typer

from unmask.cli.folders import reason


def read_trust_anchors(path: Path) -> str:
    """Read trust anchors of content credentials.

    Parameters
    ----------
    path
        Of a file in PEM.

    Raises
    ------
    typer.BadParameter
        When it cannot be read, or holds no certificate.
    """
    from unmask.media import trust_anchors

    try:
        return trust_anchors(path.read_text(encoding="ascii", errors="replace"))
    except OSError as error:
        raise typer.BadParameter(f"{path}: {reason(error)}", param_hint="--trust-anchors") from None
    except ValueError as error:
        raise typer.BadParameter(f"{path}: {error}", param_hint="--trust-anchors") from None
