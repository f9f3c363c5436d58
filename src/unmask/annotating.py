"""Writes an annotated copy of a scanned file: boxes and scores over every frame of a video, or over an image."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import cast

import av
import numpy as np

from unmask.face_labels import Label, drawn
from unmask.faces import (
    Box,
    CenterFace,
    FaceFinder,
    FrameFaces,
    follow,
    scene_of,
    search,
    search_budget,
)
from unmask.free_names import unused_path
from unmask.media import DecodingProcesses, Frame, Limits, Media, MediaError, Sampling
from unmask.report import ScanResult, TrackScore, face_name, percent
from unmask.report.heatmaps import outline

ENCODERS = ("libx264", "libopenh264", "mpeg4")
FINDS_A_SECOND = 6.0
_TICKS = 90_000
_HELD_SECONDS = 1.0
_SAME_FACE_OVERLAP = 0.3
_SMALL = 1 / 15  # Of a frame's longer side; larger faces are found without a closer search.
_PLANNED = 12  # Frames of a short clip's scan: each frame here is searched as closely as one of those.


class AnnotationError(Exception):
    """A copy that cannot be made; the message is one line for the user."""


def annotate(
    path: str | Path,
    result: ScanResult,
    folder: str | Path,
    finder: FaceFinder | None = None,
    limits: Limits | None = None,
    name: str | None = None,
    progress: Callable[[float], None] = lambda share: None,
) -> Path:
    """Write ``NAME.annotated.mp4`` or, of an image, ``NAME.annotated.png`` into a folder; return its path.

    Faces are found again several times a second and joined to the tracks of the result; between these moments boxes
    move in a straight line. A face that the scan did not score is drawn as such. The label has the face's number, its
    track's score, and on frames that were scored that frame's own. Of an image's faces at or above the threshold it is
    outlined where a blend seems to lie, if the result has evidence that says so. The copy has no sound.

    Parameters
    ----------
    path
        Of the scanned file.
    result
        Of its scan.
    folder
        Of the copy.
    finder
        Finds faces; None: a new one.
    limits
        Of the decoder.
    name
        NAME, instead of that of the file without its ending. A name that the file system would not take is cut.
    progress
        Told how much of a video is done, in [0, 1].

    Raises
    ------
    AnnotationError
        When the file was not read by the scan, cannot be decoded again, the copy cannot be written, or no video
        encoder is there. No half copy is left.
    """
    if not result.was_read:
        raise AnnotationError(f"{result.status}: there is nothing to annotate")
    folder = Path(folder)
    suffix = ".annotated.png" if result.kind == "image" else ".annotated.mp4"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        target = unused_path(folder, Path(path).stem if name is None else name, suffix)
    except OSError as error:
        raise _not_written(error) from error
    try:
        with DecodingProcesses(limits or Limits()) as decoding:
            if result.kind == "image":
                _write_image(decoding, Path(path), result, target)
            else:
                _write_video(decoding, Path(path), result, target, finder or CenterFace(), progress)
    except BaseException as error:
        with suppress(OSError):
            target.unlink(missing_ok=True)
        if isinstance(error, MediaError):
            raise AnnotationError(error.detail) from error
        if isinstance(error, OSError):
            raise _not_written(error) from error
        raise
    return target


def _not_written(error: OSError) -> AnnotationError:
    return AnnotationError(f"the copy cannot be written: {(error.strerror or str(error)).lower()}")


def _write_image(decoding: DecodingProcesses, path: Path, result: ScanResult, target: Path) -> None:
    with decoding.open(path) as media:
        frame = next(iter(media.sample(1)))
    regions = {
        one.track: outline(one.blend_mask, one.square)
        for one in (result.evidence.faces if result.evidence else ())
        if one.blend_mask is not None
    }
    threshold = result.detector.threshold
    labels = [
        Label(
            one.box,
            _words(track.id, one.score),
            _kind(one.score, threshold),
            region=regions.get(track.id, ()),
        )
        for track in result.tracks
        for one in track.frames
    ]
    drawn(frame.image, labels).save(target)


def _write_video(
    decoding: DecodingProcesses,
    path: Path,
    result: ScanResult,
    target: Path,
    finder: FaceFinder,
    progress: Callable[[float], None],
) -> None:
    """Decode twice: once to find the faces at several moments a second, once to draw on every frame."""
    with decoding.open(path) as media:
        boxes = [one.box for track in result.tracks for one in track.frames]
        smallest = min((max(x1 - x0, y1 - y0) for x0, y0, x1, y1 in boxes), default=math.inf)
        frames = _every_frame(media, 0.0, progress)
        trajectories = _trajectories(result, _found(frames, finder, smallest))
    with decoding.open(path) as media:
        frames = _every_frame(media, 0.5, progress)
        rate = Fraction(media.info.frame_rate or 25).limit_denominator(1001)
        _encode(frames, trajectories, target, rate)


def _every_frame(media: Media, done: float, progress: Callable[[float], None]) -> Iterator[Frame]:
    """Return all frames, and tell how much is done: before them ``done``, they are half of the work."""
    for frame in media.sample(Sampling(1, every_frame=True)):
        progress(done + min(1.0, frame.time / (media.info.duration or math.inf)) / 2)
        yield frame


def _found(frames: Iterator[Frame], finder: FaceFinder, smallest: float) -> Iterator[FrameFaces[float]]:
    """Find faces a few times a second, each with its time.

    ``smallest`` is the side of the smallest face that the scan found; frames are searched closer only for small ones.
    """
    due = 0.0
    for frame in frames:
        if frame.time >= due:
            due = frame.time + 1 / FINDS_A_SECOND - 1e-3
            small = smallest < max(frame.image.shape) * _SMALL
            faces = search(
                finder, frame.image, "sparing" if small else "quick", search_budget(_PLANNED)
            ).faces
            yield FrameFaces(faces, [frame.time] * len(faces), scene_of(frame.image))


@dataclass(frozen=True)
class Trajectory:
    """Where a face is over time, and what is known of it.

    Parameters
    ----------
    times
        Seconds, ascending, one a box.
    boxes
        In pixels.
    track, score
        Of the scan's track, None where it has none.
    kind
        Of its labels.
    scored
        (seconds, score) of that track's scored frames.
    """

    times: list[float]
    boxes: list[Box]
    track: int | None
    score: float | None
    kind: str
    scored: list[tuple[float, float]]

    def at(self, time: float) -> Label | None:
        """Return the label at a time, None where the face is not seen.

        Parameters
        ----------
        time
            In seconds.
        """
        if not self.times[0] - 0.5 / FINDS_A_SECOND <= time <= self.times[-1] + 1 / FINDS_A_SECOND:
            return None
        box = _between(self.times, self.boxes, time)
        if self.track is None:
            return Label(box, "not scored", self.kind)
        near = [score for moment, score in self.scored if abs(moment - time) <= _HELD_SECONDS / 2]
        detail = f" (this frame {percent(near[0])})" if near else ""
        return Label(box, _words(self.track, self.score), self.kind, detail)


def _trajectories(result: ScanResult, found: Iterable[FrameFaces[float]]) -> list[Trajectory]:
    """Link the faces found on all frames into trajectories, and each to the track of the scan that it follows."""
    threshold = result.detector.threshold
    trajectories = []
    for track in follow(list(found)):
        times = [followed.kept for followed in track]
        boxes = [followed.face.box for followed in track]
        scored = _same_face(result, times, boxes)
        if scored is None:
            trajectories.append(Trajectory(times, boxes, None, None, "unscored", []))
            continue
        scores = [(one.time, one.score) for one in scored.frames if one.score is not None]
        trajectories.append(
            Trajectory(times, boxes, scored.id, scored.score, _kind(scored.score, threshold), scores)
        )
    return trajectories


def _same_face(result: ScanResult, times: Sequence[float], boxes: Sequence[Box]) -> TrackScore | None:
    """Find the scan's track whose boxes overlap a trajectory's boxes, by their mean overlap where both are known."""
    best: TrackScore | None = None
    best_overlap = _SAME_FACE_OVERLAP
    for track in result.tracks:
        shared = [
            _overlap(one.box, _between(times, boxes, one.time))
            for one in track.frames
            if times[0] - 0.5 <= one.time <= times[-1] + 0.5
        ]
        if shared and sum(shared) / len(shared) > best_overlap:
            best, best_overlap = track, sum(shared) / len(shared)
    return best


def _between(times: Sequence[float], boxes: Sequence[Box], time: float) -> Box:
    """Return the box at a time, on a straight line between its neighbours; held at either end."""
    x0, y0, x1, y1 = (float(np.interp(time, times, side)) for side in zip(*boxes, strict=True))
    return x0, y0, x1, y1


def _overlap(a: Box, b: Box) -> float:
    """Return the intersection over the union of two boxes."""
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    shared = max(0.0, width) * max(0.0, height)
    areas = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1])
    return shared / (areas - shared)


def _words(track: int, score: float | None) -> str:
    return f"{face_name(track)}: {percent(score)}"


def _kind(score: float | None, threshold: float | None) -> str:
    if score is None or threshold is None:
        return "unscored"
    return "above" if score >= threshold else "below"


def _encode(
    frames: Iterator[Frame], trajectories: Sequence[Trajectory], target: Path, rate: Fraction
) -> None:
    """Draw on each frame and encode it at its own time."""
    with _as_annotation_error(), av.open(str(target), "w", format="mp4") as container:
        stream, last = None, -1
        for frame in frames:
            height, width = frame.image.shape[:2]
            if stream is None:
                stream = _stream(container, width, height, rate)
            labels = [
                label for trajectory in trajectories if (label := trajectory.at(frame.time)) is not None
            ]
            picture = drawn(frame.image, labels)
            if picture.size != (stream.width, stream.height):
                # Encoders want even sides, and one size for the whole video.
                picture = picture.crop((0, 0, stream.width, stream.height))
            coded = av.VideoFrame.from_ndarray(np.asarray(picture), format="rgb24")
            coded.pts = last = max(last + 1, round(frame.time * _TICKS))
            coded.time_base = Fraction(1, _TICKS)
            container.mux(stream.encode(coded))
        if stream is not None:
            container.mux(stream.encode(None))


@contextmanager
def _as_annotation_error() -> Iterator[None]:
    """Return what an encoder refuses in one line; errors of the file system stay as they are."""
    try:
        yield
    except av.FFmpegError as error:
        if isinstance(error, OSError):
            raise
        raise AnnotationError(f"it cannot be encoded: {(error.strerror or str(error)).lower()}") from error


def _stream(
    container: av.container.OutputContainer, width: int, height: int, rate: Fraction
) -> av.VideoStream:
    encoder = next((name for name in ENCODERS if name in av.codecs_available), None)
    if encoder is None:
        raise AnnotationError(f"no video encoder is there: {', '.join(ENCODERS)} are known")
    stream = cast(av.VideoStream, container.add_stream(encoder, rate=rate))
    stream.width, stream.height, stream.pix_fmt = width + width % 2, height + height % 2, "yuv420p"
    stream.codec_context.time_base = Fraction(1, _TICKS)
    if encoder == "libx264":
        stream.options = {"crf": "20", "preset": "veryfast"}
    else:
        stream.bit_rate = max(1_000_000, 4 * width * height)
    return stream
