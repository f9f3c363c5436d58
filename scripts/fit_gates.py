"""Fit how wide each quality gate opens an interval, and write it into a detector's card.

    python scripts/fit_gates.py DETECTOR SET [--cache DIR] [--write]

DETECTOR is a name or a folder that `unmask export` wrote; SET a folder of labelled crops. The faces of its validation
split are scored as they are, and those of every third source once more, made worse (`unmask.distortions.faces`).
The widths are fitted on both, a degraded face counting three times. --write puts them into card.json, with the
distribution of the reconstruction error on the real faces where the card has none. Limits and refusals are not fitted.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from unmask.detectors import load_detector
from unmask.detectors.registry import detector_folder
from unmask.faces import CenterFace
from unmask.gating import FITTING_SAMPLES, card_quality, fit_gates, score_samples


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
    detector = load_detector(options.detector, threads=1)
    name = options.set.resolve().name
    faces = score_samples(
        detector,
        options.set,
        FITTING_SAMPLES,
        CenterFace(threads=1),
        options.cache,
        lambda sample, done, total: print(f"{name}, {sample}: {done} of {total}", flush=True),
    )
    quality = card_quality(detector, faces, name)
    gates = fit_gates(detector.card, quality, faces)
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


if __name__ == "__main__":
    main()
