"""Peers that train the same flow: the step of a batch, as their manuals write it.

Each function returns a call that takes one training step and returns what `network_peers` makes the gradient from,
or None where the peer is not installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from .network_peers import jax_step, torch_adam, torch_net
from .peers import classic_rk4

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.mlp import MLP


@dataclass(frozen=True, slots=True, kw_only=True)
class FlowTask:
    """A batch, and a net before its first step, with time as the last input.

    Attributes
    ----------
    source, target : (B, 2) where pairs of points begin and end; the likelihood is that of the targets alone
    times : (B,) a time for each pair
    """

    source: FloatArray
    target: FloatArray
    times: FloatArray
    net: MLP
    n_steps: int


def torchdiffeq_likelihood(task: FlowTask, *, adjoint: bool = False, closed: bool = False) -> Callable[[], Any] | None:
    """Return torchdiffeq's step of maximum likelihood with the exact trace.

    The trace is taken as in its example of a flow, one gradient per dimension, or in the closed form that we use.
    """
    if not (find_spec("torch") and find_spec("torchdiffeq")):
        return None
    import torch
    from torch import nn
    from torchdiffeq import odeint, odeint_adjoint

    class Field(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch_net(task.net.layers)

        def forward(self, t: Any, state: Any) -> Any:
            y = state[0]
            with torch.set_grad_enabled(True):
                y.requires_grad_(True)
                inputs = torch.cat([y, t.expand(len(y), 1)], dim=1)
                return self.closed(inputs) if closed else self.by_gradients(y, inputs)

        def by_gradients(self, y: Any, inputs: Any) -> Any:
            rate = self.net(inputs)
            rows = [torch.autograd.grad(rate[:, i].sum(), y, create_graph=True)[0][:, i] for i in range(y.shape[1])]
            return rate, -sum(rows)

        def closed(self, inputs: Any) -> Any:
            first, _, second, _, last = self.net
            h1 = torch.tanh(first(inputs))
            h2 = torch.tanh(second(h1))
            matrix = second.weight * (first.weight[:, :-1] @ last.weight).T
            trace = ((1 - h2 * h2) * ((1 - h1 * h1) @ matrix.T)).sum(dim=1)
            return last(h2), -trace

    field, start = Field(), torch.from_numpy(task.target)
    parameters = list(field.parameters())
    optimizer = torch_adam(parameters)
    span, options = torch.tensor([1.0, 0.0]), {"step_size": 1.0 / task.n_steps}
    integrate = odeint_adjoint if adjoint else odeint

    def run() -> list[Any]:
        optimizer.zero_grad()
        y, delta = integrate(field, (start, torch.zeros(len(start))), span, method="rk4", options=options)
        base = -0.5 * (y[-1] ** 2).sum(dim=1) - np.log(2 * np.pi)
        loss = (delta[-1] - base).mean()
        loss.backward()
        optimizer.step()
        return parameters

    return run


def torch_matching(task: FlowTask) -> Callable[[], Any] | None:
    """Return PyTorch's step of flow matching."""
    if not find_spec("torch"):
        return None
    import torch

    net = torch_net(task.net.layers)
    parameters = list(net.parameters())
    optimizer, loss_of = torch_adam(parameters), torch.nn.MSELoss()
    source, target, t = (torch.from_numpy(a) for a in (task.source, task.target, task.times[:, None]))

    def run() -> list[Any]:
        optimizer.zero_grad()
        between = (1 - t) * source + t * target
        loss_of(net(torch.cat([between, t], dim=1)), target - source).backward()
        optimizer.step()
        return parameters

    return run


def _jax_net(layers: Any, y: Any, t: Any) -> Any:
    import jax.numpy as jnp

    y = jnp.append(y, t)
    for weight, bias in layers[:-1]:
        y = jnp.tanh(weight @ y + bias)
    weight, bias = layers[-1]
    return weight @ y + bias


def diffrax_likelihood(task: FlowTask) -> Callable[[], Any] | None:
    """Return diffrax's step of maximum likelihood with the exact trace, as in its example of a flow."""
    if not find_spec("diffrax"):
        return None
    import diffrax
    import jax
    import jax.numpy as jnp

    solver = classic_rk4()

    def rates(t: Any, state: Any, layers: Any) -> Any:
        def one(y: Any) -> Any:
            rate, pull = jax.vjp(lambda y: _jax_net(layers, y, t), y)
            (jacobian,) = jax.vmap(pull)(jnp.eye(len(y)))
            return rate, -jnp.trace(jacobian)

        return jax.vmap(one)(state[0])

    def loss(layers: Any, target: Any) -> Any:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(rates), solver, 1.0, 0.0, -1.0 / task.n_steps, (target, jnp.zeros(len(target))), layers,
            max_steps=task.n_steps, saveat=diffrax.SaveAt(t1=True),
        )  # fmt: skip
        y, delta = (values[-1] for values in solution.ys)
        return jnp.mean(delta + 0.5 * (y**2).sum(axis=1) + np.log(2 * np.pi))

    return jax_step(loss, task.net.layers, task.target)


def jax_matching(task: FlowTask) -> Callable[[], Any] | None:
    """Return JAX's step of flow matching."""
    if not find_spec("jax"):
        return None
    import jax
    import jax.numpy as jnp

    def loss(layers: Any, source: Any, target: Any, t: Any) -> Any:
        between = (1 - t)[:, None] * source + t[:, None] * target
        rates = jax.vmap(lambda y, t: _jax_net(layers, y, t))(between, t)
        return jnp.mean((rates - (target - source)) ** 2)

    return jax_step(loss, task.net.layers, task.source, task.target, task.times)
