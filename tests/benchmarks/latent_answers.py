"""How much computing an edit of the latent ODE takes until its first answer and its refined one; prints a table.

``python -m tests.benchmarks.latent_answers [--edits 40]``: without a window, on the thread of this process; see
``tests.benchmarks.latent_edits`` for what a user waits. Times are those of the thread, in ms.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
sys.path.insert(0, str(Path(__file__).parents[1]))  # what tests share

import numpy as np  # isort: skip - the number of threads comes first

from experiments.training_runs import Watched

from nodeviz.experiments.latent import LATENT
from nodeviz.experiments.latent_params import LatentParams
from nodeviz.experiments.params import change

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

POINTS = (1, 3, 8, 20, 60, 200, 350)
PERCENTILES = (50, 90, 99, 100)


def edits(points: int, count: int, channels: int = 1) -> Iterable[dict[str, Any]]:
    """Yield random observations."""
    rng = np.random.default_rng(points)
    for _ in range(count):
        yield {"points": np.column_stack([np.sort(rng.random(points)), rng.standard_normal((points, channels))])}


def measure(label: str, changes: Iterable[dict[str, Any]], **fixed: Any) -> None:
    """Print one row: of first answers, of refined ones, and of the pauses between two yields."""
    run = Watched(LATENT, change(LatentParams(), fixed))
    run.rest()
    run.gaps.clear()
    first, refined = [], []
    for changed in changes:
        begun, count = len(run.gaps), len(run.frames)
        run.change(**changed)
        while len(run.frames) == count:
            run.next()
        first.append(sum(run.gaps[begun:]))
        run.rest()
        refined.append(sum(run.gaps[begun:]))
    columns = [
        " ".join(f"{np.percentile(taken, at):6.3g}" for at in PERCENTILES) for taken in (first, refined, run.gaps)
    ]
    print(f"{label:24s} | {' | '.join(columns)}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure edits of few and of many points."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.latent_answers")
    parser.add_argument("--edits", type=int, default=40)
    count = parser.parse_args(arguments).edits
    heads = (f"{head}, p{'/'.join(map(str, PERCENTILES))}" for head in ("first answer", "refined", "pauses"))
    print(f"{'':24s} | {' | '.join(f'{head:27s}' for head in heads)}")
    for points in POINTS:
        measure(f"{points} points", edits(points, count))
    measure("8 points, 512 samples", edits(8, count), samples=512)
    measure("8 points and a GP", edits(8, count), baselines="gp")
    measure("20 points, 4 channels", edits(20, count, 4))
    measure("a coordinate moved", ({"nudge": x} for x in np.linspace(-2.0, -0.1, count)), **next(iter(edits(8, 1))))


if __name__ == "__main__":
    main()
