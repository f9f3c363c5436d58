"""``unmask doctor``: what works on this machine, what is missing, and how to get it."""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from unmask.detectors import Detector


@dataclass(frozen=True)
class Finding:
    """Result of one check.

    Parameters
    ----------
    subject
        What was checked.
    state
        "ok", "note" (works, with something to know) or "missing".
    found
        What it is.
    advice
        What to do about it.
    """

    subject: str
    state: str
    found: str
    advice: str = ""


def doctor() -> None:
    """Check this installation: what works, what is missing, how to get it.

    Exit code: 0 a scan works, 1 it does not.
    """
    from rich.console import Console
    from rich.text import Text

    from unmask.report.words import printable

    colours = {"ok": "green", "note": "yellow", "missing": "red"}
    console = Console(highlight=False)
    findings = []
    for finding in examine():
        findings.append(finding)
        line = Text(f"{finding.state:8}", style=colours[finding.state])
        line.append(f"{finding.subject}: {printable(finding.found)}", style="default")
        if finding.advice:
            line.append(f"\n{'':8}-> {finding.advice}", style="default")
        console.print(line, soft_wrap=True)
    raise typer.Exit(int(any(finding.state == "missing" for finding in findings)))


def examine() -> Iterator[Finding]:
    """Look at everything that a scan needs, then try one."""
    checks: tuple[Callable[[], list[Finding]], ...] = (
        _python, _onnxruntime, _processor, _pyav, _face_finder, _detectors, _isolation, _extras, _training, _cluster,
        _self_test,
    )  # fmt: skip
    for check in checks:
        try:
            yield from check()
        except Exception as error:
            subject = check.__name__.strip("_").replace("_", "-")
            reason = " ".join(str(error).split()) or type(error).__name__
            yield Finding(subject, "missing", reason, "reinstall: pip install --force-reinstall unmask")


def _python() -> list[Finding]:
    version = platform.python_version()
    if (3, 10) <= sys.version_info[:2] <= (3, 14):
        return [Finding("python", "ok", f"{version} on {platform.system()} {platform.machine()}")]
    return [Finding("python", "note", version, "unmask supports Python 3.10 to 3.14")]


def _onnxruntime() -> list[Finding]:
    import onnxruntime

    providers = [name.removesuffix("ExecutionProvider") for name in onnxruntime.get_available_providers()]
    return [Finding("onnxruntime", "ok", f"{onnxruntime.__version__}, providers: {', '.join(providers)}")]


def _processor() -> list[Finding]:
    from unmask.detectors.processor import EXACT, INTERESTING, cpu_flags

    flags = cpu_flags()
    if not flags:
        return [Finding("processor", "note", f"{platform.machine()}, instruction sets unknown")]
    has = [name for name in INTERESTING if name in flags]
    found = ", ".join(has) or "none of the instruction sets that speed up int8"
    if EXACT & set(has):
        return [Finding("processor", "ok", found)]
    advice = "int8 networks run without VNNI here: two to three times slower, to the same scores"
    return [Finding("processor", "note", found, advice)]


def _pyav() -> list[Finding]:
    import av

    wanted = ("h264", "hevc", "vp8", "vp9", "av1", "mpeg4", "mpeg2video", "mpeg1video")
    absent = [name for name in wanted if name not in av.codecs_available]
    state, advice = ("ok", "") if not absent else ("note", f"videos in {', '.join(absent)} cannot be read")
    present = ", ".join(name for name in wanted if name not in absent)
    return [Finding("pyav", state, f"{av.__version__}, decodes {present}", advice)]


def _face_finder() -> list[Finding]:
    from unmask.faces import CenterFace
    from unmask.faces.weights import CENTERFACE_SHA256

    CenterFace(threads=1)
    return [Finding("face finder", "ok", f"CenterFace, sha256 {CENTERFACE_SHA256[:12]} as expected")]


