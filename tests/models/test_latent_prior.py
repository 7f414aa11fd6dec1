"""Mixture priors: densities, moments, the way into one vector and back, and how they are found from samples."""

from __future__ import annotations

from math import log, pi

import numpy as np
import pytest

from nodeviz.models.latent import LatentODE
from nodeviz.models.latent_model import LatentModel, LatentModelSpec
from nodeviz.models.latent_prior import MixturePrior, fit_mixture
from nodeviz.models.latent_spec import LatentSpec
from nodeviz.problems.pieces import finish


def make(components: int = 3, latent: int = 2) -> MixturePrior:
    rng = np.random.default_rng(0)
    factors = np.tril(0.3 * rng.standard_normal((components, latent, latent))) + 0.8 * np.eye(latent)
    weights = rng.dirichlet(np.ones(components))
    return MixturePrior(np.log(weights), rng.standard_normal((components, latent)), factors)


def test_the_density_is_that_of_its_components_and_its_mass_is_one() -> None:
    prior = make()
    axis = np.linspace(-7.0, 7.0, 281)
    grid = np.stack(np.meshgrid(axis, axis, indexing="ij"), axis=-1).reshape(-1, 2)
    density = np.exp(prior.log_density(grid))
    cell = (axis[1] - axis[0]) ** 2
    assert density.sum() * cell == pytest.approx(1.0, abs=1e-6)
    np.testing.assert_allclose(density @ grid * cell, prior.mean, atol=1e-6)
    variance = density @ (grid - prior.mean) ** 2 * cell
    np.testing.assert_allclose(np.sqrt(variance), prior.sd, atol=1e-6)


def test_the_standard_one_is_standard() -> None:
    prior, z = MixturePrior.standard(4), np.random.default_rng(1).standard_normal((6, 4))
    np.testing.assert_allclose(prior.log_density(z), -0.5 * ((z * z).sum(axis=1) + 4 * log(2 * pi)))
    np.testing.assert_allclose(prior.precisions[0], np.eye(4))


def test_what_is_written_as_a_vector_comes_back() -> None:
    prior = make(5, 3)
    vector = prior.to_vector()
    assert len(vector) == MixturePrior.size(5, 3)
    again = MixturePrior.from_vector(vector, 5, 3)
    for name in ("log_weights", "means", "factors"):
        np.testing.assert_allclose(getattr(again, name), getattr(prior, name), atol=1e-12)
    assert len(MixturePrior.from_vector(np.zeros(0), 0, 3).means) == 1


@pytest.mark.parametrize("spoilt", [-1.0, 0.0, np.nan])
def test_factors_that_make_no_distribution_are_refused(spoilt: float) -> None:
    vector = make(2, 2).to_vector()
    vector[-1] = spoilt
    with pytest.raises(ValueError, match="not positive; train the model anew"):
        MixturePrior.from_vector(vector, 2, 2)


def test_components_are_found_from_samples() -> None:
    rng = np.random.default_rng(2)
    truth = MixturePrior(
        np.log([0.3, 0.7]), np.array([[-3.0, 0.0], [2.0, 1.0]]), np.array([0.5 * np.eye(2), np.eye(2)])
    )
    chosen = rng.random(6000) < 0.3
    samples = np.where(chosen[:, None], truth.means[0], truth.means[1]) + np.where(chosen, 0.5, 1.0)[
        :, None
    ] * rng.standard_normal((6000, 2))
    found = finish(fit_mixture(samples, 2, np.random.default_rng(0)))
    order = np.argsort(found.means[:, 0])
    np.testing.assert_allclose(np.exp(found.log_weights[order]), [0.3, 0.7], atol=0.03)
    np.testing.assert_allclose(found.means[order], truth.means, atol=0.1)
    assert found.log_density(samples).mean() == pytest.approx(truth.log_density(samples).mean(), abs=0.01)


def test_more_components_explain_no_less() -> None:
    samples = np.random.default_rng(3).uniform(-1.0, 1.0, (2000, 2))
    likelihoods = [
        finish(fit_mixture(samples, k, np.random.default_rng(0))).log_density(samples).mean() for k in (1, 8)
    ]
    assert likelihoods[1] > likelihoods[0]


def test_a_model_keeps_both_in_one_vector() -> None:
    ode, prior = LatentODE.init(LatentSpec(latent=3), np.random.default_rng(0)), make(4, 3)
    model = LatentModel.of(ode, prior)
    assert model.spec.n_parameters == len(model.parameters)
    again = LatentModel(LatentModelSpec.from_json(model.spec.to_json()), parameters=model.parameters)
    np.testing.assert_array_equal(again.ode.parameters, ode.parameters)
    np.testing.assert_allclose(again.prior.means, prior.means, atol=1e-6)
    assert len(LatentModel.of(ode).prior.means) == 1


@pytest.mark.parametrize("components", [-1, 5000, 1.5, True])
def test_a_number_of_components_that_cannot_be_is_refused(components: object) -> None:
    with pytest.raises(ValueError, match=r"components=.*from 0 to 1024"):
        LatentModelSpec(components=components)  # type: ignore[arg-type]
