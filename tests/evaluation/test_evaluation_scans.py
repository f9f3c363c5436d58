import json
import re
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score
from typer.testing import CliRunner

from toy_detectors import write_detector
from unmask.cli.main import build
from unmask.demo import portrait, with_blended_face, write_clip
from unmask.detectors import load_card
from unmask.evaluation import (
    EvaluationError,
    ScannedFile,
    compare_scans,
    evaluate,
    read_scans,
    scan_figures,
    to_markdown,
)
from unmask.evaluation.forensic_tables import forensic_tables
from unmask.evaluation.protocol import Options, open_set
from unmask.evaluation.remarks import remarks
from unmask.evaluation.scan_logs import check_detector
from unmask.evaluation.scans import margin
from unmask.evaluation.sets import Item
from unmask.report import DetectorInfo, FrameScore, Opinion, ScanResult, Subject, TrackScore
from unmask.scanning import detector_info
from unmask.statistics import Settings
from unmask.verdict import Reason

DETECTOR = DetectorInfo("toy", "1", "0" * 64, "wide", 0.4, (0.3, 0.6))
FEW = Settings(resamples=200)


def result(path, score, verdict, width=0.1, reasons=()):
    if score is None:
        return ScanResult(path, "image", "no_face", DETECTOR)
    interval = (max(0.0, score - width), min(1.0, score + width))
    track = TrackScore(0, score, (FrameScore(0.0, (0, 0, 9, 9), 0.9, score, None, ("small",)),), reasons)
    return ScanResult(
        path,
        "image",
        "ok",
        DETECTOR,
        None,
        verdict,
        score,
        interval,
        (track,),
        reasons=reasons,
        decisive_track=0,
    )


def scanned(label, score, verdict, group="", method="swap", **more):
    name = f"{label}-{score}-{group}.jpg"
    item = Item("toy", method if label else "real", name, "", group or name, label)
    return ScannedFile(item, result(name, score, verdict, **more))


