"""The encoder's second branch: what crosses from the patches' frequencies to the trunk's map, and where."""

import pytest
import torch

from unmask.models import EncoderOptions
from unmask.models.encoders import StitchedEncoder, build_encoder


def encoder(seed=0, **changes):
    """Build one on maps of 6 + 12 channels, in two levels behind the frequencies."""
    torch.manual_seed(seed)
    options = EncoderOptions(width=4, depth=2, frequencies=True, normalise=True, **changes)
    return build_encoder(options, 18, 3).eval()


def maps():
    return torch.randn(2, 18, 8, 8, generator=torch.Generator().manual_seed(1))


def of_each_convolution(model, features):
    """Return what each convolution of the map's branch gives, and the latent."""
    found = []
    hooks = [part.register_forward_hook(lambda *call: found.append(call[2])) for part in model.map]
    with torch.no_grad():
        latent = model(features)
    for hook in hooks:
        hook.remove()
    return [*found, latent]


def test_frequencies_reach_the_map_behind_a_unit_and_not_before():
    model, moved = encoder(), maps()
    moved[:, :6] += 1
    first, second, third, latent = (
        float((one - other).abs().max())
        for one, other in zip(
            of_each_convolution(model, maps()), of_each_convolution(model, moved), strict=True
        )
    )
    assert first == 0
    assert min(second, third, latent) > 0


def test_units_that_pass_on_their_own_branch_equal_late_fusion():
    stitched, fused = encoder(own_share=1), encoder(seed=1, stitch=False)
    assert (len(stitched.units), len(fused.units)) == (2, 0)
    fused.load_state_dict(
        {name: value for name, value in stitched.state_dict().items() if not name.startswith("units.")}
    )
    with torch.no_grad():
        torch.testing.assert_close(stitched(maps()), fused(maps()))


def test_the_maps_half_of_late_fusion_is_the_encoder_without_frequencies():
    fused = encoder(stitch=False)
    plain = build_encoder(EncoderOptions(width=4, depth=2, normalise=True), 12, 2).eval()
    own = [value for name, value in fused.state_dict().items() if name.startswith(("normalised.", "map."))]
    plain.load_state_dict(dict(zip(plain.state_dict(), own, strict=True)))
    with torch.no_grad():
        torch.testing.assert_close(fused(maps())[:, :4], plain(maps()[:, 6:]))


def test_each_coefficient_is_standardised_by_its_training_statistics():
    model = encoder().train()
    shifted = maps() * 3 + 5
    for _ in range(200):
        model(shifted)
    places = shifted[:, :6].transpose(0, 1).flatten(1)
    torch.testing.assert_close(model.standardised.running_mean, places.mean(1), atol=1e-3, rtol=1e-3)
    torch.testing.assert_close(model.standardised.running_var, places.var(1), atol=1e-2, rtol=1e-3)
    assert isinstance(model, StitchedEncoder)


@pytest.mark.parametrize("depth", [0, 1])
def test_the_last_convolution_has_no_unit(depth):
    options = EncoderOptions(width=4, depth=depth, frequencies=True)
    assert len(build_encoder(options, 12, 2).units) == depth
