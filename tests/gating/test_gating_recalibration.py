import csv
import json
import tarfile
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from toy_detectors import write_detector
from unmask.detectors import Detector, read_card
from unmask.evaluation import EvaluationError, ScannedFile
from unmask.evaluation.sets import Item
from unmask.gating.recalibration import CalibrationError, derive, derived_card, fix
from unmask.gating.scored_files import list_files, read_files, scan_files
from unmask.report import FrameScore, Opinion, ScanResult, Subject, TrackScore
from unmask.scanning import Scanner, Settings, detector_info
from unmask.statistics.conformal import TooFewItemsError
from unmask.statistics.likelihood_ratios import empirical_bounds
from unmask.training.calibrate import fit_platt
from unmask.verdict import at_prior_odds, per_face_prior_odds, sigmoid


@pytest.fixture
def parent(tmp_path):
    figures = {"toys": {"frame_auc": 0.9, "false_positive_rate": 0.1, "true_positive_rate": 0.8}}
    return write_detector(tmp_path / "parent", metrics={"validation": figures, "fairness": {"toys": {}}})


@pytest.fixture
def card(parent):
    return read_card(parent)


def scanned(card, score, label=0, source="", faces=1, name=None):
    """A file of one face, or of several of which the first is the most suspicious."""
    name = name or f"{label}-{score}-{source}.jpg"
    item = Item("toys", ("real", "fake")[label], name, source, "", label)
    info = detector_info(card)
    if score is None:
        return ScannedFile(item, ScanResult(name, "image", "no_face", info))
    tracks = tuple(
        TrackScore(number, score / (number + 1), (FrameScore(0.0, (0, 0, 9, 9), 0.9, score, None),))
        for number in range(faces)
    )
    whole = at_prior_odds(score, per_face_prior_odds(faces))
    result = ScanResult(
        name, "image", "ok", info, None, "inconclusive", whole, (0.0, 1.0), tracks, decisive_track=0
    )
    return ScannedFile(item, ScanResult.from_dict(result.to_dict()))


def uniform(card, count, seed=0, **more):
    random = np.random.default_rng(seed)
    return [scanned(card, round(float(score), 6), **more) for score in random.uniform(0.02, 0.98, count)]


def test_the_threshold_is_the_score_that_few_enough_real_files_reach(card):
    files = uniform(card, 99)
    found = fix(card, [*files, scanned(card, None)], [0.05, 0.1])
    scores = sorted(one.result.score for one in files)
    assert [one.threshold for one in found.thresholds] == pytest.approx([scores[94], scores[89]], abs=3e-6)
    assert sum(score >= found.thresholds[0].threshold for score in scores) == 4
    assert (found.unscored, len(found.scores), found.calibration) == (1, 99, card.calibration)
    first, second, bound = found.promises()
    assert first.startswith("at most 5 % of real files like these score") and "at most 10 %" in second
    assert bound == "with 99 files no rate below 1 % can be promised"


def test_of_a_source_only_the_highest_score_counts(card):
    files = [one for s in range(30) for one in uniform(card, 5, seed=s, source=f"s{s}")]
    found = fix(card, files, [0.1])
    highest = sorted(max(one.result.score for one in files[5 * s : 5 * s + 5]) for s in range(30))
    assert found.thresholds[0].items == 30
    assert found.thresholds[0].threshold == pytest.approx(highest[27], abs=3e-6)
    assert "with 30 groups no rate below 3.2 %" in found.promises()[-1]
    assert "at most 10 % of real groups" in found.promises()[0]
    with pytest.raises(TooFewItemsError, match="with 30 files"):
        fix(card, files, [0.01])


def test_files_without_a_score_or_at_the_highest_one_promise_nothing(card):
    with pytest.raises(CalibrationError, match="none of the 2 real files"):
        fix(card, [scanned(card, None), scanned(card, None)], [0.5])
    with pytest.raises(CalibrationError, match="none of the 1 fake files"):
        fix(card, uniform(card, 9), [0.5], [scanned(card, None, label=1)])
    with pytest.raises(CalibrationError, match="highest score"):
        fix(card, [scanned(card, 1.0, name=f"{n}.jpg") for n in range(50)], [0.1])


