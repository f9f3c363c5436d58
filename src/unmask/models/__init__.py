"""Model families: the networks that can be trained, with their losses; `registry` finds them by name.

Importing the package alone, or its options, does not import torch: recipes are read without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

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
    "Exported": "exported",
    "TrainingBatch": "inputs",
    "classification_loss": "losses",
    "JointDetector": "joint",
    "JointOutput": "joint",
    "build_model": "joint",
    "Losses": "losses",
    "joint_loss": "losses",
    "reconstruction_errors": "losses",
}


def __getattr__(name: str) -> Any:
    """Import torch's part when it is first asked for."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
