"""ONNX Runtime sessions, set up the same way everywhere."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from unmask.detectors.errors import DetectorError

if TYPE_CHECKING:
    import onnxruntime


# Numbers of the fields that with_outputs writes: of ModelProto, GraphProto and ValueInfoProto in onnx.proto.
_GRAPH, _OUTPUT, _NAME = 7, 12, 1


def open_session(
    path: Path,
    threads: int | None = None,
    constants: Mapping[str, onnxruntime.OrtValue] | None = None,
    outputs: Iterable[str] = (),
) -> onnxruntime.InferenceSession:
    """Open a model for inference on the best provider present.

    threads : operator threads, None for one a core. constants : values that take the place of the model's own
    constants of these names; the session reads their memory, so the caller keeps them as long as it. outputs :
    results of inner nodes that the session gives besides the model's own. Raises DetectorError when the file is no
    usable model or has no such node.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or available_cores()
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    # Spinning threads would steal the cores from decoding, which runs at the same time.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    for name, value in (constants or {}).items():
        options.add_initializer(name, value)
    wanted = ("CUDAExecutionProvider", "CPUExecutionProvider")
    providers = [name for name in wanted if name in onnxruntime.get_available_providers()]
    outputs = tuple(outputs)
    try:
        model = with_outputs(path.read_bytes(), outputs) if outputs else str(path)
        return onnxruntime.InferenceSession(model, options, providers=providers)
    except Exception as error:
        raise DetectorError(f"{path.name} is no usable ONNX model: {str(error).splitlines()[0]}") from None


def with_outputs(model: bytes, names: Iterable[str]) -> bytes:
    """Add results of inner nodes to the outputs of a serialised ONNX model.

    A protobuf reader joins a message that stands twice, and the graph's outputs are a list: so a graph of nothing but
    outputs behind the model does it, without the onnx package.
    """
    return model + _message(
        _GRAPH, b"".join(_message(_OUTPUT, _message(_NAME, name.encode())) for name in names)
    )


def _message(field: int, content: bytes) -> bytes:
    """Write a field of bytes as protobuf does: its number and kind, the length in groups of seven bits, the content."""
    length, rest = [], len(content)
    while rest > 127:
        length.append(rest & 127 | 128)
        rest >>= 7
    return bytes([field << 3 | 2, *length, rest]) + content


def available_cores() -> int:
    """Cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
