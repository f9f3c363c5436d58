import json
import threading
import time
from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from unmask.evaluation.console import to_table
from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.markdown import to_markdown
from unmask.evaluation.predictions import Predictions
from unmask.evaluation.protocol import Options, evaluate
from unmask.evaluation.remarks import remarks
from unmask.evaluation.scoring import Rates, read_ahead, score_set
from unmask.evaluation.sets import Item, Reading, choose, choose_split
from unmask.statistics.intervals import Settings

FAST = Options(frames=4, intervals=Settings(resamples=200))
GREYS = [100, 110, 120, 130, 140, 150, 125, 135]
LABELS = [0, 0, 1, 0, 1, 1, 0, 1]


@pytest.fixture
def crop_rows(encode_jpeg):
    return [
        {
            "file": f"{n}.jpg",
            "label": "fake" if label else "real",
            "source": f"s{n // 2}",
            "split": "val",
            "crop_profile": "tight",
            "data": encode_jpeg(grey, quality=90),
        }
        for n, (grey, label) in enumerate(zip(GREYS, LABELS, strict=True))
    ]


@pytest.fixture
def video_rows():
    return [
        {"path": "real/1.mp4", "label": "real", "method": "real", "group": "a", "grey": [90] * 8},
        {"path": "real/2.mp4", "label": "real", "method": "real", "group": "b", "grey": [130] * 8},
        {"path": "swap/1.mp4", "label": "fake", "method": "Swap", "group": "a", "grey": [150] * 8},
        {"path": "swap/2.mp4", "label": "fake", "method": "Swap", "group": "b", "grey": [120] * 8},
        {"path": "redo/1.mp4", "label": "fake", "method": "Redo", "group": "a", "grey": [160] * 4 + [0] * 4},
        {"path": "redo/2.mp4", "label": "fake", "method": "Redo", "group": "b", "grey": [0] * 8},
        {"path": "redo/3.mp4", "label": "fake", "method": "Redo", "group": "b", "grey": None},
        {"path": "redo/4.mp4", "label": "fake", "method": "Redo", "group": "b", "grey": []},
    ]


def test_crops_give_the_known_answer(detector, make_crops, crop_rows):
    report = evaluate(detector, [make_crops("crops", crop_rows)], options=FAST)
    logits = (np.array(GREYS) - 128) / 10
    scores = 1 / (1 + np.exp(-(0.5 * logits + 0.1)))
    for level in ("frame", "video"):
        result = report.result("crops", level)
        assert (result.real, result.fake, result.clusters) == (4, 4, 4)
        assert result.metrics["auc"].value == roc_auc_score(LABELS, logits)
        assert result.metrics["accuracy"].value == np.mean((scores >= 0.6) == LABELS)
        assert result.metrics["brier"].value == pytest.approx(np.mean((scores - LABELS) ** 2), abs=1e-4)
    rows = report.predictions.at("frame").rows
    assert [row.logit for row in rows] == pytest.approx(list(logits), abs=0.05)
    assert [row.score for row in rows] == pytest.approx(list(scores), abs=0.01)
    assert report.sets[0].notes == []


def test_tar_shards_and_files_give_the_same(detector, make_crops, crop_rows):
    files = evaluate(detector, [make_crops("a", crop_rows)], options=FAST)
    sharded = evaluate(detector, [make_crops("b", crop_rows, shard="b.tar")], options=FAST)
    assert [row.logit for row in files.predictions] == [row.logit for row in sharded.predictions]


def test_crops_of_one_video_are_merged_by_its_key(detector, make_crops, crop_rows):
    for number, row in enumerate(crop_rows):
        row |= {"video": f"clip{number // 2}", "method": "Swap", "frame": number % 2, "label": "fake"}
        row["label"] = "fake" if number >= 4 else "real"
    report = evaluate(detector, [make_crops("crops", crop_rows)], options=FAST)
    videos = report.predictions.at("video").rows
    means = (np.array(GREYS).reshape(4, 2).mean(axis=1) - 128) / 10
    assert [video.path for video in videos] == ["clip0", "clip1", "clip2", "clip3"]
    assert [video.logit for video in videos] == pytest.approx(list(means), abs=0.05)
    assert report.result("crops", "frame").fake == 4
    assert report.result("crops", "video").fake == 2


