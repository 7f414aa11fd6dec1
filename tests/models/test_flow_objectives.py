"""What flows learn from: gradients against differences, pairs, and that the right field is where the loss is least."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models.flows import finish

from nodeviz.models import diffusion
from nodeviz.models.flow import METHODS, Flow, FlowSpec
from nodeviz.models.flow_objectives import (
    IndependentPairs,
    Likelihood,
    Regression,
    TransportPairs,
    denoising,
    make_objective,
    straight,
)
from nodeviz.models.transport import wasserstein2
from nodeviz.problems.mixtures import GaussianMixture
from nodeviz.problems.targets import make_target

MOONS = make_target("moons").sample
RK4: dict[str, Any] = {"method": "rk4", "n_steps": 5, "rtol": 1e-4}
DOPRI5: dict[str, Any] = {"method": "dopri5", "n_steps": None, "rtol": 1e-3}


def small(seed: int = 0, **fields: Any) -> Flow:
    """Return a flow that already moves, as it does not when it is fresh."""
    flow = Flow.init(FlowSpec(**{"hidden": 6} | fields), np.random.default_rng(seed), np.float64)
    flow.net.layers[-1].weight[:] *= 30.0
    return flow


def loss_and_gradient(flow: Flow, **options: Any) -> tuple[float, Any]:
    """Return both for the same batch, whenever asked."""
    solver = options.pop("solver", RK4)
    objective = make_objective(flow, MOONS, np.random.default_rng(7), 16, solver, **options)
    grad = np.zeros_like(flow.parameters)
    return objective.evaluate(grad), grad


@pytest.mark.parametrize(
    ("fields", "options"),
    [
        ({"method": "flow-matching"}, {}),
        ({"method": "flow-matching", "source": "uniform", "activation": "softplus"}, {}),
        ({"method": "ot-flow-matching", "source": "eight-gaussians"}, {}),
        ({"method": "diffusion"}, {}),
        ({"method": "diffusion", "layers": 3}, {}),
        ({"method": "likelihood"}, {}),
        ({"method": "likelihood", "source": "eight-gaussians"}, {}),
        ({"method": "likelihood", "source": "uniform", "activation": "softplus"}, {}),
        ({"method": "likelihood", "layers": 1}, {}),
        ({"method": "likelihood"}, {"trace": "rademacher", "probes": 2}),
        ({"method": "likelihood"}, {"trace": "gaussian", "probes": 1}),
        ({"method": "likelihood"}, {"solver": {**RK4, "method": "midpoint"}}),
    ],
)
def test_gradients_are_those_of_differences(fields: dict[str, Any], options: dict[str, Any]) -> None:
    flow = small(**fields)
    _, grad = loss_and_gradient(flow, **options)
    rng, step = np.random.default_rng(1), 1e-6
    for _ in range(4):
        direction = rng.normal(size=flow.parameters.shape)
        start = flow.parameters.copy()
        flow.parameters[:] = start + step * direction
        ahead, _ = loss_and_gradient(flow, **options)
        flow.parameters[:] = start - step * direction
        behind, _ = loss_and_gradient(flow, **options)
        flow.parameters[:] = start
        assert grad @ direction == pytest.approx((ahead - behind) / (2 * step), rel=1e-5, abs=1e-7)


def test_the_steps_of_an_adaptive_solver_count_as_fixed() -> None:
    flow = small(method="likelihood")
    tight = loss_and_gradient(flow, solver=DOPRI5 | {"rtol": 1e-9})
    loose = loss_and_gradient(flow, solver=DOPRI5)
    assert loose[0] == pytest.approx(tight[0], abs=1e-2)
    np.testing.assert_allclose(loose[1], tight[1], atol=2e-2)
    assert tight[0] == pytest.approx(loss_and_gradient(flow, solver=RK4 | {"n_steps": 100})[0], abs=1e-6)


def test_the_loss_of_likelihood_is_the_negative_log_likelihood() -> None:
    flow = small(method="likelihood", source="eight-gaussians")
    x = MOONS(32, np.random.default_rng(3))
    objective = Likelihood(flow, lambda n, _: np.tile(x, (n // 32, 1)), np.random.default_rng(0), 32, RK4)
    loss = objective.evaluate(np.zeros_like(flow.parameters))
    assert loss == pytest.approx(-finish(flow.log_prob_steps(x, n_steps=5)).log_prob.mean(), rel=1e-10)
    assert objective.nfe == 20


def test_probes_are_drawn_anew_for_every_step_and_only_then() -> None:
    flow = small(method="likelihood")
    x = MOONS(16, np.random.default_rng(3))
    objective = Likelihood(
        flow, lambda n, _: np.tile(x, (n // 16, 1)), np.random.default_rng(0), 16, RK4, trace="gaussian"
    )
    losses = {objective.evaluate(np.zeros_like(flow.parameters)) for _ in range(3)}
    assert len(losses) == 3


def test_long_solves_are_computed_again_rather_than_stored() -> None:
    flow = Flow.init(FlowSpec(method="likelihood", hidden=64), np.random.default_rng(0))
    long = {**RK4, "n_steps": 2000}
    objectives = [Likelihood(flow, MOONS, np.random.default_rng(0), 512, solver) for solver in (RK4, long)]
    assert [objective.mode for objective in objectives] == ["backprop", "checkpoint"]


def at_its_best(coefficients: Any, best: Any, method: str) -> tuple[float, float]:
    """Return the mean loss of a field that is the conditional mean, and of one that is off by 0.1 everywhere."""
    flow, batch = small(method=method), 4096
    target = GaussianMixture.of([[1.0, -0.5]], 0.4)
    losses = []
    for shift in (0.0, 0.1):
        rng = np.random.default_rng(5)
        pairs = IndependentPairs(flow, target.sample, rng, batch)
        objective = Regression(flow, pairs, coefficients, rng, batch)

        def evaluate(_slot: int, t: Any, _y: None, out: Any, shift: float = shift, tape: Any = objective.tape) -> None:
            out[...] = best(t, tape.inputs[0]) + shift

        objective.tape.evaluate = evaluate
        objective.tape.pull = lambda *_: None
        objective.tape.add_gradient = lambda *_: None
        losses.append(float(np.mean([objective.evaluate(flow.parameters) for _ in range(20)])))
    return losses[0], losses[1]


CENTRE, STD = np.array([[1.0], [-0.5]]), 0.4


def gaussian_velocity(t: Any, y: Any) -> Any:
    """Return the mean of x1 - x0 given y = (1 - t) x0 + t x1, for x1 from one Gaussian."""
    variance = (1 - t) ** 2 + (t * STD) ** 2
    return CENTRE + (t * STD**2 - (1 - t)) * (y - t * CENTRE) / variance


def gaussian_mean_v(t: Any, y: Any) -> Any:
    """Return the mean of alpha x0 - sigma x1 given y = alpha x1 + sigma x0."""
    a, b = diffusion.alpha(1 - t), diffusion.sigma(1 - t)
    variance = (a * STD) ** 2 + b**2
    rest = (y - a * CENTRE) / variance
    return a * b * rest - b * (CENTRE + a * STD**2 * rest)


@pytest.mark.parametrize(
    ("method", "coefficients", "best"),
    [("flow-matching", straight, gaussian_velocity), ("diffusion", denoising, gaussian_mean_v)],
)
def test_the_loss_is_least_at_the_conditional_mean(method: str, coefficients: Any, best: Any) -> None:
    least, shifted = at_its_best(coefficients, best, method)
    # A shift by 0.1 of both components adds 2 * 0.1^2 to the mean square, and nothing else if the mean was right.
    assert shifted - least == pytest.approx(0.02, abs=0.004)


def test_independent_pairs_know_nothing_of_each_other() -> None:
    pairs = IndependentPairs(small(), MOONS, np.random.default_rng(0), 1000)
    batches = [pairs.take() for _ in range(20)]
    x0, x1 = (np.concatenate([pair[i].copy() for pair in batches], axis=1) for i in range(2))
    assert x0.shape == x1.shape == (2, 20_000)
    assert np.abs(np.corrcoef(x0, x1)[:2, 2:]).max() < 0.03
    np.testing.assert_allclose(x1.mean(axis=1), MOONS(20_000, np.random.default_rng(1)).mean(axis=0), atol=0.05)
    assert len({batch[0].tobytes() for batch in batches}) > 1


@pytest.mark.parametrize("batch", [1, 100, 512, 1025])
def test_transport_pairs_have_both_marginals_and_are_close(batch: int) -> None:
    flow = small(source="eight-gaussians", method="ot-flow-matching")
    pairs, rng = TransportPairs(flow, MOONS, np.random.default_rng(0), batch), np.random.default_rng(1)
    taken = [tuple(points.copy() for points in pairs.take()) for _ in range(max(200, 4000 // batch))]
    assert all(points.shape == (2, batch) for pair in taken for points in pair)
    x0, x1 = (np.concatenate([pair[i] for pair in taken], axis=1).T[-4000:] for i in range(2))
    apart = np.square(x0 - x1).sum(axis=1).mean()
    free = np.square(rng.permutation(x0) - x1).sum(axis=1).mean()
    assert apart < 0.5 * free
    for points, sample in ((x0, flow.source.sample), (x1, MOONS)):
        fresh = sample(4000, rng)
        np.testing.assert_allclose(points.mean(axis=0), fresh.mean(axis=0), atol=0.2)
        np.testing.assert_allclose(np.cov(points.T), np.cov(fresh.T), atol=0.3)


def test_a_block_is_paired_at_least_cost() -> None:
    flow = small(method="ot-flow-matching")
    pairs = TransportPairs(flow, MOONS, np.random.default_rng(0), 64)
    x0, x1 = pairs.take()
    every = np.unique(np.concatenate([x0, x1]), axis=1)
    cost = float(np.square(every[:2] - every[2:]).sum(axis=0).mean())
    assert cost == pytest.approx(wasserstein2(every[:2].T, every[2:].T) ** 2)


@pytest.mark.parametrize("method", METHODS)
def test_a_batch_of_one_or_of_many_is_a_batch(method: str) -> None:
    flow = small(method=method)
    for batch in (1, 3, 20_000):
        objective = make_objective(flow, MOONS, np.random.default_rng(0), batch, {**RK4, "n_steps": 1})
        assert np.isfinite(objective.evaluate(np.zeros_like(flow.parameters)))
