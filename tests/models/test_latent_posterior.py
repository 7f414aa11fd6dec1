"""Posteriors of z0: against closed forms where the model is linear, and tangents against differences."""

from __future__ import annotations

from math import log, pi
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nodeviz.models.latent import LatentODE
from nodeviz.models.latent_batch import SeriesBatch
from nodeviz.models.latent_curves import Bands, Paths, bands_of, elbo_of
from nodeviz.models.latent_model import LatentModel
from nodeviz.models.latent_posterior import Posterior, Refiner, encoded, standard_normals
from nodeviz.models.latent_prior import MixturePrior
from nodeviz.models.latent_spec import LatentSpec
from nodeviz.models.latent_tangents import Tangents
from nodeviz.problems.pieces import finish

if TYPE_CHECKING:
    from collections.abc import Sequence

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


def refine(
    ode: LatentODE, batch: SeriesBatch, prior: MixturePrior | None = None, levels: Sequence[float] = (NOISE,)
) -> tuple[list[Posterior], FloatArray]:
    """Return posteriors and log-evidences when nothing is left to do."""
    model = LatentModel.of(ode, prior)
    refiner = Refiner(model, batch, encoded(model, batch, levels[0]), levels, levels[0])
    while not refiner.done:
        finish(refiner.step_steps())
    return finish(refiner.posterior_steps())


def mixture(components: int = 3, latent: int = 3) -> MixturePrior:
    """Return a prior of different components."""
    rng = np.random.default_rng(8)
    factors = np.tril(0.3 * rng.standard_normal((components, latent, latent))) + 0.7 * np.eye(latent)
    log_weights = np.log(rng.dirichlet(np.ones(components)))
    return MixturePrior(log_weights, 1.5 * rng.standard_normal((components, latent)), factors)


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
    posteriors, _ = refine(model, batch)
    precision = np.eye(3) + n * weights.T @ weights / NOISE**2
    means = np.linalg.solve(precision, weights.T @ batch.values.sum(axis=0) / NOISE**2)
    for posterior, mean in zip(posteriors, means.T, strict=True):
        np.testing.assert_allclose(posterior.mean, mean, atol=1e-9)
        np.testing.assert_allclose(posterior.factors[0] @ posterior.factors[0].T, np.linalg.inv(precision), atol=1e-9)
        np.testing.assert_allclose(posterior.sd, np.sqrt(np.diag(np.linalg.inv(precision))), atol=1e-9)


def log_evidence(y: FloatArray, weights: FloatArray, prior: MixturePrior, noise: float) -> float:
    """Return the log-density of observations of one and the same y = weights z0, in noise, under a mixture prior."""
    parts = []
    for log_weight, mean, factor in zip(prior.log_weights, prior.means, prior.factors, strict=True):
        spread = float((weights @ factor @ factor.T @ weights.T)[0, 0])
        covariance = np.full((len(y), len(y)), spread) + noise**2 * np.eye(len(y))
        away = y - float((weights @ mean)[0])
        square = away @ np.linalg.solve(covariance, away)
        parts.append(log_weight - 0.5 * (square + np.linalg.slogdet(covariance)[1] + len(y) * log(2 * pi)))
    return float(np.logaddexp.reduce(parts))


@pytest.mark.parametrize("levels", [(NOISE,), (0.1, 0.3, 1.0)])
def test_the_evidence_of_a_linear_model_under_a_mixture_is_exact_whatever_the_noise(levels: tuple[float, ...]) -> None:
    model, weights = linear()
    batch, prior = observe(5, batch=2), mixture()
    posteriors, evidences = refine(model, batch, prior, levels)
    for b, posterior in enumerate(posteriors):
        each = [log_evidence(batch.values[:, 0, b], weights, prior, level) for level in levels]
        assert evidences[b] == pytest.approx(np.logaddexp.reduce(each) - log(len(levels)), abs=1e-5)
        shares = np.exp(each - np.logaddexp.reduce(each))
        for level, share in zip(levels, shares, strict=True):
            assert posterior.weights[posterior.noise == level].sum() == pytest.approx(share, abs=1e-4)


def test_the_elbo_of_the_exact_posterior_is_the_evidence_and_no_other_one_exceeds_it() -> None:
    ode, _ = linear()
    batch, prior, levels = observe(6), mixture(), (0.2, 0.5)
    normals = standard_normals(3, 256, np.random.default_rng(0))
    (best,), (evidence,) = refine(ode, batch, prior, levels)
    other = Posterior(weights=np.ones(1), means=best.mean[None], factors=0.5 * np.eye(3)[None], noise=np.full(1, 0.2))
    for posterior in (best, other):
        z, chosen = posterior.starts(normals)
        elbo, kl = elbo_of(prior, posterior, z, chosen, ode.curve(z, batch.times[:, 0]), batch)
        assert kl >= 0.0
        assert elbo == pytest.approx(evidence, abs=0.02) if posterior is best else elbo < evidence - 0.1


