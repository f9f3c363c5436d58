"""Which detectors scored: their cards, and the hashes of all files that their scores come from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from unmask.detectors import Card, DetectorError, file_sha256, read_card, trunk_path
from unmask.detectors.registry import detector_folder
from unmask.scanning import Settings

CARD = "card.json"
_WEIGHTS = frozenset({".onnx", ".npz"})


@dataclass(frozen=True)
class DetectorRecord:
    """A detector as a manifest has it.

    Parameters
    ----------
    asked
        Its name or folder, as the settings have it; of one that judges images in another's place its own name.
    name, version, question
        As its card has them.
    card_sha256
        SHA-256 (hex) of its card.
    weights
        SHA-256 (hex) of each file that it computes with, its trunk's among them, by name.
    """

    asked: str
    name: str
    version: str
    question: str
    card_sha256: str
    weights: dict[str, str]


@dataclass(frozen=True)
class UsedDetector:
    """A detector with its card.

    Parameters
    ----------
    card
        Of it.
    record
        What a manifest has of it.
    """

    card: Card
    record: DetectorRecord


def used_detectors(settings: Settings) -> tuple[UsedDetector, ...]:
    """Return the detectors that settings name, each before those which judge images in its place.

    Parameters
    ----------
    settings
        Of a scan.

    Raises
    ------
    DetectorError
        When one is not there.
    """
    found: dict[str, UsedDetector] = {}
    hashes: dict[Path, str] = {}  # Several heads share one trunk.
    for asked in settings.detectors:
        if asked not in found:
            found[asked] = _used_detector(asked, hashes)
        for stills in found[asked].card.stills:
            if stills not in found:
                found[stills] = _used_detector(stills, hashes)
    return tuple(found.values())


def _used_detector(asked: str, hashes: dict[Path, str]) -> UsedDetector:
    """Return a detector; hashes that are known are not computed again."""
    folder = detector_folder(asked)
    card = read_card(folder)
    files = {path.name: path for path in _weights_in(folder)}
    if card.trunk:
        trunk = trunk_path(card.trunk.name).parent
        files |= {f"{trunk.name}/{path.name}": path for path in _weights_in(trunk)}
    try:
        for path in files.values():
            if path not in hashes:
                hashes[path] = file_sha256(path)
        card_hash = file_sha256(folder / CARD)
    except OSError as error:
        raise DetectorError(f"{card.name}: its files cannot be read: {error}") from error
    weights = {name: hashes[path] for name, path in files.items()}
    return UsedDetector(
        card, DetectorRecord(asked, card.name, card.version, card.question, card_hash, weights)
    )


def card_of(used: Sequence[UsedDetector], name: str, version: str, sha256: str) -> UsedDetector | None:
    """Return the detector that a result names, or None.

    Parameters
    ----------
    used
        Detectors of the scan.
    name, version, sha256
        As the result has them; the hash is that of ``model.onnx``.
    """
    wanted = (name, version, sha256)
    return next((one for one in used if (one.card.name, one.card.version, one.card.sha256) == wanted), None)


def _weights_in(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix in _WEIGHTS and path.is_file())
