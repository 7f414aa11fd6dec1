"""Reading nodes of a grid at times between them: cubics, and how cotangents at those times go back to the nodes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.unrolled import UnrolledSteps
    from nodeviz.models.latent_spec import LatentSpec


def cubic_weights(x: FloatArray, dt: float) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Return what y0, y1, f0 and f1 weigh at y(x dt), 0 <= x <= 1, in the cubic with these ends and slopes."""
    square = x * x
    later = square * (3.0 - 2.0 * x)
    bend = square * (x - 1.0)
    return 1.0 - later, later, dt * (bend - square + x), dt * bend


class Readout(ABC):
    """The latent states of N columns at M times each, from the nodes of unrolled steps, ready for the decoder.

    Parameters
    ----------
    nodes : whose states and slopes are read
    spec : of the latent ODE, whose grid they are on
    shape : (L, N)
    points : M

    Attributes
    ----------
    n_steps : how many steps the times loaded need
    """

    _groups: int  # of columns that share their times

    def __init__(self, nodes: UnrolledSteps, spec: LatentSpec, shape: tuple[int, int], points: int) -> None:
        self._nodes, self._spec, self._shape, self._points = nodes, spec, shape, points
        # For the most nodes; what the times loaded need of it lies in front.
        self._memory = np.empty(self._groups * points * 2 * len(nodes.states), nodes.states.dtype)
        self.n_steps = 0

    def load(self, times: FloatArray) -> None:
        """Take the times, (M,) or (M, N), from 0 on."""
        places = times * self._spec.steps
        self.n_steps = max(1, int(np.ceil(places.max(initial=0.0))))
        index = np.minimum(places.astype(np.intp), self.n_steps - 1)
        nodes, groups = self.n_steps + 1, self._groups
        weights = self._memory[: groups * self._points * 2 * nodes]
        weights.fill(0.0)
        # Group after group and time after time, those of all states before those of all slopes.
        row = np.arange(self._points).reshape(-1, *[1] * (times.ndim - 1))
        first = index + (row + np.arange(groups) * self._points if times.ndim > 1 else row) * (2 * nodes)
        of_states = cubic_weights(places - index, self._spec.dt)
        for offset, values in zip((0, 1, nodes, nodes + 1), of_states, strict=True):
            weights[first + offset] = values
        self._weights = weights.reshape(groups, self._points, 2 * nodes)

    def _parts(self, *parts: FloatArray) -> list[FloatArray]:
        """Return the nodes in use, (K + 1, L, N) each."""
        return [part[: self.n_steps + 1].reshape(-1, *self._shape) for part in parts]

    @abstractmethod
    def read(self, out: FloatArray) -> None:
        """Write the latent states into ``out``, (L, M N); see `arrange` for the order of its columns."""

    @abstractmethod
    def pull(self, cotangent: FloatArray) -> None:
        """Write the cotangents of the nodes, given those of what `read` wrote, (L, M N)."""

    @abstractmethod
    def arrange(self, values: FloatArray) -> FloatArray:
        """Return values (M, C, N) as (C, M N), in the order of the columns that `read` writes."""

    @abstractmethod
    def restore(self, values: FloatArray) -> FloatArray:
        """Return values (C, M N) in that order as (M, C, N)."""


class SharedTimes(Readout):
    """The same times (M,) for all columns."""

    _groups = 1

    def __init__(self, nodes: UnrolledSteps, spec: LatentSpec, shape: tuple[int, int], points: int) -> None:
        super().__init__(nodes, spec, shape, points)
        self._other = np.empty((shape[0], points, shape[1]), nodes.states.dtype)

    def read(self, out: FloatArray) -> None:
        """See `Readout`."""
        found = out.reshape(self._other.shape)
        parts = self._parts(self._nodes.states, self._nodes.slopes)
        for weights, part, target in zip(self._halves(), parts, (found, self._other), strict=True):
            np.matmul(weights, part.transpose(1, 0, 2), target)
        np.add(found, self._other, found)

    def pull(self, cotangent: FloatArray) -> None:
        """See `Readout`."""
        given = cotangent.reshape(self._other.shape)
        parts = self._parts(self._nodes.by_state, self._nodes.by_slope)
        for weights, part in zip(self._halves(), parts, strict=True):
            np.matmul(weights.T, given, part.transpose(1, 0, 2))

    def _halves(self) -> list[FloatArray]:
        """Return the weights of states and of slopes, (M, K + 1) each."""
        return np.split(self._weights[0], 2, axis=1)

    def arrange(self, values: FloatArray) -> FloatArray:
        """See `Readout`."""
        return values.transpose(1, 0, 2).reshape(values.shape[1], -1)

    def restore(self, values: FloatArray) -> FloatArray:
        """See `Readout`."""
        return values.reshape(-1, self._points, self._shape[1]).transpose(1, 0, 2)


class OwnTimes(Readout):
    """Times (M, N), those of each column its own."""

    def __init__(self, nodes: UnrolledSteps, spec: LatentSpec, shape: tuple[int, int], points: int) -> None:
        self._groups = shape[1]
        super().__init__(nodes, spec, shape, points)
        self._apart = np.empty(shape[1] * 2 * len(nodes.states) * shape[0], self._memory.dtype)

    def _columns(self) -> FloatArray:
        """Return room for the nodes in use with the columns in front, (N, 2, K + 1, L)."""
        latent, columns = self._shape
        shape = columns, 2, self.n_steps + 1, latent
        return self._apart[: columns * 2 * shape[2] * latent].reshape(shape)

    def read(self, out: FloatArray) -> None:
        """See `Readout`."""
        nodes = self._columns()
        for i, part in enumerate(self._parts(self._nodes.states, self._nodes.slopes)):
            nodes[:, i] = part.transpose(2, 0, 1)
        latent, columns = self._shape
        found = out.reshape(latent, columns, self._points).transpose(1, 0, 2)
        np.matmul(nodes.reshape(columns, -1, latent).transpose(0, 2, 1), self._weights.transpose(0, 2, 1), found)

    def pull(self, cotangent: FloatArray) -> None:
        """See `Readout`."""
        latent, columns = self._shape
        nodes, given = self._columns(), cotangent.reshape(latent, columns, self._points).transpose(1, 2, 0)
        np.matmul(self._weights.transpose(0, 2, 1), given, nodes.reshape(columns, -1, latent))
        for i, part in enumerate(self._parts(self._nodes.by_state, self._nodes.by_slope)):
            part[...] = nodes[:, i].transpose(1, 2, 0)

    def arrange(self, values: FloatArray) -> FloatArray:
        """See `Readout`."""
        return values.transpose(1, 2, 0).reshape(values.shape[1], -1)

    def restore(self, values: FloatArray) -> FloatArray:
        """See `Readout`."""
        return values.reshape(-1, self._shape[1], self._points).transpose(2, 0, 1)
