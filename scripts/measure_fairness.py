"""Measure how often scans of real faces, and of self-blended fakes of them, are wrong, by group of people.

    python scripts/measure_fairness.py DETECTOR SET --log FILE [--rows odd] [--seed 0] [--out FILE.md] [--write]

SET is a folder with a ``manifest.csv`` (``path``, ``label``, and ``sex``, ``race``, ``age`` as far as known) of
pictures of one real face each, in the folder or in tar files beside the manifest. Each picture is scanned as users scan
it, and so is one fake of it: the face blended with a changed copy of itself, saved as JPEG of quality 95. ``--log``
keeps the verdicts with all that they depend on: a run that was stopped goes on, another detector is scanned again.
``--write`` puts the figures into the detector's card (``metrics.fairness``).
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from unmask.batch import scan_key
from unmask.datasets.self_blending import SelfBlender
from unmask.detectors import load_card
from unmask.detectors.registry import detector_folder
from unmask.evaluation.scan_fairness import (
    EVERYONE,
    VerdictsByGroup,
    attributes_of_person,
    verdicts_by_group,
)
from unmask.faces import CenterFace
from unmask.scanning import Scanner, Settings
from unmask.statistics.intervals import Estimate

QUALITY = 95
KINDS = {"real": 0, "self_blended": 1}
ROWS = {"all": slice(None), "even": slice(0, None, 2), "odd": slice(1, None, 2)}
HEADINGS = {0: "called fake", 1: "called real"}


def pictures(folder: Path, names: Sequence[str]) -> Iterator[tuple[str, bytes]]:
    """Yield the files of a set with their bytes, from the folder or from tar files in it."""
    wanted = set(names)
    for name in sorted(wanted):
        if (folder / name).is_file():
            yield name, (folder / name).read_bytes()
            wanted.discard(name)
    for shard in sorted(folder.glob("*.tar")):
        with tarfile.open(shard) as tar:
            for member in tar:
                if member.name in wanted and (file := tar.extractfile(member)) is not None:
                    yield member.name, file.read()


def self_blended(picture: bytes, finder: CenterFace, seed: Sequence[int]) -> bytes | None:
    """Return a fake of the largest face as JPEG; None where no face is found."""
    image = np.asarray(Image.open(io.BytesIO(picture)).convert("RGB"))
    faces = finder.find(image)
    if not faces:
        return None
    face = max(faces, key=lambda one: one.box[2] - one.box[0])
    blend = SelfBlender()(image, face.landmarks, np.random.default_rng(seed))
    buffer = io.BytesIO()
    Image.fromarray(blend.fake).save(buffer, "JPEG", quality=QUALITY, subsampling=0)
    return buffer.getvalue()


def known(log: Path, key: str) -> dict[tuple[str, str], str | None]:
    """Read the verdicts of earlier runs with the same key, by kind and path."""
    if not log.exists():
        return {}
    rows = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    return {(row["kind"], row["path"]): row["verdict"] for row in rows if row["key"] == key}


def table(by_group: Sequence[VerdictsByGroup], label: int) -> Iterator[str]:
    """Yield a table of Markdown of all attributes, and the largest gaps."""
    wrong = HEADINGS[label]
    yield f"| group | files | {wrong} | inconclusive |"
    yield "| --- | --- | --- | --- |"
    for part in by_group:
        for group in part.groups:
            yield f"| {group.group} | {group.files} | {shown(group.wrong)} | {shown(group.inconclusive)} |"
    yield ""
    yield "| largest gap | share | from | to | points | p |\n| --- | --- | --- | --- | --- | --- |"
    for part in by_group:
        for share, gap in part.gaps.items():
            named = wrong if share == "wrong" else share
            points = shown(gap.difference)
            yield f"| {part.attribute} | {named} | {gap.lowest} | {gap.highest} | {points} | {gap.chance:.3f} |"


def shown(figure: Estimate) -> str:
    """Return a share in per cent with its interval."""
    if figure.value is None or figure.low is None or figure.high is None:
        return "-"
    return f"{100 * figure.value:.1f} % [{100 * figure.low:.1f}, {100 * figure.high:.1f}]"


def main() -> None:
    """Measure, print the tables and write what was asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("detector")
    parser.add_argument("set", type=Path)
    parser.add_argument("--log", type=Path, required=True, help="JSON lines with the verdicts")
    parser.add_argument("--rows", choices=ROWS, default="all", help="rows of the manifest, from 0")
    parser.add_argument("--seed", type=int, default=0, help="of the blends")
    parser.add_argument("--limit", type=int, help="take the first so many: a trial, no result")
    parser.add_argument("--out", type=Path, help="file for the tables")
    parser.add_argument("--write", action="store_true", help="put the figures into card.json")
    options = parser.parse_args()
    card = load_card(options.detector)
    with (options.set / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = {row["path"]: row for row in list(csv.DictReader(file))[ROWS[options.rows]][: options.limit]}
    settings = Settings(detector=options.detector, threads=1)
    key = f"{options.set.resolve().name} {options.seed} {scan_key(card, settings)}"
    done = known(options.log, key)
    finder = CenterFace(threads=1)
    with Scanner(settings) as scanner, options.log.open("a") as log, tempfile.TemporaryDirectory() as folder:
        for name, picture in pictures(options.set, list(rows)):
            for kind in KINDS:
                if (kind, name) in done:
                    continue
                seed = options.seed, int(hashlib.sha256(name.encode()).hexdigest()[:8], 16)
                content = picture if kind == "real" else self_blended(picture, finder, seed)
                verdict = None
                if content is not None:
                    path = Path(folder) / "face.jpg"
                    path.write_bytes(content)
                    verdict = scanner.scan_or_explain(path).verdict
                done[kind, name] = verdict
                line = {"key": key, "kind": kind, "path": name, "verdict": verdict}
                print(json.dumps(line), file=log, flush=True)
    groups = {name: attributes_of_person(row) for name, row in rows.items()}
    figures = {}
    lines = []
    for kind, label in KINDS.items():
        verdicts = [done.get((kind, name)) for name in rows]
        by_group = [
            verdicts_by_group(attribute, [groups[name].get(attribute, "") for name in rows], verdicts, label)
            for attribute in (EVERYONE, "sex", "race", "age", "sex and race")
        ]
        figures[kind] = {part.attribute: part.to_dict() for part in by_group if part.groups}
        none = sum(verdict is None for verdict in verdicts)
        lines += [
            f"## {kind}: {len(verdicts)} files, {none} without a verdict",
            "",
            *table(by_group, label),
            "",
        ]
    print("\n".join(lines))
    if options.out:
        options.out.write_text("\n".join(lines), encoding="utf-8")
    if options.write:
        fairness = {**card.metrics.get("fairness", {}), options.set.resolve().name: figures}
        changed = card.model_copy(update={"metrics": {**card.metrics, "fairness": fairness}})
        target = detector_folder(options.detector) / "card.json"
        target.write_text(
            json.dumps(json.loads(changed.model_dump_json()), indent=2) + "\n", encoding="utf-8"
        )
        print(f"written to {target}")


if __name__ == "__main__":
    main()
