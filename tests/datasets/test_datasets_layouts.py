"""Each layout on a small tree as published; the files are empty, since listing opens no video."""

import csv
import json
import sys
from collections import Counter

import pytest

from unmask.datasets import DatasetError
from unmask.datasets.layouts import LAYOUTS, list_videos, recognise
from unmask.datasets.layouts.layout import connected


@pytest.fixture
def tree(tmp_path):
    """Make empty files below a root and give the root."""

    def make(*paths, root="set"):
        for path in paths:
            (tmp_path / root / path).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / root / path).touch()
        return tmp_path / root

    return make


def listed(name, root):
    assert recognise(root).name == name
    return {row.path: row for row in list_videos(name, root).rows}


FFPP = (
    "original_sequences/youtube/c23/videos/033.mp4",
    "original_sequences/youtube/c23/videos/097.mp4",
    "original_sequences/youtube/c0/videos/033.mp4",
    "original_sequences/youtube/c23/videos/672.mp4",
    "original_sequences/actors/c23/videos/01__walking_outside_cafe.mp4",
    "manipulated_sequences/Deepfakes/c23/videos/033_097.mp4",
    "manipulated_sequences/Deepfakes/c40/videos/097_033.mp4",
    "manipulated_sequences/Deepfakes/masks/videos/033_097.mp4",
    "manipulated_sequences/Deepfakes/c23/images/033_097/0000.png",
    "manipulated_sequences/Face2Face/c23/videos/033_097.mp4",
    "manipulated_sequences/FaceSwap/c40/videos/097_033.mp4",
    "manipulated_sequences/FaceSwap/masks/videos/097_033.mp4",
    "manipulated_sequences/NeuralTextures/c23/videos/720_672.mp4",
    "manipulated_sequences/FaceShifter/raw/videos/500_033.mp4",
    "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__walking_outside_cafe__YVGY8LOK.mp4",
)


def test_faceforensics(tree):
    root = tree(*FFPP)
    (root / "splits").mkdir()
    (root / "splits/train.json").write_text(json.dumps([["033", "097"]]))
    (root / "splits/val.json").write_text(json.dumps([["720", "672"]]))
    (root / "splits/test.json").write_text(json.dumps([["500", "501"]]))
    rows = listed("faceforensics", root)
    assert len(rows) == 12  # neither masks nor images
    assert Counter(row.method for row in rows.values()) == {
        "real": 5,
        "Deepfakes": 2,
        "Face2Face": 1,
        "FaceSwap": 1,
        "NeuralTextures": 1,
        "FaceShifter": 1,
        "DeepFakeDetection": 1,
    }
    fake = rows["manipulated_sequences/Deepfakes/c23/videos/033_097.mp4"]
    assert (fake.label, fake.dataset, fake.method, fake.compression) == (
        1,
        "FaceForensics++",
        "Deepfakes",
        "c23",
    )
    assert (fake.source, fake.donor, fake.split) == ("033", "097", "train")
    real = rows["original_sequences/youtube/c0/videos/033.mp4"]
    assert (real.label, real.method, real.compression, real.split) == (0, "real", "raw", "train")
    shifted = rows["manipulated_sequences/FaceShifter/raw/videos/500_033.mp4"]
    assert shifted.split == "test"
    assert {shifted.group, real.group, fake.group} == {"033"}  # linked by 500_033 and 033_097
    swapped = rows["manipulated_sequences/FaceSwap/c40/videos/097_033.mp4"]
    assert (swapped.source, swapped.donor, swapped.compression) == ("097", "033", "c40")
    assert (swapped.group, swapped.split) == ("033", "train")
    reenacted = rows["manipulated_sequences/Face2Face/c23/videos/033_097.mp4"]
    assert (reenacted.label, reenacted.group, reenacted.split) == (1, "033", "train")
    textured = rows["manipulated_sequences/NeuralTextures/c23/videos/720_672.mp4"]
    own = rows["original_sequences/youtube/c23/videos/672.mp4"]
    assert {(row.group, row.split) for row in (textured, own)} == {("672", "val")}


def test_actors_of_faceforensics_are_a_set_of_their_own(tree):
    rows = listed("faceforensics", tree(*FFPP))
    real = rows["original_sequences/actors/c23/videos/01__walking_outside_cafe.mp4"]
    fake = rows[
        "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__walking_outside_cafe__YVGY8LOK.mp4"
    ]
    assert real.dataset == fake.dataset == "DeepFakeDetection"
    assert real.source == fake.source == "01__walking_outside_cafe"
    assert (fake.person, fake.donor, fake.group, fake.split) == ("01", "02", "01", "")


