from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from engine.nets_for_tests import make_net
from engine.trainable_fields import Decay, VanDerPol
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.engine.checks import Grid
from nodeviz.engine.gradcheck import central_differences, relative_error
from nodeviz.engine.gradients import MODES, GradientSolve, SolveGradient, solve_gradient
from nodeviz.engine.grids import fixed_nodes, places_of
from nodeviz.engine.integrate import Status, solve

ADAPTIVE = ["bosh3", "dopri5", "tsit5", "dop853"]


def squares(ys: np.ndarray) -> tuple[float, np.ndarray]:
    return float((ys**2).sum()), 2 * ys


def on_the_same_nodes(field: Any, found: SolveGradient, ts: np.ndarray, method: str) -> Any:
    """Return loss(y0, parameters, t0, t1) on the nodes found, shares fixed."""
    shares = (found.nodes - found.nodes[0]) / (found.nodes[-1] - found.nodes[0])
    wanted, parameters = places_of(ts, found.nodes), field.parameters.copy()
    run = GradientSolve(field, found.y0.shape[1], method=method, mode="checkpoint")

    def loss(y0: np.ndarray, values: np.ndarray, t0: float, t1: float) -> float:
        field.parameters[:] = values
        value = squares(run.forward(y0, t0 + shares * (t1 - t0), wanted))[0]
        field.parameters[:] = parameters
        return value

    return loss


@settings(max_examples=25)
@given(
    method=st.sampled_from(ADAPTIVE),
    mode=st.sampled_from(["backprop", "checkpoint"]),
    ts=st.lists(st.integers(0, 30).map(lambda n: n / 10), min_size=2, max_size=4, unique=True),
    falling=st.booleans(),
    seed=st.integers(0, 1000),
)
def test_adaptive_gradients_are_exact_on_the_accepted_steps(
    method: str, mode: str, ts: list[float], falling: bool, seed: int
) -> None:
    times, field = np.sort(ts)[:: -1 if falling else 1], make_net((2, 5, 2), "tanh", timed=True, seed=seed)
    y0 = np.random.default_rng(seed).standard_normal((2, 3))
    found = solve_gradient(field, y0, times, squares, method=method, mode=mode, rtol=1e-4, atol=1e-6)
    assert found.status is Status.OK
    assert set(times) <= set(found.nodes)
    loss, parameters, t0, t1 = on_the_same_nodes(field, found, times, method), field.parameters, times[0], times[-1]
    assert found.loss == pytest.approx(loss(y0, parameters, t0, t1), rel=1e-12)
    pairs = [
        (found.y0, central_differences(lambda y: loss(y, parameters, t0, t1), y0)),
        (found.parameters, central_differences(lambda p: loss(y0, p, t0, t1), parameters.copy())),
        (found.t0, central_differences(lambda t: loss(y0, parameters, float(t), t1), t0)),
        (found.t1, central_differences(lambda t: loss(y0, parameters, t0, float(t)), t1)),
    ]
    assert max(relative_error(value, expected, floor=0.01) for value, expected in pairs) < 1e-8


@pytest.mark.parametrize("mode", MODES)
def test_a_decay_has_the_gradients_of_its_formula(mode: str) -> None:
    rate, (t0, t1) = 0.8, (0.5, 1.7)
    found = solve_gradient(
        Decay([rate, 0.0], 1), [2.0], (t0, t1), lambda ys: (float(ys[-1, 0]), np.array([[0.0], [1.0]])),
        method="dopri5", mode=mode, n_steps=20_000 if mode == "article" else 50,
    )  # fmt: skip
    end = np.exp(-rate * (t1 - t0))
    tolerance = 1e-4 if mode == "article" else 1e-7
    assert found.loss == pytest.approx(2 * end, rel=tolerance)
    assert found.y0[0] == pytest.approx(end, rel=tolerance)
    assert found.parameters[0] == pytest.approx(-(t1 - t0) * 2 * end, rel=tolerance)
    assert (found.t0, found.t1) == pytest.approx((rate * 2 * end, -rate * 2 * end), rel=tolerance)


