import numpy as np
import pytest

from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.fairness import fairness_table
from unmask.evaluation.markdown import to_markdown
from unmask.evaluation.predictions import Prediction, Predictions
from unmask.evaluation.protocol import Options, evaluate
from unmask.evaluation.remarks import remarks
from unmask.statistics.intervals import Settings

SETTINGS = Settings(resamples=120, seed=2)


def planted(counts):
    """Rows and their groups: (group, label, number, number at or over the threshold) each."""
    rows, groups = [], {}
    for group, label, number, over in counts:
        for n in range(number):
            score = 0.9 if n < over else 0.1
            row = Prediction(
                "d",
                "",
                f"{group}-{label}-{n}",
                f"s{len(rows) % 13}",
                "",
                label,
                "video",
                "ok",
                score * 4,
                score,
            )
            rows.append(row)
            groups[row.video] = group
    return Predictions(tuple(rows)), groups


@pytest.fixture
def two_groups():
    return planted([("a", 0, 40, 4), ("a", 1, 30, 24), ("b", 0, 20, 6), ("b", 1, 25, 24), ("", 0, 30, 30)])


def test_rates_are_shares_over_the_threshold(two_groups):
    table = fairness_table("d", "skin", *two_groups, 0.5, SETTINGS)
    a, b, unknown = table.groups
    assert [(g.group, g.real, g.fake) for g in table.groups] == [
        ("a", 40, 30),
        ("b", 20, 25),
        ("(not stated)", 30, 0),
    ]
    assert (a.fpr.value, a.fnr.value) == (pytest.approx(0.1), pytest.approx(0.2))
    assert (b.fpr.value, b.fnr.value) == (pytest.approx(0.3), pytest.approx(0.04))
    assert unknown.fpr.value == 1
    assert (unknown.fnr.value, unknown.fnr.reason) == (None, "no such video")


def test_the_largest_gap_leaves_out_who_is_not_stated(two_groups):
    fpr, fnr = fairness_table("d", "skin", *two_groups, 0.5, SETTINGS).gaps
    assert (fpr.highest, fpr.lowest, fpr.difference.value) == ("b", "a", pytest.approx(0.2))
    assert (fnr.highest, fnr.lowest, fnr.difference.value) == ("a", "b", pytest.approx(0.16))


def test_intervals_are_those_of_a_slow_bootstrap_over_clusters(two_groups):
    rows, groups = two_groups
    table = fairness_table("d", "skin", rows, groups, 0.5, SETTINGS)
    names = sorted({row.cluster for row in rows})
    of_group = {name: [] for name in ("a", "b")}
    random = np.random.default_rng(SETTINGS.seed)
    for counts in random.multinomial(13, np.full(13, 1 / 13), size=SETTINGS.resamples):
        drawn = [row for row in rows for _ in range(counts[names.index(row.cluster)])]
        for name, rates in of_group.items():
            real = [row.score >= 0.5 for row in drawn if row.label == 0 and groups[row.video] == name]
            rates.append(np.mean(real))
    for group, rates in zip(table.groups, of_group.values(), strict=False):
        assert (group.fpr.low, group.fpr.high) == pytest.approx(tuple(np.quantile(rates, [0.025, 0.975])))
    difference = np.array(of_group["b"]) - of_group["a"]
    gap = table.gaps[0].difference
    assert (gap.low, gap.high) == pytest.approx(tuple(np.quantile(difference, [0.025, 0.975])))


def test_small_groups_are_named_and_have_no_part_in_the_gap():
    rows, groups = planted([("a", 0, 40, 4), ("b", 0, 19, 19), ("c", 0, 20, 5), ("a", 1, 5, 5)])
    table = fairness_table("d", "skin", rows, groups, 0.5, SETTINGS)
    assert [group.small for group in table.groups] == [["fnr"], ["fpr", "fnr"], ["fnr"]]
    assert [(gap.rate, gap.highest, gap.lowest) for gap in table.gaps] == [("fpr", "c", "a")]


@pytest.fixture
def rows(encode_jpeg):
    return [
        {
            "file": f"{n}.jpg",
            "label": ("real", "fake")[n % 2],
            "source": f"s{n // 4}",
            "gender": ("f", "m")[n // 2 % 2],
            "camera": f"c{n % 3}",
            "data": encode_jpeg(100 + n),
        }
        for n in range(88)
    ]


def test_columns_of_the_manifest_make_tables(detector, make_crops, rows):
    folder = make_crops("crops", rows)
    report = evaluate(detector, [folder], options=Options(intervals=SETTINGS))
    table = report.fairness[0]
    assert [t.attribute for t in report.fairness] == ["gender"]
    assert [(g.group, g.real, g.fake) for g in table.groups] == [("f", 22, 22), ("m", 22, 22)]
    scores = [r.score for r in report.predictions.at("video")]
    wanted = np.mean(
        [
            s >= 0.6
            for s, row in zip(scores, rows, strict=True)
            if row["gender"] == "f" and row["label"] == "real"
        ]
    )
    assert table.groups[0].fpr.value == pytest.approx(wanted)
    assert "## crops by gender" in to_markdown(report)
    assert any("the largest gap in FPR" in line for line in remarks(report))


def test_other_columns_are_taken_on_request(detector, make_crops, rows):
    folder = make_crops("crops", rows)
    report = evaluate(detector, [folder], options=Options(intervals=SETTINGS, attributes=("camera",)))
    assert [table.attribute for table in report.fairness] == ["camera"]
    assert report.to_dict()["fairness"][0]["groups"][0]["small"] == ["fpr", "fnr"]
    assert any("small groups, of fewer than 20 real videos" in line for line in remarks(report))
    with pytest.raises(EvaluationError, match="no manifest has a column 'hair'"):
        evaluate(detector, [folder], options=Options(attributes=("hair",)))


def test_video_manifests_and_crops_of_one_video_have_groups_too(
    detector, finder, make_videos, make_crops, rows
):
    clips = [
        {
            "path": f"{n}.mp4",
            "label": ("real", "fake")[n % 2],
            "group": f"g{n}",
            "sex": "xy"[n // 2],
            "grey": [90 + n],
        }
        for n in range(4)
    ]
    report = evaluate(
        detector, [make_videos("clips", clips)], options=Options(intervals=SETTINGS), finder=finder
    )
    assert [(g.group, g.real, g.fake) for g in report.fairness[0].groups] == [("x", 1, 1), ("y", 1, 1)]
    for n, row in enumerate(rows):
        row |= {
            "video": f"v{n // 4}",
            "label": ("real", "fake")[n // 4 % 2],
            "gender": "f" if n % 4 == 2 else "",
        }
    report = evaluate(detector, [make_crops("crops", rows)], options=Options(intervals=SETTINGS))
    assert [(g.group, g.real, g.fake) for g in report.fairness[0].groups] == [("f", 11, 11)]
