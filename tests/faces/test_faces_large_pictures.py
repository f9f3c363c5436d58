"""Faces that are small beside a large, a long or a crowded picture."""

import itertools

import numpy as np
import pytest
from PIL import Image

from unmask.demo import FACE, portrait
from unmask.faces import SEARCH_BUDGET, CenterFace, Face, search
from unmask.faces.tiling import TILE_SIDE, is_whole, merge, overlaps, plan

HEAD = (100, 0, 362, 262)  # Of the portrait: the face with hair and shoulders.


@pytest.fixture(scope="module")
def centerface():
    """Reads a quarter of the usual length of the whole picture: middling pictures are large ones for it."""
    return CenterFace(threads=1, size=160)


def scene(width, height, side, places):
    """Lay the portrait's head, its face ``side`` pixels high, on a background of slow waves; picture and boxes."""
    y, x = np.mgrid[:64, :64] / 64
    waves = np.stack([np.sin(5 * x + 3 * y), np.cos(7 * y - x), np.sin(4 * x - 6 * y)], axis=2)
    image = Image.fromarray((128 + 60 * waves).astype(np.uint8)).resize((width, height))
    scale = side / (FACE[3] - FACE[1])
    head = portrait().crop(HEAD)
    head = head.resize((round(head.width * scale), round(head.height * scale)), Image.Resampling.LANCZOS)
    boxes = []
    for left, top in places:
        image.paste(head, (left, top))
        x0, y0, x1, y1 = ((edge - HEAD[k % 2]) * scale for k, edge in enumerate(FACE))
        boxes.append((x0 + left, y0 + top, x1 + left, y1 + top))
    return np.asarray(image), boxes


def found_once(faces, boxes, union=0.5):
    """Whether each box is that of exactly one face, and no face is left over."""
    known = np.array(boxes)
    shared = np.array([overlaps(np.array(face.box), known)[0] for face in faces]).reshape(-1, len(boxes))
    return len(faces) == len(boxes) and ((shared > union).sum(axis=0) == 1).all()


@pytest.mark.parametrize(
    ("width", "height", "side", "places"),
    [
        (1500, 1000, 30, [(25, 30), (729, 483), (1430, 935)]),
        (270, 3000, 60, [(100, 1770)]),
        (3000, 180, 40, [(1510, 80), (2910, 10)]),
        (1500, 1000, 24, [(740, 490)]),
        (250, 250, 26, [(140, 120)]),
    ],
)
def test_small_faces_of_large_and_long_pictures_are_found_once(centerface, width, height, side, places):
    image, boxes = scene(width, height, side, places)
    assert found_once(centerface.find(image), boxes)


