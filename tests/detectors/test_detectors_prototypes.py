"""Prototypes of kinds of manipulation: where they lie, what they say, and what enrolled ones do to a logit."""

import math

import numpy as np
import pytest
from scipy.stats import norm
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from toy_detectors import write_detector, write_prototypes
from unmask.detectors import Detector, DetectorError, EnrolledKind, file_sha256, read_card
from unmask.detectors.prototypes import (
    ENROLLED_SHARE,
    LEAST_SEPARATION,
    PROTOTYPES_NAME,
    adaptive_mean,
    prototypes_of,
)


@pytest.fixture
def folder(tmp_path):
    return write_prototypes(write_detector(tmp_path / "toy"))


@pytest.fixture
def prototypes(folder):
    return prototypes_of(folder, read_card(folder))


def faces(colour, count=8, size=32):
    rng = np.random.default_rng(3)
    return np.array(
        [np.tile(rng.normal(colour, 6).clip(0, 255), (size, size, 1)) for _ in range(count)]
    ).astype(np.uint8)


def test_the_scores_are_those_of_linear_discriminant_analysis(prototypes):
    rng = np.random.default_rng(1)
    real, fake = rng.normal(0, 1, (4000, 3)), rng.normal(prototypes.points[0], 1, (4000, 3))
    lda = LinearDiscriminantAnalysis().fit(np.concatenate([real, fake]), np.repeat([0, 1], 4000))
    points = rng.normal(3, 2, (20, 3))
    assert prototypes.scores(points)[:, 0] == pytest.approx(lda.decision_function(points), rel=0.1, abs=2)


def test_few_scattered_examples_stay_near_the_known_centre_and_many_alike_do_not():
    rng = np.random.default_rng(2)
    centres = np.array([[0, 0, 0], [9, 9, 9]], np.float32)
    wanted = np.array([3.0, 0, 0])
    few = [adaptive_mean(rng.normal(wanted, 3, (3, 3)), centres) for _ in range(400)]
    many = [adaptive_mean(rng.normal(wanted, 3, (300, 3)), centres) for _ in range(20)]
    raw = [rng.normal(wanted, 3, (3, 3)).mean(0) for _ in range(400)]
    error = [((np.array(points) - wanted) ** 2).sum(1).mean() for points in (few, raw, many)]
    assert error[0] < error[1]
    assert error[2] < 0.2


def test_a_detector_says_which_kind_a_face_resembles_or_none(folder, prototypes):
    kinds, detector = read_card(folder).kinds, Detector(folder)
    green = detector.predict({"crops": faces((40, 250, 200))}).features
    assert prototypes.attribute(green, kinds)[0] == "painted"
    assert prototypes.attribute(green, kinds)[1] > 0.5
    assert prototypes.attribute(detector.predict({"crops": faces((40, 60, 200))}).features, kinds)[0] is None


def test_an_enrolled_kind_raises_the_logit_of_what_matches_it_alone(folder, prototypes, tmp_path):
    yellow, plain = faces((200, 128, 40)), faces((40, 128, 200), 40)
    before = Detector(folder)
    new = prototypes.with_kind("yellow", before.predict({"crops": yellow}).features)
    new.save(folder / PROTOTYPES_NAME)
    with pytest.raises(DetectorError, match="SHA-256"):
        Detector(folder)
    card = read_card(folder)
    enrolled = (EnrolledKind(name="yellow", faces=len(yellow), separation=9.0),)
    kinds = card.kinds.model_copy(
        update={"sha256": file_sha256(folder / PROTOTYPES_NAME), "enrolled": enrolled}
    )
    changed = card.model_copy(update={"kinds": kinds})
    (folder / "card.json").write_text(changed.model_dump_json())
    after = Detector(folder)
    assert changed.identity != card.identity
    assert (after.score(yellow) > 0.9).all()
    assert (before.score(yellow) < after.score(yellow)).all()
    assert (after.logits(plain) == before.logits(plain)).all()
    assert after.prototypes.attribute(after.predict({"crops": yellow}).features, kinds)[0] == "yellow"


def test_the_log_odds_are_those_of_the_mixture_of_the_detector_and_the_kind(prototypes):
    new = prototypes.with_kind(
        "new", np.random.default_rng(4).normal((0, 0, 6), 1, (20, 3)).astype(np.float32)
    )
    (d,), point = new.separations, new.points[-1]
    direction = point / np.linalg.norm(point)
    assert d == pytest.approx(6, abs=0.7)
    for height, own in ((7.0, -2.0), (1.0, -2.0), (7.0, 3.0)):
        ratio = norm.pdf(height, d) / norm.pdf(height)
        wanted = math.log(math.exp(own) + ENROLLED_SHARE / (1 - ENROLLED_SHARE) * ratio)
        found = new.raised(np.array([own]), (height * direction)[None].astype(np.float32))
        assert found == pytest.approx([max(own, wanted)], rel=1e-4)


def test_a_kind_that_hardly_differs_from_real_faces_is_named_and_raises_nothing(prototypes):
    examples = np.random.default_rng(6).normal((0, 0, 1), 1, (20, 3)).astype(np.float32)
    weak = prototypes.with_kind("weak", examples)
    assert weak.separations[-1] < LEAST_SEPARATION
    assert weak.raised(np.array([-2.0]), 5 * weak.points[-1:]) == [-2.0]


def test_without_a_kind_the_prototypes_are_as_before(prototypes):
    rng = np.random.default_rng(5)
    one = prototypes.with_kind("one", rng.normal(4, 1, (9, 3)).astype(np.float32))
    two = one.with_kind("two", rng.normal(-4, 1, (9, 3)).astype(np.float32)).without("one")
    assert two.names == ("painted", "two")
    assert len(two.separations) == 1
    assert two.without("two").points == pytest.approx(prototypes.points)
    assert two.without("painted").names == two.names
