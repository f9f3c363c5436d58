"""The family `cross_stitch` from recipe to detector."""

import numpy as np
import torch

from unmask.detectors import load_detector, read_card
from unmask.studies.cells import recipe_key
from unmask.training.export import export, load_best
from unmask.training.loop import train
from unmask.training.recipes import load_recipe

SMALL = (
    "model={family: cross_stitch, name: mobilenetv3_small_050, until: blocks.1, input_size: 32, hidden: 8, "
    "stitch_after: [blocks.0], fitted_on: 20}"
)


def test_it_trains_exports_and_scores_with_the_statistics_of_training(toy_recipe):
    run = train(toy_recipe(SMALL, "optimiser.ema=0.5"), progress=False)
    detector = load_detector(export(run))
    network = load_best(run, load_recipe(run / "recipe.yaml")).eval()
    assert network.standardised.mean[0, 0, 0] > 1  # The mean brightness is the largest coefficient.
    assert network.units[0].weight.tolist() != [0.9, 0.1, 0.1, 0.9]
    crops = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), dtype=np.uint8)
    with torch.no_grad():
        logits = network(torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255).numpy()
    calibration = detector.card.calibration
    wanted = 1 / (1 + np.exp(-(calibration.slope * logits + calibration.intercept)))
    np.testing.assert_allclose(detector.score(crops), wanted, atol=1e-4)
    assert read_card(run / "detector").recipe["model"]["transform"] == "dct"


def test_a_study_trains_once_what_a_missing_branch_or_unit_does_not_read(toy_recipe):
    def key(*changes):
        return recipe_key(toy_recipe(SMALL, *changes))

    alone, fused = "model.branches=pixels", "model.stitch=false"
    assert key(alone) == key(alone, fused, "model.transform=fft", "model.fitted_on=9", "model.own_share=1")
    assert key(fused) == key(fused, "model.per_channel=true") != key(fused, "model.transform=fft")
    assert len({key(), key(alone), key(fused), key("model.branches=frequencies")}) == 4