def test_broken_and_odd_crops_are_rows_with_a_status(detector, make_crops, crop_rows, encode_jpeg):
    crop_rows[0]["data"] = crop_rows[0]["data"][:200]
    crop_rows[1]["data"] = b"not an image"
    crop_rows[2]["data"] = encode_jpeg(100, size=(40, 30))
    folder = make_crops("crops", crop_rows)
    (folder / "3.jpg").unlink()
    report = evaluate(detector, [folder], options=FAST)
    assert report.sets[0].coverage["frame"] == {"ok": 4, "unreadable": 3, "unsupported": 1}
    assert len(report.predictions.at("frame")) == 8
    assert all(row.score is None for row in report.predictions.rows[:4])
    assert report.result("crops", "frame").real + report.result("crops", "frame").fake == 4
    assert set(report.sets[0].details) == {"0.jpg", "1.jpg", "2.jpg", "3.jpg"}


def test_another_crop_profile_is_noted(make_detector, make_crops, crop_rows):
    folder = make_crops("crops", crop_rows)
    report = evaluate(make_detector(crop_profile="wide"), [folder], options=FAST)
    assert report.sets[0].notes == ["the crops of crops are cut tight; the detector expects the profile wide"]
    assert report.sets[0].notes[0] in to_markdown(report)


def test_training_data_are_taken_on_request_only(detector, make_crops, crop_rows):
    for row in crop_rows[:4]:
        row["split"] = "train"
    folder = make_crops("crops", crop_rows)
    report = evaluate(detector, [folder], options=FAST)
    assert (report.sets[0].split, report.sets[0].items) == ("val", 4)
    with pytest.raises(EvaluationError, match="no split 'test': choose one of train, val"):
        evaluate(detector, [folder], options=Options(split="test"))


def test_split_is_asked_for_when_several_could_be_meant():
    assert choose_split(["", ""], "val", "set") is None
    assert choose_split(["train", "val"], "train", "set") == "train"
    with pytest.raises(EvaluationError, match="needs a split: choose one of test, train, val"):
        choose_split(["train", "val", "test"], None, "set")


def test_videos_give_frames_videos_methods_and_coverage(detector, finder, make_videos, video_rows):
    folder = make_videos("clips", video_rows)
    (folder / "redo/4.mp4").unlink(missing_ok=True)
    report = evaluate(detector, [folder], options=FAST, finder=finder)
    summary = report.sets[0]
    assert summary.coverage["video"] == {"ok": 5, "no_face": 1, "unreadable": 2}
    # Four frames of each readable video, one row each of the two that cannot be read.
    assert summary.coverage["frame"] == {"ok": 18, "no_face": 6, "unreadable": 2}
    assert report.result("clips", "video").metrics["auc"].value == pytest.approx(5 / 6)
    assert report.result("clips", "video", "Swap").metrics["auc"].value == pytest.approx(3 / 4)
    assert report.result("clips", "video", "Redo").metrics["auc"].value == 1.0
    assert report.result("clips", "frame").fake == 10
    by_path = {row.path: row for row in report.predictions.at("video")}
    assert by_path["redo/1.mp4"].logit == pytest.approx((160 - 128) / 10, abs=0.3)
    assert by_path["redo/2.mp4"].status == "no_face"
    assert by_path["redo/2.mp4"].score is None
    assert by_path["redo/3.mp4"].status == "unreadable"


def test_batches_are_filled_across_videos_and_change_nothing(detector, make_detector, make_crops, crop_rows):
    from unmask.evaluation.crops import open_crops

    folder = make_crops("crops", crop_rows)
    opened = open_crops(folder, "tight", 32)
    whole = score_set(detector, opened, range(8), batch=3)
    single = score_set(make_detector(), opened, range(8), batch=1)
    assert detector.batches == [3, 3, 2]
    assert [row.logit for row in whole.frames] == [row.logit for row in single.frames]
    assert whole.rates.crops == 8


