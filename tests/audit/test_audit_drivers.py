import io

import numpy as np
import pytest
from PIL import Image

from unmask.audit import Latents, OpenedDetector, Options, audit
from unmask.audit.drivers import Training, correlations, influences, shared_facts, similarities, top
from unmask.audit.units import Units
from unmask.detectors import DetectorError
from unmask.statistics import Settings

FAST = Settings(resamples=200)


@pytest.mark.parametrize("last", ["gemm", "matmul"])
def test_the_hidden_layer_is_what_the_last_layer_weighs(detail_detector, toy_scene, last):
    weights, bias = (0.7, -0.01), -3.0
    opened = OpenedDetector(detail_detector(weights=weights, bias=bias, last=last), 1)
    crops = np.stack([toy_scene(np.random.default_rng(n)) for n in range(3)])
    latents = opened.read(crops)
    step = np.abs(np.diff(crops.astype(float), axis=2)).mean((1, 2, 3))
    np.testing.assert_allclose(latents.hidden, np.stack([step, crops.mean((1, 2, 3))], 1), rtol=1e-5)
    np.testing.assert_allclose(latents.logits, latents.hidden @ np.array(weights) + bias, rtol=1e-4)


def test_a_network_without_a_linear_end_is_refused(detail_detector):
    with pytest.raises(DetectorError, match="does not end in a linear layer"):
        OpenedDetector(detail_detector(last="none"))


def test_the_built_in_detector_gives_its_own_logits(astronaut):
    from unmask import load_detector

    crop = np.asarray(Image.fromarray(astronaut).resize((224, 224), box=(150, 0, 310, 160)))[None]
    opened = OpenedDetector("jrc", 1)
    latents = opened.read(crop)
    np.testing.assert_allclose(latents.logits, load_detector("jrc", 1).logits(crop), rtol=1e-5)
    assert latents.hidden.shape[1] > 1


def test_gradient_similarity_is_that_of_torch():
    torch = pytest.importorskip("torch")
    random = np.random.default_rng(0)
    hidden = random.normal(size=(7, 4)).astype(np.float32)
    weights, bias = (
        torch.tensor(random.normal(size=4), requires_grad=True),
        torch.tensor(0.3, requires_grad=True),
    )
    labels = np.array([0, 1, 1, 0])
    logits = (torch.tensor(hidden).double() @ weights + bias).detach().numpy()

    def gradient(row, label):
        logit = torch.tensor(hidden[row]).double() @ weights + bias
        loss = torch.nn.functional.binary_cross_entropy_with_logits(
            logit, torch.tensor(float(label)).double()
        )
        parts = torch.autograd.grad(loss, (weights, bias))
        return np.concatenate([part.numpy().ravel() for part in parts]), torch.sigmoid(logit).item()

    training = Training([str(n) for n in range(4)], labels, [{}] * 4, Latents(logits[3:], hidden[3:]))
    _, support = similarities(Latents(logits[:3], hidden[:3]), training)
    for n in range(3):
        side = float(logits[n] > 0)
        decided, p = gradient(n, side)
        for m in range(4):
            theirs, _ = gradient(m + 3, labels[m])
            # A decision's own gradient has the factor (p - side), whose size says nothing of the training crop.
            wanted = decided @ theirs / abs(p - side)
            assert support[n, m] == pytest.approx(wanted, rel=1e-4)


def test_influences_name_the_crops_that_most_support_comes_from():
    hidden = np.array([[1.0, 0.0], [0.0, 1.0], [3.0, 0.0]], np.float32)
    logits = np.array([0.0, 0.0, 0.0])
    training = Training(["a", "b", "c"], np.array([1, 0, 1]), [{}, {}, {}], Latents(logits, hidden))
    _, gradient = similarities(Latents(np.array([2.0]), np.array([[1.0, 0.0]], np.float32)), training)
    first, second, *_ = influences(gradient, training)
    assert (first.file, second.file) == ("c", "a")
    # Residual 1/2 times (<h, h'> + 1): 2 for c, 1 for a, and b, which is real, speaks against.
    assert (first.gradient_share, second.gradient_share) == (pytest.approx(2 / 3), pytest.approx(1 / 3))
    assert top(gradient)[0].tolist() == [2, 0, 1]


