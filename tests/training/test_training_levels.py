"""Maps of several blocks of the trunk, side by side in their channels."""

import numpy as np
import onnx
import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F
from training_toys import toy_recipes

from unmask.detectors import Detector, DetectorError, Trunk, read_card, trunk_path
from unmask.detectors.patch_frequencies import PATCH_FREQUENCIES
from unmask.detectors.sessions import open_session
from unmask.detectors.trunk import BLOCKS_NAME
from unmask.models import BackboneOptions
from unmask.models.layers import ChannelNorm
from unmask.studies.cells import recipe_key
from unmask.training.export import export, load_best
from unmask.training.int8_conversion import block_results
from unmask.training.loop import train
from unmask.training.maps import open_trunk, trunk_reference
from unmask.training.module import model_input
from unmask.training.recipes import RecipeError, TrunkOptions, load_recipe

torch.set_num_threads(1)

LEVELS = [
    "trunk.earlier=[5]",
    "model.backbone={kind: maps, channels: 1536, grid: 14, levels: 2}",
    "model.encoder.normalise=true",
]


@pytest.fixture(scope="module")
def crop():
    return np.random.default_rng(0).integers(0, 256, (1, 224, 224, 3), dtype=np.uint8)


@pytest.fixture
def recipe(tmp_path):
    return toy_recipes(tmp_path, count=4)


def test_the_small_network_is_the_trunk_and_gives_each_block():
    path = trunk_path("clip-vit-b16")
    small = onnx.load(path.with_name(BLOCKS_NAME), load_external_data=False)
    assert small == block_results(path)
    assert [output.name for output in small.graph.output[1:]] == [f"blocks.{block}.out" for block in range(7)]
    assert path.with_name(BLOCKS_NAME).stat().st_size < 50_000
    whole, read = onnx.load(path), onnx.load(path.with_name(BLOCKS_NAME))
    assert list(read.graph.node) == list(whole.graph.node)
    for ours, wanted in zip(read.graph.initializer, whole.graph.initializer, strict=True):
        assert (ours.name, ours.raw_data) == (wanted.name, wanted.raw_data)


def test_its_tokens_are_those_of_the_trunk_itself(crop):
    wanted = open_session(trunk_path("clip-vit-b16"), 1).run(["tokens"], {"crops": crop})[0]
    np.testing.assert_array_equal(Trunk(threads=1).maps(crop), wanted)


def test_an_unknown_inner_result_is_named():
    with pytest.raises(DetectorError, match=r"no inner result blocks\.77\.out"):
        Trunk(earlier=["blocks.77.out"])


def test_earlier_blocks_stand_before_the_last_one(crop):
    joined = open_trunk(TrunkOptions(earlier=(3, 5)))(crop)
    assert joined.shape == (1, 196, 3 * 768)
    for part, wanted in enumerate((open_trunk(TrunkOptions(tap=3)), open_trunk(TrunkOptions(tap=5)))):
        np.testing.assert_array_equal(joined[:, :, part * 768 : (part + 1) * 768], wanted(crop)[:, 1:])
    np.testing.assert_array_equal(joined[:, :, -768:], Trunk(threads=1).maps(crop))
    assert Trunk(threads=1, earlier=["blocks.4.out"]).maps(crop[:0]).shape == (0, 196, 1536)


def test_they_have_a_reference_and_an_identity_of_their_own():
    reference, plain = trunk_reference(TrunkOptions(earlier=(5,))), trunk_reference(TrunkOptions())
    assert (reference.output, reference.earlier) == ("tokens", ("blocks.4.out",))
    assert reference.identity != plain.identity
    assert plain.identity == plain.sha256 + "tokens"


@pytest.mark.parametrize("blocks", [(-1,), (8,), (0, 9)])
def test_a_block_that_is_not_before_the_last_is_refused(blocks):
    with pytest.raises(RecipeError, match=r"trunk\.earlier: clip-vit-b16 has no such blocks"):
        trunk_reference(TrunkOptions(earlier=blocks))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        (["trunk.earlier=[5]"], r"levels must be 1 \+ the number of blocks"),
        (["trunk.earlier=[5]", "trunk.tap=7"], "needs the whole built-in trunk"),
        ([*LEVELS, "model.encoder.frequencies=true"], r"needs cached maps with trunk\.earlier: \[0\]"),
    ],
)
def test_a_recipe_whose_levels_do_not_fit_is_refused(recipe, changes, words):
    with pytest.raises(RecipeError, match=words):
        recipe(*changes)


