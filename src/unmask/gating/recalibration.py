"""A detector with a threshold, and with fakes a calibration, fixed on the user's own files: new card, same weights."""

from __future__ import annotations

import hashlib
import math
import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from unmask.detectors import Calibration, Card, Lineage, PromisedRate, file_sha256, read_card
from unmask.evaluation.scans import LEAST_PROBABILITY, ScannedFile
from unmask.gating.scored_files import groups_of
from unmask.report import ScanResult
from unmask.statistics.conformal import ConformalThreshold, bound_in_words, conformal_threshold
from unmask.statistics.likelihood_ratios import empirical_bounds
from unmask.statistics.metrics import Floats
from unmask.statistics.risk_coverage import log_odds
from unmask.training.calibrate import fit_platt
from unmask.verdict import sigmoid

ROUNDING = 1e-6
"""A log keeps six decimals, so a score may be higher by so much at most."""
SUFFIX = "-calibrated"
CARD = "card.json"


class CalibrationError(ValueError):
    """A threshold or calibration cannot be fixed on these files; the message is one line."""


@dataclass(frozen=True)
class Recalibration:
    """What was fixed on the files.

    Parameters
    ----------
    calibration
        The parent's, or one fitted on reals and fakes.
    thresholds
        One for each wished rate, on scores of this calibration.
    scores
        (N,) of the scored real files, by this calibration.
    paths, groups
        (N,) of the same files.
    unscored
        Number of files without a score.
    fakes
        Number of scored fake files.
    """

    calibration: Calibration
    thresholds: tuple[ConformalThreshold, ...]
    scores: Floats
    paths: tuple[str, ...]
    groups: tuple[str, ...]
    unscored: int
    fakes: int = 0

    @property
    def data_sha256(self) -> str:
        """SHA-256 (hex) of the sorted lines "path, group, score", separated by tabs; see `Lineage`."""
        rows = zip(self.paths, self.groups, self.scores, strict=True)
        lines = sorted(f"{path}\t{group}\t{score:.6f}\n" for path, group, score in rows)
        return hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()

    def promises(self) -> list[str]:
        """Return in words what is promised for each rate, and what so many files allow."""
        count = self.thresholds[0].items
        grouped = count < len(self.scores)
        of = "real groups like these have a file that scores" if grouped else "real files like these score"
        lines = [
            f"at most {100 * one.rate:g} % of {of} {100 * one.threshold:.1f} % or more; given these files the rate "
            f"lies between {100 * one.low:.1f} and {100 * one.high:.1f} % (90 % interval)"
            for one in self.thresholds
        ]
        bound = bound_in_words(count)
        return [*lines, bound.replace(" file", " group", 1) if grouped else bound]


def fix(
    card: Card,
    reals: Sequence[ScannedFile],
    rates: Sequence[float],
    fakes: Sequence[ScannedFile] = (),
) -> Recalibration:
    """Fix thresholds on the scans of real files, after a new calibration where there are fakes too.

    Files without a score have no part in it. The threshold is that of the file's score, which of several faces is the
    most suspicious one's at lowered odds.

    Parameters
    ----------
    card
        Of the detector that the scans are of.
    reals, fakes
        Their scans.
    rates
        Wished rates of false positives, each in (0, 1).

    Raises
    ------
    CalibrationError
        No real, or no fake, file has a score, or real files reach the highest score.
    TooFewItemsError
        So few files cannot promise a rate.
    """
    scored = [one for one in reals if one.result.score is not None]
    scored_fakes = [one for one in fakes if one.result.score is not None]
    for name, all_files, some in (("real", reals, scored), ("fake", fakes, scored_fakes)):
        if all_files and not some:
            raise CalibrationError(f"none of the {len(all_files)} {name} files has a score")
    calibration = _fitted(card.calibration, scored, scored_fakes) if scored_fakes else card.calibration
    scores = np.array([_score(one.result, card.calibration, calibration) for one in scored])
    groups = groups_of(scored)
    thresholds = tuple(conformal_threshold(scores, rate, groups) for rate in rates)
    for one in thresholds:
        if one.threshold > 1:
            raise CalibrationError(
                f"real files reach the highest score, so no threshold promises {100 * one.rate:g} % on them"
            )
    return Recalibration(
        calibration,
        thresholds,
        scores,
        tuple(one.item.path for one in scored),
        tuple(groups),
        len(reals) - len(scored),
        len(scored_fakes),
    )


def _fitted(own: Calibration, reals: Sequence[ScannedFile], fakes: Sequence[ScannedFile]) -> Calibration:
    """Fit Platt's calibration on the logits of the faces that the verdicts rest on."""
    logits = np.array([_face_logit(one.result, own) for one in (*reals, *fakes)])
    labels = np.repeat([0, 1], [len(reals), len(fakes)])
    platt = fit_platt(logits, labels)
    bounds = empirical_bounds(labels, (platt.slope * logits + platt.intercept) / math.log(10))
    return own.model_copy(
        update={
            "slope": platt.slope,
            "intercept": platt.intercept,
            "prior": 0.5,
            "reals": len(reals),
            "fakes": len(fakes),
            "log10_lr_bounds": bounds,
        }
    )