def test_faceforensics_without_split_lists_says_so(tree):
    listing = list_videos("faceforensics", tree(*FFPP))
    assert all(row.split == "" for row in listing.rows)
    assert "splits/train.json" in listing.notes[0]


def test_a_broken_split_list_is_named(tree):
    root = tree(*FFPP)
    (root / "train.json").write_text('{"033": 1}')
    with pytest.raises(DatasetError, match=r"train\.json: not a list of pairs"):
        list_videos("faceforensics", root)


def test_celeb_df(tree):
    root = tree(
        "Celeb-real/id0_0000.mp4",
        "Celeb-real/id1_0003.mp4",
        "YouTube-real/00170.mp4",
        "Celeb-synthesis/id0_id16_0000.mp4",
        "Celeb-synthesis/id1_id0_0007.mp4",
        root="Celeb-DF-v2",
    )
    (root / "List_of_testing_videos.txt").write_text(
        "1 YouTube-real/00170.mp4\n0 Celeb-synthesis/id1_id0_0007.mp4\n"
    )
    rows = listed("celeb-df-v2", root)
    fake = rows["Celeb-synthesis/id0_id16_0000.mp4"]
    assert (fake.label, fake.dataset, fake.source, fake.person, fake.donor) == (
        1,
        "Celeb-DF-v2",
        "id0_0000",
        "id0",
        "id16",
    )
    assert fake.group == rows["Celeb-real/id0_0000.mp4"].group == "id0"
    assert {path for path, row in rows.items() if row.split == "test"} == {
        "YouTube-real/00170.mp4",
        "Celeb-synthesis/id1_id0_0007.mp4",
    }
    assert rows["YouTube-real/00170.mp4"].label == 0


CELEB_DF_V1 = (
    "Celeb-real/id0_0001.mp4",
    "Celeb-real/id2_0004.mp4",
    "Celeb-real/id3_0008.mp4",
    "YouTube-real/00013.mp4",
    "YouTube-real/00138.mp4",
    "Celeb-synthesis/id0_id2_0001.mp4",
    "Celeb-synthesis/id2_id3_0004.mp4",
    "Celeb-synthesis/id3_id2_0008.mp4",
)


def test_celeb_df_of_the_first_version(tree):
    """As published: the folders of version 2, the root named "Celeb-DF", 1 for real in the list of tests."""
    root = tree(*CELEB_DF_V1, root="Celeb-DF")
    tests = {
        "YouTube-real/00138.mp4": "1",
        "Celeb-real/id3_0008.mp4": "1",
        "Celeb-synthesis/id3_id2_0008.mp4": "0",
    }
    (root / "List_of_testing_videos.txt").write_text(
        "".join(f"{real} {path}\n" for path, real in tests.items())
    )
    # Nothing in the tree tells the versions apart: the name of the layout does, or of the folder.
    assert recognise(root).name == "celeb-df-v2"
    rows = {row.path: row for row in list_videos("celeb-df-v1", root).rows}
    assert listed("celeb-df-v1", root.rename(root.with_name("Celeb-DF-v1"))) == rows
    assert set(rows) == set(CELEB_DF_V1)
    assert {row.dataset for row in rows.values()} == {"Celeb-DF-v1"}
    assert {path for path, row in rows.items() if row.split == "test"} == set(tests)
    assert all(rows[path].label == (real == "0") for path, real in tests.items())
    assert {path: row.group for path, row in rows.items()} == {
        "Celeb-real/id0_0001.mp4": "id0",
        "Celeb-real/id2_0004.mp4": "id2",
        "Celeb-real/id3_0008.mp4": "id3",
        "YouTube-real/00013.mp4": "YouTube-real/00013",
        "YouTube-real/00138.mp4": "YouTube-real/00138",
        "Celeb-synthesis/id0_id2_0001.mp4": "id0",
        "Celeb-synthesis/id2_id3_0004.mp4": "id2",
        "Celeb-synthesis/id3_id2_0008.mp4": "id3",
    }
    fake = rows["Celeb-synthesis/id2_id3_0004.mp4"]
    assert (fake.source, fake.person, fake.donor) == ("id2_0004", "id2", "id3")
    assert fake.source == rows["Celeb-real/id2_0004.mp4"].source