def test_the_density_of_a_posterior_is_that_of_its_components() -> None:
    rng = np.random.default_rng(3)
    posterior = Posterior(
        weights=np.array([0.2, 0.5, 0.3]),
        means=rng.standard_normal((3, 2)),
        factors=np.tril(rng.standard_normal((3, 2, 2))) + 2.0 * np.eye(2),
        noise=np.array([0.1, 0.2, 0.1]),
    )
    z = rng.standard_normal((5, 2))
    for level, places in ((0.1, (0, 2)), (0.2, (1,))):
        parts = []
        for k in places:
            away = np.linalg.solve(posterior.factors[k], (z - posterior.means[k]).T)
            log_det = np.log(np.abs(np.diag(posterior.factors[k]))).sum()
            parts.append(log(posterior.weights[k]) - log_det - 0.5 * (away**2).sum(axis=0) - log(2 * pi))
        exact = np.logaddexp.reduce(parts)
        np.testing.assert_allclose(posterior.log_density(z, np.full(5, level)), exact, atol=1e-12)


def test_samples_come_from_each_component_as_its_weight_says() -> None:
    posterior = Posterior(
        weights=np.array([0.25, 0.75]),
        means=np.array([[0.0], [10.0]]),
        factors=np.ones((2, 1, 1)),
        noise=np.ones(2),
    )
    z, chosen = posterior.starts(standard_normals(1, 64, np.random.default_rng(0)))
    assert np.bincount(chosen).tolist() == [16, 48]
    assert z.mean() == pytest.approx(float(posterior.mean[0]))
    assert z.std() == pytest.approx(float(posterior.sd[0]), rel=0.05)


@pytest.mark.parametrize(("latent", "count"), [(3, 64), (16, 64), (16, 7), (1, 2)])
def test_normal_numbers_have_the_moments_they_should_have(latent: int, count: int) -> None:
    normals = standard_normals(latent, count, np.random.default_rng(2))
    assert normals.shape == (latent, count)
    if count % 2 == 0:
        np.testing.assert_allclose(normals.mean(axis=1), 0.0, atol=1e-12)
    if count >= 2 * (latent + 1):
        np.testing.assert_allclose(normals @ normals.T / count, np.eye(latent), atol=1e-10)


@pytest.mark.parametrize("prior", [None, mixture()])
def test_without_observations_the_posterior_is_the_prior(prior: MixturePrior | None) -> None:
    model, batch = wild(channels=1), SeriesBatch.of([([], [])])
    expected = MixturePrior.standard(3) if prior is None else prior
    (found,), (evidence,) = refine(model, batch, prior)
    for posterior in (found, *encoded(LatentModel.of(model, prior), batch, NOISE)):
        np.testing.assert_allclose(posterior.weights, np.exp(expected.log_weights), atol=1e-9)
        np.testing.assert_allclose(posterior.mean, expected.mean, atol=1e-9)
        np.testing.assert_allclose(posterior.sd, expected.sd, atol=1e-9)
    assert evidence == pytest.approx(0.0, abs=1e-9)


def test_refining_explains_more_than_the_encoder_does() -> None:
    ode = wild(channels=1)
    batch = observe(12, batch=5, seed=4)
    first = np.array([posterior.mean for posterior in encoded(LatentModel.of(ode), batch, NOISE)]).T
    best = np.array([posterior.mean for posterior in refine(ode, batch)[0]]).T

    def log_density(mean: FloatArray) -> FloatArray:
        residual = batch.values - ode.curve(mean, batch.times)
        return -0.5 * ((residual**2).sum(axis=(0, 1)) / NOISE**2 + (mean**2).sum(axis=0))

    assert (log_density(best) >= log_density(first) - 1.5).all()  # half a nat for each coordinate
    assert log_density(best).sum() > log_density(first).sum()


def test_a_series_is_refined_alike_whatever_lies_beside_it() -> None:
    ode, batch = wild(channels=1), observe(9, batch=40, seed=5)
    together, alone = refine(ode, batch)[0][33], refine(ode, batch.column(33))[0][0]
    np.testing.assert_allclose(together.mean, alone.mean, atol=2e-2)
    np.testing.assert_allclose(together.sd, alone.sd, rtol=0.05)


def test_noise_is_found_where_it_is_not_known() -> None:
    ode, _ = linear()
    rng = np.random.default_rng(6)
    times = np.sort(rng.random((200, 2)), axis=0)
    values = 1.5 + np.array([0.1, 0.5]) * rng.standard_normal((200, 2))
    posteriors, _ = refine(ode, SeriesBatch.stack(times, values), None, (0.05, 0.1, 0.2, 0.5, 1.0))
    assert [posterior.mean_noise for posterior in posteriors] == pytest.approx([0.1, 0.5], rel=0.05)


def test_a_model_whose_curves_are_not_finite_stays_at_the_prior() -> None:
    ode = wild(channels=1)
    ode.decoder.parameters[:] = 1e308
    (found,), _ = refine(ode, observe(4))
    np.testing.assert_allclose(found.mean, 0.0)
    np.testing.assert_allclose(found.sd, 1.0)


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
    wide = bands.observed(np.sqrt(3.0))
    np.testing.assert_allclose(wide, 2.0 * bands.edges, rtol=1e-3)
    np.testing.assert_allclose(bands.observed(0.0), bands.edges)


def test_two_samples_make_bands() -> None:
    edges = bands_of(np.array([[[0.0, 1.0]]])).edges
    assert (np.diff(edges, axis=1) >= 0.0).all()
    assert edges.min() >= 0.0
    assert edges.max() <= 1.0
