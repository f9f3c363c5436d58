"""The fit of the gates' widths finds what was put in, on the side where it was put."""

import numpy as np
import pytest
from scipy.optimize import approx_fprime

from unmask.gating import fitting
from unmask.gating.fitting import fit_widths, severities, with_widths
from unmask.verdict import GATES


def made(count=6000, seed=0):
    """Faces whose log-odds hold, except that with severity 1 of the first gate fakes look real."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, 2, count)
    log_odds = rng.normal(2 * labels - 1, 1.0) * 2
    severity = np.stack([rng.random(count) < 0.3, rng.random(count) < 0.3], axis=1).astype(float)
    hidden = (severity[:, 0] == 1) & (labels == 1) & (rng.random(count) < 0.8)
    log_odds[hidden] = -np.abs(log_odds[hidden])
    return log_odds, labels, severity


def test_what_hides_traces_widens_upwards_most_and_the_idle_gate_stays_shut():
    widths = fit_widths(*made(), threshold=0.0)
    assert widths[0, 0] > 4 > widths[0, 1]
    assert widths[1, 0] < 0.6 and widths[1, 1] < 0.6


def test_a_heavier_ridge_keeps_widths_smaller():
    light, heavy = (fit_widths(*made(), threshold=0.0, ridge=ridge)[0, 0] for ridge in (1e-4, 3e-2))
    assert light > heavy


def test_the_gradient_is_that_of_finite_differences(monkeypatch):
    seen = {}

    def look(loss, start, jac, method, bounds):
        assert jac
        seen["loss"] = loss
        return type("Found", (), {"x": start})

    monkeypatch.setattr(fitting, "minimize", look)
    log_odds, labels, severity = made(200, seed=1)
    fit_widths(log_odds, labels, severity * 0.7, 0.1, np.linspace(0.5, 2, 200))
    point = np.array([1.0, 0.4, 2.0, 0.7, 1.2])
    value, gradient = seen["loss"](point)
    assert np.isfinite(value)
    slow = approx_fprime(point, lambda x: seen["loss"](x)[0], 1e-7)
    np.testing.assert_allclose(gradient, slow, atol=1e-5)


def test_severities_follow_the_gates_and_ignore_what_is_missing():
    values = severities([{"turn": 0.26}, {"turn": float("nan"), "contrast": 2.0}], GATES)
    names = [gate.name for gate in GATES]
    assert values[0, names.index("turned away")] == pytest.approx(0.5) and values[0].sum() == pytest.approx(
        0.5
    )
    assert values[1].tolist() == [float(name == "dark or flat") for name in names]


def test_fitted_gates_keep_all_but_their_widths():
    gates = with_widths(GATES[:2], np.array([[1.234, 0.0], [0.5, 2.0]]))
    assert [(gate.name, gate.up, gate.down) for gate in gates] == [
        ("small", 1.23, 0.0),
        ("blurred", 0.5, 2.0),
    ]
    assert gates[1].starts_at == GATES[1].starts_at