def test_celeb_df_spelled_otherwise_is_the_same_set(tree):
    paths = [path.replace("YouTube", "Youtube") for path in CELEB_DF_V1]
    root = tree(*paths, root="Celeb-DF-v1")
    (root / "List_of_testing_videos.txt").write_text("1 YouTube-real/00138.mp4\n")
    rows = listed("celeb-df-v1", root)
    assert {path for path, row in rows.items() if row.split == "test"} == {"Youtube-real/00138.mp4"}
    assert len(rows) == len(CELEB_DF_V1)


def test_celeb_df_without_its_list_says_so(tree):
    root = tree("Celeb-real/id0_0000.mp4", "YouTube-real/0.mp4", "Celeb-synthesis/id0_id16_0000.mp4")
    listing = list_videos("celeb-df-v2", root)
    assert {row.split for row in listing.rows} == {""}
    assert "List_of_testing_videos.txt" in listing.notes[0]


def test_dfdc(tree):
    root = tree("dfdc_train_part_0/abc.mp4", "dfdc_train_part_0/def.mp4")
    (root / "dfdc_train_part_0/metadata.json").write_text(
        json.dumps(
            {
                "abc.mp4": {"label": "REAL", "split": "train", "original": None},
                "def.mp4": {"label": "FAKE", "split": "train", "original": "abc.mp4"},
                "lost.mp4": {"label": "FAKE", "split": "train", "original": "abc.mp4"},
            }
        )
    )
    rows = listed("dfdc", root)
    assert [row.label for row in rows.values()] == [0, 1, 1]
    assert {row.group for row in rows.values()} == {row.source for row in rows.values()} == {"abc"}
    # A video that the metadata name has a row, on disk or not.
    assert rows["dfdc_train_part_0/lost.mp4"].split == "train"


def test_one_part_of_dfdc_and_the_test_part_are_roots_too(tree):
    root = tree("a.mp4", "b.mp4")
    (root / "metadata.json").write_text(json.dumps({"a.mp4": {"is_fake": 1}, "b.mp4": {"is_fake": 0}}))
    assert [row.label for row in listed("dfdc", root).values()] == [1, 0]


@pytest.mark.parametrize("text", ["[]", "{", '{"a.mp4": 3}', '{"a.mp4": {"label": "maybe"}}'])
def test_broken_metadata_are_named(tree, text):
    root = tree("a.mp4")
    (root / "metadata.json").write_text(text)
    with pytest.raises(DatasetError, match=r"metadata\.json"):
        list_videos("dfdc", root)


def test_dfdc_preview(tree):
    real, fake = (
        "original_videos/1003254/1003254_A_001.mp4",
        "method_A/1003254/1003254_A/1255229_1003254_A_001.mp4",
    )
    root = tree(real, fake)
    facts = {"augmentations": [], "target_id": 1003254}
    (root / "dataset.json").write_text(
        json.dumps(
            {
                real: facts | {"label": "real", "set": "train", "swapped_id": None},
                fake: facts | {"label": "fake", "set": "train", "swapped_id": 1255229},
            }
        )
    )
    rows = listed("dfdc-preview", root)
    assert (rows[fake].label, rows[fake].method, rows[fake].split) == (1, "method_A", "train")
    assert rows[fake].source == rows[real].source == "1003254_A"
    assert (rows[fake].person, rows[fake].donor, rows[fake].group) == ("1003254", "1255229", "1003254")
    assert (rows[real].label, rows[real].method, rows[real].donor) == (0, "real", "")


def test_uadfv(tree):
    rows = listed("uadfv", tree("real/0000.mp4", "real/0001.mp4", "fake/0000_fake.mp4"))
    assert rows["fake/0000_fake.mp4"].label == 1
    assert rows["fake/0000_fake.mp4"].group == rows["real/0000.mp4"].group == "0000"
    assert rows["real/0001.mp4"].group == "0001"


def test_deeperforensics(tree):
    fake = "manipulated_videos/end_to_end_level_3/000_M101.mp4"
    recording = "source_videos/M101/light_up/happy/camera_front/M101_light_up_happy_camera_front.mp4"
    root = tree(fake, recording, "manipulated_videos/end_to_end/001_W004.mp4", "lists/splits/train.txt")
    (root / "lists/splits/train.txt").write_text("001_W004.mp4\n")
    (root / "lists/splits/val.txt").write_text("000_M101.mp4\n")
    rows = listed("deeperforensics", root)
    assert (rows[fake].label, rows[fake].method, rows[fake].split) == (1, "end_to_end_level_3", "val")
    assert (rows[fake].source, rows[fake].donor, rows[fake].group) == ("000", "M101", "M101")
    # The authors: the actors' recordings are not the real class; no official split holds them.
    assert (rows[recording].label, rows[recording].split, rows[recording].group) == (0, "source", "M101")


