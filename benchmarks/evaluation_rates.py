"""Whether reading or inference sets the pace of `unmask evaluate`, on many crops made for the purpose.

    python benchmarks/evaluation_rates.py                          # 10,000 crops, the built-in detector
    python benchmarks/evaluation_rates.py --crops 500 --detector FOLDER

The crops are 224 px JPEGs cut at random from the public-domain portrait, each a file of its own; labels are arbitrary,
only the rates are of interest. Rates are crops a second that reading (all of its threads together) and inference
would each reach alone; `waiting` is the share of the time in which inference had nothing to score.
"""

from __future__ import annotations

import argparse
import csv
import json
import tempfile
from pathlib import Path

import numpy as np

SIDE = 224


def main() -> None:
    """Make the crops, evaluate, print one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--crops", type=int, default=10_000)
    parser.add_argument("--detector", default="jrc")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        crops = Path(folder, "crops")
        write_crops(crops, options.crops)
        print(json.dumps(measure(options.detector, crops), indent=2))


def write_crops(folder: Path, count: int, seed: int = 0) -> None:
    """Write a set of labelled crops: files and manifest.csv."""
    from unmask.demo import portrait

    picture = portrait()
    rng = np.random.default_rng(seed)
    folder.mkdir()
    with (folder / "manifest.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "label", "source"])
        for number in range(count):
            side = int(rng.integers(SIDE, min(picture.size)))
            left, top = (int(rng.integers(0, length - side + 1)) for length in picture.size)
            crop = picture.resize((SIDE, SIDE), box=(left, top, left + side, top + side))
            crop.save(folder / f"{number:05d}.jpg", quality=90)
            rows.writerow([f"{number:05d}.jpg", "fake" if number % 2 else "real", f"s{number}"])


def measure(detector: str, crops: Path) -> dict[str, object]:
    """Evaluate and give both rates."""
    from unmask.detectors import load_detector
    from unmask.evaluation import Options, evaluate
    from unmask.statistics import Settings

    report = evaluate(load_detector(detector), [crops], None, Options(intervals=Settings(resamples=100)))
    rates = report.sets[0].rates
    return {
        "detector": report.detector["name"],
        "crops": rates.crops,
        "reading_threads": rates.readers,
        "crops_read_per_second": rates.read_per_second,
        "crops_scored_per_second": rates.scored_per_second,
        "crops_per_second": round(rates.crops / rates.total, 1),
        "waiting": round(rates.waiting / rates.total, 4),
    }


if __name__ == "__main__":
    main()
