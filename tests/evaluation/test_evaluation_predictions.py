import numpy as np
import pytest

from unmask.evaluation.predictions import Prediction, Predictions, by_video, pair


def row(path="a.mp4", method="real", label=0, logit=0.0, frame=0, **changes):
    values = {
        "dataset": "set",
        "method": method,
        "path": path,
        "source": "s1",
        "group": "",
        "label": label,
        "level": "frame",
        "status": "ok",
        "logit": logit,
        "score": None if logit is None else 1 / (1 + np.exp(-logit)),
        "frame": frame,
    }
    return Prediction(**{**values, **changes})


def test_csv_gives_back_every_row_exactly(tmp_path):
    rows = Predictions(
        (
            row(logit=1 / 3, path='odd, "name"\n.mp4'),
            row(path="b.mp4", status="no_face", logit=None, frame=3),
            row(path="c.mp4", method="Swap", label=1, level="video", frame=None, group="g"),
        )
    )
    rows.to_csv(tmp_path / "rows.csv")
    assert Predictions.from_csv(tmp_path / "rows.csv") == rows


def test_broken_csv_names_the_line(tmp_path):
    path = tmp_path / "rows.csv"
    Predictions((row(), row(path="b"))).to_csv(path)
    path.write_text(path.read_text().replace("b,s1,,0", "b,s1,,7"))
    with pytest.raises(ValueError, match=r"rows.csv, line 3: label must be 0"):
        Predictions.from_csv(path)
    path.write_text("dataset,path\n")
    with pytest.raises(ValueError, match="lacks the columns frame, group"):
        Predictions.from_csv(path)


@pytest.mark.parametrize(
    "wrong",
    [
        {"label": 2},
        {"level": "clip"},
        {"status": "fine"},
        {"status": "no_face"},
        {"logit": None},
        {"logit": float("nan"), "score": 0.5},
        {"score": 1.5},
    ],
)
def test_impossible_rows_are_refused(wrong):
    with pytest.raises(ValueError, match=r"."):
        row(**wrong)


def test_video_with_two_labels_is_refused():
    with pytest.raises(ValueError, match="both real and fake"):
        Predictions((row(), row(label=1)))


def test_same_file_name_under_two_methods_stays_two_videos():
    frames = Predictions(
        (
            row("033.mp4", "Deepfakes", 1, 2.0),
            row("033.mp4", "FaceSwap", 1, -2.0),
            row("033.mp4", "Deepfakes", 1, 4.0, frame=1),
        )
    )
    videos = by_video(frames)
    assert [(video.method, video.logit) for video in videos] == [("Deepfakes", 3.0), ("FaceSwap", -2.0)]
    assert {video.level for video in videos} == {"video"}


def test_video_score_is_the_calibrated_mean_logit_not_the_mean_score():
    frames = Predictions((row(logit=0.0), row(logit=6.0, frame=1)))
    video = by_video(frames, calibrate=lambda logit: 1 / (1 + np.exp(-2 * logit))).rows[0]
    assert video.logit == 3.0
    assert video.score == pytest.approx(1 / (1 + np.exp(-6)))


def test_one_wild_frame_of_eight_does_not_move_the_video():
    frames = Predictions(tuple(row(logit=1.0 if n else 100.0, frame=n) for n in range(8)))
    assert by_video(frames).rows[0].logit == 1.0


def test_unscored_frames_cost_nothing_and_unscored_videos_keep_their_status():
    frames = Predictions(
        (
            row(logit=2.0),
            row(status="no_face", logit=None, frame=1),
            row("b.mp4", status="no_face", logit=None),
            row("c.mp4", status="unreadable", logit=None, frame=None),
        )
    )
    videos = by_video(frames)
    assert [(video.status, video.logit) for video in videos] == [
        ("ok", 2.0),
        ("no_face", None),
        ("unreadable", None),
    ]
    assert videos.coverage == {"ok": 1, "no_face": 1, "unreadable": 1}
    assert frames.coverage == {"ok": 1, "no_face": 2, "unreadable": 1}


def test_a_method_is_judged_against_the_real_rows_of_its_datasets():
    rows = Predictions(
        (
            row("r1"),
            row("f1", "Swap", 1),
            row("f2", "Reenact", 1),
            row("r2", dataset="other"),
            row("f3", "Swap2", 1, dataset="other"),
        )
    )
    assert rows.methods == ["Reenact", "Swap", "Swap2"]
    assert [part.path for part in rows.of_method("Swap")] == ["r1", "f1"]


def test_cluster_is_the_group_or_else_the_source_or_else_the_video():
    assert row(group="g").cluster != row(source="g").cluster
    assert row(group="g", source="1").cluster == row(group="g", source="2", path="z").cluster
    assert row(source="1").cluster == row(source="1", path="z").cluster
    assert row(source="").cluster != row(source="", path="z").cluster
    assert row(dataset="x").cluster != row().cluster


def test_pairing_keeps_what_both_scored_in_one_order():
    first = Predictions((row("a", logit=1.0), row("b", logit=2.0), row("c", logit=None, status="no_face")))
    second = Predictions((row("b", logit=5.0), row("c", logit=6.0), row("a", logit=4.0)))
    ours, theirs = pair(first, second)
    assert [(a.path, a.logit, b.path, b.logit) for a, b in zip(ours, theirs, strict=True)] == [
        ("a", 1.0, "a", 4.0),
        ("b", 2.0, "b", 5.0),
    ]
    with pytest.raises(ValueError, match="no scored item"):
        pair(first, Predictions((row("z"),)))
    with pytest.raises(ValueError, match="two rows"):
        pair(Predictions((row(), row())), first)