def test_several_sets_are_pooled(detector, finder, make_crops, crop_rows, make_videos, video_rows):
    folders = [make_crops("crops", crop_rows), make_videos("clips", video_rows[:4])]
    report = evaluate(detector, folders, options=FAST, finder=finder)
    rows = report.predictions.at("video").scored
    pooled = report.result("all", "video")
    assert (pooled.real, pooled.fake) == (6, 6)
    assert pooled.metrics["auc"].value == roc_auc_score([r.label for r in rows], [r.logit for r in rows])


def test_control_stands_beside_the_result_and_a_leak_is_told(detector, make_crops, encode_jpeg):
    rows = [
        {
            "file": f"{n}.jpg",
            "label": ("real", "fake")[n % 2],
            "source": f"s{n // 2}",
            "data": encode_jpeg(128, quality=(95, 75)[n % 2]),
        }
        for n in range(40)
    ]
    report = evaluate(detector, [make_crops("leaky", rows)], options=FAST)
    control = report.result("leaky", "frame").control
    assert control.auc.value == 1.0
    assert "jpeg_quality" in control.features
    assert "the set leaks" in to_markdown(report)
    assert report.result("leaky", "frame").metrics["auc"].value < 0.9


def test_report_folder_holds_the_same_figures(detector, make_crops, crop_rows, tmp_path):
    out = tmp_path / "out" / "deep"
    report = evaluate(detector, [make_crops("crops", crop_rows)], out, FAST, command="unmask evaluate x")
    data = json.loads((out / "report.json").read_text())
    assert data == json.loads(json.dumps(report.to_dict()))
    assert data["detector"]["sha256"] == "0" * 64
    assert data["settings"] == {
        "frames": 4,
        "split": None,
        "limit": None,
        "seed": 0,
        "resamples": 200,
        "confidence": 0.95,
    }
    assert Predictions.from_csv(out / "predictions.csv") == report.predictions
    page = (out / "report.md").read_text()
    figure = report.result("crops", "frame").metrics["auc"]
    assert f"{figure.value:.3f} [{figure.low:.3f}, {figure.high:.3f}]" in page
    assert "unmask evaluate x" in page
    assert to_table(report).row_count == len(report.results)


def test_single_class_is_told_and_not_scored(detector, make_crops, crop_rows, tmp_path):
    folder = make_crops("real", [row for row in crop_rows if row["label"] == "real"])
    report = evaluate(detector, [folder], tmp_path / "out", FAST)
    assert report.result("real", "frame").metrics["auc"].value is None
    assert "AUC: needs both classes, and all 4 items are real" in to_markdown(report)


def test_limit_takes_both_classes_and_is_told(detector, make_crops, crop_rows):
    folder = make_crops("crops", crop_rows)
    report = evaluate(detector, [folder], options=Options(limit=4))
    result = report.result("crops", "frame")
    assert (result.real, result.fake) == (2, 2)
    assert "only 4 of 8 items: a trial" in to_markdown(report)


def test_choose_is_reproducible_and_fills_up_with_the_larger_class():
    items = [Item("d", "", str(n), "", "", int(n < 2)) for n in range(20)]
    chosen = choose(items, 10, seed=3)
    assert chosen == choose(items, 10, seed=3) == sorted(chosen)
    assert len(chosen) == 10
    assert sum(items[n].label for n in chosen) == 2
    assert choose(items, None, 0) == list(range(20))