def _detectors() -> list[Finding]:
    from unmask.detectors import DetectorError, built_in, load_detector

    findings = []
    for name in built_in():
        try:
            detector = load_detector(name, threads=1)
            card = detector.card
            found = f"{card.version}, sha256 {card.sha256[:12]} as its card says"
            findings.append(Finding(f"detector {name}", "ok", found))
            if card.input.unit in ("face", "face_clip"):
                findings.append(_reference_logit(detector))
        except DetectorError as error:
            advice = "reinstall: pip install --force-reinstall unmask"
            findings.append(Finding(f"detector {name}", "missing", str(error), advice))
    if not findings:
        advice = "this copy of unmask came without weights; give --detector a folder"
        findings.append(Finding("detectors", "missing", "none installed", advice))
    return findings


def _reference_logit(detector: Detector) -> Finding:
    """Score the portrait's face and compare the logit with the one that the detector gave where it was made."""
    from unmask.demo.reference import is_explained, portrait_logit, reference_logit

    subject = f"detector {detector.card.name} computes"
    here, there = portrait_logit(detector), reference_logit(detector.card.sha256)
    if there is None:
        return Finding(
            subject, "note", f"the portrait's logit is {here!r}; none is recorded to compare it with"
        )
    if here == there:
        return Finding(subject, "ok", f"the portrait's logit is the recorded one bit by bit, {here:.6f}")
    found = f"the portrait's logit differs by {abs(here - there):.1g} from the recorded {there:.6f}"
    if is_explained(here, there):
        advice = "ONNX Runtime of another version, or another processor, rounds otherwise"
        return Finding(subject, "note", found, advice)
    return Finding(subject, "missing", found, "scores are not to be relied on here; please report this line")


def _isolation() -> list[Finding]:
    """Have a picture decoded, and hear what confines the process that does it."""
    import tempfile

    from unmask.demo import portrait
    from unmask.media import DecodingProcesses, Limits

    with tempfile.TemporaryDirectory() as folder, DecodingProcesses(Limits()) as processes:
        picture = Path(folder, "portrait.png")
        portrait().resize((64, 64)).save(picture)
        processes.open(picture).close()
        held = processes.isolation or ""
    found = f"files are decoded in a process of its own: {held}"
    advice = []
    if "landlock" not in held:
        advice.append("without Landlock (Linux 5.13 or later) a decoder that is taken over could read files")
    if "namespaces" not in held:
        advice.append("without user namespaces it could use UDP, and before Landlock 4 TCP")
    if not advice:
        return [Finding("isolation", "ok", found)]
    advice.append("scan untrusted files in a container without a network")
    return [Finding("isolation", "note", found, "; ".join(advice))]


def _extras() -> list[Finding]:
    from unmask.cli.main import EXTRAS

    whole = {extra: all(find_spec(name) is not None for name in EXTRAS[extra]) for extra in EXTRAS}
    here = ", ".join(extra for extra in whole if whole[extra]) or "none"
    absent = ", ".join(extra for extra in whole if not whole[extra])
    return [Finding("extras", "ok", f"{here} installed" + (f"; not, or in part: {absent}" if absent else ""))]


def _training() -> list[Finding]:
    from unmask.cli.main import EXTRAS

    absent = [name for name in EXTRAS["train"] if find_spec(name) is None]
    if not absent:
        return [Finding("training", "ok", "unmask train, evaluate and export can run")]
    advice = 'only needed for train, evaluate and export: pip install "unmask[train]"'
    return [Finding("training", "note", f"not installed: {', '.join(absent)}", advice)]


def _cluster() -> list[Finding]:
    if find_spec("ray") is not None and find_spec("pyarrow") is not None:
        return [Finding("cluster", "ok", "unmask scan --ray can run")]
    return [
        Finding(
            "cluster", "note", "not installed: ray", 'only needed for scan --ray: pip install "unmask[ray]"'
        )
    ]


def _self_test() -> list[Finding]:
    """Write a short clip of the portrait and scan it."""
    import tempfile

    from unmask.demo import portrait, write_clip
    from unmask.scanning import Settings, scan

    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder, "portrait.mp4")
        write_clip(clip, portrait(), seconds=1.0)
        result = scan(clip, Settings(frames=4))
    if result.status != "ok" or result.coverage.frames_with_face != 4:
        advice = "please report this with the lines above"
        return [
            Finding("self-test", "missing", f"the portrait's face was not found ({result.status})", advice)
        ]
    found = f"a clip of one face was scanned in {result.seconds:.1f} s, score {result.score:.2f}"
    return [Finding("self-test", "ok", found)]
