import io

import numpy as np
import pytest
from PIL import Image

from unmask.evaluation.zero_pixel import jpeg_quality, zero_pixel_control
from unmask.statistics.intervals import Settings

FAST = Settings(resamples=200)


def made_up(items=200, seed=0):
    random = np.random.default_rng(seed)
    labels = np.arange(items) % 2
    clusters = np.array([f"s{n // 4}" for n in range(items)])
    return random, labels, clusters


def test_a_planted_leak_is_found_and_named():
    random, labels, clusters = made_up()
    metadata = [
        {"bytes": float(random.integers(900, 1100)), "width": 224.0, "jpeg_quality": 75.0 if label else 95.0}
        for label in labels
    ]
    control = zero_pixel_control(labels, metadata, clusters, FAST)
    assert control.auc.value == 1.0
    assert control.leaks
    assert control.features == ("bytes", "jpeg_quality")


def test_a_codec_that_follows_the_label_is_a_leak():
    _, labels, clusters = made_up(40)
    control = zero_pixel_control(labels, [{"codec": "h264" if y else "vp9"} for y in labels], clusters, FAST)
    assert control.auc.value == 1.0


def test_a_fact_known_of_one_class_only_is_a_leak():
    _, labels, clusters = made_up(40)
    control = zero_pixel_control(labels, [{"bitrate": 5.0 if y else None} for y in labels], clusters, FAST)
    assert control.auc.value == 1.0


def test_random_metadata_score_at_chance():
    values = []
    for seed in range(10):
        random, labels, clusters = made_up(seed=seed)
        metadata = [{"bytes": float(random.integers(1, 1000))} for _ in labels]
        values.append(zero_pixel_control(labels, metadata, clusters, FAST).auc.value)
    assert np.mean(values) == pytest.approx(0.5, abs=0.04)


def test_facts_of_a_source_do_not_help_on_other_sources():
    # Every source has its own size and one class only: memorised sizes must not count.
    random = np.random.default_rng(1)
    clusters = np.repeat([f"s{n}" for n in range(60)], 5)
    labels = np.repeat(random.permutation(np.arange(60) % 2), 5)
    sizes = np.repeat(random.integers(1, 10_000, 60), 5)
    control = zero_pixel_control(labels, [{"bytes": float(size)} for size in sizes], clusters, FAST)
    assert abs(control.auc.value - 0.5) < 0.2
    assert not control.leaks


def test_nothing_to_learn_from_is_said():
    _, labels, clusters = made_up(20)
    same = zero_pixel_control(labels, [{"width": 224.0}] * 20, clusters, FAST)
    assert (same.auc.value, same.features) == (None, ())
    assert "no fact differs" in same.auc.reason
    single = zero_pixel_control(
        np.zeros(20, dtype=int), [{"width": float(n)} for n in range(20)], clusters, FAST
    )
    assert "each class" in single.auc.reason


@pytest.mark.parametrize("quality", [30, 50, 75, 90, 95])
def test_jpeg_quality_is_read_from_the_tables(quality):
    data = io.BytesIO()
    Image.new("RGB", (16, 16)).save(data, "JPEG", quality=quality)
    assert jpeg_quality(Image.open(data).quantization[0]) == pytest.approx(quality, abs=1)
