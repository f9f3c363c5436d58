"""The whole way of one file: media -> faces -> tracks -> crops -> scores -> verdict -> result."""

from __future__ import annotations

import contextlib
import math
import os
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import BoundedSemaphore
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from unmask.media import (
    DecodingProcesses,
    FileFacts,
    Frame,
    Limits,
    Media,
    MediaError,
    MediaInfo,
    Sampling,
    content_credentials,
    guarded,
    open_media,
    put_down,
)
from unmask.report import (
    Coverage,
    DetectorInfo,
    Evidence,
    FrameScore,
    Kind,
    ScanResult,
    TrackScore,
    gather,
    view_of,
)
from unmask.verdict import (
    Doubt,
    FileJudgement,
    Rule,
    TrackJudgement,
    examine,
    judge_file,
    judge_track,
    rule_of,
    settles,
)

if TYPE_CHECKING:
    import numpy as np

    from unmask.detectors import Card, Detector, Prediction
    from unmask.faces import Face, FaceFinder, FaceQuality
    from unmask.report import FrameView


IMAGE_ENDINGS = frozenset(
    {".jpg", ".jpeg", ".jpe", ".png", ".webp", ".gif", ".bmp", ".tif", ".tiff", ".avif"}
)
VIDEO_ENDINGS = frozenset(
    {".mp4", ".m4v", ".mov", ".mkv", ".webm", ".avi", ".mpg", ".mpeg", ".ts", ".mts", ".3gp", ".flv", ".wmv"}
)
MAX_FRAMES = 256
MAX_CROPS_KEPT = 4096

# How many frames the first look takes, by the video's length in seconds, and how many times as many the second.
LONGER_THAN = (30.0, 300.0)
FIRST_LOOK = (3, 5, 8)
SECOND_LOOK = 4
OPERATOR_THREADS = 2


@dataclass(frozen=True)
class Settings:
    """Everything that changes what a scan does.

    detector : name of an installed detector, or the folder of an exported one.
    frames : number of frames sampled from a video, evenly over its length; 1 to 256. None: a few, from where they
    are cheap to decode, and four times as many where those do not settle the verdict.
    every : seconds from one sampled frame to the next, instead of a number; 256 frames at most.
    seconds : look at the first so many seconds of a video only.
    minimum_face : longer side in pixels from which a face is looked at.
    faces : faces looked at on one frame, the largest first.
    crops : faces scored in one file; beyond it each track's share is spread evenly over its frames, and
    every track
        keeps at least one. Bounds the time that a crowd takes.
    threads : threads that find and score faces; None for one a processor, 8 at most. From two on each network also
        spreads its operators over two. Scores do not depend on it.
    limits : bounds on the file itself.
    evidence : gather what a report shows beside the scores: pictures of the sampled frames, maps of the shown faces,
    technical facts, content credentials. Costs a second look at each shown face and a reading of the whole file.
    isolated : decode, and read content credentials, in a process of its own, so that what crashes, hangs or swells in
    there costs one file.
    """

    detector: str = "jrc"
    frames: int | None = None
    every: float | None = None
    seconds: float | None = None
    minimum_face: float = 20.0
    faces: int = 64
    crops: int = 128
    threads: int | None = None
    limits: Limits = field(default_factory=Limits)
    evidence: bool = False
    isolated: bool = True

    def __post_init__(self) -> None:
        if self.frames is not None and not 1 <= self.frames <= MAX_FRAMES:
            raise ValueError(f"frames must be between 1 and {MAX_FRAMES}, not {self.frames}")
        if self.frames is not None and self.every is not None:
            raise ValueError("frames and every exclude each other")
        if not all(value is None or 0 < value < float("inf") for value in (self.every, self.seconds)):
            raise ValueError("every and seconds must be positive")
        if self.faces < 1 or self.crops < 1 or self.minimum_face < 1:
            raise ValueError("faces, crops and minimum_face must be at least 1")
        if self.threads is not None and self.threads < 1:
            raise ValueError("threads must be at least 1")

    def looks_at(self, info: MediaInfo) -> list[Sampling]:
        """Plan which frames of a file to look at, in one look or in several, each only if those before are not enough.

        Without orders a first look takes 3 frames of up to half a minute, 5 of up to 5 minutes, 8 of longer videos;
        a second one parts the video four times as finely and fills the parts that are still empty.
        """
        if info.kind == "image":
            return [Sampling(1)]
        duration = min(info.duration or 0.0, self.seconds or float("inf"))
        if self.every is not None:
            count = min(MAX_FRAMES, math.ceil(duration / self.every)) or MAX_FRAMES
            return [Sampling(count, self.every, self.seconds)]
        if self.frames is not None:
            return [Sampling(self.frames, until=self.seconds)]
        first = FIRST_LOOK[sum(duration > bound for bound in LONGER_THAN)]
        return [Sampling(count, until=self.seconds, cheaply=True) for count in (first, SECOND_LOOK * first)]


