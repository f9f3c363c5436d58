"""CenterFace's network, which lies in the package with its licence and card."""

from __future__ import annotations

import hashlib
from pathlib import Path

CENTERFACE_SHA256 = "a96652ad1be28704840daeae894d5379bc6c7390c0bb822380aa96ca96e52575"
CENTERFACE_FILE = Path(__file__).parent / "finder" / "centerface.onnx"


class FaceFinderError(RuntimeError):
    """The face finder's network is missing or is not the known one."""


def centerface_network() -> bytes:
    """Return CenterFace as an ONNX model whose inputs have free batch size, height and width (multiples of 32).

    Raises
    ------
    FaceFinderError
        When the file is missing, or has another SHA-256 than ``CENTERFACE_SHA256``.
    """
    try:
        network = CENTERFACE_FILE.read_bytes()
    except OSError as error:
        raise FaceFinderError(
            f"the face finder's weights cannot be read ({error.strerror}); reinstall unmask"
        ) from error
    if hashlib.sha256(network).hexdigest() != CENTERFACE_SHA256:
        raise FaceFinderError(f"{CENTERFACE_FILE.name} is not the known face finder; reinstall unmask")
    return network
