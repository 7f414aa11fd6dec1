"""Nets and states that several test files share."""

from __future__ import annotations

from typing import Any

import numpy as np

from nodeviz.engine.mlp import MLP

SMOOTH = ("tanh", "softplus", "sigmoid")


def make_net(widths: Any, activation: str = "tanh", *, timed: bool = True, seed: int = 0, dtype: Any = float) -> MLP:
    """A net whose biases are not zero."""
    rng = np.random.default_rng(seed)
    net = MLP.init(rng, widths, activation, timed=timed, dtype=dtype)
    net.parameters += (0.3 * rng.standard_normal(net.n_parameters)).astype(dtype)
    return net


def kinks_are_far(net: MLP, t: float, y: np.ndarray) -> bool:
    """Whether no difference of small steps moves a ReLU over its kink at any of these states, (D, B)."""
    if net.activation != "relu":
        return True
    h = np.concatenate([y, np.full((1, y.shape[1]), t)]) if net.timed else y
    for layer in net.layers[:-1]:
        z = layer.weight @ h + layer.bias[:, None]
        if np.abs(z).min() < 0.03:
            return False
        h = np.maximum(z, 0)
    return True
