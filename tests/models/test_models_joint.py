"""The two-branch detector: every option's shapes, and what the gradients reach."""

import pytest
import timm
import torch

from unmask.models import JointOptions, LossOptions, build_model, joint_loss

torch.set_num_threads(1)

TINY_MAPS = {
    "backbone": {"kind": "maps", "channels": 12, "grid": 6},
    "encoder": {"width": 8},
    "classifier": {"hidden": 8, "dropout": 0.0},
    "decoder": {"width": 16, "resolution": 12},
}
MOBILENET = {"kind": "timm", "name": "mobilenetv3_small_050", "input_size": 64}


def options(**changes):
    merged = {section: dict(values) for section, values in TINY_MAPS.items()}
    for section, values in changes.items():
        merged[section] = {**merged[section], **values}
    return JointOptions.model_validate(merged)


def tiny_batch(count=16):
    torch.manual_seed(0)
    labels = torch.arange(count) % 2
    maps = torch.randn(count, 12, 6, 6) + labels.view(-1, 1, 1, 1)
    images = torch.rand(count, 3, 12, 12) * 0.2 + 0.6 * labels.view(-1, 1, 1, 1)
    return maps, images, labels


def test_channel_norm_evens_out_tokens_of_any_length():
    model = build_model(options(encoder={"normalise": True})).eval()
    maps, _, _ = tiny_batch()
    lengths = torch.rand(16, 1, 6, 6) * 50 + 1
    with torch.no_grad():
        plain, longer = (model(x, reconstruct=False).logit for x in (maps, maps * lengths))
    torch.testing.assert_close(plain, longer, atol=1e-3, rtol=1e-3)


@pytest.mark.parametrize(
    ("encoder", "latent"),
    [
        ({"stride": 2}, (8, 3, 3)),
        ({"stride": 1}, (8, 6, 6)),
        ({"depth": 0}, (8, 6, 6)),
        ({"depth": 3, "activation": "relu"}, (8, 3, 3)),
        ({"kind": "identity"}, (12, 6, 6)),
    ],
)
def test_each_encoder_gives_its_latent(encoder, latent):
    output = build_model(options(encoder=encoder))(torch.randn(2, 12, 6, 6))
    assert output.latent.shape == (2, *latent)
    assert output.logit.shape == (2,)
    assert output.reconstruction.shape == (2, 3, 12, 12)


@pytest.mark.parametrize("pool", ["mean", "mean_max", "mean_std", "attention"])
@pytest.mark.parametrize("hidden", [0, 8])
def test_each_pooling_gives_one_logit_with_finite_gradients(pool, hidden):
    model = build_model(options(classifier={"pool": pool, "hidden": hidden}))
    x = torch.zeros(2, 12, 6, 6, requires_grad=True)  # constant: the worst case of a deviation
    logit = model(x).logit
    assert logit.shape == (2,)
    logit.sum().backward()
    assert torch.isfinite(x.grad).all()


@pytest.mark.parametrize("resolution", [6, 12, 20, 24])
def test_the_decoder_reaches_any_resolution_in_the_unit_range(resolution):
    model = build_model(options(decoder={"resolution": resolution}))
    rebuilt = model(10 * torch.randn(2, 12, 6, 6)).reconstruction
    assert rebuilt.shape == (2, 3, resolution, resolution)
    assert rebuilt.min() >= 0
    assert rebuilt.max() <= 1


def test_the_decoder_can_be_left_out():
    model = build_model(options(decoder={"enabled": False}))
    assert model.decoder is None
    assert model(torch.randn(2, 12, 6, 6)).reconstruction is None


def test_weight_zero_builds_no_decoder():
    model = build_model(options(), LossOptions(weight=0))
    assert model.decoder is None
    assert not any(name.startswith("decoder") for name in model.state_dict())


def test_reconstruction_is_computed_only_when_asked_for():
    model = build_model(options())
    calls = []
    model.decoder.register_forward_hook(lambda *_: calls.append(1))
    assert model(torch.randn(2, 12, 6, 6), reconstruct=False).reconstruction is None
    assert calls == []


