"""The log-density by the solve back: against closed forms, as a density over the plane, and where points are lost."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from engine.nets_for_tests import make_net
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from scipy.stats import multivariate_normal

from nodeviz.engine.augmented import AugmentedField, BlendedField
from nodeviz.engine.density import log_prob, log_prob_steps
from nodeviz.engine.hutchinson import draw_probes
from nodeviz.engine.integrate import solve
from nodeviz.engine.mlp import MLP
from nodeviz.engine.solution import Status

MATRIX, SHIFT = np.array([[0.4, -1.1], [0.7, -0.3]]), np.array([0.3, -0.2])


def base_log_prob(z: np.ndarray) -> np.ndarray:
    return -0.5 * (z * z).sum(axis=0) - len(z) / 2 * np.log(2 * np.pi)


def linear(matrix: Any = MATRIX, shift: Any = SHIFT, dtype: Any = float) -> MLP:
    net = MLP((2, 2), dtype=dtype)
    net.layers[0].weight[:], net.layers[0].bias[:] = matrix, shift
    return net


def carried_normal(matrix: np.ndarray, shift: np.ndarray, span: float) -> Any:
    """The normal density that y' = A y + b makes of N(0, I) in a time."""
    flow = expm(span * np.block([[matrix, shift[:, None]], [np.zeros((1, 3))]]))
    return multivariate_normal(flow[:2, 2], flow[:2, :2] @ flow[:2, :2].T)


def points(n: int = 50, seed: int = 0) -> np.ndarray:
    return 1.5 * np.random.default_rng(seed).standard_normal((2, n))


