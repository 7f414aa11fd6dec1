"""Explicit Runge-Kutta steps on a tape: steps that can be pulled back, both directions read off the tableau."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.tableau import ButcherTableau, Row
    from nodeviz.engine.trainable import TrainableField


class StageWeights:
    """The weights of all stage sums of a step of size dt, and of their transposes, in one vector.

    A last stage that only the next step would use (FSAL) is left out: it changes neither y_new nor a gradient.

    Attributes
    ----------
    forward : for stages 2 .. S, then y_new, the weights of k_s .. k_1, y
    transposed : for stage s = 1 .. S, the weights that the cotangents of y_new, Y_S .. Y_(s+1) have in that of k_s
    by_slot : (S,) dt b_s in the order of the slots
    """

    def __init__(self, tableau: ButcherTableau, dtype: npt.DTypeLike) -> None:
        n = tableau.evaluations_per_step
        a, b = tableau.a, tableau.b
        sums: list[Row] = [*a[1:n], b[:n]]
        rows = [[*reversed(row), 1.0] for row in sums]
        rows += [[b[s], *(a[i][s] for i in range(n - 1, s, -1))] for s in range(n)]
        unit = np.array([weight for row in rows for weight in row], dtype)
        ones = np.zeros_like(unit)
        ends = np.cumsum([len(row) for row in rows]).tolist()
        ones[[end - 1 for end in ends[:n]]] = 1.0
        self._unit, self._ones = unit - ones, ones
        self._weights, self.dt = np.empty_like(unit), 0.0
        views = np.split(self._weights, ends[:-1])
        self.forward, self.transposed = views[:n], views[n:]
        self.by_slot = self.forward[-1][:-1]

    def scale(self, dt: float) -> None:
        """Set the size of the step."""
        if dt != self.dt:
            np.multiply(self._unit, dt, self._weights)
            np.add(self._weights, self._ones, self._weights)
            self.dt = dt


class TapedSteps:
    """Up to ``count`` steps in a row, forwards and then backwards.

    The stages of a step lie in an (S + 1, n) buffer in the order k_S .. k_1, y, as in ``ExplicitStepper``; their
    arguments are summed right where the tape wants them, stage s in slot S - s. The cotangents of y_new and of the
    arguments Y_S .. Y_1 lie likewise in one buffer, so that each transposed sum is a single product too.
    """

    def __init__(self, tableau: ButcherTableau, field: TrainableField, batch: int, count: int = 1) -> None:
        n = tableau.evaluations_per_step
        first = field.tape(batch, n)
        self.tapes = [first, *(field.tape(batch, n, first) for _ in range(count - 1))]
        self.shape, self.dtype = first.inputs.shape[1:], first.inputs.dtype
        size = first.inputs[0].size
        self.weights = StageWeights(tableau, self.dtype)
        self._c, self._timed = tableau.c[:n], field.timed
        self._stages = np.zeros((count + 1, n + 1, size), self.dtype)
        self._cotangents = np.zeros((n + 1, size), self.dtype)
        self.n_stages = n
        self.cotangent: FloatArray = self._cotangents[0]
        self.states: Sequence[FloatArray] = tuple(self._stages[:, -1])
        self._forwards = [self._bind_forward(j) for j in range(count)]
        self._backwards = [self._bind_backward(j) for j in range(count)]
        self._sum, self._ones = np.empty(size, self.dtype), np.ones(n, self.dtype)

    def _bind_forward(self, j: int) -> tuple[Any, ...]:
        tape, rows, n = self.tapes[j], self._stages[j], self.n_stages
        later = [
            (
                c,
                weights,
                rows[n - s :],
                tape.inputs[n - 1 - s].reshape(-1),
                n - 1 - s,
                rows[n - 1 - s].reshape(self.shape),
            )
            for s, (c, weights) in enumerate(zip(self._c[1:], self.weights.forward[:-1], strict=True), start=1)
        ]
        first = rows[n].reshape(self.shape), rows[n - 1].reshape(self.shape)
        return tape.evaluate, *first, later, rows, self._stages[j + 1, -1]

    def _bind_backward(self, j: int) -> tuple[Any, ...]:
        tape, rows, n = self.tapes[j], self._cotangents, self.n_stages
        stages = [
            (weights, rows[: n - s], tape.cotangents[n - 1 - s].reshape(-1), n - 1 - s, rows[n - s].reshape(self.shape))
            for s, weights in reversed(list(enumerate(self.weights.transposed)))
        ]
        return tape, stages, tape.cotangents.reshape(-1), self._stages[j, :n].reshape(-1)

    def forward(self, j: int, t: float, dt: float, dot: Any = np.dot) -> None:
        """Take step j, from states[j] at t to states[j + 1]."""
        self.weights.scale(dt)
        evaluate, y, k1, stages, rows, y_new = self._forwards[j]
        evaluate(self.n_stages - 1, t, y, k1)
        for c, weights, used, argument, slot, k in stages:
            dot(weights, used, argument)
            evaluate(slot, t + c * dt, None, k)
        dot(self.weights.forward[-1], rows, y_new)

    def advance(self, t: float, dt: float) -> None:
        """Take a step and make its end states[0] again; nothing is kept for going back."""
        self.forward(0, t, dt)
        self.states[0][:] = self.states[1]

    def pull(self, j: int, dt: float, grad: FloatArray, dot: Any = np.dot) -> tuple[float, float]:
        """Turn ``cotangent``, of the state after step j, into that of the state before it.

        Adds to ``grad`` and returns the derivatives by the times where the step begins and ends.
        """
        self.weights.scale(dt)
        tape, stages, k_cotangents, k = self._backwards[j]
        pull = tape.pull
        for weights, used, k_cotangent, slot, cotangent in stages:
            dot(weights, used, k_cotangent)
            pull(slot, None, cotangent)
        dot(self._ones, self._cotangents[1:], self._sum)
        np.add(self.cotangent, self._sum, self.cotangent)
        tape.add_gradient(grad)
        # y_new and all arguments are y plus dt times sums of k: <cotangent of k, k> / dt is what dt does through them.
        by_dt, by_t = float(dot(k_cotangents, k)) / dt, 0.0
        if self._timed:
            for s, c in enumerate(self._c):
                rate = tape.pull_time(self.n_stages - 1 - s)
                by_t += rate
                by_dt += c * rate
        return by_t - by_dt, by_dt
