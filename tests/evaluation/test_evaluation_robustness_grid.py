import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.markdown import to_markdown
from unmask.evaluation.protocol import Options, evaluate
from unmask.statistics.intervals import Settings

FAST = Settings(resamples=150)


@pytest.fixture
def videos(make_videos):
    rows = [
        {"path": f"{n}.mp4", "label": ("real", "fake")[n % 2], "group": f"g{n // 2}", "grey": [grey] * 3}
        for n, grey in enumerate([90, 150, 110, 160, 140, 120, 50, 180])
    ]
    return make_videos("clips", rows)


def stressed(detector, folder, finder, *names):
    options = Options(frames=2, intervals=FAST, robustness=True, distortions=names)
    return evaluate(detector, [folder], options=options, finder=finder)


def test_faces_are_looked_for_in_the_distorted_picture_and_lost_ones_cost_coverage(detector, finder, videos):
    report = stressed(detector, videos, finder, "contrast")
    grid = report.robustness[0]
    assert grid.clean.coverage == {"ok": 8}
    # The toy finder sees nothing in the dark: 50 grey levels times 0.35 are under its 20.
    assert [cell.coverage.get("no_face", 0) for cell in grid.of("contrast")] == [0, 0, 0, 0, 1]
    assert grid.of("contrast")[-1].covered == 7 / 8
    assert "before faces are looked for" in to_markdown(report)
    greys, labels = np.array([90, 150, 110, 160, 140, 120, 180]), [0, 1, 0, 1, 0, 1, 1]
    assert grid.of("contrast")[-1].auc.value == roc_auc_score(labels, greys)


def test_mean_and_drop_rest_on_the_same_resamples_of_every_cell(detector, finder, videos):
    grid = stressed(detector, videos, finder, "noise").robustness[0]
    cells = grid.of("noise")
    values = [cell.auc.value for cell in cells]
    assert grid.means["noise"].value == pytest.approx(np.mean(values))
    assert grid.drops["noise"].value == pytest.approx(np.mean(values) - grid.clean.auc.value)
    assert grid.means["noise"].low <= grid.means["noise"].value <= grid.means["noise"].high


def test_a_distortion_that_changes_nothing_of_the_order_has_no_drop(detector, finder, videos):
    grid = stressed(detector, videos, finder, "resize").robustness[0]
    drop = grid.drops["resize"]
    assert (drop.value, drop.low, drop.high) == (0, 0, 0)
    assert {cell.auc for cell in grid.cells} == {grid.clean.auc}


def test_whole_videos_are_coded_anew(detector, finder, videos, monkeypatch):
    from unmask.evaluation import videos as room

    seen = []
    original = room.recode
    monkeypatch.setattr(
        room, "recode", lambda path, target, crf: (seen.append(crf), original(path, target, crf))
    )
    grid = stressed(detector, videos, finder, "h264").robustness[0]
    assert sorted(set(seen)) == [30, 32, 35, 38, 40]
    assert len(seen) == 5 * 8
    assert [cell.coverage for cell in grid.cells] == [{"ok": 8}] * 5
    assert [cell.auc.value for cell in grid.cells] == [grid.clean.auc.value] * 5


def test_crops_are_distorted_as_they_are_and_the_report_says_so(detector, make_crops, encode_jpeg):
    rows = [
        {
            "file": f"{n}.jpg",
            "label": ("real", "fake")[n % 2],
            "source": f"s{n}",
            "data": encode_jpeg(100 + 5 * n),
        }
        for n in range(8)
    ]
    report = stressed(detector, make_crops("crops", rows), None, "blocks", "jpeg")
    grid = report.robustness[0]
    assert grid.distortions == ["blocks", "jpeg"]
    assert "ready crop" in grid.place
    assert grid.place in to_markdown(report)
    assert report.to_dict()["robustness"][0]["cells"][0]["coverage"] == {"ok": 8}


def test_without_both_classes_there_is_a_reason_and_no_figure(detector, make_crops, encode_jpeg):
    rows = [
        {"file": f"{n}.jpg", "label": "real", "source": f"s{n}", "data": encode_jpeg(90 + n)}
        for n in range(4)
    ]
    grid = stressed(detector, make_crops("crops", rows), None, "jpeg").robustness[0]
    assert grid.means["jpeg"].value is None
    assert grid.means["jpeg"].reason


def test_an_unknown_distortion_names_the_nearest():
    with pytest.raises(EvaluationError, match="unknown distortion 'blurr'; did you mean 'blur'"):
        Options(distortions=("blurr",))