DEFAULTS = Settings()
Progress = Callable[[float], None]


def scan(
    path: str | Path,
    settings: Settings = DEFAULTS,
    detector: Detector | None = None,
    finder: FaceFinder | None = None,
) -> ScanResult:
    """Scan one image or video.

    A file that cannot be read gives a result with a status that says so; it never raises. detector, finder
    : ready objects instead of the ones that the settings name. For many files, keep one ``Scanner``.

    Raises unmask.detectors.DetectorError when the detector cannot be loaded.
    """
    with Scanner(settings, detector, finder) as scanner:
        return scanner.scan(path)


class Scanner:
    """Scans files one after the other with one loaded detector.

    Loading starts at once, in the background, beside the opening of the first file. Frames are decoded in the
    calling thread; other threads find the faces of earlier frames and score them meanwhile. Close it, or
    use it as a context manager.

    decoding : started already, within the settings' limits; closed with the scanner. None starts its own.
    """

    def __init__(
        self,
        settings: Settings = DEFAULTS,
        detector: Detector | None = None,
        finder: FaceFinder | None = None,
        decoding: DecodingProcesses | None = None,
    ) -> None:
        self.settings = settings
        self._decoding = decoding
        if decoding is None and settings.isolated:
            self._decoding = DecodingProcesses(settings.limits, credentials=settings.evidence)
            self._decoding.start()  # First of all: it gets ready, and decodes, while the weights are loaded.
        workers = settings.threads or min(8, _processors())
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="unmask")
        self._frames_in_hand = BoundedSemaphore(workers + 2)
        loaders = ThreadPoolExecutor(3, thread_name_prefix="unmask-load")
        # Faces can be cut as soon as the card is read, long before the weights are.
        self._card = loaders.submit(lambda: detector.card if detector else _load_card(settings.detector))
        # Where one face is all there is to do, as in most pictures, a network's operators share two of the processors.
        operators = min(OPERATOR_THREADS, workers)
        self._finder = loaders.submit(lambda: finder or _load_finder(operators))
        self._detector = loaders.submit(lambda: detector or _load_detector(settings.detector, operators))
        loaders.shutdown(wait=False)

    def __enter__(self) -> Scanner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop what is waiting and end the threads."""
        self._workers.shutdown(wait=True, cancel_futures=True)
        if self._decoding is not None:
            self._decoding.close()

    @property
    def detector(self) -> Detector:
        """The loaded detector; raises DetectorError when it cannot be loaded."""
        return self._detector.result()

    def scan(self, path: str | Path, progress: Progress = lambda share: None) -> ScanResult:
        """Scan one file; see ``scan``.

        progress : told how much of the looking is done, in [0, 1], from any thread. Each look that is planned counts
        the same, so it leaps to the end when the first one settles the verdict.
        """
        started = time.perf_counter()
        try:
            seen = self._look(Path(path), progress)
        except MediaError as error:
            return self._unread(path, error, started)
        tracks = self._link(seen)
        self._score_the_rest(tracks)
        return self._conclude(path, seen, tracks, started)

    def scan_or_explain(self, path: str | Path) -> ScanResult:
        """Scan one file of many; an error of unmask's own becomes that file's result, so that the others are done.

        Raises what concerns every file: DetectorError, FaceFinderError.
        """
        from unmask.detectors import DetectorError
        from unmask.faces import FaceFinderError

        try:
            return self.scan(path)
        except (DetectorError, FaceFinderError):
            raise
        except Exception as error:
            detail = f"internal error: {type(error).__name__}: {' '.join(str(error).split())}"
            return ScanResult(str(path), kind_by_name(path), "unreadable", self.detector_info, detail)

    def scan_stream(self, stream: BinaryIO, name: str = "-") -> ScanResult:
        """Scan one file that comes as a stream, such as standard input; the result has the name for its path."""
        started = time.perf_counter()
        try:
            with put_down(stream, self.settings.limits) as path:
                return replace(self.scan(path), path=name, seconds=time.perf_counter() - started)
        except MediaError as error:
            return self._unread(name, error, started)

    def _unread(self, path: str | Path, error: MediaError, started: float) -> ScanResult:
        return ScanResult(
            path=str(path),
            kind=kind_by_name(path),
            status=error.status,
            detector=self.detector_info,
            detail=error.detail or "could not be read",
            seconds=time.perf_counter() - started,
        )

    def _opened(self, path: Path) -> Media:
        decoding = self._decoding
        if decoding is not None:
            return decoding.open(path)
        return guarded(lambda: open_media(path, self.settings.limits))

    def _look(self, path: Path, progress: Progress) -> _Seen:
        """Look at a file once, and again until what was seen settles the verdict or everything planned was seen."""
        with self._opened(path) as media:
            looks = self.settings.looks_at(media.info)
            seen = _Seen(media.info, [], looks[-1].count)
            for number, look in enumerate(looks):
                if seen.frames and self._settled(seen):
                    break
                self._look_once(media, look, seen, partial(_tell_of_look, progress, number, len(looks)))
            progress(1.0)
            if self.settings.evidence:
                seen.facts = _facts(media)
        return seen

    def _look_once(self, media: Media, look: Sampling, seen: _Seen, progress: Progress) -> None:
        """Decode the frames of one look, find their faces and score them; adds to what was seen."""
        pending: list[Future[_LookedAt]] = []
        before = list(seen.frames)
        wanted = max(1, look.count - len(before))

        def examined(_: Future[_LookedAt]) -> None:
            progress(sum(future.done() for future in pending) / wanted)

        try:
            for frame in _sampled(media, replace(look, taken=[looked.time for looked in seen.frames])):
                self._frames_in_hand.acquire()
                pending.append(self._workers.submit(self._examine, frame, seen.planned, before))
                pending[-1].add_done_callback(examined)
        except MediaError as error:
            if not pending and not seen.frames:
                raise
            seen.detail = f"only in part: {error.detail}"
        seen.frames += [future.result() for future in pending]
        seen.frames.sort(key=lambda looked: looked.time)

    def _settled(self, seen: _Seen) -> bool:
        """Whether more frames of the same kind would hardly change the verdict.

        There is one, every face that it rests on settles it, and no face waits in a crowd.
        """
        if seen.detail is not None:
            return True
        tracks = self._link(seen)
        if not tracks or any(sighting.prediction is None for track in tracks for sighting in track):
            return False
        rule = rule_of(self.detector.card)
        _, verdict = self._judged(tracks, seen)
        if verdict.verdict == "inconclusive":
            return False
        fake = verdict.verdict == "likely_fake"
        faces = [tracks[verdict.track]] if fake else tracks
        return all(settles([sighting.logit for sighting in track], rule, fake=fake) for track in faces)

    def _examine(self, frame: Frame, planned: int, before: Sequence[_LookedAt]) -> _LookedAt:
        """Find and cut the faces of one frame; score them at once unless the frame is crowded."""
        from unmask.faces import find_again, measure, scene_of

        try:
            scene = scene_of(frame.image)
            view = view_of(frame) if self.settings.evidence else None
            known = _faces_nearby(before, frame.time, scene)
            faces = find_again(self._finder.result(), frame.image, [face.box for face in known])
            faces = self._worth_looking_at(faces, planned)
            cut_out = [
                _Sighting(
                    frame.time,
                    face,
                    self._crop(frame.image, face),
                    measure(frame.image, face.box, face.landmarks, face.confidence),
                )
                for face in faces
            ]
        finally:
            self._frames_in_hand.release()
        if len(cut_out) <= max(1, self.settings.crops // planned):
            for sighting in cut_out:
                self._score(sighting)
        return _LookedAt(frame.time, cut_out, scene, view)

    def _worth_looking_at(self, faces: Sequence[Face], planned: int) -> list[Face]:
        """Leave out specks, and beyond the bound the smallest faces; order stays."""
        bound = min(self.settings.faces, MAX_CROPS_KEPT // planned)
        large = [face for face in faces if _side(face) >= self.settings.minimum_face]
        kept = {id(face) for face in sorted(large, key=_side, reverse=True)[:bound]}
        return [face for face in large if id(face) in kept]

    def _crop(self, image: np.ndarray, face: Face) -> np.ndarray:
        from unmask.faces import cut, profile

        card = self._card.result()
        return cut(image, face.box, profile(card.crop_profile), size=card.input_size)

    def _score(self, sighting: _Sighting) -> None:
        """Hand one crop to the detector, alone: no score depends on which other faces are in the file."""
        crop = sighting.crop
        assert crop is not None
        sighting.prediction = Future()
        # A thread that waited for the weights could find faces on later frames meanwhile.
        task = partial(self._predict, crop, sighting.prediction)
        self._detector.add_done_callback(lambda _: self._hand_out(task))
        if not self.settings.evidence:
            sighting.crop = None

    def _hand_out(self, task: Callable[[], None]) -> None:
        with contextlib.suppress(RuntimeError):  # Closed while the weights were loaded: nobody waits.
            self._workers.submit(task)

    def _predict(self, crop: np.ndarray, prediction: Future[Prediction]) -> None:
        try:
            prediction.set_result(self.detector.predict(crop[None]))
        except BaseException as error:
            prediction.set_exception(error)

    def _link(self, seen: _Seen) -> list[list[_Sighting]]:
        """Follow each face through the frames; a track is its sightings in order of time."""
        from unmask.faces import link

        sightings = {id(s.face): s for looked in seen.frames for s in looked.sightings}
        faces = [[sighting.face for sighting in looked.sightings] for looked in seen.frames]
        tracks = link(faces, scenes=[looked.scene for looked in seen.frames])
        return [[sightings[id(face)] for _, face in track.faces] for track in tracks]

    def _score_the_rest(self, tracks: list[list[_Sighting]]) -> None:
        """Spend what is left of the crops on faces of crowded frames, evenly over tracks and over time."""
        spent = sum(sighting.prediction is not None for track in tracks for sighting in track)
        waiting = [track for track in tracks if any(sighting.prediction is None for sighting in track)]
        for track in waiting:
            left = [sighting for sighting in track if sighting.prediction is None]
            at_least = 0 if len(left) < len(track) else 1
            share = max(at_least, (self.settings.crops - spent) // len(waiting))
            for position in spread(len(left), share):
                self._score(left[position])

    def _conclude(
        self, path: str | Path, seen: _Seen, tracks: list[list[_Sighting]], started: float
    ) -> ScanResult:
        """Turn scored tracks into the file's result."""
        coverage = seen.coverage()
        if not tracks:
            return ScanResult(
                str(path), seen.info.kind, "no_face", self.detector_info, seen.detail, coverage=coverage,
                evidence=self._evidence(path, seen, [], (), None), seconds=time.perf_counter() - started,
            )  # fmt: skip
        rule = rule_of(self.detector.card)
        judged, verdict = self._judged(tracks, seen)
        scored = tuple(
            TrackScore(
                number,
                judgement.score,
                tuple(sighting.scored(rule) for sighting in track),
                judgement.reasons,
            )
            for number, (track, judgement) in enumerate(zip(tracks, judged, strict=True))
        )
        return ScanResult(
            path=str(path),
            kind=seen.info.kind,
            status="ok",
            detector=self.detector_info,
            detail=seen.detail,
            verdict=verdict.verdict,
            score=verdict.score,
            interval=verdict.interval,
            reasons=verdict.reasons,
            tracks=scored,
            coverage=coverage,
            decisive_track=verdict.track,
            evidence=self._evidence(path, seen, tracks, scored, verdict.track),
            seconds=time.perf_counter() - started,
        )

    def _evidence(
        self,
        path: str | Path,
        seen: _Seen,
        tracks: list[list[_Sighting]],
        scored: Sequence[TrackScore],
        decisive: int | None,
    ) -> Evidence | None:
        """Gather what the report shows, if one is wanted."""
        if not self.settings.evidence:
            return None
        sightings = {number: [(s.crop, s.face.box) for s in track] for number, track in enumerate(tracks)}
        views = [looked.view for looked in seen.frames if looked.view is not None]
        read = content_credentials if self._decoding is None else self._decoding.credentials
        return gather(
            path, seen.facts, views, scored, decisive, sightings, self.detector, self._workers, read
        )

    def _judged(
        self, tracks: list[list[_Sighting]], seen: _Seen
    ) -> tuple[list[TrackJudgement], FileJudgement]:
        rule = rule_of(self.detector.card)
        scored = [[sighting for sighting in track if sighting.prediction] for track in tracks]
        judged = [judge_track([s.logit for s in t], rule, [s.doubt(rule) for s in t]) for t in scored]
        return judged, judge_file(judged, len(seen.frames), rule)

    @property
    def detector_info(self) -> DetectorInfo:
        """The loaded detector, as results name it."""
        card = self.detector.card
        return DetectorInfo(
            card.name, str(card.version), card.sha256, card.crop_profile, card.threshold, card.band
        )


