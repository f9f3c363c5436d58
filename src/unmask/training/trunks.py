"""The frozen trunk of a recipe: opened, named as a card names it, cut behind a block."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import onnx.utils
from onnx import ModelProto, TensorProto, helper

from unmask.detectors import Trunk, TrunkReference, file_sha256, trunk_path
from unmask.detectors.patch_frequencies import PATCH_FREQUENCIES
from unmask.detectors.sessions import open_session
from unmask.detectors.trunk import BLOCKS_NAME
from unmask.training.recipes import RecipeError, TrunkOptions

MapFunction = Callable[[np.ndarray], np.ndarray]


def open_trunk(options: TrunkOptions) -> MapFunction:
    """Open the trunk of a recipe: a built-in one, or an ONNX file from `crops` to tokens.

    Parameters
    ----------
    options
        Of the recipe.
    """
    if options.file is None and options.tap is None:
        return Trunk(options.name, options.threads, earlier=_earlier(options)).maps
    with tempfile.TemporaryDirectory() as folder:
        path = _trunk_file(options)
        if options.tap is not None:
            path = _cut(path, options.tap, Path(folder))
        session = open_session(path, options.threads)
    output = options.output or session.get_outputs()[0].name
    entry = session.get_inputs()[0].name

    def maps(crops: np.ndarray) -> np.ndarray:
        # One crop at a time: some exports quantise over the batch, and a crop's map must not depend on it.
        return np.concatenate([session.run([output], {entry: crop[None]})[0] for crop in crops])

    return maps


def trunk_reference(options: TrunkOptions) -> TrunkReference:
    """Return the reference to a recipe's trunk that a card holds.

    Parameters
    ----------
    options
        Of the recipe.
    """
    path = _trunk_file(options)
    output = options.output
    if options.tap is not None:
        output = block_output(options.tap)
    if output is None:
        output = open_session(path, 1).get_outputs()[0].name
    return TrunkReference(
        name=options.name, sha256=file_sha256(path), output=output, earlier=_earlier(options)
    )


def _earlier(options: TrunkOptions) -> tuple[str, ...]:
    """Name what stands before the last block's tokens; RecipeError where the trunk has no such blocks."""
    if not options.earlier:
        return ()
    network = trunk_path(options.name).with_name(BLOCKS_NAME)
    last = count_blocks(onnx.load(network, load_external_data=False))
    if not all(0 <= block < last for block in options.earlier):
        raise RecipeError(f"trunk.earlier: {options.name} has no such blocks before its last")
    return tuple(block_output(block) if block else PATCH_FREQUENCIES for block in options.earlier)


def _trunk_file(options: TrunkOptions) -> Path:
    path = Path(options.file) if options.file else trunk_path(options.name)
    if not path.is_file():
        raise RecipeError(f"trunk.file: {path} does not exist")
    return path


def _cut(path: Path, tap: int, folder: Path) -> Path:
    """Write a built-in trunk up to a block into a folder."""
    try:
        onnx.save(_cut_trunk(path, tap), folder / "cut.onnx")
    except ValueError as error:
        raise RecipeError(f"trunk.tap: {error}") from None
    return folder / "cut.onnx"


def _cut_trunk(path: Path, tap: int) -> ModelProto:
    """Cut a built trunk behind a block: ``crops`` -> tokens (N, 1 + places, width), the class token first.

    Raises ValueError when the trunk has no further block behind it.
    """
    model = onnx.load(path)
    output = block_output(tap)
    if tap >= count_blocks(model):
        raise ValueError(f"{path.name} has no block behind block {tap}")
    _, places, width = (place.dim_value for place in model.graph.output[0].type.tensor_type.shape.dim)
    model.graph.value_info.append(
        helper.make_tensor_value_info(output, TensorProto.FLOAT, ["n", places + 1, width])
    )
    cut: ModelProto = onnx.utils.Extractor(model).extract_model(["crops"], [output])
    return cut


def count_blocks(model: ModelProto) -> int:
    """Count the transformer blocks of a built trunk.

    Parameters
    ----------
    model
        Of the built trunk.
    """
    names = [node.output[0] for node in model.graph.node]
    return len({name.split(".")[1] for name in names if name.startswith("blocks.")})


def block_output(tap: int) -> str:
    """Return the name of a block's result in a built trunk.

    Parameters
    ----------
    tap
        Number of the block, from 1.
    """
    return f"blocks.{tap - 1}.out"
