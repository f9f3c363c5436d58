"""Whole studies on the toy faces: what is trained, found again, named when it fails, and written."""

import json

from unmask.studies.running import run_study


def test_a_study_trains_each_cell_once_and_writes_its_page(toy_study, tools, tmp_path):
    report = run_study(toy_study(), tmp_path / "out", (), tools)
    print((tmp_path / "out" / "study.md").read_text())
    assert report.finished == report.planned == 2 * 6 + 1
    written = json.loads((tmp_path / "out" / "study.json").read_text())
    assert written["runs"] == {"planned": 13, "finished": 13}