@dataclass
class _Sighting:
    """One face on one frame: a crop that waits, or a prediction under way."""

    time: float
    face: Face
    crop: np.ndarray | None
    quality: FaceQuality
    prediction: Future[Prediction] | None = None

    @property
    def logit(self) -> float:
        assert self.prediction is not None
        return float(self.prediction.result().logits[0])

    @property
    def reconstruction_error(self) -> float | None:
        """The scored face's; None without a decoder."""
        errors = self.prediction.result().reconstruction_errors if self.prediction else None
        return None if errors is None else max(0.0, float(errors[0]))

    def doubt(self, rule: Rule) -> Doubt:
        """Hold the face against the gates."""
        measures = {**self.quality.to_dict(), "reconstruction_error": self.reconstruction_error}
        return examine(measures, rule.gates)

    def scored(self, rule: Rule) -> FrameScore:
        """Give the sighting as a part of the result, waiting for its score."""
        score = None
        if self.prediction is not None:
            score = min(1.0, max(0.0, float(self.prediction.result().scores[0])))
        x0, y0, x1, y1 = (float(value) for value in self.face.box)
        confidence = min(1.0, max(0.0, float(self.face.confidence)))
        return FrameScore(
            max(0.0, self.time),
            (x0, y0, x1, y1),
            confidence,
            score,
            self.reconstruction_error,
            self.doubt(rule).names,
        )


