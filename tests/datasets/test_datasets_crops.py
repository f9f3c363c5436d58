import csv
import io
import tarfile
from multiprocessing.reduction import ForkingPickler

import numpy as np
import pytest
from PIL import Image
from toy_faces import mesh_of, picture_of

from unmask.datasets import CropSet, DatasetError, read_manifest, write_manifest
from unmask.datasets.regions import five_landmarks


def _encoded(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "PNG")
    return buffer.getvalue()


def _write_rows(folder, rows):
    with (folder / "manifest.csv").open("w", newline="") as lines:
        writer = csv.DictWriter(lines, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


@pytest.fixture
def images():
    return {f"face {i}.png": picture_of(mesh_of(), seed=i, side=64) for i in range(6)}


@pytest.fixture
def sharded(tmp_path, images):
    names = list(images)
    for shard, members in (("a.tar", names[:4]), ("b.tar", names[4:])):
        with tarfile.open(tmp_path / shard, "w") as archive:
            for name in members:
                data = _encoded(images[name])
                member = tarfile.TarInfo(name)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
    rows = [
        {
            "file": name,
            "label": "fake" if i % 2 else "real",
            "source": f"clip{i // 2}",
            "split": "val" if i > 3 else "train",
            "crop_px": 100 + i,
            "shard": "a.tar" if i < 4 else "b.tar",
        }
        for i, name in enumerate(names)
    ]
    _write_rows(tmp_path, rows)
    points = np.stack([mesh_of(), mesh_of(130)]).astype(np.float16)
    np.savez(tmp_path / "landmarks.npz", name=np.array(names[:2]), points=points)
    return tmp_path


def test_tar_members_are_read_as_tarfile_reads_them(sharded, images):
    crops = CropSet.open(sharded)
    for i, record in enumerate(crops):
        with tarfile.open(sharded / record.shard) as archive:
            reference = archive.extractfile(record.file).read()
        assert crops.store.read(record) == reference
        np.testing.assert_array_equal(crops.image(i), images[record.file])


def test_records_carry_what_the_manifest_says(sharded):
    crops = CropSet.open(sharded)
    first, last = crops.records[0], crops.records[-1]
    assert (first.label, first.source, first.split, first.face_px) == (0, "clip0", "train", 100.0)
    assert (first.dataset, first.group) == (sharded.name, "clip0")
    assert first.points.shape == (122, 2) and last.points is None and last.mask_points is None
    np.testing.assert_array_equal(crops.labels, [0, 1, 0, 1, 0, 1])


def test_a_lone_tar_needs_no_shard_column(sharded):
    (sharded / "b.tar").unlink()
    _write_rows(
        sharded, [{"file": "face 1.png", "person": "ann", "box": "1 2 3 4", "landmarks": " ".join("1" * 10)}]
    )
    record = CropSet.open(sharded).records[0]
    assert (record.shard, record.label, record.source, record.group) == ("a.tar", 0, "face 1", "ann")
    assert record.box == (1, 2, 3, 4) and record.landmarks.shape == (5, 2)
    assert CropSet.open(sharded).image(0).shape == (64, 64, 3)


def test_plain_folders_are_read(tmp_path, images):
    (tmp_path / "deep").mkdir()
    Image.fromarray(images["face 0.png"]).save(tmp_path / "deep" / "x.png")
    _write_rows(tmp_path, [{"file": "deep/x.png", "label": "fake"}])
    crops = CropSet.open(tmp_path)
    np.testing.assert_array_equal(crops.image(0), images["face 0.png"])


def test_a_pickled_set_reads_the_same(sharded):
    crops = CropSet.open(sharded)
    crops.image(0)
    copy = ForkingPickler.loads(ForkingPickler.dumps(crops))  # as a loader's worker gets it
    np.testing.assert_array_equal(copy.image(5), crops.image(5))


def test_a_mesh_on_another_face_is_left_out(sharded):
    mesh = mesh_of()
    for shift, kept in ((2.0, True), (90.0, False)):
        five = " ".join(f"{value:g}" for value in (five_landmarks(mesh) + shift).ravel())
        _write_rows(sharded, [{"file": "face 0.png", "landmarks": five, "shard": "a.tar"}])
        record = CropSet.open(sharded).records[0]
        assert (record.points is not None) is kept
        assert record.mask_points.shape == ((122, 2) if kept else (5, 2))


def test_selection(sharded):
    crops = CropSet.open(sharded)
    assert [r.file for r in crops.select(split="train", label="fake")] == ["face 1.png", "face 3.png"]
    assert len(crops.select(label=0)) == 3
    assert len(crops.select(files=["face 2.png", "absent"])) == 1
    assert len(crops.select(where=lambda record: record.points is not None)) == 2
    with pytest.raises(ValueError, match="label"):
        crops.select(label="genuine")


def test_hold_out_keeps_groups_together_and_is_stable(tmp_path):
    rows = [{"file": f"{i}.png", "person": f"p{i // 3}"} for i in range(600)]
    _write_rows(tmp_path, rows)
    (tmp_path / "0.png").touch()
    crops = CropSet.open(tmp_path)
    rest, held = crops.hold_out(0.3, seed=1)
    groups = [{record.group for record in part} for part in (rest, held)]
    assert not groups[0] & groups[1]
    assert len(rest) + len(held) == 600
    assert 0.2 < len(groups[1]) / 200 < 0.4
    # A group keeps its side when others leave.
    _, fewer = crops.subset(range(0, 300)).hold_out(0.3, seed=1)
    assert {record.group for record in fewer} <= groups[1]
    assert {record.group for record in crops.hold_out(0.3, seed=2)[1]} != groups[1]


def test_written_manifests_are_read_back(sharded, tmp_path_factory):
    records = read_manifest(sharded)
    folder = tmp_path_factory.mktemp("again")
    write_manifest(folder, records)
    again = read_manifest(folder)
    fields = ("file", "label", "source", "split", "dataset", "group", "face_px", "shard", "box")
    for one, other in zip(records, again, strict=True):
        assert [getattr(one, f) for f in fields] == [getattr(other, f) for f in fields]


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"name": "a.png"}], "column 'file'"),
        ([{"file": "a.png", "label": "genuine"}], "label"),
        ([{"file": "a.png", "box": "1 2 3"}], "box: expected 4"),
        ([{"file": "a.png", "landmarks": "a b"}], "landmarks: expected 10"),
        ([{"file": "a.png"}], "missing, and 0 tar files"),
    ],
)
def test_broken_manifests_give_one_line(tmp_path, rows, message):
    _write_rows(tmp_path, rows)
    with pytest.raises(DatasetError, match=message) as caught:
        CropSet.open(tmp_path)
    assert "\n" not in str(caught.value)


