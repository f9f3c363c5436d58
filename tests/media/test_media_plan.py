import numpy as np
import pytest

from unmask.media import Sampling, plan, spread


def test_a_number_of_frames_means_the_middles_of_equal_parts():
    assert Sampling(4).moments(10.0, 18.0) == [11.0, 13.0, 15.0, 17.0]


def test_a_frame_every_so_often_begins_with_the_first_and_keeps_the_bound():
    assert Sampling(9, every=2.5).moments(10.0, 18.0) == [10.0, 12.5, 15.0, 17.5]
    assert Sampling(3, every=2.5).moments(10.0, 18.0) == [10.0, 12.5, 15.0]
    assert Sampling(9, every=50.0).moments(10.0, 18.0) == [10.0]


def test_a_bound_in_time_counts_from_the_first_frame():
    assert Sampling(2, until=4.0).moments(10.0, 18.0) == [11.0, 13.0]
    assert Sampling(2, until=99.0).moments(10.0, 18.0) == [12.0, 16.0]


def test_parts_in_which_a_frame_was_taken_are_left_out():
    assert Sampling(4, exclude=(0.0, 6.5)).parts(10.0, 18.0) == [(12.0, 14.0), (14.0, 16.0)]


@pytest.mark.parametrize("wrong", [{"count": 0}, {"count": 2000}, {"every": 0.0}, {"until": -1.0}])
def test_an_order_for_frames_is_checked(wrong):
    with pytest.raises(ValueError, match="must be"):
        Sampling(**{"count": 4} | wrong)


def test_the_cheapest_frame_of_a_part_is_behind_its_middlemost_key_frame_or_its_first():
    survey = plan.Survey(0.0, 8.0, 80, ((0, 0.0), (10, 1.0), (20, 1.9), (60, 6.0)))
    parts = [(0.0, 2.0), (2.0, 4.0), (4.0, 6.0), (6.0, 8.0)]
    assert plan.cheap_moments(survey, parts) == [1.1, 2.0, 4.0, 6.1]


def test_a_key_frame_itself_is_taken_where_its_group_or_the_part_ends_at_once():
    every_frame = tuple((number, number / 25) for number in range(200))
    survey = plan.Survey(0.0, 8.0, 200, every_frame)
    assert plan.cheap_moments(survey, [(0.0, 4.0), (4.0, 8.0)]) == pytest.approx([2.24, 6.0])
    late = plan.Survey(0.0, 8.0, 80, ((0, 0.0), (39, 3.85), (78, 7.8)))
    assert plan.cheap_moments(late, [(2.0, 4.0), (4.0, 8.0)]) == [3.85, 7.8]


def test_a_sought_frame_lies_behind_its_key_frame_where_there_is_one():
    frames = [(time / 10, time) for time in range(20, 40)]
    assert plan.behind_first(frames, 0.0) == (2.1, 21)
    assert plan.behind_first(frames, 3.0) == (3.0, 30)
    assert plan.behind_first(frames[:1], 0.0) == (2.0, 20)
    assert plan.behind_first(frames[:2], 3.0) is None and plan.behind_first([], 0.0) is None


def test_the_nearest_frame_is_chosen_as_a_full_search_would():
    rng = np.random.default_rng(3)
    for _ in range(50):
        times = np.sort(rng.uniform(0, 10, rng.integers(1, 40))).tolist()
        moments = Sampling(int(rng.integers(1, 12))).moments(0.0, 10.0)
        expected = [min(times, key=lambda time, moment=moment: abs(time - moment)) for moment in moments]
        chosen = [time for time, _ in plan.nearest(((time, None) for time in times), moments)]
        assert chosen == sorted(set(expected))


def test_nearest_stops_asking_once_every_target_is_met():
    asked = []

    def frames():
        for number in range(100):
            asked.append(number)
            yield float(number), None

    assert [time for time, _ in plan.nearest(frames(), [2.2, 4.8])] == [2.0, 5.0]
    assert asked[-1] == 5


