"""Fit the prototypes of families of manipulation, write them, and measure attribution and enrolment.

    python scripts/measure_enrolment.py CACHE [--detector jrc] [--draws 100] [--write]

CACHE is what `scripts/enrolment_features.py` wrote. Prototypes are fitted on its parts of training splits, and figures
are of its other parts; examples of a kind never come from the split that is judged. --write puts `prototypes.npz`
beside the trunk, and its hash and the two constants into the cards of all detectors that read the trunk and answer
``face_manipulated``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from unmask.detectors import KnownKinds, built_in, file_sha256, load_card, trunk_path
from unmask.detectors import prototypes as product
from unmask.detectors.prototypes import PROTOTYPES_NAME, Prototypes
from unmask.gating.kinds import Faces, fit_basis, fit_confidence, fit_prototypes
from unmask.statistics.auc import auc

TRAINING = ("dfdc-train", "wide-train", "stills-train", "generated-train", "utk-train")
JUDGED = ("dfdc-val", "wide-val", "stills-val", "generated-val")
REALS = ("utk-val", "wide-val", "stills-val", "dfdc-val")
FITTED_ON = "training splits of dfdc-faces, wide-faces (blended), swapped-stills, generated-faces, utk-crops"

Numbers = npt.NDArray[np.float64]


class Part:
    """One part of the cache."""

    def __init__(self, path: Path) -> None:
        with np.load(path, allow_pickle=False) as file:
            self.values = {name: file[name] for name in file.files}
        own_methods = self.values["family"] == "generated"
        count = len(own_methods)
        self.faces = Faces(
            np.concatenate([self.values["mean"], self.values["max"]], axis=1).astype(np.float32),
            self.values["family"],
            np.full(count, path.stem.split("-")[0]),
            self.values["source"],
            np.where(own_methods, self.values["method"], ""),
        )
        self.label = self.values["label"]

    def log_odds(self, detector: str) -> Numbers:
        """Return the detector's calibrated log-odds of each face."""
        calibration = load_card(detector).calibration
        logits: Numbers = self.values[f"{detector}:logit"].reshape(-1).astype(np.float64)
        return calibration.slope * logits + calibration.intercept


def interval(values: Sequence[float]) -> str:
    """Write a mean with the 2.5 and 97.5 percentiles of its draws."""
    low, high = np.percentile(values, [2.5, 97.5])
    return f"{np.mean(values):.3f} [{low:.3f}, {high:.3f}]"


def resampled(count: int, draws: int, groups: npt.NDArray[np.str_]) -> Iterator[npt.NDArray[np.intp]]:
    """Yield the rows of bootstrap samples of groups."""
    rng = np.random.default_rng(0)
    names, number = np.unique(groups, return_inverse=True)
    rows = [np.flatnonzero(number == one) for one in range(len(names))]
    for _ in range(draws):
        yield np.concatenate([rows[one] for one in rng.integers(len(names), size=len(names))])


def named(probabilities: Numbers) -> npt.NDArray[np.intp]:
    """Return the place of each face's kind as scans name it, the last place for none of the known."""
    of_kinds = probabilities[:, :-1]
    return np.where(of_kinds.max(axis=1) >= 0.5, of_kinds.argmax(axis=1), of_kinds.shape[1])


