"""Published layouts all the way to crops: each tree holds tiny clips, and every video keeps what its place says."""

import csv
import json

import pytest
from PIL import Image

from toys import BLUE, RED, SquareFinder, draw, write_video
from unmask.datasets import CropSet
from unmask.datasets.layouts import list_videos, recognise
from unmask.datasets.preparation import PrepareOptions, prepare
from unmask.datasets.video_crops import CropOptions

FRAMES = 2
OPTIONS = PrepareOptions(CropOptions(frames=FRAMES, size=48))

# path: label, dataset, method, compression, person, donor, group, split.
FACEFORENSICS = {
    "original_sequences/youtube/c23/videos/033.mp4": (
        ("real", "FaceForensics++", "real", "c23", "", "", "033", "test")
    ),
    "original_sequences/youtube/c23/videos/720.mp4": (
        ("real", "FaceForensics++", "real", "c23", "", "", "672", "val")
    ),
    "original_sequences/actors/c23/videos/01__kitchen_pan.mp4": (
        ("real", "DeepFakeDetection", "real", "c23", "01", "", "01", "")
    ),
    "manipulated_sequences/Deepfakes/c23/videos/033_097.mp4": (
        ("fake", "FaceForensics++", "Deepfakes", "c23", "", "097", "033", "test")
    ),
    "manipulated_sequences/NeuralTextures/c40/videos/720_672.mp4": (
        ("fake", "FaceForensics++", "NeuralTextures", "c40", "", "672", "672", "val")
    ),
    "manipulated_sequences/DeepFakeDetection/c23/videos/01_02__kitchen_pan__YVGY8LOK.mp4": (
        ("fake", "DeepFakeDetection", "DeepFakeDetection", "c23", "01", "02", "01", "")
    ),
}


def celeb_df(dataset):
    return {
        "Celeb-real/id0_0000.mp4": ("real", dataset, "real", "", "id0", "", "id0", "train"),
        "Celeb-real/id1_0003.mp4": ("real", dataset, "real", "", "id1", "", "id1", "test"),
        "YouTube-real/00170.mp4": ("real", dataset, "real", "", "", "", "YouTube-real/00170", "test"),
        "Celeb-synthesis/id0_id1_0000.mp4": (
            ("fake", dataset, "Celeb-synthesis", "", "id0", "id1", "id0", "train")
        ),
    }


WILD_DEEPFAKE = {
    "real_train/0/real/3": ("real", "WildDeepfake", "real", "", "", "", "real_train/0", "train"),
    "fake_train/2/fake/0": ("fake", "WildDeepfake", "wild", "", "", "", "fake_train/2", "train"),
    "fake_test/7/fake/1": ("fake", "WildDeepfake", "wild", "", "", "", "fake_test/7", "test"),
}
LOST = "dfdc_train_part_0/lost.mp4"
DFDC = {
    "dfdc_train_part_0/abc.mp4": ("real", "DFDC", "real", "", "", "", "abc", "train"),
    "dfdc_train_part_0/def.mp4": ("fake", "DFDC", "dfdc", "", "", "", "abc", "train"),
    LOST: ("fake", "DFDC", "dfdc", "", "", "", "abc", "train"),
}
LISTED_FOR_TESTS = "1 Celeb-real/id1_0003.mp4\n1 YouTube-real/00170.mp4\n"
# Layout, name of the root, videos, lists beside them.
CASES = [
    (
        "faceforensics",
        "FaceForensics++",
        FACEFORENSICS,
        {
            "splits/train.json": json.dumps([["071", "054"]]),
            "splits/val.json": json.dumps([["720", "672"]]),
            "splits/test.json": json.dumps([["033", "097"]]),
        },
    ),
    (
        "celeb-df-v1",
        "Celeb-DF-v1",
        celeb_df("Celeb-DF-v1"),
        {"List_of_testing_videos.txt": LISTED_FOR_TESTS},
    ),
    (
        "celeb-df-v2",
        "Celeb-DF-v2",
        celeb_df("Celeb-DF-v2"),
        {"List_of_testing_videos.txt": LISTED_FOR_TESTS},
    ),
    ("wild-deepfake", "deepfake", WILD_DEEPFAKE, {}),
    (
        "dfdc",
        "dfdc",
        DFDC,
        {
            "dfdc_train_part_0/metadata.json": json.dumps(
                {
                    "abc.mp4": {"label": "REAL", "split": "train", "original": None},
                    "def.mp4": {"label": "FAKE", "split": "train", "original": "abc.mp4"},
                    "lost.mp4": {"label": "FAKE", "split": "train", "original": "abc.mp4"},
                }
            )
        },
    ),
]


