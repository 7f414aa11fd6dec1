"""Gradients by the adjoint equation, discretised on its own: as good as the solver, not exact.

With a(t) the derivative of the loss by y(t):  a' = -J' a, J = df/dy, backwards from t1, and dL/dparameters is the
integral of a' df/dparameters from t0 to t1. The three ways here differ in where they take y(t) from on the way back.
"""

from __future__ import annotations

from abc import abstractmethod
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.checks import first_slope
from nodeviz.engine.explicit import EULER
from nodeviz.engine.gradient_mode import GradientMode
from nodeviz.engine.steppers import ExplicitStepper
from nodeviz.engine.taped import StageWeights, TapedSteps

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.tableau import ButcherTableau
    from nodeviz.engine.trainable import TrainableField


class Continuous(GradientMode):
    """The adjoint equation solved backwards over the same nodes by an explicit tableau."""

    def __init__(self, tableau: ButcherTableau, field: TrainableField, batch: int) -> None:
        super().__init__(tableau, field, batch)
        self._back, tableau = self._way_back(tableau)
        n, dtype = self._back.n_stages, self._back.dtype
        self._weights, self._tape = StageWeights(tableau, dtype), self._back.tapes[0]
        # As for the state, the stages lie in the order k_S .. k_1, a.
        self._rows = np.zeros((n + 1, self._back.cotangent.size), dtype)
        self._adjoint: FloatArray = self._rows[-1]
        self._adjoint_new, self._slope = np.empty_like(self._adjoint), np.empty(self.shape, dtype)
        arguments = [self._tape.cotangents[n - 1 - s].reshape(-1) for s in range(n)]
        slopes = [self._rows[n - 1 - s].reshape(self.shape) for s in range(n)]
        self._first = arguments[0], slopes[0]
        later = zip(self._weights.forward[:-1], arguments[1:], slopes[1:], strict=True)
        self._later = [(weights, self._rows[-len(weights) :], *bound) for weights, *bound in later]

    def _way_back(self, tableau: ButcherTableau) -> tuple[TapedSteps, ButcherTableau]:
        """Return whose tape the adjoint is pulled through, and the tableau that takes its steps."""
        return self.steps, tableau

    @abstractmethod
    def _fill(self, i: int) -> None:
        """Evaluate the field in all slots, for the step from node i + 1 back to node i."""

    def _solve(self, y0: FloatArray) -> None:
        nodes, steps = self._nodes, self.steps
        steps.states[0][:] = y0
        self._report(0, y0)
        for i, (t, dt) in enumerate(zip(nodes.starts, nodes.dts, strict=True)):
            steps.advance(t, dt)
            self._report(i + 1, steps.states[0])
        self._y0, self._y1 = y0.copy(), steps.states[0].copy()
        self.nfe = len(nodes.dts) * steps.n_stages

    def _pull(self, grad: FloatArray) -> FloatArray:
        dts, adjoint = self._nodes.dts, self._adjoint
        adjoint[:] = 0.0
        for i in range(len(dts) - 1, -1, -1):
            self._enter(i + 1)
            self._fill(i)
            self._step(dts[i], grad)
        # Where the solve starts, a later start means that the path so far is missing.
        self._by_node[0] -= self._along(adjoint, 0, self._y0)
        entering = self._receive(0)
        if entering is not None:
            np.add(adjoint, entering, adjoint)
        self.nfe_backward += len(dts) * self._back.n_stages
        return adjoint

    def _enter(self, node: int) -> None:
        """Let the cotangent of a reported state enter; what it reports moves with its time along the field."""
        entering = self._receive(node)
        if entering is not None:
            self._by_node[node] += self._along(entering, node, self._ys[self._nodes.places[node]])
            np.add(self._adjoint, entering, self._adjoint)

    def _along(self, cotangent: FloatArray, node: int, y: FloatArray) -> float:
        """Return <cotangent, f> at a node."""
        self._tape.evaluate(0, float(self._nodes.times[node]), y.reshape(self.shape), self._slope)
        self.nfe_backward += 1
        return float(np.dot(cotangent, self._slope.reshape(-1)))

    def _step(self, dt: float, grad: FloatArray, dot: Any = np.dot) -> None:
        """Take the adjoint back over the step whose slots are filled, and add its share of the gradient."""
        weights, slot = self._weights, self._back.n_stages - 1
        weights.scale(dt)
        argument, k = self._first
        argument[:] = self._adjoint
        self._tape.pull(slot, None, k)
        for sums, used, argument, k in self._later:
            slot -= 1
            dot(sums, used, argument)
            self._tape.pull(slot, None, k)
        dot(weights.forward[-1], self._rows, self._adjoint_new)
        self._adjoint[:] = self._adjoint_new
        self._tape.add_gradient(grad, weights.by_slot)


