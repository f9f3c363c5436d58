"""Prototypes of families are fitted on what manipulations do, not on what tells sets apart."""

import numpy as np

from unmask.detectors import KnownKinds
from unmask.gating.kinds import Faces, fit_basis, fit_confidence, fit_prototypes

SETS = {"studio": 0, "street": 12}
KINDS = {"": None, "smooth": 1, "seam": 2, "shift": 3}


def made(kind, name, count=150, seed=0, height=5.0):
    """Faces of ten values: the first is the set's, three more are the kinds', the rest is chance."""
    means = np.random.default_rng([seed, len(kind), len(name)]).normal(size=(count, 10))
    means[:, 0] += SETS[name]
    if kind:
        means[:, KINDS[kind]] += height
    text = np.full(count, kind, object).astype(str)
    groups = np.array([f"{name} {number}" for number in range(count)])
    return Faces(means.astype(np.float32), text, np.full(count, name), groups, np.full(count, ""))


REALS = [made("", name) for name in SETS]
TRAINING = Faces.joined([*REALS, made("smooth", "studio"), made("seam", "street"), made("shift", "street")])


def named(prototypes, faces, kinds):
    return [prototypes.attribute(feature[None], kinds)[0] for feature in prototypes.features(faces.means)]


def test_a_kind_is_recognised_in_a_set_that_it_was_not_seen_in_and_a_set_is_no_kind():
    basis = fit_basis(TRAINING)
    prototypes = fit_prototypes(basis, TRAINING)
    slope, unknown = fit_confidence(basis, TRAINING)
    kinds = KnownKinds(sha256="", trunk="", slope=slope, unknown=unknown)
    assert prototypes.names == ("seam", "shift", "smooth")
    assert (
        np.mean([one == "smooth" for one in named(prototypes, made("smooth", "street", seed=1), kinds)]) > 0.9
    )
    for name in SETS:
        assert np.mean([one is None for one in named(prototypes, made("", name, seed=1), kinds)]) > 0.8
    # The mean of each set of real faces is the origin.
    for reals in REALS:
        assert np.abs(prototypes.features(reals.means).mean(axis=0)).max() < 0.01


def test_a_kind_that_is_left_out_is_none_of_the_known():
    basis = fit_basis(TRAINING)
    slope, unknown = fit_confidence(basis, TRAINING)
    rest = fit_prototypes(basis, TRAINING.where(TRAINING.kind != "shift"))
    kinds = KnownKinds(sha256="", trunk="", slope=slope, unknown=unknown)
    assert np.mean([one is None for one in named(rest, made("shift", "street", seed=1), kinds)]) > 0.8


def test_examples_of_a_kind_that_is_left_out_raise_its_faces_above_real_ones():
    rest = fit_prototypes(fit_basis(TRAINING), TRAINING.where(TRAINING.kind != "shift"))
    enrolled = rest.with_kind("shift", rest.features(made("shift", "studio", 10, seed=2).means))
    flat = np.full(150, -2.0)
    fakes, reals = made("shift", "street", seed=3), made("", "street", seed=3)
    high, low = (enrolled.raised(flat, enrolled.features(faces.means)) for faces in (fakes, reals))
    assert np.mean(high > 0) > 0.9
    assert np.mean(low > 0) < 0.02
