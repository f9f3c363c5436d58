"""One face on the successive frames of a burst, with its sound where the detector reads it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from unmask.detectors import ClipSound, FaceClips
from unmask.evidence.audio_windows import LOUDNESS, loudness, sound_from
from unmask.evidence.extractor import Extractor
from unmask.evidence.subjects import followed_faces
from unmask.evidence.units import Moment, Place, Subject, Unit, Wanted
from unmask.faces import Face, cut, link, profile, smooth_squares
from unmask.media import AudioSampling, Burst, Sampling

if TYPE_CHECKING:
    from unmask.evidence.found_faces import FoundFace, FoundFaces
    from unmask.media import AudioChunk, Frame, MediaInfo

CLIPS = 4
"""Bursts of a video where nothing else is asked for."""

LEAST_FOUND = 0.75  # Share of the searched frames on which a face must be found.
LEAST_RATE = 0.5  # Share of the card's rate, where it states no least rate.
MOST_FRAMES = 1024  # Of all bursts together.
MOST_SAMPLES = 4_000_000  # Of one window of sound.
WHOLE_SECONDS = 60.0  # Up to this length the whole sound is read at once.
SLACK = 1.0  # Seconds by which a burst may begin later than asked for.


Boxes = NDArray[np.float64]


@dataclass(frozen=True)
class FaceClipExtractor(Extractor):
    """Cut each face that is there from the first frame of a burst to the last.

    The square that is cut follows the face in a straight line from where it is found on the first frame to where it is
    found on the last one. A face that is not found on both, or lies on both sides of a cut, has no clip. Where the card
    says ``search_every``, the face is found on frames between as well, and the square follows it smoothly.
    """

    spec: FaceClips

    def wants(self, info: MediaInfo, planned: Sequence[Sampling], sampling_pass: int) -> Wanted | None:
        """Return bursts, evenly over the video; nothing of an image, nor of a silent file where sound is read."""
        if sampling_pass > 0 or info.kind == "image" or (self.spec.audio and info.audio is None):
            return None
        asked = planned[0]
        length = self._length(min(info.duration or math.inf, asked.until or math.inf))
        count = min(CLIPS if asked.near_keyframes else asked.count, MOST_FRAMES // length)
        frames = Sampling(count, until=asked.until, burst=Burst(length, self.spec.rate))
        return Wanted(frames, self._sound(self.spec.audio, count, info, asked.until))

    def searched(self, frames: int) -> Sequence[int]:
        """Return the first frame and the last one, and those between that the card asks for."""
        return sorted({*range(0, frames, self.spec.search_every or frames), frames - 1})

    def extract(
        self, frames: Sequence[Frame], sound: Sequence[AudioChunk], found: Sequence[FoundFaces] = ()
    ) -> Moment:
        """Return the clips of one burst's faces; none of a burst that is too short, or whose sound is missing."""
        first, scene = frames[0], found[0].scene
        places = self.searched(len(frames))
        on_grid = self._on_grid(frames) if self.spec.audio else range(len(frames))
        heard = self._heard(first.time, sound, len(on_grid))
        if len(on_grid) < (self.spec.least_frames or self.spec.frames) or heard is None:
            return Moment(first.time, (), scene)
        units = []
        for track in link(
            [[one.face for one in faces.faces] for faces in found], [faces.scene for faces in found]
        ):
            if len(track.faces) < max(2, LEAST_FOUND * len(places)):
                continue
            where, start = track.faces[0]
            seen_at = [places[number] for number, _ in track.faces]
            squares = self._squares(frames, seen_at, [face for _, face in track.faces])
            crops = [self._cut(frames[number], squares[number]) for number in on_grid]
            units.append(self._unit(frames, crops, _found(start, found[where]), heard))
        return Moment(first.time, tuple(units), scene)

    def subjects(self, moments: Sequence[Moment], cuts: Collection[int] = ()) -> list[Subject]:
        """Return the faces, each followed over the bursts."""
        return followed_faces(moments, cuts)

    def _sound(
        self, audio: ClipSound | None, count: int, info: MediaInfo, until: float | None
    ) -> AudioSampling | None:
        """Return windows of sound that hold the sound of each burst, or all of the sound where it is short.

        Bursts and windows lie in the middles of as many equal parts: a burst begins in the middle of its window.
        """
        if audio is None:
            return None
        window = 2 * audio.seconds + SLACK
        if min(info.duration or 0.0, until or math.inf) <= max(WHOLE_SECONDS, count * window):
            return AudioSampling(
                1, min(2 * WHOLE_SECONDS, MOST_SAMPLES / audio.rate), audio.rate, until=until
            )
        return AudioSampling(count, window, audio.rate, until=until)

    def _heard(
        self, start: float, sound: Sequence[AudioChunk], frames: int
    ) -> dict[str, NDArray[Any]] | None:
        """Return the sound of a clip by its name; None where it is missing."""
        audio = self.spec.audio
        if audio is None:
            return {}
        samples = sound_from(sound, start, self.spec.samples_of(frames), audio.rate)
        return None if samples is None else {"sound": samples}

    def _length(self, seconds: float) -> int:
        """Return the frames of a burst in a video of a length: fewer in a short one, where the card allows it."""
        if self.spec.least_frames is None or seconds >= self.spec.frames / self.spec.rate:
            return self.spec.frames
        return max(self.spec.least_frames, int(seconds * self.spec.rate + 0.01))

    def _on_grid(self, frames: Sequence[Frame]) -> list[int]:
        """Return the number of the frame that is shown at each tick of the card's rate, from the first frame on.

        A burst of a slower video covers more seconds than its frames at the card's rate would, and sound goes by time.
        """
        times = np.array([frame.time for frame in frames])
        step = (times[-1] - times[0]) / max(1, len(times) - 1)
        slowest = self.spec.least_rate or LEAST_RATE * self.spec.rate
        if len(times) < 2 or step * slowest > 1.001:  # A slower video does not show what goes with a sound.
            return []
        shown_until = times[-1] + step
        count = min(self.spec.frames, int((shown_until - times[0]) * self.spec.rate + 0.5))
        ticks = times[0] + np.arange(count) / self.spec.rate
        return [int(number) for number in np.abs(times - ticks[:, None]).argmin(axis=1)]

    def _squares(self, frames: Sequence[Frame], places: Sequence[int], faces: Sequence[Face]) -> Boxes:
        """Return for each frame the box to cut by the crop profile, (N, 4)."""
        if self.spec.search_every:
            return smooth_squares(places, faces, len(frames))
        times = np.array([frame.time for frame in frames])
        shares = (times - times[0]) / (times[-1] - times[0]) if times[-1] > times[0] else 0 * times
        start, end = np.array(faces[0].box), np.array(faces[-1].box)
        boxes: Boxes = start + shares[:, None] * (end - start)
        return boxes

    def _cut(self, frame: Frame, box: Boxes) -> NDArray[np.uint8]:
        x0, y0, x1, y1 = box.tolist()
        return cut(frame.image, (x0, y0, x1, y1), profile(self.spec.crop_profile), self.spec.size)

    def _unit(
        self,
        frames: Sequence[Frame],
        crops: Sequence[NDArray[np.uint8]],
        found: FoundFace,
        heard: dict[str, NDArray[Any]],
    ) -> Unit:
        measures = found.quality.to_dict()
        if heard:
            measures[LOUDNESS] = loudness(heard["sound"])
        place = Place(frames[0].time, frames[-1].time, found.face.box)
        return Unit(place, {"clips": np.stack(crops), **heard}, measures, found.face)


def _found(face: Face, found: FoundFaces) -> FoundFace:
    return next(one for one in found.faces if one.face is face)
