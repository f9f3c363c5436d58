"""``unmask keys``: the API keys of a server."""

from __future__ import annotations

from datetime import datetime, timezone
from enum import Enum
from pathlib import Path
from typing import Annotated

import typer

DATABASE = "UNMASK_DATABASE"

Folder = Annotated[
    Path | None,
    typer.Option(help="Data folder of the server. Default: serve, in the user's data folder."),
]
Database = Annotated[
    str | None,
    typer.Option(envvar=DATABASE, help="SQLAlchemy URL of the job store. Default: SQLite in the folder."),
]


class Action(str, Enum):
    """What to do with a key."""

    add = "add"
    list = "list"
    revoke = "revoke"
    secret = "secret"  # noqa: S105 (a word of the command line)


def keys(
    action: Annotated[
        Action, typer.Argument(help="add NAME, list, revoke NAME, or secret [NAME].", show_default=False)
    ],
    name: Annotated[str | None, typer.Argument(help="Whom the key is for.", show_default=False)] = None,
    folder: Folder = None,
    database: Database = None,
    new: Annotated[bool, typer.Option("--new", help="secret: make a new one in place of the old.")] = False,
) -> None:
    """Make, list and revoke the API keys of `unmask serve`; print the secret that signs a key's webhooks.

    A new key is printed once; only its hash is kept. Without keys the server has one secret: secret without a name.
    """
    from unmask.cli.streams import OutputError
    from unmask.serve import ServeError, ServeSettings
    from unmask.serve.database import connect
    from unmask.serve.files import make_folders
    from unmask.serve.keys import KeyStore
    from unmask.serve.signing import SecretStore

    given = {"folder": folder, "database": database}
    settings = ServeSettings.checked(**{key: value for key, value in given.items() if value is not None})
    if settings.database is None:
        if (
            action is not Action.add and not settings.folder.is_dir()
        ):  # A mistyped one would hold an empty store.
            raise ServeError(
                f"there is no folder {settings.folder}; `unmask keys add` and `unmask serve` make it"
            )
        make_folders(settings)
    store = KeyStore(connect(settings.database_url))
    if action is Action.list:
        for key in store.list():
            made = datetime.fromtimestamp(key.created, timezone.utc)
            typer.echo(f"{key.id}  {made:%Y-%m-%d}  {key.name}")
        return
    if action is Action.secret:
        secrets = SecretStore(store.engine)
        owner = None if name is None else store.id_of(name)
        typer.echo(secrets.replace(owner) if new else secrets.secret(owner))
        return
    if name is None:
        raise ServeError(f"{action.value} needs a name: unmask keys {action.value} NAME")
    if action is Action.add:
        token = store.add(name)
        try:
            typer.echo(token)
        except OutputError:
            store.revoke(name.strip())  # A key that nobody has seen is of no use, and its name is free again.
            raise
    else:
        store.revoke(name)