def frames_of(label):
    """Draw a face that moves: blue in what is real, red in what is fake."""
    colour = RED if label == "fake" else BLUE
    return [draw([((30 + 4 * n, 20, 70 + 4 * n, 70), colour)], (128, 96)) for n in range(FRAMES)]


def write(path, label):
    """Write a clip, or a folder of frames where the path has no ending."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix:
        write_video(path, frames_of(label))
        return
    path.mkdir()
    for number, frame in enumerate(frames_of(label)):
        Image.fromarray(frame).save(path / f"{number}.png")


def build(root, videos, lists):
    for path, (label, *_) in videos.items():
        if path != LOST:
            write(root / path, label)
    for path, text in lists.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def run(name, root, out):
    return prepare(list_videos(name, root).rows, root, out, OPTIONS, 0, SquareFinder)


def table(path):
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


def contents(folder):
    return {path: path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


FACTS = ("label", "dataset", "method", "compression", "person", "donor", "group", "split")


@pytest.mark.parametrize(("name", "folder", "videos", "lists"), CASES, ids=[case[0] for case in CASES])
def test_a_published_layout_is_prepared_whole(name, folder, videos, lists, tmp_path):
    root, out = build(tmp_path / folder, videos, lists), tmp_path / "out"
    assert recognise(root).name == name
    done = run(name, root, out)
    readable = [path for path in videos if path != LOST]
    missing = {"unreadable": 1} if LOST in videos else {}
    assert (done.statuses, done.crops) == ({"ok": len(readable)} | missing, FRAMES * len(readable))

    rows = {row["path"]: row for row in table(out / "videos.csv")}
    assert {path: tuple(row[fact] for fact in FACTS) for path, row in rows.items()} == videos
    assert {path for path, row in rows.items() if row["status"] == "ok"} == set(readable)
    assert {row["crops"] for path, row in rows.items() if path in readable} == {str(FRAMES)}

    crops = table(out / "manifest.csv")
    assert sorted({row["video"] for row in crops}) == sorted(readable)
    for row in crops:
        assert tuple(row[fact] for fact in FACTS) == videos[row["video"]]
        assert (row["time"] == "") == (name == "wild-deepfake")
    # Each crop is of its own video: its middle has that class's colour.
    opened = CropSet.open(out)
    for number, record in enumerate(opened):
        red, _, blue = (int(value) for value in opened.image(number)[24, 24])
        assert (red > blue + 60) if record.label else (blue > red + 60)

    before = contents(out)
    run(name, root, out)
    assert contents(out) == before


def test_a_video_of_dfdc_that_comes_later_is_cut_then(tmp_path):
    name, folder, videos, lists = CASES[-1]
    root, out = build(tmp_path / folder, videos, lists), tmp_path / "out"
    run(name, root, out)
    (lost,) = (row for row in table(out / "videos.csv") if row["path"] == LOST)
    assert (lost["status"], lost["crops"], lost["frames"]) == ("unreadable", "0", "0")
    assert lost["detail"] and str(tmp_path) not in lost["detail"]
    write(root / LOST, "fake")
    assert run(name, root, out).statuses == {"ok": 3}
    run(name, root, tmp_path / "fresh")
    assert (out / "manifest.csv").read_bytes() == (tmp_path / "fresh" / "manifest.csv").read_bytes()