WAYS: dict[str, dict[str, Any]] = {
    "shared steps": {"rtol": 1e-10, "atol": 1e-11},
    "own steps": {"rtol": 1e-10, "atol": 1e-11, "per_sample": True},
    "RK4": {"method": "rk4", "n_steps": 200},
    "in chunks": {"rtol": 1e-10, "atol": 1e-11, "chunk": 7},
    "implicit": {"method": "radau", "rtol": 1e-9, "atol": 1e-10},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("t", [1.0, 0.35])
def test_a_normal_density_under_a_linear_field(way: str, t: float) -> None:
    x = points()
    found = log_prob(AugmentedField(linear()), base_log_prob, x, t=t, **WAYS[way])
    assert found.ok
    assert found.message == ""
    np.testing.assert_allclose(found.log_prob, carried_normal(MATRIX, SHIFT, t).logpdf(x.T), atol=1e-8)
    flow = expm(-t * np.block([[MATRIX, SHIFT[:, None]], [np.zeros((1, 3))]]))
    np.testing.assert_allclose(found.z0, flow[:2, :2] @ x + flow[:2, 2:], atol=1e-8)
    assert found.nfe.shape == (50,)
    assert (found.nfe >= 30).all()


def test_the_solve_may_run_in_any_direction() -> None:
    x = points()
    found = log_prob(AugmentedField(linear()), base_log_prob, x, t=0.2, t0=1.0, rtol=1e-10, atol=1e-11)
    np.testing.assert_allclose(found.log_prob, carried_normal(MATRIX, SHIFT, -0.8).logpdf(x.T), atol=1e-8)
    there = log_prob(AugmentedField(linear()), base_log_prob, x, t=0.5, t0=0.5)
    np.testing.assert_array_equal(there.z0, x)
    np.testing.assert_allclose(there.log_prob, base_log_prob(x), rtol=1e-14)
    assert not there.nfe.any()


def test_single_precision() -> None:
    x = points()
    found = log_prob(AugmentedField(linear(dtype=np.float32)), base_log_prob, x, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(found.log_prob, carried_normal(MATRIX, SHIFT, 1.0).logpdf(x.T), atol=1e-4)


def test_probes_drawn_once_give_the_density_that_their_estimate_has() -> None:
    # Under a linear field the estimate of the trace is constant: log p is off by exactly its error times t.
    x, field = points(), AugmentedField(linear(), draw_probes(np.random.default_rng(1), "gaussian", 3, 2, 50))
    estimate = np.einsum("ikb,ij,jkb->kb", field.probes, MATRIX, field.probes).mean(axis=0)
    expected = carried_normal(MATRIX, SHIFT, 1.0).logpdf(x.T) + np.trace(MATRIX) - estimate
    for chunk in (50, 8):
        found = log_prob(field, base_log_prob, x, rtol=1e-10, atol=1e-11, chunk=chunk)
        np.testing.assert_allclose(found.log_prob, expected, atol=1e-8)


def test_hutchinson_is_unbiased_through_a_whole_solve() -> None:
    # At one point, 4,000 solves each with its own probes; log p itself is linear in the estimates along the path.
    net, n = make_net((2, 8, 8, 2), seed=1), 4000
    x = np.repeat([[0.4], [-0.7]], n, axis=1)
    exact = log_prob(AugmentedField(net), base_log_prob, x[:, :1], method="rk4", n_steps=20).log_prob[0]
    for kind in ("rademacher", "gaussian"):
        field = AugmentedField(net, draw_probes(np.random.default_rng(0), kind, 1, 2, n))
        found = log_prob(field, base_log_prob, x, method="rk4", n_steps=20).log_prob
        assert abs(found.mean() - exact) < 4 * found.std() / np.sqrt(n)
        assert found.std() > 1e-3


@settings(max_examples=10, deadline=None)
@given(seed=st.integers(0, 10**6), hidden=st.sampled_from([(16,), (8, 8), (6, 6, 6)]))
def test_the_mass_over_the_plane_is_one(seed: int, hidden: tuple[int, ...]) -> None:
    net = make_net((2, *hidden, 2), seed=seed)
    net.parameters *= 0.8
    # The trapezoidal rule is as good as exact on smooth densities that end within the grid.
    start = np.random.default_rng(0).standard_normal((2, 2000))
    reach = np.abs(solve(net, start, (0, 1), rtol=1e-4, atol=1e-4).ys[-1]).max(axis=1) + 3.0
    axes = [np.linspace(-r, r, 121) for r in reach]
    x = np.stack([a.ravel() for a in np.meshgrid(*axes, indexing="ij")])
    found = log_prob(AugmentedField(net), base_log_prob, x, rtol=1e-5, atol=1e-5)
    cell = (axes[0][1] - axes[0][0]) * (axes[1][1] - axes[1][0])
    assert np.exp(found.log_prob).sum() * cell == pytest.approx(1.0, abs=1e-3)


@given(seed=st.integers(0, 10**6), t=st.floats(0.1, 1.0))
def test_flow_and_inverse_undo_each_other(seed: int, t: float) -> None:
    net, x = make_net((2, 12, 12, 2), seed=seed), points(20, seed)
    found = log_prob(AugmentedField(net), base_log_prob, x, t=t, rtol=1e-9, atol=1e-9)
    again = solve(net, found.z0, (0.0, t), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(again.ys[-1], x, atol=1e-6)


def test_the_probability_flow_of_a_diffusion() -> None:
    # Data from N(0, v I) have the variance a^2 v + 1 - a^2 at s, a = exp(-B(s) / 2), and the score is linear: the flow
    # y' = beta / 2 (y + score), in t = 1 - s, has a closed form.
    x, variance, t = points(), 0.25, 0.7

    def variance_at(t: Any) -> Any:
        s = 1 - t
        shrunk = np.exp(-(0.1 * s + 19.9 * s * s / 2))
        return shrunk * variance + 1 - shrunk

    def blend(t: Any) -> tuple[Any, Any]:
        half_beta = 0.5 * (0.1 + 19.9 * (1 - t))
        return half_beta, -half_beta / variance_at(t)

    def base(z: np.ndarray) -> np.ndarray:
        return multivariate_normal(np.zeros(2), variance_at(0.0)).logpdf(z.T)

    field = BlendedField(AugmentedField(linear(np.eye(2), np.zeros(2))), blend)
    expected = multivariate_normal(np.zeros(2), variance_at(t)).logpdf(x.T)
    for per_sample in (False, True):
        found = log_prob(field, base, x, t=t, rtol=1e-9, atol=1e-9, per_sample=per_sample)
        np.testing.assert_allclose(found.log_prob, expected, atol=1e-6)


RUNAWAY = np.array([[-900.0, 0.0], [0.0, 0.5]])  # on the way back the first component grows by e^900


@pytest.mark.parametrize(
    ("options", "status"),
    [
        ({"method": "rk4", "n_steps": 400}, Status.NONFINITE),
        ({"rtol": 1e-6, "atol": 1e-6}, Status.NONFINITE),
        ({"rtol": 1e-6, "atol": 1e-6, "per_sample": True}, Status.NONFINITE),
    ],
    ids=["fixed", "shared", "own"],
)
def test_points_that_run_away_are_lost_alone(options: dict[str, Any], status: Status) -> None:
    x = points(6)
    x[0] = 0.0
    x[0, 4] = 1e-3
    found = log_prob(AugmentedField(linear(RUNAWAY, np.zeros(2))), base_log_prob, x, **options)
    stays = np.arange(6) != 4
    expected = base_log_prob(np.stack([0 * x[1], x[1] * np.exp(-0.5)])) + 900 - 0.5
    np.testing.assert_allclose(found.log_prob[stays], expected[stays], rtol=1e-6)
    assert np.isnan(found.log_prob[4])
    assert np.isnan(found.z0[:, 4]).all()
    assert found.status == status
    assert not found.ok
    assert found.message.startswith("1 of 6 points were lost on the way from t=1 to 0: ")
    assert "column 4" in found.message or "1 of 6 columns" in found.message


def test_columns_that_cannot_leave_are_lost_together() -> None:
    x = points(6)
    x[0] = 0.0
    x[0, 4] = 1e-3
    field = AugmentedField(linear(RUNAWAY, np.zeros(2)), np.ones((2, 1, 6)))
    found = log_prob(field, base_log_prob, x, rtol=1e-6, atol=1e-6)
    assert np.isnan(found.log_prob).all()
    assert found.message.startswith("6 of 6 points were lost")
    fixed = log_prob(field, base_log_prob, x, method="rk4", n_steps=400)
    assert np.isfinite(fixed.log_prob).sum() == 5


def test_a_density_of_zero_is_no_lost_point() -> None:
    def uniform(z: np.ndarray) -> np.ndarray:
        return np.where((np.abs(z) < 1).all(axis=0), -np.log(4.0), -np.inf)

    found = log_prob(AugmentedField(linear(np.zeros((2, 2)), np.zeros(2))), uniform, [[0.5, 3.0], [0.0, 0.0]])
    assert found.ok
    np.testing.assert_allclose(found.log_prob, [-np.log(4.0), -np.inf])


def test_many_points_are_solved_with_pauses_and_a_caller_may_stop() -> None:
    x, field = points(3000), AugmentedField(make_net((2, 32, 32, 2)))
    assert sum(1 for _ in log_prob_steps(field, base_log_prob, x, chunk=500)) >= 6
    run = log_prob_steps(field, base_log_prob, x, chunk=500)
    for _ in range(3):
        next(run)
    with pytest.raises(StopIteration) as stopped:
        run.throw(TimeoutError())
    found = stopped.value.value
    assert found.status == Status.TIMEOUT
    assert np.isnan(found.log_prob[-500:]).all()
    assert re.match(r"[\d,]+ of 3,000 points were lost", found.message)


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"x": np.ones((3, 4))}, "x has shape (3, 4); this field wants points (2, B)"),
    ({"x": np.ones(2)}, "x has shape (2,); this field wants points (2, B)"),
    ({"x": [[np.inf], [0.0]]}, "x[0, 0]=inf: not finite"),
    ({"chunk": 0}, "chunk=0: below the limit 1"),
    ({"rtol": 0.0}, "rtol=0.0: must be finite and above 0"),
    ({"method": "rk4"}, "method='rk4'"),
    ({"method": "rk5"}, "method='rk5': no such method"),
    ({"method": "rk4", "n_steps": 0, "t": 0.0}, "n_steps=0: must be at least 1"),
    ({"per_sample": True, "n_steps": 5}, "per_sample=True: fixed steps are the same for all columns"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG, ids=[sentence[:30] for _, sentence in WRONG])
def test_a_wrong_argument_is_named_at_once(change: dict[str, Any], sentence: str) -> None:
    arguments: dict[str, Any] = {"x": points(3), **change}
    with pytest.raises(ValueError, match=re.escape(sentence)):
        log_prob_steps(AugmentedField(linear()), base_log_prob, **arguments)


def test_own_steps_want_probes_that_all_columns_share() -> None:
    with pytest.raises(ValueError, match=re.escape("per_sample=True: columns leave, but each has its own probes")):
        log_prob_steps(AugmentedField(linear(), np.ones((2, 1, 3))), base_log_prob, points(3), per_sample=True)
    alike = AugmentedField(linear(), np.ones((2, 1, 1)))
    found = log_prob(alike, base_log_prob, points(3), per_sample=True)
    np.testing.assert_allclose(found.log_prob, log_prob(alike, base_log_prob, points(3)).log_prob, atol=1e-4)
