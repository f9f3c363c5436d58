"""Detectors in PyTorch: the two-branch detector, its backbones and its losses.

Importing this package imports torch; everything that only runs detectors is in `unmask.detectors`.
"""

from unmask.models.joint import JointDetector, JointOutput, build_model
from unmask.models.losses import Losses, joint_loss, reconstruction_errors
from unmask.models.options import (
    BackboneOptions,
    ClassifierOptions,
    DecoderOptions,
    EncoderOptions,
    LossOptions,
    ModelOptions,
)

__all__ = [
    "BackboneOptions",
    "ClassifierOptions",
    "DecoderOptions",
    "EncoderOptions",
    "JointDetector",
    "JointOutput",
    "LossOptions",
    "Losses",
    "ModelOptions",
    "build_model",
    "joint_loss",
    "reconstruction_errors",
]
