"""Peers that train the same latent ODE: the step of a batch, as their manuals write it.

Each function returns a call that takes one training step and returns what its gradient is made from, or None where the
peer is not installed.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.engine.layers import Dense

from .network_peers import flat, jax_step, torch_adam, torch_net

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.models.latent import LatentODE


@dataclass(frozen=True, slots=True, kw_only=True)
class LatentTask:
    """A batch of series of one channel, and a model before its first step, whose grid has a node at every time.

    Attributes
    ----------
    times : (N,) evenly spaced from 0 on, of all series
    values : (N, B)
    eps : (L, B) for the samples of the posteriors
    """

    times: FloatArray
    values: FloatArray
    eps: FloatArray
    model: LatentODE

    @property
    def layers(self) -> Sequence[Dense]:
        """All parameters in the order of the model's vector; the noise as a layer without inputs."""
        model = self.model
        noise = Dense(model.log_noise[:, None], np.empty((1, 0), np.float32), model.log_noise)
        nets = model.head.layers, model.dynamics.layers, model.decoder.layers
        return (*model.field.layers, model.gru.input, model.gru.recurrent, *(la for net in nets for la in net), noise)

    @property
    def inputs(self) -> FloatArray:
        """What the encoder sees, (N, B, 2)."""
        return np.stack([np.broadcast_to(self.times[:, None], self.values.shape), self.values], axis=2)


def _torch_gru(task: LatentTask) -> Any:
    """Return PyTorch's cell: its gates are r, z = 1 - u, n in this order."""
    import torch
    from torch import nn

    cell, ours = nn.GRUCell(2, task.model.spec.hidden), task.model.gru
    n_in, u_in, r_in = np.split(ours.input.both, 3)
    u_h, r_h, n_h = np.split(ours.recurrent.both, 3)
    with torch.no_grad():
        for (weight, bias), rows in (
            ((cell.weight_ih, cell.bias_ih), (r_in, -u_in, n_in)), ((cell.weight_hh, cell.bias_hh), (r_h, -u_h, n_h))
        ):  # fmt: skip
            both = torch.from_numpy(np.concatenate(rows))
            weight.copy_(both[:, :-1])
            bias.copy_(both[:, -1])
    return cell


def _rk4(field: Callable[[Any], Any], z: Any, dt: float) -> Any:
    k1 = field(z)
    k2 = field(z + 0.5 * dt * k1)
    k3 = field(z + 0.5 * dt * k2)
    k4 = field(z + dt * k3)
    return z + (dt / 6.0) * (k1 + 2.0 * (k2 + k3) + k4)


def torch_step(task: LatentTask) -> Callable[[], Any] | None:
    """Return PyTorch's step."""
    if not find_spec("torch"):
        return None
    import torch

    model = task.model
    field, head, dynamics, decoder = (
        torch_net(net.layers) for net in (model.field, model.head, model.dynamics, model.decoder)
    )
    gru, log_noise = _torch_gru(task), torch.nn.Parameter(torch.from_numpy(model.log_noise.copy()))
    nets = field, gru, head, dynamics, decoder
    optimizer = torch_adam([*(p for net in nets for p in net.parameters()), log_noise])
    inputs, eps = torch.from_numpy(task.inputs), torch.from_numpy(task.eps.T.copy())
    values, dt = torch.from_numpy(task.values), float(task.times[1])

    def loss() -> Any:
        h = torch.zeros(len(eps), model.spec.hidden)
        for i in range(len(inputs) - 1, -1, -1):
            h = gru(inputs[i], h)
            if i > 0:
                h = h + dt * field(h)
        mean, log_sd = head(h).chunk(2, dim=1)
        z = mean + log_sd.exp() * eps
        path = [z]
        for _ in range(len(inputs) - 1):
            z = _rk4(dynamics, z, dt)
            path.append(z)
        residual = (decoder(torch.stack(path)).squeeze(2) - values) * (-log_noise).exp()
        misses = (0.5 * residual**2).sum() + values.numel() * (log_noise.sum() + 0.5 * np.log(2 * np.pi))
        kl = (0.5 * (mean**2 + (2 * log_sd).exp() - 1) - log_sd).sum()
        return (misses + kl) / len(eps)

    def run() -> Any:
        optimizer.zero_grad()
        loss().backward()
        optimizer.step()
        return nets, log_noise

    return run


