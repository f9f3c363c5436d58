"""Writes an exported network as ONNX, and holds ONNX Runtime's outputs against torch's."""

from __future__ import annotations

import logging
import warnings
from pathlib import Path

import numpy as np
import onnx
import torch

from unmask.detectors.sessions import open_session
from unmask.models.exported import Exported
from unmask.training.recipes import RecipeError

OPSET = 18
TOLERANCE = 1e-4


def write_onnx(model: Exported, path: Path) -> None:
    """Write the model with a free batch size and all weights in one file.

    Parameters
    ----------
    model
        The network with its calibration.
    path
        Of the ONNX file.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            model,
            (model.example(2),),
            str(path),
            input_names=[model.entry],
            output_names=model.outputs,
            dynamic_shapes=({0: torch.export.Dim("n", min=1, max=4096)},),
            opset_version=OPSET,
            dynamo=True,
            external_data=False,
            verbose=False,
        )
    _strip_notes(path)


def _strip_notes(path: Path) -> None:
    """Take out what the exporter notes beside the network: its stack traces name places of the exporting machine."""
    model = onnx.load(path)
    for part in (
        *model.graph.node,
        *model.graph.value_info,
        *model.graph.input,
        *model.graph.output,
        model.graph,
    ):
        part.ClearField("metadata_props")
        part.ClearField("doc_string")
    for constant in model.graph.initializer:
        constant.ClearField("metadata_props")
        constant.ClearField("doc_string")
    model.ClearField("metadata_props")
    model.ClearField("doc_string")
    onnx.save(model, path)


def check_parity(model: Exported, path: Path) -> None:
    """Compare ONNX Runtime with torch, and a crop alone with the same crop in a batch.

    Parameters
    ----------
    model
        The network that was exported.
    path
        Of the ONNX file.

    Raises
    ------
    RecipeError
        When an output is off by more than the tolerance.
    """
    session = open_session(path, 1)
    entry = model.example(5)
    with torch.inference_mode():
        wanted = [value.numpy() for value in model(entry)]
    name = session.get_inputs()[0].name
    together = session.run(None, {name: entry.numpy()})
    alone = session.run(None, {name: entry[:1].numpy()})
    for output, ours, theirs, single in zip(session.get_outputs(), together, wanted, alone, strict=True):
        difference = max(np.abs(ours - theirs).max(), np.abs(ours[:1] - single).max())
        if not difference <= TOLERANCE * max(1.0, float(np.abs(theirs).max())):
            raise RecipeError(
                f"the exported {output.name} is off by {difference:.2g}, more than {TOLERANCE:g}"
            )
