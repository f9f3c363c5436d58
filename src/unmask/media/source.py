"""The interface that images and videos share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING

from unmask.media.frame import Frame, MediaInfo

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self


class Media(ABC):
    """An opened file, to be used in a ``with`` statement.

    Attributes
    ----------
    info
        Facts from the file's header.
    """

    info: MediaInfo

    @abstractmethod
    def sample(self, count: int) -> Iterator[Frame]:
        """Give up to ``count`` frames in order, evenly spread over the file, decoded as they are asked for.

        Fewer come when the file has fewer, or when part of it cannot be decoded; an image gives one.

        Raises
        ------
        MediaError
            While iterating, when not one frame can be decoded or a frame breaks a limit.
        ValueError
            When ``count`` is below 1.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the file; sampling ends."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
