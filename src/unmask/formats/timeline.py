"""One continuous time line for videos whose time stamps restart, jump or wrap."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from av.container import InputContainer
    from av.packet import Packet
    from av.video.stream import VideoStream

_FALLBACK_FRAME_RATE = 25.0
_KEY_STEP_BACK = 0.1  # Seconds; whatever precedes a key frame in the file is shown before it.
_STEP_BACK = 1.0  # Seconds; other frames are stored out of order, within a group of pictures.
_REORDERED_FRAMES = (
    16  # As many are stored out of order at most (H.264's bound), where no decoding times tell.
)
_LOST_SECONDS = 10.0  # A longer gap in a broadcast stream is no frame that is held: FFmpeg's own bound.
_HELD_SECONDS = 60.0  # The same for files, where a frame can be held on purpose, as in slides.
_GAP_IN_FRAMES = 20  # A gap is at least so many times as long as the frames before it.
_WRAP_SECONDS = 2**33 / 90_000  # The clock of MPEG streams has 33 bits.
_AFTER_WRAP = (-1.0, 10.0)

_CLOCK_MAY_JUMP = 0x0200  # FFmpeg's AVFMT_TS_DISCONT.
_DAMAGE_FORESIGHT = 2  # Packets; the mark of damage may stand on the last but one before a new part.

MPEG_STREAMS = ("mpegts", "mpeg")  # FFmpeg's demuxers.


class PlacedPacket(NamedTuple):
    """A packet with its time stamps on the continuous time line.

    Parameters
    ----------
    packet
        The packet; its time stamps are changed in place.
    starts_part
        Whether a new part of the time line begins with it.
    lost_before
        Whether pictures that it may refer to are missing before it.
    is_damaged
        Whether the demuxer says that bytes of it are missing.
    """

    packet: Packet[VideoStream]
    starts_part: bool
    lost_before: bool
    is_damaged: bool


@dataclass
class _Gap:
    """A jump forward: time stamps from ``middle`` on lie behind it. All are in ticks, as in the file."""

    middle: float
    before: int  # The last one before it, and the first one behind it, whatever the order in the file.
    behind: int
    frame: float

    @property
    def jump(self) -> int:
        """By how much what lies behind it is raised, so that one frame follows the other."""
        return round(self.before + self.frame) - self.behind


class Timeline:
    """Finds where time stamps restart or jump, and how to make them continuous.

    The rule looks at the packets before only, so that every reading of a file has the same result.

    Parameters
    ----------
    tick
        Seconds of one unit of the time stamps.
    frame_seconds
        Length of a frame where the stream does not show it.
    broadcast
        Whether the container is one whose clock may jump (MPEG streams, Ogg).
    wraps
        Whether the clock has 33 bits.
    jumps
        ``jumps`` of an earlier reading, which knows where the frames around each gap lie.

    Attributes
    ----------
    cuts
        Where new parts begin so far, in seconds on the continuous time line.
    starts_anew
        Whether the last packet belongs to another recording than the one before it.
    """

    def __init__(
        self,
        tick: float,
        frame_seconds: float,
        broadcast: bool = False,
        wraps: bool = False,
        jumps: Sequence[int] = (),
    ) -> None:
        self.cuts: list[float] = []
        self.starts_anew = False
        self._tick = tick
        self._frame_ticks = frame_seconds / tick
        self._gap_seconds = _LOST_SECONDS if broadcast else _HELD_SECONDS
        self._wraps = wraps
        self._known_jumps = jumps
        self._gaps: list[_Gap] = []
        self._gap: _Gap | None = None
        self._shift = self._shift_before = 0
        self._first = self._last = 0
        self._last_dts: int | None = None
        self._packets = 0

    @classmethod
    def of(cls, container: InputContainer, stream: VideoStream, jumps: Sequence[int] = ()) -> Timeline:
        """Return the time line of a stream, at its beginning.

        Parameters
        ----------
        container
            Opened.
        stream
            Of pictures.
        jumps
            `Timeline.jumps` of an earlier reading.
        """
        rate = float(stream.average_rate or 0) or _FALLBACK_FRAME_RATE
        broadcast = bool(container.format.flags & _CLOCK_MAY_JUMP)
        tick = float(stream.time_base or 0) or 1 / rate
        return cls(tick, 1 / rate, broadcast, container.format.name in MPEG_STREAMS, jumps)

    @property
    def is_changed(self) -> bool:
        """Whether time stamps differ from those in the file by now."""
        return self._shift != 0 or self._gap is not None

    @property
    def jumps(self) -> list[int]:
        """By how much time stamps are raised behind each gap so far, in ticks."""
        return [gap.jump for gap in self._gaps]

    def place(self, pts: int | None, dts: int | None, is_key: bool) -> None:
        """Read the next packet in file order; ``at`` is then right for its time stamps.

        Parameters
        ----------
        pts, dts
            Presentation and decoding time, in ticks.
        is_key
            Whether it is a key frame.
        """
        stamp = dts if pts is None else pts
        self.starts_anew = False
        if stamp is None:
            return
        if self._gap is not None:
            self._widen(self._gap, stamp)
        time, decoded = self.at(stamp), self._decoded_at(dts)
        if self._packets == 0:
            self._begin(time, decoded)
        elif self._is_step_back(time, decoded, is_key):
            self._gap = None
            if self._is_wrap(time):
                self._shift += round(_WRAP_SECONDS / self._tick)
            else:
                self.starts_anew = True
                self._shift += round(self._last + self._frame) - time
                self.cuts.append(self.at(stamp) * self._tick)
            time, decoded = self.at(stamp), self._decoded_at(dts)
            if self.starts_anew:
                self._begin(time, decoded)
        elif (time - self._last) * self._tick > max(
            self._gap_seconds, _GAP_IN_FRAMES * self._frame * self._tick
        ):
            before = self._last - self._shift
            self._gap = _Gap((before + stamp) / 2, before, stamp, self._frame)
            self._gaps.append(self._gap)
            known = self._known_jumps[len(self._gaps) - 1 :]
            self._shift_before, self._shift = (
                self._shift,
                self._shift + (known[0] if known else self._gap.jump),
            )
            time = self.at(stamp)
            self.cuts.append(time * self._tick)
            decoded = self._decoded_at(dts)
            self._begin(time, None if decoded is None else min(time, decoded))
        self._packets += 1
        self._last = max(self._last, time)
        if decoded is not None:
            self._last_dts = decoded if self._last_dts is None else max(self._last_dts, decoded)

    def at(self, stamp: int) -> int:
        """Return the time on the continuous time line of a time stamp of the last packet, in ticks.

        Parameters
        ----------
        stamp
            In ticks.
        """
        before_gap = self._gap is not None and stamp < self._gap.middle
        return stamp + (self._shift_before if before_gap else self._shift)

    @property
    def _frame(self) -> float:
        """Ticks of a frame of this part, in the mean."""
        return (self._last - self._first) / (self._packets - 1) if self._packets > 1 else self._frame_ticks

    def _decoded_at(self, dts: int | None) -> int | None:
        return None if dts is None else self.at(dts)

    def _begin(self, time: int, decoded: int | None) -> None:
        """Begin a part."""
        self._first = self._last = time
        self._last_dts = decoded
        self._packets = 0

    def _widen(self, gap: _Gap, stamp: int) -> None:
        """Learn from a frame that is stored after the gap but belongs before it, or right behind it."""
        if stamp < gap.middle:
            gap.before = max(gap.before, stamp)
        else:
            gap.behind = min(gap.behind, stamp)

    def _is_step_back(self, time: int, decoded: int | None, is_key: bool) -> bool:
        step = (time - self._last) * self._tick
        # As in Matroska, or at the beginning: frames out of order step back by as much as they lie apart.
        if decoded is None or self._last_dts is None:
            reordered = max(_STEP_BACK, _REORDERED_FRAMES * self._frame * self._tick)
            return step < -(_KEY_STEP_BACK if is_key else reordered)
        decoded_step = (decoded - self._last_dts) * self._tick
        if is_key:
            return step < -_KEY_STEP_BACK and decoded_step < 0
        return max(step, decoded_step) < -_STEP_BACK

    def _is_wrap(self, time: int) -> bool:
        step = (time - self._last) * self._tick + _WRAP_SECONDS
        return self._wraps and _AFTER_WRAP[0] < step < _AFTER_WRAP[1]


def placed(packets: Iterator[Packet[VideoStream]], timeline: Timeline) -> Iterator[PlacedPacket]:
    """Yield packets with their time on the time line.

    A packet that the demuxer calls damaged right before a new part is whole: only the packet that would follow there is
    missing.

    Parameters
    ----------
    packets
        In file order.
    timeline
        At its beginning.
    """
    held: list[PlacedPacket] = []
    for packet in packets:
        parts = len(timeline.cuts)
        if not packet.is_discard:  # An edit list hides it, and may place it anywhere.
            timeline.place(packet.pts, packet.dts, packet.is_keyframe)
        starts = len(timeline.cuts) > parts
        if timeline.is_changed:
            packet.pts = None if packet.pts is None else timeline.at(packet.pts)
            packet.dts = None if packet.dts is None else timeline.at(packet.dts)
        if starts:
            yield from (item._replace(is_damaged=False) for item in held)
            held.clear()
        held.append(PlacedPacket(packet, starts, starts and timeline.starts_anew, packet.is_corrupt))
        if len(held) > _DAMAGE_FORESIGHT or not held[0].is_damaged:
            yield from held
            held.clear()
    yield from held
