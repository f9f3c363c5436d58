"""The whole way of one file: media -> faces -> tracks -> crops -> scores -> verdict -> result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from threading import BoundedSemaphore
from types import TracebackType
from typing import TYPE_CHECKING, BinaryIO

from unmask.loading import Loading, worker_threads
from unmask.media import (
    DecodingProcesses,
    FileFacts,
    Frame,
    Limits,
    Media,
    MediaError,
    MediaInfo,
    Sampling,
    as_media_error,
    content_credentials,
    kind_by_name,
    open_media,
    spooled_to_file,
    spread,
)

if TYPE_CHECKING:
    import numpy as np

    from unmask.detectors import Detector, Prediction
    from unmask.faces import Effort, Face, FaceFinder, UprightView
    from unmask.findings import FaceObservation, Observations, SampledFrame
    from unmask.report import DetectorInfo, Evidence, FrameView, ScanResult

MAX_FRAMES = 256
MAX_CROPS_KEPT = 4096
BREAK_MARGIN = 0.1  # Of a face's side: nearer to where a picture breaks off, part of the face may be missing.

# How many frames there are after each look, by the video's length in seconds.
LONGER_THAN = (15.0, 30.0, 300.0)
PASS_SIZES = ((2, 12), (3, 12), (5, 20), (8, 32))


@dataclass(frozen=True)
class Settings:
    """Everything that changes what a scan does.

    detector : name of an installed detector, or the folder of an exported one.
    frames : number of frames sampled from a video, evenly over its length; 1 to 256. None: a few, from where they
    are cheap to decode, and four to six times as many where those do not settle the verdict.
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

    def for_all_files(self) -> Settings:
        """Return the settings without those that may differ from file to file."""
        return replace(self, frames=None, every=None, seconds=None)

    def sampling_passes(self, info: MediaInfo) -> list[Sampling]:
        """Plan which frames of a file to look at, in one look or in several, each only if those before are not enough.

        Without orders a first look takes 2 frames of up to 15 s, 3 of up to half a minute, 5 of up to 5 minutes, 8 of
        longer videos. A second one parts the video more finely and fills the parts that are still empty, up to 12, 12,
        20 or 32 frames in all.
        """
        if info.kind == "image":
            return [Sampling(1)]
        duration = min(info.duration or 0.0, self.seconds or float("inf"))
        if self.every is not None:
            count = min(MAX_FRAMES, math.ceil(duration / self.every)) or MAX_FRAMES
            return [Sampling(count, self.every, self.seconds)]
        if self.frames is not None:
            return [Sampling(self.frames, until=self.seconds)]
        counts = PASS_SIZES[sum(duration > bound for bound in LONGER_THAN)]
        return [Sampling(count, until=self.seconds, near_keyframes=True) for count in counts]


