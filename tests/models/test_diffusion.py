"""The variance-preserving diffusion: its marginals, and that its reverse SDE and its probability flow have the same."""

from __future__ import annotations

from math import erf, sqrt
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.engine.integrate import solve
from nodeviz.engine.sde import euler_maruyama
from nodeviz.models import diffusion
from nodeviz.problems.mixtures import GaussianMixture

MIXTURE = GaussianMixture.of([[1.5, 0.0], [-1.0, 1.0], [0.0, -1.5]], 0.3)


def at(t: float) -> GaussianMixture:
    """Return what the diffusion makes of the mixture, at a flow's time."""
    s = max(1.0 - t, diffusion.LEAST_TIME)
    return MIXTURE.diffused(float(diffusion.alpha(s)), float(diffusion.sigma(s)))


def velocity(t: float, y: Any) -> Any:
    """Return the probability flow of the mixture, with its own score."""
    s = max(1.0 - t, diffusion.LEAST_TIME)
    return 0.5 * diffusion.beta(s) * (y + at(t).score(y.T).T)


def distances(points: Any, mixture: GaussianMixture) -> list[float]:
    """Return the Kolmogorov-Smirnov distances of points (N, 2) from a mixture, along five directions."""
    found = []
    for angle in np.linspace(0.0, np.pi, 5, endpoint=False):
        along = np.array([np.cos(angle), np.sin(angle)])
        places = np.sort(points @ along)
        scaled = (places[:, None] - mixture.centres @ along) / (mixture.std * sqrt(2.0))
        expected = 0.5 + 0.5 * np.vectorize(erf)(scaled).mean(axis=1)
        found.append(float(np.abs(expected - (np.arange(len(places)) + 0.5) / len(places)).max()))
    return found


@given(st.floats(0.0, 1.0))
def test_data_and_noise_share_the_variance(s: float) -> None:
    assert diffusion.alpha(s) ** 2 + diffusion.sigma(s) ** 2 == pytest.approx(1.0)
    step = 1e-6
    slope = (np.log(diffusion.alpha(s + step)) - np.log(diffusion.alpha(s))) / step
    assert slope == pytest.approx(-0.5 * diffusion.beta(s + 0.5 * step), rel=1e-4)


def test_the_schedule_is_the_published_one() -> None:
    assert (diffusion.beta(0.0), diffusion.beta(1.0)) == (0.1, 20.0)
    assert diffusion.alpha(1.0) == pytest.approx(np.exp(-0.25 * 19.9 - 0.5 * 0.1))
    assert (diffusion.alpha(0.0), diffusion.sigma(0.0)) == (1.0, 0.0)


@pytest.mark.parametrize("s", [0.1, 0.4, 1.0])
def test_what_was_x_has_the_mean_and_variance_of_the_variance_preserving_process(s: float) -> None:
    x, n = 2.5, 40_000
    start = np.full((1, n), x)
    found = euler_maruyama(
        lambda u, y: -0.5 * diffusion.beta(u) * y,
        lambda u, _: np.sqrt(diffusion.beta(u)),
        start,
        (0.0, s),
        np.random.default_rng(0),
        n_steps=400,
    )
    ends = found.ys[-1][0]
    spread = float(diffusion.sigma(s))
    assert ends.mean() == pytest.approx(x * diffusion.alpha(s), abs=4.0 * spread / sqrt(n) + 0.01)
    assert ends.var() == pytest.approx(spread**2, rel=0.03)


@given(st.floats(0.0, 1.0))
def test_score_drift_and_velocity_are_one_another(t: float) -> None:
    y = np.random.default_rng(1).normal(size=(2, 6))
    v, s = velocity(t, y), max(1.0 - t, diffusion.LEAST_TIME)
    np.testing.assert_allclose(diffusion.score(t, y, v), at(t).score(y.T).T, rtol=1e-9, atol=1e-9)
    drift = 0.5 * diffusion.beta(s) * y + diffusion.beta(s) * at(t).score(y.T).T
    np.testing.assert_allclose(diffusion.reverse_drift(t, y, v), drift, rtol=1e-9, atol=1e-9)
    assert diffusion.reverse_noise(t) == pytest.approx(sqrt(diffusion.beta(s)))


def test_the_factor_of_the_net_turns_its_estimate_into_the_velocity() -> None:
    """For one Gaussian the mean of alpha noise - sigma x given y is linear in y, and known."""
    centre, std, t = np.array([[1.0], [-0.5]]), 0.4, 0.6
    a, b = diffusion.alpha(1.0 - t), diffusion.sigma(1.0 - t)
    variance = (a * std) ** 2 + b**2
    y = np.random.default_rng(2).normal(size=(2, 8))
    noise, x = b * (y - a * centre) / variance, centre + a * std**2 * (y - a * centre) / variance
    score = -(y - a * centre) / variance
    expected = 0.5 * diffusion.beta(1.0 - t) * (y + score)
    np.testing.assert_allclose(diffusion.velocity_factor(t) * (a * noise - b * x), expected, rtol=1e-10)


def test_the_factor_is_bounded_and_all_but_0_where_all_is_noise() -> None:
    factors = diffusion.velocity_factor(np.linspace(0.0, 1.0, 101))
    assert np.isfinite(factors).all()
    assert -0.07 < factors[0] < 0.0
    assert diffusion.velocity_factor(1.0) == diffusion.velocity_factor(1.0 - 1e-4)
    assert diffusion.velocity_factor(0.5) == factors[50]


@pytest.mark.parametrize("t", [0.6, 0.85, 1.0])
def test_reverse_sde_and_probability_flow_have_the_same_marginals(t: float) -> None:
    n = 10_000
    z = np.random.default_rng(3).standard_normal((2, n))
    flowed = solve(velocity, z, (0.0, t), method="rk4", n_steps=60).ys[-1].T
    diffused = euler_maruyama(
        lambda u, y: diffusion.reverse_drift(u, y, velocity(u, y)),
        lambda u, _: diffusion.reverse_noise(u),
        z,
        (0.0, t),
        np.random.default_rng(4),
        n_steps=300,
    ).ys[-1].T  # fmt: skip
    # 1.63 / sqrt(n) is passed once in a hundred draws of the very distribution; Euler's own error comes to it.
    limit = 1.95 / sqrt(n)
    assert max(distances(flowed, at(t))) < limit
    assert max(distances(diffused, at(t))) < limit + 0.005
    # The paths themselves are different ones.
    assert np.abs(flowed - diffused).max() > 1.0
    assert max(distances(flowed, at(0.8 * t))) > limit + 0.005, "another time would be noticed"
