"""How long `unmask scan` takes of a 10 s 1080p clip, as a multiple of one PyAV pass over all of its frames.

    python benchmarks/scan_speed.py                 # makes the clip from the public-domain portrait
    python benchmarks/scan_speed.py --clip FILE     # takes this one

The scan is a process of its own, its start included; the pass decodes every frame in this process, warm,
and does nothing with them: as PyAV does it out of the box, and with a thread a frame on all cores, which is the
harder measure. All take turns, and medians are compared. Memory is the peak of the scanning
process.
"""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """Measure, print a line a run, and end with one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clip", type=Path, help="a video; by default 10 s of 1080p are made")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--frames", type=int, help="frames that the scan samples; by default the scan's own")
    parser.add_argument("--detector", help="by default the scan's own")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        clip = options.clip or make_clip(Path(folder, "clip.mp4"))
        print(json.dumps(measure(clip, options.runs, options.frames, options.detector), indent=2))


def make_clip(path: Path) -> Path:
    """Write 10 s of 1080p H.264 at 30 frames a second, two key frames, B frames between."""
    from unmask.demo import portrait, write_clip

    write_clip(path, portrait(), size=(1920, 1080), seconds=10.0, frame_rate=30)
    return path


def measure(clip: Path, runs: int, frames: int | None, detector: str | None) -> dict[str, object]:
    """Let passes and scans take turns; seconds, the ratio of their medians, and the scan's peak memory in MB."""
    command = [sys.executable, "-m", "unmask", "scan", "--json", str(clip)]
    command += ["--frames", str(frames)] if frames else []
    command += ["--detector", detector] if detector else []
    one_pass(clip)
    result = one_scan(command)[1]
    passes, threaded, scans = [], [], []
    for number in range(1, runs + 1):
        passes.append(one_pass(clip))
        threaded.append(one_pass(clip, frame_threads=True))
        scans.append(one_scan(command)[0])
        print(f"run {number}: pass {passes[-1]:.2f} s, scan {scans[-1]:.2f} s", file=sys.stderr)
    return {
        "clip": clip.name,
        "status": result["status"],
        "frames_sampled": result["coverage"]["frames_sampled"],
        "frames_with_face": result["coverage"]["frames_with_face"],
        "tracks": len(result["tracks"]),
        "pass_seconds": [round(seconds, 3) for seconds in passes],
        "scan_seconds": [round(seconds, 3) for seconds in scans],
        "ratio": round(statistics.median(scans) / statistics.median(passes), 2),
        "pass_seconds_with_frame_threads": [round(seconds, 3) for seconds in threaded],
        "ratio_with_frame_threads": round(statistics.median(scans) / statistics.median(threaded), 2),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
    }


def one_pass(clip: Path, frame_threads: bool = False) -> float:
    """Decode every frame with PyAV, as it comes out of the box or with a thread a frame; seconds."""
    import av

    start = time.perf_counter()
    with av.open(str(clip)) as container:
        if frame_threads:
            container.streams.video[0].thread_type = "AUTO"
        for _ in container.decode(video=0):
            pass
    return time.perf_counter() - start


def one_scan(command: list[str]) -> tuple[float, dict]:
    """Scan in a process of its own; seconds from its start to its end, and its JSON."""
    start = time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds = time.perf_counter() - start
    if done.returncode:
        sys.exit(f"the scan ended with {done.returncode}: {done.stderr.strip()}")
    return seconds, json.loads(done.stdout)


if __name__ == "__main__":
    main()