@pytest.mark.parametrize(("width", "height", "side"), [(6000, 4000, 80), (1080, 12000, 200)])
def test_the_usual_finder_finds_them_at_a_fraction_of_its_budget(width, height, side):
    image, boxes = scene(width, height, side, [(width // 3, height // 2)])
    search = CenterFace(threads=1).search(image, budget=5e6)
    assert found_once(search.faces, boxes)


def test_a_face_at_any_place_across_the_tiles_borders_is_found_once(centerface):
    """Rows of faces, a little further on in each row: some lie on every kind of border."""
    places = [(5 + 95 * column + 11 * row, 8 + 95 * row) for row in range(10) for column in range(12)]
    image, boxes = scene(1300, 960, 44, places)
    assert found_once(centerface.find(image), boxes)


def test_faces_of_all_sizes_in_one_picture(centerface):
    image, boxes = np.zeros((750, 1000, 3), np.uint8), []
    for side, (left, top) in ((320, (350, 20)), (90, (50, 50)), (40, (60, 400)), (26, (150, 640))):
        layer, (box,) = scene(1000, 750, side, [(left, top)])
        bottom = None if side == 320 else top + 2 * side
        part = (
            (slice(None), slice(None)) if side == 320 else (slice(top, bottom), slice(left, left + 2 * side))
        )
        image[part] = layer[part]
        boxes.append(box)
    assert found_once(centerface.find(image), boxes)


def test_what_was_found_in_an_ordinary_picture_stays_to_the_bit(centerface):
    image, _ = scene(250, 250, 70, [(50, 75)])
    closer, quick = (centerface.search(image, effort) for effort in ("thorough", "quick"))
    (one,), (other,) = closer.faces, quick.faces
    assert (one.box, one.confidence) == (other.box, other.confidence)
    assert not closer.closer
    assert closer.smallest == pytest.approx(24 * 250 / 138.6, rel=1e-3)


def test_a_large_face_of_a_large_picture_stays_to_the_bit(centerface):
    image, _ = scene(750, 500, 220, [(150, 0)])
    (one,), (other,) = (centerface.search(image, effort).faces for effort in ("thorough", "quick"))
    assert (one.box, one.confidence) == (other.box, other.confidence)


def test_a_search_with_a_budget_says_what_it_left_out(centerface):
    image, boxes = scene(1000, 750, 50, [(470, 350)])
    bounded = centerface.search(image, "sparing", budget=4e5)
    assert found_once(bounded.faces, boxes)
    assert bounded.bounded
    assert 24 < bounded.smallest < 50
    quick = centerface.search(image, "quick")
    assert quick.faces == []
    assert (quick.bounded, quick.smallest) == (False, pytest.approx(24 * 1000 / 160))


def test_a_sparing_search_looks_no_closer_beside_a_large_face(centerface):
    image, _ = scene(750, 500, 220, [(150, 0)])
    search = centerface.search(image, "sparing")
    assert not search.closer
    assert len(search.faces) == 1


def test_a_finder_that_knows_one_way_only_is_asked_as_ever(finder, toys):
    image = toys.draw([((10, 10, 60, 60), toys.RED)])
    found = search(finder, image, "thorough", 1e6)
    assert finder.asked == 1
    assert (len(found.faces), found.smallest, found.bounded) == (1, None, False)


@pytest.mark.parametrize(
    "size",
    [(6000, 4000), (8660, 8660), (1080, 12000), (20_000_000, 3), (1, 75_000_000), (700, 641), (1922, 31)],
)
@pytest.mark.parametrize("budget", [20e6, 1.7e6, 1e5, 0])
def test_a_plan_keeps_its_budget_and_covers_the_picture(size, budget):
    scale = min(1, 640 / max(size), 640 * (0.75 / size[0] / size[1]) ** 0.5)
    levels = plan(size, scale, budget)
    assert sum(level.cost for level in levels) <= budget
    assert [level.scale for level in levels] == sorted(level.scale for level in levels)
    for level in levels:
        assert scale < level.scale <= 1
        for axis in (0, 1):
            spans = sorted({(tile[axis], tile[axis + 2]) for tile in level.tiles})
            assert (spans[0][0], spans[-1][1]) == (0, size[axis])
            assert all(after[0] < before[1] for before, after in itertools.pairwise(spans))
            assert max(end - start for start, end in spans) * level.scale <= TILE_SIDE
    if levels:
        steps = [level.scale for level in levels]
        ratios = [after / before for before, after in itertools.pairwise([scale, *steps])]
        assert max(ratios) <= 2.76


def test_the_usual_budget_takes_a_telephones_picture_to_its_full_size():
    assert plan((4032, 3024), 640 / 4032, SEARCH_BUDGET)[-1].scale == 1


def test_a_box_at_an_inner_border_is_no_whole_face():
    tile, size = (0, 500, 640, 1140), (2000, 1140)
    assert is_whole((-3, 520, 60, 600), tile, size, 1.0)
    assert is_whole((100, 1100, 160, 1150), tile, size, 1.0)
    assert not is_whole((100, 501, 160, 560), tile, size, 1.0)
    assert not is_whole((600, 700, 639, 760), tile, size, 1.0)


def test_of_boxes_of_the_same_face_the_first_stays():
    def face(box, confidence):
        return Face(box, confidence, np.zeros((5, 2), np.float32))

    whole, again, part = face((0, 0, 100, 120), 0.7), face((5, 0, 105, 118), 0.9), face((20, 20, 60, 60), 0.8)
    other = face((100, 0, 200, 120), 0.8)
    assert merge([whole, again, part, other]) == [other, whole]
    assert merge([]) == []
