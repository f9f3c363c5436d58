import numpy as np
import pytest
from typer.testing import CliRunner

from toy_sets import BrightnessDetector
from unmask.cli.main import build
from unmask.evaluation import ScannedFile, scan_figures, to_markdown
from unmask.evaluation.forensic_tables import forensic_tables
from unmask.evaluation.protocol import Options, evaluate
from unmask.evaluation.sets import Item
from unmask.report import DetectorInfo, FrameScore, ScanResult, TrackScore
from unmask.statistics import Settings
from unmask.statistics.likelihood_ratios import cllr, cllr_min, log10_of_scores

FAST = Options(intervals=Settings(resamples=100))
METHODS = ("real", "swap", "real", "blend")


@pytest.fixture
def report(make_detector, make_crops, encode_jpeg):
    random = np.random.default_rng(0)
    rows = [
        {
            "file": f"{n}.jpg",
            "label": ("real", "fake")[n % 2],
            "method": METHODS[n % 4],
            "source": f"s{n // 4}",
            "data": encode_jpeg(int(np.clip(random.normal(120 + 12 * (n % 2), 14), 30, 250))),
        }
        for n in range(80)
    ]
    return evaluate(make_detector(), [make_crops("crops", rows)], options=FAST)


def rates(row):
    return [cell.partition(" ")[0] for cell in row[6:]]


def test_costs_are_those_of_the_calibrated_scores(report):
    scored = report.predictions.at("video").to_scored(0.5)
    row = next(row for row in report.calibration if row.level == "video")
    ratios = log10_of_scores(scored.scores)
    assert row.after["cllr"].value == pytest.approx(cllr(scored.labels, ratios))
    assert row.after["cllr_min"].value == pytest.approx(cllr_min(scored.labels, ratios))
    assert row.after["cllr_min"].value == pytest.approx(row.before["cllr_min"].value, abs=1e-6)
    assert row.after["cllr"].low < row.after["cllr"].value < row.after["cllr"].high
    uncalibrated = log10_of_scores(1 / (1 + np.exp(-scored.logits)))
    assert row.before["cllr"].value == pytest.approx(cllr(scored.labels, uncalibrated))


def test_apcer_and_bpcer_agree_with_counting(report):
    attacks = forensic_tables(report)[1]
    by_method = {row[1]: row for row in attacks.rows}
    threshold = BrightnessDetector().card.threshold
    missed = {}
    for method in ("swap", "blend"):
        scores = [row.score for row in report.predictions.at("video") if row.method == method]
        missed[method] = np.mean([score < threshold for score in scores])
        assert by_method[method][5] == "20"
        assert rates(by_method[method])[0] == f"{missed[method]:.3f}"
    called = [row.score >= threshold for row in report.predictions.at("video") if row.label == 0]
    assert rates(by_method["swap"])[1] == rates(by_method["blend"])[1] == f"{np.mean(called):.3f}"
    worst = max(missed, key=missed.get)
    assert by_method[f"worst: {worst}"][6] == by_method[worst][6]


def test_both_tables_are_on_the_page_and_the_console(report, monkeypatch, make_crops, encode_jpeg):
    page = to_markdown(report)
    assert "## Likelihood ratios" in page and "| set | method | level | detector | Cllr | Cllr min |" in page
    assert "## Presentation attacks (ISO/IEC 30107-3)" in page
    import unmask.detectors

    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr(unmask.detectors, "load_detector", lambda name: BrightnessDetector())
    rows = [
        {"file": f"{n}.jpg", "label": ("real", "fake")[n % 2], "data": encode_jpeg(100 + 7 * n)}
        for n in range(8)
    ]
    words = ["evaluate", "x", str(make_crops("few", rows)), "--resamples", "100"]
    done = CliRunner().invoke(build(), words)
    assert done.exit_code == 0, done.output
    assert "likelihood ratios" in done.output and "APCER" in done.output and "calibration loss" in done.output


def scanned(label, score, verdict, method):
    name = f"{label}-{score}-{method}.jpg"
    info = DetectorInfo("toy", "1", "0" * 64, "wide", 0.4, (0.3, 0.6))
    track = TrackScore(0, score, (FrameScore(0.0, (0, 0, 9, 9), 0.9, score, None),))
    result = ScanResult(
        name, "image", "ok", info, None, verdict, score, (0.0, 1.0), (track,), decisive_track=0
    )
    return ScannedFile(Item("toy", method if label else "real", name, "", name, label), result)


def test_scans_have_costs_and_rates_by_their_verdicts(report):
    from dataclasses import replace

    files = [
        scanned(0, 0.1, "likely_real", ""),
        scanned(0, 0.7, "likely_fake", ""),
        scanned(0, 0.45, "inconclusive", ""),
        scanned(0, 0.2, "likely_real", ""),
        scanned(1, 0.9, "likely_fake", "swap"),
        scanned(1, 0.2, "likely_real", "swap"),
        scanned(1, 0.5, "inconclusive", "blend"),
    ]
    figures = scan_figures("toy", files, Settings(resamples=100))
    scores = np.array([one.result.score for one in files])
    labels = np.array([one.item.label for one in files])
    costs = figures[0].likelihood_ratios
    assert costs["cllr"].value == pytest.approx(cllr(labels, log10_of_scores(scores)))
    assert figures[0].to_dict()["likelihood_ratios"]["cllr_cal"]["value"] == costs["cllr_cal"].value
    ratios, attacks = forensic_tables(replace(report, scans=figures))
    assert [row[:3] for row in ratios.rows if row[2] == "scan"] == [
        ["toy", name, "scan"] for name in ("all", "blend", "swap")
    ]
    of_scans = {row[1]: row for row in attacks.rows if row[2] == "scan"}
    assert set(of_scans) == {"swap", "blend"}
    assert rates(of_scans["swap"]) == ["0.500", "0.250", "0.000", "0.250"]
    assert rates(of_scans["blend"])[2] == "1.000"


def test_a_set_of_one_class_has_no_costs_but_rates(make_detector, make_crops, encode_jpeg):
    rows = [{"file": f"{n}.jpg", "label": "real", "data": encode_jpeg(100 + 5 * n)} for n in range(6)]
    report = evaluate(make_detector(), [make_crops("real", rows)], options=FAST)
    assert report.calibration[0].after["cllr"].value is None
    (attacks,) = forensic_tables(report)
    assert attacks.rows[0][6] == "-" and attacks.rows[0][7] != "-"
