"""Verdicts by group of people: what is counted, and which gap is named."""

import pytest

from unmask.evaluation.scan_fairness import attributes_of_person, verdicts_by_group


def test_a_person_belongs_to_the_groups_that_the_manifest_states():
    row = {"path": "a.jpg", "age": "44", "sex": "female", "race": "black"}
    assert attributes_of_person(row) == {
        "all": "all", "sex": "female", "race": "black", "age": "30 to 44", "sex and race": "black female",
    }  # fmt: skip
    assert attributes_of_person({"age": "60", "sex": "male"}) == {
        "all": "all", "sex": "male", "age": "60 and more",
    }  # fmt: skip
    assert [attributes_of_person({"age": age}) for age in ("", "?", "17")] == [{"all": "all"}] * 3


VERDICTS = {
    "a": ["likely_fake"] * 2 + ["inconclusive"] * 8 + ["likely_real"] * 30,
    "b": ["likely_fake"] * 10 + ["inconclusive"] * 6 + ["likely_real"] * 24,
    "tiny": ["likely_fake"] * 3,
    "": ["likely_fake"] * 5,
}
GROUPS = [group for group, verdicts in VERDICTS.items() for _ in verdicts]
FLAT = [verdict for verdicts in VERDICTS.values() for verdict in verdicts]


def test_wrong_and_inconclusive_verdicts_are_counted_by_group():
    found = verdicts_by_group("race", [*GROUPS, "a"], [*FLAT, None], label=0)
    assert [(each.group, each.files) for each in found.groups] == [("a", 40), ("b", 40), ("tiny", 3)]
    assert [each.wrong.value for each in found.groups] == pytest.approx([0.05, 0.25, 1.0])
    assert [each.inconclusive.value for each in found.groups] == pytest.approx([0.2, 0.15, 0.0])


def test_a_small_group_has_no_part_in_the_largest_gap():
    found = verdicts_by_group("race", GROUPS, FLAT, label=0)
    wrong = found.gaps["wrong"]
    assert (wrong.highest, wrong.lowest, round(wrong.difference.value, 6)) == ("b", "a", 0.2)
    assert wrong.difference.low > 0 and wrong.chance < 0.05
    assert found.gaps["inconclusive"].chance > 0.3


def test_of_fakes_those_called_real_are_wrong():
    found = verdicts_by_group("race", GROUPS, FLAT, label=1)
    assert [each.wrong.value for each in found.groups] == pytest.approx([0.75, 0.6, 0.0])


def test_the_card_has_rounded_figures():
    values = verdicts_by_group("race", GROUPS, FLAT, label=0).to_dict()
    assert values["groups"]["a"]["files"] == 40 and values["groups"]["a"]["wrong"][0] == 0.05
    assert values["gaps"]["wrong"]["highest"] == "b"
    assert verdicts_by_group("all", ["all"] * 3, ["likely_real"] * 3, 0).to_dict()["gaps"] == {}
