"""The view of a result: what all pages show, once; and several opinions in every place where one is shown."""

import subprocess
import sys
from dataclasses import replace
from html import escape

import pytest
from rich.console import Console

from unmask.report import (
    Attribution,
    Coverage,
    DetectorInfo,
    FrameScore,
    FrameStability,
    Opinion,
    ReencodedScore,
    ScanResult,
    Stability,
    Subject,
    TrackScore,
)
from unmask.report.page import page
from unmask.report.table import table
from unmask.report.view import result_view
from unmask.report.words import clock, interval_words, question_words
from unmask.verdict import FileJudgement, LikelihoodRatio, PlattScaling, Reason, Rule, sum_up

DETECTOR = DetectorInfo("jrc", "1", "ab" * 32, "wide", 0.5, (0.4, 0.6))
SOUND = DetectorInfo("lips", "2", "cd" * 32, "", 0.7)
NASTY = "<b>bad</b>\u202e"


def face(number, *scores):
    frames = tuple(FrameScore(float(n), (0, 0, 9, 9), 0.9, score) for n, score in enumerate(scores))
    return TrackScore(number, sum(scores) / len(scores), frames)


def scan(score, tracks, decisive, sampled=4):
    verdict = "likely_fake" if score > 0.5 else "likely_real"
    return ScanResult(
        "a/clip.mp4",
        "video",
        "ok",
        DETECTOR,
        None,
        verdict,
        score,
        (score - 0.05, score + 0.05),
        tracks,
        Coverage(8.0, sampled, sampled, 24, 2.0, tuple(float(n) for n in range(sampled))),
        decisive_track=decisive,
    )


ONE = scan(0.9, (face(0, 0.9, 0.9, 0.9, 0.9),), 0).with_opinion_on_faces()
SEVERAL = ScanResult(
    "a/clip.mp4",
    "video",
    "ok",
    DETECTOR,
    None,
    "likely_fake",
    0.9,
    (0.8, 0.95),
    ONE.tracks,
    ONE.coverage,
    decisive_track=0,
    opinions=(
        Opinion(
            "face_manipulated",
            DETECTOR,
            "likely_real",
            0.1,
            (0.05, 0.2),
            (),
            (Subject("face", 0, 0.0, 3.0, 0.1),),
        ),
        Opinion(
            "sound_belongs_to_face",
            SOUND,
            "likely_fake",
            0.9,
            (0.8, 0.95),
            (Reason("noisy", "widens", NASTY),),
            (Subject("sound", 0, 1.0, 2.5, 0.9, (0.8, 0.95)), Subject("picture", 1)),
            0,
        ),
        Opinion("face_generated", DETECTOR),
    ),
)


def test_a_likelihood_ratio_is_said_in_words():
    ratio = LikelihoodRatio(1.5, 0.2, 2.0, True)
    view = result_view(replace(ONE, opinions=(replace(ONE.opinions[0], lr=ratio),)))
    (row,) = [row for row in view.facts if row.name == "Likelihood ratio"]
    assert "at least 32 times more probable" in row.value and "moderate support" in row.value
    assert not [row for row in result_view(ONE).facts if row.name == "Likelihood ratio"]
    both = tuple(replace(one, lr=ratio) for one in SEVERAL.opinions[:2])
    rows = [row.name for row in result_view(replace(SEVERAL, opinions=both)).facts]
    each = ["Question", "Detector", "Threshold", "Likelihood ratio", "Weights"]
    assert [name for name in rows if name != "Inconclusive"] == ["Scan took", *each, *each]
    assert "at least 32 times" in page([replace(ONE, opinions=(replace(ONE.opinions[0], lr=ratio),))])


def test_of_detectors_that_answer_the_same_question_the_deciding_one_is_named():
    first = replace(SEVERAL.opinions[0], verdict="likely_fake", score=0.6, interval=(0.5, 0.7))
    other = replace(first, detector=replace(SOUND, name="second"), score=0.9, interval=(0.8, 0.95))
    view = result_view(replace(SEVERAL, opinions=(first, other)))
    assert [one.detector for one in view.opinions] == ["jrc 1", "second 2"]
    assert view.basis == "It rests on the answer of second to: Was a face swapped or re-enacted?"


def opinion(question, verdict, score, name="jrc", threshold=0.5):
    detector = replace(DETECTOR, name=name, threshold=threshold)
    subjects = (Subject("face", 0, 0.0, 3.0, score),)
    return Opinion(question, detector, verdict, score, (score / 2, (1 + score) / 2), (), subjects, 0)


