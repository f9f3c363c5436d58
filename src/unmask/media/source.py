"""The interface that images and videos share."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import TYPE_CHECKING, BinaryIO

from unmask.formats.errors import MediaError
from unmask.formats.facts import FileFacts
from unmask.media.audio import AudioChunk, AudioSampling, RawAudio
from unmask.media.frame import Frame, MediaInfo
from unmask.media.picture import Picture
from unmask.media.sampling import TIE_SECONDS, Sampling

if TYPE_CHECKING:
    from pathlib import Path
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
    def sample(self, wanted: int | Sampling) -> Iterator[Frame]:
        """Return frames in order, decoded as they are asked for; an image gives one.

        Fewer come than are asked for when the file has fewer, or when part of it cannot be decoded.

        Parameters
        ----------
        wanted
            A number of frames, evenly spread over the file, or a closer order.

        Raises
        ------
        MediaError
            While iterating, when not one frame can be decoded or a frame breaks a limit.
        ValueError
            When the number is below 1.
        """

    @abstractmethod
    def audio(self, wanted: AudioSampling) -> Iterator[AudioChunk]:
        """Return windows of the file's sound in order, decoded as they are asked for; none where it has no sound.

        Their times are those of the frames: seconds from the first frame. A window is shorter than wanted only where
        the sound is. Of a file whose time stamps restart or jump, what comes before that is read.

        Parameters
        ----------
        wanted
            Which windows.

        Raises
        ------
        MediaError
            While iterating, when the sound breaks a limit or cannot be read.
        """

    @abstractmethod
    def facts(self) -> FileFacts:
        """Read the technical facts that the header states, without size and hash; not while sampling.

        Raises
        ------
        MediaError
            When the header cannot be read any more.
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


class DecodedMedia(Media):
    """A file that is decoded in this process."""

    @abstractmethod
    def pictures(self, sampling: Sampling) -> Iterator[Picture]:
        """Return the pictures that were ordered; each is to be read before the next is asked for.

        Parameters
        ----------
        sampling
            Which pictures.

        Raises
        ------
        MediaError
            As ``sample``.
        """

    def further_pictures(self, sampling: Sampling) -> Iterator[Picture]:
        """Return the pictures that were ordered without those that ``exclude`` names.

        Where pictures are farther apart than the parts are long, that of a part may be one of another part's, which was
        taken before.

        Parameters
        ----------
        sampling
            Which pictures.

        Raises
        ------
        MediaError
            As ``sample``.
        """
        for picture in self.pictures(sampling):
            taken = any(abs(picture.time - time) <= TIE_SECONDS for time in sampling.exclude)
            if picture.burst is not None or not taken:
                yield picture

    def sounds(self, sampling: AudioSampling) -> Iterator[RawAudio]:
        """Return the windows of sound that were ordered, as ``audio``; none unless a subclass has any.

        Parameters
        ----------
        sampling
            Which windows.
        """
        return iter(())

    def audio(self, wanted: AudioSampling) -> Iterator[AudioChunk]:
        """Return windows of sound in order, decoded as they are asked for; see ``Media.audio``."""
        return (sound.chunk(wanted.channels) for sound in self.sounds(wanted))

    def sample(self, wanted: int | Sampling) -> Iterator[Frame]:
        """Return frames in order, decoded as they are asked for; see ``Media.sample``."""
        pictures = self.further_pictures(sampling_of(wanted))
        return (picture.frame(index) for index, picture in enumerate(pictures))


def sampling_of(wanted: int | Sampling) -> Sampling:
    """Return the order that a number of frames stands for.

    Parameters
    ----------
    wanted
        A number of frames, or the order itself.
    """
    return wanted if isinstance(wanted, Sampling) else Sampling(wanted)


def opened(source: Path | int) -> BinaryIO:
    """Open a file at its beginning.

    Parameters
    ----------
    source
        Path, or an open file descriptor, which stays open.

    Raises
    ------
    MediaError
        ``unreadable`` when it cannot be opened.
    """
    try:
        if isinstance(source, int):
            os.lseek(source, 0, os.SEEK_SET)
        return open(source, "rb", closefd=not isinstance(source, int))
    except OSError as error:
        raise MediaError("unreadable", (error.strerror or "cannot be opened").lower()) from error
