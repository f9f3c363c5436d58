"""What scanning a file costs in processor time, stage by stage: the figures that docs/scale.md rests on.

    python benchmarks/cost_per_file.py clips/ --sample 40

Every stage is done alone, one after the other, in one process with one thread for the networks; processor time
counts all threads, so it does not depend on what else the machine does nearly as much as wall time. `start` is what
a process costs before its first file, its decoding process included; `whole` is a scan as it is but that it decodes in
this process, and `rest` what of it no stage accounts for. A second sampling pass follows where the scan took one.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from unmask.faces import CenterFace
    from unmask.media import Frame
    from unmask.scanning import Scanner

T = TypeVar("T")


def main() -> None:
    """Measure, print a line a file, and end with one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("paths", type=Path, nargs="+", help="files and folders")
    parser.add_argument("--sample", type=int, help="so many of the files, drawn at random with seed 0")
    options = parser.parse_args()
    files = chosen(options.paths, options.sample)
    scanner, finder = load()
    costs = []
    for file in files:
        costs.append(cost_of(file, scanner, finder))
        print(file.name, {stage: round(seconds, 3) for stage, seconds in costs[-1].items()}, file=sys.stderr)
    summary = {
        stage: {
            "mean": round(statistics.fmean(cost[stage] for cost in costs), 3),
            "median": round(statistics.median(cost[stage] for cost in costs), 3),
        }
        for stage in costs[0]
    }
    megabytes = statistics.fmean(file.stat().st_size for file in files) / 1e6
    print(
        json.dumps(
            {
                "files": len(files),
                "mean_megabytes": round(megabytes, 2),
                "start_seconds": round(start(), 2),
                "peak_megabytes": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
                "cpu_seconds_a_file": summary,
            },
            indent=2,
        )
    )


def chosen(paths: list[Path], sample: int | None) -> list[Path]:
    """Return the media below the paths, or a sample of them."""
    from unmask.cli.inputs import expand

    files = list(expand(paths).files)
    return files if sample is None or sample >= len(files) else random.Random(0).sample(files, sample)  # noqa: S311


def cost_of(file: Path, scanner: Scanner, finder: CenterFace) -> dict[str, float]:
    """Do what a scan does to a file, one stage after the other; processor seconds of each."""
    from unmask.batch import fingerprint
    from unmask.faces import cut, profile
    from unmask.media import open_media
    from unmask.scanning import plan_passes

    settings, detector = scanner.settings, scanner.detector
    costs = {}

    def clocked(stage: str, work: Callable[[], T]) -> T:
        before = time.process_time()
        done = work()
        costs[stage] = time.process_time() - before
        return done

    def decode(sampled: int) -> list[Frame]:
        frames: list[Frame] = []
        with open_media(file, settings.limits) as media:
            for one in plan_passes(settings, media.info):
                if len(frames) < sampled:
                    seen = [frame.time for frame in frames]
                    frames += media.sample(replace(one, exclude=seen))
        return frames

    result = scanner.scan(file)  # Once before it is timed: the first of a kind costs more.
    sampled = result.coverage.frames_sampled if result.coverage else 1
    clocked("hash", lambda: fingerprint(file, 10**10))
    frames = clocked("decode", lambda: decode(sampled))
    faces = clocked("find", lambda: [finder.find(frame.image) for frame in frames])
    shape, size = profile(detector.card.crop_profile), detector.card.input_size
    crops = clocked(
        "cut",
        lambda: [
            cut(frame.image, face.box, shape, size=size)
            for frame, found in zip(frames, faces, strict=True)
            for face in found
        ][: settings.crops],
    )
    clocked("score", lambda: [detector.predict({"crops": crop[None]}) for crop in crops])
    stages = sum(costs.values())
    clocked("whole", lambda: scanner.scan(file))
    costs["whole"] += costs["hash"]
    counts = {"frames": float(sampled), "crops": float(len(crops)), "ok": float(result.status == "ok")}
    return costs | {"rest": costs["whole"] - stages} | counts


def load() -> tuple[Scanner, CenterFace]:
    """Load a scanner of one thread, and a face finder."""
    from unmask.faces import CenterFace
    from unmask.scanning import Scanner, Settings

    scanner = Scanner(Settings(threads=1, isolated=False))
    _ = scanner.detector
    return scanner, CenterFace(threads=1)


def start() -> float:
    """Processor seconds of a process that loads everything and scans nothing."""
    code = "from unmask.scanning import Scanner, Settings; s = Scanner(Settings(threads=1)); s.detector; s.close()"
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


if __name__ == "__main__":
    main()