@pytest.mark.parametrize(
    ("manifest", "problem"),
    [
        (None, "no readable manifest.csv"),
        ("a,b\n1,2\n", "needs a column file .crops. or path .videos."),
        ("path,label\nx.mp4,maybe\n", "line 2: needs a path and a label"),
        ("path,label\n../x.mp4,real\n", "leaves the folder"),
        ("path,label\n", "lists nothing"),
        ("path,label\nx.mp4,real\nx.mp4,real\n", "lists x.mp4 2 times"),
        ("file,label\nx.jpg,maybe\n", "needs a file and a label"),
    ],
)
def test_unusable_sets_are_one_line(detector, finder, tmp_path, manifest, problem):
    if manifest:
        (tmp_path / "manifest.csv").write_text(manifest)
    with pytest.raises(EvaluationError, match=problem) as error:
        evaluate(detector, [tmp_path], options=FAST, finder=finder)
    assert "\n" not in str(error.value)


def test_two_sets_of_one_name_are_refused(detector, make_crops, crop_rows):
    folder = make_crops("crops", crop_rows)
    with pytest.raises(EvaluationError, match="two sets are called crops"):
        evaluate(detector, [folder, folder], options=FAST)


class SlowSet:
    """Items that take a moment to read, and say which thread read them."""

    name, kind, split, notes = "slow", "crops", None, ()

    def __init__(self, items=20, seconds=0.01):
        self.items = [Item("slow", "", str(n), f"s{n}", "", n % 2) for n in range(items)]
        self.seconds = seconds
        self.threads, self.started = set(), 0

    def read(self, index):
        self.started += 1
        self.threads.add(threading.current_thread().name)
        time.sleep(self.seconds)
        return Reading("ok", ((0, np.full((32, 32, 3), index, np.uint8)),))


def test_reading_goes_on_in_the_background_and_keeps_its_order(detector):
    items = SlowSet()
    outcome = score_set(detector, items, range(20), batch=4, readers=4)
    assert threading.current_thread().name not in items.threads
    assert len(items.threads) == 4
    assert [row.path for row in outcome.frames] == [str(n) for n in range(20)]
    assert [row.logit for row in outcome.frames] == pytest.approx([(n - 128) / 10 for n in range(20)])
    assert outcome.rates.reading >= 20 * 0.01
    assert outcome.rates.to_dict()["items"] == 20


def test_reading_goes_on_while_a_batch_is_scored(make_detector):
    detector, items, seen = make_detector(), SlowSet(24, 0), []

    def score_after_more_was_read(crops):
        wanted, end = min(24, 4 * (len(seen) + 2)), time.monotonic() + 10
        while items.started < wanted and time.monotonic() < end:
            time.sleep(0.001)
        seen.append(items.started >= wanted)
        return np.zeros(len(crops), np.float32)

    detector.logits = score_after_more_was_read
    score_set(detector, items, range(24), batch=4, readers=1)
    assert seen == [True] * 6


def test_both_rates_are_said_and_which_set_the_pace(detector, make_crops, crop_rows):
    report = evaluate(detector, [make_crops("crops", crop_rows)], options=FAST)
    rates = Rates(items=8, crops=8, reading=0.04, scoring=4.0, waiting=0.1, total=5.0, readers=2)
    summary = replace(report.sets[0], rates=rates)
    (line,) = [text for text in remarks(replace(report, sets=(summary,))) if "a second" in text]
    assert line == (
        "crops: 8 crops in 5.0 s: 400 a second could be read (threads: 2), 2.0 scored; inference set the pace, "
        "2% of the time was spent waiting for crops"
    )
    slow = replace(summary, rates=replace(rates, reading=40.0))
    assert any("reading set the pace" in text for text in remarks(replace(report, sets=(slow,))))
    none = replace(summary, rates=Rates())
    assert not any("a second" in text for text in remarks(replace(report, sets=(none,))))


def test_no_more_is_read_than_asked_for_ahead():
    items = SlowSet(50, 0)
    reader = read_ahead(items, range(50), Rates(readers=2), ahead=5)
    next(reader)
    reader.close()
    assert items.started <= 6


def test_an_error_in_a_reader_thread_is_not_swallowed(detector):
    items = SlowSet()
    items.read = lambda index: 1 / 0
    with pytest.raises(ZeroDivisionError):
        score_set(detector, items, range(20))