def torch_latent_gradient(found: Any) -> FloatArray:
    """Return the gradient that PyTorch's step left behind, in the order of our vector."""
    (field, gru, *nets), log_noise = found

    def pairs(net: Any) -> list[tuple[Any, Any]]:
        grads = [parameter.grad.numpy() for parameter in net.parameters()]
        return list(zip(grads[::2], grads[1::2], strict=True))

    r_in, z_in, n_in = np.split(np.column_stack([gru.weight_ih.grad, gru.bias_ih.grad]), 3)
    r_h, z_h, n_h = np.split(np.column_stack([gru.weight_hh.grad, gru.bias_hh.grad]), 3)
    cell = np.concatenate([part.ravel() for part in (n_in, -z_in, r_in, -z_h, r_h, n_h)])
    rest = [flat(pairs(net)) for net in nets]
    return np.concatenate([flat(pairs(field)), cell, *rest, log_noise.grad.numpy()])


def jax_latent_step(task: LatentTask, *, unroll: bool = False) -> Callable[[], Any] | None:
    """Return JAX's step, compiled; its loops are scans, rolled out where ``unroll``."""
    if not find_spec("jax"):
        return None
    import jax
    import jax.numpy as jnp

    sizes = [len(net.layers) for net in (task.model.field, task.model.head, task.model.dynamics, task.model.decoder)]
    dt, hidden, rolled = float(task.times[1]), task.model.spec.hidden, len(task.times) if unroll else 1

    def net(layers: Any, x: Any) -> Any:
        for weight, bias in layers[:-1]:
            x = jnp.tanh(x @ weight.T + bias)
        weight, bias = layers[-1]
        return x @ weight.T + bias

    def gru(of_input: Any, recurrent: Any, h: Any) -> Any:
        weight, bias = recurrent
        x_n, x_u, x_r = jnp.split(of_input, 3, axis=1)
        h_u, h_r, h_n = jnp.split(h @ weight.T + bias, 3, axis=1)
        n = jnp.tanh(x_n + jax.nn.sigmoid(x_r + h_r) * h_n)
        return h + jax.nn.sigmoid(x_u + h_u) * (n - h)

    def loss(layers: Any, inputs: Any, values: Any, eps: Any) -> Any:
        ends = np.cumsum([0, sizes[0], 2, *sizes[1:]]).tolist()
        field, cell, head, dynamics, decoder = (layers[a:b] for a, b in pairwise(ends))
        ((log_noise),) = layers[-1][1:]
        of_inputs = inputs @ cell[0][0].T + cell[0][1]  # without a loop

        def back(h: Any, of_input: Any) -> Any:
            return gru(of_input, cell[1], h + dt * net(field, h)), None

        h = gru(of_inputs[-1], cell[1], jnp.zeros((eps.shape[0], hidden)))
        h, _ = jax.lax.scan(back, h, of_inputs[:-1], reverse=True, unroll=rolled)
        mean, log_sd = jnp.split(net(head, h), 2, axis=1)

        def ahead(z: Any, _: Any) -> Any:
            z = _rk4(lambda z: net(dynamics, z), z, dt)
            return z, z

        z0 = mean + jnp.exp(log_sd) * eps
        _, path = jax.lax.scan(ahead, z0, None, length=len(values) - 1, unroll=rolled)
        curve = net(decoder, jnp.concatenate([z0[None], path]))[:, :, 0]
        residual = (curve - values) * jnp.exp(-log_noise)
        misses = jnp.sum(0.5 * residual**2) + values.size * (jnp.sum(log_noise) + 0.5 * np.log(2 * np.pi))
        kl = jnp.sum(0.5 * (mean**2 + jnp.exp(2 * log_sd) - 1) - log_sd)
        return (misses + kl) / eps.shape[0]

    return jax_step(loss, task.layers, task.inputs, task.values, task.eps.T.copy())
