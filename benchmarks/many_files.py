"""Many small files: killed at random and resumed, and how much faster two workers are than one.

    python benchmarks/many_files.py kills --files 2000 --kills 3
    python benchmarks/many_files.py rate --files 200

`kills` ends the run with SIGKILL at random moments, overwrites every file that has its line with zeros of the same
size and time of change, and resumes: a file that was read again would have another result. In the end every file
must have one line, with status ok. `rate` lets one and two workers take turns; a rate counts from the first line to
the last, so that starting and loading stay out.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Measure, and end with one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=("kills", "rate"))
    parser.add_argument("--files", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=3)
    parser.add_argument("--runs", type=int, default=3, help="of each number of workers")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--side", type=int, default=128, help="of the pictures, in pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--detector", default="jrc")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        pictures = make_pictures(Path(folder, "pictures"), options.files, options.side)
        output = Path(folder, "results.jsonl")
        measure = kills if options.what == "kills" else rates
        print(json.dumps(measure(pictures, output, options), indent=2))


def make_pictures(folder: Path, count: int, side: int) -> Path:
    """Write small pictures of the public-domain portrait, each with a pixel of its own."""
    from unmask.demo import portrait

    folder.mkdir()
    whole = portrait().convert("RGB")
    edge = min(whole.size)
    small = whole.crop((0, 0, edge, edge)).resize((side, side))
    for number in range(count):
        small.putpixel((0, 0), (number >> 16 & 255, number >> 8 & 255, number & 255))
        small.save(folder / f"{number:05}.png")
    return folder


def kills(pictures: Path, output: Path, options: argparse.Namespace) -> dict[str, object]:
    """Kill a run a few times, resume it to its end, and check what it wrote."""
    chance = random.Random(options.seed)  # noqa: S311
    moments = sorted(chance.sample(range(1, options.files), options.kills))
    finished: list[bytes] = []
    lines_at_kills = []
    started = time.monotonic()
    for moment in moments:
        with start(pictures, output, options.workers, options.detector) as run:
            wait_for_lines(output, moment, run)
            time.sleep(chance.uniform(0, 0.2))
            run.kill()
        lines = output.read_bytes().rpartition(b"\n")[0].splitlines()
        if lines[: len(finished)] != finished:
            sys.exit("lines were changed")
        for line in lines[len(finished) :]:
            overwrite(Path(json.loads(line)["path"]))
        finished = lines
        lines_at_kills.append(len(lines))
    with start(pictures, output, options.workers, options.detector) as run:
        said = run.communicate()[1]
    rows = [json.loads(line) for line in output.read_bytes().splitlines()]
    return {
        "files": options.files,
        "lines_at_kills": lines_at_kills,
        "lines": len(rows),
        "different_paths": len({row["path"] for row in rows}),
        "status_ok": sum(row["status"] == "ok" for row in rows),
        "finished_lines_unchanged": output.read_bytes().splitlines()[: len(finished)] == finished,
        "exit_code": run.returncode,
        "last_run_said": said.strip().splitlines()[-1],
        "wall_seconds": round(time.monotonic() - started, 1),
    }


def rates(pictures: Path, output: Path, options: argparse.Namespace) -> dict[str, object]:
    """Let one worker and several take turns."""
    measured: dict[int, list[float]] = {1: [], options.workers: []}
    for _ in range(options.runs):
        for workers, found in measured.items():
            output.unlink(missing_ok=True)
            with start(pictures, output, workers, options.detector) as run:
                wait_for_lines(output, workers, run)
                begun = time.monotonic()
                run.communicate()
                found.append((options.files - workers) / (time.monotonic() - begun))
            print(f"{workers} workers: {found[-1]:.2f} files/s", file=sys.stderr)
    one, several = (statistics.median(found) for found in measured.values())
    return {
        "files": options.files,
        "processors": len(os.sched_getaffinity(0)),
        "files_a_second": {
            str(workers): [round(rate, 2) for rate in found] for workers, found in measured.items()
        },
        "ratio_of_medians": round(several / one, 2),
    }


def start(pictures: Path, output: Path, workers: int, detector: str) -> subprocess.Popen[str]:
    """Start a run that resumes."""
    command = [sys.executable, "-m", "unmask", "scan", str(pictures), "--output", str(output), "--resume"]
    command += ["--workers", str(workers), "--detector", detector]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def wait_for_lines(output: Path, count: int, run: subprocess.Popen[str]) -> None:
    """Wait until the run has written so many lines."""
    while not output.exists() or output.read_bytes().count(b"\n") < count:
        if run.poll() is not None:
            sys.exit(f"the run ended early: {run.communicate()[1]}")
        time.sleep(0.02)


def overwrite(path: Path) -> None:
    """Put zeros into a file, with the same size and time of change."""
    facts = path.stat()
    path.write_bytes(bytes(facts.st_size))
    os.utime(path, ns=(facts.st_atime_ns, facts.st_mtime_ns))


if __name__ == "__main__":
    main()
