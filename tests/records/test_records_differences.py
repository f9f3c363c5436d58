"""In what two results differ, by how much, and what has changed since."""

from dataclasses import replace

from unmask.batch.identity import SCAN_VERSION
from unmask.records.differences import changes_since, result_differences
from unmask.records.environment import environment
from unmask.records.weights import DetectorRecord

JRC = DetectorRecord("jrc", "jrc", "1", "face_manipulated", "c" * 64, {"model.onnx": "a" * 64})


def test_numbers_differ_by_an_amount_and_whole_file_fields_come_first():
    then = {
        "tracks": [{"score": 0.5}, {"score": 0.25}],
        "score": 0.5,
        "verdict": "a",
        "seconds": 1,
        "gone": None,
    }
    now = {
        "tracks": [{"score": 0.5}, {"score": 0.75}, {"score": 1.0}],
        "score": 0.5,
        "verdict": "b",
        "seconds": 2,
    }
    found = [(one.field, one.recorded, one.now, one.by) for one in result_differences(then, now)]
    assert found == [
        ("tracks[2]", None, {"score": 1.0}, None),
        ("verdict", "a", "b", None),
        ("gone", None, None, None),
        ("tracks[1].score", 0.25, 0.75, 0.5),
    ]


def test_where_and_how_fast_a_result_was_made_is_left_out():
    assert result_differences({"path": "a", "isolation": None, "batch": 1}, {"path": "b", "seconds": 3}) == ()


def test_true_is_no_number():
    assert result_differences({"a": True}, {"a": 1}) == ()
    assert result_differences({"a": True}, {"a": 0})[0].by is None


def test_nothing_has_changed_in_the_same_process():
    here = (environment(), [JRC], "f" * 64)
    assert changes_since(here, here) == ()


def test_each_change_is_told_in_the_order_in_which_it_matters():
    here = environment()
    there = replace(
        here,
        unmask="0.0.1",
        scan_version=0,
        libraries={"numpy": "1.0"},
        python="CPython 3.0",
        instruction_sets=("avx2",),
        processor="another",
    )
    other = replace(JRC, weights={"model.onnx": "b" * 64}, card_sha256="d" * 64)
    found = changes_since((there, [other], "e" * 64), (here, [JRC, replace(JRC, name="more")], "f" * 64))
    kinds = [one.kind for one in found]
    assert kinds == ["weights"] * 4 + ["unmask", "libraries", "processor", "processor", "python"]
    assert found[0].text == "detector jrc: other weights (model.onnx)"
    assert "0.0.1 then" in found[4].text and f"scan version 0 then, {SCAN_VERSION} now" in found[4].text
    assert "numpy 1.0 then" in found[5].text and "onnxruntime absent then" in found[5].text
