"""What the peers' training steps share: networks with our weights, their step of Adam, and their gradients."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.engine.layers import Dense

LR = 1e-3
BETAS = (0.9, 0.999)


def flat(layers: Sequence[tuple[Any, Any]]) -> FloatArray:
    """Return weights (out, in) and biases (out,) as one vector, [W b] row after row."""
    return np.concatenate([np.column_stack([np.asarray(weight), np.asarray(bias)]).ravel() for weight, bias in layers])


def torch_net(layers: Sequence[Dense]) -> Any:
    """Return PyTorch's network of these layers with tanh between."""
    import torch
    from torch import nn

    torch.set_num_threads(1)
    modules: list[Any] = []
    for layer in layers:
        linear = nn.Linear(layer.weight.shape[1], layer.weight.shape[0])
        with torch.no_grad():
            linear.weight.copy_(torch.from_numpy(layer.weight.copy()))
            linear.bias.copy_(torch.from_numpy(layer.bias.copy()))
        modules += [linear, nn.Tanh()]
    return nn.Sequential(*modules[:-1])


def torch_adam(parameters: list[Any]) -> Any:
    """Return PyTorch's Adam; the fused one is the fastest of its three."""
    import torch

    return torch.optim.Adam(parameters, lr=LR, betas=BETAS, fused=True)


def torch_gradient(parameters: list[Any]) -> FloatArray:
    """Return the gradient that PyTorch's step left behind."""
    grads = [parameter.grad.numpy() for parameter in parameters]
    return flat(list(zip(grads[::2], grads[1::2], strict=True)))


def jax_step(loss: Callable[..., Any], layers: Sequence[Dense], *batch: FloatArray) -> Callable[[], Any]:
    """Return a compiled step of Adam on loss(layers, *batch) in float32; it returns Adam's first means."""
    import jax
    import jax.numpy as jnp

    jax.config.update("jax_enable_x64", False)

    def step(layers: Any, means: Any, squares: Any, count: Any, batch: Any) -> Any:
        grads = jax.grad(loss)(layers, *batch)
        count = count + 1
        means = jax.tree.map(lambda m, g: BETAS[0] * m + (1 - BETAS[0]) * g, means, grads)
        squares = jax.tree.map(lambda v, g: BETAS[1] * v + (1 - BETAS[1]) * g * g, squares, grads)
        rate, lack = LR / (1 - BETAS[0] ** count), 1 - BETAS[1] ** count
        layers = jax.tree.map(lambda p, m, v: p - rate * m / (jnp.sqrt(v / lack) + 1e-8), layers, means, squares)
        return layers, means, squares, count

    first = tuple((jnp.array(layer.weight), jnp.array(layer.bias)) for layer in layers)
    zeros = jax.tree.map(jnp.zeros_like, first)
    state, compiled, data = (first, zeros, zeros, jnp.float32(0)), jax.jit(step), jax.device_put(batch)

    def run() -> Any:
        nonlocal state
        state = jax.block_until_ready(compiled(*state, data))
        return state[1]

    return run


def jax_gradient(means: Any) -> FloatArray:
    """Return the gradient from Adam's means after the first step."""
    return flat(means) / (1 - BETAS[0])