@dataclass(frozen=True)
class _LookedAt:
    """A sampled frame: the faces on it, and the look of its scene, by which cuts are told."""

    time: float
    sightings: list[_Sighting]
    scene: np.ndarray
    view: FrameView | None


@dataclass
class _Seen:
    """All that was seen of a file, in order of time; detail says what cut it short.

    planned : frames that would have been looked at at most.
    """

    info: MediaInfo
    frames: list[_LookedAt]
    planned: int
    detail: str | None = None
    facts: FileFacts = field(default_factory=FileFacts)

    def coverage(self) -> Coverage:
        """Say how much was looked at, and how much was not."""
        times = [looked.time for looked in self.frames]
        gap = None
        if self.info.kind == "video" and times:
            end = max(self.info.duration or 0.0, times[-1])
            gap = max(b - a for a, b in zip([0.0, *times], [*times, end], strict=True))
        with_face = sum(bool(looked.sightings) for looked in self.frames)
        planned = max(self.planned, len(times))
        return Coverage(self.info.duration, len(times), with_face, planned, gap, tuple(times))


def kind_by_name(path: str | Path) -> Kind:
    """Guess from a file's ending alone, for files that could not be opened."""
    return "image" if Path(path).suffix.lower() in IMAGE_ENDINGS else "video"


