"""What a row of the log is of: the bytes of a file, and all else that its scan depends on."""

from __future__ import annotations

import hashlib
import json
import os
import stat
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from unmask.detectors import Card, file_sha256, load_card
from unmask.faces.weights import CENTERFACE_SHA256
from unmask.report import ScanResult
from unmask.scanning import PASS_SIZES, Settings
from unmask.verdict import REENCODINGS, likelihood_scale, rule_of

# The version of all code between a file and its result: raised with every change after which some file would get
# another result, so that logs of before are not taken for results of now.
SCAN_VERSION = 2

# What of a card has a hand in a score before the verdict's rule does; the rule is hashed as ``rule_of`` reads it.
SCORED_BY = frozenset({"sha256", "question", "input", "trunk", "mirror"})

# Detectors count by their cards, wherever they are stored; the other settings never change a score.
WITHOUT_EFFECT = frozenset({"detector", "further_detectors", "stills", "threads", "isolated", "evidence"})
# At their defaults these leave the key as it was before they came.
_ONLY_WHERE_ON = frozenset({"facts", "trust_anchors", "stability"})


@dataclass(frozen=True)
class Fingerprint:
    """What distinguishes one state of a file from another.

    Parameters
    ----------
    content
        SHA-256 (hex) of its bytes; None for a file that cannot be read, or is too large to be scanned.
    bytes
        Its size; None for what is no plain file or cannot be read.
    modified
        When it was last changed, seconds since 1970; None likewise.
    """

    content: str | None = None
    bytes: int | None = None
    modified: float | None = None

    def still_holds(self, path: Path) -> bool:
        """Return whether the file's size and time of change are the same now; True where none were known.

        Parameters
        ----------
        path
            Of the file.
        """
        return self.modified is None or facts_of(path) == (self.bytes, self.modified)


def facts_of(path: Path) -> tuple[int, float] | None:
    """Return size in bytes and time of change of a plain file, or None; opens nothing.

    Parameters
    ----------
    path
        Of the file.
    """
    try:
        status = path.stat()
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):
        return None
    # Whole microseconds: a double holds them exactly enough to come back equal from JSON.
    return status.st_size, status.st_mtime_ns // 1000 / 1e6


def fingerprint(path: Path, largest: int) -> Fingerprint:
    """Read a file and return its fingerprint.

    Parameters
    ----------
    path
        Of the file.
    largest
        Bytes from which it is not read.
    """
    facts = facts_of(path)
    if facts is None:
        return Fingerprint()
    if facts[0] > largest:
        return Fingerprint(None, *facts)
    try:
        return Fingerprint(file_sha256(path), *facts)
    except OSError:
        return Fingerprint()


def scan_key(card: Card, settings: Settings, further: Sequence[Card] = ()) -> str:
    """Return the SHA-256 (hex) over all but the file itself that a result depends on.

    Parameters
    ----------
    card
        Of the first detector.
    settings
        Of the scan.
    further
        Cards of the settings' further detectors.

    Notes
    -----
    These are each detector's weights, trunk, question and input; the whole rule by which its logits become a verdict:
    calibration, threshold, band and gates with their widths; what its likelihood ratios rest on, and the kinds of
    manipulation that it tells apart, where it has such; the face finder's weights; how many frames each pass takes;
    every setting but those in ``WITHOUT_EFFECT``, and ``stability`` only where it is on, with the re-encodings; and the
    version of the code, ``SCAN_VERSION``.
    """
    named = (card, *further)
    parts = {
        "version": SCAN_VERSION,
        "detectors": [_scored_by(each) for each in (_with_stills(named) if settings.stills else named)],
        "finder": CENTERFACE_SHA256,
        "looks": PASS_SIZES,
        "settings": {
            name: value
            for name, value in asdict(settings).items()
            if name not in WITHOUT_EFFECT and (value or name not in _ONLY_WHERE_ON)
        },
    }
    if settings.stability:
        parts["reencodings"] = list(REENCODINGS)
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _with_stills(cards: Sequence[Card]) -> list[Card]:
    """Return cards, each before those of the detectors which judge images in its place."""
    return [one for card in cards for one in (card, *map(load_card, card.stills))]


def _scored_by(card: Card) -> dict[str, Any]:
    """Return what of a detector its opinion depends on."""
    familiarity = card.quality.familiarity if card.quality else None
    scored = {
        "detector": card.model_dump(mode="json", include=set(SCORED_BY)),
        "familiarity": familiarity.sha256 if familiarity else None,
        "rule": asdict(rule_of(card)),
    }
    if card.kinds:
        scored["kinds"] = card.kinds.model_dump(mode="json", include={"sha256", "slope", "unknown"})
    if scale := likelihood_scale(card.calibration):
        scored["likelihood"] = asdict(scale)
    return scored


def row_of(result: ScanResult, seen: Fingerprint, key: str) -> dict[str, Any]:
    """Return the log's row of a result: its JSON and, under ``batch``, what it is of.

    Parameters
    ----------
    result
        Of the scan.
    seen
        The file when it was scanned.
    key
        Hash of the settings.
    """
    return result.to_dict() | {"batch": {**asdict(seen), "scan": key, "same_as": None}}


def copy_of(row: dict[str, Any], path: str, seen: Fingerprint) -> dict[str, Any]:
    """Return the row of another file with the same content: nothing was scanned for it.

    Parameters
    ----------
    row
        Of the scanned file.
    path
        Of the other.
    seen
        The other.
    """
    batch = {**asdict(seen), "scan": row["batch"]["scan"], "same_as": row["path"]}
    return row | {"path": path, "seconds": 0.0, "batch": batch}


def short_hash(*parts: object) -> bytes:
    """Return 16 bytes of hash, so that an index of millions stays small.

    Parameters
    ----------
    parts
        What identifies something.
    """
    text = "\0".join(map(str, parts))
    return hashlib.blake2b(os.fsencode(text), digest_size=16).digest()
