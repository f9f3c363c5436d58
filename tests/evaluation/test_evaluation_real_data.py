import shutil

import pytest

from unmask.evaluation import Options, evaluate
from unmask.statistics import Settings

pytestmark = pytest.mark.data


def test_real_crops_carry_their_facts(make_detector, data_root):
    options = Options(limit=200, intervals=Settings(resamples=200))
    report = evaluate(make_detector(input_size=224), [data_root / "dfdc-faces"], options=options)
    summary = report.sets[0]
    assert (summary.split, summary.items_in_split) == ("val", 2793)
    assert summary.coverage["frame"] == {"ok": 200}
    assert summary.notes == []
    control = report.result("dfdc-faces", "frame").control
    # Size, coding and JPEG tables are the same for all of these crops.
    assert control.features == ("bytes", "face_px")
    assert not control.leaks


def test_real_videos_give_faces_methods_and_groups(make_detector, data_root, tmp_path):
    manifest = (data_root / "ffpp-c23-val" / "manifest.csv").read_text().splitlines()
    chosen = [next(line for line in manifest if word in line) for word in ("/033.mp4", "/033_097.mp4")]
    for line in chosen:
        path = tmp_path / line.split(",")[0]
        path.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(data_root / "ffpp-c23-val" / line.split(",")[0], path)
    (tmp_path / "manifest.csv").write_text("\n".join([manifest[0], *chosen]))
    detector = make_detector(input_size=224, crop_profile="wide")
    report = evaluate(detector, [tmp_path], options=Options(frames=2, intervals=Settings(resamples=100)))
    rows = report.predictions.at("frame").rows
    assert [row.status for row in rows] == ["ok"] * 4
    assert {row.group for row in rows} == {"097"}
    assert "there is 1" in report.results[0].metrics["auc"].reason