class ScannerClosedError(RuntimeError):
    """A scanner was closed before its scan came to an end."""

    def __init__(self) -> None:
        super().__init__("the scanner was closed")


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

    Loading starts at once, in the background, beside the opening of the first file, and so does importing what is only
    needed then. The calling thread takes the frames as another process decodes them; other threads find the faces of
    earlier frames and score them meanwhile. Close it, or use it as a context manager.

    decoding : started already, within the settings' limits; closed with the scanner. loading : begun already, of what
    the settings name. None starts its own.
    """

    def __init__(
        self,
        settings: Settings = DEFAULTS,
        detector: Detector | None = None,
        finder: FaceFinder | None = None,
        decoding: DecodingProcesses | None = None,
        loading: Loading | None = None,
    ) -> None:
        self.settings = settings
        self._decoding = decoding
        if decoding is None and settings.isolated:
            self._decoding = DecodingProcesses(settings.limits, credentials=settings.evidence)
            self._decoding.start()  # First of all: it gets ready, and decodes, while the weights are loaded.
        self._loading = loading or Loading(detector or settings.detector, finder, settings.threads)
        workers = worker_threads(settings.threads)
        self._closed = False
        self._workers = ThreadPoolExecutor(workers, thread_name_prefix="unmask")
        self._frames_in_hand = BoundedSemaphore(workers + 2)

    def __enter__(self) -> Scanner:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Drop what is waiting and end the threads; a scan under way in another thread raises ScannerClosedError."""
        self._closed = True
        self._workers.shutdown(wait=True, cancel_futures=True)
        if self._decoding is not None:
            self._decoding.close()

    @property
    def detector(self) -> Detector:
        """The loaded detector; raises DetectorError when it cannot be loaded."""
        return self._loading.detector.result()

    def scan(
        self,
        path: str | Path,
        progress: Progress = lambda share: None,
        settings: Settings | None = None,
    ) -> ScanResult:
        """Scan one file; see ``scan``.

        progress : told how much of the looking is done, in [0, 1], from any thread. Each look that is planned counts
        the same, so it leaps to the end when the first one settles the verdict.
        settings : for this file, where it is to be sampled otherwise than the scanner's own say: frames, every and
        seconds may differ; all else belongs to the scanner, and ValueError is raised where it differs.

        Raises ScannerClosedError when the scanner is closed, now or meanwhile.
        """
        if self._closed:
            raise ScannerClosedError
        try:
            return self._scan(path, progress, settings or self.settings)
        except (CancelledError, RuntimeError) as error:
            if self._closed:  # The pool has no better words for it.
                raise ScannerClosedError from error
            raise

    def _scan(self, path: str | Path, progress: Progress, settings: Settings) -> ScanResult:
        started = time.perf_counter()
        if settings.for_all_files() != self.settings.for_all_files():
            raise ValueError("only frames, every and seconds may differ from file to file")
        try:
            seen = self._look(Path(path), progress, settings)
        except MediaError as error:
            return self._unread(path, error, started)
        tracks = self._link(seen)
        self._score_the_rest(tracks)
        from unmask.findings import conclude

        result = conclude(str(path), seen, tracks, self.detector.card)
        evidence = self._evidence(path, seen, tracks, result) if self.settings.evidence else None
        seconds = time.perf_counter() - started
        return replace(result, evidence=evidence, isolation=self._isolation, seconds=seconds)

    @property
    def _isolation(self) -> str | None:
        return None if self._decoding is None else self._decoding.isolation

    def scan_or_explain(self, path: str | Path) -> ScanResult:
        """Scan one file of many; an error of unmask's own becomes that file's status ``failed``: the others are done.

        Raises what concerns every file: DetectorError, FaceFinderError, ScannerClosedError.
        """
        started = time.perf_counter()
        try:
            return self.scan(path)
        except Exception as error:
            from unmask.detectors import DetectorError
            from unmask.faces import FaceFinderError
            from unmask.report import ScanResult

            if isinstance(error, DetectorError | FaceFinderError | ScannerClosedError):
                raise
            return ScanResult(
                path=str(path),
                kind=kind_by_name(path),
                status="failed",
                detector=self.detector_info,
                detail=f"internal error: {type(error).__name__}: {' '.join(str(error).split())}",
                isolation=self._isolation,
                seconds=time.perf_counter() - started,
            )

    def scan_stream(
        self,
        stream: BinaryIO,
        name: str = "-",
        on_result: Callable[[Path, ScanResult], None] = lambda path, result: None,
    ) -> ScanResult:
        """Scan one file that comes as a stream, such as standard input; the result has the name for its path.

        on_result : called with the temporary file that the stream was put into, while it is there, and the result.
        """
        started = time.perf_counter()
        try:
            with spooled_to_file(stream, self.settings.limits) as path:
                result = replace(self.scan(path), path=name, seconds=time.perf_counter() - started)
                on_result(path, result)
                return result
        except MediaError as error:
            return self._unread(name, error, started)

    def _unread(self, path: str | Path, error: MediaError, started: float) -> ScanResult:
        from unmask.report import ScanResult

        return ScanResult(
            path=str(path),
            kind=kind_by_name(path),
            status=error.status,
            detector=self.detector_info,
            detail=error.detail or "could not be read",
            isolation=self._isolation,
            seconds=time.perf_counter() - started,
        )

    def _opened(self, path: Path) -> Media:
        decoding = self._decoding
        if decoding is not None:
            return decoding.open(path)
        self._loading.imports.result()
        return as_media_error(lambda: open_media(path, self.settings.limits))

    def _look(self, path: Path, progress: Progress, settings: Settings) -> Observations:
        """Run sampling passes until the verdict can stop early or every planned frame was sampled."""
        with self._opened(path) as media:
            looks = settings.sampling_passes(media.info)
            first = media.sample(looks[0])  # The other process decodes while this one goes on importing.
            self._loading.imports.result()
            from unmask.findings import Observations

            seen = Observations(media.info, [], looks[-1].count)
            frames: Iterator[Frame] | None = first
            number = 0
            while number < len(looks) and not (seen.frames and self._can_stop(seen)):
                told = partial(_report_pass, progress, number, len(looks))
                self._run_pass(media, looks[number], frames, seen, told)
                frames, number = None, number + 1
                if media.info.duration != seen.info.duration:  # Longer or shorter than its header says.
                    wanted, looks = looks[0].count, self.settings.sampling_passes(media.info)
                    seen.planned = looks[-1].count
                    if looks[0].count > wanted:
                        number = 0
                        seen.frames = seen.frames if self.settings.every is None else []
                seen.info = media.info
            progress(1.0)
            if self.settings.evidence:
                seen.facts = _facts(media)
        return seen

    def _run_pass(
        self,
        media: Media,
        look: Sampling,
        frames: Iterator[Frame] | None,
        seen: Observations,
        progress: Progress,
    ) -> None:
        """Take one look's frames, ordered already or not, find their faces and score them; adds to what was seen."""
        pending: list[Future[SampledFrame]] = []
        wanted = max(1, look.count - len(seen.frames))
        effort = _effort(seen)

        def examined(_: Future[SampledFrame]) -> None:
            progress(sum(future.done() for future in pending) / wanted)

        try:
            if frames is None:
                frames = media.sample(replace(look, exclude=[looked.time for looked in seen.frames]))
            while (frame := as_media_error(lambda: next(frames, None))) is not None:
                if not math.isfinite(frame.time):
                    raise MediaError("unreadable", "a frame has an impossible time")
                pending.append(self._hand_in(frame, seen.planned, effort))
                pending[-1].add_done_callback(examined)
        except MediaError as error:
            if not pending and not seen.frames:
                raise
            seen.detail = f"only in part: {error.detail}"
        seen.frames += [future.result() for future in pending]
        seen.frames.sort(key=lambda looked: looked.time)

    def _can_stop(self, seen: Observations) -> bool:
        """Whether more frames of the same kind would hardly change the verdict.

        There is one, every face that it rests on settles it, and no face waits in a crowd.
        """
        if seen.detail is not None:
            return True
        tracks = self._link(seen)
        if not tracks or any(observation.prediction is None for track in tracks for observation in track):
            return False
        from unmask.findings import can_stop

        return can_stop(tracks, seen, self.detector.card)

    def _hand_in(self, frame: Frame, planned: int, effort: Effort) -> Future[SampledFrame]:
        """Hand a frame to the workers as soon as they have room for it; one that they never take leaves its room."""
        self._frames_in_hand.acquire()
        try:
            looked = self._workers.submit(self._examine, frame, planned, effort)
        except BaseException:
            self._frames_in_hand.release()
            raise
        looked.add_done_callback(lambda done: self._frames_in_hand.release() if done.cancelled() else None)
        return looked

    def _examine(self, frame: Frame, planned: int, effort: Effort) -> SampledFrame:
        """Find and cut the faces of one frame; score them at once unless the frame is crowded."""
        from unmask.faces import cut_faces, scene_of, search, search_budget
        from unmask.findings import SampledFrame

        try:
            image, left, top = _present_part(frame)
            scene = scene_of(image)
            view = _view_of(frame) if self.settings.evidence else None
            finder = self._loading.finder.result()
            found = search(finder, image, effort, search_budget(planned))
            large, faces = self._worth_looking_at(found.faces, planned)
            whole = [face for face in faces if not _is_halved(face, frame)]
            cut = partial(self._observation, frame.time, (left, top))
            seen = cut_faces(image, whole, finder, cut, scene)
            seen = replace(seen, faces=[observation.face for observation in seen.kept])
        finally:
            self._frames_in_hand.release()
        if len(seen.kept) <= max(1, self.settings.crops // planned):
            for observation in seen.kept:
                self._score(observation)
        return SampledFrame(frame.time, seen, view, found, large - len(faces), len(faces) - len(whole))

    def _worth_looking_at(self, faces: Sequence[Face], planned: int) -> tuple[int, list[Face]]:
        """Leave out specks, and beyond the bound the smallest faces; order stays. Counts those that are no specks."""
        bound = min(self.settings.faces, MAX_CROPS_KEPT // planned)
        large = [face for face in faces if _side(face) >= self.settings.minimum_face]
        kept = {id(face) for face in sorted(large, key=_side, reverse=True)[:bound]}
        return len(large), [face for face in large if id(face) in kept]

    def _observation(
        self, time: float, corner: tuple[int, int], face: Face, view: UprightView
    ) -> FaceObservation:
        """Cut and measure a face where it stands upright; corner : where the image that shows it lies in the frame."""
        from unmask.faces import cut, measure, profile
        from unmask.findings import FaceObservation

        card = self._loading.card.result()
        shown = view.face
        return FaceObservation(
            time,
            face.moved(*corner),
            cut(view.image, shown.box, profile(card.crop_profile), size=card.input_size),
            measure(view.image, shown.box, shown.landmarks, shown.confidence, _side(face)),
        )

    def _score(self, observation: FaceObservation) -> None:
        """Hand one crop to the detector, alone: no score depends on which other faces are in the file."""
        crop = observation.crop
        assert crop is not None
        prediction = observation.prediction = Future()
        # A thread that waited for the weights could find faces on later frames meanwhile.
        self._loading.detector.add_done_callback(lambda _: self._hand_out(crop, prediction))
        if not self.settings.evidence:
            observation.crop = None

    def _hand_out(self, crop: np.ndarray, prediction: Future[Prediction]) -> None:
        """Let the workers predict; where they do not, since the scanner was closed, whoever waits is told so."""
        try:
            handed = self._workers.submit(self._predict, crop, prediction)
        except RuntimeError as error:
            prediction.set_exception(ScannerClosedError() if self._closed else error)
            return
        handed.add_done_callback(
            lambda done: prediction.set_exception(ScannerClosedError()) if done.cancelled() else None
        )

    def _predict(self, crop: np.ndarray, prediction: Future[Prediction]) -> None:
        try:
            prediction.set_result(self.detector.predict({"crops": crop[None]}))
        except BaseException as error:
            prediction.set_exception(error)

    def _link(self, seen: Observations) -> list[list[FaceObservation]]:
        """Follow each face through the frames; a track is its observations in order of time."""
        from unmask.faces import follow

        tracks = follow([looked.faces for looked in seen.frames], seen.part_starts())
        return [[followed.kept for followed in track] for track in tracks]

    def _score_the_rest(self, tracks: list[list[FaceObservation]]) -> None:
        """Spend what is left of the crops on faces of crowded frames, evenly over tracks and over time."""
        spent = sum(observation.prediction is not None for track in tracks for observation in track)
        waiting = [track for track in tracks if any(observation.prediction is None for observation in track)]
        for track in waiting:
            left = [observation for observation in track if observation.prediction is None]
            at_least = 0 if len(left) < len(track) else 1
            share = max(at_least, (self.settings.crops - spent) // len(waiting))
            for position in spread(len(left), share):
                self._score(left[position])

    def _evidence(
        self, path: str | Path, seen: Observations, tracks: list[list[FaceObservation]], result: ScanResult
    ) -> Evidence:
        """Gather what the report shows."""
        from unmask.report import gather

        observations = {number: [(s.crop, s.face.box) for s in track] for number, track in enumerate(tracks)}
        views = [looked.view for looked in seen.frames if looked.view is not None]
        read = content_credentials if self._decoding is None else self._decoding.credentials
        return gather(
            path,
            seen.facts,
            views,
            result.tracks,
            result.decisive_track,
            observations,
            self.detector,
            self._workers,
            read,
        )

    @property
    def detector_info(self) -> DetectorInfo:
        """The loaded detector, as results name it."""
        from unmask.findings import detector_info

        return detector_info(self.detector.card)


def _effort(seen: Observations) -> Effort:
    """Choose how thoroughly to search the next look's frames, by those of the looks before."""
    if seen.info.kind == "image":
        return "thorough"
    return "quick" if any(not looked.search.closer for looked in seen.frames) else "sparing"


def _report_pass(progress: Progress, number: int, looks: int, share: float) -> None:
    progress((number + min(1.0, share)) / looks)


def _view_of(frame: Frame) -> FrameView:
    from unmask.report import view_of

    return view_of(frame)


def _facts(media: Media) -> FileFacts:
    try:
        return as_media_error(media.facts)
    except MediaError:
        return FileFacts()


def _present_part(frame: Frame) -> tuple[np.ndarray, int, int]:
    """Return the part of a picture that was decoded, and where its corner lies: filler is not looked at."""
    if frame.present is None:
        return frame.image, 0, 0
    x0, y0, x1, y1 = frame.present
    return frame.image[y0:y1, x0:x1], x0, y0


def _is_halved(face: Face, frame: Frame) -> bool:
    """Return whether a face in the decoded part reaches to where the picture breaks off."""
    if frame.present is None:
        return False
    x0, y0, x1, y1 = frame.present
    height, width = frame.image.shape[:2]
    left, top, right, bottom = face.box
    near = BREAK_MARGIN * _side(face)
    return bool(
        (x0 > 0 and left < near)
        or (y0 > 0 and top < near)
        or (x1 < width and right > x1 - x0 - near)
        or (y1 < height and bottom > y1 - y0 - near)
    )


def _side(face: Face) -> float:
    x0, y0, x1, y1 = face.box
    return float(max(x1 - x0, y1 - y0))
