"""How long `unmask scan` takes of a video, as a multiple of one PyAV pass over all of its frames, and where it goes.

    python benchmarks/scan_speed.py                     # clips made from the public-domain portrait: 10 s and 120 s,
                                                        # 360p, 720p and 1080p
    python benchmarks/scan_speed.py --clip FILE         # this one
    python benchmarks/scan_speed.py --image             # warm scans of 1-megapixel pictures, in milliseconds

A scan is a process of its own, its start included; the pass decodes every frame in this process, warm, and does
nothing with them: as PyAV does it out of the box, and with a thread a frame on all cores, which is the harder measure.
All take turns, and medians are compared. Processor seconds are given beside the seconds by the clock: on a busy machine
their ratio is the one that can be trusted. Memory is the scan's peak, its decoding process's beside it.

Stages are timed one after the other in a process of their own; in a scan they overlap.
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
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

SIZES = {"360p": (640, 360), "720p": (1280, 720), "1080p": (1920, 1080)}
SECONDS = (10, 120)
REPEATED_SECONDS = 10


def main() -> None:
    """Measure, print a line a run, and end with one JSON object."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--clip", type=Path, action="append", help="a video; may be repeated")
    parser.add_argument("--image", action="store_true", help="measure a picture instead")
    parser.add_argument(
        "--only", nargs="*", help="of the clips that are made, these: 1080p-10s, 360p-120s, ..."
    )
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument(
        "--frames", type=int, help="frames that the scan samples; by default the scan's own choice"
    )
    parser.add_argument("--detector", help="by default the scan's own")
    parser.add_argument("--stages", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.stages:
        print(json.dumps(stages(options.stages)))
        return
    with tempfile.TemporaryDirectory() as folder:
        if options.image:
            print(json.dumps(warm_image(Path(folder), options.runs), indent=2))
            return
        clips = options.clip or make_clips(Path(folder), options.only)
        measured = [measure(clip, options.runs, options.frames, options.detector) for clip in clips]
    print(json.dumps(measured, indent=2))


def make_clips(folder: Path, only: Sequence[str] | None) -> list[Path]:
    """Write H.264 clips at 30 frames a second, a key frame every 5 s, B frames between, as platforms write them."""
    from unmask.demo import portrait, write_clip

    clips = []
    for name, size in SIZES.items():
        wanted = {seconds: f"{name}-{seconds}s" for seconds in SECONDS}
        wanted = {seconds: label for seconds, label in wanted.items() if not only or label in only}
        if not wanted:
            continue
        short = folder / f"{name}.mp4"
        write_clip(short, portrait(), size=size, seconds=REPEATED_SECONDS, frame_rate=30)
        for seconds, label in wanted.items():
            clips.append(repeated(short, folder / f"{label}.mp4", seconds // REPEATED_SECONDS))
    return clips


def repeated(clip: Path, target: Path, times: int) -> Path:
    """Write a clip so many times after itself, without coding it anew."""
    import av

    with av.open(str(clip)) as source, av.open(str(target), "w") as sink:
        stream = source.streams.video[0]
        copy = sink.add_stream_from_template(stream)
        length = round(REPEATED_SECONDS / stream.time_base)
        for turn in range(times):
            source.seek(0)
            for packet in source.demux(stream):
                if packet.dts is None:
                    continue
                packet.pts += turn * length
                packet.dts += turn * length
                packet.stream = copy
                sink.mux(packet)
    return target


def measure(clip: Path, runs: int, frames: int | None, detector: str | None) -> dict[str, Any]:
    """Let passes and scans take turns; seconds, ratios of medians, stages, and the scan's peak memory in MB."""
    command = [sys.executable, "-m", "unmask", "scan", "--json", str(clip)]
    command += ["--frames", str(frames)] if frames else []
    command += ["--detector", detector] if detector else []
    one_pass(clip)
    *_, result = one_scan(command)
    passes, threaded, scans = [], [], []
    for number in range(1, runs + 1):
        passes.append(one_pass(clip))
        threaded.append(one_pass(clip, frame_threads=True))
        scans.append(one_scan(command)[:2])
        print(
            f"{clip.name}, run {number}: pass {passes[-1][0]:.2f} s, scan {scans[-1][0]:.2f} s",
            file=sys.stderr,
        )
    by_the_clock, of_processors = (
        [statistics.median(run[kind] for run in which) for which in (scans, passes, threaded)]
        for kind in (0, 1)
    )
    return {
        "clip": clip.name,
        "status": result["status"],
        "coverage": result["coverage"],
        "tracks": len(result["tracks"]),
        "scan_seconds": [round(seconds, 3) for seconds, _ in scans],
        "pass_seconds": [round(seconds, 3) for seconds, _ in passes],
        "ratio": round(by_the_clock[0] / by_the_clock[1], 2),
        "ratio_with_frame_threads": round(by_the_clock[0] / by_the_clock[2], 2),
        "scan_processor_seconds": round(of_processors[0], 3),
        "pass_processor_seconds": round(of_processors[1], 3),
        "ratio_of_processor_seconds": round(of_processors[0] / of_processors[1], 2),
        "stages": median_stages(clip, min(runs, 3)),
        "peak_megabytes": round(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024),
    }


def one_pass(clip: Path, frame_threads: bool = False) -> tuple[float, float]:
    """Decode every frame with PyAV, as it comes or with a thread a frame; seconds, and processor seconds."""
    import av

    start, used = time.perf_counter(), time.process_time()
    with av.open(str(clip)) as container:
        if frame_threads:
            container.streams.video[0].thread_type = "AUTO"
        for _ in container.decode(video=0):
            pass
    return time.perf_counter() - start, time.process_time() - used


def one_scan(command: list[str]) -> tuple[float, float, dict[str, Any]]:
    """Scan in a process of its own; seconds from its start to its end, processor seconds, and its JSON."""
    before, start = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    done = subprocess.run(command, capture_output=True, text=True)
    seconds, after = time.perf_counter() - start, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        sys.exit(f"the scan ended with {done.returncode}: {done.stderr.strip()}")
    used = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return seconds, used, json.loads(done.stdout)


def median_stages(clip: Path, runs: int) -> dict[str, float]:
    """Time the stages in fresh processes; medians in seconds."""
    command = [sys.executable, __file__, "--stages", str(clip)]
    outputs = [
        subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(runs)
    ]
    timed = [json.loads(output) for output in outputs]
    return {name: round(statistics.median(one[name] for one in timed), 3) for name in timed[0]}


def stages(clip: Path) -> dict[str, float]:
    """Do what the first pass of a scan does, one stage after the other; seconds each."""
    took: dict[str, float] = {}

    def timed(name: str, step: Callable[[], Any]) -> Any:
        start = time.perf_counter()
        result = step()
        took[name] = took.get(name, 0.0) + time.perf_counter() - start
        return result

    timed("import", import_all)
    from unmask import faces
    from unmask.detectors import load_detector
    from unmask.media import DecodingProcesses, Limits
    from unmask.scanning import Settings, plan_passes

    detector = timed("load the detector", lambda: load_detector("jrc", threads=1))
    finder = timed("load the face finder", lambda: faces.CenterFace(threads=1))
    with DecodingProcesses(Limits()) as processes:
        media = timed("start the decoder, open", lambda: processes.open(clip))
        first = plan_passes(Settings(), media.info)[0]
        frames = timed("decode the first pass", lambda: list(media.sample(first)))
        media.close()
    profile = faces.profile(detector.card.crop_profile)
    for frame in frames:
        for face in timed("find faces", lambda image=frame.image: finder.find(image)):
            crop = timed(
                "cut", lambda f=face, i=frame.image: faces.cut(i, f.box, profile, detector.card.input_size)
            )
            timed("score", lambda c=crop: detector.predict({"crops": c[None]}))
    return took | {"frames": float(len(frames))}


def import_all() -> None:
    """Import what a scan imports."""
    import onnxruntime  # noqa: F401

    import unmask.cli.scan
    import unmask.detectors
    import unmask.faces
    import unmask.scanning.scanner  # noqa: F401


def warm_image(folder: Path, runs: int) -> dict[str, Any]:
    """Scan 1-megapixel JPEGs of the portrait with one scanner; milliseconds, and processor milliseconds.

    The pictures differ by a pixel's shift and are more than the faces whose maps the trunk remembers.
    """
    from unmask.demo import portrait
    from unmask.detectors.trunk import RECENT_MAPS
    from unmask.scanning import Scanner

    count = RECENT_MAPS + 4
    picture = portrait().resize((1000 + count, 1000 + count))
    paths = [folder / f"portrait-{shift}.jpg" for shift in range(count)]
    for shift, path in enumerate(paths):
        picture.crop((shift, shift, shift + 1000, shift + 1000)).save(path, quality=90)
    took, used = [], []
    with Scanner() as scanner:
        for path in paths[:3]:
            scanner.scan(path)
        for number in range(4 * runs):
            start, processors = time.perf_counter(), time.process_time()
            result = scanner.scan(paths[(3 + number) % count])
            took.append(1000 * (time.perf_counter() - start))
            used.append(1000 * (time.process_time() - processors))
    return {
        "status": result.status,
        "median_ms": round(statistics.median(took), 1),
        "best_ms": round(min(took), 1),
        "median_processor_ms": round(statistics.median(used), 1),
    }


if __name__ == "__main__":
    main()
