from __future__ import annotations

import re
import tracemalloc
from typing import Any

import numpy as np
import pytest
from engine.nets_for_tests import make_net
from engine.trainable_fields import Decay, VanDerPol
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.engine.gradcheck import central_differences, relative_error
from nodeviz.engine.gradients import MODES, GradientSolve
from nodeviz.engine.integrate import Status, solve
from nodeviz.engine.methods import METHODS
from nodeviz.engine.mlp import MLP

EXPLICIT = [name for name, method in METHODS.items() if method.tableau is not None and not method.implicit]
EXACT = [name for name, mode in MODES.items() if mode.exact]
SHARES = st.lists(st.floats(0.02, 1.0), min_size=1, max_size=6)


class Problem:
    """A loss sum <cotangent, y> over wanted nodes, as a function of everything it depends on."""

    def __init__(self, field: Any, method: str, mode: str, steps: list[float], seed: int, batch: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.field, self.run = field, GradientSolve(field, batch, method=method, mode=mode)
        self.shares = np.cumsum([0.0, *steps]) / sum(steps)
        n = len(self.shares)
        self.wanted = sorted(self.rng.choice(n, self.rng.integers(1, n + 1), replace=False).tolist())
        dim = field.dim if hasattr(field, "dim") else field.widths[0]
        self.y0 = self.rng.standard_normal((dim, batch))
        self.cotangents = self.rng.standard_normal((len(self.wanted), dim, batch))
        self.span = (0.3, 1.1)

    def nodes(self, t0: float, t1: float) -> np.ndarray:
        return t0 + self.shares * (t1 - t0)

    def loss(self, y0: np.ndarray, times: np.ndarray) -> float:
        return float((self.cotangents * self.run.forward(y0, times, self.wanted)).sum())

    def with_parameters(self, values: np.ndarray, times: np.ndarray) -> float:
        kept = self.field.parameters.copy()
        self.field.parameters[:] = values
        loss = self.loss(self.y0, times)
        self.field.parameters[:] = kept
        return loss

    def worst(self, entries: int = 40) -> float:
        """The largest relative error of any of its gradients against central differences."""
        times = self.nodes(*self.span)
        self.run.forward(self.y0, times, self.wanted)
        grad = np.zeros(len(self.field.parameters))
        found = self.run.backward(self.cotangents, grad)
        assert self.run.status is Status.OK
        some = self.rng.choice(len(grad), min(entries, len(grad)), replace=False)
        (t0, t1), y0, parameters = self.span, self.y0, self.field.parameters.copy()
        pairs = [
            (grad, central_differences(lambda p: self.with_parameters(p, times), parameters, entries=some)),
            (found.y0, central_differences(lambda y: self.loss(y, times), y0)),
            (found.t0, central_differences(lambda t: self.loss(y0, self.nodes(float(t), t1)), t0)),
            (found.t1, central_differences(lambda t: self.loss(y0, self.nodes(t0, float(t))), t1)),
            (found.times, central_differences(lambda t: self.loss(y0, t), times)),
        ]
        # A derivative that should vanish is judged beside the others.
        return max(relative_error(found, expected, floor=0.01) for found, expected in pairs)


@settings(max_examples=60)
@given(
    method=st.sampled_from(EXPLICIT),
    mode=st.sampled_from(EXACT),
    hidden=st.lists(st.integers(1, 5), max_size=2),
    dim=st.integers(1, 3),
    batch=st.integers(1, 3),
    activation=st.sampled_from(["tanh", "softplus", "sigmoid"]),
    timed=st.booleans(),
    steps=SHARES,
    seed=st.integers(0, 10**6),
)
def test_discrete_gradients_of_nets_agree_with_differences(
    method: str,
    mode: str,
    hidden: list[int],
    dim: int,
    batch: int,
    activation: str,
    timed: bool,
    steps: list[float],
    seed: int,
) -> None:
    net = make_net((dim, *hidden, dim), activation, timed=timed, seed=seed)
    assert Problem(net, method, mode, steps, seed, batch).worst() < 1e-8


@pytest.mark.parametrize("mode", EXACT)
@pytest.mark.parametrize("method", EXPLICIT)
def test_every_tableau_has_exact_gradients_in_every_exact_mode(method: str, mode: str) -> None:
    for field in (make_net((2, 6, 5, 2), "tanh", timed=True, seed=1), Decay([0.7, 0.4], 2), VanDerPol(1.5)):
        assert Problem(field, method, mode, [1.0, 2.0, 0.3, 1.0], 5, 3).worst() < 1e-8


@pytest.mark.parametrize("mode", EXACT)
def test_relu_gradients_agree_away_from_the_kinks(mode: str) -> None:
    net = make_net((2, 6, 2), "relu", timed=False, seed=0)
    # Weights small beside the biases keep every unit on its side along the whole path.
    net.layers[0].weight[:] *= 0.1
    net.layers[0].bias[:] = [1, -1, 2, -2, 0.8, -0.8]
    assert Problem(net, "rk4", mode, [1.0, 1.0, 1.0], 2, 3).worst() < 1e-8


@pytest.mark.parametrize("mode", [name for name in MODES if name != "reversible"])
@pytest.mark.parametrize("method", EXPLICIT)
def test_the_forward_solve_is_the_engine_s(method: str, mode: str) -> None:
    net, y0 = make_net((2, 6, 2), "tanh", timed=True, seed=3), np.random.default_rng(0).standard_normal((2, 4))
    ys = GradientSolve(net, 4, method=method, mode=mode).forward(y0, np.linspace(0, 1, 8), range(8))
    np.testing.assert_allclose(ys, solve(net, y0, np.linspace(0, 1, 8), method=method, n_steps=7).ys, rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_a_solve_can_be_used_again_with_other_weights_and_other_grids(mode: str) -> None:
    net, rng = make_net((2, 5, 2), "tanh", timed=False, seed=3), np.random.default_rng(0)
    y0, cotangent = rng.standard_normal((2, 2, 3))
    used = GradientSolve(net, 3, mode=mode)
    for n_steps in (4, 9, 9, 2):
        net.parameters += 0.1 * rng.standard_normal(net.n_parameters)
        answers = []
        for run in (used, GradientSolve(net, 3, mode=mode)):
            grad, y1 = np.zeros(net.n_parameters), run.forward(y0, np.linspace(0, 1, n_steps + 1)).copy()
            found = run.backward(cotangent, grad)
            answers.append(np.concatenate([grad, y1.ravel(), found.y0.ravel(), [found.t0, found.t1]]))
        np.testing.assert_array_equal(*answers)


def test_checkpoints_give_the_gradient_of_backprop_in_segments_of_any_length() -> None:
    net, rng = make_net((4, 1, 4), "tanh", timed=True, seed=3), np.random.default_rng(0)
    y0, cotangents = rng.standard_normal((4, 6)), rng.standard_normal((3, 4, 6))
    for n_steps in (1, 2, 17, 100):
        times, wanted, grads = np.linspace(0, 2, n_steps + 1), [0, (n_steps + 1) // 2, n_steps], []
        wanted = sorted(set(wanted))
        for mode in ("backprop", "checkpoint"):
            run, grad = GradientSolve(net, 6, mode=mode), np.zeros(net.n_parameters)
            run.forward(y0, times, wanted)
            found = run.backward(cotangents[: len(wanted)], grad)
            grads.append(np.concatenate([grad, found.y0.ravel(), [found.t0, found.t1]]))
        np.testing.assert_allclose(*grads, rtol=1e-11, atol=1e-13)
        assert run.nfe == 4 * n_steps
        assert run.nfe_backward < 4 * n_steps


def test_gradients_are_added_to_what_is_there() -> None:
    net, rng = make_net((2, 5, 2), "tanh", timed=False, seed=3), np.random.default_rng(0)
    y0, cotangent = rng.standard_normal((2, 2, 3))
    run, once, twice = GradientSolve(net, 3), np.zeros(net.n_parameters), np.zeros(net.n_parameters)
    for grad in (once, twice, twice):
        run.forward(y0, [0, 0.5, 1])
        run.backward(cotangent, grad)
    np.testing.assert_allclose(twice, 2 * once, rtol=1e-12)


@pytest.mark.parametrize("mode", MODES)
def test_single_precision_stays_single_and_close(mode: str) -> None:
    net, rng = make_net((2, 8, 2), "tanh", timed=False, seed=3), np.random.default_rng(0)
    y0, cotangent = rng.standard_normal((2, 2, 30))
    grads = []
    for field in (net, net.astype(np.float32)):
        run, grad = GradientSolve(field, 30, mode=mode), np.zeros(field.n_parameters, field.dtype)
        y1 = run.forward(y0, np.linspace(0, 1, 11))
        found = run.backward(cotangent, grad)
        assert y1.dtype == found.y0.dtype == field.dtype
        grads.append(grad)
    assert relative_error(grads[1], grads[0]) < 1e-5


@pytest.mark.parametrize("mode", MODES)
def test_a_solve_that_blows_up_says_so(mode: str) -> None:
    field = VanDerPol(200.0)
    run, y0 = GradientSolve(field, 2, method="euler", mode=mode), np.full((2, 2), 3.0)
    run.forward(y0, np.linspace(0, 9, 12))
    assert run.status is Status.NONFINITE
    assert "not finite" in run.message
    run.forward(y0, np.linspace(0, 1e-3, 3))
    assert (run.status, run.message) == (Status.OK, "")


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"method": "radau"}, "method='radau': gradients need an explicit Runge-Kutta method; use euler, midpoint"),
    ({"method": "leapfrog"}, "method='leapfrog': gradients need an explicit Runge-Kutta method"),
    ({"method": "dopri"}, "did you mean 'dopri5'?"),
    ({"mode": "autograd"}, "mode='autograd': no such gradient mode; choose one of backprop, checkpoint"),
    ({"y0": np.ones((2, 3))}, "y0 has shape (2, 3); this solve was made for (2, 4)"),
    ({"times": [0.0, 0.5, 0.5, 1.0]}, "times[2]=0.5: equals the node before"),
    ({"times": [0.0]}, "ts has shape (1,)"),
    ({"wanted": [2, 1]}, "wanted=[2, 1]: must rise from 0 or more to 2 or less"),
    ({"wanted": [3]}, "wanted=[3]: must rise from 0 or more to 2 or less"),
    ({"wanted": []}, "wanted=[]: must rise from 0"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG, ids=[sentence[:40] for _, sentence in WRONG])
def test_a_wrong_argument_is_named_in_one_sentence(arguments: dict[str, Any], sentence: str) -> None:
    made = {key: arguments[key] for key in ("method", "mode") if key in arguments}
    y0, times = arguments.get("y0", np.ones((2, 4))), arguments.get("times", [0.0, 0.5, 1.0])
    with pytest.raises(ValueError, match=re.escape(sentence)):
        GradientSolve(MLP((2, 3, 2)), 4, **made).forward(y0, times, arguments.get("wanted"))


@pytest.mark.parametrize("dim", [2, 5])
def test_checkpoints_keep_two_thousand_steps_in_little_memory(dim: int) -> None:
    field = MLP.init(np.random.default_rng(0), (dim, 32, 32, dim))
    y0, times = np.ones((dim, 512), np.float32), np.linspace(0, 1, 2001)
    tracemalloc.start()
    try:
        run, grad = GradientSolve(field, 512, mode="checkpoint"), np.zeros_like(field.parameters)
        run.forward(y0, times)
        run.backward(y0, grad)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 20e6
    assert np.isfinite(grad).all()
