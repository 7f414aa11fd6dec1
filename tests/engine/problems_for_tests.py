"""Problems with known answers that several test files share."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.engine.arrays import FloatArray

ARENSTORF_START = (0.994, 0.0, 0.0, -2.00158510637908252240537862224)
ARENSTORF_PERIOD = 17.0652165601579625588917206249
ROBERTSON_AT_40 = (0.7158270687194, 9.18553476456e-6, 0.2841637457458)


def spiral(_t: Any, y: FloatArray) -> FloatArray:
    return np.stack([-0.1 * y[0] - y[1], y[0] - 0.1 * y[1]])


def spiral_exact(t: Any, start: tuple[float, float] = (2.0, 0.0)) -> FloatArray:
    """Return the state at t, (2,) or (T, 2)."""
    x, y = start
    decay, cos, sin = np.exp(-0.1 * np.asarray(t)), np.cos(t), np.sin(t)
    return np.stack([decay * (x * cos - y * sin), decay * (x * sin + y * cos)], axis=-1)


def pendulum(_t: Any, y: FloatArray) -> FloatArray:
    return np.stack([y[1], -np.sin(y[0])])


def van_der_pol(mu: float) -> Callable[[Any, FloatArray], FloatArray]:
    return lambda _t, y: np.stack([y[1], mu * (1 - y[0] * y[0]) * y[1] - y[0]])


def robertson(_t: Any, y: FloatArray) -> FloatArray:
    slow, fast, fastest = 0.04 * y[0], 1e4 * y[1] * y[2], 3e7 * y[1] * y[1]
    return np.stack([fast - slow, slow - fast - fastest, fastest])


def arenstorf(_t: Any, y: FloatArray) -> FloatArray:
    mu = 0.012277471
    rest = 1 - mu
    x, z, vx, vz = y
    d1, d2 = ((x + mu) ** 2 + z**2) ** 1.5, ((x - rest) ** 2 + z**2) ** 1.5
    ax = x + 2 * vz - rest * (x + mu) / d1 - mu * (x - rest) / d2
    az = z - 2 * vx - rest * z / d1 - mu * z / d2
    return np.array([vx, vz, ax, az])


class Counted:
    """A field that counts its calls."""

    def __init__(self, field: Callable[[Any, FloatArray], FloatArray]) -> None:
        self.field, self.calls = field, 0

    def __call__(self, t: Any, y: FloatArray) -> FloatArray:
        self.calls += 1
        return self.field(t, y)