def _faces_nearby(before: Sequence[_LookedAt], moment: float, scene: np.ndarray) -> list[Face]:
    """Return the faces of the frame looked at before that is nearest in time, if it shows the same scene."""
    from unmask.faces import is_cut

    nearest = min(before, key=lambda looked: abs(looked.time - moment), default=None)
    if nearest is None or is_cut(nearest.scene, scene):
        return []
    return [sighting.face for sighting in nearest.sightings]


def spread(count: int, wanted: int) -> list[int]:
    """Choose ``wanted`` of ``count`` positions (all when fewer), evenly spaced and away from the ends."""
    wanted = max(0, min(wanted, count))
    return [(2 * k + 1) * count // (2 * wanted) for k in range(wanted)]


def _tell_of_look(progress: Progress, number: int, looks: int, share: float) -> None:
    progress((number + min(1.0, share)) / looks)


def _facts(media: Media) -> FileFacts:
    try:
        return guarded(media.facts)
    except MediaError:
        return FileFacts()


def _sampled(media: Media, look: Sampling) -> Iterator[Frame]:
    frames = iter(media.sample(look))
    while (frame := guarded(lambda: next(frames, None))) is not None:
        yield frame


def _load_detector(name: str, threads: int) -> Detector:
    from unmask.detectors import load_detector

    return load_detector(name, threads)


def _load_card(name: str) -> Card:
    from unmask.detectors import load_card

    return load_card(name)


def _load_finder(threads: int) -> FaceFinder:
    from unmask.faces import CenterFace

    return CenterFace(threads=threads)


def _side(face: Face) -> float:
    x0, y0, x1, y1 = face.box
    return float(max(x1 - x0, y1 - y0))


def _processors() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
