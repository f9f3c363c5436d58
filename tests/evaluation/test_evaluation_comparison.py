import json

import numpy as np
import pytest
from scipy import stats
from sklearn.metrics import balanced_accuracy_score, brier_score_loss, roc_auc_score

from unmask.evaluation import Predictions
from unmask.evaluation.console import to_tables
from unmask.evaluation.markdown import to_markdown
from unmask.evaluation.predictions import Prediction
from unmask.evaluation.protocol import Options, evaluate
from unmask.faces import Face
from unmask.statistics.intervals import Settings

FAST = Options(frames=2, intervals=Settings(resamples=200))
GREYS = [100, 110, 120, 130, 140, 150, 125, 135]
LABELS = np.array([0, 0, 1, 0, 1, 1, 0, 1])


@pytest.fixture
def rows(encode_jpeg):
    return [
        {
            "file": f"{n}.jpg",
            "label": "fake" if label else "real",
            "source": f"s{n // 2}",
            "data": encode_jpeg(grey),
        }
        for n, (grey, label) in enumerate(zip(GREYS, LABELS, strict=True))
    ]


@pytest.fixture
def other(make_detector):
    """Finds a dark picture fake: the other way round, and at another threshold."""
    detector = make_detector(name="other", threshold=0.45)
    straight = detector.logits
    detector.logits = lambda crops: -straight(crops)
    return detector


def test_differences_are_those_of_the_two_detectors_figures(detector, other, make_crops, rows):
    report = evaluate(detector, [make_crops("crops", rows)], options=FAST, against=other)
    row = next(each for each in report.comparisons if each.level == "video")
    logits = (np.array(GREYS) - 128) / 10
    first, second = 1 / (1 + np.exp(-(0.5 * logits + 0.1))), 1 / (1 + np.exp(-(-0.5 * logits + 0.1)))
    auc = roc_auc_score(LABELS, logits)
    assert row.differences["auc"].value == pytest.approx(auc - (1 - auc))
    expected = balanced_accuracy_score(LABELS, first >= 0.6) - balanced_accuracy_score(LABELS, second >= 0.45)
    assert row.differences["balanced_accuracy"].value == pytest.approx(expected)
    expected = brier_score_loss(LABELS, first) - brier_score_loss(LABELS, second)
    assert row.differences["brier"].value == pytest.approx(expected, abs=1e-3)
    assert (row.items, row.clusters, row.only_first, row.only_second) == (8, 4, 0, 0)
    assert not row.independent


def test_delong_is_that_of_the_slow_formula(detector, other, make_crops, rows):
    report = evaluate(detector, [make_crops("crops", rows)], options=FAST, against=other)
    row = next(each for each in report.comparisons if each.level == "video")
    values = np.array([r.logit for r in report.predictions.at("video")])
    parts = []
    for sign in (1, -1):
        fake, real = sign * values[LABELS == 1], sign * values[LABELS == 0]
        wins = (fake[:, None] > real) + 0.5 * (fake[:, None] == real)
        parts.append((wins.mean(axis=1), wins.mean(axis=0)))
    fakes, reals = (np.stack([part[place] for part in parts]) for place in (0, 1))
    covariance = np.cov(fakes) / 4 + np.cov(reals) / 4
    error = np.sqrt(covariance[0, 0] + covariance[1, 1] - 2 * covariance[0, 1])
    z = (fakes[0].mean() - fakes[1].mean()) / error
    assert row.delong.z == pytest.approx(z)
    assert row.delong.p == pytest.approx(2 * stats.norm.sf(abs(z)))


def test_a_detector_against_itself_does_not_differ(detector, make_crops, rows):
    report = evaluate(detector, [make_crops("crops", rows)], options=FAST, against=detector)
    for row in report.comparisons:
        assert all(difference.value == 0 for difference in row.differences.values())
        assert row.differences["auc"].p == 1
        assert row.delong.p == 1


def test_both_are_named_everywhere_and_written(detector, other, make_crops, rows, tmp_path):
    out = tmp_path / "out"
    report = evaluate(detector, [make_crops("crops", rows)], out, FAST, against=other)
    data = json.loads((out / "report.json").read_text())
    assert data["against"]["detector"]["threshold"] == 0.45
    assert {row["level"] for row in data["comparisons"]} == {"frame", "video"}
    assert data["comparisons"][0]["delong"]["p"] < 1
    page = to_markdown(report)
    assert "## Against other 1" in page
    assert "items not independent" in page
    assert [table.title for table in to_tables(report)][:3] == [
        "brightness 1",
        "other 1",
        "brightness minus other",
    ]
    assert Predictions.from_csv(out / "predictions-against.csv") == report.against.predictions


class PickyFinder:
    """Finds the face in the middle unless it is brighter than a limit, which can be changed on the way."""

    limit = 256

    def find(self, image):
        found = image[48, 48].mean() < self.limit
        return [Face((30.0, 30.0, 66.0, 66.0), 0.9, np.zeros((5, 2), np.float32))] if found else []


def test_only_what_both_scored_is_compared(detector, make_detector, make_videos):
    finder, second = PickyFinder(), make_detector(name="second")
    rows = [
        {"path": f"{n}.mp4", "label": ("real", "fake")[n % 2], "group": f"g{n}", "grey": [grey] * 2}
        for n, grey in enumerate([90, 150, 110, 160, 140, 200])
    ]

    def after_the_first(name, done, items):
        finder.limit = 190 if done == items else finder.limit

    folder = make_videos("clips", rows)
    report = evaluate(
        detector, [folder], options=FAST, against=second, finder=finder, progress=after_the_first
    )
    row = next(each for each in report.comparisons if each.level == "video")
    assert (row.items, row.only_first, row.only_second) == (5, 1, 0)
    assert row.independent
    assert report.against.sets[0].coverage["video"] == {"ok": 5, "no_face": 1}


def test_limit_draws_the_same_items_for_both(detector, other, make_crops, rows):
    options = Options(limit=4, intervals=Settings(resamples=100))
    report = evaluate(detector, [make_crops("crops", rows)], options=options, against=other)
    assert [row.path for row in report.predictions] == [row.path for row in report.against.predictions]
    assert report.comparisons[0].items == 4


def test_nothing_in_common_is_a_reason():
    from unmask.evaluation.comparison import compare

    rows = [
        Predictions((Prediction("d", "m", path, "s", "", 1, "video", "ok", 1.0, 0.7),)) for path in ("a", "b")
    ]
    row = compare("d", "all", "video", tuple(rows), (0.5, 0.5))
    assert (row.items, row.only_first, row.only_second, row.delong) == (0, 1, 1, None)
    assert "no scored item" in row.reason


def test_crops_of_a_video_without_frame_numbers_are_compared_one_by_one(detector, other, make_crops, rows):
    for number, row in enumerate(rows):
        row |= {"video": f"clip{number // 2}", "label": ("real", "fake")[number // 4]}
    report = evaluate(detector, [make_crops("crops", rows)], options=FAST, against=other)
    assert [row.items for row in report.comparisons] == [8, 4]
