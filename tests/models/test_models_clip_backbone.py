"""The CLIP trunk as a backbone: its tokens as a map, and only what `tune` names is trained."""

import pytest
import torch

from unmask.detectors import DetectorError, trunk_path
from unmask.models import BackboneOptions
from unmask.models.backbones import build_backbone

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def backbone():
    try:
        trunk_path("clip-vit-b16")
    except DetectorError as error:
        pytest.skip(str(error))
    built, channels, side = build_backbone(BackboneOptions(kind="clip", tap=1, frozen=True, tune="norms"))
    assert (channels, side) == (768, 14)
    return built.eval()


def test_the_map_holds_the_trunk_s_tokens_row_by_row(backbone):
    x = torch.rand(1, 3, 224, 224)
    with torch.no_grad():
        tokens, maps = backbone.network(x), backbone(x)
    torch.testing.assert_close(maps[0, :, 3, 5], tokens[0, 3 * 14 + 5])


def test_tuning_the_norms_trains_nothing_else(backbone):
    trained = {name for name, parameter in backbone.named_parameters() if parameter.requires_grad}
    assert trained == {
        f"network.{norm}.{kind}"
        for norm in ("norm_pre", "blocks.0.norm1", "blocks.0.norm2")
        for kind in ("weight", "bias")
    }
