"""Training of flows: every method learns, the same seed learns the same, and what is not finite is never kept."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from models.flows import STEPS, finish, trained

from nodeviz.engine.solution import Status
from nodeviz.models.flow import METHODS, Flow, FlowSpec
from nodeviz.models.flow_measures import held_out_steps
from nodeviz.models.flow_training import PLANS, FlowTrainer
from nodeviz.problems.targets import make_target

MOONS = make_target("moons")


def trainer(how: str = "flow-matching", seed: int = 0, **options: Any) -> FlowTrainer:
    rng = np.random.default_rng(seed)
    flow = Flow.init(FlowSpec(method=how, hidden=16), rng)
    return FlowTrainer(flow, MOONS.sample, rng, **{"batch": 64, "steps": 100, "n_steps": 4} | options)


@pytest.mark.parametrize("method", METHODS)
def test_every_method_learns(method: str) -> None:
    points = MOONS.sample(2_000, np.random.default_rng(1))
    fresh = Flow.init(FlowSpec(method=method, hidden=32), np.random.default_rng(0))
    before = finish(held_out_steps(fresh, MOONS, points)).mean
    after = finish(held_out_steps(trained(method), MOONS, points)).mean
    assert before < -3.2
    assert after > -2.85
    assert MOONS.entropy_bound is not None
    assert after < MOONS.entropy_bound


@pytest.mark.parametrize("method", METHODS)
def test_the_same_seed_learns_the_same_and_another_one_does_not(method: str) -> None:
    flows = []
    for seed in (3, 3, 4):
        training = trainer(method, seed)
        losses = [training.step(1e-3).loss for _ in range(5)]
        flows.append((training.flow.parameters.copy(), losses))
    np.testing.assert_array_equal(flows[0][0], flows[1][0])
    assert flows[0][1] == flows[1][1]
    assert (flows[0][0] != flows[2][0]).any()


@pytest.mark.parametrize("method", METHODS)
def test_a_step_says_what_it_did(method: str) -> None:
    training = trainer(method)
    info = training.step(1e-3)
    assert info.ok
    assert (info.status, info.message, training.taken) == (Status.OK, "", 1)
    assert np.isfinite([info.loss, info.grad_norm]).all()
    assert info.nfe == (16 if method == "likelihood" else 1)


@pytest.mark.parametrize("method", METHODS)
def test_what_is_not_finite_is_never_kept(method: str) -> None:
    training = trainer(method, steps=1)  # with a longer schedule the learning rate would rise slowly
    for _ in range(3):
        assert training.step(1e-3).ok
    good = training.flow.parameters.copy()
    refused = [info for info in (training.step(1e38) for _ in range(6)) if not info.ok]
    assert refused
    assert np.isfinite(training.flow.parameters).all()
    assert refused[-1].status is Status.NONFINITE
    assert refused[-1].message.startswith(f"Training step {training.taken + 1}: loss or gradient is not finite;")
    assert refused[-1].message.endswith("lower lr=1e+38.")
    training.flow.parameters[:] = good
    assert training.step(1e-3).ok, "it goes on"


def test_points_that_are_not_finite_are_refused_too() -> None:
    rng = np.random.default_rng(0)
    flow = Flow.init(FlowSpec(hidden=8), rng)
    before = flow.parameters.copy()
    info = FlowTrainer(flow, lambda n, _: np.full((n, 2), np.nan), rng, batch=8).step(1e-3)
    assert info.status is Status.NONFINITE
    np.testing.assert_array_equal(flow.parameters, before)


def test_an_adaptive_solver_that_does_not_arrive_is_said() -> None:
    training = trainer("likelihood", method="dopri5", n_steps=None, rtol=1e-6)
    assert training.step(1e-3).ok
    training.flow.parameters[:] *= 1e4
    info = training.step(1e-3)
    assert info.status is Status.MAX_STEPS
    assert "dopri5 did not get back to the source" in info.message
    assert info.message.endswith("raise rtol=1e-06, lower lr=0.001, or use fixed steps.")


def test_the_learning_rate_rises_and_falls() -> None:
    training, factors = trainer(steps=1000), []
    for taken in range(1000):
        training.taken = taken
        factors.append(training.factor())
    assert factors[0] == pytest.approx(0.05)
    assert int(np.argmax(factors)) == 19
    assert (np.diff(factors[:20]) > 0).all()
    assert (np.diff(factors[20:]) < 0).all()
    assert 0.0099 < factors[-1] < 0.011


def test_who_trains_on_begins_the_schedule_anew() -> None:
    training = trainer(steps=1000)
    for taken in (0, 20, 999):
        training.taken = taken
        first = training.factor()
        training.taken = 5000 + taken
        assert training.factor() == pytest.approx(first)


def test_another_trainer_takes_over_where_one_ended() -> None:
    assert trainer(steps=1000, taken=500).factor() == pytest.approx(0.505)


def test_the_gradient_is_clipped_but_told_as_it_was() -> None:
    free, clipped = trainer(), trainer(clip=1e-3)
    assert free.step(1e-3).grad_norm == clipped.step(1e-3).grad_norm > 1e-3


@pytest.mark.parametrize(
    ("method", "options", "message"),
    [
        ("flow-matching", {"schedule": "linear"}, "schedule='linear': no such choice; choose one of constant"),
        ("flow-matching", {"batch": 0}, "batch=0: below the limit 1"),
        ("likelihood", {"trace": "sobol"}, "no such distribution 'sobol'; choose one of rademacher"),
        ("likelihood", {"trace": "gaussian", "probes": 0}, "probes=0: below the limit 1"),
        ("likelihood", {"method": "radau"}, "method='radau': gradients need an explicit"),
    ],
)
def test_wrong_arguments_are_said(method: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=r"use |choose ") as caught:
        trainer(method, **options)
    assert message in str(caught.value)


def test_there_is_a_plan_for_every_method() -> None:
    assert PLANS.keys() == METHODS.keys() == STEPS.keys()
