"""ONNX Runtime sessions, set up the same way everywhere."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.detectors.errors import DetectorError
from unmask.detectors.processor import may_saturate
from unmask.offline import disable_events
from unmask.processes.cores import available_cores

if TYPE_CHECKING:
    import onnxruntime


def open_session(
    path: Path,
    threads: int | None = None,
    constants: Mapping[str, onnxruntime.OrtValue] | None = None,
) -> onnxruntime.InferenceSession:
    """Open a model for inference on the best provider present.

    Parameters
    ----------
    path
        An ONNX file.
    threads
        Operator threads; None for one a core.
    constants
        Values that take the place of the model's own constants of these names. The session reads their memory: keep
        them as long as it.

    Raises
    ------
    DetectorError
        The file is no usable model.
    """
    import onnxruntime

    disable_events(onnxruntime)
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or available_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads would steal the cores from decoding, which runs at the same time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if (
        may_saturate()
    ):  # The exact product of bytes; up to three times slower where the usual one is exact too.
        options.add_session_config_entry("session.x64quantprecision", "1")
    for name, value in (constants or {}).items():
        options.add_initializer(name, value)
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
    try:
        return onnxruntime.InferenceSession(str(path), options, providers=providers)
    except Exception as error:
        raise DetectorError(f"{path.name} is no usable ONNX model: {str(error).splitlines()[0]}") from None
