"""Parts of a face: where they lie, whether they can be seen, and which of them a map is about."""

import json
import shutil
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import expit

from unmask.demo.clips import portrait
from unmask.detectors import DetectorError, Explanation, FacePart, built_in, load_detector
from unmask.detectors.parts import PartFilters, shares_of_parts
from unmask.faces import CenterFace, cut, profile


def filters_of(kernel, names=("one", "other")):
    count = len(names)
    return PartFilters(
        np.asarray(kernel, np.float32),
        np.zeros(count, np.float32),
        np.full(count, 10, np.float32),
        np.full(count, 2, np.float32),
        names,
    )


def map_with(*peaks):
    """A map of 4 x 4 places with two channels, silent but for (channel, row, column, value)."""
    tokens = np.zeros((4, 4, 2), np.float32)
    for channel, row, column, value in peaks:
        tokens[row, column, channel] = value
    return tokens.reshape(16, 2)


def test_a_part_lies_where_its_filter_answers_most_and_is_seen_as_far_as_that_is_usual():
    filters = filters_of(np.eye(2))
    one, other = filters.find(map_with((0, 0, 0, 30), (1, 3, 1, 10)))
    assert (one.x, one.y) == pytest.approx((1 / 8, 1 / 8), abs=1e-6)
    assert (other.x, other.y) == pytest.approx((3 / 8, 7 / 8), abs=1e-3)
    assert (one.name, other.name) == ("one", "other")
    assert (one.visible, other.visible) == pytest.approx((expit(10), 0.5), abs=1e-6)


def test_a_part_between_two_places_lies_between_them():
    part, _ = filters_of(np.eye(2)).find(map_with((0, 1, 1, 25), (0, 1, 2, 25), (0, 3, 3, 24)))
    assert (part.x, part.y) == pytest.approx((0.5, 3 / 8), abs=1e-6)


def test_filters_read_the_last_channels_of_a_token():
    tokens = np.concatenate([np.full((16, 3), 99, np.float32), map_with((0, 2, 1, 20))], axis=1)
    part, _ = filters_of(np.eye(2)).find(tokens)
    assert (part.x, part.y) == pytest.approx((3 / 8, 5 / 8), abs=1e-6)


def test_each_place_of_a_map_counts_for_the_nearest_part():
    parts = (FacePart("left", 0.1, 0.5, 1), FacePart("right", 0.9, 0.5, 1))
    strength = np.array([[3, 0, 0, 1], [2, 0, 1, 1]], np.float32)
    assert shares_of_parts(parts, strength) == pytest.approx([5 / 8, 3 / 8])
    assert shares_of_parts(parts, np.zeros((2, 2))) is None
    assert shares_of_parts((), strength) is None


def test_what_speaks_against_manipulation_does_not_count_and_the_map_of_the_blend_comes_first():
    parts = (FacePart("left", 0.1, 0.5, 1), FacePart("right", 0.9, 0.5, 1))
    explained = Explanation(patch_logits=np.array([[1, -9]], np.float32), parts=parts)
    assert explained.part_shares == pytest.approx([1, 0])
    blended = replace(explained, blend_mask=np.array([[0.1, 0.3]], np.float32))
    assert blended.part_shares == pytest.approx([0.25, 0.75])
    assert Explanation(parts=parts).part_shares == [None, None]


def test_filters_are_read_as_they_were_saved(tmp_path):
    filters = filters_of(np.eye(2))
    filters.save(tmp_path / "parts.npz")
    with np.load(tmp_path / "parts.npz", allow_pickle=False) as file:
        again = PartFilters.of(dict(file))
    assert again.names == filters.names and np.array_equal(again.kernel, filters.kernel)
    with pytest.raises(DetectorError, match="different shapes"):
        PartFilters.of({**vars(filters), "mean": np.zeros(3), "names": np.array(filters.names)})


@pytest.fixture(scope="module")
def crop():
    picture = np.asarray(portrait())
    (face, *_) = CenterFace(threads=1).find(picture)
    crop = cut(picture, face.box, profile("wide"))
    x0, y0, x1, _ = profile("wide").square(face.box)
    return crop, (face.landmarks - (x0, y0)) / (x1 - x0)


def test_the_parts_of_a_portrait_lie_where_its_landmarks_say(crop):
    picture, (left_eye, right_eye, nose, *mouth) = crop
    (parts,) = load_detector("jrc", threads=1).parts(picture[None])
    places = {part.name: (part.x, part.y) for part in parts}
    for name, landmark in {"right eye": right_eye, "nose": nose, "mouth": np.mean(mouth, 0)}.items():
        assert np.hypot(*(places[name] - landmark)) < 0.12
    assert places["left cheek"][0] < nose[0] < places["right cheek"][0]
    assert places["left brow"][0] < nose[0] and places["left brow"][1] < left_eye[1]
    assert all(part.visible > 0.05 for part in parts)


@pytest.fixture
def copied(tmp_path):
    folder = tmp_path / "jrc"
    shutil.copytree(built_in()["jrc"], folder)
    return folder


def change_card(folder, parts):
    card = json.loads((folder / "card.json").read_text())
    card["parts"] = None if parts is None else card["parts"] | parts
    (folder / "card.json").write_text(json.dumps(card))


def test_a_card_without_parts_has_the_same_scores_and_no_parts(copied, crop):
    picture = crop[0][None]
    before = load_detector("jrc", threads=1)
    change_card(copied, None)
    after = load_detector(copied, threads=1)
    assert after.logits(picture) == before.logits(picture)
    (explained,) = after.explain({"crops": picture})
    assert explained.parts == () and len(before.explain({"crops": picture})[0].parts) == 8
    with pytest.raises(DetectorError, match="finds no parts"):
        after.parts(picture)


def test_filters_that_were_changed_or_belong_to_another_trunk_are_refused(copied):
    change_card(copied, {"sha256": "0" * 64})
    with pytest.raises(DetectorError, match=r"parts\.npz is not the file"):
        load_detector(copied)
    change_card(
        copied,
        {
            "sha256": json.loads((built_in()["jrc"] / "card.json").read_text())["parts"]["sha256"],
            "trunk": "x",
        },
    )
    with pytest.raises(DetectorError, match="another trunk"):
        load_detector(copied)
