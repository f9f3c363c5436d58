"""CPU time of whole scans with and without the map, the parts and the kinds of manipulation, processes taking turns.

python benchmarks/explanation_cost.py CLIP... --runs 5
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import unmask

WEIGHTS = Path(unmask.__file__).parent / "detectors" / "weights"
FILES = ("localiser.onnx", "parts.npz", "prototypes.npz")
KEYS = ("localiser", "parts", "kinds")


def copy_detector(name: str, out: Path, stripped: bool) -> Path:
    """Copy a built-in detector and its trunk, without what explains its answer where ``stripped``."""
    card = json.loads((WEIGHTS / name / "card.json").read_text("utf-8"))
    for part in (name, card["trunk"]["name"]):
        leave_out = shutil.ignore_patterns(*FILES) if stripped else None
        shutil.copytree(WEIGHTS / part, out / part, ignore=leave_out)
    if stripped:
        kept = {key: value for key, value in card.items() if key not in KEYS}
        (out / name / "card.json").write_text(json.dumps(kept), "utf-8")
    return out / name


def cpu_seconds(command: list[str]) -> float:
    """Run a command to its end and return the CPU time of it and its children."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Measure each clip, as JSON and with a report."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("clips", nargs="+", type=Path)
    parser.add_argument("--detector", default="jrc")
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        folders = {
            kind: copy_detector(options.detector, root / kind, kind == "without")
            for kind in ("with", "without")
        }
        for clip in options.clips:
            for how, more in (
                ("JSON", []),
                ("report", ["--report", str(root / "report"), "--no-stability"]),
            ):
                times: dict[str, list[float]] = {kind: [] for kind in folders}
                for turn in range(options.runs):
                    for kind in list(folders)[:: -1 if turn % 2 else 1]:
                        shutil.rmtree(root / "report", ignore_errors=True)
                        command = [sys.executable, "-m", "unmask", "scan", str(clip), "--json", *more]
                        times[kind].append(
                            cpu_seconds([*command, "--no-stills", "--detector", str(folders[kind])])
                        )
                medians = {kind: statistics.median(each) for kind, each in times.items()}
                ratio = medians["with"] / medians["without"]
                print(
                    f"{clip.name}, {how}: {medians['with']:.2f} s with, {medians['without']:.2f} s without, "
                    f"ratio {ratio:.3f}"
                )


if __name__ == "__main__":
    main()
