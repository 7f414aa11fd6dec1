"""Curves of a latent ODE and how they change with z0: values and Jacobians at the times of each series."""

from __future__ import annotations

from itertools import pairwise
from math import ceil, floor
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nodeviz.engine.tangents import TangentTape
from nodeviz.models.latent_readout import cubic_weights

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.models.latent import LatentODE

WORK = 40_000_000  # products between two yields, a few milliseconds


class Linear(NamedTuple):
    """N curves at M times each, and what they do about z0: values (N, M, C), jacobian (N, M, C, L)."""

    values: FloatArray
    jacobian: FloatArray


class Tangents:
    """Solves N latent states with their L tangents each, by the same steps as `LatentODE.latent_path`.

    Parameters
    ----------
    model : a latent ODE
    times : (M, N) model times, of each series its own
    """

    def __init__(self, model: LatentODE, times: FloatArray) -> None:
        self._model, spec = model, model.spec
        self._shape = (spec.latent, 1 + spec.latent, times.shape[1])
        self._tape = TangentTape(model.dynamics, times.shape[1], 1, spec.latent)
        products = 4 * sum(a * b for a, b in pairwise(spec.dynamics_widths)) * (1 + spec.latent) * times.shape[1]
        self._piece = max(1, WORK // products)  # RK4 steps
        places = times * spec.steps
        self._low, self._high = floor(places.min(initial=0.0)), ceil(places.max(initial=0.0))
        last = max(0, self._high - self._low - 1)
        index: IntArray = np.clip(np.floor(places).astype(np.intp) - self._low, 0, last)
        self._weights = self._weigh(index, places - (index + self._low))

    def _weigh(self, index: IntArray, x: FloatArray) -> FloatArray:
        """Return what each node's state and slope weigh at each time, (N, M, 2 G)."""
        nodes = self._high - self._low + 1
        points, columns = index.shape
        weights = np.zeros((columns, points, 2, nodes + 1), self._model.dtype)
        row, column = np.arange(points)[:, None], np.arange(columns)
        y0, y1, f0, f1 = cubic_weights(x, self._model.spec.dt)
        for part, now, later in ((0, y0, y1), (1, f0, f1)):
            weights[column, row, part, index] = now
            weights[column, row, part, index + 1] += later  # with a single node, nothing
        return weights[..., :nodes].reshape(columns, points, 2 * nodes)

    def linear_steps(self, z0: FloatArray) -> Generator[None, None, Linear]:
        """Return the curves of z0, (L, N), and their Jacobians. The generator yields every few steps."""
        nodes = yield from self._nodes(z0)
        with np.errstate(all="ignore"):
            return self._read(nodes)

    def _read(self, nodes: FloatArray) -> Linear:
        """Return the curves from what `_nodes` returns."""
        latent, _, columns = self._shape
        # (2, G, L, 1 + L, N) -> (N, 2 G, L (1 + L))
        flat = np.ascontiguousarray(nodes.transpose(4, 0, 1, 2, 3)).reshape(columns, -1, latent * (1 + latent))
        found = (self._weights @ flat).reshape(columns, -1, latent, 1 + latent)
        states = np.ascontiguousarray(found[..., 0].transpose(2, 0, 1)).reshape(latent, -1)
        decoder, points = self._model.decoder, found.shape[1]
        values = decoder(0.0, states).T.reshape(columns, points, -1)
        by_state = decoder.jacobian(0.0, states).transpose(2, 0, 1).reshape(columns, points, -1, latent)
        return Linear(values, by_state @ found[..., 1:])

    def _nodes(self, z0: FloatArray) -> Generator[None, None, FloatArray]:
        """Return states and the network's slopes with their tangents at the nodes, (2, G, L, 1 + L, N)."""
        latent, width, columns = self._shape
        dtype, low, high = self._model.dtype, self._low, self._high
        nodes = np.empty((2, high - low + 1, *self._shape), dtype)
        start = nodes[0, -low]
        start[:, 0], start[:, 1:] = z0, np.eye(latent, dtype=dtype)[:, :, None]
        states, slopes = nodes.reshape(2, -1, latent, width * columns)
        dt = self._model.spec.dt
        for step, path in ((dt, range(-low, high - low)), (-dt, range(-low, 0, -1))):
            for done, i in enumerate(path, start=1):
                self._step(states[i], slopes[i], step, states[i + (1 if step > 0 else -1)])
                if done % self._piece == 0:
                    yield
            self._tape.evaluate(0, 0.0, states[path.stop], slopes[path.stop])
        return nodes

    def _step(self, y: FloatArray, k1: FloatArray, dt: float, out: FloatArray) -> None:
        """Write the state one step of classic RK4 after y, all (L, (1 + L) N), and the slope there into ``k1``."""
        evaluate = self._tape.evaluate
        k2, k3, k4 = np.empty((3, *y.shape), y.dtype)
        with np.errstate(all="ignore"):
            evaluate(0, 0.0, y, k1)
            evaluate(0, 0.0, y + dt / 2 * k1, k2)
            evaluate(0, 0.0, y + dt / 2 * k2, k3)
            evaluate(0, 0.0, y + dt * k3, k4)
            out[...] = y + dt / 6 * (k1 + 2 * (k2 + k3) + k4)
