"""Starts what a scan needs before its command line is parsed: the decoding process, the weights, slow imports.

Both take as long to get ready as the command line to be parsed. What will be needed is guessed from the arguments as
strings; the parsed command takes over what fits, and the rest is started again.
"""

from __future__ import annotations

import os
from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import TYPE_CHECKING

from unmask import defaults

if TYPE_CHECKING:
    from unmask.formats.errors import MediaKind
    from unmask.media import DecodingProcesses
    from unmask.scanning.loading import Loading
    from unmask.scanning.settings import Settings

# With one of these `unmask scan` scans in other processes, or not at all.
MULTI_PROCESS_OPTIONS = ("--output", "--workers", "--resume", "--from", "--ray", "--help")
FACTS_OPTIONS = ("--report", "--facts", "--trust-anchors")
DETECTOR_OPTION, NO_STILLS = "--detector", "--no-stills"


@dataclass(frozen=True)
class Resources:
    """What a scanner works with; None: it starts its own. Closed with the scanner, or as a context manager.

    Parameters
    ----------
    decoding
        Started within the limits of the scanner's settings.
    loading
        Begun, of what the settings name.
    """

    decoding: DecodingProcesses | None = None
    loading: Loading | None = None

    def __enter__(self) -> Resources:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the processes; what is being loaded ends by itself."""
        if self.decoding is not None:
            self.decoding.close()


class WarmStart:
    """What was started on a guess.

    Parameters
    ----------
    credentials
        Whether the decoding process has the library ready that reads content credentials.
    resources
        A decoding process within the default limits, and the default detector unless another one seemed to be named.
    """

    def __init__(self, credentials: bool, resources: Resources) -> None:
        self._credentials = credentials
        self._resources = resources

    @classmethod
    def guess(cls, arguments: Sequence[str]) -> WarmStart | None:
        """Start what ``unmask scan`` is going to need; None where it will scan elsewhere.

        Parameters
        ----------
        arguments
            Of ``unmask scan``.

        Raises
        ------
        Exception
            Any: the scan starts it again itself, where errors are reported in one line.
        """
        if not scans_here(arguments):
            return None
        credentials = _has(arguments, *FACTS_OPTIONS)
        decoding = _start_decoding(credentials)
        if _has(arguments, DETECTOR_OPTION):
            return cls(credentials, Resources(decoding))
        from unmask.scanning.loading import Loading

        kinds = kinds_of(arguments)
        loading = Loading(
            defaults.DETECTOR,
            at_once=faces_at_once(kinds),
            first_kind="image" if kinds == {"image"} and not _has(arguments, NO_STILLS) else "video",
        )
        loading.imports.exception()  # Waited for: the sooner the weights are read, beside what is done here next.
        return cls(credentials, Resources(decoding, loading))

    def take(self, settings: Settings) -> Resources:
        """Return what fits the settings, once; what does not is closed.

        Parameters
        ----------
        settings
            Of the scan.
        """
        from unmask.media import Limits

        taken, self._resources = self._resources, Resources()
        default = settings.detectors == (defaults.DETECTOR,) and settings.threads is None
        loading = taken.loading if default else None
        if settings.isolated and settings.limits == Limits() and settings.wants_facts == self._credentials:
            return Resources(taken.decoding, loading)
        taken.close()
        return Resources(None, loading)


def resources_for(settings: Settings, started: WarmStart | None) -> Resources:
    """Return what a scanner works with; its decoding process gets ready from now on.

    Parameters
    ----------
    settings
        Of the scan.
    started
        In advance.
    """
    resources = Resources() if started is None else started.take(settings)
    if resources.decoding is None and settings.isolated:
        return Resources(_start_decoding(settings.wants_facts), resources.loading)
    return resources


def scans_here(arguments: Sequence[str]) -> bool:
    """Return whether this process seems to be the one that scans; a wrong guess is corrected later.

    Parameters
    ----------
    arguments
        Of ``unmask scan``.
    """
    return not _has(arguments, *MULTI_PROCESS_OPTIONS)


def kinds_of(arguments: Sequence[str]) -> set[MediaKind]:
    """Return what kinds of files seem to be named; nothing is known of those in folders.

    Parameters
    ----------
    arguments
        Of ``unmask scan``.
    """
    from unmask.media import IMAGE_ENDINGS, VIDEO_ENDINGS

    endings = {os.path.splitext(argument)[1].lower() for argument in arguments}  # noqa: PTH122 (no paths all)
    known: dict[MediaKind, frozenset[str]] = {"image": IMAGE_ENDINGS, "video": VIDEO_ENDINGS}
    return {kind for kind, of_kind in known.items() if endings & of_kind}


def faces_at_once(kinds: Set[MediaKind]) -> int:
    """Return how many faces to score at a time at least: a video has several frames, a picture may have one face.

    Parameters
    ----------
    kinds
        Of the files.
    """
    from unmask.scanning.sampling_passes import PASS_SIZES

    return min(PASS_SIZES[0]) if kinds == {"video"} else 1


def _start_decoding(credentials: bool) -> DecodingProcesses:
    from unmask.media import DecodingProcesses, Limits

    processes = DecodingProcesses(Limits(), credentials)
    processes.start()
    return processes


def _has(arguments: Sequence[str], *options: str) -> bool:
    return any(argument.split("=")[0] in options for argument in arguments)
