"""The pixels around faces: of them the same crop can be cut again, and they are bounded."""

import numpy as np
import pytest

from unmask.detectors import FaceCrops, WholeFrames
from unmask.evidence import SearchOptions, extractor_of, find_faces
from unmask.evidence import patches as module
from unmask.media import Frame

CROPS = FaceCrops(crop_profile="wide", size=32)


def units_of(image, finder, **options):
    frame = Frame(0, 0.0, image)
    found = find_faces(frame, lambda: finder, SearchOptions("thorough", 1e6))
    extractor = extractor_of(CROPS, **options)
    return extractor, extractor.extract([frame], (), [found]).units


@pytest.fixture
def picture(toys):
    """One face inside the picture, one that its crop reaches beyond the border of."""
    return toys.draw([((70, 60, 110, 110), toys.RED), ((262, 170, 318, 238), toys.BLUE)])


def test_nothing_is_kept_unless_it_is_asked_for(picture, finder):
    assert [unit.patch for unit in units_of(picture, finder)[1]] == [None, None]
    assert extractor_of(WholeFrames(size=32), keeps_patches=True) == extractor_of(WholeFrames(size=32))


def test_the_same_crop_is_cut_of_a_patch(picture, finder):
    extractor, units = units_of(picture, finder, keeps_patches=True)
    for unit in units:
        assert unit.patch.image.size < picture.size / 2 and not np.shares_memory(unit.patch.image, picture)
        np.testing.assert_array_equal(extractor.crop_of(unit.patch), unit.inputs["crops"])


def test_patches_begin_where_a_block_of_the_frame_does(picture, finder):
    _, units = units_of(picture, finder, keeps_patches=True)
    for unit in units:
        corner = np.subtract(unit.place.box[:2], unit.patch.box[:2])
        np.testing.assert_array_equal(corner % module.BLOCK, 0)


def test_a_large_face_is_kept_smaller(toys, finder):
    picture = toys.draw([((100, 100, 500, 540), toys.RED)], (700, 700))
    extractor, (unit,) = units_of(picture, finder, keeps_patches=True)
    assert max(unit.patch.image.shape) <= 32 * (module.LARGEST_SIDE + 1)
    crops = extractor.crop_of(unit.patch), unit.inputs["crops"]
    assert np.abs(np.subtract(*crops, dtype=float)).mean() < 4


def test_a_crowd_has_no_more_than_its_pixels(toys, finder, monkeypatch):
    squares = [((x, 40, x + 30, 80), toys.RED) for x in range(10, 300, 60)]
    _, units = units_of(toys.draw(squares), finder, keeps_patches=True)
    each = units[2].patch.image.shape[0] * units[2].patch.image.shape[1]
    monkeypatch.setattr(module, "MOST_PIXELS", 2.5 * each)
    _, units = units_of(toys.draw(squares), finder, keeps_patches=True)
    assert 1 <= sum(unit.patch is not None for unit in units) <= 3
