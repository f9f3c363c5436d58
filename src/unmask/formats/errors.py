"""What can be wrong with a file, as the one error that its reading raises."""

from __future__ import annotations

import errno
from collections.abc import Callable
from typing import Literal, TypeVar

MediaStatus = Literal["unreadable", "unsupported", "too_large"]
MediaKind = Literal["image", "video"]

NO_MEMORY = "decoding it takes more memory than is allowed"

T = TypeVar("T")


class MediaError(Exception):
    """A file that cannot be scanned.

    Parameters
    ----------
    status
        ``"unreadable"``: missing, not a plain file, broken, or not media at all; ``"unsupported"``: media of
        a kind that is not read (sound only, an unknown codec); ``"too_large"``: beyond a limit.
    detail
        One line for the user, without the file's path.
    """

    def __init__(self, status: MediaStatus, detail: str) -> None:
        detail = " ".join(detail.split())
        super().__init__(detail)
        self.status: MediaStatus = status
        self.detail = detail


def as_media_error(step: Callable[[], T]) -> T:
    """Return the result of one step on untrusted bytes; any error in it counts as the file's.

    Parameters
    ----------
    step
        Reads or decodes.

    Raises
    ------
    MediaError
        Instead of whatever the step raises.
    """
    try:
        return step()
    except MediaError:
        raise
    except MemoryError as error:
        raise MediaError("too_large", NO_MEMORY) from error
    except Exception as error:
        raise MediaError("unreadable", f"could not be decoded ({type(error).__name__})") from error


def check_memory(error: Exception) -> None:
    """Raise the error of a file that takes too much memory, where that is what went wrong.

    Parameters
    ----------
    error
        Of the decoder.

    Raises
    ------
    MediaError
        ``too_large`` when it is lack of memory.
    """
    if isinstance(error, MemoryError) or getattr(error, "errno", None) == errno.ENOMEM:
        raise MediaError("too_large", NO_MEMORY) from error
