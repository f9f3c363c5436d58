"""``unmask mcp``: tools for assistants, on standard input and output."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Annotated

import typer

from unmask.defaults import DETECTOR


def mcp(
    allow: Annotated[
        list[Path],
        typer.Option(
            metavar="FOLDER", help="Folder whose files may be scanned; repeatable.", show_default=False
        ),
    ],
    detector: Annotated[
        str, typer.Option(help="Detector that is asked where the assistant names none.")
    ] = DETECTOR,
) -> None:
    """Let an assistant scan local files, by the Model Context Protocol (stdio).

    Needs the extra named mcp. Files are read only below the folders that --allow names.
    """
    from unmask.mcp.folders import AllowedFolders
    from unmask.mcp.server import make_server
    from unmask.mcp.tools import ScanTools

    with contextlib.closing(ScanTools(AllowedFolders(allow), detector)) as tools:
        make_server(tools).run("stdio")