def test_nearest_ends_with_the_last_frame_where_the_rest_is_missing():
    frames = [(0.0, "a"), (1.0, "b")]
    assert list(plan.nearest(frames, [0.2, 5.0, 9.0])) == [(0.0, "a"), (1.0, "b")]
    assert list(plan.nearest([], [0.2])) == []


def test_a_survey_spans_the_shown_packets_and_keeps_hidden_key_frames():
    survey = plan.survey_of([(-0.1, True, False), (0.0, False, True), (0.2, False, True), (0.1, True, True)])
    assert survey == plan.Survey(0.0, pytest.approx(0.3), 4, ((0, -0.1), (3, 0.1)))
    assert plan.survey_of([]) is None


def test_jumping_time_stamps_leave_one_place_to_begin():
    survey = plan.survey_of([(0.0, True, True), (9.0, True, True), (1.0, True, True)])
    assert survey.keys == ((0, 0.0),)


def test_only_groups_with_a_target_are_wanted():
    survey = plan.Survey(0.0, 4.0, 40, ((0, 0.0), (10, 1.0), (20, 2.0), (30, 3.0)))
    assert plan.last_target_per_group(survey, [0.5, 2.1, 2.9]) == {0: 0.5, 20: 2.9}


def test_following_gives_the_first_frame_not_before_each_target():
    frames = [(time / 10, None) for time in range(0, 100, 2)]
    assert [time for time, _ in plan.following(frames, [0.0, 0.5, 0.55, 3.0])] == [0.0, 0.6, 3.0]
    assert list(plan.following(frames, [99.0])) == []


def test_the_first_moments_of_a_video_are_left_alone():
    survey = plan.Survey(2.0, 12.0, 100, ((0, 2.0), (50, 7.0)))
    assert plan.cheap_moments(survey, [(2.0, 4.5), (4.5, 7.0), (7.0, 12.0)]) == [2.5, 4.5, 7.1]
    assert plan.cheap_moments(survey, [(2.0, 2.4)]) == [2.2]


@pytest.mark.parametrize(
    ("count", "wanted", "chosen"),
    [(8, 2, [2, 6]), (8, 1, [4]), (5, 9, [0, 1, 2, 3, 4]), (3, 0, []), (7, 3, [1, 3, 5])],
)
def test_choices_are_spread_evenly(count, wanted, chosen):
    assert spread(count, wanted) == chosen


def test_a_picture_is_on_show_until_the_next_where_it_is_held():
    survey = plan.survey_of([(0.0, True, True), (9.0, False, True), (9.04, False, True), (9.08, False, True)])
    assert [plan.held_at(survey, moment) for moment in (0.0, 5.0, 8.9, 9.0, 9.05)] == [
        0.0,
        0.0,
        0.0,
        None,
        None,
    ]


def test_of_held_pictures_the_one_on_show_in_a_parts_middle_is_a_target():
    survey = plan.survey_of([(0.0, True, True), (9.0, False, True), (9.04, False, True), (9.08, False, True)])
    parts = [(0.0, 4.56), (4.56, 9.12)]
    assert plan.cheap_moments(survey, parts) == [0.0]
    assert plan.cheap_moments(survey, parts, exclude=[0.0]) == []


def test_a_sought_picture_that_is_held_is_the_one_on_show():
    frames = [(0.0, "held"), (99.0, "last")]
    assert plan.behind_first(frames, 0.0, moment=50.0) == (0.0, "held")
    assert plan.behind_first(frames, 0.0) == (99.0, "last")


def test_times_of_held_pictures_are_kept_where_they_would_give_fewer():
    survey = plan.survey_of([(0.0, True, True), (9.0, False, True), (9.04, False, True), (9.08, False, True)])
    assert plan.moments_on_show(survey, [4.6]) == [0.0]
    assert plan.moments_on_show(survey, [2.0, 5.0]) == [2.0, 5.0]
    assert plan.moments_on_show(survey, [2.0, 9.06]) == [0.0, 9.06]
