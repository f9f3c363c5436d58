"""Forward-forward pre-training: its layers, its labels, and that no gradient passes between layers."""

import pytest
import torch

from unmask.models.families.forward_forward import ForwardForwardOptions
from unmask.models.forward_forward import forward_forward_loss, labelled_pictures, stages, waves
from unmask.models.joint import JointDetector

torch.set_num_threads(1)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    backbone = {"kind": "timm", "name": "test_resnet", "tap": -2, "input_size": 32}
    return JointDetector(
        ForwardForwardOptions.model_validate({"backbone": backbone, "encoder": {"width": 8}})
    )


def test_the_layers_are_those_of_the_network(model):
    model.eval()
    values = images = torch.rand(2, 3, 32, 32)
    values = (images - model.backbone.mean) / model.backbone.std
    layers = stages([*model.backbone.network.children(), *model.encoder.children()])
    for layer in layers:
        values = layer(values)
    torch.testing.assert_close(values, model(images).latent)
    # The stem, three blocks, and two convolutions of the encoder.
    assert len(layers) == 6


def test_a_label_is_shown_once_rightly_and_once_wrongly():
    torch.manual_seed(0)
    pictures, right = labelled_pictures(torch.zeros(32, 3, 32, 32), 0.5)
    assert right.tolist() == [1.0] * 32 + [0.0] * 32
    shown = pictures[:, 0] / 0.5
    number = (shown[:, None] - waves(32)).abs().mean(dim=(2, 3)).argmin(dim=1)
    assert set(number.tolist()) == {0, 1, 2, 3} and not (number[:32] == number[32:]).any()
    far = torch.cdist(waves(32).flatten(1), waves(32).flatten(1))
    assert far[~torch.eye(4, dtype=torch.bool)].min() > 1


def test_a_right_label_says_how_much_the_picture_is_turned():
    torch.manual_seed(0)
    image = torch.rand(1, 3, 32, 32)
    pictures, _ = labelled_pictures(image.expand(32, 3, 32, 32), 0.5)
    for picture in pictures[:32]:
        errors = [
            (picture - 0.5 * wave - torch.rot90(image[0], turn, (1, 2))).abs().max()
            for turn, wave in enumerate(waves(32))
        ]
        assert min(errors) < 1e-6


def test_each_layer_learns_from_its_own_loss_alone(model):
    model.train()
    images = torch.rand(4, 3, 32, 32)
    first = stages(model.backbone.network.children())[0]
    torch.manual_seed(1)
    forward_forward_loss(model, images, 1.0, 0.2).backward()
    before = [weight.grad.clone() for weight in first.parameters()]
    model.zero_grad()
    # Without what comes behind, only the mean over layers has fewer terms.
    model.encoder, encoder = torch.nn.Sequential(), model.encoder
    torch.manual_seed(1)
    forward_forward_loss(model, images, 1.0, 0.2).backward()
    model.encoder = encoder
    for weight, gradient in zip(first.parameters(), before, strict=True):
        torch.testing.assert_close(weight.grad * 4, gradient * 6)
