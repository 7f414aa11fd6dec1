"""Posteriors of z0: against closed forms where the model is linear, and tangents against differences."""

from __future__ import annotations

from math import log, pi
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nodeviz.models.latent import LatentODE
from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.models.latent_curves import Bands, Paths, bands_of, elbo_of
from nodeviz.models.latent_posterior import Posterior, Refiner, encoded, standard_normals
from nodeviz.models.latent_spec import LatentSpec
from nodeviz.models.latent_tangents import Tangents
from nodeviz.problems.pieces import finish

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

NOISE = 0.3


def wild(channels: int = 2, latent: int = 3) -> LatentODE:
    """Return a model with weights that bend everything."""
    model = LatentODE(LatentSpec(channels=channels, latent=latent, hidden=5, speed=2.0), dtype=np.float64)
    model.parameters[:] = 0.4 * np.random.default_rng(1).standard_normal(model.parameters.size)
    return model


def linear(latent: int = 3) -> tuple[LatentODE, FloatArray]:
    """Return a model of one channel whose curves are constant, y = weights z0, and these weights (1, L)."""
    model = LatentODE(LatentSpec(latent=latent, hidden=4, decoder_layers=0), dtype=np.float64)
    weights = np.array([[1.0, -0.5, 2.0]])[:, :latent]
    model.decoder.layers[0].weight[:] = weights
    return model, weights


def observe(n: int, batch: int = 1, channels: int = 1, seed: int = 0) -> SeriesBatch:
    """Return random observations."""
    rng = np.random.default_rng(seed)
    return SeriesBatch.stack(np.sort(rng.random((n, batch)), axis=0), rng.standard_normal((n, channels, batch)))


def refined(model: LatentODE, batch: SeriesBatch, noise: tuple[float, float] = (NOISE, NOISE)) -> Refiner:
    """Return a refiner that is done."""
    refiner = Refiner(model, batch, encoded(model, batch), noise)
    while not refiner.done:
        finish(refiner.step_steps())
        assert refiner.taken < 200
    return refiner


def test_tangents_are_those_of_differences_before_and_after_time_0() -> None:
    model, rng = wild(), np.random.default_rng(0)
    times, z0, eps = rng.uniform(-0.4, 1.3, (7, 4)), rng.standard_normal((3, 4)), 1e-6
    found = finish(Tangents(model, times).linear_steps(z0))
    np.testing.assert_allclose(found.values, model.curve(z0, times).transpose(2, 0, 1), atol=1e-12)
    for k, direction in enumerate(eps * np.eye(3)):
        ends = (model.curve(z0 + sign * direction[:, None], times) for sign in (1, -1))
        slope = np.subtract(*ends) / (2.0 * eps)
        np.testing.assert_allclose(found.jacobian[..., k], slope.transpose(2, 0, 1), atol=1e-8)


@pytest.mark.parametrize("times", [[0.0], [1.0], [0.5, 0.5], [0.0, 0.05, 1.0]])
def test_tangents_at_the_nodes_of_the_grid(times: list[float]) -> None:
    model, z0 = wild(), np.ones((3, 1))
    found = finish(Tangents(model, np.array(times)[:, None]).linear_steps(z0))
    np.testing.assert_allclose(found.values[0], model.curve(z0, times)[..., 0], atol=1e-12)


@pytest.mark.parametrize("n", [1, 2, 9])
def test_of_a_linear_model_the_posterior_is_the_exact_one(n: int) -> None:
    model, weights = linear()
    batch = observe(n, batch=3)
    found = refined(model, batch).posterior
    precision = np.eye(3) + n * weights.T @ weights / NOISE**2
    mean = np.linalg.solve(precision, weights.T @ batch.values.sum(axis=0) / NOISE**2)
    np.testing.assert_allclose(found.mean, mean, atol=1e-3 * np.abs(mean).max())
    for factor in found.factor:
        np.testing.assert_allclose(factor @ factor.T, np.linalg.inv(precision), atol=1e-9)
        assert np.allclose(factor, np.tril(factor))


def test_the_elbo_of_the_exact_posterior_is_the_evidence_and_no_other_one_exceeds_it() -> None:
    model, weights = linear()
    batch = observe(6)
    y = batch.values[:, 0, 0]
    covariance = np.full((6, 6), float((weights @ weights.T)[0, 0])) + NOISE**2 * np.eye(6)
    evidence = -0.5 * (y @ np.linalg.solve(covariance, y) + np.linalg.slogdet(covariance)[1] + 6 * log(2 * pi))
    normals = standard_normals(3, 64, np.random.default_rng(0))
    best = refined(model, batch).posterior
    for posterior, slack in ((best, 1e-3), (encoded(model, batch), 1.0)):
        at_noise = Posterior(mean=posterior.mean, factor=posterior.factor, noise=np.full((1, 1), NOISE))
        values = model.curve(at_noise.starts(normals)[..., 0], batch.times[:, 0])
        elbo, kl = elbo_of(at_noise, values, batch)
        assert (abs(elbo - evidence) < slack) if posterior is best else (elbo < evidence - slack)
        assert kl >= 0.0


