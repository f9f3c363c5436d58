"""Projected maps, against scikit-learn's principal components and numpy."""

import numpy as np
import pytest
from sklearn.decomposition import PCA
from training_toys import TOY, toy_trunk

from unmask.training.export import export
from unmask.training.loop import train
from unmask.training.maps import cache_maps
from unmask.training.projection import fit_projection, layer_normalised, projected
from unmask.training.recipes import RecipeError


@pytest.fixture
def store(toy_recipe):
    ((store,),) = cache_maps(toy_recipe(), training=True, trunk=toy_trunk, reference=TOY)
    return store


def test_it_is_principal_components_of_normalised_tokens_scaled_half_way_to_white(store, tmp_path):
    fit_projection([store], 5, tmp_path / "five.npz", rows=10**6, tokens=10**6)
    ours = projected(store, tmp_path / "five.npz").maps.astype(np.float64).reshape(-1, 5)
    tokens = np.array(store.maps, np.float64).reshape(-1, 12)
    tokens -= tokens.mean(1, keepdims=True)
    tokens /= np.sqrt(tokens.var(1, keepdims=True) + 1e-5)
    pca = PCA(5).fit(tokens)
    theirs = pca.transform(tokens) / pca.explained_variance_**0.25
    # Float16 and the sign of each component are free.
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), rtol=5e-3, atol=5e-3)


def test_layer_norm_is_torch_s():
    torch = pytest.importorskip("torch")
    tokens = np.random.default_rng(0).normal(3, 2, (4, 7, 12)).astype(np.float32)
    theirs = torch.nn.functional.layer_norm(torch.from_numpy(tokens), (12,)).numpy()
    np.testing.assert_allclose(layer_normalised(tokens), theirs, atol=1e-5)


def test_a_constant_channel_takes_no_component(store, tmp_path):
    # Layer-normalised tokens add up to nought, so 12 channels hold 11 components at most.
    fit_projection([store], 12, tmp_path / "all.npz", rows=10**6, tokens=10**6)
    assert projected(store, tmp_path / "all.npz").maps.shape[2] <= 11
    assert np.isfinite(projected(store, tmp_path / "all.npz").maps).all()


def test_it_is_written_once_and_only_whole(store, tmp_path, monkeypatch):
    fit_projection([store], 3, tmp_path / "three.npz")
    from unmask.training import projection

    with monkeypatch.context() as broken:
        broken.setattr(projection, "layer_normalised", lambda tokens: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            projected(store, tmp_path / "three.npz")
    first = projected(store, tmp_path / "three.npz")
    with monkeypatch.context() as broken:
        broken.setattr(projection, "layer_normalised", lambda tokens: 1 / 0)
        np.testing.assert_array_equal(projected(store, tmp_path / "three.npz").maps, first.maps)
    assert (first.label == store.label).all()


def test_a_run_reads_maps_through_it(toy_recipe, tmp_path, store):
    path = tmp_path / "six.npz"
    fit_projection([store], 6, path)
    changes = (f"trunk.projection={path}",)
    with pytest.raises(RecipeError, match="gives 6 channels"):
        train(toy_recipe(*changes, "name=wrong"), trunk=toy_trunk, reference=TOY, progress=False)
    recipe = toy_recipe(*changes, "model.backbone.channels=6")
    folder = train(recipe, trunk=toy_trunk, reference=TOY, progress=False)
    with pytest.raises(RecipeError, match="is for a study"):
        export(folder)
    with pytest.raises(RecipeError, match="unmask study"):
        train(
            toy_recipe("name=none", "trunk.projection=none.npz"),
            trunk=toy_trunk,
            reference=TOY,
            progress=False,
        )
