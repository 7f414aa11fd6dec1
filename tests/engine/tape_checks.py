"""The pull-backs of a tape against central differences of its evaluations."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest

from nodeviz.engine.gradcheck import central_differences
from nodeviz.engine.mlp import MLP

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.engine.trainable import Tape

T = 0.4


def agree(found: np.ndarray, expected: np.ndarray) -> bool:
    """Whether two gradients agree to 1e-8 of the largest entry; a gradient may be zero but for rounding."""
    return bool(np.abs(found - expected).max() <= 1e-8 * np.abs(expected).max() + 1e-11)


def check_tape(make: Callable[[MLP], Tape], net: MLP, rows: int, out_rows: int, seed: int, batch: int) -> None:
    """Check what a tape of two slots gives against differences of its evaluations: by y, t and parameters."""
    rng = np.random.default_rng(seed)
    ys, cotangents = rng.standard_normal((2, rows, batch)), rng.standard_normal((2, out_rows, batch))
    weights = np.array([0.7, -1.3])

    def value(net: MLP, slot: int, t: float, y: np.ndarray) -> float:
        out = np.empty((out_rows, batch))
        make(net).evaluate(slot, t, y, out)
        return float((cotangents[slot] * out).sum())

    tape, out, pulled = make(net), np.empty((out_rows, batch)), np.empty((rows, batch))
    for slot in (0, 1):
        tape.evaluate(slot, T, ys[slot], out)
    for slot in (0, 1):
        tape.pull(slot, cotangents[slot], pulled)
        assert agree(pulled, central_differences(lambda y, slot=slot: value(net, slot, T, y), ys[slot]))
        by_t = central_differences(lambda t, slot=slot: value(net, slot, float(t), ys[slot]), T)
        assert tape.pull_time(slot) == pytest.approx(float(by_t), rel=1e-8, abs=1e-8)

    def total(parameters: np.ndarray) -> float:
        other = MLP(net.widths, net.activation, timed=net.timed, dtype=float, parameters=parameters)
        return sum(float(weights[slot]) * value(other, slot, T, ys[slot]) for slot in (0, 1))

    grad = np.zeros(net.n_parameters)
    tape.add_gradient(grad, weights)
    assert agree(grad, central_differences(total, net.parameters))
    once = grad.copy()
    tape.add_gradient(grad, weights)
    np.testing.assert_allclose(grad, 2 * once, rtol=1e-12, atol=1e-12)


def states(seed: int, rows: int, batch: int) -> np.ndarray:
    """The states that check_tape draws."""
    return np.concatenate(np.random.default_rng(seed).standard_normal((2, rows, batch)), axis=1)