@pytest.fixture
def files():
    random = np.random.default_rng(0)
    found = []
    for number in range(60):
        label = number % 2
        score = float(np.clip(random.normal(0.35 + 0.25 * label, 0.2), 0.01, 0.99))
        verdict = "likely_fake" if score > 0.6 else "likely_real" if score < 0.3 else "inconclusive"
        found.append(scanned(label, score, verdict, f"g{number // 6}", ("a", "b")[number % 4 // 2]))
    return [*found, scanned(0, None, None)]


def test_a_result_reads_back_as_it_was_written():
    reason = Reason("small", "widens", "the face is small")
    wanted = result("a.jpg", 0.7, "likely_fake", reasons=(reason,)).to_dict()
    later = {**wanted, "of a later version": 1}
    assert ScanResult.from_dict(json.loads(json.dumps(later))).to_dict() == wanted
    empty = result("b.jpg", None, None).to_dict()
    assert ScanResult.from_dict(empty).to_dict() == empty


@pytest.mark.parametrize(
    "change", [{"schema": 7}, {"status": "odd"}, {"score": None}, {"tracks": [{}]}, {"detector": None}]
)
def test_what_is_no_result_is_refused(change):
    with pytest.raises(ValueError):
        ScanResult.from_dict({**result("a.jpg", 0.7, "likely_fake").to_dict(), **change})


def test_figures_agree_with_counting(files):
    whole, *methods = scan_figures("toy", files, FEW)
    scored = [one for one in files if one.result.score is not None]
    labels = np.array([one.item.label for one in scored])
    scores = np.array([one.result.score for one in scored])
    verdicts = np.array([one.result.verdict for one in scored])
    assert (whole.real, whole.fake, whole.statuses["no_face"]) == (30, 30, 1)
    assert whole.auc.value == pytest.approx(roc_auc_score(labels, scores))
    assert whole.auc.low < whole.auc.value < whole.auc.high
    assert whole.wrong["real"].value == pytest.approx(np.mean(verdicts[labels == 0] == "likely_fake"))
    assert whole.wrong["fake"].value == pytest.approx(np.mean(verdicts[labels == 1] == "likely_real"))
    assert whole.inconclusive["real"].value == pytest.approx(np.mean(verdicts[labels == 0] == "inconclusive"))
    assert whole.verdicts["real"]["likely_fake"] == np.sum(verdicts[labels == 0] == "likely_fake")
    reaching = [s + 0.1 >= 0.4 if label else s - 0.1 < 0.4 for s, label in zip(scores, labels, strict=True)]
    assert whole.interval_coverage.value == pytest.approx(np.mean(reaching))
    assert [one.method for one in methods] == ["a", "b"]
    assert all(one.real == 30 and one.fake == 15 for one in methods)


def test_the_decided_share_agrees_with_trying_every_cut(files):
    whole = scan_figures("toy", files, FEW)[0]
    scored = sorted(
        (one for one in files if one.result.score is not None), key=lambda one: -margin(one.result)
    )
    wrong = np.cumsum([(one.result.score >= 0.4) != one.item.label for one in scored])
    for name, error in (("1%", 0.01), ("2%", 0.02), ("5%", 0.05)):
        cuts = [k for k in range(1, len(scored) + 1) if wrong[k - 1] / k <= error]
        assert whole.decided_at[name].value == pytest.approx(max(cuts, default=0) / len(scored))


def test_a_refused_file_is_the_least_sure():
    refused = result("a", 0.99, "inconclusive", reasons=(Reason("small", "abstains", "small"),))
    assert margin(refused) < margin(
        result("b", 0.41, "inconclusive", reasons=(Reason("band", "abstains", "band"),))
    )


def test_a_score_is_held_against_the_threshold_of_the_detector_that_it_is_of():
    """The interval from 0.5 to 0.7 lies above the first detector's 0.4 and below the other's 0.8."""
    alone = result("one.jpg", 0.3, "likely_real")
    face = (Subject("face", 0, 0.0, 0.0, 0.6, (0.5, 0.7), (0, 0, 9, 9)),)
    first = Opinion("face_manipulated", DETECTOR, "likely_real", 0.3, (0.2, 0.4), (), face, 0)
    other = replace(DETECTOR, name="other", threshold=0.8, band=(0.8, 0.8))
    reasons = (Reason("questions", "abstains", "x"),)
    second = replace(
        first,
        question="face_generated",
        detector=other,
        verdict="inconclusive",
        score=0.6,
        interval=(0.5, 0.7),
    )
    both = replace(
        alone,
        verdict="inconclusive",
        score=0.6,
        interval=(0.5, 0.7),
        reasons=reasons,
        opinions=(first, second),
    )
    item = Item("toy", "real", "one.jpg", "", "one", 0)
    assert scan_figures("toy", [ScannedFile(item, both)], FEW)[0].interval_coverage.value == 1
    assert margin(both) > margin(
        scanned(1, 0.9, "inconclusive", reasons=(Reason("small", "abstains", "x"),)).result
    )


def test_files_of_one_class_have_no_auc_and_no_figure_is_made_up():
    only = scan_figures("toy", [scanned(0, 0.1, "likely_real"), scanned(0, 0.2, "likely_real")], FEW)[0]
    assert only.auc.value is None and only.wrong["fake"].value is None
    assert only.wrong["real"].value == 0
    nothing = scan_figures("toy", [scanned(0, None, None)], FEW)[0]
    assert nothing.auc.value is None and nothing.interval_coverage.value is None
    assert nothing.statuses == {"no_face": 1}


def test_two_logs_are_compared_on_what_both_scored(files):
    better = [
        scanned(one.item.label, 0.1 + 0.8 * one.item.label, "inconclusive", one.item.group) for one in files
    ]
    difference = compare_scans(better, files, FEW)
    assert difference.value == pytest.approx(1 - scan_figures("toy", files, FEW)[0].auc.value)


@pytest.fixture
def log(tmp_path):
    """A set of three pictures and a log of their scans under another root."""
    folder = tmp_path / "set"
    folder.mkdir()
    (folder / "manifest.csv").write_text("path,label\nx/a.jpg,real\ny/a.jpg,fake\nb.jpg,fake\n")
    results = [result("/old/x/a.jpg", 0.1, "likely_real"), result("/old/y/a.jpg", 0.8, "likely_fake")]
    path = tmp_path / "log.jsonl"
    results.append(result("/old/b.jpg", 0.2, "likely_real"))
    path.write_text("".join(json.dumps(one.to_dict()) + "\n" for one in results))
    return folder, path


def test_a_log_is_matched_by_the_ends_of_paths(log, make_detector):
    folder, path = log
    part = open_set(folder, make_detector().card, Options())
    found = read_scans(path, part, range(3))
    assert [one.result.score for one in found] == [0.1, 0.8, 0.2]
    assert [one.item.label for one in found] == [0, 1, 1]


def test_a_log_without_a_file_of_the_set_and_one_that_is_no_log_are_refused(log, make_detector):
    folder, path = log
    part = open_set(folder, make_detector().card, Options())
    path.write_text(path.read_text().splitlines()[0])
    with pytest.raises(EvaluationError, match="2 files"):
        read_scans(path, part, range(3))
    path.write_text("{}\n")
    with pytest.raises(EvaluationError, match="line 1"):
        read_scans(path, part, range(3))


def judged_by(name, number=0, **changes):
    one = scanned(number % 2, 0.2 + 0.1 * number, "inconclusive")
    detector = replace(DETECTOR, name=name, **changes)
    return ScannedFile(one.item, replace(one.result, detector=detector))


def test_the_rows_of_scans_name_the_detectors_that_judged(make_detector, make_crops, encode_jpeg):
    files = [judged_by("toy"), judged_by("toy", 1), judged_by("for-stills", 2), scanned(0, None, None)]
    (whole,) = scan_figures("toy", files, FEW)
    assert whole.detectors == {"toy": 3, "for-stills": 1} == whole.to_dict()["detectors"]
    assert whole.judged_by == "toy (3), for-stills (1)"
    (alone,) = scan_figures("alone", files[:2], FEW)
    assert alone.judged_by == "toy"
    assert replace(alone, log="alone").set_and_log == "alone, log alone"

    rows = [{"file": f"{n}.jpg", "label": ("real", "fake")[n], "data": encode_jpeg(90 + n)} for n in (0, 1)]
    report = evaluate(make_detector(name="toy"), [make_crops("crops", rows)], options=Options(intervals=FEW))
    report = replace(report, scans=[whole, alone])
    for table in forensic_tables(report):
        place = table.headings.index("detector")
        named = {(row[0], row[2]): row[place] for row in table.rows}
        assert named["crops", "video"] == "toy"
        assert (named["toy", "scan"], named["alone", "scan"]) == ("toy (3), for-stills (1)", "toy")
    assert "| toy | all | toy (3), for-stills (1) | " in to_markdown(report)
    told = [line for line in remarks(report) if "whole scans are judged by" in line]
    assert told == [
        "toy: whole scans are judged by toy (3), for-stills (1), all other rows by toy; for figures of for-stills "
        "alone: unmask evaluate for-stills"
    ]


def test_scans_of_another_detector_are_refused(tmp_path):
    folder = write_detector(tmp_path / "stills", name="for-stills")
    stills = detector_info(load_card(folder))
    card = load_card(write_detector(tmp_path / "films", name="films", stills=str(folder)))
    own = judged_by("films")
    own = ScannedFile(own.item, replace(own.result, detector=detector_info(card)))
    image = ScannedFile(own.item, replace(own.result, detector=stills))
    check_detector([own, image], card, images=True)
    with pytest.raises(EvaluationError, match="is an image, which for-stills judges in place of films"):
        check_detector([own, image], card.model_copy(update={"stills": ("for-stills",)}), images=False)
    for found, words in (
        (replace(stills, threshold=0.45), "of for-stills 1, but of other weights, or of another threshold"),
        (replace(own.result.detector, sha256="1" * 64), "of films 1, but of other weights"),
        (DETECTOR, "of another detector than films 1: of toy 1"),
    ):
        with pytest.raises(EvaluationError, match=words):
            other = ScannedFile(own.item, replace(own.result, detector=found))
            check_detector([own, other], card, images=True)


def test_evaluate_scans_the_files_of_a_set_and_its_log_says_the_same(tmp_path, demo_folder):
    """End to end with the built-in detector; verdict counts of --scans are those of the log."""
    run = CliRunner()
    scan = run.invoke(
        build(), ["scan", str(demo_folder), "--output", str(tmp_path / "log.jsonl"), "--workers", "0"]
    )
    assert scan.exit_code == 0, scan.output
    verdicts = [json.loads(line)["verdict"] for line in (tmp_path / "log.jsonl").read_text().splitlines()]
    words = ["evaluate", "jrc", str(demo_folder), "--frames", "1", "--resamples", "100", "--json"]
    here = run.invoke(build(), words)
    assert here.exit_code == 0, here.output
    again = run.invoke(build(), [*words, "--scans", str(tmp_path / "log.jsonl")])
    assert again.exit_code == 0, again.output
    (scanned_here,), (read,) = (json.loads(one.stdout)["scans"] for one in (here, again))
    assert scanned_here["verdicts"] == read["verdicts"]
    counts = {name: sum(part.get(name, 0) for part in read["verdicts"].values()) for name in set(verdicts)}
    assert counts == {name: verdicts.count(name) for name in set(verdicts)}
    without = run.invoke(build(), [*words, "--no-scan", "--out", str(tmp_path / "out")])
    assert json.loads(without.stdout)["scans"] == []
    page = run.invoke(build(), [*words[:-1], "--scans", str(tmp_path / "log.jsonl")])
    assert re.search("whole scans", page.stdout)
    assert scanned_here["detectors"] == read["detectors"] == {"jrc": 1, "jrc-stills": 1}
    assert ", log log: whole scans are judged by" in " ".join(page.stdout.split())
    of_another = run.invoke(
        build(), ["evaluate", "jrc-stills", *words[2:], "--scans", str(tmp_path / "log.jsonl")]
    )
    assert of_another.exit_code == 1
    assert "plain.mp4 is of another detector than jrc-stills" in str(of_another.exception)


@pytest.fixture(scope="module")
def demo_folder(tmp_path_factory):
    """Two short clips from the portrait in the package, with labels."""
    folder = tmp_path_factory.mktemp("demo")
    picture = portrait()
    write_clip(folder / "plain.mp4", picture, seconds=1)
    with_blended_face(picture).save(folder / "blended.png")
    (folder / "manifest.csv").write_text("path,label\nplain.mp4,real\nblended.png,fake\n")
    return folder