def test_channels_that_levels_cannot_share_are_refused():
    with pytest.raises(ValidationError, match="channels must be levels times as many"):
        BackboneOptions(channels=769, levels=2)


def test_a_network_behind_a_block_has_two_levels_at_most():
    with pytest.raises(ValidationError, match="levels above 1 need"):
        BackboneOptions(kind="clip", start=5, tap=8, levels=3)
    with pytest.raises(ValidationError, match="levels above 1 need"):
        BackboneOptions(kind="timm", levels=2)


def test_tuned_blocks_stand_behind_the_block_that_they_begin_with(recipe, crop):
    changes = ["optimiser.steps=1", "optimiser.batch_size=2", "optimiser.lr=0.1", "trunk.tap=7"]
    changes += [
        "model.backbone={kind: clip, start: 7, tap: 8, levels: 2, frozen: true, tune: biases}",
        "model.encoder.normalise=true",
    ]
    run = train(recipe(*changes), progress=False)
    export(run)
    card = read_card(run / "detector")
    assert card.trunk is not None
    assert card.trunk.tuned
    assert card.trunk.earlier == ("blocks.6.out",)
    model = load_best(run, load_recipe(run / "recipe.yaml")).eval()
    with torch.no_grad():
        wanted = model(torch.from_numpy(open_trunk(TrunkOptions(tap=7))(crop))).logit
    logits = Detector(run / "detector", threads=1).logits(crop)
    np.testing.assert_allclose(logits, wanted.numpy(), rtol=0.05, atol=0.05)


def test_each_level_is_normalised_by_itself():
    generator = torch.Generator().manual_seed(0)
    early = torch.randn((2, 6, 3, 3), generator=generator)
    late = 50 + 20 * torch.randn((2, 6, 3, 3), generator=generator)
    norm = ChannelNorm(12, 2)
    torch.nn.init.normal_(norm.weight, generator=generator)
    torch.nn.init.normal_(norm.bias, generator=generator)
    wanted = [
        F.layer_norm(part.permute(0, 2, 3, 1), (6,), norm.weight[place], norm.bias[place])
        for part, place in ((early, slice(0, 6)), (late, slice(6, 12)))
    ]
    torch.testing.assert_close(norm(torch.cat([early, late], 1)), torch.cat(wanted, 3).permute(0, 3, 1, 2))


def test_a_head_on_two_levels_is_trained_exported_and_scores(recipe, crop):
    changes = [*LEVELS, "optimiser.steps=2", "optimiser.batch_size=2"]
    run = train(recipe(*changes), progress=False)
    export(run)
    card = read_card(run / "detector")
    assert card.trunk is not None
    assert card.trunk.earlier == ("blocks.4.out",)
    model = load_best(run, load_recipe(run / "recipe.yaml")).eval()
    maps = torch.from_numpy(open_trunk(TrunkOptions(earlier=(5,)))(crop))
    with torch.no_grad():
        wanted = model(model_input(maps)).logit
    logits = Detector(run / "detector", threads=1).logits(crop)
    np.testing.assert_allclose(logits, wanted.numpy(), atol=1e-4)


def test_a_branch_of_frequencies_is_trained_exported_and_scores_crops(recipe, crop):
    changes = [*LEVELS, "trunk.earlier=[0]", "model.encoder.frequencies=true"]
    run = train(recipe(*changes, "optimiser.steps=2", "optimiser.batch_size=2"), progress=False)
    export(run)
    card = read_card(run / "detector")
    assert card.trunk is not None
    assert card.trunk.earlier == (PATCH_FREQUENCIES,)
    model = load_best(run, load_recipe(run / "recipe.yaml")).eval()
    maps = torch.from_numpy(open_trunk(TrunkOptions(earlier=(0,)))(crop))
    with torch.no_grad():
        wanted = model(model_input(maps)).logit
    logits = Detector(run / "detector", threads=1).logits(crop)
    np.testing.assert_allclose(logits, wanted.numpy(), atol=1e-4)


def test_a_study_trains_once_what_a_missing_branch_or_unit_does_not_read(recipe):
    def key(*changes):
        return recipe_key(recipe(*LEVELS, "trunk.earlier=[0]", *changes))

    own, branch, fused = (
        "model.encoder.own_share=1",
        "model.encoder.frequencies=true",
        "model.encoder.stitch=false",
    )
    assert key() == key(own, fused)
    assert key(branch, fused) == key(branch, fused, own)
    assert len({key(), key(branch), key(branch, own), key(branch, fused)}) == 4
