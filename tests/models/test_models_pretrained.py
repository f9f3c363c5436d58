"""Converted weights give the original network's outputs."""

import numpy as np
import pytest
import timm
import torch
from safetensors.torch import save_file

from unmask.faces.weights import centerface_network
from unmask.models import BackboneOptions
from unmask.models.backbones import build_backbone
from unmask.models.pretrained import WeightsError, load_in_order

torch.set_num_threads(1)


def test_layers_are_matched_in_order_whatever_their_names(tmp_path):
    torch.manual_seed(0)
    source = timm.create_model("tf_efficientnet_lite0", features_only=True).eval()
    for module in source.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean, -0.1, 0.1)
            torch.nn.init.uniform_(module.running_var, 0.5, 1.5)
    renamed = {}
    for index, (name, value) in enumerate(source.state_dict().items()):
        renamed[f"layer{index // 1000:03d}.{name}"] = value.clone()
    torch.save(renamed, tmp_path / "weights.pth")
    options = BackboneOptions(
        kind="timm",
        tap=3,
        input_size=64,
        pretrained=str(tmp_path / "weights.pth"),
        mean=(0, 0, 0),
        std=(1, 1, 1),
    )
    backbone, channels, side = build_backbone(options)
    assert (channels, side) == (112, 4)
    x = torch.rand(2, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(backbone.eval()(x), source(x)[3])


def test_weights_with_the_network_s_own_names_are_loaded_by_name(tmp_path):
    source = timm.create_model("mobilenetv3_small_050", features_only=True, out_indices=(-1,)).eval()
    save_file(source.state_dict(), tmp_path / "weights.safetensors")
    options = BackboneOptions(
        kind="timm",
        name="mobilenetv3_small_050",
        input_size=64,
        pretrained=str(tmp_path / "weights.safetensors"),
        mean=(0, 0, 0),
        std=(1, 1, 1),
    )
    backbone, _, _ = build_backbone(options)
    x = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        torch.testing.assert_close(backbone.eval()(x), source(x)[-1])


def test_weights_of_another_network_are_refused():
    network = timm.create_model("mobilenetv3_small_050", features_only=True)
    other = timm.create_model("mobilenetv3_small_075", features_only=True)
    with pytest.raises(WeightsError, match="do not fit"):
        load_in_order(network, other.state_dict())


def test_the_centerface_trunk_gives_centerface_s_own_features():
    import onnx
    import onnxruntime

    model = onnx.load_model_from_string(centerface_network())
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    deepest = next(node.output[0] for node in convolutions if node.input[1] == convolutions[50].input[1])
    model.graph.output.append(onnx.helper.make_tensor_value_info(deepest, onnx.TensorProto.FLOAT, None))
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    pixels = np.random.default_rng(0).uniform(0, 255, (1, 3, 64, 64)).astype(np.float32)
    reference = session.run([deepest], {model.graph.input[0].name: pixels})[0]

    options = BackboneOptions(kind="timm", name="mobilenetv2_100", pretrained="centerface", input_size=64)
    backbone, channels, side = build_backbone(options)
    assert (channels, side) == (320, 2)
    with torch.no_grad():
        features = backbone.eval()(torch.from_numpy(pixels) / 255)
    np.testing.assert_allclose(features.numpy(), reference, atol=2e-3, rtol=1e-3)


def test_weights_inside_an_installed_package_are_found(tmp_path, monkeypatch):
    source = timm.create_model("mobilenetv3_small_050", features_only=True, out_indices=(1,)).eval()
    (tmp_path / "toy_weights" / "models").mkdir(parents=True)
    (tmp_path / "toy_weights" / "__init__.py").write_text("raise ImportError('only to be looked into')")
    torch.save(source.state_dict(), tmp_path / "toy_weights" / "models" / "net.pth")
    monkeypatch.syspath_prepend(tmp_path)
    options = BackboneOptions(
        kind="timm", name="mobilenetv3_small_050", tap=1, input_size=32, pretrained="package:toy_weights"
    )
    backbone, _, _ = build_backbone(options)
    torch.testing.assert_close(backbone.network.conv_stem.weight, source.conv_stem.weight)


@pytest.mark.parametrize("pretrained", ["package:no_such_weights", "no/such/file.pth"])
def test_missing_weights_are_named(pretrained):
    with pytest.raises(WeightsError, match=r"no.such"):
        build_backbone(BackboneOptions(kind="timm", input_size=32, pretrained=pretrained))
