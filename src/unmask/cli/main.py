"""The command ``unmask``: its verbs, and what its errors look like to a user."""

from __future__ import annotations

import errno
import io
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from unmask.scanning.warm_start import WarmStart

VERBS = (
    "scan", "demo", "detectors", "doctor", "prepare", "train", "evaluate", "export", "calibrate", "enrol", "study",
    "audit", "serve", "keys", "verify", "feedback", "mcp",
)  # fmt: skip

NOT_WRITTEN = 1
WRONG_USAGE = 2
INTERNAL_ERROR = 70
DEBUG = "UNMASK_DEBUG"

# What a machine can run out of, or break in, at any moment: nobody's wrong usage, and no bug.
OUT_OF = frozenset(
    getattr(errno, name)
    for name in ("ENOSPC", "EDQUOT", "EFBIG", "EIO", "ENOMEM", "EMFILE", "ENFILE")
    if hasattr(errno, name)
)

EXTRAS: Mapping[str, tuple[str, ...]] = {
    "train": (
        "torch", "torchvision", "timm", "lightning", "torchmetrics", "safetensors", "sklearn", "scipy", "yaml",
        "matplotlib", "onnx", "onnxscript",
    ),
    "serve": ("fastapi", "uvicorn", "sqlalchemy", "python_multipart", "prometheus_client", "starlette"),
    "ray": ("ray", "pyarrow", "pandas"),
    "provenance": ("c2pa",),
    "mcp": ("mcp",),
}  # fmt: skip


def main(started: WarmStart | None = None) -> None:
    """Run the command line; ends the process with one of the documented exit codes.

    Parameters
    ----------
    started
        Started for a scan in advance; the verb finds it in its context.
    """
    _print_what_cannot_be_encoded_as_escapes()
    try:
        # A verb's options take time to be made ready for parsing: only those of the verb that is named first.
        build([verb for verb in VERBS if sys.argv[1:2] == [verb]] or VERBS)(obj=started)
    except Exception as error:
        if os.environ.get(DEBUG):
            raise
        message, code = explain(error)
        if message:
            print(f"unmask: {message}", file=sys.stderr)
        sys.exit(code)


def build(verbs: Sequence[str] = VERBS) -> typer.Typer:
    """Make the application.

    Parameters
    ----------
    verbs
        Whose options are made ready.
    """
    app = typer.Typer(
        name="unmask",
        help="Tells whether the faces in an image or video were manipulated, where and when, and how sure it is.",
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        add_completion=False,
    )
    app.callback()(_top)
    for verb in verbs:
        app.command(name=verb)(getattr(import_module(f"unmask.cli.{verb}"), verb))
    return app


def explain(error: Exception) -> tuple[str, int]:
    """Turn an error into one line for the user and an exit code.

    unmask's own exception classes are all for users: their message is one line that says what to do. It is empty
    where nobody would read it.

    Parameters
    ----------
    error
        Its ``exit_code`` counts where it has one; else that of wrong usage.
    """
    from unmask.report.words import printable

    if isinstance(error, ModuleNotFoundError):
        for extra, modules in EXTRAS.items():
            if (error.name or "").split(".")[0] in modules:
                return f'this needs {error.name}, which is not installed: pip install "unmask[{extra}]"', 2
    line = " ".join(str(error).split())
    if type(error).__module__.startswith("unmask."):
        return printable(line), getattr(error, "exit_code", WRONG_USAGE)
    if isinstance(error, OSError) and (error.filename is not None or error.errno in OUT_OF):
        what = error.strerror or line
        code = NOT_WRITTEN if error.errno in OUT_OF else WRONG_USAGE
        return printable(what if error.filename is None else f"{error.filename}: {what}"), code
    hint = f"(a bug: please report it; set {DEBUG}=1 for the traceback)"
    return printable(f"internal error: {type(error).__name__}: {line} {hint}"), INTERNAL_ERROR


def _print_what_cannot_be_encoded_as_escapes() -> None:
    """File names hold any character; a terminal or a pipe with a narrow encoding must not end the run."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def _show_version(wanted: bool) -> None:
    if wanted:
        from unmask import __version__

        typer.echo(f"unmask {__version__}")
        raise typer.Exit


def _top(
    version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_show_version, help="Print the version.")
    ] = False,
) -> None:
    """Hold the options that come before a verb."""
