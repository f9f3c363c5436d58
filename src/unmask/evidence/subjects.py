"""From moments to subjects: faces are followed, and the picture or the sound is one subject."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from unmask.evidence.units import Moment, Subject, Unit
from unmask.faces import Face, FrameFaces, follow
from unmask.report import SubjectKind


def followed_faces(moments: Sequence[Moment], cuts: Collection[int] = ()) -> list[Subject]:
    """Follow each face over the moments; a subject a person.

    Parameters
    ----------
    moments
        In order of time, each with a scene, and units that show a face.
    cuts
        Places of moments at which another recording begins.
    """
    frames = [_frame_faces(moment) for moment in moments]
    tracks = follow(frames, cuts)
    return [
        Subject("face", number, tuple(followed.kept for followed in track))
        for number, track in enumerate(tracks)
    ]


def one_subject(kind: SubjectKind, moments: Sequence[Moment]) -> list[Subject]:
    """Return all units as those of one subject; none without units.

    Parameters
    ----------
    kind
        ``"picture"`` or ``"sound"``.
    moments
        In order of time.
    """
    units = tuple(unit for moment in moments for unit in moment.units)
    return [Subject(kind, 0, units)] if units else []


def _frame_faces(moment: Moment) -> FrameFaces[Unit]:
    assert moment.scene is not None
    faces: list[Face] = [unit.face for unit in moment.units if unit.face is not None]
    return FrameFaces(faces, moment.units, moment.scene)
