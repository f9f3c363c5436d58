"""Preparation: what is cut, what is written about it, and that kills leave no trace."""

import csv
import os
import random
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from toy_finders import DeadlyFinder, end_at_once

from toys import BLUE, GREEN, RED, SquareFinder, draw, write_video
from unmask.datasets import CropSet, DatasetError, prepared_folder, video_crops
from unmask.datasets.layouts import VideoRow, list_videos
from unmask.datasets.preparation import PrepareOptions, prepare
from unmask.datasets.video_crops import CONTEXT, CropOptions, cut_video
from unmask.faces import Face, cut, profile
from unmask.media import open_isolated

OPTIONS = PrepareOptions(CropOptions(frames=4, size=96))
ONE = (100, 60, 160, 130)
OTHER = (220, 120, 300, 210)


def clip(path, colour, count=8, box=ONE):
    path.parent.mkdir(parents=True, exist_ok=True)
    x0, y0, x1, y1 = box
    return write_video(path, [draw([((x0 + 2 * i, y0, x1 + 2 * i, y1), colour)]) for i in range(count)])


@pytest.fixture
def dataset(tmp_path):
    root = tmp_path / "set"
    clip(root / "real/a.mp4", BLUE)
    clip(root / "real/b.mp4", BLUE, count=4)
    clip(root / "fake/swap/a.mp4", RED)
    write_video(root / "fake/swap/empty.mp4", [draw([])] * 3)
    (root / "fake/swap/broken.mp4").write_bytes(b"no video")
    return root


