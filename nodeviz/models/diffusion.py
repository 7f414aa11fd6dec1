"""The variance-preserving diffusion: how much of a point is left and how much noise there is, at each of its times.

Its own time s runs from 0 (data) to 1 (noise); a flow's time is t = 1 - s. With B(s) the integral of beta from 0 to s,
what was x at s = 0 is N(alpha x, sigma^2) at s, alpha = exp(-B/2), sigma^2 = 1 - exp(-B).

References
----------
Song et al. 2021, arXiv:2011.13456, appendix B, with its beta from 0.1 to 20.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

BETA_0, BETA_1 = 0.1, 20.0
LEAST_TIME = 1e-3
"""Below it sigma, which everything is divided by, is held: it is 0.01 there, finer than anything a flow draws."""


def beta(s: Any) -> Any:
    """Return the rate of the diffusion at its time s, float or array."""
    return BETA_0 + (BETA_1 - BETA_0) * s


def alpha(s: Any) -> Any:
    """Return the factor of the data at time s."""
    return np.exp(-0.5 * _integral(s))


def sigma(s: Any) -> Any:
    """Return the standard deviation of the noise at time s."""
    return np.sqrt(-np.expm1(-_integral(s)))


def _integral(s: Any) -> Any:
    return s * (BETA_0 + 0.5 * (BETA_1 - BETA_0) * s)


def velocity_factor(t: Any) -> Any:
    """Return b(t) with velocity = b(t) net(t, y) at a flow's time t, float or (B,).

    The net estimates the mean of alpha noise - sigma x given y = alpha x + sigma noise (v-prediction), so that the
    score is -y - (alpha / sigma) net, and the probability flow (beta / 2) (y + score) has no term in y: where all is
    noise, it stands still whatever the net says.

    References
    ----------
    Salimans, Ho 2022, arXiv:2202.00512, for v; Song et al. 2021, equation 13, for the probability flow.
    """
    s = np.maximum(1.0 - t, LEAST_TIME)
    return -0.5 * beta(s) * alpha(s) / sigma(s)


def score(t: Any, y: FloatArray, velocity: FloatArray) -> FloatArray:
    """Return the gradient of log p_t at y, (2, B), where the probability flow has that velocity."""
    result: FloatArray = 2.0 * velocity / beta(np.maximum(1.0 - t, LEAST_TIME)) - y
    return result


def reverse_drift(t: Any, y: FloatArray, velocity: FloatArray) -> FloatArray:
    """Return the drift of the reverse SDE at y, (2, B): (beta / 2) y + beta score, in a flow's time.

    Its noise is sqrt(beta(1 - t)) dW. Where the score is the true one, its marginals are those of the probability flow.

    References
    ----------
    Anderson, Stochastic Processes and their Applications 12 (1982) 313; Song et al. 2021, equation 6.
    """
    result: FloatArray = 2.0 * velocity - 0.5 * beta(np.maximum(1.0 - t, LEAST_TIME)) * y
    return result


def reverse_noise(t: float) -> float:
    """Return the factor of dW in the reverse SDE at a flow's time t."""
    return float(np.sqrt(beta(np.maximum(1.0 - t, LEAST_TIME))))
