"""Gates widen intervals or abstain, say why, and do nothing else."""

import numpy as np
import pytest
from PIL import ImageFilter

from toys import ColourDetector
from unmask.demo.clips import FACE, portrait
from unmask.detectors import Distribution, Familiarity, Quality, load_card
from unmask.faces import measure
from unmask.verdict import (
    GATES,
    OUTLIER,
    UNFAMILIAR,
    Gate,
    PlattScaling,
    Rule,
    Uncertainty,
    examine,
    gates_of,
    judge_file,
    judge_track,
    logit_interval,
    outlier_gate,
    track_uncertainty,
    trimmed_mean,
    unfamiliar_gate,
)

RULE = Rule(PlattScaling(within_sd=0.5), threshold=0.5, band=(0.4, 0.6))
FRONTAL = np.array([[210, 110], [250, 110], [230, 135], [212, 160], [248, 160]], np.float32)
PROFILE = np.array([[210, 110], [222, 110], [190, 135], [205, 160], [220, 160]], np.float32)
ERRORS = {"0.5": 0.06, "0.99": 0.13}
ALL = (*GATES, outlier_gate(ERRORS))


def worse(change):
    picture = portrait()
    return {
        "as it is": lambda: np.asarray(picture),
        "blurred": lambda: np.asarray(picture.filter(ImageFilter.GaussianBlur(5))),
        "dark or flat": lambda: (np.asarray(picture) * 0.05).astype(np.uint8),
        "over-exposed": lambda: np.clip(np.asarray(picture).astype(int) * 4, 0, 255).astype(np.uint8),
        "grainy": lambda: np.clip(
            np.asarray(picture) + np.random.default_rng(0).normal(0, 60, (512, 512, 3)), 0, 255
        ).astype(np.uint8),
    }[change]()


def doubt_of(change="as it is", landmarks=FRONTAL, confidence=0.9, side=None, error=0.06):
    quality = measure(worse(change), FACE, landmarks, confidence, side)
    return examine({**quality.to_dict(), "reconstruction_error": error}, ALL)


def test_a_good_portrait_fires_no_gate():
    assert doubt_of() == Uncertainty() and not doubt_of().rejected


@pytest.mark.parametrize(
    ("gate", "made"),
    [
        ("blurred", {"change": "blurred"}),
        ("dark or flat", {"change": "dark or flat"}),
        ("over-exposed", {"change": "over-exposed"}),
        ("grainy", {"change": "grainy"}),
        ("small", {"side": 20.0}),
        ("turned away", {"landmarks": PROFILE}),
        ("uncertain face", {"confidence": 0.5}),
        (OUTLIER, {"error": 0.3}),
    ],
)
def test_each_gate_fires_on_its_own_made_example(gate, made):
    doubt = doubt_of(**made)
    assert gate in doubt.names
    assert doubt.rejected or doubt.variance_up + doubt.variance_down > 0


def test_what_was_not_measured_fires_nothing():
    measures = {gate.measure: float("nan") for gate in ALL}
    assert examine(measures, ALL) == examine({}, ALL) == examine({"side": None}, ALL) == Uncertainty()


def test_severity_rises_from_the_limit_to_the_full_doubt_in_either_direction():
    for gate in (Gate("a", "x", 10, 2, 1, ""), Gate("b", "x", -10, -2, -1, "")):
        sign = 1 if gate.starts_at > 0 else -1
        values = [sign * value for value in (20, 10, 6, 2, 0)]
        assert [gate.severity(value) for value in values] == [0, 0, 0.5, 1, 1]
        assert [gate.rejects(value) for value in values] == [False, False, False, False, True]


MADE = {"name": "a", "measure": "x", "starts_at": 10.0, "saturates_at": 2.0, "reject_at": None, "text": ""}


@pytest.mark.parametrize(
    "change", [{"up": -1.0}, {"down": -1.0}, {"saturates_at": 10.0}, {"starts_at": float("nan")}]
)
def test_a_gate_that_makes_no_sense_cannot_be_made(change):
    with pytest.raises(ValueError):
        Gate(**MADE | change)


