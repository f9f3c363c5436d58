"""The networks in torch, one file a detector, and their losses.

Importing the package alone, or its options, does not import torch: recipes are read without it.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from unmask.models.options import (
    BackboneOptions,
    ClassifierOptions,
    DecoderOptions,
    EncoderOptions,
    LossOptions,
    ModelOptions,
)

if TYPE_CHECKING:
    from unmask.models.joint import JointDetector, JointOutput, build_model
    from unmask.models.losses import Losses, joint_loss, reconstruction_errors

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

_HOMES = {
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