@pytest.mark.parametrize(
    ("scores", "rest_on"),
    [
        # The file's score is an opinion's at the prior odds of one of three questions, so far below that opinion's own.
        ((("inconclusive", 0.632), ("likely_real", 0.237), ("inconclusive", 0.725)), 2),
        ((("inconclusive", 0.3), ("likely_fake", 0.8), ("likely_real", 0.05)), 1),
        ((("likely_real", 0.1), ("likely_real", 0.3), ("likely_real", 0.2)), 1),
    ],
)
def test_the_question_that_the_verdict_rests_on_is_named_though_its_score_was_lowered(scores, rest_on):
    questions = ("face_manipulated", "face_generated", "sound_belongs_to_face")
    thresholds = (0.5, 0.9, 0.64)
    opinions = tuple(
        opinion(question, *scored, threshold=threshold)
        for question, scored, threshold in zip(questions, scores, thresholds, strict=True)
    )
    judged = [FileJudgement(one.verdict, one.score, one.interval, 0) for one in opinions]
    rules = [Rule(PlattScaling(), threshold, (0.0, threshold)) for threshold in thresholds]
    summary = sum_up(list(zip(judged, rules, strict=True)))
    assert summary.opinion == rest_on
    verdict, score, interval = summary.verdict, round(summary.score, 6), summary.interval
    result = replace(SEVERAL, verdict=verdict, score=score, interval=interval, opinions=opinions)
    view = result_view(result)
    assert view.basis == f"It rests on the answer to: {question_words(questions[rest_on])}"
    assert view.said.gauge.threshold == thresholds[rest_on]


def test_sound_that_was_compared_with_the_lips_is_not_called_left_out():
    opinions = (
        opinion("face_manipulated", "likely_real", 0.1),
        opinion("sound_belongs_to_face", "likely_real", 0.2),
    )
    assert "the sound" not in result_view(replace(SEVERAL, opinions=opinions)).coverage.left_out
    unasked = replace(opinions[1], verdict=None, score=None, interval=None, subjects=(), decisive=None)
    assert "the sound" in result_view(replace(SEVERAL, opinions=(opinions[0], unasked))).coverage.left_out


def test_a_file_without_sound_is_not_said_to_have_no_face():
    asked = Opinion("sound_belongs_to_face", SOUND)
    coverage = Coverage(8.0, 2, 0, 24, 2.0, (1.0, 3.0))
    result = ScanResult("a.mp4", "video", "no_face", SOUND, "no sound", coverage=coverage, opinions=(asked,))
    view = result_view(result)
    assert view.said.meaning == "Nothing was found in what was analysed that could be judged."
    assert view.coverage.found == ""
    of_faces = replace(result, opinions=(Opinion("face_manipulated", DETECTOR),))
    assert (
        "No face" in result_view(of_faces).said.meaning and "No face" in result_view(of_faces).coverage.found
    )


def test_one_opinion_is_not_said_twice():
    view = result_view(ONE)
    assert (view.opinions, view.not_asked, view.basis) == ((), (), "")
    assert page([ONE]).count(">likely fake<") == 1 and "verdict opinion" not in page([ONE])


def test_each_of_several_opinions_has_its_question_in_words():
    view = result_view(SEVERAL)
    assert [one.question for one in view.opinions] == [
        "Was a face swapped or re-enacted?",
        "Does the sound belong to the face?",
        "Was a face made by a machine?",
    ]
    sound = view.opinions[1]
    assert (sound.said.headline, sound.said.score, sound.said.interval) == (
        "likely fake",
        "90 %",
        "80 % to 95 %",
    )
    assert [(one.name, one.when, one.level.text, one.decisive) for one in sound.subjects] == [
        ("The sound", "1.0 s to 2.5 s", "90 %", True),
        ("The picture", "at 0.0 s", "not scored", False),
    ]
    assert (view.opinions[2].said.kind, view.opinions[2].said.score) == ("unscored", None)
    assert view.basis == "It rests on the answer to: Does the sound belong to the face?"
    assert view.said.gauge.threshold == 0.7  # Of the detector that answers it.
    assert "the sound" in result_view(ONE).coverage.left_out and "the sound" not in view.coverage.left_out
    assert view.not_asked == ("Was a face made by a machine?",)


