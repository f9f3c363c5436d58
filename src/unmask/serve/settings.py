"""Everything that the server can be told, and its defaults."""

from __future__ import annotations

import ipaddress
from pathlib import Path

from platformdirs import user_data_path
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from unmask.defaults import DETECTOR
from unmask.media import trust_anchors
from unmask.processes.cores import available_cores
from unmask.serve.destinations import AllowList


class ServeError(Exception):
    """Something about the server that its operator can put right; the message is one line that says how."""


def default_folder() -> Path:
    """Folder for the database, uploads under way and reports, below the user's data folder."""
    return user_data_path("unmask") / "serve"


def default_workers() -> int:
    """One scan at a time for each processor, four at most."""
    return min(4, available_cores())


class ServeSettings(BaseModel):
    """Settings of one server; times in seconds, sizes in bytes.

    Raises ServeError from ``checked`` when a value is out of range.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    # Where
    host: str = "127.0.0.1"
    port: int = Field(8000, ge=0, le=65535)
    folder: Path = Field(default_factory=default_folder)
    database: str | None = Field(None, description="SQLAlchemy's URL; None for SQLite in the folder")
    allowed_hosts: tuple[str, ...] = Field((), description="names under which the server may be addressed")
    proxies: tuple[str, ...] = Field((), description="addresses whose X-Forwarded-For is believed")
    cors_origins: tuple[str, ...] = ()

    # Who
    keys: bool | None = Field(None, description="ask for API keys; None: when the address is not loopback")
    requests_per_minute: int = Field(1200, ge=0, description="of one client; 0 for no limit")
    uploads_per_minute: int = Field(60, ge=0, description="of one client; 0 for no limit")

    # What comes in
    upload_bytes: int = Field(500_000_000, ge=1)
    parts: int = Field(8, ge=1)
    queue: int = Field(100, ge=1, description="jobs that may wait; uploads under way count")
    head_timeout: float = Field(15.0, gt=0, description="from connection to the end of a request's head")
    idle_timeout: float = Field(20.0, gt=0, description="between two pieces of a body")
    minimum_rate: float = Field(
        20_000.0, ge=0, description="bytes a second of a body, after a minute's grace"
    )
    connections: int = Field(512, ge=8)
    streams: int = Field(100, ge=1, description="event streams open at once")
    stream_timeout: float = Field(300.0, gt=0, description="an event stream ends; clients reconnect")

    # Scanning
    workers: int = Field(default_factory=default_workers, ge=0, le=64)
    detector: str = DETECTOR
    frames: int | None = Field(
        None, ge=1, le=256, description="of a video, where the client does not say; None: as many as it needs"
    )
    trust_anchors: str | None = Field(
        None, description="certificates in PEM: who signed content credentials with one of theirs is trusted"
    )
    max_frames: int = Field(64, ge=1, le=256, description="that a client may ask for")
    job_timeout: float = Field(900.0, gt=0)
    lease: float = Field(30.0, gt=0, description="a job whose worker was not heard of for so long is retried")
    attempts: int = Field(2, ge=1)
    poll: float = Field(0.25, gt=0, description="between two looks of an idle worker into the queue")
    niceness: int = Field(5, ge=0, le=19, description="of the workers, so that the web process answers first")

    # What goes out
    webhooks_to: tuple[str, ...] = Field(
        (), description="origins that a job's webhook may name; none: no webhooks"
    )

    # What stays
    keep_uploads: bool = False
    feedback_files: bool = Field(False, description="whether feedback may keep its file; needs keep_uploads")
    retention: float = Field(
        7 * 86400.0, ge=0, description="of finished jobs and reports; 0 keeps them for ever"
    )

    @field_validator("webhooks_to")
    @classmethod
    def _known_destinations(cls, entries: tuple[str, ...]) -> tuple[str, ...]:
        AllowList.of(entries)
        return entries

    @model_validator(mode="after")
    def _files_are_there(self) -> ServeSettings:
        if self.feedback_files and not self.keep_uploads:
            raise ValueError("feedback can keep files only where uploads are kept: add --keep-uploads")
        return self

    @field_validator("trust_anchors")
    @classmethod
    def _certificates(cls, text: str | None) -> str | None:
        return None if text is None else trust_anchors(text)

    @classmethod
    def checked(cls, **values: object) -> ServeSettings:
        """Make settings.

        Parameters
        ----------
        **values
            By name.

        Raises
        ------
        ServeError
            Names the first wrong value in one line.
        """
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            first = error.errors()[0]
            if not first["loc"]:
                raise ServeError(str(first["ctx"]["error"])) from None
            name = ".".join(str(part) for part in first["loc"])
            raise ServeError(f"{name}: {first['msg'].lower()}, not {first['input']!r}") from None

    @property
    def database_url(self) -> str:
        """Where the jobs are kept."""
        return self.database or f"sqlite:///{self.folder / 'jobs.sqlite3'}"

    @property
    def needs_keys(self) -> bool:
        """Whether requests must carry an API key."""
        return not is_loopback(self.host) if self.keys is None else self.keys

    @property
    def uploads(self) -> Path:
        """Folder of uploads, each under its job's id."""
        return self.folder / "uploads"

    @property
    def reports(self) -> Path:
        """Folder of reports, each a folder with its job's id."""
        return self.folder / "reports"


def is_loopback(host: str) -> bool:
    """Return whether an address can be reached from this machine alone.

    Parameters
    ----------
    host
        Name or address.
    """
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