def test_states_are_the_engine_s() -> None:
    field, ts = make_net((2, 5, 2), "tanh", timed=True, seed=0), np.array([0.0, 0.0, 0.31, 1.0, 1.0])
    found = solve_gradient(field, [1.0, 2.0], ts, squares, rtol=1e-8, atol=1e-10)
    np.testing.assert_allclose(found.ys, solve(field, [1.0, 2.0], ts, rtol=1e-8, atol=1e-10).ys, atol=1e-7)
    assert found.ys.shape == (5, 2)
    assert found.y0.shape == (2,)
    # Equal times are the same state, whose derivatives add.
    apart = solve_gradient(field, [1.0, 2.0], ts[[0, 2, 3]], lambda ys: (1.0, 2 * ys * np.array([[2], [1], [2]])))
    np.testing.assert_allclose(found.y0, apart.y0, rtol=1e-5)


@given(
    t0=st.floats(-3, 3),
    shares=st.lists(st.floats(0, 1), max_size=5),
    span=st.floats(0.1, 5),
    sign=st.sampled_from([-1, 1]),
    n=st.integers(1, 30),
)
def test_fixed_nodes_go_through_every_time(t0: float, shares: list[float], span: float, sign: int, n: int) -> None:
    ts = t0 + sign * span * np.sort([0.0, *shares, 1.0])
    nodes = fixed_nodes(ts, Grid(abs(ts[-1] - ts[0]) / n, n))
    np.testing.assert_array_equal(nodes[places_of(ts, nodes)], ts)
    steps = sign * np.diff(nodes)
    assert (steps > 0).all()
    assert steps.max() <= span / n * (1 + 1e-9)
    assert n + 1 <= len(nodes) <= n + 1 + len(shares)


def test_a_solve_that_fails_says_where_and_gives_no_numbers() -> None:
    y0 = np.array([[2.0], [0.0]])
    for steps in ({"n_steps": 3}, {"rtol": 1e-6, "max_steps": 10}):
        found = solve_gradient(VanDerPol(1000.0), y0, (0, 10), squares, **steps)
        assert found.status in (Status.NONFINITE, Status.MAX_STEPS)
        assert "use more steps" in found.message or "raise max_steps" in found.message
        assert "t=" in found.message
        assert np.isnan([found.loss, found.t0, found.t1]).all()
        assert np.isnan(found.parameters).all()
        assert np.isnan(found.y0).all()


def test_an_overflow_on_the_way_back_is_said() -> None:
    def steep(ys: np.ndarray) -> tuple[float, np.ndarray]:
        return 1.0, np.full_like(ys, 1e300)

    found = solve_gradient(Decay([-700.0, 0.0], 1), [1e-300], (0, 1), steep, method="rk4", n_steps=2000)
    assert found.status is Status.NONFINITE
    assert "the gradient overflows on the way back to t0" in found.message


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"method": "rk4"}, "method='rk4' takes fixed steps: give n_steps"),
    ({"method": "radau"}, "gradients need an explicit Runge-Kutta method"),
    ({"mode": "tape"}, "mode='tape': no such gradient mode"),
    ({"y0": [1.0, np.nan]}, "y0[1]=nan: not finite"),
    ({"ts": (1, 1)}, "ts: t1 equals t0"),
    ({"rtol": 0}, "rtol=0: must be finite and above 0"),
    (
        {"loss": lambda _ys: (1.0, np.ones(2))},
        "loss returned a derivative of shape (2,); it must be that of ys, (2, 2)",
    ),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG, ids=[sentence[:40] for _, sentence in WRONG])
def test_a_wrong_argument_is_named_in_one_sentence(arguments: dict[str, Any], sentence: str) -> None:
    given_arguments: dict[str, Any] = {"y0": (2.0, 0.0), "ts": (0, 1), "loss": squares, **arguments}
    y0, ts, loss = (given_arguments.pop(name) for name in ("y0", "ts", "loss"))
    with pytest.raises(ValueError, match=re.escape(sentence)):
        solve_gradient(make_net((2, 3, 2), "tanh", timed=False, seed=0), y0, ts, loss, **given_arguments)
