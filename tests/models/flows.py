"""What the tests of flows share: flows with weights, and the answers of generators."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from nodeviz.models.flow import METHODS, Flow, FlowSpec
from nodeviz.models.flow_training import FlowTrainer
from nodeviz.problems.targets import make_target

if TYPE_CHECKING:
    from collections.abc import Generator

T = TypeVar("T")

STEPS = {"flow-matching": 1000, "ot-flow-matching": 600, "likelihood": 100, "diffusion": 1000}
assert STEPS.keys() == METHODS.keys()


def finish(steps: Generator[None, None, T]) -> T:
    """Run a generator to its end and return its answer."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value


@cache
def trained(method: str, source: str = "gaussian", target: str = "moons") -> Flow:
    """Return a flow in float64 that has trained for some seconds, the same for all tests; not to be changed."""
    rng = np.random.default_rng(0)
    flow = Flow.init(FlowSpec(method=method, source=source, hidden=32), rng)
    trainer = FlowTrainer(flow, make_target(target).sample, rng, batch=256, steps=STEPS[method], n_steps=8)
    for _ in range(STEPS[method]):
        assert trainer.step(5e-3).ok
    return flow.astype(np.float64)


def blown_up(*, backwards: bool) -> Flow:
    """Return a flow whose points leave every bound within its time, going forwards or backwards."""
    flow = Flow.init(FlowSpec(activation="softplus", hidden=8), np.random.default_rng(0))
    flow.parameters[:] = 1e6 * np.abs(flow.parameters)
    if backwards:
        flow.net.layers[-1].both[:] *= -1.0
    return flow


def lattice(half: float, n: int) -> tuple[Any, float]:
    """Return the centres (n * n, 2) of the cells of a square about the origin, and the area of one."""
    middles = (np.arange(n) + 0.5) / n * 2.0 * half - half
    return np.stack(np.meshgrid(middles, middles), axis=-1).reshape(-1, 2), (2.0 * half / n) ** 2
