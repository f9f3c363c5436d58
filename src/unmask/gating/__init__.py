"""Fits the quality gates of a detector on labelled faces, and judges whether they know where it errs."""

from unmask.gating.confidence import JudgedItems, judge_faces
from unmask.gating.fitting import FITTING_SAMPLES, card_quality, fit_gates
from unmask.gating.labelled_faces import FaceSample, LabelledFaces, score_samples
from unmask.gating.reading import LabelledFace, hash_of, read_face

__all__ = [
    "FITTING_SAMPLES",
    "FaceSample",
    "JudgedItems",
    "LabelledFace",
    "LabelledFaces",
    "card_quality",
    "fit_gates",
    "hash_of",
    "judge_faces",
    "read_face",
    "score_samples",
]
