"""Euler-Maruyama against closed forms: orders, moments, and the marginals of diffusions run backwards."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from scipy.stats import ks_2samp, kstest, norm

from nodeviz.engine.integrate import solve
from nodeviz.engine.sde import euler_maruyama, euler_maruyama_steps
from nodeviz.engine.solution import Status

if TYPE_CHECKING:
    from collections.abc import Iterator

    from nodeviz.engine.sde import SdeSolution

THETA, SIGMA = 1.5, 0.8


class Replay:
    """Draws that are the increments of given paths: (N, D, B) in N fine steps, summed where steps are coarser."""

    def __init__(self, fine: np.ndarray, n_steps: int) -> None:
        together = len(fine) // n_steps
        self._draws: Iterator[np.ndarray] = iter(
            fine.reshape(n_steps, together, *fine.shape[1:]).sum(axis=1) / np.sqrt(together)
        )

    def standard_normal(self, *, dtype: Any, out: np.ndarray) -> None:
        assert out.dtype == dtype
        out[...] = next(self._draws)


def ornstein_uhlenbeck(y0: np.ndarray, n_steps: int, rng: Any, t1: float = 1.0) -> SdeSolution:
    return euler_maruyama(lambda _t, y: -THETA * y, lambda _t, _y: SIGMA, y0, (0.0, t1), rng, n_steps=n_steps)


def slope(steps: list[int], errors: list[float]) -> float:
    return float(-np.polyfit(np.log(steps), np.log(errors), 1)[0])


def test_noise_that_does_not_depend_on_the_state_gives_strong_order_one() -> None:
    fine, y0 = np.random.default_rng(0).standard_normal((2**13, 1, 400)), np.ones((1, 400))
    # The stochastic integral of the exact path, by sums so fine that their error does not count.
    ages = np.linspace(1.0, 0.0, 2**13, endpoint=False)[:, None, None]
    exact = np.exp(-THETA) * y0 + SIGMA * (np.exp(-THETA * ages) * fine).sum(axis=0) / np.sqrt(2**13)
    steps = [8, 16, 32, 64]
    errors = [float(np.abs(ornstein_uhlenbeck(y0, n, Replay(fine, n)).ys[-1] - exact).mean()) for n in steps]
    assert slope(steps, errors) == pytest.approx(1.0, abs=0.1)


def test_noise_that_depends_on_the_state_gives_strong_order_one_half() -> None:
    mu, sigma = 0.5, 1.0
    fine, y0 = np.random.default_rng(1).standard_normal((1024, 1, 4000)), np.ones((1, 4000))
    # Geometric Brownian motion: y0 exp((mu - sigma^2 / 2) t + sigma W(t)).
    exact = y0 * np.exp(mu - sigma**2 / 2 + sigma * fine.sum(axis=0) / np.sqrt(len(fine)))
    steps, errors = [16, 64, 256, 1024], []
    for n in steps:
        paths = euler_maruyama(
            lambda _t, y: mu * y, lambda _t, y: sigma * y, y0, (0.0, 1.0), Replay(fine, n), n_steps=n
        )
        errors.append(float(np.abs(paths.ys[-1] - exact).mean()))
    assert slope(steps, errors) == pytest.approx(0.5, abs=0.1)


def hadamard(n: int) -> np.ndarray:
    """Return n orthogonal rows of signs that sum to 0: draws whose first two moments have no sampling error."""
    signs = np.ones((1, 1))
    while len(signs) <= n:
        signs = np.block([[signs, signs], [signs, -signs]])
    return signs[1 : n + 1]


def test_moments_are_those_of_the_scheme_and_so_of_weak_order_one() -> None:
    steps, of_mean, of_variance = [8, 16, 32, 64, 128], [], []
    for n in steps:
        draws, dt = hadamard(n), 1.0 / n
        end = ornstein_uhlenbeck(np.full((1, draws.shape[1]), 2.0), n, Replay(draws[:, None], n)).ys[-1]
        keep = 1 - THETA * dt
        assert end.mean() == pytest.approx(2.0 * keep**n, rel=1e-12)
        assert end.var() == pytest.approx(SIGMA**2 * dt * (keep ** (2 * np.arange(n))).sum(), rel=1e-12)
        of_mean.append(abs(end.mean() - 2.0 * np.exp(-THETA)))
        of_variance.append(abs(end.var() - SIGMA**2 * (1 - np.exp(-2 * THETA)) / (2 * THETA)))
    assert slope(steps[2:], of_mean[2:]) == pytest.approx(1.0, abs=0.1)
    assert slope(steps[2:], of_variance[2:]) == pytest.approx(1.0, abs=0.1)


def test_long_paths_are_distributed_as_the_stationary_density() -> None:
    end = ornstein_uhlenbeck(np.zeros((1, 4000)), 800, np.random.default_rng(2), t1=4.0).ys[-1, 0]
    assert kstest(end, norm(scale=SIGMA / np.sqrt(2 * THETA)).cdf).pvalue > 0.01


def beta(s: float) -> float:
    return 0.1 + 19.9 * s


def whole(s: float) -> float:
    """The integral of beta from 0."""
    return 0.1 * s + 19.9 * s * s / 2


def test_the_marginals_of_the_variance_preserving_process() -> None:
    x0, ts = np.array([[2.0], [-0.5]]), np.array([0.0, 0.25, 0.6, 1.0])
    paths = euler_maruyama(
        lambda s, y: -0.5 * beta(s) * y,
        lambda s, _y: np.sqrt(beta(s)),
        np.repeat(x0, 8000, axis=1),
        ts,
        np.random.default_rng(3),
        n_steps=800,
    )
    for s, ys in zip(ts[1:].tolist(), paths.ys[1:], strict=True):
        shrunk, variance = np.exp(-whole(s) / 2) * x0[:, 0], 1 - np.exp(-whole(s))
        for component, mean in zip(ys, shrunk, strict=True):
            assert kstest(component, norm(mean, np.sqrt(variance)).cdf).pvalue > 0.01


WEIGHTS, MEANS, SPREAD = np.array([0.5, 0.3, 0.2]), np.array([[-1.5, 1.0, 2.0], [0.0, 1.5, -1.0]]), 0.3


def mixture_score(s: float, y: np.ndarray) -> np.ndarray:
    """The gradient of log p_s, (2, B), of the mixture of three Gaussians that the process has made of the data."""
    shrink = np.exp(-whole(s) / 2)
    variance = shrink**2 * SPREAD**2 + 1 - shrink**2
    away = shrink * MEANS[:, :, None] - y[:, None]
    logs = np.log(WEIGHTS)[:, None] - 0.5 * (away**2).sum(axis=0) / variance
    parts = np.exp(logs - logs.max(axis=0))
    return (parts / parts.sum(axis=0) * away).sum(axis=1) / variance


def draw_mixture(rng: np.random.Generator, s: float, n: int) -> np.ndarray:
    shrink = np.exp(-whole(s) / 2)
    data = MEANS[:, rng.choice(3, n, p=WEIGHTS)] + SPREAD * rng.standard_normal((2, n))
    return shrink * data + np.sqrt(1 - shrink**2) * rng.standard_normal((2, n))


def test_reverse_sde_and_probability_flow_give_the_marginals_of_the_forward_process() -> None:
    # t = 1 - s runs from noise to data.
    n, ts = 10_000, (0.0, 0.7, 1.0)
    start = draw_mixture(np.random.default_rng(4), 1.0, n)

    def reverse_drift(t: float, y: np.ndarray) -> np.ndarray:
        return beta(1 - t) * (0.5 * y + mixture_score(1 - t, y))

    def flow(t: float, y: np.ndarray) -> np.ndarray:
        return 0.5 * beta(1 - t) * (y + mixture_score(1 - t, y))

    stochastic = euler_maruyama(
        reverse_drift, lambda t, _y: np.sqrt(beta(1 - t)), start, ts, np.random.default_rng(5), n_steps=1000
    )
    smooth = solve(flow, start, ts, rtol=1e-5, atol=1e-5)
    assert stochastic.ok
    assert smooth.ok
    for place, t in enumerate(ts[1:], start=1):
        fresh = draw_mixture(np.random.default_rng(6), 1 - t, 20_000)
        for angle in (0.0, 0.8, 1.6):  # one-dimensional views of the plane
            view = np.array([np.cos(angle), np.sin(angle)])
            one, other, want = (view @ points for points in (stochastic.ys[place], smooth.ys[place], fresh))
            assert ks_2samp(one, other).pvalue > 0.01
            assert ks_2samp(one, want).pvalue > 0.01
            assert ks_2samp(other, want).pvalue > 0.01


def test_every_report_is_the_end_of_a_step_and_no_step_is_longer_than_asked() -> None:
    times: list[float] = []

    def drift(t: float, y: np.ndarray) -> np.ndarray:
        times.append(t)
        return np.ones_like(y)

    ts = np.array([0.0, 0.1, 0.1, 0.75, 1.0])
    paths = euler_maruyama(drift, lambda _t, _y: 0.0, [1.0], ts, np.random.default_rng(0), n_steps=10)
    np.testing.assert_allclose(paths.ys[:, 0], 1.0 + ts, rtol=1e-14)
    assert paths.n_steps == 1 + 7 + 3
    starts = np.array([*times[1:], 1.0])  # the first call checks the shape
    assert np.diff(starts).max() <= 0.1 + 1e-12
    back = euler_maruyama(drift, lambda _t, _y: 0.0, [2.0], ts[::-1], np.random.default_rng(0), n_steps=10)
    np.testing.assert_allclose(back.ys[:, 0], 1.0 + ts[::-1], rtol=1e-14)


def test_a_seed_gives_one_path_and_the_dtype_stays() -> None:
    y0 = np.ones((2, 5), np.float32)
    one, same, other = (ornstein_uhlenbeck(y0, 10, np.random.default_rng(seed)).ys for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, same)
    assert np.abs(one[-1] - other[-1]).min() > 0
    assert one.dtype == np.float32
    np.testing.assert_array_equal(y0, 1.0)
    # Noise differs by component, by path and by step.
    assert np.unique(one[-1]).size == one[-1].size


def test_noise_may_differ_by_component() -> None:
    scales = np.array([[0.0], [2.0]])
    ends = euler_maruyama(
        lambda _t, y: 0 * y, lambda _t, _y: scales, np.zeros((2, 4000)), (0, 1), np.random.default_rng(7), n_steps=5
    ).ys[-1]
    np.testing.assert_array_equal(ends[0], 0.0)
    assert kstest(ends[1], norm(scale=2.0).cdf).pvalue > 0.01


def test_paths_that_run_away_end_the_solve_with_a_sentence() -> None:
    paths = euler_maruyama(
        lambda _t, y: y**3,
        lambda _t, _y: 0.0,
        [[0.1, 5.0]],
        np.linspace(0, 1, 11),
        np.random.default_rng(0),
        n_steps=50,
    )
    assert paths.status == Status.NONFINITE
    assert not paths.ok
    assert 1 <= len(paths.ts) == len(paths.ys) < 11
    assert np.isfinite(paths.ys).all()
    assert re.match(r"component 0 of column 1 is not finite after the step from t=0\.\d+ with dt=0\.02", paths.message)
    single = euler_maruyama(
        lambda _t, y: y**3, lambda _t, _y: 0.0, [50.0], (0, 1), np.random.default_rng(0), n_steps=50
    )
    assert single.message.startswith("component 0 is not finite")


def test_long_walks_pause_now_and_then() -> None:
    run = euler_maruyama_steps(
        lambda _t, y: -y, lambda _t, _y: 1.0, np.zeros((2, 2000)), (0, 1), np.random.default_rng(0), n_steps=400
    )
    assert sum(1 for _ in run) >= 2


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"n_steps": 0}, "n_steps=0: must be at least 1"),
    ({"n_steps": 10**7}, "n_steps=10000000: more than"),
    ({"ts": (1.0, 1.0)}, "ts: t1 equals t0=1.0"),
    ({"y0": [np.nan]}, "y0[0]=nan: not finite"),
    ({"drift": lambda _t, _y: np.ones(3)}, "vector_field returned shape (3,)"),
    ({"diffusion": lambda _t, _y: np.ones(3)}, "diffusion returned shape (3,); it must return a number, or broadcast"),
    ({"diffusion": lambda _t, _y: np.ones((2, 1))}, "diffusion returned shape (2, 1)"),
]


@pytest.mark.parametrize(("change", "sentence"), WRONG, ids=[sentence[:25] for _, sentence in WRONG])
def test_a_wrong_argument_is_named_at_once(change: dict[str, Any], sentence: str) -> None:
    arguments: dict[str, Any] = {
        "drift": lambda _t, y: y, "diffusion": lambda _t, _y: 1.0, "y0": [1.0], "ts": (0, 1), "n_steps": 5,
    }  # fmt: skip
    with pytest.raises(ValueError, match=re.escape(sentence)):
        euler_maruyama_steps(**{**arguments, **change}, rng=np.random.default_rng(0))
