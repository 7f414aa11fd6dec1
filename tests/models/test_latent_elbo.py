"""The bound is what its definition says, and its gradient by every parameter agrees with differences."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from engine.tape_checks import agree
from hypothesis import given, settings
from hypothesis import strategies as st
from models.latents import make_batch, make_model

from nodeviz.engine.gradcheck import central_differences
from nodeviz.models.latent_elbo import ElboPass
from nodeviz.models.latent_likelihood import LikelihoodPass, Targets

if TYPE_CHECKING:
    from nodeviz.models.latent import LatentODE
    from nodeviz.models.latent_batch import SeriesBatch


def by_definition(
    model: LatentODE, batch: SeriesBatch, targets: Targets, eps: np.ndarray
) -> tuple[float, float, float]:
    """Log-likelihood and KL divergence per series, and mean squared error, written down plainly."""
    mean, log_sd = model.encode(batch)
    kl = 0.5 * (mean**2 + np.exp(2 * log_sd) - 1) - log_sd
    total, squares = 0.0, 0.0
    for s in range(eps.shape[1]):
        curve = model.curve(mean + np.exp(log_sd) * eps[:, s], targets.times)
        residual = curve - targets.values
        sd = model.noise[:, None]
        log_p = -0.5 * (residual / sd) ** 2 - np.log(sd) - 0.5 * np.log(2 * np.pi)
        total += float((targets.weights * log_p).sum()) / eps.shape[1]
        squares += float((targets.weights * residual**2).sum()) / eps.shape[1]
    return total / batch.batch, float(kl.sum()) / batch.batch, squares / max(float(targets.weights.sum()), 1e-30)


def random_targets(seed: int, batch: SeriesBatch, points: int, *, own: bool) -> Targets:
    rng = np.random.default_rng(seed)
    shape = (points, batch.channels, batch.batch)
    values = rng.standard_normal(shape)
    values[rng.random(shape) < 0.2] = np.nan
    return Targets.at(rng.uniform(0.0, 1.4, (points, batch.batch) if own else points), values)


CASES = {
    "lengths": st.lists(st.integers(0, 5), min_size=1, max_size=4),
    "channels": st.integers(1, 3),
    "missing": st.sampled_from([0.0, 0.4]),
    "points": st.integers(1, 5),
    "own": st.booleans(),
    "samples": st.integers(1, 3),
    "seed": st.integers(0, 10**6),
}


@settings(max_examples=30)
@given(
    **CASES,
    longest=st.sampled_from([0.1, 0.4, 3.0]),
    activation=st.sampled_from(["tanh", "softplus"]),
    layers=st.tuples(st.integers(1, 2), st.integers(0, 2)),
    kl_weight=st.floats(0.0, 2.0),
)
def test_the_gradient_agrees_with_differences(
    lengths: list[int], channels: int, missing: float, points: int, own: bool, samples: int, seed: int,
    longest: float, activation: str, layers: tuple[int, int], kl_weight: float,
) -> None:  # fmt: skip
    fields: dict[str, Any] = {
        "channels": channels,
        "encoder_dt": longest,
        "activation": activation,
        "steps": 4,
        "speed": 1.5,
        "head_hidden": 2 * layers[1],
    }
    model = make_model(seed, dynamics_layers=layers[0], decoder_layers=layers[1], **fields)
    batch = make_batch(seed, lengths, channels, missing)
    targets = random_targets(seed, batch, points, own=own)
    eps = np.random.default_rng(seed).standard_normal((3, samples, batch.batch))
    work, grad = ElboPass(model, batch.batch, points, own=own, samples=samples), np.ones(model.parameters.size)
    found = work.evaluate(batch, targets, eps, kl_weight, grad, share=0.5)
    log_likelihood, kl, mse = by_definition(model, batch, targets, eps)
    assert found.log_likelihood == pytest.approx(log_likelihood, rel=1e-10)
    assert found.kl == pytest.approx(kl, rel=1e-9, abs=1e-12)
    assert found.mse == pytest.approx(mse, rel=1e-10)
    assert found.loss == pytest.approx(kl_weight * kl - log_likelihood, rel=1e-10)
    assert found.elbo == pytest.approx(log_likelihood - kl, rel=1e-10)

    def loss(parameters: np.ndarray) -> float:
        model.parameters[:] = parameters
        return work.evaluate(batch, targets, eps, kl_weight, np.zeros(grad.size)).loss

    entries = np.random.default_rng(seed).choice(grad.size, 30, replace=False)
    expected = central_differences(loss, model.parameters.copy(), entries=entries)
    assert agree(2.0 * (grad - 1.0)[entries], expected[entries])


@settings(max_examples=20)
@given(**CASES)
def test_the_likelihood_by_latent_states_agrees_with_differences(
    lengths: list[int], channels: int, missing: float, points: int, own: bool, samples: int, seed: int
) -> None:
    model, batch = make_model(seed, channels=channels, steps=4), make_batch(seed, lengths, channels, missing)
    targets, rng = random_targets(seed, batch, points, own=own), np.random.default_rng(seed)
    z0 = rng.standard_normal((3, samples, batch.batch))
    work, n = LikelihoodPass(model, batch.batch, points, own=own, samples=samples), samples * batch.batch
    work.load(targets)
    found = work.evaluate(z0, 2.0 * n)
    by_z0, mse = found.by_z0.copy(), found.mse
    expected = central_differences(lambda z0: -2.0 * n * work.evaluate(z0).value, z0)
    assert agree(by_z0, expected)
    squares = sum(
        float((targets.weights * (model.curve(z0[:, s], targets.times) - targets.values) ** 2).sum())
        for s in range(samples)
    )
    assert mse == pytest.approx(squares / max(samples * float(targets.weights.sum()), 1e-30), rel=1e-10)


def test_targets_join_and_are_padded_without_a_change() -> None:
    model, batch = make_model(channels=2), make_batch(3, [4, 2, 0], 2, 0.3)
    beyond = Targets.at(np.array([1.1, 1.4]), np.random.default_rng(0).standard_normal((2, 2, 3)))
    both, z0 = Targets.of(batch).with_more(beyond), np.random.default_rng(1).standard_normal((3, 1, 3))
    assert both.points == 6
    values = []
    for targets in (Targets.of(batch), beyond, both, both.padded(10)):
        work = LikelihoodPass(model, 3, targets.points, own=targets.times.ndim == 2)
        work.load(targets)
        values.append(work.evaluate(z0).value)
    assert values[2] == pytest.approx(values[0] + values[1], rel=1e-12)
    assert values[3] == pytest.approx(values[2], rel=1e-12)
    assert both.padded(10).points == 10
    assert both.padded(3) is both