def test_missing_and_broken_files_give_one_line(sharded, tmp_path_factory):
    crops = CropSet.open(sharded)
    (sharded / "b.tar").unlink()
    with pytest.raises(DatasetError, match=r"b\.tar"):
        crops.image(5)
    with pytest.raises(DatasetError, match="manifest"):
        CropSet.open(tmp_path_factory.mktemp("empty"))
    (sharded / "landmarks.npz").write_bytes(b"no archive")
    with pytest.raises(DatasetError, match="landmark"):
        CropSet.open(sharded)
    (sharded / "landmarks.npz").unlink()
    _write_rows(sharded, [{"file": "text.png"}])
    (sharded / "text.png").write_text("no image")
    with pytest.raises(DatasetError, match="not a readable image"):
        CropSet.open(sharded).image(0)


@pytest.mark.data
def test_real_crops_open(data_root):
    tight = CropSet.open(data_root / "dfdc-faces")
    assert 0.4 < tight.labels.mean() < 0.6
    shards = {record.shard: index for index, record in enumerate(tight)}
    assert all(tight.image(index).shape == (224, 224, 3) for index in shards.values())
    train, val = ({record.source for record in tight.select(split=name)} for name in ("train", "val"))
    assert train and val and not train & val
    wide = CropSet.open(data_root / "wide-faces")
    assert 0.99 < np.mean([record.points is not None for record in wide]) < 1
    assert all(record.box is not None and record.landmarks is not None for record in wide)
