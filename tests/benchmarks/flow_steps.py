"""W4: training steps of a flow, by maximum likelihood and by flow matching."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.augmented import AugmentedField
from nodeviz.engine.gradients import GradientSolve
from nodeviz.engine.mlp import MLP
from nodeviz.engine.optim import Adam

from . import flow_peers as peers
from .harness import OURS, Workload, present
from .network_peers import LR, jax_gradient, torch_gradient

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.engine.arrays import FloatArray


def make_task(n_steps: int, batch: int) -> peers.FlowTask:
    """Return pairs of points around two circles, and a net 3-64-64-2 with tanh between."""
    rng = np.random.default_rng(0)
    target = rng.standard_normal((batch, 2))
    target *= 2 / np.linalg.norm(target, axis=1, keepdims=True)
    source, times = rng.standard_normal((batch, 2)), rng.random(batch)
    net = MLP.init(rng, (2, 64, 64, 2), "tanh", timed=True)
    single = (a.astype(np.float32) for a in (source, target, times))
    return peers.FlowTask(**dict(zip(("source", "target", "times"), single, strict=True)), net=net, n_steps=n_steps)


def nodeviz_likelihood(task: peers.FlowTask, mode: str) -> Callable[[], FloatArray]:
    """Return our step of maximum likelihood; it returns the gradient."""
    net = task.net.astype(np.float32)  # a copy
    field, batch = AugmentedField(net), len(task.target)
    solve, optimizer = GradientSolve(field, batch, method="rk4", mode=mode), Adam(net.n_parameters)
    start, nodes = field.augment(task.target.T), np.linspace(1.0, 0.0, task.n_steps + 1)
    # Of the mean of |z0|^2 / 2 + delta_log_prob, the part of -log p that depends on the parameters.
    grad, cotangent = np.zeros_like(net.parameters), np.full_like(start, 1 / batch)

    def run() -> FloatArray:
        grad[:] = 0.0
        np.multiply(solve.forward(start, nodes)[:2], 1 / batch, cotangent[:2])
        solve.backward(cotangent, grad)
        optimizer.step(net.parameters, grad, LR)
        return grad

    return run


def nodeviz_matching(task: peers.FlowTask) -> Callable[[], FloatArray]:
    """Return our step of flow matching; it returns the gradient."""
    net, batch = task.net.astype(np.float32), len(task.target)  # a copy
    tape, optimizer, grad = net.tape(batch, 1), Adam(net.n_parameters), np.zeros_like(net.parameters)
    source, target = (np.ascontiguousarray(points.T) for points in (task.source, task.target))
    (between,), (error,) = tape.inputs, tape.cotangents
    velocity, by_input = np.empty_like(source), np.empty_like(source)

    def run() -> FloatArray:
        grad[:] = 0.0
        np.subtract(target, source, velocity)
        np.multiply(velocity, task.times, between)
        np.add(between, source, between)
        tape.evaluate(0, task.times, None, error)
        np.subtract(error, velocity, error)
        np.multiply(error, 2 / error.size, error)
        tape.pull(0, None, by_input)
        tape.add_gradient(grad)
        optimizer.step(net.parameters, grad, LR)
        return grad

    return run


def _gradient(name: str, returned: Any) -> FloatArray:
    if name.startswith(("diffrax", "JAX")):
        return jax_gradient(returned)
    return torch_gradient(returned) if name.startswith(("torch", "PyTorch")) else returned.copy()


def likelihood_step(mode: str = "backprop", n_steps: int = 20, batch: int = 512) -> Workload:
    """W4: a training step by maximum likelihood with the exact trace."""
    task = make_task(n_steps, batch)
    return Workload(
        name="W4",
        title=f"likelihood step of a flow, 3-64-64-2, exact trace, RK4 x {n_steps}, {mode}",
        contenders=present(
            {
                OURS: nodeviz_likelihood(task, mode),
                "torchdiffeq": peers.torchdiffeq_likelihood(task),
                "torchdiffeq adjoint": peers.torchdiffeq_likelihood(task, adjoint=True),
                "torchdiffeq, our trace": peers.torchdiffeq_likelihood(task, closed=True),
                "diffrax": peers.diffrax_likelihood(task),
            }
        ),
        answer=_gradient,
        # float32, torchdiffeq's rk4 is the 3/8 rule, and the adjoint errs by an order of the step.
        tolerance=1e-4,
        targets={"torchdiffeq": 3.0, "diffrax": 2.0},
    )


def matching_step(batch: int = 512) -> Workload:
    """Flow matching: a training step on pairs already drawn."""
    task = make_task(1, batch)
    return Workload(
        name="W4-matching",
        title="flow-matching step, 3-64-64-2",
        contenders=present(
            {OURS: nodeviz_matching(task), "PyTorch": peers.torch_matching(task), "JAX": peers.jax_matching(task)}
        ),
        answer=_gradient,
        tolerance=1e-5,
        targets={"PyTorch": 3.0, "JAX": 2.0},
    )
