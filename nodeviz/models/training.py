"""Training of a depth classifier, one step at a time, so that several can go in lockstep."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from math import inf, isfinite, nan
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nodeviz.engine.losses import LOSSES
from nodeviz.engine.norms import all_finite
from nodeviz.engine.optim import OPTIMIZERS, SCHEDULES, clip
from nodeviz.engine.solution import Status
from nodeviz.models.cuts import cut_of
from nodeviz.models.passes import make_pass
from nodeviz.models.spec import PLANE
from nodeviz.problems.pieces import finish

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping
    from typing import Any

    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.engine.losses import LossFunction
    from nodeviz.engine.optim import Optimizer
    from nodeviz.models.depth import DepthClassifier
    from nodeviz.models.passes import DepthPass


RUNAWAY = 1e4
"""A mean loss beyond which nothing good will come, however finite it is."""
LARGE = 10**6  # parameters that take some milliseconds to be moved


@dataclass(frozen=True, slots=True)
class StepInfo:
    """One training step.

    Attributes
    ----------
    loss, accuracy : of the batch, before the step
    grad_norm : Euclidean norm of the gradient, before it is clipped
    nfe : evaluations of the field on the way through depth; the number of blocks for a ResNet
    status : ``ok``, or why no step was taken: ``nonfinite``, also of a loss beyond RUNAWAY, or what an adaptive solver
        says
    message : what happened and what to change, in one sentence; empty where all is well
    """

    loss: float
    accuracy: float
    grad_norm: float
    nfe: int
    status: Status
    message: str

    @property
    def ok(self) -> bool:
        """Whether the step was taken."""
        return self.status is Status.OK


def minibatches(n: int, batch: int, rng: np.random.Generator) -> Iterator[IntArray]:
    """Yield without end indices (min(batch, n),) of the points of each step: all n points in random order, then again.

    Every batch is of the same size; one in which a round ends goes on with the next.
    """
    size, left = min(batch, n), np.empty(0, np.int64)
    while True:
        if len(left) < size:
            left = np.concatenate([left, rng.permutation(n)])
        yield left[:size]
        left = left[size:]


class Trainer:
    """Takes training steps with a model, whose parameters are never written but by finite ones.

    Parameters
    ----------
    model : trained in place
    method, n_steps, rtol : the solver of an ODE. With n_steps its steps are fixed; without, an adaptive method chooses
        them at rtol = atol
    gradient : a name of MODES
    loss, optimizer, schedule : names of LOSSES, OPTIMIZERS, SCHEDULES
    momentum : of sgd
    weight_decay : part of the parameters, times lr, taken off per step; may be changed between steps
    clip : longest gradient that is used as it is; 0 for any
    steps : length of the schedule

    Attributes
    ----------
    taken : steps taken
    grad : (n_parameters,) the gradient of the last step, clipped

    Raises
    ------
    ValueError : no such name, or a solver that does not fit
    """

    def __init__(
        self,
        model: DepthClassifier,
        *,
        method: str = "rk4",
        n_steps: int | None = 10,
        rtol: float = 1e-3,
        gradient: str = "backprop",
        loss: str = "bce",
        optimizer: str = "adam",
        momentum: float = 0.9,
        weight_decay: float = 0.0,
        clip: float = 0.0,
        schedule: str = "constant",
        steps: int = 940,
    ) -> None:
        for name, value, table in (
            ("loss", loss, LOSSES), ("optimizer", optimizer, OPTIMIZERS), ("schedule", schedule, SCHEDULES)
        ):  # fmt: skip
            _check_name(name, value, table)
        self.model, self.weight_decay, self.taken = model, weight_decay, 0
        self._solver: dict[str, Any] = {"method": method, "n_steps": n_steps, "rtol": rtol, "gradient": gradient}
        self._cut_of = partial(cut_of, model.spec, method=method, n_steps=n_steps, gradient=gradient)
        self._loss, self._clip = LOSSES[loss].evaluate, clip or inf
        self._factor, self._steps = SCHEDULES[schedule].factor, steps
        self._optimizer_name, self._options = optimizer, {"momentum": momentum} if optimizer == "sgd" else {}
        self._optimizer = self._fresh_optimizer()
        self.grad = np.zeros_like(model.parameters)
        self._finite = model.parameters.copy()
        self._pieces: list[_Piece] = []
        self._pieces_of(1)

    def _fresh_optimizer(self) -> Optimizer:
        _, make = OPTIMIZERS[self._optimizer_name]
        return make(self.model.parameters.size, self.model.dtype, **self._options)

    def step(self, X: FloatArray, labels: IntArray, lr: float) -> StepInfo:
        """Take one step on a batch at once; see `step_pieces`."""
        return finish(self.step_pieces(X, labels, lr))

    def step_pieces(self, X: FloatArray, labels: IntArray, lr: float) -> Generator[None, None, StepInfo]:
        """Take one step on a batch; the generator yields where the step is a long one, see `cut_of`.

        A step whose solver fails, or that is not finite or near it, is not taken: the parameters are then those before
        the last step taken, for which all was well, and the optimiser begins anew. Loss and gradient are the means over
        the batch however it is cut, but for adaptive steps, which every piece has its own of.

        Parameters
        ----------
        X : (B, 2)
        labels : (B,) whole numbers
        lr : learning rate, before the schedule's factor
        """
        self.grad.fill(0.0)
        loss, accuracy, nfe, pieces = 0.0, 0.0, 0, self._pieces_of(len(X))
        for place, work in pieces:
            if place.start:
                yield
            value, right = yield from work.evaluate_steps(X[place], labels[place], self._loss, self.grad)
            share = work.batch / len(X)
            loss, accuracy, nfe = loss + share * value, accuracy + share * right, max(nfe, work.nfe)
            if work.status is not Status.OK or not isfinite(loss):
                break
        if self.grad.size > LARGE or len(pieces) > 1:
            yield
        return self._update(StepInfo(loss, accuracy, nan, nfe, work.status, work.message), lr)

    def _pieces_of(self, batch: int) -> list[_Piece]:
        """Return the parts of a batch, about evenly large, and what each is worked on in."""
        if not self._pieces or self._pieces[-1].place.stop != batch:
            cut = self._cut_of(batch)
            size = -(-batch // -(-batch // cut.columns))
            rounds: dict[int, _Round] = {}
            self._pieces = []
            for begin in range(0, batch, size):
                n = min(size, batch - begin)
                if n not in rounds:
                    rounds[n] = _Round(self.model, n, n / batch, cut.steps, self._solver)
                self._pieces.append(_Piece(slice(begin, begin + n), rounds[n]))
        return self._pieces

    def _update(self, found: StepInfo, lr: float) -> StepInfo:
        """Move the parameters by the gradient that was found, if all is well with it."""
        grad = self.grad
        with np.errstate(all="ignore"):
            if not found.ok or not found.loss <= RUNAWAY:
                return self._refuse(found, nan, lr)
            norm = clip(grad, self._clip)
            if not isfinite(norm):
                return self._refuse(found, norm, lr)
            self._finite[:] = self.model.parameters
            self._optimizer.weight_decay = self.weight_decay
            self._optimizer.step(self.model.parameters, grad, lr * self._factor(self.taken / self._steps))
            if not all_finite(self.model.parameters):
                return self._refuse(found, norm, lr)
        self.taken += 1
        return StepInfo(found.loss, found.accuracy, norm, found.nfe, Status.OK, "")

    def _refuse(self, found: StepInfo, norm: float, lr: float) -> StepInfo:
        """Go back to the last parameters for which all was well."""
        self.model.parameters[:] = self._finite
        self._optimizer = self._fresh_optimizer()
        status = Status.NONFINITE if found.ok else found.status
        if status is Status.MAX_STEPS:
            what = f"{self._solver['method']} did not get through depth ({found.message})"
            remedy = f"raise rtol={self._solver['rtol']:g}, lower lr={lr:g}, or use fixed steps"
        else:
            ran_off = RUNAWAY < found.loss < inf
            what = f"the loss ran off to {found.loss:.1g}" if ran_off else "loss or gradient is not finite"
            remedy = f"lower lr={lr:g}, or clip the gradient"
        sentence = f"Training step {self.taken + 1}: {what}; the last weights that worked stay; {remedy}."
        return StepInfo(found.loss, found.accuracy, norm, found.nfe, status, sentence)


class _Piece(NamedTuple):
    """A part of a batch, and what it is worked on in."""

    place: slice
    work: _Round


class _Round:
    """What points of one number are worked on in, which are a ``share`` of the batch."""

    def __init__(
        self, model: DepthClassifier, batch: int, share: float, longest: int, solver: Mapping[str, Any]
    ) -> None:
        spec = model.spec
        self.batch, self._share = batch, share
        self._way: DepthPass = make_pass(model, batch, longest, **solver)
        self._readout = model.readout.tape(batch, 1)
        self._y0, self._back = (np.zeros((spec.dim, batch), model.dtype) for _ in range(2))
        self._logits = np.empty((spec.outputs, batch), model.dtype)
        self._seen, self._n_net = spec.seen, spec.n_nets * spec.n_net_parameters

    @property
    def status(self) -> Status:
        return self._way.status

    @property
    def message(self) -> str:
        return self._way.message

    @property
    def nfe(self) -> int:
        return self._way.nfe

    def evaluate_steps(
        self, X: FloatArray, labels: IntArray, loss: LossFunction, grad: FloatArray
    ) -> Generator[None, None, tuple[float, float]]:
        """Return mean loss and accuracy of the points; NaN where the way through depth failed.

        Adds to the gradient what they are of that of the batch.
        """
        readout, logits = self._readout, self._logits
        self._y0[:PLANE] = X.T
        y1 = yield from self._way.forward_steps(self._y0)
        if self._way.status is not Status.OK:
            return nan, nan
        with np.errstate(all="ignore"):
            readout.evaluate(0, 0.0, y1[: self._seen], logits)
            value, _ = loss(logits, labels, readout.cotangents[0])
            if self._share < 1.0:
                readout.cotangents[0] *= self._share
            found = logits[0] > 0 if len(logits) == 1 else np.argmax(logits, axis=0)
            accuracy = np.count_nonzero(found == labels) / self.batch
            readout.pull(0, None, self._back[: self._seen])
            readout.add_gradient(grad[self._n_net :])
        yield from self._way.backward_steps(self._back, grad[: self._n_net])
        return value, accuracy


def _check_name(argument: str, value: str, table: Mapping[str, Any]) -> None:
    if value not in table:
        raise ValueError(f"{argument}={value!r}: no such choice; choose one of {', '.join(table)}")
