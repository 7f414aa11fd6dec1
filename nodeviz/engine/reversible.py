"""Gradients through steps that can be undone: exact, and nothing is stored."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.gradient_mode import GradientMode

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

COUPLING = 0.99
"""lambda: how strongly z draws y to itself. Rounding grows by 1 / lambda per step on the way back."""


class Reversible(GradientMode):
    """Two copies y and z of the state, each stepped by the method's increment at the other, so that both can go back.

        y_new = lambda y + (1 - lambda) z + increment(t, dt, z)
        z_new = z - increment(t + dt, -dt, y_new)

    The order is the method's; a step costs two of its steps. Where the field contracts faster than (1 - lambda) / dt,
    the difference of y and z grows instead of decaying: for problems that are not stiff.

    References
    ----------
    McCallum, Foster 2024, arXiv:2410.11648: Efficient, Accurate and Stable Gradients for Neural ODEs.
    """

    def _solve(self, y0: FloatArray) -> None:
        nodes = self._nodes
        y, z = y0.copy(), y0.copy()
        self._report(0, y)
        for i, (t, dt) in enumerate(zip(nodes.starts, nodes.dts, strict=True)):
            y = COUPLING * (y - z) + self._stepped(z, t, dt)
            z = z + y - self._stepped(y, t + dt, -dt)
            self._report(i + 1, y)
        self._y, self._z = y, z
        self.nfe = 2 * len(nodes.dts) * self.steps.n_stages

    def _stepped(self, y: FloatArray, t: float, dt: float) -> FloatArray:
        """Return y + increment(t, dt, y), in memory that the next step writes again."""
        self.steps.states[0][:] = y
        self.steps.forward(0, t, dt)
        return self.steps.states[1]

    def _pull(self, grad: FloatArray) -> FloatArray:
        nodes, y, z = self._nodes, self._y, self._z
        by_y, by_z = np.zeros_like(y), np.zeros_like(z)
        for i in range(len(nodes.dts) - 1, -1, -1):
            t, dt = nodes.starts[i], nodes.dts[i]
            entering = self._receive(i + 1)
            if entering is not None:
                by_y = by_y + entering
            z = z - y + self._stepped(y, t + dt, -dt)
            by_y = by_y + by_z + self._pulled(-by_z, i + 1, i, grad)
            y = z + (y - self._stepped(z, t, dt)) / COUPLING
            by_z = by_z - COUPLING * by_y + self._pulled(by_y, i, i + 1, grad)
            by_y = COUPLING * by_y
        self.rebuilt = y
        self.nfe_backward = self.nfe
        entering = self._receive(0)
        found: FloatArray = by_y + by_z
        return found if entering is None else found + entering

    def _pulled(self, cotangent: FloatArray, start: int, end: int, grad: FloatArray) -> FloatArray:
        """Return the cotangent pulled back through the step just taken, from node ``start`` to node ``end``."""
        self.steps.cotangent[:] = cotangent
        dt = float(self._nodes.times[end] - self._nodes.times[start])
        by_start, by_end = self.steps.pull(0, dt, grad)
        self._by_node[start] += by_start
        self._by_node[end] += by_end
        return self.steps.cotangent