def contents(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def run(root, out, **more):
    rows = list_videos("folder", root).rows
    return prepare(rows, root, out, more.pop("options", OPTIONS), 0, SquareFinder, **more)


def test_every_video_has_a_row_and_every_crop_what_is_known_about_it(dataset, tmp_path):
    out = tmp_path / "out"
    done = run(dataset, out)
    assert (done.statuses, done.crops) == ({"ok": 3, "no_face": 1, "unreadable": 1}, 12)
    with (out / "videos.csv").open(newline="", encoding="utf-8") as lines:
        videos = {row["path"]: row for row in csv.DictReader(lines)}
    assert {path: row["status"] for path, row in videos.items()} == {
        "real/a.mp4": "ok",
        "real/b.mp4": "ok",
        "fake/swap/a.mp4": "ok",
        "fake/swap/broken.mp4": "unreadable",
        "fake/swap/empty.mp4": "no_face",
    }
    assert videos["fake/swap/broken.mp4"]["detail"]
    assert (videos["fake/swap/a.mp4"]["label"], videos["fake/swap/a.mp4"]["crops"]) == ("fake", "4")
    crops = CropSet.open(out)
    assert len(crops) == 12
    fake = [record for record in crops if record.label]
    assert [record.extra["frame"] for record in fake] == ["0", "1", "2", "3"]
    assert [float(record.extra["time"]) for record in fake] == sorted(float(r.extra["time"]) for r in fake)
    assert {(r.method, r.dataset, r.group, r.extra["video"]) for r in fake} == {
        ("swap", "set", "swap/a", "fake/swap/a.mp4")
    }
    # The box in the crop's pixels: the coloured block itself.
    for number, record in enumerate(crops):
        x0, y0, x1, y1 = (round(value) for value in record.box)
        image = crops.image(number).astype(int)
        assert image.shape == (96, 96, 3)
        inside = np.abs(image[y0 + 2 : y1 - 2, x0 + 2 : x1 - 2] - 128).max(2)
        assert inside.min() > 60
        assert np.abs(image[:, : x0 - 3] - 128).max() < 60
        assert record.face_px == pytest.approx(70, abs=3)


def test_any_profile_can_be_cut_from_a_generous_crop(astronaut, tmp_path):
    box = (178.0, 62.0, 284.0, 192.0)

    class Finder:
        def find(self, image):
            return [Face(box, 0.9, np.zeros((5, 2), np.float32))]

    path = tmp_path / "portrait.png"
    Image.fromarray(astronaut).save(path)
    (crop,) = cut_video(path, CropOptions(), Finder()).crops
    assert crop.image.shape == (260, 260, 3)  # 2 x 130: as large as in the picture, not larger
    for name in ("tight", "wide"):
        direct = cut(astronaut, box, profile(name), 112).astype(int)
        again = cut(crop.image, crop.box, profile(name), 112).astype(int)
        assert np.abs(direct - again).mean() < 1.0


def test_large_faces_are_reduced_and_landmarks_follow(astronaut, tmp_path):
    corners = np.array([[178, 62], [284, 62], [231, 127], [178, 192], [284, 192]], np.float32)

    class Finder:
        def find(self, image):
            return [Face((178.0, 62.0, 284.0, 192.0), 0.9, corners)]

    path = tmp_path / "portrait.png"
    Image.fromarray(astronaut).save(path)
    (crop,) = cut_video(path, CropOptions(size=130), Finder()).crops
    assert crop.image.shape == (130, 130, 3)
    assert crop.box == pytest.approx((38.5, 32.5, 91.5, 97.5))
    assert crop.landmarks[[0, 4]].ravel() == pytest.approx(crop.box)
    assert CONTEXT.square(crop.box) == pytest.approx((0, 0, 130, 130))


def test_one_person_is_followed_the_one_seen_most(tmp_path):
    frames = [draw([(ONE, BLUE)] + ([(OTHER, RED)] if i < 3 else [])) for i in range(8)]
    found = cut_video(write_video(tmp_path / "two.mp4", frames), CropOptions(frames=8), SquareFinder())
    assert [crop.frame for crop in found.crops] == list(range(8))
    middles = [crop.image[len(crop.image) // 2, len(crop.image) // 2].astype(int) for crop in found.crops]
    assert all(middle[2] > middle[0] + 60 for middle in middles)  # blue, although red is larger


def test_a_folder_of_frames_is_sampled_in_the_order_of_its_numbers(tmp_path):
    for number in (1, 2, 9, 10, 11):
        Image.fromarray(draw([((20 * number, 60, 20 * number + 60, 130), BLUE)])).save(
            tmp_path / f"{number}.png"
        )
    (tmp_path / "3.png").write_bytes(b"no image")
    found = cut_video(tmp_path, CropOptions(frames=6), SquareFinder())
    assert found.frames == 5
    assert all(crop.time is None for crop in found.crops)
    again = cut_video(tmp_path, CropOptions(frames=2), SquareFinder())
    assert again.frames == 2  # the second and the fifth of six names


def test_specks_are_not_followed(tmp_path):
    path = write_video(tmp_path / "speck.mp4", [draw([((10, 10, 22, 22), RED)])] * 2)
    assert cut_video(path, CropOptions(frames=2), SquareFinder()).status == "no_face"


def test_png_keeps_every_pixel(dataset, tmp_path):
    out = tmp_path / "out"
    run(dataset, out, options=PrepareOptions(OPTIONS.crops, "png"))
    crops = CropSet.open(out)
    video = next(cut_video(dataset / r.extra["video"], OPTIONS.crops, SquareFinder()) for r in crops)
    assert np.array_equal(crops.image(0), video.crops[0].image)


def test_a_second_run_reads_nothing_but_what_could_not_be_read_or_changed(dataset, tmp_path):
    out, calls = tmp_path / "out", []
    run(dataset, out)
    before = contents(out)
    run(dataset, out, progress=lambda done, videos: calls.append((done, videos)))
    assert calls == [(4, 5), (5, 5)]  # the unreadable one is tried again
    assert contents(out) == before
    clip(dataset / "fake/swap/broken.mp4", RED, count=5)
    clip(dataset / "real/b.mp4", BLUE, count=6)
    run(dataset, out, progress=lambda done, videos: calls.append((done, videos)))
    assert calls[2:] == [(3, 5), (4, 5), (5, 5)]
    fresh = tmp_path / "fresh"
    run(dataset, fresh)
    assert contents(out) == contents(fresh)


def test_a_folder_of_frames_that_changed_is_read_again(tmp_path):
    frames, out, crops = tmp_path / "set/real/clip", tmp_path / "out", []
    frames.mkdir(parents=True)
    rows = [VideoRow("real/clip", 0, "set")]
    for number in (1, 1, 2):
        Image.fromarray(draw([(ONE, BLUE)])).save(frames / f"{number}.png")
        crops.append(prepare(rows, tmp_path / "set", out, OPTIONS, 0, SquareFinder).crops)
    assert crops == [1, 1, 2]


def test_a_folder_of_other_settings_or_of_something_else_is_left_alone(dataset, tmp_path):
    out = tmp_path / "out"
    run(dataset, out)
    before = contents(out)
    with pytest.raises(DatasetError, match="prepared with other settings"):
        run(dataset, out, options=PrepareOptions(CropOptions(frames=5)))
    assert contents(out) == before
    with pytest.raises(DatasetError, match="root 'set' there, 'fake' now"):
        prepare([], dataset / "fake", out, OPTIONS, 0, SquareFinder)
    with pytest.raises(DatasetError, match="not the work of unmask prepare"):
        run(dataset, dataset)


def test_keys_are_safe_names_and_differ():
    keys = [prepared_folder.key_of(path) for path in ("a/b.mp4", "a-b.mp4", "a/b.avi", "ä/../b", "x" * 400)]
    assert len(set(keys)) == 5
    assert all(key.replace("-", "").isalnum() and key.isascii() and len(key) < 80 for key in keys)


def table(path):
    with path.open(newline="", encoding="utf-8") as lines:
        return list(csv.DictReader(lines))


TABLE = (
    "path,label,method,gender,skin,note\n"
    "real/a.mp4,real,,f,III,\n"
    "real/b.mp4,real,,,II,\n"
    'fake/swap/a.mp4,fake,swap,m,,"two\n  lines"\n'
    "fake/swap/empty.mp4,fake,swap,f,I,dark\n"
)


def test_further_columns_of_a_table_reach_every_video_and_crop(dataset, tmp_path):
    (dataset / "manifest.csv").write_text(TABLE)
    rows, out = list_videos("manifest", dataset).rows, tmp_path / "out"
    prepare(rows, dataset, out, OPTIONS, 0, SquareFinder)
    wanted = {
        "real/a.mp4": ("f", "III", ""),
        "real/b.mp4": ("", "II", ""),
        "fake/swap/a.mp4": ("m", "", "two lines"),
        "fake/swap/empty.mp4": ("f", "I", "dark"),
    }
    videos = table(out / "videos.csv")
    assert list(videos[0])[-4:] == ["detail", "gender", "note", "skin"]
    assert {row["path"]: (row["gender"], row["skin"], row["note"]) for row in videos} == wanted
    crops = CropSet.open(out)
    assert len(crops) == 12
    for record in crops:
        extra = record.extra
        assert (extra["gender"], extra["skin"], extra["note"]) == wanted[extra["video"]]


def test_columns_that_preparation_writes_itself_are_not_taken_from_a_table(dataset, tmp_path):
    (dataset / "manifest.csv").write_text(
        "path,label,status,frame,face_px,target,gender\nreal/a.mp4,real,checked,7,x,033,f\n"
    )
    listing = list_videos("manifest", dataset)
    (row,) = listing.rows
    assert (row.attributes, row.source) == ({"gender": "f"}, "033")
    assert listing.notes == ("columns that preparation writes itself are left out: face_px, frame, status",)
    prepare(listing.rows, dataset, tmp_path / "out", OPTIONS, 0, SquareFinder)
    assert [record.extra["status"] for record in CropSet.open(tmp_path / "out")] == ["ok"] * 4
    with pytest.raises(ValueError, match="preparation writes itself: status"):
        VideoRow("a.mp4", 0, "set", attributes={"status": "checked"})


def test_a_folder_prepared_without_attributes_gets_them_without_reading_a_video(dataset, tmp_path):
    out, calls = tmp_path / "out", []

    def progress(done, videos):
        calls.append((done, videos))

    (dataset / "manifest.csv").write_text("path,label,method\nreal/a.mp4,real,\nreal/b.mp4,real,\n")
    prepare(list_videos("manifest", dataset).rows, dataset, out, OPTIONS, 0, SquareFinder)
    assert list(table(out / "videos.csv")[0])[-1] == "detail"
    (dataset / "manifest.csv").write_text(
        "path,label,method,gender\nreal/a.mp4,real,,f\nreal/b.mp4,real,,m\n"
    )
    rows = list_videos("manifest", dataset).rows
    prepare(rows, dataset, out, OPTIONS, 0, SquareFinder, progress)
    assert calls == [(2, 2)]
    prepare(rows, dataset, tmp_path / "fresh", OPTIONS, 0, SquareFinder)
    assert contents(out) == contents(tmp_path / "fresh")
    assert table(out / "videos.csv")[0]["gender"] == "f"


def test_race_and_gender_of_fakeavceleb_are_kept(tmp_path):
    root, out = tmp_path / "FakeAVCeleb", tmp_path / "out"
    places = ("RealVideo-RealAudio/African/men/id00076", "FakeVideo-RealAudio/Asian (East)/women/id09174")
    clip(root / places[0] / "00109.mp4", BLUE)
    clip(root / places[0] / "00110.mp4", BLUE)
    clip(root / places[1] / "00015_id02587_wavtolip.mp4", RED)
    (root / "meta_data.csv").write_text(
        "source,target1,target2,method,category,type,race,gender,path,\n"
        f"id00076,-,-,real,A,RealVideo-RealAudio,African,men,00109.mp4,FakeAVCeleb/{places[0]}\n"
        "id09174,id02587,-,wav2lip,C,FakeVideo-RealAudio,Asian (East),women,00015_id02587_wavtolip.mp4,"
        f"FakeAVCeleb/{places[1]}\n"
    )
    prepare(list_videos("fakeavceleb", root).rows, root, out, OPTIONS, 0, SquareFinder)
    # What meta_data.csv does not say stays empty: it is not read from the folders' names.
    assert {(row["race"], row["gender"], row["crops"]) for row in table(out / "videos.csv")} == {
        ("African", "men", "4"),
        ("", "", "4"),
        ("Asian (East)", "women", "4"),
    }
    assert {(record.label, record.extra["race"], record.extra["gender"]) for record in CropSet.open(out)} == {
        (0, "African", "men"),
        (0, "", ""),
        (1, "Asian (East)", "women"),
    }


def test_a_file_that_crashes_its_decoder_has_a_row(dataset, tmp_path, monkeypatch):
    def crash(path):
        media = open_isolated(path)
        if path.name == "b.mp4":
            media._process._process.kill()
        return media

    monkeypatch.setattr(video_crops, "open_isolated", crash)
    rows = list_videos("folder", dataset).rows[:2]
    done = prepare(rows, dataset, tmp_path / "out", OPTIONS, 0, SquareFinder)
    assert [row.path for row in rows] == ["real/a.mp4", "real/b.mp4"]
    assert done.statuses == {"ok": 1, "unreadable": 1}


def test_processes_give_the_same_and_an_ended_one_is_replaced_as_long_as_the_work_goes_on(dataset, tmp_path):
    deadly = "fake/swap/deadly.mp4"
    clip(dataset / deadly, GREEN)
    rows = [row for row in list_videos("folder", dataset).rows if row.path in ("real/a.mp4", deadly)]
    out, alone = tmp_path / "out", tmp_path / "alone"
    with pytest.raises(DatasetError, match="first deadly"):
        prepare(rows, dataset, out, OPTIONS, 1, DeadlyFinder)
    rows = [row for row in rows if row.path != deadly]
    prepare(rows, dataset, out, OPTIONS, 2, DeadlyFinder)
    prepare(rows, dataset, alone, OPTIONS, 0, SquareFinder)
    both = [contents(folder) for folder in (out, alone)]
    assert both[0]["manifest.csv"] == both[1]["manifest.csv"]
    assert {path: data for path, data in both[0].items() if path.startswith("crops/")} == {
        path: data for path, data in both[1].items() if path.startswith("crops/")
    }


def test_processes_that_cannot_start_blame_no_video(dataset, tmp_path):
    rows = list_videos("folder", dataset).rows[:1]
    with pytest.raises(DatasetError, match="before one of 1 videos"):
        prepare(rows, dataset, tmp_path / "out", OPTIONS, 1, end_at_once)
    assert not (tmp_path / "out" / "videos.csv").exists()


def test_an_end_at_any_step_of_writing_leaves_no_trace(dataset, tmp_path, monkeypatch):
    """Every file-system step in turn is the last of a run; the next run ends with an undisturbed run's bytes."""
    names = ("real/a.mp4", "fake/swap/a.mp4", "fake/swap/broken.mp4")
    rows = [row for row in list_videos("folder", dataset).rows if row.path in names]
    rows[0] = replace(rows[0], attributes={"skin": "III", "gender": "f"})
    options = PrepareOptions(CropOptions(frames=2, size=32))
    prepare(rows, dataset, tmp_path / "undisturbed", options, 0, SquareFinder)
    expected = contents(tmp_path / "undisturbed")
    steps_left = 0

    def counted(step):
        def act(*arguments, **more):
            nonlocal steps_left
            steps_left -= 1
            if steps_left == 0:
                raise KeyboardInterrupt
            return step(*arguments, **more)

        return act

    for place, name in ((Path, "replace"), (Path, "mkdir"), (Path, "rmdir"), (Image.Image, "save")):
        monkeypatch.setattr(place, name, counted(getattr(place, name)))
    last, ended = 0, False
    while not ended:
        last += 1
        steps_left = last
        out = tmp_path / f"ended-{last}"
        try:
            prepare(rows, dataset, out, options, 0, SquareFinder)
            ended = True
        except KeyboardInterrupt:
            steps_left = -1
            prepare(rows, dataset, out, options, 0, SquareFinder)
        assert contents(out) == expected, last
    assert last > 15


SCRIPT = """
import sys
from pathlib import Path
from toy_finders import SlowFinder
from unmask.datasets.layouts import list_videos
from unmask.datasets.preparation import PrepareOptions, prepare
from unmask.datasets.video_crops import CropOptions

root, out, workers = Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3])
rows = list_videos("folder", root).rows
prepare(rows, root, out, PrepareOptions(CropOptions(frames=4, size=96)), workers, SlowFinder,
        progress=lambda done, videos: print(done, flush=True))
"""


def start_run(root, out, workers):
    """Start a preparation in a process group of its own; it prints how many videos are done."""
    folders = [str(Path(__file__).parent), str(Path(__file__).parents[1]), *sys.path]
    return subprocess.Popen(
        [sys.executable, "-c", SCRIPT, str(root), str(out), str(workers)],
        env=os.environ | {"PYTHONPATH": os.pathsep.join(folders), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        start_new_session=True,
        text=True,
    )


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_a_preparation_killed_at_ten_random_moments_ends_with_the_same_bytes(dataset, tmp_path):
    for number in range(6):
        clip(dataset / f"real/more{number}.mp4", BLUE, count=4 + number)
    run(dataset, tmp_path / "undisturbed")
    expected = contents(tmp_path / "undisturbed")
    moments, unfinished = random.Random(7), 0
    out = tmp_path / "0"
    for kill in range(10):
        workers = 2 if kill % 4 == 3 else 0
        process = start_run(dataset, out, workers)
        process.stdout.readline()  # the work begins
        time.sleep(moments.uniform(0, 1.0 if workers else 0.3))
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate(timeout=60)
        if (out / "videos.csv").exists():
            assert contents(out) == expected
            out = tmp_path / str(kill + 1)
        else:
            unfinished += 1
    run(dataset, out)
    assert contents(out) == expected
    assert unfinished > 0


@pytest.mark.skipif(not hasattr(os, "killpg"), reason="needs process groups")
def test_workers_end_with_a_parent_that_was_killed(dataset, tmp_path):
    for number in range(30):
        clip(dataset / f"real/more{number}.mp4", BLUE, count=4)
    process = start_run(dataset, tmp_path / "out", workers=1)
    process.stdout.readline()
    process.stdout.readline()  # one video is done: the worker is at work
    process.kill()
    # The pipe closes when the last process that writes to it has ended.
    process.communicate(timeout=60)
    assert not (tmp_path / "out" / "videos.csv").exists()