def test_with_fakes_scores_are_calibrated_anew(card):
    reals, fakes = uniform(card, 60), [replace(one) for one in uniform(card, 80, seed=1, label=1)]
    fakes = [one for one in fakes if one.result.score > 0.3]
    found = fix(card, reals, [0.1], fakes)
    scores = np.array([one.result.score for one in (*reals, *fakes)])
    logits = (np.log(scores / (1 - scores)) - 0.5) / 2
    labels = np.repeat([0, 1], [len(reals), len(fakes)])
    platt = fit_platt(logits, labels)

    def scores_of(values):
        return 1 / (1 + np.exp(-(platt.slope * values + platt.intercept)))

    assert (found.calibration.slope, found.calibration.intercept) == pytest.approx(
        (platt.slope, platt.intercept), rel=1e-4
    )
    assert found.scores == pytest.approx(scores_of(logits[labels == 0]), abs=1e-5)
    assert (found.calibration.prior, found.calibration.reals, found.fakes) == (0.5, 60, len(fakes))
    bounds = empirical_bounds(labels, (platt.slope * logits + platt.intercept) / np.log(10))
    assert found.calibration.log10_lr_bounds == pytest.approx(bounds, abs=0.02)
    new = derived_card(card, "0" * 64, found)
    assert new.lineage.fakes == len(fakes)
    ends = [scores_of((np.log(end / (1 - end)) - 0.5) / 2) for end in card.band]
    assert new.band == pytest.approx((min(ends[0], new.threshold), max(ends[1], new.threshold)), rel=1e-4)


def test_the_odds_of_several_faces_stay_lowered(card):
    reals = [*uniform(card, 40), *uniform(card, 20, seed=4, faces=3)]
    found = fix(card, reals, [0.1], [one for one in uniform(card, 40, 5, label=1) if one.result.score > 0.4])
    calibration, last = found.calibration, reals[-1].result
    logit = (np.log(last.tracks[0].score / (1 - last.tracks[0].score)) - 0.5) / 2
    face = sigmoid(calibration.slope * logit + calibration.intercept)
    assert found.scores[-1] == pytest.approx(at_prior_odds(face, per_face_prior_odds(3)), abs=1e-5)


@pytest.mark.parametrize(("low", "high"), [(0.0, 0.3), (0.6, 1.0)])
def test_a_derived_card_makes_no_verdict_easier(card, low, high):
    files = [scanned(card, low + (high - low) * n / 60 + 0.005, name=f"{n}.jpg") for n in range(59)]
    new = derived_card(card, "a" * 64, fix(card, files, [0.1, 0.05]))
    assert new.threshold == pytest.approx(low + (high - low) * 53 / 60 + 0.005, abs=3e-6)
    assert new.band[0] == min(card.band[0], new.threshold) and new.band[1] == max(card.band[1], new.threshold)
    assert (new.lineage.parent, new.lineage.parent_card_sha256, new.lineage.files) == ("toy", "a" * 64, 59)
    assert [one.rate for one in new.lineage.rates] == [0.1, 0.05]
    assert new.name == "toy-calibrated" and new.identity == card.identity
    assert new.metrics == {"validation": {"toys": {"frame_auc": 0.9}}}
    assert derived_card(new, "b" * 64, fix(card, files, [0.1])).name == "toy-calibrated"


def test_a_derived_folder_holds_the_same_detector(card, parent, tmp_path):
    (parent / "note.txt").write_text("licence")
    found = fix(card, uniform(card, 50), [0.1])
    new = derive(parent, tmp_path / "deep" / "new", found)
    derived = Detector(tmp_path / "deep" / "new")
    assert derived.card == new and (tmp_path / "deep/new/note.txt").read_text() == "licence"
    crops = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    assert np.array_equal(derived.logits(crops), Detector(parent).logits(crops))
    with pytest.raises(CalibrationError, match="holds a detector already"):
        derive(parent, parent, found)
    assert read_card(parent) == card


def test_the_hash_names_the_data(card):
    files = uniform(card, 50)
    assert fix(card, files, [0.1]).data_sha256 == fix(card, files[::-1], [0.2]).data_sha256
    assert fix(card, files[1:], [0.1]).data_sha256 != fix(card, files, [0.1]).data_sha256


@pytest.fixture
def folder(tmp_path):
    folder = tmp_path / "mine"
    (folder / "deep").mkdir(parents=True)
    for name in ("a.jpg", "deep/b.mp4", "notes.txt"):
        (folder / name).write_bytes(b"x")
    return folder


def manifest(folder, *rows, columns="path,label,source,camera"):
    (folder / "manifest.csv").write_text("\n".join([columns, *rows]) + "\n")
    return folder


def test_files_folders_and_manifests_are_listed(folder, tmp_path):
    (part,) = list_files([folder], 0)
    assert [item.path for item in part.items] == ["mine/a.jpg", "mine/deep/b.mp4"]
    (single,) = list_files([folder / "a.jpg"], 1)
    assert [(item.path, item.label) for item in single.items] == [("a.jpg", 1)]
    manifest(folder, "a.jpg,real,s1,c1", "deep/b.mp4,real,s2,c1", "c.jpg,real,s3,")
    (part,) = list_files([folder], 0)
    assert [item.source for item in part.items] == ["s1", "s2", "s3"]
    (part,) = list_files([folder], 0, by="camera")
    assert [(item.group, item.source) for item in part.items] == [("c1", ""), ("c1", ""), ("", "")]