@pytest.mark.parametrize("seed", range(20))
def test_no_gate_ever_narrows_an_interval_or_moves_a_score(seed):
    rng = np.random.default_rng(seed)
    rule = Rule(PlattScaling(1.5, 0.2, rng.uniform(0.2, 2), rng.uniform(0, 1)), 0.5, (0.4, 0.6))
    logits = rng.normal(rng.normal(0, 3), rng.uniform(0.1, 2), rng.integers(1, 12))
    measures = [
        {
            "side": rng.uniform(10, 200), "detail": rng.uniform(0.25, 1), "contrast": rng.uniform(0, 120),
            "overexposed_share": rng.uniform(0, 1), "turn": rng.uniform(0, 1), "confidence": rng.uniform(0.3, 1),
            "reconstruction_error": rng.uniform(0, 0.3),
        }
        for _ in logits
    ]  # fmt: skip
    doubts = [examine(values, ALL) for values in measures]
    plain, gated = judge_track(logits, rule), judge_track(logits, rule, doubts)
    assert gated.score == plain.score
    assert gated.interval[0] <= plain.interval[0] and gated.interval[1] >= plain.interval[1]
    before, after = judge_file([plain], len(logits), rule), judge_file([gated], len(logits), rule)
    assert after.verdict in (before.verdict, "inconclusive")
    assert after.verdict != "inconclusive" or any(reason.effect == "abstains" for reason in after.reasons)


def test_a_doubt_widens_by_its_variance_on_its_own_side():
    calibration = PlattScaling(slope=2.0, within_sd=0.5)
    mean = trimmed_mean([1.0])
    plain = logit_interval(mean, calibration)
    low, high = logit_interval(mean, calibration, added=(0.0, 4.0))
    assert low == plain[0]
    # One frame: standard error 0.5 on 4 degrees of freedom, t = 2.132; 4 in log-odds is 1 in logits.
    assert high - 1.0 == pytest.approx(2.132 * np.sqrt(0.25 + 1.0), rel=5e-3)


def test_many_frames_do_not_average_a_bad_picture_away():
    bad = examine({"detail": 0.26}, ALL)
    few, many = (judge_track([3.0] * count, RULE, [bad] * count) for count in (2, 60))
    assert many.interval[0] < 0.85 < judge_track([3.0] * 60, RULE).interval[0]
    assert few.interval[0] <= many.interval[0]


def test_a_face_that_is_refused_on_most_frames_is_not_judged():
    tiny, good = examine({"side": 18.0}, ALL), Uncertainty()
    most = judge_file([judge_track([6.0] * 3, RULE, [tiny, tiny, good])], 3, RULE)
    few = judge_file([judge_track([6.0] * 3, RULE, [tiny, good, good])], 3, RULE)
    assert (most.verdict, few.verdict) == ("inconclusive", "likely_fake")
    assert most.score == few.score
    (reason,) = most.reasons
    assert reason.to_dict() == {
        "gate": "small",
        "effect": "abstains",
        "text": "the face is small: 18 pixels, on 2 of 3 frames",
    }
    assert [reason.effect for reason in few.reasons] == ["widens"]


def test_an_inconclusive_verdict_without_gates_says_why_too():
    within = judge_file([judge_track([0.0] * 6, RULE)], 6, RULE)
    wide = judge_file([judge_track([2.0], Rule(PlattScaling(), 0.5, (0.4, 0.6)))], 1, RULE)
    assert [(r.gate, r.effect) for r in within.reasons] == [("band", "abstains")]
    assert [(r.gate, r.effect) for r in wide.reasons] == [("interval", "abstains")]
    assert "both sides of the threshold of 50 %" in wide.reasons[0].text


def test_reasons_count_the_frames_and_name_the_worst_value():
    doubts = [examine({"contrast": value}, ALL) for value in (90.0, 30.0, 20.0)]
    (reason,) = track_uncertainty(doubts).reasons
    assert "are 20 of 255" in reason.text and reason.text.endswith("on 2 of 3 frames")
    assert track_uncertainty([]).reasons == ()


def test_a_card_brings_its_own_widths_and_its_distribution():
    quality = Quality(
        reconstruction_error=Distribution(quantiles=ERRORS, faces=10), gates={"turned away": (1.5, 4.25)}
    )
    gates = {gate.name: gate for gate in gates_of(ColourDetector(quality=quality).card)}
    assert (gates["turned away"].up, gates["turned away"].down) == (1.5, 4.25)
    assert gates["blurred"] == next(gate for gate in GATES if gate.name == "blurred")
    outlier = gates[OUTLIER]
    assert (outlier.starts_at, outlier.saturates_at, outlier.reject_at) == pytest.approx((0.13, 0.2, 0.27))
    assert gates_of(ColourDetector().card) == GATES


@pytest.mark.parametrize("quantiles", [{"0.5": 1.0}, {"0.5": 0.2, "0.99": 0.1}, {"0.5": 0.1, "0.99": 0.1}])
def test_a_distribution_has_rising_quantiles(quantiles):
    with pytest.raises(ValueError):
        Distribution(quantiles=quantiles, faces=1)