def test_the_kl_is_that_of_the_closed_form_and_zero_for_the_prior() -> None:
    rng = np.random.default_rng(3)
    factor = np.tril(rng.standard_normal((2, 3, 3))) + 2.0 * np.eye(3)
    mean = rng.standard_normal((3, 2))
    found = Posterior(mean=mean, factor=factor, noise=np.ones((1, 2))).kl
    for b, one in enumerate(factor):
        covariance = one @ one.T
        exact = 0.5 * (np.trace(covariance) + mean[:, b] @ mean[:, b] - 3.0 - np.linalg.slogdet(covariance)[1])
        assert found[b] == pytest.approx(exact)
    prior = Posterior(mean=np.zeros((3, 1)), factor=np.eye(3)[None], noise=np.ones((1, 1)))
    assert prior.kl == pytest.approx(0.0)


@pytest.mark.parametrize(("latent", "count"), [(3, 64), (16, 64), (16, 7), (1, 2)])
def test_samples_are_normal_with_the_moments_they_should_have(latent: int, count: int) -> None:
    normals = standard_normals(latent, count, np.random.default_rng(2))
    assert normals.shape == (latent, count)
    if count % 2 == 0:
        np.testing.assert_allclose(normals.mean(axis=1), 0.0, atol=1e-12)
    if count >= 2 * (latent + 1):
        np.testing.assert_allclose(normals @ normals.T / count, np.eye(latent), atol=1e-10)


def test_without_observations_the_posterior_is_the_prior() -> None:
    model = wild(channels=1)
    found = refined(model, SeriesBatch.of([([], [])])).posterior
    np.testing.assert_allclose(found.mean, 0.0)
    np.testing.assert_allclose(found.factor[0], np.eye(3), atol=1e-12)


def test_refining_never_explains_less_than_the_encoder_does() -> None:
    model = wild(channels=1)
    batch = observe(12, batch=5, seed=4)
    first, best = encoded(model, batch), refined(model, batch).posterior

    def log_density(mean: FloatArray) -> FloatArray:
        residual = batch.values - model.curve(mean, batch.times)
        return -0.5 * ((residual**2).sum(axis=(0, 1)) / NOISE**2 + (mean**2).sum(axis=0))

    assert (log_density(best.mean) >= log_density(first.mean) - 1e-9).all()


def test_a_series_is_refined_alike_whatever_lies_beside_it() -> None:
    model = wild(channels=1)
    batch = observe(9, batch=40, seed=5)
    together = refined(model, batch).posterior
    alone = refined(model, batch.column(33)).posterior
    np.testing.assert_allclose(together.mean[:, 33], alone.mean[:, 0], atol=2e-2)


def test_noise_is_found_where_it_is_not_known() -> None:
    model, _ = linear()
    rng = np.random.default_rng(6)
    times = np.sort(rng.random((400, 2)), axis=0)
    values = 1.5 + np.array([0.1, 0.5]) * rng.standard_normal((400, 2))
    noise = refined(model, SeriesBatch.stack(times, values), (0.02, 1.0)).posterior.noise
    assert noise[0] == pytest.approx([0.1, 0.5], rel=0.15)


def test_a_model_whose_curves_are_not_finite_stays_at_the_prior() -> None:
    model = wild(channels=1)
    model.decoder.parameters[:] = 1e308
    found = refined(model, observe(4)).posterior
    np.testing.assert_allclose(found.mean, 0.0)
    np.testing.assert_allclose(found.factor[0], np.eye(3), atol=1e-12)


def test_paths_solved_once_are_read_at_any_times() -> None:
    model, rng = wild(), np.random.default_rng(0)
    z0, times = rng.standard_normal((3, 5)), np.array([1.2, -0.3, 0.0, 0.05, 0.7])
    paths = Paths(model, z0, -0.3, 1.2)
    np.testing.assert_allclose(paths.states(times), model.latent_path(z0, times), atol=1e-12)
    np.testing.assert_allclose(finish(paths.values_steps(times)), model.curve(z0, times), atol=1e-12)


def test_bands_hold_the_share_of_samples_that_they_name() -> None:
    samples = np.random.default_rng(0).standard_normal((3, 2, 20_000))
    bands = bands_of(samples)
    np.testing.assert_allclose(bands.mean, 0.0, atol=0.03)
    np.testing.assert_allclose(bands.edges[0, :], np.array([-0.674, 0.674])[:, None, None] * np.ones((3, 2)), atol=0.04)
    np.testing.assert_allclose(bands.edges[1, :], np.array([-1.645, 1.645])[:, None, None] * np.ones((3, 2)), atol=0.06)


def test_bands_of_new_observations_are_wider_by_the_noise() -> None:
    bands = Bands(mean=np.zeros((1, 1)), edges=np.array([[[[-0.6745]], [[0.6745]]], [[[-1.6449]], [[1.6449]]]]))
    wide = bands.observed(np.array([np.sqrt(3.0)]))
    np.testing.assert_allclose(wide, 2.0 * bands.edges, rtol=1e-3)
    np.testing.assert_allclose(bands.observed(np.zeros(1)), bands.edges)


def test_two_samples_make_bands() -> None:
    edges = bands_of(np.array([[[0.0, 1.0]]])).edges
    assert (np.diff(edges, axis=1) >= 0.0).all()
    assert edges.min() >= 0.0
    assert edges.max() <= 1.0
