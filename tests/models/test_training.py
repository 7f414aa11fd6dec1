"""Training steps: their gradient, every mode and method, and parameters that stay finite whatever happens."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from models.runs import draw, train

from nodeviz.engine.gradcheck import central_differences, relative_error
from nodeviz.engine.gradients import MODES
from nodeviz.engine.losses import LOSSES
from nodeviz.engine.optim import OPTIMIZERS, SCHEDULES
from nodeviz.engine.solution import Status
from nodeviz.models.depth import DepthClassifier
from nodeviz.models.measures import dense_error_steps
from nodeviz.models.spec import ModelSpec
from nodeviz.models.training import RUNAWAY, Trainer, minibatches
from nodeviz.problems.pieces import finish

KINDS = ("resnet", "node", "anode")
X, LABELS = draw("moons", 400, 0)


def gradient_of(model: DepthClassifier, labels: Any, **options: Any) -> Any:
    """The gradient of a step, read off a plain step of gradient descent."""
    before = model.parameters.copy()
    info = Trainer(model, optimizer="sgd", momentum=0.0, **options).step(X[: len(labels)], labels, 1.0)
    assert info.ok, info.message
    grad = before - model.parameters
    model.parameters[:] = before
    assert info.grad_norm == pytest.approx(np.linalg.norm(grad))
    return grad


def loss_of(model: DepthClassifier, labels: Any, loss: str, **solver: Any) -> float:
    logits = finish(model.logits_steps(X[: len(labels)], **solver))
    return LOSSES[loss].evaluate(np.ascontiguousarray(logits.T), labels, None)[0]


def small_model(dtype: Any = np.float64, **fields: Any) -> DepthClassifier:
    spec = ModelSpec(**{"hidden": 4, "activation": "tanh", "blocks": 3, **fields})
    return DepthClassifier.init(spec, np.random.default_rng(1), dtype, loss="mse")


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("loss", list(LOSSES))
@pytest.mark.parametrize("classes", [2, 3])
def test_a_step_goes_down_the_gradient_of_the_loss(kind: str, loss: str, classes: int) -> None:
    model = small_model(kind=kind, classes=classes, timed=True, augment=2, readout="first-two")
    labels = np.arange(6) % classes
    found = gradient_of(model, labels, n_steps=3, loss=loss)
    kept = model.parameters.copy()

    def value(parameters: Any) -> float:
        model.parameters[:] = parameters
        return loss_of(model, labels, loss, n_steps=3)

    expected = central_differences(value, kept)
    model.parameters[:] = kept
    assert relative_error(found, expected) < 1e-8


@pytest.mark.parametrize("mode", list(MODES))
def test_every_gradient_mode_can_be_chosen(mode: str) -> None:
    model, labels = small_model(kind="anode"), LABELS[:6]
    exact = gradient_of(model, labels, n_steps=40)
    error = np.abs(gradient_of(model, labels, n_steps=40, gradient=mode) - exact).max() / np.abs(exact).max()
    assert error < (1e-9 if mode in ("backprop", "checkpoint") else 0.1 if mode == "article" else 1e-4)


@pytest.mark.parametrize("method", ["dopri5", "tsit5", "bosh3"])
@pytest.mark.parametrize("mode", ["backprop", "checkpoint", "adjoint"])
def test_adaptive_solvers_can_be_trained_with(method: str, mode: str) -> None:
    model, labels = small_model(kind="node"), LABELS[:6]
    fine = gradient_of(model, labels, method="rk4", n_steps=200)
    found = gradient_of(model, labels, method=method, n_steps=None, rtol=1e-7, gradient=mode)
    assert relative_error(found, fine) < 1e-4
    infos = train(ModelSpec(kind="node"), X, LABELS, steps=30, method=method, n_steps=None, gradient=mode)[1]
    assert all(info.ok for info in infos)
    assert infos[-1].loss < infos[0].loss
    assert infos[0].nfe >= 8


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
@pytest.mark.parametrize("schedule", list(SCHEDULES))
def test_all_kinds_learn_the_moons(kind: str, optimizer: str, schedule: str) -> None:
    lr = {"adam": 3e-3, "sgd": 1e-2}[optimizer]
    spec = ModelSpec(kind=kind, hidden=16)
    model, infos = train(spec, X, LABELS, steps=300, lr=lr, optimizer=optimizer, schedule=schedule)
    assert all(info.ok for info in infos)
    assert finish(dense_error_steps(model, X, LABELS, n_steps=10)) < 0.2
    assert infos[0].nfe == (10 if kind == "resnet" else 40)
    assert np.mean([info.accuracy for info in infos[-20:]]) > 0.8


@pytest.mark.parametrize("classes", [3, 4])
@pytest.mark.parametrize("loss", list(LOSSES))
def test_three_and_four_classes_are_learned(classes: int, loss: str) -> None:
    X, labels = draw("gaussians", 600, 0, classes)
    model, _ = train(ModelSpec(kind="anode", classes=classes), X, labels, steps=500, loss=loss)
    assert finish(dense_error_steps(model, X, labels, n_steps=10)) < 0.06


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_seed_gives_the_same_weights_to_the_last_digit(kind: str) -> None:
    first, _ = train(ModelSpec(kind=kind), X, LABELS, steps=20)
    again, _ = train(ModelSpec(kind=kind), X, LABELS, steps=20)
    np.testing.assert_array_equal(first.parameters, again.parameters)


def test_clipping_and_weight_decay() -> None:
    model = small_model(kind="node")
    free = gradient_of(model, LABELS[:6])
    before = model.parameters.copy()
    info = Trainer(model, optimizer="sgd", momentum=0.0, clip=0.01).step(X[:6], LABELS[:6], 1.0)
    assert info.grad_norm == pytest.approx(np.linalg.norm(free))
    np.testing.assert_allclose(before - model.parameters, 0.01 * free / info.grad_norm, rtol=1e-9, atol=1e-12)
    model.parameters[:] = before
    trainer = Trainer(model, optimizer="sgd", momentum=0.0)
    trainer.weight_decay = 0.1
    trainer.step(X[:6], LABELS[:6], 0.5)
    np.testing.assert_allclose(model.parameters, 0.95 * before - 0.5 * free, rtol=1e-9, atol=1e-12)


def test_the_schedule_runs_over_the_steps_taken() -> None:
    model = small_model(kind="node")
    trainer = Trainer(model, optimizer="sgd", momentum=0.0, schedule="step", steps=4)
    moved = []
    for _ in range(4):
        before = model.parameters.copy()
        info = trainer.step(X[:6], LABELS[:6], 0.1)
        moved.append(np.linalg.norm(model.parameters - before) / info.grad_norm)
    np.testing.assert_allclose(moved, [0.1, 0.1, 0.01, 0.001], rtol=1e-6)
    assert trainer.taken == 4


def test_after_a_refused_step_the_schedule_goes_on_where_it_was() -> None:
    model = small_model(kind="node")
    trainer = Trainer(model, optimizer="sgd", momentum=0.0, schedule="step", steps=4)
    for _ in range(3):
        trainer.step(X[:6], LABELS[:6], 0.1)
    assert not trainer.step(np.full((6, 2), np.nan), LABELS[:6], 0.1).ok
    before = model.parameters.copy()
    info = trainer.step(X[:6], LABELS[:6], 0.1)
    assert np.linalg.norm(model.parameters - before) / info.grad_norm == pytest.approx(0.001)


def test_a_loss_that_runs_off_is_refused_and_the_weights_before_it_stay() -> None:
    model = DepthClassifier.init(ModelSpec(kind="node", activation="tanh"), np.random.default_rng(0))
    trainer = Trainer(model, optimizer="sgd", momentum=0.0)
    good = model.parameters.copy()
    assert trainer.step(X[:64], LABELS[:64], 1e3).ok
    info = trainer.step(X[:64], LABELS[:64], 1e3)
    assert RUNAWAY < info.loss < np.inf
    assert (info.status, "the loss ran off to" in info.message) == ("nonfinite", True)
    np.testing.assert_array_equal(model.parameters, good)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("activation", ["relu", "tanh"])
@pytest.mark.parametrize("optimizer", list(OPTIMIZERS))
def test_whatever_the_learning_rate_the_weights_stay_finite(kind: str, activation: str, optimizer: str) -> None:
    for lr in (1e2, 1e6, 1e30):
        model = DepthClassifier.init(ModelSpec(kind=kind, activation=activation), np.random.default_rng(0))
        trainer = Trainer(model, optimizer=optimizer)
        for _ in range(8):
            trainer.step(X[:64], LABELS[:64], lr)
            assert np.isfinite(model.parameters).all()


def test_after_a_step_that_is_not_finite_the_last_weights_that_worked_stay_and_training_can_go_on() -> None:
    model = DepthClassifier.init(ModelSpec(kind="node"), np.random.default_rng(0))
    trainer = Trainer(model)
    batches = minibatches(len(X), 64, np.random.default_rng(0))
    for _ in range(50):
        chosen = next(batches)
        assert trainer.step(X[chosen], LABELS[chosen], 1e-3).ok
    good = model.parameters.copy()
    first, second = (trainer.step(X[:64], LABELS[:64], 1e6) for _ in range(2))
    assert first.ok
    assert second.status is Status.NONFINITE
    np.testing.assert_array_equal(model.parameters, good)
    assert second.message.startswith("Training step 52: loss or gradient is not finite")
    assert "lower lr=1e+06" in second.message
    assert trainer.taken == 51
    for _ in range(50):
        chosen = next(batches)
        assert trainer.step(X[chosen], LABELS[chosen], 1e-3).ok
    assert not np.array_equal(model.parameters, good)


def test_a_solver_that_fails_in_training_is_named_with_the_remedy() -> None:
    model = DepthClassifier.init(ModelSpec(kind="node", activation="tanh"), np.random.default_rng(0))
    model.field.parameters *= 40.0
    before = model.parameters.copy()
    info = Trainer(model, method="dopri5", n_steps=None, rtol=1e-6).step(X[:64], LABELS[:64], 1e-3)
    assert info.status is Status.MAX_STEPS
    assert np.isnan(info.loss)
    assert "dopri5 did not get through depth" in info.message
    assert "raise rtol=1e-06" in info.message
    assert "\n" not in info.message
    np.testing.assert_array_equal(model.parameters, before)


def test_points_far_out_do_no_harm() -> None:
    model = DepthClassifier.init(ModelSpec(kind="node"), np.random.default_rng(0))
    trainer = Trainer(model)
    before = model.parameters.copy()
    info = trainer.step(np.full((64, 2), 1e30), LABELS[:64], 1e-3)
    assert info.status is Status.NONFINITE
    np.testing.assert_array_equal(model.parameters, before)
    assert trainer.step(X[:64], LABELS[:64], 1e-3).ok


def test_batches_may_change_their_size() -> None:
    model = small_model(kind="anode")
    trainer = Trainer(model)
    for size in (64, 1, 7, 64):
        assert trainer.step(X[:size], LABELS[:size], 1e-3).ok


def test_a_round_of_minibatches_sees_every_point_once() -> None:
    batches = minibatches(100, 20, np.random.default_rng(0))
    for _ in range(3):
        seen = np.concatenate([next(batches) for _ in range(5)])
        np.testing.assert_array_equal(np.sort(seen), np.arange(100))


@given(n=st.integers(1, 50), batch=st.integers(1, 70))
def test_minibatches_are_all_of_one_size_and_fair(n: int, batch: int) -> None:
    chosen = list(itertools.islice(minibatches(n, batch, np.random.default_rng(0)), 20))
    assert {len(indices) for indices in chosen} == {min(n, batch)}
    counts = np.bincount(np.concatenate(chosen), minlength=n)
    assert counts.max() - counts.min() <= 1


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        ({"loss": "hinge"}, "loss='hinge': no such choice; choose one of bce"),
        ({"optimizer": "lion"}, "optimizer='lion': no such choice; choose one of adam"),
        ({"schedule": "linear"}, "schedule='linear': no such choice"),
        ({"gradient": "exact"}, "mode='exact': no such gradient mode"),
        ({"method": "radau"}, "method='radau': gradients need an explicit Runge-Kutta method"),
        ({"method": "rk4", "n_steps": None}, "method='rk4' takes fixed steps"),
    ],
)
def test_wrong_options_are_refused_before_the_first_step(options: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        Trainer(small_model(kind="node"), **options)
