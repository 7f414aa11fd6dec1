"""Gradients of the numbers that a solve computes: exact to rounding, whatever the step."""

from __future__ import annotations

from math import sqrt
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.gradient_mode import GradientMode
from nodeviz.engine.taped import TapedSteps

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray


class Discrete(GradientMode):
    """Backpropagation through the steps, in segments of a few steps each.

    The states where segments begin are stored, and the last segment stays on the tape. On the way back every other
    segment is solved again, on the same tape, and then pulled. One segment for all is `backprop`: nothing is computed
    twice.
    """

    def _solve(self, y0: FloatArray) -> None:
        nodes, n_steps = self._nodes, len(self._nodes.dts)
        length = self._length(n_steps)
        have = len(self.steps.tapes)
        if have < length:
            # Adaptive steps are a few more or less in every training step: when it was too few, make room to spare.
            self.steps = TapedSteps(self.tableau, self.field, self.batch, length if have == 1 else length * 5 // 4)
        self._segments = [range(i, min(i + length, n_steps)) for i in range(0, n_steps, length)]
        self._begins = np.empty((len(self._segments), y0.size), self.steps.dtype)
        state = self.steps.states[0]
        state[:] = y0
        self._report(0, state)
        for begin, segment in zip(self._begins, self._segments[:-1], strict=False):
            begin[:] = state
            for i in segment:
                self.steps.advance(nodes.starts[i], nodes.dts[i])
                self._report(i + 1, state)
        self._begins[-1] = state
        self._tape(self._segments[-1])
        for j, i in enumerate(self._segments[-1], start=1):
            self._report(i + 1, self.steps.states[j])
        self.nfe = n_steps * self.steps.n_stages

    def _length(self, n_steps: int) -> int:
        """Return how many steps a segment has."""
        return n_steps

    def _tape(self, segment: range) -> None:
        """Put the steps of a segment on the tape."""
        starts, dts, forward = self._nodes.starts, self._nodes.dts, self.steps.forward
        for j, i in enumerate(segment):
            forward(j, starts[i], dts[i])

    def _pull(self, grad: FloatArray) -> FloatArray:
        steps, dts, by_node = self.steps, self._nodes.dts, self._by_node
        cotangent = steps.cotangent
        cotangent[:] = 0.0
        for begin, segment in zip(self._begins[::-1], reversed(self._segments), strict=True):
            if segment is not self._segments[-1]:
                steps.states[0][:] = begin
                self._tape(segment)
                self.nfe_backward += len(segment) * steps.n_stages
            for i in reversed(segment):
                entering = self._receive(i + 1)
                if entering is not None:
                    np.add(cotangent, entering, cotangent)
                by_start, by_end = steps.pull(i - segment.start, dts[i], grad)
                by_node[i] += by_start
                by_node[i + 1] += by_end
        entering = self._receive(0)
        if entering is not None:
            np.add(cotangent, entering, cotangent)
        return cotangent


class Checkpointed(Discrete):
    """Backpropagation that keeps few states and computes every step twice."""

    def _length(self, n_steps: int) -> int:
        """Balance the memory of the states that begin the segments against that of a segment's tape."""
        tape = self.steps.tapes[0].nbytes
        states = n_steps * self.steps.states[0].nbytes
        return max(1, min(n_steps, round(sqrt(states / tape))))
