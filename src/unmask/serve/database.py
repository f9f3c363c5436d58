"""The tables, and an engine for any database that SQLAlchemy knows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    create_engine,
    event,
    insert,
    make_url,
    select,
)
from sqlalchemy.exc import ArgumentError, IntegrityError, NoSuchModuleError, SQLAlchemyError

from unmask.serve.settings import ServeError

# Raised when a column changes. A new table is made in an older store as it is opened.
VERSION = 2
BUSY_SECONDS = 15.0

metadata = MetaData()

# Times are seconds since 1970 as numbers: the same in every database, without its time zones.
jobs = Table(
    "unmask_jobs",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("created", BigInteger, nullable=False),  # microseconds, so that a page's end is exact
    Column("updated", Float, nullable=False),
    Column("started", Float),
    Column("finished", Float),
    Column("state", String(10), nullable=False),
    Column("progress", Float, nullable=False, default=0.0),
    Column("attempts", Integer, nullable=False, default=0),
    Column("claim", String(32)),
    Column("worker", String(32)),
    Column("lease", Float),
    Column("owner", String(16)),
    Column("name", String(255), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("detector", String(255), nullable=False),
    Column("frames", Integer),
    Column("kept", Boolean, nullable=False, default=False),
    Column("status", String(20)),
    Column("verdict", String(20)),
    Column("score", Float),
    Column("result", Text),
    Column("failure", Text),
    Index("unmask_jobs_queue", "state", "created"),
    Index("unmask_jobs_newest", "created", "id"),
    Index("unmask_jobs_of_owner", "owner", "created", "id"),
    Index("unmask_jobs_finished", "finished"),
)

workers = Table(
    "unmask_workers",
    metadata,
    Column("id", String(32), primary_key=True),
    Column("host", String(255), nullable=False),
    Column("pid", Integer, nullable=False),
    Column("started", Float, nullable=False),
    Column("heard", Float, nullable=False),
)

api_keys = Table(
    "unmask_api_keys",
    metadata,
    Column("id", String(16), primary_key=True),
    Column("name", String(100), nullable=False, unique=True),
    Column("sha256", String(64), nullable=False),
    Column("created", Float, nullable=False),
)

webhooks = Table(
    "unmask_webhooks",
    metadata,
    Column("job", String(32), primary_key=True),
    Column("url", Text, nullable=False),
    Column("state", String(10), nullable=False),
    Column("attempts", Integer, nullable=False),
    Column("due", Float, nullable=False),
    Column("claim", String(32)),
    Column("status", Integer),
    Column("error", Text),
    Column("delivered", Float),
    Index("unmask_webhooks_due", "state", "due"),
)

# Without an API key the owner is the empty string, as a primary key cannot be null.
webhook_secrets = Table(
    "unmask_webhook_secrets",
    metadata,
    Column("owner", String(16), primary_key=True),
    Column("secret", String(100), nullable=False),
    Column("created", Float, nullable=False),
)

# Outlives its job: what is kept of a scan to be evaluated later.
feedback = Table(
    "unmask_feedback",
    metadata,
    Column("job", String(32), primary_key=True),
    Column("owner", String(16), primary_key=True),
    Column("label", String(10), nullable=False),
    Column("note", Text),
    Column("kept", Boolean, nullable=False),
    Column("created", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("file", String(80), nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("detector", String(255), nullable=False),
    Column("weights", String(64), nullable=False),
    Column("status", String(20)),
    Column("verdict", String(20)),
    Column("score", Float),
    Column("result", Text, nullable=False),
)

version = Table("unmask_version", metadata, Column("number", Integer, primary_key=True))


def connect(url: str, must_exist: bool = False) -> Engine:
    """Open a database and make its tables where they are missing.

    Parameters
    ----------
    url
        As SQLAlchemy reads it.
    must_exist
        Whether a missing file of SQLite is refused rather than made.

    Raises
    ------
    ServeError
        In one line, without the URL's password.
    """
    try:
        parsed = make_url(url)
        if parsed.get_backend_name() == "sqlite":
            engine = _sqlite(url, must_exist)
        else:
            engine = create_engine(url, pool_pre_ping=True, pool_size=8, max_overflow=32, pool_recycle=1800)
        _make_tables(engine)
    except (ArgumentError, NoSuchModuleError, ModuleNotFoundError) as error:
        raise ServeError(f"the database's URL is not usable: {_line(error)}") from None
    except SQLAlchemyError as error:
        raise ServeError(
            f"the database cannot be used: {_line(getattr(error, 'orig', None) or error)}"
        ) from None
    return engine


def _sqlite(url: str, must_exist: bool) -> Engine:
    file = make_url(url).database
    if not file or file == ":memory:":
        raise ServeError("SQLite in memory cannot be shared with worker processes: name a file")
    if must_exist and not Path(file).is_file():
        raise ServeError(f"no job store {file!r}: name the server's folder or database")
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS}, pool_size=8, max_overflow=32)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, record: Any) -> None:
        cursor = connection.cursor()
        # Readers and the one writer do not wait for each other; a commit survives a killed process.
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA synchronous = NORMAL")
        cursor.close()

    return engine


def _make_tables(engine: Engine) -> None:
    try:
        metadata.create_all(engine)
    except SQLAlchemyError:
        # Another process made them between the look and the making.
        metadata.create_all(engine)
    with engine.begin() as connection:
        found = connection.execute(select(version.c.number)).scalar()
    if found is None:
        try:
            with engine.begin() as connection:
                connection.execute(insert(version).values(number=VERSION))
        except IntegrityError:
            pass
    elif found != VERSION:
        raise ServeError(
            f"the database is of version {found}, this unmask needs {VERSION}: use another database"
        )


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())
