"""The translator: trained beside the branches or alone, exported as the map of the blend."""

import numpy as np
import onnxruntime
import pytest
import torch
from training_toys import TOY, toy_trunk

from unmask.detectors.localiser import Localiser
from unmask.models.masks import MASK_SIDE, UNKNOWN, WHOLE, mask_loss
from unmask.studies.cells import recipe_key
from unmask.training.export import export, load_best
from unmask.training.localiser import overlap, overlap_by_threshold, write_localiser
from unmask.training.loop import train
from unmask.training.maps import cache_maps
from unmask.training.masks import add_masks
from unmask.training.recipes import RecipeError

BLENDED = ("data.train.0.kind=self_blended", "loss.mask=1")


def trained(recipe):
    return train(recipe, trunk=toy_trunk, reference=TOY, progress=False)


def translator(reads, **options):
    return "model.translator=" + str({"reads": reads, "width": 8, **options})


def test_the_loss_is_binary_cross_entropy_over_known_cells():
    rng = np.random.default_rng(0)
    logits = torch.from_numpy(rng.normal(size=(3, 4, 4)))
    masks = torch.from_numpy(rng.integers(0, WHOLE + 1, (3, 4, 4), dtype=np.uint8))
    masks[1] = UNKNOWN
    p, share = 1 / (1 + np.exp(-logits.numpy())), masks.numpy() / WHOLE
    errors = -(share * np.log(p) + (1 - share) * np.log(1 - p))
    assert float(mask_loss(logits, masks)) == pytest.approx(errors[[0, 2]].mean(), rel=1e-5)
    assert float(mask_loss(logits, torch.full_like(masks, UNKNOWN))) == 0


def test_a_recipe_without_it_keeps_its_key_and_one_without_weight_is_the_same_run(toy_recipe):
    plain = toy_recipe()
    assert recipe_key(plain) == recipe_key(toy_recipe("model.translator=null", "loss.mask=0"))
    assert recipe_key(plain) != recipe_key(toy_recipe(*BLENDED, translator("map")))
    with pytest.raises(RecipeError, match="translator"):
        toy_recipe("loss.mask=1")


def test_it_is_exported_beside_the_other_outputs(toy_recipe):
    recipe = toy_recipe(*BLENDED, translator("latent"))
    run = trained(recipe)
    folder = export(run)
    session = onnxruntime.InferenceSession(folder / "model.onnx", providers=["CPUExecutionProvider"])
    names = [output.name for output in session.get_outputs()]
    assert names == ["logit", "score", "patch_logits", "reconstruction", "blend_mask"]
    entry = np.random.default_rng(1).standard_normal((3, 16, 12)).astype(np.float32)
    (given,) = session.run(["blend_mask"], {"map": entry})
    with torch.no_grad():
        planes = torch.from_numpy(entry.transpose(0, 2, 1).reshape(3, 12, 4, 4))
        wanted = load_best(run, recipe).eval()(planes, translate=True).mask_logits.sigmoid().numpy()
    assert given.shape == (3, MASK_SIDE, MASK_SIDE)
    np.testing.assert_allclose(given, wanted, atol=1e-4)
    assert "mask" in (run / "metrics.csv").read_text().splitlines()[0].split(",")


def test_trained_alone_it_leaves_the_rest_as_it_was_and_becomes_a_localiser(toy_recipe, tmp_path):
    plain = toy_recipe("name=plain", "data.train.0.kind=self_blended")
    first = trained(plain)
    options = (translator("map", alone=True), "loss.weight=0", f"initial={first}")
    recipe = toy_recipe(*BLENDED, *options, "optimiser.steps=60", "optimiser.lr=0.02", "evaluation.every=60")
    run = trained(recipe)
    before, after = load_best(first, plain).state_dict(), load_best(run, recipe).state_dict()
    kept = [name for name in before if name in after]
    assert len(kept) > 10 and all(torch.equal(before[name], after[name]) for name in kept)
    write_localiser(run, tmp_path / "localiser.onnx")
    localiser = Localiser(tmp_path / "localiser.onnx", 1)
    stores = add_masks(recipe, cache_maps(recipe, training=True, trunk=toy_trunk, reference=TOY))
    found = overlap_by_threshold(localiser, stores[0], 12)
    assert found.masks == 24 and found.mean.max() > 0.2
    with pytest.raises(RecipeError, match="no translator"):
        write_localiser(first, tmp_path / "none.onnx")


def test_overlap_is_intersection_over_union():
    one, other = np.zeros((4, 4), bool), np.zeros((4, 4), bool)
    assert overlap(one, other) == 1
    one[:2], other[1:] = True, True
    assert overlap(one, other) == pytest.approx(4 / 16)
