import pytest

from unmask.audit import audit

pytestmark = pytest.mark.data


def test_real_faces_of_many_people_are_no_copies_of_each_other(data_root):
    report = audit(data_root / "wide-faces")
    assert report.summary.statuses == {"ok": 2708}
    assert report.findings == []
    assert report.counts.near == 0
    assert "all 2708 items are real" in report.facts_reason