def test_shares_are_counted_over_neighbours():
    facts = [{"codec": "a"}, {"codec": "b"}]
    training = Training(
        list("wxyz"), np.zeros(4), [{"codec": c} for c in "aaab"], Latents(np.zeros(4), np.zeros((4, 1)))
    )
    shared = shared_facts(facts, np.array(["s", "t"]), np.array([[0, 1], [2, 3]]), training, FAST)
    # The first shares with both where 3/4 would; the second with one of two where 1/4 would.
    assert shared["codec"].value == pytest.approx((0.25 + 0.25) / 2)


def planted(faces, folder, seed=0):
    """Quality follows no label, but grain follows quality.

    Colour profiles of any length keep the size of a file from following quality, and each quality's tables are rare.
    """

    def options(random):
        profile = bytes(int(random.integers(1, 20_000)))
        return {"quality": int(random.choice([50, 70, 85, 95])), "icc_profile": profile}

    return faces(sources=40, seed=seed, real=options, fake=options).write(folder)


def test_a_detector_that_follows_jpeg_quality_is_found_out(faces, detail_detector, tmp_path):
    folder = planted(faces, tmp_path / "set")
    training = planted(faces, tmp_path / "training", seed=1)
    detector = str(detail_detector(bias=-11.0))
    report = audit(folder, Options(detector=detector, training=training, intervals=FAST))
    drivers = report.drivers
    quality, *others = drivers.facts
    assert quality.name == "jpeg_quality" and quality.drives
    assert quality.pull.value > max(abs(other.pull.value) for other in others) + 0.1
    assert {"quantisation_tables", "bytes_per_pixel"} <= {other.fact for other in others}
    # Decisions rest on training crops of the same quality more than chance has it.
    assert quality.nearest.low > 0.05
    assert report.findings[0].kind == "driver"
    assert report.findings[0].text.startswith(
        "detail's logit rises with jpeg_quality among items of one label"
    )
    assert "shortcut" not in {finding.kind for finding in report.findings}
    assert drivers.training_crops == 60
    assert len(drivers.influences) == 10


def test_a_detector_that_follows_no_fact_is_left_alone(faces, detail_detector, tmp_path):
    def options(random):
        return {"quality": int(random.integers(70, 96))}

    detector = str(detail_detector(weights=(0.0, 0.1), bias=-12.8))
    for seed in range(4):
        folder = faces(sources=30, seed=seed, real=options, fake=options).write(tmp_path / f"set{seed}")
        report = audit(folder, Options(detector=detector, intervals=FAST))
        assert [finding for finding in report.findings if finding.kind == "driver"] == []


def test_pull_is_the_rank_correlation_within_labels():
    random = np.random.default_rng(0)
    labels = np.arange(100) % 2
    level = random.normal(size=100) + 5 * labels
    # Within a label the logit falls with the fact, over both labels it rises.
    logits = -level + 20 * labels
    units = Units(labels, np.arange(100).astype(str), [{"level": float(v)} for v in level], [])
    found = correlations(units, logits, FAST)
    assert found[0].pull.value == pytest.approx(-1.0)
    assert found[0].p < 0.01
    assert correlations(units, np.zeros(100), FAST) == []


def test_too_few_sources_accuse_no_detector():
    units = Units(
        np.arange(20) % 2, np.repeat(["a", "b", "c"], [7, 7, 6]), [{"x": float(n)} for n in range(20)], []
    )
    found = correlations(units, np.arange(20.0), FAST)
    assert found[0].pull.value == pytest.approx(1.0)
    assert not found[0].drives


def test_copies_in_memory_are_read_as_in_files(toy_scene, toy_encode):
    data = toy_encode(toy_scene(np.random.default_rng(0)), quality=77)
    from unmask.audit.file_facts import picture_facts

    facts, small = picture_facts(data)
    assert facts["jpeg_quality"] == pytest.approx(77, abs=1)
    assert facts["bytes"] == len(data)
    with Image.open(io.BytesIO(data)) as picture:
        reference = np.asarray(picture.convert("L").resize((32, 32), Image.Resampling.BOX), float)
    assert np.abs(small - reference).mean() < 2