class Adjoint(Continuous):
    """The state is solved backwards beside the adjoint, as in Chen et al. 2018, arXiv:1806.07366, algorithm 1.

    Nothing is stored but what was reported, from where the state sets out anew. Where the flow contracts, its way back
    expands, and what is rebuilt may be far off: see ``rebuilt``.
    """

    def _fill(self, i: int) -> None:
        steps, nodes = self.steps, self._nodes
        state, place = steps.states[0], nodes.places.get(i + 1)
        if i == len(nodes.dts) - 1:
            state[:] = self._y1
        elif place is not None:
            state[:] = self._ys[place]
        else:
            state[:] = steps.states[1]
        steps.forward(0, float(nodes.times[i + 1]), -nodes.dts[i])

    def _pull(self, grad: FloatArray) -> FloatArray:
        found = super()._pull(grad)
        self.rebuilt = self.steps.states[1].copy()
        return found


class InterpolatedAdjoint(Continuous):
    """The state comes from the dense output of the forward solve."""

    def _solve(self, y0: FloatArray) -> None:
        nodes = self._nodes
        start = y0.reshape(self.shape)
        stepper = ExplicitStepper(self.tableau, self.field, start, first_slope(self.field, nodes.starts[0], start))
        self._pieces = []
        self._report(0, y0)
        for i, (t, dt) in enumerate(zip(nodes.starts, nodes.dts, strict=True)):
            stepper.attempt(t, dt)
            self._pieces.append(stepper.piece())
            stepper.accept()
            self._report(i + 1, stepper.y)
        self._y0, self.nfe = y0.copy(), stepper.nfe
        # The stages of the way back lie at t + x dt, x = 1 - c.
        c = np.array(self.tableau.c[: self.steps.n_stages])
        degrees = np.arange(len(self._pieces[0].coefficients))
        self._powers = np.power.outer(1.0 - c, degrees).astype(self.steps.dtype)

    def _fill(self, i: int) -> None:
        piece, tape, slot = self._pieces[i], self._tape, self._back.n_stages
        for c, powers in zip(self.tableau.c, self._powers, strict=False):
            slot -= 1
            np.dot(powers, piece.coefficients, tape.inputs[slot].reshape(-1))
            tape.evaluate(slot, piece.t + (1.0 - c) * piece.dt, None, self._slope)


class Article(Continuous):
    """Euler steps of the adjoint that pair a(t_(i+1)) with the stored y(t_i): of first order, however good the solver.

    The scheme of the article that nodeviz brings to life, here for all parameters.
    """

    def _way_back(self, tableau: ButcherTableau) -> tuple[TapedSteps, ButcherTableau]:
        del tableau
        return TapedSteps(EULER, self.field, self.batch), EULER

    def _solve(self, y0: FloatArray) -> None:
        self._states = np.empty((len(self._nodes.dts) + 1, y0.size), self.steps.dtype)
        super()._solve(y0)

    def _report(self, node: int, y: FloatArray) -> None:
        self._states[node] = y
        super()._report(node, y)

    def _fill(self, i: int) -> None:
        self._tape.evaluate(0, self._nodes.starts[i], self._states[i].reshape(self.shape), self._slope)
