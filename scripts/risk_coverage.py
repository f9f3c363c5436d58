"""Measure whether the quality gates know where a detector errs: risk-coverage curves without and with them.

    python scripts/risk_coverage.py DETECTOR FIT_SET [SET...] [--cache DIR] [--out FILE.md] [--plot FILE.png]

FIT_SET is the set that the widths are fitted on (see fit_gates.py): its own figures are out of fold, by ten folds of
sources. The other sets have no part in the fit. Each is judged as it is, and with faces made worse among them: of
FIT_SET every third source once, of the others five crops a video, twice. All are validation splits of crops.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from unmask.detectors import Card, Quality, load_detector
from unmask.evaluation.remarks import show
from unmask.faces import CenterFace
from unmask.gating import (
    FITTING_SAMPLES,
    FaceSample,
    JudgedItems,
    LabelledFaces,
    card_quality,
    fit_gates,
    hash_of,
    judge_faces,
    score_samples,
)
from unmask.statistics.intervals import Settings
from unmask.statistics.risk_coverage import compare_abstaining, risk_coverage
from unmask.verdict import Gate, rule_of

FOLDS = 10
OTHERS = {"plain": FaceSample(), "worse": FaceSample(crops=5, degradations=2)}
SHOWN = ("aurc", "risk at 50%", "risk at 70%", "risk at 80%", "risk at 90%")


def out_of_fold(card: Card, quality: Quality, faces: LabelledFaces) -> list[Sequence[Gate]]:
    """Return each face the gates that were fitted without its source's fold."""
    fold = np.array([hash_of(cluster) % FOLDS for cluster in faces.cluster.tolist()])
    fits = [fit_gates(card, quality, faces.take(fold != number)) for number in range(FOLDS)]
    return [fits[number] for number in fold]


def rows_of(
    name: str, faces: LabelledFaces, gates: list[Sequence[Gate]], card: Card
) -> list[tuple[str, JudgedItems]]:
    """Judge a set as it is and with worse faces, by faces and, where there are several, by videos."""
    rule = rule_of(card)
    parts = {
        "as it is": faces.way == "",
        "with worse ones": np.isin(faces.cluster, faces.cluster[faces.way != ""]),
    }
    levels = [False, True] if len(set(faces.video.tolist())) < len(faces) else [False]
    return [
        (
            f"{name} {part}, {'videos' if videos else 'faces'}",
            judge_faces(
                faces.take(mask), rule, [g for g, m in zip(gates, mask, strict=True) if m], videos=videos
            ),
        )
        for videos in levels
        for part, mask in parts.items()
    ]


def table(rows: list[tuple[str, JudgedItems]], settings: Settings) -> str:
    """Write both tables: the curves, and what the verdicts come to."""
    curves = ["| items | n, groups | figure | without gates | with gates | difference |", "| --- " * 6 + "|"]
    points = [
        "| items | decided without | wrong among them | decided with | wrong among them |",
        "| --- " * 5 + "|",
    ]
    for name, part in rows:
        found = compare_abstaining(part.margin_without_gates, part.margin, part.wrong, part.cluster, settings)
        for figure in SHOWN:
            one, other, gap = (each[figure] for each in (found.without, found.with_gates, found.difference))
            count = f"{found.items}, {found.clusters}"
            curves.append(
                f"| {name} | {count} | {figure} | {show(one, 4)} | {show(other, 4)} | {show(gap, 4)} |"
            )
        shares = [
            f"{mask.mean():.1%} | {part.wrong[mask].mean():.1%} ({part.wrong[mask].sum()})"
            for mask in (part.is_conclusive_without_gates, part.is_conclusive)
        ]
        points.append(f"| {name} | {' | '.join(shares)} |")
    return "\n".join([*curves, "", *points, ""])


def plot(rows: list[tuple[str, JudgedItems]], file: Path) -> None:
    """Draw the curves."""
    columns = min(2, len(rows))
    lines = -(-len(rows) // columns)
    figure = Figure(figsize=(3.6 * columns, 2.8 * lines), layout="constrained")
    for axes, (name, part) in zip(figure.subplots(lines, columns, squeeze=False).flat, rows, strict=False):
        for sure, label, look in (
            (part.margin_without_gates, "without gates", "--"),
            (part.margin, "with gates", "-"),
        ):
            curve = risk_coverage(sure, part.wrong)
            axes.plot(
                curve.coverage, curve.risk, look, label=f"{label}: AURC {curve.area:.4f}", linewidth=1.2
            )
        axes.set(xlabel="share decided", ylabel="error rate among them", xlim=(0, 1), ylim=(0, None))
        axes.set_title(name, fontsize=8)
        axes.legend(fontsize=7)
    figure.savefig(file, dpi=150)


def main() -> None:
    """Judge every set and print both tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("fit_set", type=Path)
    parser.add_argument("sets", type=Path, nargs="*")
    parser.add_argument("--cache", type=Path, help="folder that keeps the scored faces")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--plot", type=Path)
    options = parser.parse_args()
    detector = load_detector(options.detector, threads=1)
    card, finder = detector.card, CenterFace(threads=1)

    def scored(root: Path, samples: Mapping[str, FaceSample]) -> LabelledFaces:
        return score_samples(detector, root, samples, finder, options.cache)

    faces = scored(options.fit_set, FITTING_SAMPLES)
    quality = card_quality(detector, faces, options.fit_set.resolve().name)
    gates = fit_gates(card, quality, faces)
    rows = rows_of(options.fit_set.name, faces, out_of_fold(card, quality, faces), card)
    for root in options.sets:
        others = scored(root, OTHERS)
        rows += rows_of(root.name, others, [gates] * len(others), card)
    text = table(rows, Settings())
    print(text)
    if options.out:
        options.out.write_text(text, encoding="utf-8")
    if options.plot:
        plot(rows, options.plot)


if __name__ == "__main__":
    main()
