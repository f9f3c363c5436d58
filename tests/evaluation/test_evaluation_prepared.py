"""Sets that ``unmask prepare`` wrote are seen through the detector's own crop profile."""

import numpy as np
import pytest
from PIL import Image

from toys import BLUE, RED, SquareFinder, draw
from unmask.datasets.layouts import list_videos
from unmask.datasets.preparation import PrepareOptions, prepare
from unmask.evaluation.crops import open_crops
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
