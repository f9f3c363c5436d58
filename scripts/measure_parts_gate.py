"""Measure a gate "parts are not visible" by risk and coverage against the present gates on covered and turned faces.

    python scripts/measure_parts_gate.py DETECTOR FIT_SET [SET[:N]...] --cache DIR

As risk_coverage.py, on a third of FIT_SET's sources and up to six crops a video of the others, of one video in N. The
gate looks at `hidden_parts`, the log-odds that the least visible part cannot be seen; it starts at the median of the
real faces of FIT_SET as they are and saturates at their 99th percentile. Widths of all gates are fitted on FIT_SET in
each variant,
and its own rows are out of fold.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from risk_coverage import out_of_fold

from unmask.detectors import Card, Detector, Prediction, QualityGate, load_detector
from unmask.evaluation.remarks import markdown_table, show
from unmask.faces import CenterFace
from unmask.gating import FaceSample, LabelledFaces, card_quality, fit_gates, judge_faces
from unmask.gating.labelled_faces import MEASURES, score_faces
from unmask.statistics.auc import auc_estimate
from unmask.statistics.intervals import Settings
from unmask.statistics.risk_coverage import compare_abstaining
from unmask.verdict import Gate, rule_of
from unmask.verdict.card_gates import GATES

HIDDEN = "hidden_parts"
FITTED = {"plain": FaceSample(videos=3), "worse": FaceSample(videos=3, degradations=1)}
OTHERS = {"plain": FaceSample(crops=6), "worse": FaceSample(crops=6, degradations=2)}
REPLACED = {"turned away", "uncertain face"}


@dataclass(frozen=True)
class FacesWithParts(LabelledFaces):
    """Scored faces with the part confidences (N, P) of each."""

    visible: npt.NDArray[np.float32]

    def rows(self) -> list[dict[str, float]]:
        """Return each face's measures by name, `HIDDEN` among them."""
        return [
            row | {HIDDEN: value} for row, value in zip(super().rows(), self.hidden.tolist(), strict=True)
        ]

    @property
    def hidden(self) -> npt.NDArray[np.float64]:
        """Log-odds (N,) that the least visible part cannot be seen."""
        least = np.clip(self.visible.min(1).astype(np.float64), 1e-7, 1 - 1e-7)
        hidden: npt.NDArray[np.float64] = np.log((1 - least) / least)
        return hidden


class Recorder:
    """Two copies of a detector on one trunk: one scores, the other says what the parts of the same crop say.

    Parameters
    ----------
    name
        Of the detector.
    """

    def __init__(self, name: str) -> None:
        self._detector = load_detector(name, threads=1)
        self._beside = load_detector(name, threads=1, beside=self._detector)
        self.card = self._detector.card
        self.has_decoder = self._detector.has_decoder
        self.visible: list[list[float]] = []

    def predict(self, inputs: Mapping[str, npt.NDArray[Any]]) -> Prediction:
        """Score crops, and keep the confidences of their parts."""
        self.visible += [[part.visible for part in parts] for parts in self._beside.parts(inputs["crops"])]
        return self._detector.predict(inputs)


def scored(recorder: Recorder, root: Path, samples: Mapping[str, FaceSample], cache: Path) -> FacesWithParts:
    """Score the samples of a set, or read what was scored."""
    parts = []
    for name, sample in samples.items():
        file = cache / f"{root.resolve().name}-{name}.npz"
        if not file.is_file():
            recorder.visible.clear()
            faces = score_faces(cast(Detector, recorder), root, sample, CenterFace(threads=1))
            FacesWithParts(*columns(faces), np.array(recorder.visible, np.float32)).save(file)
        parts.append(FacesWithParts.load(file))
    return FacesWithParts(*(np.concatenate(column) for column in zip(*map(columns, parts), strict=True)))


def columns(faces: LabelledFaces) -> list[npt.NDArray[Any]]:
    """Return the columns of labelled faces."""
    return [getattr(faces, name) for name in faces.__dataclass_fields__]


def variants(card: Card, faces: FacesWithParts) -> dict[str, Card]:
    """Return cards with the present gates, and with one on parts beside or in place of some of them."""
    real = (faces.label == 0) & (faces.way == "")
    low, high = np.quantile(faces.hidden[real], (0.5, 0.99)).tolist()
    gate = QualityGate(
        name="hidden", measure=HIDDEN, starts_at=low, saturates_at=high, text="parts are hidden"
    )
    present = card.gates or tuple(
        QualityGate(**{field: getattr(one, field) for field in QualityGate.model_fields}) for one in GATES
    )
    rest = tuple(one for one in present if one.name not in REPLACED)
    named = {
        "present gates": present,
        "present gates and parts": (*present, gate),
        "parts in place of covered and turned": (*rest, gate),
        "without covered and turned": rest,
    }
    return {name: card.model_copy(update={"gates": gates}) for name, gates in named.items()}


