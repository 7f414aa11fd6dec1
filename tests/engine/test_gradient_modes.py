"""The continuous adjoint, the article's scheme and the reversible steps, each held to what it promises."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
from engine.nets_for_tests import make_net
from engine.trainable_fields import Decay, VanDerPol

from nodeviz.engine.gradcheck import relative_error
from nodeviz.engine.gradients import MODES, Cotangents, GradientSolve
from nodeviz.engine.integrate import Status
from nodeviz.engine.methods import METHODS

RNG = np.random.default_rng(7)
Y0, COTANGENTS = RNG.standard_normal((2, 3)), RNG.standard_normal((2, 2, 3))
NET = make_net((2, 8, 2), "tanh", timed=True, seed=11)


def everything(method: str, mode: str, n_steps: int) -> np.ndarray:
    """All derivatives of a loss of the states half way and at the end."""
    run, grad = GradientSolve(NET, 3, method=method, mode=mode), np.zeros(NET.n_parameters)
    run.forward(Y0, np.linspace(0.2, 2.2, n_steps + 1), [n_steps // 2, n_steps])
    found: Cotangents = run.backward(COTANGENTS, grad)
    return np.concatenate([grad, found.y0.ravel(), [found.t0, found.t1]])


@cache
def reference() -> np.ndarray:
    return everything("dop853", "backprop", 400)


def slope(method: str, mode: str, n_steps: int) -> float:
    errors = [relative_error(everything(method, mode, n), reference()) for n in (n_steps, 2 * n_steps)]
    return float(np.log2(errors[0] / errors[1]))


@pytest.mark.parametrize(
    # Reversible steps need dt |J| below the coupling before Euler's order shows.
    ("method", "n_steps", "modes"),
    [("euler", 160, 3), ("heun", 40, 4), ("kutta3", 20, 4), ("rk4", 12, 4), ("dopri5", 8, 4)],
)
def test_gradients_converge_with_the_order_of_the_solver(method: str, n_steps: int, modes: int) -> None:
    order = METHODS[method].order
    for mode in ("backprop", "adjoint", "interpolated-adjoint", "reversible")[:modes]:
        assert order - 0.3 < slope(method, mode, n_steps) < order + 1.2, mode


def test_the_article_s_scheme_is_of_first_order_whatever_the_solver() -> None:
    for method in ("rk4", "dopri5"):
        assert slope(method, "article", 80) == pytest.approx(1.0, abs=0.15)
    # Exact modes with the same steps are better by many orders of magnitude.
    article, exact = (relative_error(everything("rk4", mode, 20), reference()) for mode in ("article", "backprop"))
    assert article > 0.01
    assert exact < 1e-4


def test_the_adjoint_s_gradient_is_not_that_of_the_steps_but_close() -> None:
    exact = everything("rk4", "backprop", 12)
    for mode in ("adjoint", "interpolated-adjoint"):
        assert 1e-9 < relative_error(everything("rk4", mode, 12), exact) < 1e-3


def test_the_article_s_scheme_is_the_article_s() -> None:
    """dW += a(t_(i+1)) (df/dW at h(t_i)) dt; a += dt J(h(t_i))' a, written out as in the article."""
    net, n_steps, dt = make_net((2, 4, 2), "tanh", timed=False, seed=1), 5, 0.2
    (w1, b1), (w2, b2) = ((layer.weight, layer.bias) for layer in net.layers)
    run, grad = GradientSolve(net, 1, method="rk4", mode="article"), np.zeros(net.n_parameters)
    h0, target = np.array([1.0, 0.5]), np.array([0.3, -0.2])
    hs = run.forward(h0[:, None], np.linspace(0, 1, n_steps + 1), range(n_steps + 1))[:, :, 0].copy()
    cotangents = np.zeros((n_steps + 1, 2, 1))
    cotangents[-1, :, 0] = a = hs[-1] - target
    found = run.backward(cotangents, grad)
    grad_w1, grad_w2 = np.zeros_like(w1), np.zeros_like(w2)
    for h in hs[-2::-1]:
        z = np.tanh(w1 @ h + b1)
        dz = 1 - z**2
        grad_w2 += np.outer(a, z) * dt
        grad_w1 += np.outer(w2.T @ a * dz, h) * dt
        a = a + dt * (w2 @ np.diag(dz) @ w1).T @ a
    assert b2.shape == (2,)
    np.testing.assert_allclose(grad[:12].reshape(4, 3)[:, :2], grad_w1, rtol=1e-12)
    np.testing.assert_allclose(grad[12:].reshape(2, 5)[:, :4], grad_w2, rtol=1e-12)
    np.testing.assert_allclose(found.y0[:, 0], a, rtol=1e-12)


@pytest.mark.parametrize(("rate", "error"), [(1.0, (0, 1e-6)), (20.0, (1e-3, 0.1)), (50.0, (100, np.inf))])
def test_the_adjoint_says_how_far_it_missed_the_start(rate: float, error: tuple[float, float]) -> None:
    run, grad = GradientSolve(Decay([rate, 1.0], 1), 1, method="rk4", mode="adjoint"), np.zeros(2)
    run.forward(np.ones((1, 1)), np.linspace(0, 1, 41))
    assert np.isnan(run.rebuild_error)
    run.backward(np.ones((1, 1)), grad)
    assert error[0] <= run.rebuild_error < error[1]
    assert run.status is Status.OK


def test_van_der_pol_does_not_come_back_and_the_message_says_what_to_use() -> None:
    y0, times, grads = np.array([[2.0], [0.0]]), np.linspace(0, 3, 401), np.zeros((3, 1))
    runs = [GradientSolve(VanDerPol(5.0), 1, method="rk4", mode=mode) for mode in ("backprop", "checkpoint", "adjoint")]
    for run, grad in zip(runs, grads, strict=True):
        run.forward(y0, times)
        run.backward(np.ones((2, 1)), grad)
    assert [run.status for run in runs] == [Status.OK, Status.OK, Status.NONFINITE]
    assert runs[2].message == "the gradient overflows on the way back to t0; use more steps or mode='checkpoint'"
    assert grads[0] == pytest.approx(grads[1], rel=1e-12)
    assert grads[0, 0] == pytest.approx(0.204743, abs=1e-5)


def test_reversible_steps_find_their_way_back_to_rounding() -> None:
    run, grad = GradientSolve(NET, 3, method="rk4", mode="reversible"), np.zeros(NET.n_parameters)
    run.forward(Y0, np.linspace(0, 1, 41))
    run.backward(COTANGENTS[0], grad)
    assert run.rebuild_error < 1e-12


@pytest.mark.parametrize("mode", MODES)
def test_evaluations_are_counted(mode: str) -> None:
    field = make_net((2, 4, 2), "tanh", timed=True, seed=0)
    calls = 0
    make = field.tape

    def counting(*args: object) -> object:
        tape = make(*args)  # type: ignore[arg-type]
        evaluate = tape.evaluate

        def counted(*values: object) -> None:
            nonlocal calls
            calls += 1
            evaluate(*values)  # type: ignore[arg-type]

        tape.evaluate = counted  # type: ignore[method-assign]
        return tape

    field.tape = counting  # type: ignore[assignment, method-assign]
    run = GradientSolve(field, 2, method="rk4", mode=mode)
    run.forward(np.ones((2, 2)), np.linspace(0, 1, 9), [4, 8])
    assert run.nfe == calls
    run.backward(np.ones((2, 2, 2)), np.zeros(field.n_parameters, field.dtype))
    assert run.nfe + run.nfe_backward == calls
