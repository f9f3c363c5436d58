"""Files that belong to the tokens of one trunk, beside a head's weights or beside the trunk's."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from unmask.detectors.errors import DetectorError
from unmask.hashing import file_sha256


@dataclass(frozen=True)
class Companion:
    """What a card says of such a file, and who wants to read it.

    Parameters
    ----------
    name
        Of the file.
    sha256
        As the card has it.
    fitted_on
        Identity of the trunk that the card says it belongs to.
    trunk
        Identity of the trunk that the detector's head reads.
    script
        That makes the file.
    """

    name: str
    sha256: str
    fitted_on: str
    trunk: str
    script: str

    def find(self, folders: Sequence[Path]) -> Path:
        """Return the file in the first folder that has it.

        Parameters
        ----------
        folders
            Of the detector, then of its trunk, whose heads may share the file.

        Raises
        ------
        DetectorError
            When the file is not the one that the card names, or belongs to another trunk.
        """
        paths = [folder / self.name for folder in folders]
        path = next((one for one in paths if one.is_file()), paths[0])
        if not path.is_file() or file_sha256(path) != self.sha256:
            raise DetectorError(
                f"{path} is not the file that its card describes: its SHA-256 differs or it is missing"
            )
        if self.fitted_on != self.trunk:
            raise DetectorError(f"{path} was fitted on another trunk: run {self.script} again")
        return path

    def read(self, folders: Sequence[Path]) -> dict[str, npt.NDArray[Any]]:
        """Read the arrays of the file that `find` returns, by their names.

        Parameters
        ----------
        folders
            Of the detector, then of its trunk.

        Raises
        ------
        DetectorError
            As of `find`, or when the file cannot be read.
        """
        path = self.find(folders)
        try:
            with np.load(path, allow_pickle=False) as file:
                return {name: np.ascontiguousarray(file[name]) for name in file.files}
        except (OSError, ValueError) as error:
            raise DetectorError(f"{path} cannot be read: {error}") from None