def compared(
    name: str, faces: FacesWithParts, gates: Mapping[str, list[Sequence[Gate]]], card: Card
) -> list[list[str]]:
    """Return a row for each variant: AURC, and its difference from the present gates in the same resamples."""
    rule, rows = rule_of(card), []
    parts = {
        "as they are": faces.way == "",
        "with worse ones": np.isin(faces.cluster, faces.cluster[faces.way != ""]),
        "covered, and the same as they are": (faces.way == "covered") | (faces.way == ""),
    }
    for part, mask in parts.items():
        chosen = faces.take(mask)
        judged = {
            variant: judge_faces(chosen, rule, [g for g, m in zip(own, mask, strict=True) if m], videos=False)
            for variant, own in gates.items()
        }
        present = judged["present gates"]
        for variant, one in judged.items():
            found = compare_abstaining(present.margin, one.margin, one.wrong, one.cluster, Settings())
            decided = f"{one.is_conclusive.mean():.1%}, {one.wrong[one.is_conclusive].mean():.1%}"
            rows.append(
                [
                    f"{name}, {part}",
                    f"{found.items}, {found.clusters}",
                    variant,
                    show(found.with_gates["aurc"], 4),
                    "-" if variant == "present gates" else show(found.difference["aurc"], 4),
                    decided,
                ]
            )
    return rows


def told(name: str, faces: FacesWithParts) -> list[list[str]]:
    """Return how well measures tell covered faces, and turned ones, from the others: AUCs."""
    plain, rows = faces.way == "", []
    measures = {measure: faces.measures[:, MEASURES.index(measure)] for measure in ("confidence", "turn")}
    values = {
        "parts: 1 less their mean confidence": 1 - faces.visible.mean(1),
        "parts: the least confidence": -faces.visible.min(1),
        "finder's confidence": -np.nan_to_num(measures["confidence"], nan=0.0),
    }
    turned = np.nan_to_num(measures["turn"], nan=0.0)
    questions = {
        "covered": (faces.way == "covered", plain),
        "turned (0.25 and more against up to 0.12)": (plain & (turned >= 0.25), plain & (turned <= 0.12)),
    }
    for question, (worse, rest) in questions.items():
        mask = worse | rest
        for text, value in values.items():
            found = auc_estimate(
                worse[mask].astype(np.int64), value[mask].astype(np.float64), faces.cluster[mask]
            )
            rows.append([name, question, f"{worse.sum()}, {rest.sum()}", text, show(found)])
    return rows


def main() -> None:
    """Measure every set."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("fit_set", type=Path)
    parser.add_argument("sets", nargs="*", metavar="SET[:N]")
    parser.add_argument("--cache", type=Path, required=True, help="folder that keeps the scored faces")
    options = parser.parse_args()
    options.cache.mkdir(parents=True, exist_ok=True)
    recorder = Recorder(options.detector)
    name = options.fit_set.resolve().name
    faces = scored(recorder, options.fit_set, FITTED, options.cache)
    quality = card_quality(cast(Detector, recorder), faces, name)
    cards = variants(recorder.card, faces)
    fits = {variant: fit_gates(card, quality, faces) for variant, card in cards.items()}
    for variant, fitted in fits.items():
        print(variant, {gate.name: (gate.up, gate.down) for gate in fitted}, flush=True)
    own = {variant: out_of_fold(card, quality, faces) for variant, card in cards.items()}
    curves, aucs = compared(name, faces, own, recorder.card), told(name, faces)
    for each in options.sets:
        root, _, every = each.partition(":")
        samples = {kind: replace(sample, videos=int(every or 1)) for kind, sample in OTHERS.items()}
        others = scored(recorder, Path(root), samples, options.cache)
        name = Path(root).resolve().name
        curves += compared(
            name, others, {key: [fit] * len(others) for key, fit in fits.items()}, recorder.card
        )
        aucs += told(name, others)
    headings = [
        "faces",
        "number, clusters",
        "gates",
        "AURC",
        "difference from the present gates",
        "decided, wrong among them",
    ]
    print("\n".join([*markdown_table(headings, curves), ""]))
    print("\n".join(markdown_table(["set", "question", "yes, no", "measure", "AUC"], aucs)))


if __name__ == "__main__":
    main()
