"""Training of a flow, one step at a time: by likelihood, by flow matching, or by denoising."""

from __future__ import annotations

from dataclasses import dataclass
from math import inf, isfinite, nan
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.norms import all_finite
from nodeviz.engine.optim import SCHEDULES, Adam, clip
from nodeviz.engine.solution import Status
from nodeviz.models.flow_objectives import make_objective

if TYPE_CHECKING:
    from collections.abc import Generator, Mapping

    from nodeviz.models.flow import Flow
    from nodeviz.models.flow_objectives import Sampler

WARM_UP = 0.02
"""Part of the steps over which the learning rate rises: without, the first ones may spoil the even spread of units."""


@dataclass(frozen=True, slots=True)
class Plan:
    """How long a method trains, and its highest learning rate."""

    steps: int
    lr: float


PLANS: Mapping[str, Plan] = MappingProxyType(
    {
        "flow-matching": Plan(steps=30_000, lr=5e-3),
        "ot-flow-matching": Plan(steps=30_000, lr=5e-3),
        "likelihood": Plan(steps=800, lr=5e-3),
        "diffusion": Plan(steps=30_000, lr=5e-3),
    }
)
"""What brings eight Gaussians to within 0.015 nats of their bound with the other defaults, in 10 to 35 s.

Between 2e-3 and 1e-2 the learning rate hardly matters; an average of the weights gains nothing where it falls to 1 %.
See ``python -m tests.benchmarks.flow_table``.
"""


@dataclass(frozen=True, slots=True)
class StepInfo:
    """One training step.

    Attributes
    ----------
    loss : of the batch, before the step; by likelihood the mean of -log p in nats, otherwise the mean squared distance
        from what is to be learned, which stays well above 0 however good the flow is
    grad_norm : Euclidean norm of the gradient, before it is clipped
    nfe : evaluations of the field that the loss took
    status : ``ok``, or why no step was taken: ``nonfinite``, or what an adaptive solver says
    message : what happened and what to change, in one sentence; empty where all is well
    """

    loss: float
    grad_norm: float
    nfe: int
    status: Status
    message: str

    @property
    def ok(self) -> bool:
        """Whether the step was taken."""
        return self.status is Status.OK


class FlowTrainer:
    """Takes training steps with a flow, whose parameters are never written but by finite ones.

    Parameters
    ----------
    flow : trained in place, by the method that it names
    sample : n, rng -> (n, 2) points of the target
    rng : for all batches
    batch : points of a step
    piece : points whose gradients are computed at once, so that nothing waits long for the whole step; the batch is
        rounded up to whole pieces. By default all of them
    steps : length of the schedule: the learning rate rises over the first 2 %, then falls to 1 %. What is trained on
        after them begins a new one, a warm restart (Loshchilov, Hutter 2017, arXiv:1608.03983)
    taken : steps taken before, by another trainer
    schedule : a name of SCHEDULES
    clip : longest gradient that is used as it is; 0 for any
    trace, probes : by likelihood, "exact", or a kind of PROBES and how many, drawn once per step
    method, n_steps, rtol : by likelihood, the solver. With n_steps its steps are fixed; without, an adaptive method
        chooses them at rtol = atol

    Attributes
    ----------
    taken : steps taken

    Raises
    ------
    ValueError : no such name, or a solver that does not fit
    """

    def __init__(
        self,
        flow: Flow,
        sample: Sampler,
        rng: np.random.Generator,
        *,
        batch: int = 512,
        piece: int | None = None,
        steps: int = 30_000,
        taken: int = 0,
        schedule: str = "cosine",
        clip: float = 0.0,
        trace: str = "exact",
        probes: int = 1,
        method: str = "rk4",
        n_steps: int | None = 20,
        rtol: float = 1e-4,
    ) -> None:
        if schedule not in SCHEDULES:
            raise ValueError(f"schedule={schedule!r}: no such choice; choose one of {', '.join(SCHEDULES)}")
        if batch < 1:
            raise ValueError(f"batch={batch}: below the limit 1; use 1 or more")
        self.flow, self.taken = flow, taken
        self._solver: dict[str, Any] = {"method": method, "n_steps": n_steps, "rtol": rtol}
        at_once = min(batch, piece or batch)
        self._pieces = -(-batch // at_once)
        self._objective = make_objective(flow, sample, rng, at_once, self._solver, trace=trace, probes=probes)
        self._shape, self._steps, self._clip = SCHEDULES[schedule].factor, steps, clip or inf
        self._optimizer = Adam(flow.parameters.size, flow.dtype)
        self._grad, self._finite = np.zeros_like(flow.parameters), flow.parameters.copy()

    def factor(self) -> float:
        """Return the factor of the learning rate in the next step."""
        done = self.taken % self._steps / self._steps
        return min(1.0, (done + 1.0 / self._steps) / WARM_UP) * self._shape(done)

    def step(self, lr: float) -> StepInfo:
        """Take one step on a fresh batch, as `step_steps` does, at once."""
        run = self.step_steps(lr)
        while True:
            try:
                next(run)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]

    def step_steps(self, lr: float) -> Generator[None, None, StepInfo]:
        """Take one step on a fresh batch, at the learning rate ``lr`` times the schedule's factor.

        The generator yields between the pieces of the batch. A step that is not finite, or whose solver fails, is not
        taken: the parameters are then those before the last step taken, for which all was finite, and the optimiser
        begins anew. One that is abandoned leaves no trace but the numbers it has drawn.
        """
        self._grad.fill(0.0)
        loss = 0.0
        for number in range(self._pieces):
            if number:
                yield
            with np.errstate(all="ignore"):
                loss += self._objective.evaluate(self._grad) / self._pieces
            if self._objective.status is not Status.OK or not isfinite(loss):
                return self._refuse(loss, nan, lr)
        with np.errstate(all="ignore"):
            return self._descend(loss, lr)

    def _descend(self, loss: float, lr: float) -> StepInfo:
        """Move along the gradient of all pieces."""
        parameters, grad = self.flow.parameters, self._grad
        if self._pieces > 1:
            grad *= 1.0 / self._pieces
        norm = clip(grad, self._clip)
        if not isfinite(norm):
            return self._refuse(loss, norm, lr)
        self._finite[:] = parameters
        self._optimizer.step(parameters, grad, lr * self.factor())
        if not all_finite(parameters):
            return self._refuse(loss, norm, lr)
        self.taken += 1
        return StepInfo(loss, norm, self._objective.nfe, Status.OK, "")

    def _refuse(self, loss: float, norm: float, lr: float) -> StepInfo:
        """Go back to the last parameters for which all was finite."""
        self.flow.parameters[:] = self._finite
        self._optimizer = Adam(self.flow.parameters.size, self.flow.dtype)
        status = Status.NONFINITE if self._objective.status is Status.OK else self._objective.status
        if status is Status.NONFINITE:
            what, remedy = "loss or gradient is not finite", f"lower lr={lr:g}"
        else:
            what = f"{self._solver['method']} did not get back to the source ({self._objective.message})"
            remedy = f"raise rtol={self._solver['rtol']:g}, lower lr={lr:g}, or use fixed steps"
        sentence = f"Training step {self.taken + 1}: {what}; the last weights that worked stay; {remedy}."
        return StepInfo(loss, norm, self._objective.nfe, status, sentence)