def test_wild_deepfake_lists_folders_of_frames(tree):
    root = tree(
        "real_train/0/real/3/10.png",
        "real_train/0/real/3/9.png",
        "real_train/0/real/4/0.png",
        "fake_test/7/fake/1/0.jpg",
    )
    rows = listed("wild-deepfake", root)
    assert set(rows) == {"real_train/0/real/3", "real_train/0/real/4", "fake_test/7/fake/1"}
    assert {row.group for row in rows.values()} == {"real_train/0", "fake_test/7"}
    fake = rows["fake_test/7/fake/1"]
    assert (fake.label, fake.split) == (1, "test")


def test_packed_archives_of_wild_deepfake_are_told(tree):
    with pytest.raises(DatasetError, match=r"2 archives .* unpack"):
        list_videos(
            "wild-deepfake",
            tree("deepfake_in_the_wild/real_test/0.tar.gz", "deepfake_in_the_wild/fake_test/1.tar.gz"),
        )


def test_fake_av_celeb_is_labelled_by_the_video_part(tree):
    paths = [
        "RealVideo-RealAudio/African/men/id00076/00109.mp4",
        "RealVideo-FakeAudio/African/men/id00076/00109_fake.mp4",
        "FakeVideo-RealAudio/African/men/id00076/00109_id00166_wavtolip.mp4",
        "FakeVideo-FakeAudio/Asian (East)/women/id09174/00015_id02587_x_faceswap_id06060_wavtolip.mp4",
    ]
    root = tree(*paths)
    # As published: the header's "path" is the file's name, and the folder's column has no name.
    (root / "meta_data.csv").write_text(
        "source,target1,target2,method,category,type,race,gender,path,\n"
        "id00076,-,-,real,A,RealVideo-RealAudio,African,men,00109.mp4,"
        "FakeAVCeleb/RealVideo-RealAudio/African/men/id00076\n"
        "id00076,-,-,rtvc,B,RealVideo-FakeAudio,African,men,00109_fake.mp4,"
        "FakeAVCeleb/RealVideo-FakeAudio/African/men/id00076\n"
        "id00076,id00166,-,wav2lip,C,FakeVideo-RealAudio,African,men,00109_id00166_wavtolip.mp4,"
        "FakeAVCeleb/FakeVideo-RealAudio/African/men/id00076\n"
    )
    rows = listed("fakeavceleb", root)
    assert [rows[path].label for path in paths] == [0, 0, 1, 1]
    assert [rows[path].method for path in paths] == ["real", "real", "wav2lip", "FakeVideo-FakeAudio"]
    assert [rows[path].group for path in paths] == ["id00076"] * 3 + ["id09174"]
    assert rows[paths[2]].donor == "id00166"
    assert rows[paths[0]].source == rows[paths[2]].source == "id00076/00109"
    assert "does not name 1 of 4" in list_videos("fakeavceleb", root).notes[0]


def test_deepfake_timit_holds_fakes_alone(tree):
    root = tree(
        "higher_quality/fadg0/sa1-video-fram1.avi",
        "higher_quality/fadg0/sa1.wav",
        "lower_quality/fram1/sa2-video-fadg0.avi",
        "lower_quality/mccs0/sa2-video-mdbb1.avi",
    )
    rows = listed("deepfake-timit", root)
    assert [row.label for row in rows.values()] == [1, 1, 1]
    fake = rows["higher_quality/fadg0/sa1-video-fram1.avi"]
    assert (fake.source, fake.person, fake.donor, fake.method) == (
        "fadg0/sa1",
        "fadg0",
        "fram1",
        "higher_quality",
    )
    assert [row.group for row in rows.values()] == ["fadg0", "fadg0", "mccs0"]


def test_a_plain_folder(tree):
    rows = listed("folder", tree("real/a.mp4", "real/b.jpg", "fake/FaceSwap/a.mp4", "fake/notes.txt"))
    assert {path: (row.label, row.method, row.split) for path, row in rows.items()} == {
        "real/a.mp4": (0, "real", ""),
        "real/b.jpg": (0, "real", ""),
        "fake/FaceSwap/a.mp4": (1, "FaceSwap", ""),
    }
    assert rows["real/a.mp4"].dataset == "set"


