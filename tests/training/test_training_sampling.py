"""Batches are balanced, paired, weighted and repeatable."""

from itertools import islice

import numpy as np
import pytest

from unmask.training.sampling import PairedSampler, pair_rows

LABELS = np.array([0, 1, 0, 1, 1, 0, 1, 0])
PAIRS = np.array([0, 0, 1, 1, 1, 2, 3, 4])


def test_real_and_fake_of_one_recording_are_paired():
    pairs = pair_rows(LABELS, PAIRS, np.random.default_rng(0))
    assert [0, 1] in pairs.tolist()
    real_of_1 = pairs[pairs[:, 0] == 2]
    assert real_of_1[0, 1] in (3, 4)


def test_every_row_is_seen_each_turn():
    pairs = pair_rows(LABELS, PAIRS, np.random.default_rng(0))
    assert set(pairs.ravel()) == set(range(8))
    assert (LABELS[pairs] == [0, 1]).all()


def test_a_class_without_spare_rows_lends_paired_ones():
    labels, groups = np.array([0, 1, 1, 1]), np.zeros(4, int)
    pairs = pair_rows(labels, groups, np.random.default_rng(0))
    assert set(pairs.ravel()) == {0, 1, 2, 3}
    assert (pairs[:, 0] == 0).all()


def test_batches_are_balanced_and_follow_the_weights():
    labels, pairs = [np.tile([0, 1], 50)] * 2, [np.repeat(np.arange(50), 2)] * 2
    sampler = PairedSampler(labels, pairs, weights=[3, 1], batch_size=20)
    sources = []
    for batch in islice(sampler.batches(), 200):
        assert len(batch) == 20
        assert sum(labels[draw.source][draw.row] for draw in batch) == 10
        for real, fake in zip(batch[::2], batch[1::2], strict=True):
            assert (real.source, real.row + 1) == (fake.source, fake.row)
        sources += [draw.source for draw in batch]
    assert np.mean(sources) == pytest.approx(0.25, abs=0.03)


def test_turns_count_the_passes_and_cover_the_source():
    sampler = PairedSampler([np.tile([0, 1], 4)], [np.repeat(np.arange(4), 2)], [1.0], batch_size=4)
    draws = [draw for batch in islice(sampler.batches(), 4) for draw in batch]
    assert [draw.turn for draw in draws] == [0] * 8 + [1] * 8
    assert {draw.row for draw in draws if draw.turn == 1} == set(range(8))


def test_a_run_that_goes_on_sees_the_same_batches():
    sampler = PairedSampler([LABELS, LABELS], [PAIRS, PAIRS], [1.0, 2.0], batch_size=6, seed=5)
    whole = list(islice(sampler.batches(), 12))
    assert list(islice(sampler.batches(start=7), 5)) == whole[7:]


@pytest.mark.parametrize(("label", "missing"), [(0, "fake"), (1, "real")])
def test_a_source_of_one_class_without_one_of_the_other_is_refused(label, missing):
    with pytest.raises(ValueError, match=f"a source of {missing} ones is missing"):
        PairedSampler([np.full(4, label), LABELS], [np.zeros(4), PAIRS], [1.0, 1.0], batch_size=4)


def test_fakes_alone_are_paired_with_sources_of_real_crops_alone():
    labels = [LABELS, np.ones(5, int), np.zeros(3, int), np.zeros(4, int)]
    pairs = [PAIRS, *(np.arange(len(part)) for part in labels[1:])]
    sampler = PairedSampler(labels, pairs, weights=[1, 3, 1, 2], batch_size=20)
    draws = [draw for batch in islice(sampler.batches(), 200) for draw in batch]
    assert [int(labels[draw.source][draw.row]) for draw in draws] == [0, 1] * 2000
    of_fakes = [real.source for real, fake in zip(draws[::2], draws[1::2], strict=True) if fake.source == 1]
    assert len(of_fakes) / 2000 == pytest.approx(0.75, abs=0.04)
    assert np.mean(np.equal(of_fakes, 3)) == pytest.approx(2 / 3, abs=0.04)
    assert set(of_fakes) == {2, 3}
    drawn = {(draw.source, draw.row) for draw in draws}
    assert {(1, row) for row in range(5)} | {(3, row) for row in range(4)} <= drawn
    assert list(islice(sampler.batches(start=3), 2)) == list(islice(sampler.batches(), 5))[3:]
