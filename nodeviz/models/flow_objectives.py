"""What the training of a flow lowers: a loss of a fresh batch, and its gradient, over arrays that are bound once."""

from __future__ import annotations

from math import nan
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from nodeviz.engine.density import AugmentedField
from nodeviz.engine.gradients import GradientSolve
from nodeviz.engine.hutchinson import draw_probes
from nodeviz.engine.integrate import solve
from nodeviz.engine.methods import find_method
from nodeviz.engine.solution import Status
from nodeviz.models import diffusion
from nodeviz.models.transport import optimal_partners

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.models.flow import Flow

    Sampler = Callable[[int, np.random.Generator], FloatArray]
    Coefficients = Callable[[FloatArray], tuple[Any, Any, Any, Any]]

_DRAWN = 1 << 13  # points drawn at a time: of a small draw most is the calls
_BLOCK = 64  # points that are paired among themselves: the time for a pair grows as the square of their number
_ANEW = 8  # a batch has this many times the pairs that are drawn for it; each serves as often, at times of its own
_MOST_KEPT = 2e7  # activations of a solve that are stored; beyond them steps are computed again on the way back
MAX_STEPS = 300  # of an adaptive solve in training: a field that needs more would hold up everything else


class Objective(Protocol):
    """A loss of fresh batches.

    Attributes
    ----------
    nfe : evaluations of the field in the last one
    status, message : ``ok``, or why there is no loss, and a sentence
    """

    nfe: int
    status: Status
    message: str

    def evaluate(self, grad: FloatArray) -> float:
        """Return the loss of a batch, and add its gradient to ``grad`` (n_parameters,)."""
        ...


def make_objective(
    flow: Flow,
    sample: Sampler,
    rng: np.random.Generator,
    batch: int,
    solver: Mapping[str, Any],
    *,
    trace: str = "exact",
    probes: int = 1,
) -> Objective:
    """Return what the flow's method lowers; ``solver``, ``trace`` and ``probes`` are for training by likelihood."""
    if flow.spec.method == "likelihood":
        return Likelihood(flow, sample, rng, batch, solver, trace=trace, probes=probes)
    transport = flow.spec.method == "ot-flow-matching"
    pairs = (TransportPairs if transport else IndependentPairs)(flow, sample, rng, batch)
    return Regression(flow, pairs, denoising if flow.spec.method == "diffusion" else straight, rng, batch)


