"""Manifests, face crops, blended images and augmentation.

Everything here works on numpy arrays and Pillow images; nothing needs torch.
"""

from unmask.datasets.augmentation import Augment, AugmentOptions, cut_square
from unmask.datasets.blending import SelfBlend, SelfBlendOptions
from unmask.datasets.contact_sheets import contact_sheet
from unmask.datasets.crops import CropSet, CropStore
from unmask.datasets.face_blending import FaceBlender
from unmask.datasets.manifests import CropRecord, DatasetError, read_landmarks, read_manifest, write_manifest
from unmask.datasets.self_blending import SelfBlender

__all__ = [
    "Augment",
    "AugmentOptions",
    "CropRecord",
    "CropSet",
    "CropStore",
    "DatasetError",
    "FaceBlender",
    "SelfBlend",
    "SelfBlendOptions",
    "SelfBlender",
    "contact_sheet",
    "cut_square",
    "read_landmarks",
    "read_manifest",
    "write_manifest",
]
