"""Pixels and frequencies: the transforms, what crosses between the branches, and what an export computes."""

import numpy as np
import pytest
import scipy.fft
import torch

from unmask.detectors import Calibration
from unmask.models import Exported
from unmask.models.cross_stitch import CrossStitchDetector
from unmask.models.families.cross_stitch import CrossStitchOptions
from unmask.models.frequencies import FLOOR, LogSpectrum, Standardised
from unmask.training.onnx_export import check_parity, write_onnx

SMALL = {
    "name": "mobilenetv3_small_050",
    "until": "blocks.2",
    "input_size": 32,
    "hidden": 8,
    "stitch_after": ("blocks.0", "blocks.1"),
}


def detector(**changes):
    """Build a small one whose statistics and weights are not those of the start."""
    torch.manual_seed(0)
    model = CrossStitchDetector(CrossStitchOptions(**SMALL | changes)).train()
    with torch.no_grad():
        model(faces(seed=1))
    return model.eval()


def faces(seed=0, side=32):
    return torch.rand(4, 3, side, side, generator=torch.Generator().manual_seed(seed))


def halved(x):
    """Return one level of Haar, written by hand: averages, then differences, of columns and of rows."""
    for axis in (2, 3):
        x = np.moveaxis(x, axis, 0)
        parts = (x[::2] + x[1::2]) / 2**0.5, (x[::2] - x[1::2]) / 2**0.5
        x = np.moveaxis(np.concatenate(parts), 0, axis)
    return x


@pytest.mark.parametrize(
    ("transform", "side", "reference"),
    [
        ("dct", 15, lambda x: scipy.fft.dctn(x, axes=(2, 3), norm="ortho")),
        ("fft", 15, lambda x: np.abs(np.fft.fftshift(np.fft.fft2(x, norm="ortho"), axes=(2, 3)))),
        ("fft", 16, lambda x: np.abs(np.fft.fftshift(np.fft.fft2(x, norm="ortho"), axes=(2, 3)))),
        ("haar", 16, halved),
    ],
)
def test_transforms_equal_their_references(transform, side, reference):
    spectrum, x = LogSpectrum(transform, side), faces(side=side)
    wanted = reference(x.double().numpy())
    np.testing.assert_allclose(spectrum.coefficients(x), wanted, atol=1e-5)
    np.testing.assert_allclose(spectrum(x), np.log(np.abs(wanted) + FLOOR), atol=0.01)


def test_mean_and_deviation_are_those_of_the_first_training_items():
    standardised = Standardised((3, 4), items=20)
    items = torch.randn(30, 3, 4) * 3 + 5
    for batch in items.split(6):
        standardised(batch)
    assert standardised.count == 24
    expected = (items - items[:24].mean(0)) / items[:24].std(0, correction=0)
    standardised.eval()
    torch.testing.assert_close(standardised(items), expected, atol=1e-4, rtol=1e-4)
    assert standardised.count == 24


def test_both_branches_learn_from_the_first_step_on():
    model = CrossStitchDetector(CrossStitchOptions(**SMALL))
    assert all(part.training for part in model.modules())


def outputs_of_parts(model, shift):
    """Return what each part of the pixel branch gives when the frequencies' input is moved."""
    found = []
    hooks = [
        part.register_forward_hook(lambda *call: found.append(call[2])) for part in model.branches["pixels"]
    ]
    hooks.append(model.standardised.register_forward_hook(lambda *call: call[2] + shift))
    with torch.no_grad():
        logits = model(faces())
    for hook in hooks:
        hook.remove()
    return [*found, logits]


@pytest.mark.parametrize("per_channel", [False, True])
def test_frequencies_reach_the_pixels_behind_a_unit_and_not_before(per_channel):
    model = detector(per_channel=per_channel)
    before, second, third, logits = (
        (one - other).abs().max()
        for one, other in zip(*(outputs_of_parts(model, x) for x in (0, 1)), strict=True)
    )
    assert before == 0
    assert min(second, third, logits) > 0


def test_units_that_pass_on_their_own_branch_equal_late_fusion():
    stitched, fused = detector(own_share=1.0), detector(stitch=False)
    assert len(stitched.units) == 2 and len(fused.units) == 0
    source = [value for name, value in stitched.state_dict().items() if not name.startswith("units.")]
    fused.load_state_dict(dict(zip(fused.state_dict(), source, strict=True)))
    with torch.no_grad():
        torch.testing.assert_close(stitched(faces()), fused(faces()))
    pixels = [outputs_of_parts(stitched, shift)[-2] for shift in (0, 1)]
    assert torch.equal(*pixels)


def test_a_unit_mixes_by_its_weights_which_learn_without_decay():
    unit = detector().units[0]
    assert unit.weight.ndim == 1
    torch.testing.assert_close(unit.matrix()[..., 0], torch.tensor([[0.9, 0.1], [0.1, 0.9]]))
    with torch.no_grad():
        unit.weight.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]))
        pixels, frequencies = torch.rand(2, 1, 5, 2, 2)
        mixed = unit(pixels, frequencies)
    torch.testing.assert_close(mixed, (pixels + 2 * frequencies, 3 * pixels + 4 * frequencies))


class Spectra(torch.nn.Module):
    """Every transform at once, for one export."""

    def __init__(self):
        super().__init__()
        self.options = CrossStitchOptions(**SMALL)
        self.transforms = torch.nn.ModuleList(LogSpectrum(name, 32) for name in ("dct", "fft", "haar"))

    def forward(self, x):
        return torch.stack([spectrum(x).square().mean((1, 2, 3)) for spectrum in self.transforms]).sum(0)


def test_an_export_holds_the_transforms(tmp_path):
    model = Exported([Spectra()], Calibration()).eval()
    write_onnx(model, tmp_path / "model.onnx")
    check_parity(model, tmp_path / "model.onnx")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stitch_after": ("blocks.9",)}, r"no part 'blocks.9', but conv_stem, bn1, blocks.0"),
        (
            {"stitch_after": ("blocks.1", "blocks.0")},
            "stitch_after: blocks.1, blocks.0 do not stand in this order",
        ),
        ({"stitch_after": ("blocks.2",)}, "stitch_after"),
        ({"transform": "haar", "input_size": 33}, "haar needs an even input_size"),
    ],
)
def test_what_does_not_fit_is_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        detector(**changes)
