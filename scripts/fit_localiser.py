"""Write the localiser of a run beside its trunk, and name it in the cards of detectors that read the trunk.

    unmask train recipes/localiser.yaml
    python scripts/fit_localiser.py runs/localiser jrc jrc-stills [--write [--metrics FILE.json]]

The localiser is the translator that the run trained on the trunk's map. The threshold from which a cell counts as
blended is that of the largest mean intersection over union on training crops, blends and as many real ones, which count
1 where no cell reaches it. No detector's score changes: weights and calibration stay as they are. Without --write the
localiser goes into the folder of the run alone. FILE.json, as measure_localisation.py wrote it of the written
localiser, puts its main figures into the cards.
"""

from __future__ import annotations

import argparse
import json
import shutil
from pathlib import Path
from typing import Any

from unmask.detectors import LocaliserReference, file_sha256, load_card
from unmask.detectors.localiser import LOCALISER_NAME, Localiser
from unmask.detectors.registry import detector_folder
from unmask.detectors.trunk import trunk_path
from unmask.training.cards import data_sources
from unmask.training.localiser import THRESHOLDS, overlap_by_threshold, write_localiser
from unmask.training.maps import cache_maps
from unmask.training.masks import add_masks
from unmask.training.recipes import load_recipe

CROPS = 150
"""Blends, and real crops, of each training source that the threshold is fixed on."""


def figures_for_cards(path: Path) -> dict[str, Any]:
    """Return of each measured part the figures of the map of the blend that a card states."""
    measured = json.loads(path.read_text(encoding="utf-8"))
    return {
        part: {name: found["blend_mask"][name] for name in ("auc", "iou", "inside")}
        for part, found in measured.items()
        if isinstance(found, dict)
    }


def main() -> None:
    """Write the localiser and, where asked to, the cards."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("run", type=Path)
    parser.add_argument("detectors", nargs="+", help="names or folders of detectors that read the trunk")
    parser.add_argument("--write", action="store_true", help="write beside the trunk and into the cards")
    parser.add_argument("--metrics", type=Path, help="figures of measure_localisation.py for the cards")
    options = parser.parse_args()
    path = options.run / LOCALISER_NAME
    write_localiser(options.run, path)
    recipe = load_recipe(options.run / "recipe.yaml")
    stores = add_masks(recipe, cache_maps(recipe, training=True))
    found = overlap_by_threshold(Localiser(path, 1), [store for views in stores for store in views], CROPS)
    best = int(found.mean.argmax())
    threshold = round(float(THRESHOLDS[best]), 2)
    print(f"{path}: {path.stat().st_size} bytes")
    print(f"threshold {threshold}: mean IoU {found.mean[best]:.3f} on {found.masks} training crops")
    if not options.write:
        return
    metrics = figures_for_cards(options.metrics) if options.metrics else {}
    shutil.copyfile(path, trunk_path(recipe.trunk.name).with_name(LOCALISER_NAME))
    for name in options.detectors:
        folder, card = detector_folder(name), load_card(name)
        if card.trunk is None:
            parser.error(f"{name} reads no trunk")
        reference = LocaliserReference(
            sha256=file_sha256(path),
            trunk=card.trunk.identity,
            threshold=threshold,
            data=tuple(source for source in data_sources(recipe) if source.use == "training"),
            metrics=metrics,
        )
        written = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        written["localiser"] = json.loads(reference.model_dump_json())
        (folder / "card.json").write_text(json.dumps(written, indent=2) + "\n", encoding="utf-8")
        print(f"written to {folder}")


if __name__ == "__main__":
    main()