def _face_logit(result: ScanResult, calibration: Calibration) -> float:
    """Return the raw logit of the face that a result rests on."""
    return (log_odds(_face_score(result), LEAST_PROBABILITY) - calibration.intercept) / calibration.slope


def _face_score(result: ScanResult) -> float:
    of_face = {track.id: track.score for track in result.tracks}
    score = of_face.get(-1 if result.decisive_track is None else result.decisive_track, result.score)
    assert score is not None
    return score


def _score(result: ScanResult, own: Calibration, other: Calibration) -> float:
    """Return the score that a file has by another calibration, at the upper end of what rounding leaves open."""
    assert result.score is not None
    if own.slope == other.slope and own.intercept == other.intercept:
        return result.score + ROUNDING
    lowered = log_odds(result.score, LEAST_PROBABILITY) - log_odds(_face_score(result), LEAST_PROBABILITY)
    face = min(1.0, _face_score(result) + ROUNDING)
    return sigmoid(_moved(face, own, other) + lowered)


def _moved(score: float, own: Calibration, other: Calibration) -> float:
    """Return the log-odds by another calibration of a score by the own one."""
    logit = (log_odds(score, LEAST_PROBABILITY / 10) - own.intercept) / own.slope
    return other.slope * logit + other.intercept


def derived_card(card: Card, parent_card_sha256: str, found: Recalibration) -> Card:
    """Return the card with the new threshold and calibration, and what it comes from.

    The band keeps its ends, on the new scale, and is widened to hold the threshold: a verdict is never easier to reach
    than it was. Rates at the parent's threshold are left out of the figures.

    Parameters
    ----------
    card
        Of the parent.
    parent_card_sha256
        Of its file.
    found
        What was fixed.
    """
    threshold = found.thresholds[0].threshold
    low, high = (
        end
        if found.calibration == card.calibration
        else sigmoid(_moved(end, card.calibration, found.calibration))
        for end in card.band
    )
    lineage = Lineage(
        parent=card.name,
        parent_version=card.version,
        parent_card_sha256=parent_card_sha256,
        data_sha256=found.data_sha256,
        files=len(found.scores),
        groups=found.thresholds[0].items,
        fakes=found.fakes,
        rates=tuple(
            PromisedRate(rate=one.rate, threshold=one.threshold, interval=(one.low, one.high))
            for one in found.thresholds
        ),
    )
    changes = {
        "name": card.name.removesuffix(SUFFIX) + SUFFIX,
        "threshold": threshold,
        "band": (min(low, threshold), max(high, threshold)),
        "calibration": found.calibration,
        "lineage": lineage,
        "metrics": _without_rates(card.metrics),
    }
    return Card.model_validate({**dict(card), **changes})


def _without_rates(metrics: dict[str, object]) -> dict[str, object]:
    """Leave out what a validation said at the parent's threshold."""
    at_threshold = {"true_positive_rate", "false_positive_rate", "fairness"}
    return {
        name: _without_rates(value) if isinstance(value, dict) else value
        for name, value in metrics.items()
        if name not in at_threshold
    }


def check_free(out: Path) -> None:
    """Check that a folder holds no detector yet.

    Parameters
    ----------
    out
        The folder.

    Raises
    ------
    CalibrationError
        It holds one.
    """
    if (out / CARD).exists():
        raise CalibrationError(f"{out} holds a detector already; name another folder")


def derive(parent: Path, out: Path, found: Recalibration) -> Card:
    """Write the folder of the derived detector, its card last, and return the card.

    Other files are hard links to the parent's where the file system has such, else copies.

    Parameters
    ----------
    parent
        The parent's folder.
    out
        The new folder; made if missing.
    found
        What was fixed for it.

    Raises
    ------
    CalibrationError
        The folder holds a detector already.
    """
    check_free(out)
    card = derived_card(read_card(parent), file_sha256(parent / CARD), found)
    out.mkdir(parents=True, exist_ok=True)
    for file in sorted(path for path in parent.iterdir() if path.is_file() and path.name != CARD):
        link_or_copy(file, out / file.name)
    return write_card(out, card)


def write_card(folder: Path, card: Card) -> Card:
    """Write a detector's card at once, not in parts, and return it.

    Parameters
    ----------
    folder
        Of the detector.
    card
        Its new card.
    """
    part = folder / f"{CARD}.part"
    part.write_text(card.model_dump_json(indent=2) + "\n", encoding="utf-8")
    part.replace(folder / CARD)
    return card


def link_or_copy(source: Path, target: Path) -> None:
    """Make a hard link to a file where the file system has such, else a copy.

    Parameters
    ----------
    source
        The file.
    target
        Replaced where it is there.
    """
    target.unlink(missing_ok=True)
    try:
        os.link(source.resolve(), target)
    except OSError:
        shutil.copyfile(source, target)
