"""The trunk's conversion, on made-up weights, against timm's own network."""

import tempfile
from pathlib import Path

import numpy as np
import onnx
import pytest
import timm
import torch

from unmask.detectors.sessions import open_session
from unmask.models.clip_trunk import MEAN, STD, ClipTrunk, read_packaged
from unmask.training.int8_conversion import build_trunk, channel_scales


def small_clip(depth):
    return timm.models.vision_transformer.VisionTransformer(
        img_size=64,
        patch_size=16,
        embed_dim=64,
        depth=depth,
        num_heads=4,
        num_classes=0,
        pre_norm=True,
        norm_layer=torch.nn.LayerNorm,
        act_layer=timm.layers.get_act_layer("quick_gelu"),
    )


@pytest.fixture(scope="module")
def network():
    torch.manual_seed(0)
    net = small_clip(depth=3).eval()
    with torch.no_grad():
        for name, value in net.named_parameters():
            if "norm" in name:
                value.add_(0.3 * torch.randn_like(value))
            elif value.ndim == 2:
                value.mul_(4)
        # Two outlying channels, as CLIP has them.
        net.blocks[0].norm2.weight[:2] *= 20
    return net


@pytest.fixture(scope="module")
def crops():
    return np.random.default_rng(0).integers(0, 256, (4, 64, 64, 3), dtype=np.uint8)


def images(crops):
    return torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255


def reference(network, crops, blocks):
    normalised = (images(crops) - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(STD).view(3, 1, 1)
    with torch.no_grad():
        return network.forward_intermediates(
            normalised, indices=[blocks - 1], output_fmt="NLC", intermediates_only=True, norm=False
        )[0].numpy()


def session(model):
    """Open as detectors do: products of bytes are exact on any processor."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "trunk.onnx"
        onnx.save(model, path)
        return open_session(path)


def relative(a, b):
    return np.median(np.linalg.norm(a - b, axis=-1) / np.linalg.norm(b, axis=-1))


def test_torch_trunk_gives_timm_tokens(network, crops):
    with torch.no_grad():
        tokens = ClipTrunk(network, 2)(images(crops)).numpy()
    np.testing.assert_allclose(tokens, reference(network, crops, 2), atol=1e-4)


def test_int8_trunk_is_close_to_timm(network, crops):
    trunk = ClipTrunk(network, 2)
    wanted = reference(network, crops, 2)
    plain = session(build_trunk(trunk, size=64)).run(None, {"crops": crops})[0]
    scales = channel_scales(trunk, images(crops))
    evened = session(build_trunk(trunk, scales, size=64)).run(None, {"crops": crops})[0]
    assert relative(evened, wanted) < 0.02
    assert relative(evened, wanted) < relative(plain, wanted)


def test_tokens_of_a_crop_do_not_depend_on_the_batch(network, crops):
    running = session(build_trunk(ClipTrunk(network, 3), size=64))
    together = running.run(None, {"crops": crops})[0]
    alone = np.concatenate([running.run(None, {"crops": crop[None]})[0] for crop in crops])
    np.testing.assert_allclose(together, alone, atol=1e-5)


def test_written_trunk_reads_back(network, crops, tmp_path):
    trunk = ClipTrunk(network, 2)
    onnx.save(build_trunk(trunk, channel_scales(trunk, images(crops)), size=64), tmp_path / "trunk.onnx")
    other = ClipTrunk(
        small_clip(depth=2),
        2,
    )
    state = read_packaged(tmp_path / "trunk.onnx")
    result = other.load_state_dict({k: v for k, v in state.items() if k in other.state_dict()}, strict=False)
    assert result.missing_keys == []
    with torch.no_grad():
        assert relative(other(images(crops)).numpy(), reference(network, crops, 2)) < 0.02
