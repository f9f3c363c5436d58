"""Fit how wide each quality gate opens an interval, and write it into a detector's card.

    python scripts/fit_gates.py DETECTOR SET [--cache DIR] [--write]

DETECTOR is a name or a folder that `unmask export` wrote; SET a folder of labelled crops. The faces of its validation
split are scored as they are, and those of every third source once more, made worse (`unmask.evaluation.degradation`).
The widths are fitted on both, a degraded face counting three times. --write puts them into card.json, with the
distribution of the reconstruction error on the real faces where the card has none. Limits and refusals are not fitted.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from unmask.detectors import Detector, Quality, load_detector
from unmask.detectors.registry import detector_folder
from unmask.evaluation.gate_fitting import fit_widths, fitted, severities
from unmask.evaluation.hard_faces import MEASURES, Faces, Sample, look_at
from unmask.faces import CenterFace
from unmask.training.quality import distribution
from unmask.verdict import Gate, gates_of, rule_of

SAMPLES = {"plain": Sample(), "worse": Sample(videos=3, worse=1)}
DEGRADED_WEIGHT = 3.0


def scored_faces(detector: Detector, root: Path, cache: Path | None) -> Faces:
    """Score and measure the faces, plain ones first."""
    finder = CenterFace(threads=1)
    parts = []
    for name, sample in SAMPLES.items():
        file = None if cache is None else cache / f"{root.resolve().name}-{name}.npz"
        parts.append(look_at(detector, root, sample, finder, file, _progress(f"{root.name}, {name}")))
    return parts[0] + parts[1]


def with_distribution(detector: Detector, faces: Faces, name: str) -> Quality:
    """Return the card's quality, with the spread of the reconstruction error on these real faces if it lacks one."""
    quality = detector.card.quality or Quality()
    if quality.reconstruction_error is None and detector.has_decoder:
        real = (faces.label == 0) & (faces.way == "")
        errors = faces.measures[real, MEASURES.index("reconstruction_error")]
        quality = quality.model_copy(update={"reconstruction_error": distribution({name: errors})})
    return quality


def fit(detector: Detector, quality: Quality, faces: Faces) -> tuple[Gate, ...]:
    """Fit the widths of all gates on faces."""
    rule = rule_of(detector.card)
    gates = gates_of(detector.card.model_copy(update={"quality": quality}))
    log_odds = rule.calibration.slope * faces.logit + rule.calibration.intercept
    threshold = float(np.log(rule.threshold / (1 - rule.threshold)))
    weights = np.where(faces.way == "", 1.0, DEGRADED_WEIGHT)
    widths = fit_widths(log_odds, faces.label, severities(faces.rows(), gates), threshold, weights)
    return fitted(gates, widths)


def main() -> None:
    """Fit, print and, where asked to, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("set", type=Path)
    parser.add_argument("--cache", type=Path, help="folder that keeps the scored faces")
    parser.add_argument("--write", action="store_true", help="put the widths into card.json")
    options = parser.parse_args()
    if options.cache:
        options.cache.mkdir(parents=True, exist_ok=True)
    detector = load_detector(options.detector, threads=1)
    faces = scored_faces(detector, options.set, options.cache)
    name = options.set.resolve().name
    quality = with_distribution(detector, faces, name)
    gates = fit(detector, quality, faces)
    print(
        "| gate | silent up to | full at | widens upwards | widens downwards |\n| --- | --- | --- | --- | --- |"
    )
    for gate in gates:
        print(
            f"| {gate.name} | {gate.starts_at:.3g} | {gate.saturates_at:.3g} | {gate.up:.2f} | {gate.down:.2f} |"
        )
    if options.write:
        degraded = int((faces.way != "").sum())
        changes = {
            "gates": {gate.name: (gate.up, gate.down) for gate in gates},
            "fitted_on": f"{name}: {len(faces) - degraded} crops as they are, {degraded} made worse",
        }
        card = detector.card.model_copy(update={"quality": quality.model_copy(update=changes)})
        file = detector_folder(options.detector) / "card.json"
        file.write_text(json.dumps(json.loads(card.model_dump_json()), indent=2) + "\n", encoding="utf-8")
        print(f"\nwritten to {file}")


def _progress(name: str):  # noqa: ANN202
    return lambda done, total: print(f"{name}: {done} of {total}", flush=True)


if __name__ == "__main__":
    main()
