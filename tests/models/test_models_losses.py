"""The joint loss against independent references."""

import numpy as np
import pytest
import torch
from sklearn.metrics import log_loss
from torchmetrics.functional.image import structural_similarity_index_measure

from unmask.models import JointOutput, LossOptions, joint_loss, reconstruction_errors
from unmask.models.losses import classification_loss, pair_loss, structural_similarity

torch.set_num_threads(1)


def batch(count=6, side=16):
    torch.manual_seed(3)
    output = JointOutput(torch.randn(count), torch.rand(count, 3, side, side), torch.zeros(count, 1, 1, 1))
    return output, torch.rand(count, 3, side, side), torch.arange(count) % 2


def test_structural_similarity_agrees_with_torchmetrics():
    torch.manual_seed(0)
    a = torch.rand(4, 3, 24, 31)
    b = (a + 0.2 * torch.randn_like(a)).clamp(0, 1)
    reference = structural_similarity_index_measure(a, b, data_range=1.0, sigma=1.5, reduction="none")
    torch.testing.assert_close(structural_similarity(a, b), reference, atol=1e-5, rtol=0)


def test_cross_entropy_agrees_with_scikit_learn():
    output, _, labels = batch()
    reference = log_loss(labels.numpy(), output.logit.sigmoid().double().numpy())
    assert float(classification_loss(output.logit, labels)) == pytest.approx(reference, abs=1e-5)


def test_smoothing_is_a_mixture_of_both_labels():
    output, _, labels = batch()
    straight = classification_loss(output.logit, labels)
    turned = classification_loss(output.logit, 1 - labels)
    torch.testing.assert_close(classification_loss(output.logit, labels, 0.1), 0.9 * straight + 0.1 * turned)


def test_total_is_the_weighted_sum():
    output, images, labels = batch()
    losses = joint_loss(output, images, labels, LossOptions(weight=0.3, reconstruction="mse"))
    expected = ((output.reconstruction - images) ** 2).mean()
    torch.testing.assert_close(losses.reconstruction, expected)
    torch.testing.assert_close(losses.total, losses.classification + 0.3 * expected)


def test_real_only_ignores_the_pixels_of_fakes():
    output, images, labels = batch()
    options = LossOptions(target="real")
    before = joint_loss(output, images, labels, options).reconstruction
    images[labels == 1] = torch.rand_like(images[labels == 1])
    torch.testing.assert_close(joint_loss(output, images, labels, options).reconstruction, before)
    real = labels == 0
    torch.testing.assert_close(before, (output.reconstruction[real] - images[real]).abs().mean())
    images[real] = 1 - images[real]
    assert joint_loss(output, images, labels, options).reconstruction != before


def test_a_batch_without_real_faces_has_no_reconstruction_loss():
    output, images, labels = batch()
    losses = joint_loss(output, images, torch.ones_like(labels), LossOptions(target="real"))
    assert losses.reconstruction == 0
    assert losses.total == losses.classification


def test_weight_zero_needs_no_images():
    output, _, labels = batch()
    losses = joint_loss(output._replace(reconstruction=None), None, labels, LossOptions(weight=0))
    assert losses.total == losses.classification


@pytest.mark.parametrize("kind", ["l1", "mse", "ssim"])
def test_a_perfect_reconstruction_has_no_error(kind):
    _, images, _ = batch()
    torch.testing.assert_close(reconstruction_errors(images, images, kind), torch.zeros(6), atol=1e-6, rtol=0)


def test_larger_images_are_averaged_down_to_the_reconstruction():
    small = torch.rand(2, 3, 8, 8)
    large = small.repeat_interleave(4, dim=2).repeat_interleave(4, dim=3)
    torch.testing.assert_close(reconstruction_errors(small, large), torch.zeros(2), atol=1e-6, rtol=0)


def test_the_loss_of_pairs_is_the_cross_entropy_of_their_differences():
    logits, labels = torch.tensor([0.5, 2.0, 1.0, -1.0]), torch.tensor([0.0, 1.0, 0.0, 1.0])
    differences = np.array([1.5, -2.0])
    assert pair_loss(logits, labels).item() == pytest.approx(
        log_loss([1, 1], 1 / (1 + np.exp(-differences)), labels=[0, 1])
    )
    assert pair_loss(logits + 7, labels).item() == pytest.approx(pair_loss(logits, labels).item())


def test_pairs_add_to_the_classification_with_their_weight():
    logits, labels = torch.tensor([0.5, 2.0]), torch.tensor([0.0, 1.0])
    plain, paired = (
        joint_loss(
            JointOutput(logits, None, torch.zeros(2, 1, 1, 1)),
            None,
            labels,
            LossOptions(weight=0, pairs=pairs),
        )
        for pairs in (0, 0.5)
    )
    added = 0.5 * pair_loss(logits, labels)
    torch.testing.assert_close(paired.classification, plain.classification + added)
    torch.testing.assert_close(paired.total, paired.classification)