def test_the_page_and_the_table_show_each_opinion_escaped():
    text = page([SEVERAL])
    for opinion in result_view(SEVERAL).opinions:
        assert f"<h3>{opinion.question}</h3>" in text
    assert "&lt;b&gt;bad&lt;/b&gt;\\u202e" in text and "<b>" not in text
    console = Console(width=140, record=True, force_terminal=False)
    console.print(table([SEVERAL]))
    lines = console.export_text().splitlines()
    row = next(line for line in lines if "Does the sound" in line)
    assert "likely fake" in row and "80 % to 95 %" in row
    assert "not judged" in next(line for line in lines if "made by a machine" in line)


def test_of_several_faces_it_is_said_which_one_counts():
    result = scan(0.3, (face(0, 0.4, 0.4, 0.4, 0.4), face(1, 0.9), face(2, 0.1, 0.1, 0.1, 0.1)), 0)
    view = result_view(result)
    assert [(one.name, one.remarks) for one in view.faces] == [
        ("Face 1", ("the verdict rests on this face",)),
        ("Face 2", ("seen too briefly to count", "above the threshold: 0.0 s")),
        ("Face 3", ()),
    ]
    assert view.basis.startswith("It rests on Face 1 (40 % by itself)")
    assert view.moments[0].caption == "0.0 s, sampled frame 1 of 4: Face 1 40 %, Face 2 90 %, Face 3 10 %"


@pytest.mark.parametrize(
    ("time", "words"),
    [(0.04, "0.0 s"), (59.94, "59.9 s"), (59.96, "1:00.0"), (75.25, "1:15.2"), (3725.0, "1:02:05.0")],
)
def test_times_are_written_with_tenths(time, words):
    assert clock(time) == words


def test_intervals_and_unknown_questions_in_words():
    assert interval_words((0.001, 0.008)) == "<1 % throughout"
    assert interval_words((0.2, 0.4)) == "20 % to 40 %"
    assert question_words("is_it_old") == "Is it old?"


def test_a_scan_without_a_report_loads_neither_jinja_nor_pillow():
    code = "import sys, unmask.report, unmask.scanning; print([n for n in ('jinja2', 'PIL') if n in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def stable(*scores):
    return tuple(
        ReencodedScore(name, score) for name, score in zip(("jpeg_70", "scale_50"), scores, strict=True)
    )


def test_scores_after_re_encodings_are_a_table_of_each_opinion():
    assert result_view(ONE).stability == ()
    tried = Stability(1.2, stable(0.8, 0.4), (FrameStability(2.0, 0.9, stable(0.85, 0.45)),))
    flip = Reason("stability", "abstains", "why")
    opinion = replace(ONE.opinions[0], stability=tried)
    (table,) = result_view(replace(ONE, opinions=(opinion,))).stability
    assert (table.question, table.columns) == ("", ("As it is", "JPEG at quality 70", "50 % of the size"))
    assert [(row.name, row.scores) for row in table.rows] == [
        ("At 2.0 s", ("90 %", "85 %", "45 %")),
        ("The verdict's score", ("90 %", "80 %", "40 %")),
    ]
    assert "across the threshold" not in table.story
    tried_face = replace(ONE.tracks[0], reasons=(Reason("stability", "widens", "copies"),))
    assert result_view(replace(ONE, tracks=(tried_face,))).faces[0].hard == ""
    turned = replace(opinion, verdict="inconclusive", reasons=(flip,))
    both = result_view(replace(ONE, opinions=(turned, replace(SEVERAL.opinions[-1]))))
    assert "across the threshold" in both.stability[0].story
    assert both.stability[0].question == question_words("face_manipulated")
    assert '<td class="nowrap">40 %</td>' in page([replace(ONE, opinions=(opinion,))])


@pytest.mark.parametrize(
    ("resembles", "words"),
    [
        ("swap_video", "resembles faces swapped in videos (71 %)"),
        (None, "resembles none of the known kinds (71 %)"),
        (NASTY, "resembles <b>bad</b>\\u202e (71 %)"),
    ],
)
def test_what_a_face_resembles_is_said_in_words_everywhere(resembles, words):
    opinion = replace(ONE.opinions[0], attribution=Attribution(resembles, 0.714))
    result = replace(ONE, opinions=(opinion,))
    assert result_view(result).said.reasons == (f"It {words}.",)
    assert f"<li>It {escape(words)}.</li>" in page([result])
    console = Console(width=200, record=True, force_terminal=False)
    console.print(table([result]))
    assert (words in console.export_text()) == (
        resembles is not None
    )  # The table has no room for what it is not.
    assert ScanResult.from_dict(result.to_dict()).opinions[0].attribution == Attribution(resembles, 0.714)
