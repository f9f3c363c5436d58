"""The method statement of a result: what was asked, how frames were chosen, and which errors are known."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from unmask.detectors import AudioWindows, Card, FaceClips, FaceCrops, InputSpec, Lineage
from unmask.records.weights import UsedDetector, card_of
from unmask.report import Opinion, ScanResult
from unmask.report.method_view import AskedQuestion, ErrorRates, MethodView
from unmask.report.words import Row, clock, counted, percent, printable, question_words
from unmask.scanning import PASS_SIZES, Settings
from unmask.statistics.proportions import wilson_interval
from unmask.verdict import EARLY_STOP_LEVEL
from unmask.verdict.stability import STABILITY

NOT_KNOWN = "-"
UNITS = {
    "face": "single faces",
    "frame": "whole frames",
    "face_clip": "clips of a face",
    "audio": "windows of sound",
}
FLATTERS = (
    "The same sets chose the threshold and the checkpoint, so the rates flatter. On material unlike these sets, and "
    "for methods newer than the detector, no error rate is known."
)


def method_view(
    result: ScanResult, settings: Settings, detectors: Sequence[UsedDetector]
) -> MethodView | None:
    """Return the method statement of a result; None for a file that could not be read.

    Parameters
    ----------
    result
        Of the scan.
    settings
        Of the scan.
    detectors
        All that the settings name.
    """
    if not result.was_read:
        return None
    asked = []
    for opinion in result.opinions:
        info = opinion.detector
        if used := card_of(detectors, info.name, info.version, info.sha256):
            asked.append(_asked(result, opinion, used))
    return MethodView(tuple(asked), _sampling(result, settings))


def _sampling(result: ScanResult, settings: Settings) -> tuple[str, ...]:
    faces = (
        f"Faces count from {settings.minimum_face:g} pixels on, at most {settings.faces} on a frame; at most "
        f"{settings.crops} faces are scored in a file, divided evenly among those that were followed."
    )
    copies = "The frames that decide about a face were scored again after re-encodings; the spread widens the interval."
    sentences = (
        "The whole picture was searched." if result.kind == "image" else _frames(result, settings),
        faces,
    )
    return (*sentences, copies) if settings.stability else sentences


def _frames(result: ScanResult, settings: Settings) -> str:
    """Return how the frames of a video were chosen, in words."""
    part = f" of the first {clock(settings.seconds)}" if settings.seconds else ""
    if settings.every is not None:
        chosen = f"A frame every {settings.every:g} seconds{part} was asked for."
    elif settings.frames is not None:
        chosen = f"{counted(settings.frames, 'frame')}, spread evenly over the length{part}, were asked for."
    else:
        (least, least_planned), (most, most_planned) = PASS_SIZES[0], PASS_SIZES[-1]
        chosen = (
            f"Frames{part} were chosen by their times and by what is cheap to decode, before anything in them was "
            f"known: a first pass of {least} to {most} by the length of the video, with a second one {least_planned} "
            f"to {most_planned} in all. The second is left out where the first settles the verdict at a stricter level "
            f"({percent(EARLY_STOP_LEVEL)})."
        )
    sampled, planned = result.coverage.frames_sampled, result.coverage.frames_planned or 0
    here = f"Of this file {counted(sampled, 'frame')}"
    here += f" of {planned} planned" if planned > sampled else ""
    return f"{chosen} {here} {'was' if sampled == 1 else 'were'} sampled."


def _asked(result: ScanResult, opinion: Opinion, used: UsedDetector) -> AskedQuestion:
    card = used.card
    low, high = card.band
    rule = f"fake above a calibrated score of {percent(card.threshold)}"
    rule += f", inconclusive from {percent(low)} to {percent(high)}" if low < high else ""
    learned = {source.name: None for source in card.data if source.use == "training"}
    rows = [
        ("Detector", f"{card.name} {card.version}", False),
        ("Reads", _reads(card.input), False),
        ("Looks for", ", ".join(card.tasks), False),
        ("Trained on", ", ".join(learned), False),
        ("Families of fakes", ", ".join(card.families).replace("_", " "), False),
        ("Rule", f"{rule}; inconclusive too where the 90 % interval lies across the threshold", False),
        ("Weights", f"sha256 {card.sha256}", True),
        ("Card", f"sha256 {used.record.card_sha256}", True),
    ]
    rates = tuple(_rates_of(name, figures, card) for name, figures in _validation(card).items())
    return AskedQuestion(
        question_words(opinion.question),
        tuple(Row(name, printable(value), code) for name, value, code in rows if value),
        rates,
        tuple(_notes(result, opinion, card, rates)),
        UNITS[card.input.unit],
    )


def _reads(spec: InputSpec) -> str:
    if isinstance(spec, FaceCrops):
        return f"single faces, {spec.size} x {spec.size} pixels, cut {spec.crop_profile}"
    if isinstance(spec, FaceClips):
        sound = ", with their sound" if spec.audio else ""
        clip = f"{spec.frames} successive frames of a face, {spec.rate:g} a second"
        return f"{clip}, {spec.size} x {spec.size} pixels{sound}"
    if isinstance(spec, AudioWindows):
        return f"sound, {spec.seconds:g} seconds at a time"
    return f"whole frames, {spec.size} x {spec.size} pixels"


def _validation(card: Card) -> Mapping[str, Mapping[str, Any]]:
    """Return the figures of each validation set; cards of others may hold anything in their place."""
    found = card.metrics.get("validation")
    if not isinstance(found, dict):
        return {}
    return {name: figures for name, figures in found.items() if isinstance(figures, dict)}


def _rates_of(name: str, figures: Mapping[str, Any], card: Card) -> ErrorRates:
    reals, fakes, groups = (_count(figures, key) for key in ("real", "fake", "groups"))
    counts = [f"{reals:,} real" if reals else "", f"{fakes:,} fake" if fakes else ""]
    counts.append(f"{groups:,} sources" if groups else "")
    hits = _share(figures, "true_positive_rate")
    return ErrorRates(
        printable(name),
        ", ".join(filter(None, counts)) or NOT_KNOWN,
        _rate(_share(figures, "false_positive_rate"), reals, groups),
        _rate(None if hits is None else 1 - hits, fakes, groups),
        _auc(figures, card),
    )


def _rate(share: float | None, items: int, groups: int) -> str:
    """Return a rate with its interval; items of one source are not independent, so no more count than sources."""
    if share is None:
        return NOT_KNOWN
    independent = min(items, groups or items)
    if not independent:
        return f"{100 * share:.1f} %"
    low, high = wilson_interval(share, independent)
    return f"{100 * share:.1f} % [{100 * low:.1f}, {100 * high:.1f}]"


def _auc(figures: Mapping[str, Any], card: Card) -> str:
    parts = []
    units = "faces" if card.input.unit == "face" else UNITS[card.input.unit]
    for level, words in (("frame", units), ("video", "videos")):
        value, interval = _share(figures, f"{level}_auc"), figures.get(f"{level}_auc_interval")
        if value is not None:
            known = isinstance(interval, list | tuple) and all(
                isinstance(end, int | float) for end in interval
            )
            bounds = f" [{', '.join(f'{end:.3f}' for end in interval)}]" if known and interval else ""
            parts.append(f"{value:.3f}{bounds} of {words}")
    return ", ".join(parts) or NOT_KNOWN


def _notes(result: ScanResult, opinion: Opinion, card: Card, rates: Sequence[ErrorRates]) -> list[str]:
    has_rates = bool(rates)
    units = UNITS[card.input.unit]
    notes = ["The card of the detector states no error rates."]
    if has_rates:
        notes = [_what_rates_count(units, rates, card), FLATTERS]
    if card.lineage:
        notes.append(_promised(card.lineage))
    noted = (one.text for one in opinion.reasons if one.effect == "widens" and one.gate != STABILITY)
    gates = list(dict.fromkeys(noted))
    if gates and has_rates:
        notes.append(
            f"Of this file was noted: {printable('; '.join(gates))}. The card states no error rates for such faces "
            "alone; expect more errors than in its sets."
        )
    if (
        result.kind == "video"
        and has_rates
        and not any("video_auc" in one for one in _validation(card).values())
    ):
        notes.append(f"The sets are of {units}; the card states nothing about whole videos.")
    if card.limits:
        notes.append(f"Limits that the card states: {printable(card.limits)}")
    return notes


def _what_rates_count(units: str, rates: Sequence[ErrorRates], card: Card) -> str:
    known = any(rate.false_positives != NOT_KNOWN or rate.misses != NOT_KNOWN for rate in rates)
    words = f"The rates are of {units}, and count every score above the threshold as fake."
    if not known:
        words = f"The figures are of {units}; the card states no rate of real ones called fake or of fakes missed."
    averaged = "finds faces, averages frames" if card.input.unit == "face" else f"averages {units}"
    return f"{words} A scan also {averaged} and can answer inconclusive. The card states no error rates of whole scans."


def _promised(lineage: Lineage) -> str:
    first = lineage.rates[0] if lineage.rates else None
    if first is None:
        return f"Derived from {printable(lineage.parent)} {printable(lineage.parent_version)}."
    low, high = first.interval
    files, groups = counted(lineage.files, "real file"), counted(lineage.groups, "group")
    return (
        f"The threshold was fixed on {files} of the user ({groups}) so that at most {percent(first.rate)} of real "
        f"files like these are called fake; 90 % interval of that rate: {100 * low:.1f} to {100 * high:.1f} %. It says "
        "nothing about other files."
    )


def _count(figures: Mapping[str, Any], name: str) -> int:
    value = figures.get(name)
    return value if isinstance(value, int) and value > 0 else 0


def _share(figures: Mapping[str, Any], name: str) -> float | None:
    value = figures.get(name)
    return float(value) if isinstance(value, int | float) and 0 <= value <= 1 else None
