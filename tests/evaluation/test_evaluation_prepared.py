"""Sets that ``unmask prepare`` wrote are seen through the detector's own crop profile."""

import numpy as np
import pytest
from PIL import Image

from toys import BLUE, RED, SquareFinder, draw
from unmask.datasets.layouts import list_videos
from unmask.datasets.preparation import PrepareOptions, prepare
from unmask.evaluation.crops import open_crops
from unmask.evaluation.robustness import DISTORTIONS, Change
from unmask.faces import cut, profile

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