@pytest.mark.parametrize("branch", ["classification", "reconstruction"])
def test_both_branches_reach_the_shared_encoder(branch):
    model = build_model(options())
    maps, images, labels = tiny_batch()
    getattr(joint_loss(model(maps), images, labels, LossOptions()), branch).backward()
    gradients = [parameter.grad for parameter in model.encoder.parameters() if parameter.ndim == 4]
    assert all(gradient is not None and gradient.abs().sum() > 0 for gradient in gradients)
    other = model.decoder if branch == "classification" else model.classifier
    assert all(parameter.grad is None for parameter in other.parameters())


@pytest.mark.parametrize("kind", ["l1", "mse", "ssim"])
@pytest.mark.parametrize("target", ["all", "real"])
def test_the_loss_falls_on_a_tiny_set(kind, target):
    torch.manual_seed(1)
    model = build_model(options())
    loss_options = LossOptions(reconstruction=kind, target=target, weight=1.0)
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    maps, images, labels = tiny_batch()
    history = []
    for _ in range(25):
        losses = joint_loss(model(maps), images, labels, loss_options)
        optimiser.zero_grad()
        losses.total.backward()
        optimiser.step()
        history.append(losses)
    assert history[-1].classification < 0.3 * history[0].classification
    assert history[-1].reconstruction < 0.9 * history[0].reconstruction


def test_timm_backbones_are_cut_at_the_tap():
    last = build_model(JointOptions.model_validate({"backbone": MOBILENET}))
    earlier = build_model(JointOptions.model_validate({"backbone": {**MOBILENET, "tap": -2}}))
    x = torch.rand(1, 3, 64, 64)
    assert last.eval().backbone(x).shape[-1] == 2
    assert earlier.eval().backbone(x).shape[-1] == 4
    assert sum(p.numel() for p in earlier.backbone.parameters()) < sum(
        p.numel() for p in last.backbone.parameters()
    )
    reference = timm.create_model(MOBILENET["name"], features_only=True).eval()
    reference.load_state_dict(last.backbone.network.state_dict())
    earlier.backbone.network.load_state_dict(last.backbone.network.state_dict(), strict=False)
    with torch.no_grad():
        features = reference((x - earlier.backbone.mean) / earlier.backbone.std)
        torch.testing.assert_close(earlier.backbone(x), features[-2])
    assert earlier(x).reconstruction.shape == (1, 3, 56, 56)


def test_the_backbone_normalises_with_the_mean_of_its_options():
    plain = build_model(
        JointOptions.model_validate({"backbone": {**MOBILENET, "mean": (0, 0, 0), "std": (1, 1, 1)}})
    ).eval()
    own = build_model(JointOptions.model_validate({"backbone": MOBILENET})).eval()
    own.load_state_dict(plain.state_dict())
    x = torch.rand(2, 3, 64, 64)
    mean = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
    torch.testing.assert_close(own(x).logit, plain((x - mean) / std).logit)


@pytest.mark.parametrize("tune", ["none", "norms", "last_blocks"])
def test_a_frozen_backbone_trains_only_what_tune_names(tune):
    backbone = {**MOBILENET, "frozen": True, "tune": tune}
    model = build_model(JointOptions.model_validate({"backbone": backbone}))
    network = model.backbone.network
    trained = {name for name, parameter in network.named_parameters() if parameter.requires_grad}
    if tune == "none":
        assert not trained
    elif tune == "norms":
        norms = {f"{n}.{p}" for n, m in network.named_modules() for p, _ in m.named_parameters() if "bn" in n}
        assert trained
        assert trained <= norms
    else:
        assert trained
        assert all(name.startswith("blocks.") for name in trained)
        assert len(trained) < len(list(network.parameters())) / 2
    before = {name: value.clone() for name, value in network.state_dict().items() if "running" in name}
    model.train()
    model(torch.rand(4, 3, 64, 64)).logit.sum().backward()
    after = network.state_dict()
    assert all(torch.equal(after[name], value) for name, value in before.items())


def test_tuning_without_freezing_is_refused():
    with pytest.raises(ValueError, match="frozen"):
        JointOptions.model_validate({"backbone": {"tune": "norms"}})


def test_an_image_scores_the_same_alone_and_in_a_batch():
    model = build_model(JointOptions.model_validate({"backbone": MOBILENET})).eval()
    x = torch.rand(5, 3, 64, 64)
    with torch.no_grad():
        together = model(x).logit
        alone = torch.cat([model(x[i : i + 1]).logit for i in range(5)])
    torch.testing.assert_close(together, alone, atol=1e-5, rtol=0)
