"""Which detectors are installed, and how to get one by name or by folder."""

from __future__ import annotations

import difflib
from pathlib import Path

from unmask.defaults import DETECTOR
from unmask.detectors.card import Card, read_card
from unmask.detectors.detector import Detector
from unmask.detectors.errors import DetectorError
from unmask.detectors.trunk import WEIGHTS


def built_in() -> dict[str, Path]:
    """Folders of the detectors inside the package, by name."""
    folders = sorted(path.parent for path in WEIGHTS.glob("*/model.onnx"))
    return {folder.name: folder for folder in folders}


def user_detectors() -> Path:
    """Return the folder of the detectors that `unmask enrol` made for this user."""
    from platformdirs import user_data_path

    return user_data_path("unmask") / "detectors"


def installed() -> list[Card]:
    """Cards of the detectors inside the package, by name."""
    return [read_card(folder) for folder in built_in().values()]


def load_detector(
    name_or_folder: str | Path = DETECTOR, threads: int | None = None, beside: Detector | None = None
) -> Detector:
    """Load a built-in detector by name, or one that `unmask export` wrote by its folder.

    Parameters
    ----------
    name_or_folder
        Name of an installed detector, or the folder of an exported one.
    threads
        Operator threads of ONNX Runtime; None for one a core.
    beside
        A detector whose trunk is shared where both read the same one.

    Raises
    ------
    DetectorError
        With one line.
    """
    return Detector(detector_folder(name_or_folder), threads, beside)


def load_card(name_or_folder: str | Path = DETECTOR) -> Card:
    """Read a detector's card without its weights.

    Parameters
    ----------
    name_or_folder
        As for `load_detector`, and so are the errors.
    """
    return read_card(detector_folder(name_or_folder))


def detector_folder(name_or_folder: str | Path) -> Path:
    """Return the folder of a detector.

    Parameters
    ----------
    name_or_folder
        Name of an installed detector, or the folder of an exported one.

    Raises
    ------
    DetectorError
        There is neither.
    """
    known = built_in()
    if str(name_or_folder) in known:
        return known[str(name_or_folder)]
    if Path(name_or_folder).name == str(name_or_folder) and (user_detectors() / name_or_folder).is_dir():
        return user_detectors() / name_or_folder
    folder = Path(name_or_folder)
    if folder.is_dir():
        return folder
    near = difflib.get_close_matches(str(name_or_folder), known, 1)
    hint = f"did you mean {near[0]}?" if near else f"installed are: {', '.join(known) or 'none'}"
    raise DetectorError(f"no detector named {str(name_or_folder)!r}, nor a folder of that name; {hint}")