def attribution(parts: dict[str, Part], faces: Faces, kinds: KnownKinds, draws: int) -> None:
    """Print how often the right family is named, on sets like those of the fit and on others, and of unknown ones."""
    basis = fit_basis(faces)
    prototypes = fit_prototypes(basis, faces)
    names = [*sorted(set(prototypes.names)), "none"]

    print(f"\n| faces | items | {' | '.join(names)} | confidence | right |")
    print("| --- " * (len(names) + 4) + "|")
    for name, part in parts.items():
        if name in TRAINING:
            continue
        methods = part.values["method"] if name == "ffpp" else part.faces.kind
        for method in sorted(set(methods)):
            judged = part.faces.where(methods == method)
            probabilities = prototypes.probabilities(prototypes.features(judged.means), kinds)
            found = named(probabilities)
            shares = [f"{100 * np.mean(found == place):.0f}" for place in range(len(names))]
            wanted = {"Deepfakes": "swap_video", "FaceSwap": "swap_video"}.get(method, method)
            right = "-"
            if wanted in names:
                hits = found == names.index(wanted)
                right = interval(
                    [float(hits[rows].mean()) for rows in resampled(len(hits), draws, judged.group)]
                )
            sure = probabilities[found < len(names) - 1, :-1].max(axis=1)
            print(
                f"| {name} {method or 'real'} | {len(judged)} | {' | '.join(shares)} | {sure.mean():.2f} | {right} |"
            )
    known = Faces.joined(
        [parts[name].faces.where(parts[name].label == 1) for name in JUDGED if name in parts]
    )
    probabilities = prototypes.probabilities(prototypes.features(known.means), kinds)
    best = probabilities[:, :-1].max(axis=1)
    hit = np.array(names)[probabilities[:, :-1].argmax(axis=1)] == known.kind
    for low, high in ((0.5, 0.6), (0.6, 0.8), (0.8, 1.01)):
        inside = (best >= low) & (best < high)
        print(f"confidence {low} to {min(high, 1)}: {inside.sum()} faces, right {hit[inside].mean():.2f}")
    print("\n| unknown family | faces | AUROC of known against it | called none of the known |")
    print("| --- " * 4 + "|")
    for unknown in names[:-1]:
        rest = fit_prototypes(basis, faces.where(faces.kind != unknown))
        probabilities = rest.probabilities(rest.features(known.means), kinds)
        none, is_unknown = 1 - probabilities[:, :-1].max(axis=1), (known.kind == unknown).astype(int)
        called = named(probabilities) == probabilities.shape[1] - 1
        values = [
            float(auc(is_unknown[rows], none[rows])) for rows in resampled(len(none), draws, known.group)
        ]
        share = [float(called[is_unknown == 1].mean()), float(called[is_unknown == 0].mean())]
        print(
            f"| {unknown} | {is_unknown.sum()} | {interval(values)} | {share[0]:.2f} (of the known {share[1]:.2f}) |"
        )


def enrolment(parts: dict[str, Part], faces: Faces, detector: str, draws: int) -> None:
    """Print the AUC of a family that is left out, and of the others, before and after enrolment."""
    basis = fit_basis(faces)
    columns = ("left out", "examples", "separation", "its AUC", "after", "lift")
    others = ("dfdc-val", "wide-val", "ffpp")
    heads = [*columns, *(f"{one}: change" for one in others), *(f"{one}: called fake" for one in REALS)]
    print(f"\n| {' | '.join(heads)} |")
    print("| --- " * len(heads) + "|")
    groups = [("gan_swap", "", "stills"), *(("generated", one, "generated") for one in generators(faces))]
    for family, method, folder in groups:
        prototypes = fit_prototypes(basis, faces.where(faces.kind != family))
        pool = faces.where((faces.kind == family) & (faces.method == method))
        own = parts[f"{folder}-val"]
        judged = own.faces.where((own.faces.kind == family) & (own.faces.method == method))
        wanted = (own.faces.kind == family) & (own.faces.method == method)
        negative = ["stills-val"] if family == "gan_swap" else ["stills-val", "wide-val", "utk-val"]
        features = {
            name: prototypes.features(part.faces.means)
            for name, part in parts.items()
            if name not in TRAINING
        }
        before = {name: parts[name].log_odds(detector) for name in features}
        for number in (5, 10, 20):
            rows = list(one_draw(prototypes, pool, number, draws))
            lines: dict[str, list[float]] = {}
            for rng, enrolled in rows:
                after = {name: enrolled.raised(before[name], features[name]) for name in features}
                record(
                    lines, rng, wanted, own, f"{folder}-val", negative, parts, before, after, others, detector
                )
                lines.setdefault("separation", []).append(float(enrolled.separations[-1]))
            assert len(judged) == wanted.sum()
            print(
                f"| {family} {method} | {number} | {np.mean(lines['separation']):.2f} | {interval(lines['before'])} | "
                f"{interval(lines['after'])} | {interval(lines['lift'])} | "
                + " | ".join(interval(lines[name]) for name in others)
                + " | "
                + " | ".join(
                    f"{np.mean(lines[f'{one} before']):.3f} to {interval(lines[f'{one} after'])}"
                    for one in REALS
                )
                + " |",
                flush=True,
            )


