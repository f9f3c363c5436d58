"""Model families: the networks that can be trained, with their losses; `registry` finds them by name.

Importing the package alone, or its options, does not import torch: recipes are read without it.
"""

from typing import TYPE_CHECKING

from unmask.late_names import late_names
from unmask.models.families.joint import JointOptions
from unmask.models.options import (
    BackboneOptions,
    ClassifierOptions,
    DecoderOptions,
    EncoderOptions,
    LossOptions,
)
from unmask.models.registry import Family, FamilyOptions, family_names, find_family, register

if TYPE_CHECKING:
    from unmask.models.exported import Exported
    from unmask.models.inputs import TrainingBatch
    from unmask.models.joint import JointDetector, JointOutput, build_model
    from unmask.models.losses import Losses, classification_loss, joint_loss, reconstruction_errors

__all__ = [
    "BackboneOptions",
    "ClassifierOptions",
    "DecoderOptions",
    "EncoderOptions",
    "Exported",
    "Family",
    "FamilyOptions",
    "JointDetector",
    "JointOptions",
    "JointOutput",
    "LossOptions",
    "Losses",
    "TrainingBatch",
    "build_model",
    "classification_loss",
    "family_names",
    "find_family",
    "joint_loss",
    "reconstruction_errors",
    "register",
]

_HOMES = {
    "Exported": "unmask.models.exported",
    "TrainingBatch": "unmask.models.inputs",
    "classification_loss": "unmask.models.losses",
    "JointDetector": "unmask.models.joint",
    "JointOutput": "unmask.models.joint",
    "build_model": "unmask.models.joint",
    "Losses": "unmask.models.losses",
    "joint_loss": "unmask.models.losses",
    "reconstruction_errors": "unmask.models.losses",
}

__getattr__ = late_names(__name__, _HOMES)
