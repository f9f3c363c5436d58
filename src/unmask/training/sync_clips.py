"""Lists and reads videos of people who speak: the points of a face mesh on each frame, and the sound beside them."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from unmask.datasets.crops import group_draw
from unmask.detectors.mesh import FaceMesh
from unmask.faces import (
    CenterFace,
    FaceFinder,
    cut,
    link,
    main_track,
    profile,
    scene_of,
    search,
    smooth_squares,
)
from unmask.media import VIDEO_ENDINGS, AudioSampling, Burst, MediaError, Sampling, open_media
from unmask.models import lips
from unmask.models.lips import POINTS
from unmask.models.sound import RATE, LogMel
from unmask.training.recipes import DataOptions, RecipeError, SourceOptions
from unmask.training.sync import SyncClip
from unmask.training.views import matches

LONGEST = 40.0
"""Seconds of a file that are read."""

SEARCH_EVERY = 3
_SAMPLES_PER_FRAME = round(RATE / lips.RATE)
_SEARCH_BUDGET = 4e6
_LEAST_FRAMES = 25
_READER = 2  # Kept clips of another number are read again.


@dataclass(frozen=True)
class TalkingFile:
    """A video and who is seen in it."""

    path: Path
    source: str


def list_files(data: DataOptions, sources: Sequence[SourceOptions]) -> list[TalkingFile]:
    """List the videos of a recipe's sources.

    The columns ``path`` and ``group`` of a set's manifest name its videos and who is seen in each. Without a manifest
    that is the first folder below the set's, as in LRS3 and VoxCeleb2, or the video itself.

    Parameters
    ----------
    data
        Of the recipe.
    sources
        Those of training or of validation.

    Raises
    ------
    RecipeError
        When a source has no videos, or no manifest for what chooses among them.
    """
    listed = []
    for source in sources:
        folder = data.folder(source)
        if (folder / "manifest.csv").is_file():
            with (folder / "manifest.csv").open(encoding="utf-8", newline="") as file:
                rows = [row for row in csv.DictReader(file) if matches(row, source.where)]
            found = [TalkingFile(folder / row["path"], row["group"]) for row in rows]
        elif source.where:
            raise RecipeError(f"data: where is of a manifest's columns, and {folder} has no manifest.csv")
        else:
            paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in VIDEO_ENDINGS)
            found = [TalkingFile(path, path.relative_to(folder).with_suffix("").parts[0]) for path in paths]
        wanted = source.take == "held_out"
        listed += [
            file
            for file in found
            if not source.held_out or (group_draw(file.source) < source.held_out) is wanted
        ]
        if not found:
            raise RecipeError(f"data: there are no such videos in {folder}")
    return listed


def read_clips(
    files: Sequence[TalkingFile],
    cache: Path,
    report: Callable[[str, int, int], None] = lambda stage, done, total: None,
    finder: FaceFinder | None = None,
    mesh: FaceMesh | None = None,
) -> list[SyncClip]:
    """Read the main face of each video with its sound; videos without either are left out.

    Parameters
    ----------
    files
        As listed.
    cache
        Folder that keeps what was read, a file a video.
    report
        Called with the name of the stage, videos read and videos in all.
    finder, mesh
        Ready objects in place of the built-in ones.
    """
    cache.mkdir(parents=True, exist_ok=True)
    clips = []
    for number, file in enumerate(files):
        report("reading faces and sound", number, len(files))
        kept = cache / f"{_key(file.path)}.npz"
        if not kept.exists():
            finder, mesh = finder or CenterFace(), mesh or FaceMesh()
            face = read_talking_face(file.path, finder, mesh)
            clip = face.clip("") if face else _NOTHING
            np.savez_compressed(kept, lips=clip.lips, mel=clip.mel)
        with np.load(kept) as stored:
            if stored["lips"].size:
                clips.append(SyncClip(stored["lips"], stored["mel"], file.source))
    return clips


_NOTHING = SyncClip(np.zeros((0, 0), np.float32), np.zeros((0, 0), np.float32), "")


def _key(path: Path) -> str:
    """Return a name for what is read of a file: another one when the file changes."""
    facts = path.stat()
    named = f"{path.resolve()}|{facts.st_size}|{facts.st_mtime_ns}|{_READER}"
    return hashlib.sha256(named.encode()).hexdigest()[:24]


@dataclass(frozen=True, eq=False)
class TalkingFace:
    """The face that is seen on most frames of a file, and the file's sound from its first frame on.

    Parameters
    ----------
    points
        (T, 468, 3) float32 at 12.5 a second, in pixels of crops of 192.
    samples
        (1280 T,) float32 at 16 kHz.
    """

    points: NDArray[np.float32]
    samples: NDArray[np.float32]

    def clip(self, source: str) -> SyncClip:
        """Return lips and sound as a network reads them.

        Parameters
        ----------
        source
            Who speaks.
        """
        with torch.no_grad():
            shape = lips.doubled(lips.LipShape()(torch.tensor(self.points)[None]))[0].numpy()
            mel = LogMel()(torch.tensor(self.samples)[None])[0].numpy()
        return SyncClip(shape, mel, source)


def read_talking_face(path: Path, finder: FaceFinder, mesh: FaceMesh) -> TalkingFace | None:
    """Return a file's main face with its sound; None without a face for two seconds, or without sound.

    Parameters
    ----------
    path
        Of the video.
    finder
        Finds faces.
    mesh
        Finds the points of a face.
    """
    try:
        with open_media(path) as media:
            seconds = min(media.info.duration or LONGEST, LONGEST)
            count = int(seconds * lips.RATE + 0.01)
            if media.info.kind != "video" or media.info.audio is None or count < _LEAST_FRAMES:
                return None
            burst = Burst(count, lips.RATE)
            frames = list(media.sample(Sampling(1, until=LONGEST, burst=burst)))
            sound = list(media.audio(AudioSampling(1, LONGEST + 5, RATE)))
    except MediaError:
        return None
    if len(frames) < _LEAST_FRAMES or not sound:
        return None
    first, points = mesh_points([frame.image for frame in frames], finder, mesh, SEARCH_EVERY, _LEAST_FRAMES)
    if not len(points):
        return None
    start = frames[first].time - sound[0].start
    return TalkingFace(points, _from(sound[0].samples[0], start, len(points)))


def mesh_points(
    images: Sequence[NDArray[np.uint8]], finder: FaceFinder, mesh: FaceMesh, search_every: int, least: int = 1
) -> tuple[int, NDArray[np.float32]]:
    """Follow the main face through successive frames and find its points.

    Parameters
    ----------
    images
        (H, W, 3) uint8 RGB each.
    finder
        Finds faces.
    mesh
        Finds the points of a face.
    search_every
        Frames from one search for the face to the next.
    least
        Frames that it must be seen on.

    Returns
    -------
    first
        Position of the first frame that shows it.
    points
        (T, 468, 3) float32 of this frame and those after it, in pixels of crops of 192; T is 0 without such a face.
    """
    places = sorted({*range(0, len(images), search_every), len(images) - 1})
    pictures = [images[place] for place in places]
    found = [search(finder, picture, "quick", _SEARCH_BUDGET).faces for picture in pictures]
    tracks = link(found, [scene_of(picture) for picture in pictures])
    faces = main_track(tracks).faces if tracks else ()
    seen = [places[number] for number, _ in faces]
    if not seen or seen[-1] + 1 - seen[0] < least:
        return 0, np.zeros((0, POINTS, 3), np.float32)
    squares = smooth_squares(seen, [face for _, face in faces], len(images)).tolist()
    shape, shown = profile("mesh"), range(seen[0], seen[-1] + 1)
    return seen[0], mesh.points(np.stack([cut(images[number], squares[number], shape) for number in shown]))


def _from(samples: NDArray[np.float32], start: float, frames: int) -> NDArray[np.float32]:
    """Return the sound of so many frames from a time on, with silence where there is none."""
    first, count = round(start * RATE), frames * _SAMPLES_PER_FRAME
    before = max(0, -first)
    held = samples[max(0, first) : max(0, first + count)]
    return np.pad(held, (before, max(0, count - before - len(held))))[:count]
