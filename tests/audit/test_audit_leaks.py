from unmask.audit import audit


def found(folder):
    return {(leak.kind, leak.name): leak.places for leak in audit(folder).leaks}


def test_a_source_on_both_sides_is_found(faces, tmp_path):
    toys = faces(sources=8)
    toys.rows[0]["split"] = "val"
    report = audit(toys.write(tmp_path / "set"))
    assert [(finding.severity, finding.kind) for finding in report.findings] == [("serious", "source")]
    assert found(tmp_path / "set") == {("source", "s0"): {"val": 1, "train": 1}}


def test_a_person_on_both_sides_is_found(faces, tmp_path):
    toys = faces(sources=8)
    for number, row in enumerate(toys.rows):
        # Sources 0, 1 are one person's, 2 and 3 (the first for validation) another's.
        row["person"] = f"p{number // 4}"
    leaks = found(toys.write(tmp_path / "set"))
    assert leaks == {("group", name): {"train": 2, "val": 2} for name in ("p1", "p3")}


def test_a_video_with_crops_on_both_sides_is_found(faces, tmp_path):
    toys = faces(sources=8)
    for row in toys.rows:
        row["video"] = f"{row['label']}-{row['source']}"
    toys.rows[0]["video"] = toys.rows[6]["video"]
    assert found(toys.write(tmp_path / "set"))[("video", "real-s3")] == {"train": 1, "val": 1}


def test_a_file_with_both_labels_is_found(faces, tmp_path):
    toys = faces(sources=8)
    toys.rows.append({**toys.rows[0], "label": "fake"})
    report = audit(toys.write(tmp_path / "set"))
    assert [(leak.kind, leak.name) for leak in report.leaks] == [("label", "real0.jpg")]
    assert report.findings[0].severity == "serious"


def test_a_file_listed_twice_is_found(faces, tmp_path):
    toys = faces(sources=8)
    toys.rows.append(toys.rows[0])
    report = audit(toys.write(tmp_path / "set"))
    assert ("file", "real0.jpg") in {(leak.kind, leak.name) for leak in report.leaks}
    assert {finding.severity for finding in report.findings} == {"notice"}


def test_a_set_without_splits_leaks_nothing(faces, tmp_path):
    toys = faces(sources=8)
    for row in toys.rows:
        row["split"] = ""
    assert found(toys.write(tmp_path / "set")) == {}
