"""W3: training steps of the classifier, and what a long solve takes of memory.

``python -m tests.benchmarks.classifier_steps [--n-steps 2000]`` prints the memory, each contender in a process of its
own; the times are rows of ``python -m tests.benchmarks``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.models.depth import DepthClassifier
from nodeviz.models.spec import PLANE, ModelSpec
from nodeviz.models.training import Trainer
from nodeviz.problems.datasets import DATASETS

from . import classifier_peers as peers
from .harness import OURS, Workload, present
from .network_peers import LR, jax_gradient, torch_gradient

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nodeviz.engine.arrays import FloatArray

BATCH = 512
WAYS: Mapping[str, Callable[[peers.Task], Callable[[], Any] | None]] = {
    f"{OURS} checkpoint": lambda task: nodeviz_step(task, "checkpoint"),
    f"{OURS} backprop": lambda task: nodeviz_step(task, "backprop"),
    "torchdiffeq": lambda task: peers.torchdiffeq_step(task, adjoint=False),
    "diffrax": lambda task: peers.diffrax_step(task, "RecursiveCheckpointAdjoint"),
}


def make_task(dim: int, n_steps: int, batch: int = BATCH) -> peers.Task:
    """Return a batch of circles and a classifier dim-32-32-dim with tanh between."""
    rng = np.random.default_rng(0)
    X, labels = DATASETS["circles"].make(batch, 2, 0.0, rng)
    spec = (
        ModelSpec(kind="node", activation="tanh")
        if dim == PLANE
        else ModelSpec(kind="anode", augment=dim - PLANE, activation="tanh")
    )
    model = DepthClassifier.init(spec, rng)
    return peers.Task(X=X.astype(np.float32), labels=labels, model=model, n_steps=n_steps)


def nodeviz_step(task: peers.Task, mode: str) -> Callable[[], FloatArray]:
    """Return our step; it returns the gradient."""
    model = task.model.astype(np.float32)  # a copy
    trainer = Trainer(model, method="rk4", n_steps=task.n_steps, gradient=mode)

    def run() -> FloatArray:
        trainer.step(task.X, task.labels, LR)
        return trainer.grad

    return run


def _gradient(name: str, returned: Any) -> FloatArray:
    if name.startswith("diffrax"):
        return jax_gradient(returned)
    return torch_gradient(returned) if name.startswith("torchdiffeq") else returned.copy()


def _workload(task: peers.Task, name: str, mode: str, targets: Mapping[str, float], **others: Any) -> Workload:
    return Workload(
        name=name,
        title=f"classifier step, {task.states.shape[1]}-32-32, RK4 x {task.n_steps}, {mode}",
        contenders=present({OURS: nodeviz_step(task, mode), **others}),
        answer=_gradient,
        # float32, and torchdiffeq's rk4 is the 3/8 rule; the adjoint errs by an order of the step besides.
        tolerance=1e-5,
        targets=targets,
    )


def discrete_step(dim: int, mode: str, targets: Mapping[str, float], n_steps: int = 20, batch: int = BATCH) -> Workload:
    """W3a: a training step by an exact mode."""
    task = make_task(dim, n_steps, batch)
    return _workload(
        task,
        "W3a" if n_steps == 20 else "W3",
        mode,
        targets,
        torchdiffeq=peers.torchdiffeq_step(task, adjoint=False),
        # The other of diffrax's two, DirectAdjoint, takes twice as long.
        diffrax=peers.diffrax_step(task, "RecursiveCheckpointAdjoint"),
        **{"diffrax, batch in columns": peers.diffrax_step(task, "RecursiveCheckpointAdjoint", columns=True)},
    )


def adjoint_step(dim: int, n_steps: int = 20, batch: int = BATCH) -> Workload:
    """W3b: a training step by the continuous adjoint, solved backwards."""
    task = make_task(dim, n_steps, batch)
    return _workload(
        task,
        "W3b",
        "adjoint",
        {"torchdiffeq": 3.5, "diffrax": 1.3},
        torchdiffeq=peers.torchdiffeq_step(task, adjoint=True),
        diffrax=peers.diffrax_step(task, "BacksolveAdjoint"),
        **{"diffrax, batch in columns": peers.diffrax_step(task, "BacksolveAdjoint", columns=True)},
    )


def extra_megabytes(way: str, n_steps: int) -> float | None:
    """Return by how much one step with ``n_steps`` raises the peak of this process above that of a single RK4 step."""
    short, long = WAYS[way](make_task(PLANE, 1)), WAYS[way](make_task(PLANE, n_steps))
    if short is None or long is None:
        return None
    short()
    before = _peak()
    long()
    return _peak() - before


def _peak() -> float:
    """Return the largest resident size of this process so far, in MB."""
    import resource  # not on Windows, where the times alone are measured

    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size / 1e6 if sys.platform == "darwin" else size * 1024 / 1e6


def main() -> int:
    """Print the extra memory of each way, measured in a process of its own."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.classifier_steps", description=__doc__)
    parser.add_argument("--n-steps", type=int, default=2000)
    parser.add_argument("--way", choices=WAYS, help="this one alone, as a number in MB")
    options = parser.parse_args()
    if options.way:
        print(extra_megabytes(options.way, options.n_steps))
        return 0
    print("| way | extra memory, MB |\n|---|--:|")
    for way in WAYS:
        command = [sys.executable, "-m", "tests.benchmarks.classifier_steps", "--way", way]
        command += ["--n-steps", str(options.n_steps)]
        figure = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
        print(f"| {way} | {figure if figure == 'None' else f'{float(figure):.0f}'} |")
    return 0


if __name__ == "__main__":
    sys.exit(main())
