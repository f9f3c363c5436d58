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
from unmask.faces import Face, cut, link, profile
from unmask.media import AudioSampling, Burst, Sampling

if TYPE_CHECKING:
    from unmask.evidence.found_faces import FoundFace, FoundFaces
    from unmask.media import AudioChunk, Frame, MediaInfo

CLIPS = 4
"""Bursts of a video where nothing else is asked for."""

MOST_FRAMES = 1024  # Of all bursts together.
MOST_SAMPLES = 4_000_000  # Of one window of sound.
WHOLE_SECONDS = 60.0  # Up to this length the whole sound is read at once.
SLACK = 1.0  # Seconds by which a burst may begin later than asked for.


@dataclass(frozen=True)
class FaceClipExtractor(Extractor):
    """Cut each face that is there from the first frame of a burst to the last.

    The square that is cut follows the face in a straight line from where it is found on the first frame to where it is
    found on the last one. A face that is not found on both, or lies on both sides of a cut, has no clip.
    """

    spec: FaceClips
    needs_faces: bool = True

    def wants(self, info: MediaInfo, planned: Sequence[Sampling], sampling_pass: int) -> Wanted | None:
        """Return bursts, evenly over the video; nothing of an image, nor of a silent file where sound is read."""
        if sampling_pass > 0 or info.kind == "image" or (self.spec.audio and info.audio is None):
            return None
        asked = planned[0]
        count = min(CLIPS if asked.near_keyframes else asked.count, MOST_FRAMES // self.spec.frames)
        frames = Sampling(count, until=asked.until, burst=Burst(self.spec.frames, self.spec.rate))
        return Wanted(frames, self._sound(self.spec.audio, count, info, asked.until))

    def extract(
        self, frames: Sequence[Frame], sound: Sequence[AudioChunk], found: Sequence[FoundFaces] = ()
    ) -> Moment:
        """Return the clips of one burst's faces; none of a burst that is too short, or whose sound is missing."""
        first, scene = frames[0], found[0].scene
        heard = self._heard(first.time, sound)
        if len(frames) < self.spec.frames or heard is None:
            return Moment(first.time, (), scene)
        ends = [[one.face for one in faces.faces] for faces in found]
        units = []
        for track in link(ends, [faces.scene for faces in found]):
            if len(track.faces) < 2:
                continue
            (_, start), (_, end) = track.faces
            units.append(self._unit(frames, start, end, _found(start, found[0]), heard))
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

    def _heard(self, start: float, sound: Sequence[AudioChunk]) -> dict[str, NDArray[Any]] | None:
        """Return the sound of a clip by its name; None where it is missing."""
        audio = self.spec.audio
        if audio is None:
            return {}
        samples = sound_from(sound, start, audio.samples, audio.rate)
        return None if samples is None else {"sound": samples}

    def _unit(
        self,
        frames: Sequence[Frame],
        start: Face,
        end: Face,
        found: FoundFace,
        heard: dict[str, NDArray[Any]],
    ) -> Unit:
        times = np.array([frame.time for frame in frames])
        shares = (times - times[0]) / (times[-1] - times[0]) if times[-1] > times[0] else 0 * times
        boxes = np.array(start.box) + shares[:, None] * (np.array(end.box) - np.array(start.box))
        shape = profile(self.spec.crop_profile)
        crops = [
            cut(frame.image, (box[0], box[1], box[2], box[3]), shape, self.spec.size)
            for frame, box in zip(frames, boxes.tolist(), strict=True)
        ]
        measures = found.quality.to_dict()
        if heard:
            measures[LOUDNESS] = loudness(heard["sound"])
        place = Place(float(times[0]), float(times[-1]), start.box)
        return Unit(place, {"clips": np.stack(crops), **heard}, measures, start)


def _found(face: Face, found: FoundFaces) -> FoundFace:
    return next(one for one in found.faces if one.face is face)