class _Draws:
    """Batches of points as contiguous (2, B), several drawn at a time."""

    def __init__(self, sample: Sampler, rng: np.random.Generator, batch: int, dtype: Any) -> None:
        self._sample, self._rng, self._batch = sample, rng, batch
        self._points = np.empty((max(1, _DRAWN // batch), 2, batch), dtype)
        self._left = 0

    def take(self) -> FloatArray:
        """Return the next batch (2, B), in memory that is written again later."""
        if not self._left:
            self._left = len(self._points)
            drawn = self._sample(self._left * self._batch, self._rng)
            self._points[...] = drawn.reshape(self._left, self._batch, 2).transpose(0, 2, 1)
        self._left -= 1
        batch: FloatArray = self._points[self._left]
        return batch


class Pairs(Protocol):
    """Batches of pairs, a point of the source and one of the target."""

    def take(self) -> tuple[FloatArray, FloatArray]:
        """Return x0 and x1, (2, B) each."""
        ...


class IndependentPairs:
    """Points of the source, and points of the target that know nothing of them."""

    def __init__(self, flow: Flow, sample: Sampler, rng: np.random.Generator, batch: int) -> None:
        self._x0, self._x1 = (_Draws(draw, rng, batch, flow.dtype) for draw in (flow.source.sample, sample))

    def take(self) -> tuple[FloatArray, FloatArray]:
        """Return x0 and x1, (2, B) each."""
        return self._x0.take(), self._x1.take()


class TransportPairs:
    """Pairs of least total squared distance within small blocks of points.

    A step draws and pairs only an eighth of a batch anew, and takes its batch at random from the pairs of the last 64
    steps: the assignment is by far the dearest part of it. Blocks of 64 give paths as straight as blocks of 128 or 256,
    which take 2 and 10 times as long.

    References
    ----------
    Tong et al. 2023, arXiv:2302.00482; Pooladian et al. 2023, arXiv:2304.14772.
    """

    def __init__(self, flow: Flow, sample: Sampler, rng: np.random.Generator, batch: int) -> None:
        self._sources, self._targets, self._rng, self._batch = flow.source.sample, sample, rng, batch
        self._blocks = -(-batch // (_ANEW * _BLOCK))
        n = self._blocks * _BLOCK * _ANEW * _ANEW
        self._x0, self._x1 = (np.empty((2, n), flow.dtype) for _ in range(2))
        self._at = self._filled = 0

    def take(self) -> tuple[FloatArray, FloatArray]:
        """Return x0 and x1, (2, B) each."""
        for _ in range(self._blocks):
            place = slice(self._at, self._at + _BLOCK)
            x0, x1 = self._sources(_BLOCK, self._rng), self._targets(_BLOCK, self._rng)
            self._x0[:, place], self._x1[:, place] = x0.T, x1[optimal_partners(x0, x1)].T
            self._filled = max(self._filled, self._at + _BLOCK)
            self._at = (self._at + _BLOCK) % self._x0.shape[1]
        chosen = self._rng.integers(0, self._filled, self._batch)
        return self._x0.take(chosen, axis=1), self._x1.take(chosen, axis=1)


def straight(t: FloatArray) -> tuple[Any, Any, Any, Any]:
    """Return the coefficients of `Regression` for flow matching: on the way from x0 to x1 the velocity is x1 - x0.

    References
    ----------
    Lipman et al. 2023, arXiv:2210.02747; Liu et al. 2023, arXiv:2209.03003.
    """
    return t, 1 - t, 1, -1


def denoising(t: FloatArray) -> tuple[Any, Any, Any, Any]:
    """Return the coefficients of `Regression` for a diffusion: alpha x0 - sigma x1, given alpha x1 + sigma x0.

    With it the score is known (see diffusion.velocity_factor): this is denoising score matching, weighted so that all
    times count alike in what the net gives.

    References
    ----------
    Vincent 2011, "A connection between score matching and denoising autoencoders"; Song et al. 2021, arXiv:2011.13456.
    """
    s = 1 - t
    alpha, sigma = diffusion.alpha(s), diffusion.sigma(s)
    return alpha, sigma, -sigma, alpha


class Regression:
    """The mean squared distance of net(t, a x1 + b x0) from c x1 + d x0, at a random time of each pair.

    Parameters
    ----------
    coefficients : t (B,) -> a, b, c, d, each (B,) or a number

    Attributes
    ----------
    tape : of the net, with one slot
    """

    def __init__(
        self, flow: Flow, pairs: Pairs, coefficients: Coefficients, rng: np.random.Generator, batch: int
    ) -> None:
        self.nfe, self.status, self.message = 1, Status.OK, ""
        self._pairs, self._coefficients, self._rng = pairs, coefficients, rng
        self.tape = flow.net.tape(batch, 1)
        self._t = np.empty(batch, flow.dtype)
        self._work, self._back = (np.empty((2, batch), flow.dtype) for _ in range(2))
        self._scale = np.array(2.0 / batch, flow.dtype)

    def evaluate(self, grad: FloatArray) -> float:
        """Return the loss of a batch, and add its gradient to ``grad``."""
        (x0, x1), t, tape, work = self._pairs.take(), self._t, self.tape, self._work
        self._rng.random(out=t, dtype=t.dtype)
        a, b, c, d = self._coefficients(t)
        state, residual = tape.inputs[0], tape.cotangents[0]
        np.multiply(x1, a, state)
        np.multiply(x0, b, work)
        np.add(state, work, state)
        tape.evaluate(0, t, None, residual)
        for points, factor in ((x1, c), (x0, d)):
            np.multiply(points, factor, work)
            np.subtract(residual, work, residual)
        loss = float(np.vdot(residual, residual)) / len(t)
        np.multiply(residual, self._scale, residual)
        tape.pull(0, None, self._back)
        tape.add_gradient(grad)
        return loss


class Likelihood:
    """The mean of -log p(x) over points of the target, by the solve back to the source.

    Attributes
    ----------
    mode : how it is differentiated, a name of gradients.MODES: stored, or with checkpoints where that takes much memory

    References
    ----------
    Chen et al. 2018, arXiv:1806.07366; Grathwohl et al. 2019 (FFJORD), arXiv:1810.01367, for the estimated trace.
    """

    def __init__(
        self,
        flow: Flow,
        sample: Sampler,
        rng: np.random.Generator,
        batch: int,
        solver: Mapping[str, Any],
        *,
        trace: str = "exact",
        probes: int = 1,
    ) -> None:
        self.nfe, self.status, self.message = 0, Status.OK, ""
        self._flow, self._rng, self._batch = flow, rng, batch
        self._kind, self._probes, self._rtol = trace, probes, float(solver["rtol"])
        self._field = AugmentedField(flow.net, trace if trace == "exact" else self._drawn())
        self._method, n_steps = solver["method"], solver["n_steps"]
        tableau = find_method(self._method).tableau
        kept = (n_steps or MAX_STEPS) * batch * sum(flow.spec.widths) * (1 if tableau is None else len(tableau.b))
        self.mode = "backprop" if kept < _MOST_KEPT else "checkpoint"
        self._solve = GradientSolve(self._field, batch, method=self._method, mode=self.mode)
        self._times: FloatArray | None = None if n_steps is None else np.linspace(1.0, 0.0, n_steps + 1)
        self._points = _Draws(sample, rng, batch, flow.dtype)
        self._cotangent = np.empty((3, batch), flow.dtype)

    def _drawn(self) -> FloatArray:
        return draw_probes(self._rng, self._kind, self._probes, 2, self._batch, self._flow.dtype)

    def evaluate(self, grad: FloatArray) -> float:
        """Return the loss of a batch, and add its gradient to ``grad``; NaN where the solver did not arrive."""
        if self._kind != "exact":
            self._field.probes[...] = self._drawn()
        start = self._field.augment(self._points.take())
        times = self._times if self._times is not None else self._accepted_times(start)
        if times is None:
            return nan
        end = self._solve.forward(start, times)
        self.status, self.message, self.nfe = self._solve.status, self._solve.message, self._solve.nfe
        if self.status is not Status.OK:
            return nan
        z0, flow = end[:2].T, self._flow
        # log p(x) = log p(z0) - delta_log_prob: solved backwards, the integral has the sign of dt.
        loss = float((end[2] - flow.source.log_prob(z0)).mean())
        np.multiply(flow.source.score(z0).T, -1.0 / self._batch, self._cotangent[:2])
        self._cotangent[2] = 1.0 / self._batch
        self._solve.backward(self._cotangent, grad)
        return loss

    def _accepted_times(self, start: FloatArray) -> FloatArray | None:
        """Return the nodes of an adaptive solve, which then count as fixed; None where it failed."""
        found = solve(
            self._field, start, (1.0, 0.0), method=self._method, rtol=self._rtol, atol=self._rtol,
            max_steps=MAX_STEPS, record=True,
        )  # fmt: skip
        self.nfe, self.status, self.message = int(found.nfe), Status(str(found.status)), found.message
        return found.steps.nodes_t if found.ok and found.steps is not None else None
