"""Tells whole frames from damaged ones, and from those that are built upon damaged ones."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from av.video.frame import VideoFrame

_MOST_REORDERED = 64  # Packets between a frame's own and the one at which it comes out.


@dataclass
class DamageRecord:
    """The damaged frames of a file, each counted once however often it is decoded.

    Parameters
    ----------
    lost
        Times of packets that could not be decoded, in seconds.
    frames
        Times of frames that came out damaged, in seconds.
    """

    lost: set[float] = field(default_factory=set)
    frames: set[float] = field(default_factory=set)

    @property
    def count(self) -> int:
        """Number of frames that are damaged or lost."""
        return len(self.lost) + len(self.frames)


@dataclass
class _Fed:
    """A packet that the decoder was fed: its time in seconds, and what its frame is."""

    time: float
    is_key: bool
    is_damaged: bool


class DamageTracker:
    """Follows one decoder: which of its packets are damaged, and which refer to such.

    A packet may refer to any before it, so from a damaged one on all are damaged, up to the next key frame.

    Parameters
    ----------
    record
        Where damage is written down.
    delay
        Packets that the decoder may be behind when it reports an error.
    """

    def __init__(self, record: DamageRecord, delay: int) -> None:
        self._record = record
        self._delay = delay
        self._fed: deque[_Fed] = deque(maxlen=delay + _MOST_REORDERED)
        self._entry: float | None = None
        self._leading_until = float("-inf")
        self._broken = self._any = False

    @property
    def is_broken(self) -> bool:
        """Whether packets are damaged until a key frame comes."""
        return self._broken

    def restart(self) -> None:
        """Forget what was decoded; the next packet is a key frame's."""
        self._fed.clear()
        self._entry = None
        self._leading_until = float("-inf")
        self._broken = self._any = False

    def feed(self, time: float, is_key: bool, is_damaged: bool) -> None:
        """Take the next packet that is fed to the decoder.

        Parameters
        ----------
        time
            Seconds.
        is_key
            Whether decoding can begin at it.
        is_damaged
            Whether bytes of it, or pictures before it, are missing.
        """
        self._entry = time if self._entry is None else self._entry
        if is_key and self._broken:
            self._broken, self._leading_until = False, time  # Frames shown before it refer to what is broken.
        if is_damaged and time >= self._entry:
            self._broken = self._any = True
        self._fed.append(_Fed(time, is_key, self._broken or time < self._leading_until))

    def distrust(self) -> None:
        """Take all packets up to the next key frame for damaged."""
        self._broken = self._any = True

    def fail(self) -> None:
        """Take an error of the decoder, which concerns one of the last packets.

        Frames that lie before the key frame at which decoding began may refer to what was never decoded: no damage.
        """
        late = list(self._fed)[-1 - self._delay :]
        if not late or self._entry is None or min(packet.time for packet in late) < self._entry:
            return
        self._record.lost.add(late[0].time)
        self._broken = self._any = True
        for packet in late:
            packet.is_damaged = True

    def accepts(self, frame: VideoFrame, time: float) -> bool:
        """Return whether a decoded frame is whole.

        Parameters
        ----------
        frame
            As the decoder returned it.
        time
            Of the frame, in seconds.
        """
        if frame.is_corrupt:
            if self._entry is None or time < self._entry:
                return False
            self._spread(time)
        elif not self._any or not self._is_damaged(time):
            return True
        self._record.frames.add(time)
        return False

    def _spread(self, time: float) -> None:
        """Take the packet of a time, and all that may refer to it, for damaged."""
        self._any = True
        broken, leading_until = False, float("-inf")
        for packet in self._fed:
            if packet.is_key and broken:
                broken, leading_until = packet.is_damaged, packet.time
            broken |= packet.time == time
            packet.is_damaged |= broken or packet.time < leading_until
        known = any(packet.time == time for packet in self._fed)
        self._broken |= broken or not known
        self._leading_until = max(self._leading_until, leading_until)

    def _is_damaged(self, time: float) -> bool:
        return next((fed.is_damaged for fed in self._fed if fed.time == time), self._broken)
