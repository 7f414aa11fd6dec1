"""Where the training of a latent ODE begins: as a bank of oscillators and a trend, which a decoder adds up.

Sums of oscillations and trends are solutions of a linear equation; a network finds one slowly. Begun as one, it has a
mean squared error of 1e-3 of such functions after a minute, where random weights are at 0.27.
"""

from __future__ import annotations

from math import pi, sqrt
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.mlp import MLP
    from nodeviz.models.latent_spec import LatentSpec

GAIN = 0.05  # of the first layers: little enough for tanh to be nearly linear
CYCLES = (0.6, 3.2)  # per unit of s, of the slowest and the fastest oscillator
AMPLITUDE = 0.6  # that the decoder gives an oscillator
AT_REST = 10  # from so many latent dimensions on two of them begin at rest, free for what else there is


def oscillators(spec: LatentSpec) -> tuple[FloatArray, FloatArray]:
    """Return a linear field and a linear decoder of it.

    Returns
    -------
    field : (L, L) of dz/ds = field z: pairs that rotate, a pair whose first grows by its second, the others at rest
    decoder : (C, L): of each channel the sum of all oscillators and the trend, the channels apart in phase
    """
    latent, channels = spec.latent, spec.channels
    pairs = max(0, (latent - 2) // 2 - (latent >= AT_REST))
    field, decoder = np.zeros((latent, latent)), np.zeros((channels, latent))
    phases = pi * np.arange(channels) / channels
    for j, cycles in enumerate(np.linspace(*CYCLES, pairs)):
        a, b = 2 * j, 2 * j + 1
        field[a, b], field[b, a] = -2.0 * pi * cycles, 2.0 * pi * cycles
        decoder[:, a], decoder[:, b] = AMPLITUDE * np.cos(phases), AMPLITUDE * np.sin(phases)
    trend = min(2 * pairs, latent - 1)
    decoder[:, trend] = 1.0
    if trend + 1 < latent:
        field[trend, trend + 1] = 1.0
    return field, decoder


def start_linear(net: MLP, matrix: FloatArray, rng: np.random.Generator) -> None:
    """Give a network with tanh, which may have no hidden layer, random weights with which it is about a linear map.

    The last layer, (D_out, width), is what makes of what the layers before do to small inputs the map ``matrix``.
    """
    before = np.eye(net.widths[0])
    for i, layer in enumerate(net.layers[:-1]):
        gain = GAIN if i == 0 else 1.0
        layer.weight[:] = gain * rng.standard_normal(layer.weight.shape) / sqrt(layer.weight.shape[1])
        layer.bias[:] = 0.0
        before = layer.weight.astype(np.float64) @ before
    net.layers[-1].weight[:] = matrix @ np.linalg.pinv(before)
    net.layers[-1].bias[:] = 0.0
