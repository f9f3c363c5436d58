"""Sets that ``unmask prepare`` wrote are seen through the detector's own crop profile."""

import csv

import numpy as np
import pytest
from PIL import Image

from toys import BLUE, RED, SquareFinder, draw, write_video
from unmask.datasets.layouts import list_videos
from unmask.datasets.preparation import PrepareOptions, prepare
from unmask.datasets.video_crops import CropOptions
from unmask.distortions.levels import DISTORTIONS, Change
from unmask.evaluation.crops import open_crops
from unmask.evaluation.errors import EvaluationError
from unmask.evaluation.protocol import Options, evaluate
from unmask.faces import cut, profile
from unmask.statistics.intervals import Settings

BOX = (100, 60, 160, 130)


@pytest.fixture
def prepared(tmp_path):
    root = tmp_path / "set"
    for name, colour in (("real/a.png", BLUE), ("fake/a.png", RED)):
        (root / name).parent.mkdir(parents=True)
        Image.fromarray(draw([(BOX, colour)])).save(root / name)
    prepare(
        list_videos("folder", root).rows, root, tmp_path / "out", PrepareOptions(image="png"), 0, SquareFinder
    )
    return root, tmp_path / "out"


@pytest.mark.parametrize("name", ["tight", "wide"])
def test_the_detectors_profile_is_cut_from_generous_crops(prepared, name):
    root, out = prepared
    opened = open_crops(out, name, 32)
    assert opened.notes == []
    for number, item in enumerate(opened.items):
        ((_, seen),) = opened.read(number).crops
        picture = np.asarray(Image.open(root / item.path))
        direct = cut(picture, tuple(map(float, BOX)), profile(name), 32)
        assert np.abs(seen.astype(int) - direct).mean() < 0.5


def test_videos_keep_their_keys(prepared):
    _, out = prepared
    assert [item.video for item in open_crops(out, "tight", 32).items] == [
        ("set", "real", "real/a.png"),
        ("set", "fake", "fake/a.png"),
    ]


@pytest.mark.parametrize("level", [1, 3, 5])
def test_a_generous_crop_made_smaller_still_shows_the_same_face(tmp_path, level):
    # Smooth, and different everywhere: another place or scale would show.
    down, across = np.mgrid[:161, :161] / 161
    picture = 128 + 100 * np.stack([np.sin(5 * down), np.cos(4 * across), np.sin(3 * (down + across))], -1)
    Image.fromarray(np.rint(picture).astype(np.uint8)).save(tmp_path / "a.png")
    (tmp_path / "manifest.csv").write_text(
        "file,label,source,box,crop_profile\na.png,real,a,50 44 98 124,generous\n"
    )
    opened = open_crops(tmp_path, "tight", 32)
    ((_, whole),) = opened.read(0).crops
    ((_, small),) = opened.distorted(Change(DISTORTIONS["resize"], level)).read(0).crops
    assert np.abs(whole.astype(int) - small).mean() < 1
    everything = Image.open(tmp_path / "a.png").resize((32, 32), Image.Resampling.BICUBIC)
    assert np.abs(whole.astype(int) - np.asarray(everything)).mean() > 10


#: path, label, method, split, gender, squares on each frame (None: no video at all)
CLIPS = [
    ("val/real/a.mp4", "real", "", "val", "f", [(BOX, BLUE)]),
    ("val/real/b.mp4", "real", "", "val", "m", [(BOX, BLUE)]),
    ("val/real/dark.mp4", "real", "", "val", "m", []),
    ("val/swap/a.mp4", "fake", "swap", "val", "f", [(BOX, RED)]),
    ("val/swap/b.mp4", "fake", "swap", "val", "m", [(BOX, RED)]),
    ("val/redo/a.mp4", "fake", "redo", "val", "f", []),
    ("val/redo/b.mp4", "fake", "redo", "val", "m", None),
    ("train/real/c.mp4", "real", "", "train", "f", [(BOX, BLUE)]),
    ("train/swap/c.mp4", "fake", "swap", "train", "f", []),
]
STARTUP_ENVIRONMENT = Options(intervals=Settings(resamples=100))


@pytest.fixture
def folder(tmp_path):
    """Prepare clips of a table: three frames each; some show no face, one is no video."""
    root = tmp_path / "clips"
    rows = []
    for path, label, method, split, gender, squares in CLIPS:
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        if squares is None:
            (root / path).write_bytes(b"no video")
        else:
            write_video(root / path, [draw(squares)] * 3)
        rows.append([path, label, method, split, gender, path[-5]])
    with (root / "manifest.csv").open("w", newline="") as file:
        csv.writer(file).writerows([["path", "label", "method", "split", "gender", "source"], *rows])
    listed = list_videos("manifest", root).rows
    prepare(listed, root, tmp_path / "prepared", PrepareOptions(CropOptions(3, 96)), 0, SquareFinder)
    return tmp_path / "prepared"


