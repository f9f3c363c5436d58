"""What the report says of the parts of a face."""

import numpy as np
import pytest

from unmask.report import FaceEvidence, PartEvidence
from unmask.report.pictures import parts_in_words

MAP = np.full((2, 2), 6, np.float32)


def face(*parts, patch_logits=MAP):
    return FaceEvidence(0, 0.0, (0, 0, 9, 9), b"", patch_logits, parts=parts)


def part(name, share, visible=0.5):
    return PartEvidence(name, 0.5, 0.5, visible, share)


def test_the_largest_shares_come_first_and_small_ones_are_left_out():
    words = parts_in_words(face(part("left eye", 0.12), part("mouth", 0.82), part("chin", 0.06)))
    assert words == "Nearest to what the map shows: mouth 82 %, left eye 12 %."


def test_shares_of_one_name_add_up():
    words = parts_in_words(face(part("mouth", 0.08), part("mouth", 0.07), part("nose", 0.85)))
    assert words == "Nearest to what the map shows: nose 85 %, mouth 15 %."


def test_parts_that_cannot_be_seen_are_named():
    words = parts_in_words(face(part("mouth", 0.2, 0.001), part("nose", 0.8)))
    assert words == "Nearest to what the map shows: nose 80 %, mouth 20 %. Hardly visible: mouth."


def test_where_most_parts_cannot_be_seen_the_hint_is_near_to_none():
    words = parts_in_words(face(part("mouth", 0.2, 0.01), part("nose", 0.8, 0.01), part("chin", 0.0)))
    assert words == "Most parts of the face can hardly be seen."


@pytest.mark.parametrize("patch_logits", [None, np.full((2, 2), 0.5, np.float32)])
def test_a_map_that_shows_hardly_anything_is_near_to_nothing(patch_logits):
    assert parts_in_words(face(part("mouth", 1.0), patch_logits=patch_logits)) == ""
    assert parts_in_words(face(patch_logits=MAP)) == ""


def test_the_map_of_the_blend_decides_whether_anything_is_shown():
    shown = {"patch_logits": None, "parts": (part("mouth", 1.0),)}
    for strength, words in ((0.6, "Nearest to what the map shows: mouth 100 %."), (0.05, "")):
        mask = np.full((2, 2), strength, np.float32)
        assert parts_in_words(FaceEvidence(0, 0.0, (0, 0, 9, 9), b"", blend_mask=mask, **shown)) == words


def test_parts_stand_in_the_json():
    written = face(part("mouth", None, 0.25)).to_dict()["parts"]
    assert written == [{"name": "mouth", "x": 0.5, "y": 0.5, "visible": 0.25, "share": None}]
