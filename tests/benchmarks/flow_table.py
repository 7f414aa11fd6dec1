"""``python -m tests.benchmarks.flow_table [target ...] [--method NAME ...]`` trains flows and prints how each does.

Seconds are those of the processor, so that other programs do not count; all work is on one core.
"""

from __future__ import annotations

import argparse
import os
import sys
from dataclasses import dataclass
from time import process_time
from typing import TYPE_CHECKING, Any, TypeVar

for _name in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np  # noqa: E402

from nodeviz.models import flow_measures as measures  # noqa: E402
from nodeviz.models.flow import METHODS, Flow, FlowSpec  # noqa: E402
from nodeviz.models.flow_training import PLANS, FlowTrainer  # noqa: E402
from nodeviz.models.transport import wasserstein2  # noqa: E402
from nodeviz.problems.sources import SOURCES  # noqa: E402
from nodeviz.problems.targets import TARGETS, make_target  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence

    from nodeviz.problems.targets import Target

T = TypeVar("T")

HELD_OUT, TRANSPORTED, CELLS = 20_000, 1_024, 160
FINE = {"method": "rk4", "n_steps": 40}  # of measures
TOYS = tuple(name for name, kind in TARGETS.items() if not kind.needs)


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One trained flow: what it is, what training took, and its measures; log-likelihoods in nats."""

    target: str
    source: str
    method: str
    steps: int
    seconds: float
    mean_log_prob: float
    error: float
    bound: float
    mass: float
    wasserstein2: float
    floor: float
    path_energy: float
    nfe: float
    inversion_error: float


def finish(steps: Generator[None, None, T]) -> T:
    """Run a generator to its end and return its answer."""
    while True:
        try:
            next(steps)
        except StopIteration as stop:
            return stop.value  # type: ignore[no-any-return]


def train(target: Target, spec: FlowSpec, *, steps: int, lr: float, seed: int, **options: Any) -> tuple[Flow, float]:
    """Return a trained flow and the seconds it took."""
    rng = np.random.default_rng(seed)
    flow = Flow.init(spec, rng)
    started = process_time()
    trainer = FlowTrainer(flow, target.sample, rng, steps=steps, **options)
    for _ in range(steps):
        info = trainer.step(lr)
        if not info.ok:
            raise RuntimeError(info.message)
    return flow, process_time() - started


def measure(target: Target, flow: Flow, *, steps: int, seconds: float, seed: int) -> Row:
    """Return all that the table says of a flow."""
    rng = np.random.default_rng([seed, 1])
    held_out = finish(measures.held_out_steps(flow, target, target.sample(HELD_OUT, rng), **FINE))
    z0, x, y = flow.source.sample(TRANSPORTED, rng), target.sample(TRANSPORTED, rng), target.sample(TRANSPORTED, rng)
    ends = finish(flow.paths_steps(z0, (0.0, 1.0), **FINE)).ys[-1]
    energy = finish(measures.path_energy_steps(flow, z0))
    return Row(
        target=target.name,
        source=flow.spec.source,
        method=flow.spec.method,
        steps=steps,
        seconds=seconds,
        mean_log_prob=held_out.mean,
        error=held_out.error,
        bound=float("nan") if target.entropy_bound is None else target.entropy_bound,
        mass=mass(target, flow),
        wasserstein2=wasserstein2(ends.astype(np.float64), x),
        floor=wasserstein2(y, x),
        path_energy=measures.normalised_path_energy(energy, wasserstein2(z0, x) ** 2),
        nfe=finish(measures.nfe_steps(flow, z0)),
        inversion_error=finish(measures.inversion_error_steps(flow, x, **FINE)),
    )


def mass(target: Target, flow: Flow) -> float:
    """Return the sum of the density at t = 1 times the cell's area, over the target's view and half as much around."""
    x0, x1, y0, y1 = np.array(target.view) * 1.5
    x, y = ((np.arange(CELLS) + 0.5) / CELLS * (high - low) + low for low, high in ((x0, x1), (y0, y1)))
    points = np.stack(np.meshgrid(x, y), axis=-1).reshape(-1, 2)
    density = np.exp(finish(flow.log_prob_steps(points, **FINE)).log_prob)
    return float(np.nansum(density) * (x1 - x0) * (y1 - y0) / CELLS**2)


HEADER = (
    "| target | source | method | steps | s | ms/step | log p | ± | bound | gap | mass | W2 | floor | path energy "
    "| NFE | inversion error |\n|---|---|---|" + "--:|" * 13
)


def line(row: Row) -> str:
    """Return a row of the table as Markdown."""
    fields = (
        *(row.target, row.source, row.method, f"{row.steps}", f"{row.seconds:.1f}"),
        *(f"{row.seconds / row.steps * 1e3:.2f}", f"{row.mean_log_prob:.4f}", f"{row.error:.4f}"),
        *(f"{row.bound:.4f}", f"{row.bound - row.mean_log_prob:.4f}", f"{row.mass:.4f}", f"{row.wasserstein2:.3f}"),
        *(f"{row.floor:.3f}", f"{row.path_energy:.3f}", f"{row.nfe:.0f}", f"{row.inversion_error:.1e}"),
    )
    return f"| {' | '.join(fields)} |"


def main(arguments: Sequence[str] | None = None) -> int:
    """Train and measure the flows asked for, by default every toy target by every method."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.flow_table", description=__doc__)
    parser.add_argument("targets", nargs="*", metavar="target", help=f"of {', '.join(TOYS)}; all by default")
    parser.add_argument("--method", action="append", choices=METHODS, help="may be given again; all by default")
    parser.add_argument("--source", default="gaussian", choices=SOURCES)
    parser.add_argument("--share", type=float, default=1.0, help="of each method's own number of steps (default 1)")
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.targets if name not in TOYS]
    if unknown:
        parser.error(f"unknown target {unknown[0]!r}; use one of {', '.join(TOYS)}")
    print(HEADER)
    for name in asked.targets or TOYS:
        target = make_target(name)
        for method in asked.method or METHODS:
            if method == "diffusion" and asked.source != "gaussian":
                continue  # it starts from the Gaussian alone
            spec, steps = FlowSpec(method=method, source=asked.source), max(1, round(asked.share * PLANS[method].steps))
            flow, seconds = train(target, spec, steps=steps, lr=PLANS[method].lr, seed=asked.seed)
            print(line(measure(target, flow, steps=steps, seconds=seconds, seed=asked.seed)), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