def test_wrong_lists_are_refused_in_one_line(folder, tmp_path):
    for words, paths, by in (
        ("no such file", [tmp_path / "gone"], None),
        ("needs a manifest.csv", [folder], "camera"),
    ):
        with pytest.raises(EvaluationError, match=words):
            list_files(paths, 0, by)
    (tmp_path / "empty").mkdir()
    with pytest.raises(EvaluationError, match="no image or video"):
        list_files([tmp_path / "empty"], 0)
    manifest(folder, "a.jpg,real,s1,", "b.jpg,fake,s1,")
    with pytest.raises(EvaluationError, match="lists 1 fake files beside 1 real ones; fakes go to --fakes"):
        list_files([folder], 0)
    with pytest.raises(EvaluationError, match="lists 1 real files beside 1 fake ones; --fakes takes fakes"):
        list_files([folder], 1)
    manifest(folder, "a.jpg,real,s1,")
    with pytest.raises(EvaluationError, match="no column 'camera'"):
        list_files([folder], 0, by="camera")


def test_a_log_of_another_detector_is_refused(card, folder, tmp_path):
    listed = list_files([manifest(folder, "x.jpg,real,s1,")], 0)
    log = tmp_path / "log.jsonl"
    row = scanned(card, 0.7, name="/other/place/x.jpg").result.to_dict()
    log.write_text(json.dumps(row))
    (one,) = read_files(listed, log, card)
    assert one.result.score == 0.7
    own = card.model_copy(update={"threshold": 0.5123456789})  # A log has six decimals of it.
    log.write_text(json.dumps(scanned(own, 0.7, name="/other/place/x.jpg").result.to_dict()))
    assert len(read_files(listed, log, own)) == 1
    with pytest.raises(EvaluationError, match="of toy 1, but of other weights, or of another threshold"):
        read_files(listed, log, card.model_copy(update={"threshold": 0.55}))
    with pytest.raises(EvaluationError, match="is an image, which toy judges in place of films"):
        read_files(listed, log, card.model_copy(update={"name": "films", "stills": ("toy",)}))


def test_of_several_opinions_that_of_the_detector_itself_counts(card, folder, tmp_path):
    listed = list_files([manifest(folder, "x.jpg,real,s1,")], 0)
    alone = scanned(card, 0.7, name="x.jpg").result
    face = (Subject("face", 0, 0.0, 0.0, 0.7, (0.5, 0.8), (0, 0, 9, 9)),)
    own = Opinion("face_manipulated", alone.detector, "inconclusive", 0.7, (0.5, 0.8), (), face, 0)
    other = replace(own, question="face_generated", verdict="likely_fake", score=0.9, interval=(0.8, 0.95))
    log = tmp_path / "log.jsonl"
    both = replace(alone, score=0.8, decisive_track=None, opinions=(own, other))
    log.write_text(json.dumps(both.to_dict()))
    (one,) = read_files(listed, log, card)
    assert (one.result.score, one.result.decisive_track, one.result.opinions) == (0.7, 0, (own,))


def test_the_first_file_of_another_detector_ends_the_scans(card, folder):
    listed = list_files([manifest(folder, "x.jpg,real,s1,", "y.jpg,real,s2,")], 0)
    seen = []
    films = card.model_copy(update={"name": "films", "stills": ("toy",)})

    def scan(path):
        seen.append(path.name)
        return scanned(card, 0.7, name=str(path)).result

    scanner = SimpleNamespace(detector=SimpleNamespace(card=films), scan_or_explain=scan)
    with pytest.raises(EvaluationError, match=r"x\.jpg is an image, which toy judges in place of films"):
        scan_files(listed, scanner, lambda name, done, total: None)
    assert seen == ["x.jpg"]


@pytest.mark.data
@pytest.mark.slow
def test_a_threshold_fixed_on_a_part_of_real_photographs_holds_on_the_rest(data_root, tmp_path):
    """Of 40 held files a rate of 20 % of 40 fixed ones lets 18 or more through once in 1,000 times."""
    with tarfile.open(data_root / "utk-faces" / "faces.tar") as archive:
        archive.extractall(tmp_path, filter="data")
    with (data_root / "utk-faces" / "manifest.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))[1::2][:80]
    halves = [list_files([tmp_path / row["path"] for row in rows[start::2]], 0) for start in (0, 1)]
    with Scanner(Settings("jrc-stills", isolated=False)) as scanner:
        fixed, held = (scan_files(half, scanner, lambda name, done, total: None) for half in halves)
    from unmask.detectors import load_card

    threshold = fix(load_card("jrc-stills"), fixed, [0.2]).thresholds[0].threshold
    called = sum((one.result.score or 0) >= threshold for one in held)
    assert called <= 18