def test_a_plain_folder_with_splits(tree):
    rows = listed("folder", tree("train/real/a.mp4", "test/fake/b.mp4"))
    assert [row.split for row in rows.values()] == ["train", "test"]


def write_table(path, rows):
    with path.open("w", newline="", encoding="utf-8") as lines:
        writer = csv.DictWriter(lines, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_a_table_of_videos(tree):
    root = tree("b.mp4", "a.mp4")
    fake = {"path": "b.mp4", "label": "fake", "method": "swap", "group": "g", "split": "val"}
    real = dict.fromkeys(fake, "") | {"path": "a.mp4", "label": "0"}
    pair = [{"target": "t", "source": "s"}, {"target": "", "source": ""}]
    write_table(root / "manifest.csv", [fake | pair[0], real | pair[1]])
    rows = listed("manifest", root)
    assert list(rows) == ["a.mp4", "b.mp4"]
    assert (rows["b.mp4"].source, rows["b.mp4"].donor) == ("t", "s")
    assert (rows["b.mp4"].group, rows["b.mp4"].split) == ("g", "val")
    assert (rows["a.mp4"].source, rows["a.mp4"].group, rows["a.mp4"].dataset) == ("a", "a", "set")
    # Any name will do for a table that is named itself.
    other = (root / "manifest.csv").rename(root / "mine.csv")
    assert list(listed("manifest", other)) == ["a.mp4", "b.mp4"]


@pytest.mark.parametrize(
    "path, label", [("/etc/a.mp4", "real"), ("../a.mp4", "real"), ("a.mp4", ""), ("", "0")]
)
def test_a_table_names_the_row_that_cannot_be_used(tree, path, label):
    root = tree("a.mp4")
    write_table(root / "manifest.csv", [{"path": path, "label": label}])
    with pytest.raises(DatasetError, match="row 1"):
        list_videos("manifest", root)


def test_parquet_without_pyarrow_is_a_hint(tree, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    monkeypatch.setitem(sys.modules, "pyarrow.parquet", None)
    with pytest.raises(DatasetError, match="pip install pyarrow"):
        list_videos("manifest", tree("manifest.parquet"))


def test_parquet(tree):
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    root = tree("a.mp4")
    parquet.write_table(pyarrow.table({"path": ["a.mp4"], "label": ["fake"]}), root / "manifest.parquet")
    assert [row.label for row in listed("manifest", root).values()] == [1]


def test_an_unknown_layout_names_the_nearest(tmp_path):
    with pytest.raises(DatasetError, match="did you mean 'celeb-df-v2'"):
        list_videos("celebdf-v2", tmp_path)


def test_a_wrong_folder_says_what_is_missing_and_what_it_looks_like(tree):
    root = tree("real/0.mp4", "fake/0_fake.mp4", "Celeb-real/id0_0000.mp4")
    with pytest.raises(DatasetError) as error:
        list_videos("celeb-df-v2", root)
    message = str(error.value)
    assert "\n" not in message
    assert "no Celeb-synthesis, no YouTube-real" in message
    assert "looks like uadfv (UADFV)" in message


def test_a_folder_too_high_or_too_deep_names_the_right_one(tree):
    root = tree(*FFPP)
    for near in (root.parent, root / "manipulated_sequences"):
        with pytest.raises(DatasetError) as error:
            list_videos("faceforensics", near)
        assert f"did you mean {root}?" in str(error.value)


@pytest.mark.parametrize("name", LAYOUTS)
def test_an_empty_folder_fits_no_layout(name, tmp_path):
    empty = tmp_path / "far" / "from" / "others"
    empty.mkdir(parents=True)
    with pytest.raises(DatasetError, match="none of the known layouts"):
        list_videos(name, empty)
    with pytest.raises(DatasetError, match="no such file or folder"):
        list_videos(name, tmp_path / "gone")


def test_right_folders_without_videos_are_an_error(tree):
    with pytest.raises(DatasetError, match="no videos found"):
        list_videos("folder", tree("real/readme.txt", "fake/readme.txt"))


def test_connected_joins_whatever_a_chain_of_pairs_links():
    groups = connected([("b", "c"), ("x", "y"), ("c", "a"), ("z", "z")])
    assert groups == {"a": "a", "b": "a", "c": "a", "x": "x", "y": "x", "z": "z"}
