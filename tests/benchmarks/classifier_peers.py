"""Peers that train the same classifier: the step of a batch, as their manuals write it.

Each function returns a call that takes one training step and returns what `network_peers` makes the gradient from, or
None where the peer is not installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import numpy as np

from .network_peers import jax_step, torch_adam, torch_net
from .peers import classic_rk4

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nodeviz.engine.arrays import FloatArray, IntArray
    from nodeviz.engine.layers import Dense
    from nodeviz.models.depth import DepthClassifier


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A batch of points, a model before its first step, and how its ODE is solved from 0 to 1."""

    X: FloatArray
    labels: IntArray
    model: DepthClassifier
    n_steps: int

    @property
    def layers(self) -> Sequence[Dense]:
        """The layers of the field, then the readout."""
        return (*self.model.field.layers, *self.model.readout.layers)

    @property
    def states(self) -> FloatArray:
        """The batch with the further dimensions of the model, (B, D)."""
        return self.model.lift(self.X)


def torchdiffeq_step(task: Task, *, adjoint: bool) -> Callable[[], Any] | None:
    """Return torchdiffeq's step, through the stored graph or by its continuous adjoint."""
    if not (find_spec("torch") and find_spec("torchdiffeq")):
        return None
    import torch
    from torch import nn
    from torchdiffeq import odeint, odeint_adjoint

    class Field(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.net = torch_net(task.layers[:-1])

        def forward(self, _t: Any, y: Any) -> Any:
            return self.net(y)

    field, readout = Field(), torch_net(task.layers[-1:])
    parameters = [*field.parameters(), *readout.parameters()]
    optimizer, loss_of = torch_adam(parameters), nn.BCEWithLogitsLoss()
    states, labels = torch.from_numpy(task.states), torch.from_numpy(task.labels.astype(np.float32))
    times, options = torch.tensor([0.0, 1.0]), {"step_size": 1.0 / task.n_steps}
    integrate = odeint_adjoint if adjoint else odeint

    def run() -> list[Any]:
        optimizer.zero_grad()
        ended = integrate(field, states, times, method="rk4", options=options)[-1]
        loss_of(readout(ended).squeeze(1), labels).backward()
        optimizer.step()
        return parameters

    return run


def diffrax_step(task: Task, adjoint: str, *, columns: bool = False) -> Callable[[], Any] | None:
    """Return diffrax's step, compiled, with the named way to differentiate.

    The batch is in rows, as in its manual, or in columns, as ours is.
    """
    if not find_spec("diffrax"):
        return None
    import diffrax
    import jax.numpy as jnp

    solver, how = classic_rk4(), getattr(diffrax, adjoint)()

    def affine(layer: Any, y: Any) -> Any:
        weight, bias = layer
        return weight @ y + bias[:, None] if columns else y @ weight.T + bias

    def field(_t: Any, y: Any, layers: Any) -> Any:
        for layer in layers[:-1]:
            y = jnp.tanh(affine(layer, y))
        return affine(layers[-1], y)

    def loss(layers: Any, states: Any, labels: Any) -> Any:
        solution = diffrax.diffeqsolve(
            diffrax.ODETerm(field), solver, 0.0, 1.0, 1.0 / task.n_steps, states, layers[:-1],
            adjoint=how, max_steps=task.n_steps, saveat=diffrax.SaveAt(t1=True),
        )  # fmt: skip
        logits = affine(layers[-1], solution.ys[-1]).reshape(-1)
        return jnp.mean(jnp.maximum(logits, 0) - logits * labels + jnp.log1p(jnp.exp(-jnp.abs(logits))))

    states = task.states.T.copy() if columns else task.states
    return jax_step(loss, task.layers, states, task.labels.astype(np.float32))