def generators(faces: Faces) -> list[str]:
    """Return the methods of wholly generated faces."""
    return sorted(set(faces.method) - {""})


def one_draw(
    prototypes: Prototypes, pool: Faces, number: int, draws: int
) -> Iterator[tuple[np.random.Generator, Prototypes]]:
    """Yield prototypes with a kind that was enrolled from examples drawn at random."""
    features = prototypes.features(pool.means)
    for draw in range(draws):
        rng = np.random.default_rng([number, draw])
        yield rng, prototypes.with_kind("new", features[rng.choice(len(features), number, replace=False)])


def record(
    lines: dict[str, list[float]],
    rng: np.random.Generator,
    wanted: npt.NDArray[np.bool_],
    own: Part,
    own_name: str,
    negative: Sequence[str],
    parts: dict[str, Part],
    before: dict[str, Numbers],
    after: dict[str, Numbers],
    others: Sequence[str],
    detector: str,
) -> None:
    """Add the figures of one draw, on one bootstrap sample of the judged faces."""
    threshold = load_card(detector).threshold
    limit = float(np.log(threshold / (1 - threshold)))

    def reals(values: dict[str, Numbers]) -> Numbers:
        return np.concatenate([values[name][parts[name].label == 0] for name in negative])

    count = int(wanted.sum())
    fakes, real = rng.integers(count, size=count), rng.integers(len(reals(before)), size=len(reals(before)))
    label = np.repeat([1, 0], [len(fakes), len(real)])
    scores = [
        float(auc(label, np.concatenate([values[own_name][wanted][fakes], reals(values)[real]])))
        for values in (before, after)
    ]
    figures = {
        "before": scores[0],
        "after": scores[1],
        "lift": scores[1] - scores[0],
    }
    for name in REALS:
        wrong = [float(np.mean(values[name][parts[name].label == 0] >= limit)) for values in (before, after)]
        figures |= {f"{name} before": wrong[0], f"{name} after": wrong[1]}
    for name in others:
        rows = rng.integers(len(parts[name].label), size=len(parts[name].label))
        change = [float(auc(parts[name].label[rows], values[name][rows])) for values in (after, before)]
        figures[name] = change[0] - change[1]
    for name, value in figures.items():
        lines.setdefault(name, []).append(value)


def write(prototypes: Prototypes, slope: float, unknown: float) -> None:
    """Write the prototypes beside the trunk and what the cards say of them."""
    card = load_card("jrc")
    assert card.trunk is not None
    target = trunk_path(card.trunk.name).with_name(PROTOTYPES_NAME)
    prototypes.save(target)
    kinds = KnownKinds(
        sha256=file_sha256(target),
        trunk=card.trunk.identity,
        slope=round(slope, 4),
        unknown=round(unknown, 4),
        fitted_on=FITTED_ON,
    )
    for name, folder in built_in().items():
        own = load_card(name)
        if own.trunk != card.trunk or own.question != card.question:
            continue
        values = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        values["kinds"] = json.loads(kinds.model_dump_json())
        (folder / "card.json").write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")
        print(f"written to {folder / 'card.json'}")


def main() -> None:
    """Fit, measure and, where asked to, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("cache", type=Path)
    parser.add_argument("--detector", choices=["jrc", "jrc-stills"], default="jrc")
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--only", choices=["attribution", "enrolment"])
    parser.add_argument("--no-limit", action="store_true", help="let weak prototypes raise scores too")
    parser.add_argument("--write", action="store_true", help="write prototypes.npz and the cards")
    options = parser.parse_args()
    parts = {path.stem: Part(path) for path in sorted(options.cache.glob("*.npz"))}
    faces = Faces.joined([parts[name].faces for name in TRAINING if name in parts])
    basis = fit_basis(faces)
    slope, unknown = fit_confidence(basis, faces)
    print(f"slope {slope:.4f}, unknown {unknown:.4f}")
    if options.no_limit:
        product.LEAST_SEPARATION = 0.0
    if options.only != "enrolment":
        kinds = KnownKinds(sha256="", trunk="", slope=slope, unknown=unknown)
        attribution(parts, faces, kinds, options.draws)
    if options.only != "attribution":
        enrolment(parts, faces, options.detector, options.draws)
    if options.write:
        write(fit_prototypes(basis, faces), slope, unknown)


if __name__ == "__main__":
    main()