def test_videos_without_crops_count_in_coverage_and_in_no_figure(detector, folder):
    report = evaluate(detector, [folder], options=STARTUP_ENVIRONMENT)
    (folder / "videos.csv").rename(folder / "put-away.csv")
    bare = evaluate(detector, [folder], options=STARTUP_ENVIRONMENT)
    (summary,) = report.sets
    assert summary.coverage["video"] == {"ok": 4, "no_face": 2, "unreadable": 1}
    assert summary.coverage["frame"] == {"ok": 12, "no_face": 2, "unreadable": 1}
    assert bare.sets[0].coverage["video"] == {"ok": 4}
    # Rows of videos with crops are as they are without the table, and come first.
    for level in ("frame", "video"):
        with_all, alone = report.predictions.at(level).rows, bare.predictions.at(level).rows
        assert with_all[: len(alone)] == alone
        added = with_all[len(alone) :]
        # In the order of the table, which lists paths in theirs; two methods of one source stay two videos.
        assert [(row.video, row.label, row.status) for row in added] == [
            (("clips", "real", "val/real/dark.mp4"), 0, "no_face"),
            (("clips", "redo", "val/redo/a.mp4"), 1, "no_face"),
            (("clips", "redo", "val/redo/b.mp4"), 1, "unreadable"),
        ]
        assert all((row.logit, row.score, row.frame) == (None, None, None) for row in added)
        one, other = report.result("prepared", level), bare.result("prepared", level)
        assert one.metrics == other.metrics
        assert one.control == other.control
        assert (one.real, one.fake, one.clusters) == (other.real, other.fake, other.clusters)
    assert "val/redo/b.mp4" in summary.details
    assert summary.notes == [
        "prepared: 3 of these are videos without a crop (videos.csv), in coverage and in no figure"
    ]
    assert bare.sets[0].notes == []


def test_only_the_evaluated_split_is_covered(detector, folder):
    report = evaluate(detector, [folder], options=Options(split="train", intervals=Settings(resamples=100)))
    assert report.sets[0].coverage["video"] == {"ok": 1, "no_face": 1}


def test_groups_of_people_go_all_the_way_from_the_table_to_the_report(detector, folder):
    options = Options(intervals=Settings(resamples=100), attributes=("gender",))
    (table,) = evaluate(detector, [folder], options=options).fairness
    assert table.attribute == "gender"
    assert [(group.group, group.real, group.fake) for group in table.groups] == [("f", 1, 1), ("m", 1, 1)]


def test_crops_under_distortion_keep_the_coverage(detector, folder):
    opened = open_crops(folder, "tight", 32)
    changed = opened.distorted(Change(DISTORTIONS["noise"], 3))
    statuses = [changed.read(index).status for index in range(len(opened.items))]
    assert statuses == ["ok"] * 12 + ["no_face", "no_face", "unreadable"]


def rewritten(folder, change):
    path = folder / "videos.csv"
    path.write_text(change(path.read_text()))
    return folder


def test_a_video_said_to_be_ok_whose_crops_are_gone_is_not_lost(detector, folder):
    path = folder / "manifest.csv"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(line for line in lines if "val/swap/b.mp4" not in line))
    report = evaluate(detector, [folder], options=STARTUP_ENVIRONMENT)
    assert report.sets[0].coverage["video"] == {"ok": 3, "no_face": 2, "unreadable": 2}
    detail = report.sets[0].details["val/swap/b.mp4"]
    assert detail == "videos.csv says ok, and manifest.csv has no crop of it"


def test_another_table_of_that_name_is_left_alone_and_a_broken_one_is_an_error(folder):
    with pytest.raises(EvaluationError, match=r"videos\.csv: unknown status 'lost' of val/real/dark\.mp4"):
        open_crops(rewritten(folder, lambda text: text.replace("no_face", "lost")), "tight", 32, "val")
    with pytest.raises(EvaluationError, match=r"videos\.csv:\d+: needs a file and a label"):
        open_crops(rewritten(folder, lambda text: text.replace(",fake,", ",maybe,")), "tight", 32, "val")
    (folder / "videos.csv").write_bytes(b"path,label,status\n\xff\n")
    with pytest.raises(EvaluationError, match=r"videos\.csv: not readable as CSV"):
        open_crops(folder, "tight", 32, "val")
    (folder / "videos.csv").write_text("name,seconds\na,3\n")
    assert len(open_crops(folder, "tight", 32, "val").items) == 12


def test_videos_without_crops_have_no_part_in_the_control(detector, make_crops, encode_jpeg):
    rows = [
        {
            "file": f"{n}.jpg",
            "label": ("real", "fake")[n % 2],
            "source": f"s{n}",
            "video": f"{n}.mp4",
            "data": encode_jpeg(90 + n * 7 % 60, quality=80 + n // 2 % 10),
        }
        for n in range(40)
    ]
    folder = make_crops("crops", rows)
    bare = evaluate(detector, [folder], options=STARTUP_ENVIRONMENT).result("crops", "video")
    lost = "".join(f"lost{n}.mp4,fake,t{n},no_face\n" for n in range(20))
    (folder / "videos.csv").write_text("path,label,source,status\n" + lost)
    report = evaluate(detector, [folder], options=STARTUP_ENVIRONMENT)
    assert report.sets[0].coverage["video"] == {"ok": 40, "no_face": 20}
    assert report.result("crops", "video").control == bare.control