def test_two_gates_at_once_refuse_a_face_that_either_alone_would_not():
    turned, blurred = {"turn": 0.2}, {"detail": 0.30}
    one, other, both = (examine(values, ALL) for values in (turned, blurred, turned | blurred))
    assert not one.rejected and not other.rejected and both.rejected
    judged = judge_file([judge_track([9.0], RULE, [both])], 1, RULE)
    assert judged.verdict == "inconclusive"
    assert {reason.gate for reason in judged.reasons if reason.effect == "abstains"} == {
        "turned away",
        "blurred",
    }
    assert all("not all that is wrong" in reason.text for reason in judged.reasons)


def test_a_second_gate_that_hardly_fires_refuses_nothing():
    assert not examine({"turn": 0.3, "contrast": 38.0}, ALL).rejected


@pytest.mark.parametrize(
    "measures", [{"side": 36.0}, {"turn": 0.35}, {"confidence": 0.5}, {"overexposed_share": 0.5}]
)
def test_no_card_lets_a_strong_gate_pass_a_high_score_of_one_picture(measures):
    """A fit on videos of one set finds no width where that set has too few such real faces."""
    names = [gate.name for gate in GATES]
    gates = gates_of(ColourDetector(quality=Quality(gates=dict.fromkeys(names, (0.0, 0.0)))).card)
    rule = Rule(PlattScaling(within_sd=0.5), 0.5, (0.4, 0.6), gates)
    plain = judge_track([4.6], rule)
    gated = judge_track([4.6], rule, [examine(measures, gates)])
    assert plain.score == gated.score == pytest.approx(0.99, abs=1e-3)
    assert judge_file([plain], 1, rule).verdict == "likely_fake"
    verdict = judge_file([gated], 1, rule)
    assert verdict.verdict == "inconclusive" and verdict.reasons[0].gate == "interval"


def test_a_card_that_knows_its_training_faces_refuses_what_is_unlike_them():
    distances = Distribution(quantiles={"0.5": 1.0, "0.95": 1.8, "0.99": 2.8}, faces=100)
    quality = Quality(familiarity=Familiarity(sha256="0", trunk="t", distances=distances))
    gates = gates_of(ColourDetector(quality=quality).card)
    assert gates[-1] == unfamiliar_gate(distances.quantiles) and gates[-1].name == UNFAMILIAR
    usual, drawn = (examine({"token_distance": value}, gates) for value in (2.7, 2.9))
    assert usual == Uncertainty() and drawn.rejected
    judged = judge_file([judge_track([6.0], RULE, [drawn])], 1, RULE)
    assert judged.verdict == "inconclusive"
    assert "unlike the photographed faces that the detector learned from" in judged.reasons[0].text
    assert UNFAMILIAR not in [gate.name for gate in gates_of(ColourDetector(quality=Quality()).card)]


def test_a_card_brings_gates_of_its_own():
    made = {"name": "loud", "measure": "loudness", "starts_at": 1.0, "saturates_at": 3.0, "reject_at": 4.0}
    values = made | {"text": "the sound is loud: {value:.1f}", "up": 1.0, "down": 2.0}
    (gate,) = gates_of(ColourDetector(gates=[values]).card)
    assert gate == Gate("loud", "loudness", 1.0, 3.0, 4.0, "the sound is loud: {value:.1f}", 1.0, 2.0)
    assert gates_of(ColourDetector(gates=[]).card) == ()
    widths = Quality(gates={"loud": (5.0, 6.0)})
    assert [(g.up, g.down) for g in gates_of(ColourDetector(gates=[values], quality=widths).card)] == [(5, 6)]


@pytest.mark.parametrize(
    "change", [{"saturates_at": 1.0}, {"text": "{other}"}, {"up": -1.0}, {"reject_at": "x"}]
)
def test_a_gate_of_a_card_that_makes_no_sense_is_refused(change):
    gate = {"name": "a", "measure": "x", "starts_at": 1.0, "saturates_at": 3.0, "text": "a"}
    with pytest.raises(ValueError):
        ColourDetector(gates=[gate | change])


def test_the_default_gates_are_those_of_faces():
    assert gates_of(ColourDetector(input={"unit": "frame", "size": 32}).card) == ()
    clip = {"unit": "face_clip", "crop_profile": "tight", "size": 32, "frames": 8, "rate": 8.0}
    assert gates_of(ColourDetector(input=clip).card) == GATES


def test_the_built_in_detector_has_its_gates_in_its_card():
    """Limits may differ from those for other detectors one day; the widths are those of `quality.gates`."""
    card = load_card()
    assert [gate.name for gate in card.gates] == [gate.name for gate in GATES]
    assert gates_of(card) == gates_of(card.model_copy(update={"gates": None}))
