"""Runs of the latent ODE for its tests: with the weights that ship, or small ones that are trained here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.experiments.latent import LATENT
from nodeviz.experiments.latent_params import LatentParams
from nodeviz.experiments.params import change
from nodeviz.experiments.run import plain

from .training_runs import Finished, Watched, to_the_end

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.latent_frame import LatentFrame

EIGHT = "0.04,0.2; 0.13,1.05; 0.22,0.75; 0.36,-0.55; 0.47,-0.9; 0.61,0.1; 0.74,0.85; 0.9,0.15"
SMALL = {
    "weights": "fresh",
    "steps": 24,
    "batch": 8,
    "latent": 4,
    "hidden": 6,
    "dynamics": 8,
    "components": 2,
    "samples": 16,
    "refine_steps": 4,
}
TIMED = frozenset({"milliseconds_first", "milliseconds_refined"})


def params_of(**changes: Any) -> LatentParams:
    """Return parameters with changes."""
    return change(LatentParams(), changes)


def finish(seed: int = 0, **changes: Any) -> Finished[LatentFrame]:
    """Answer with the weights that ship, headless, to the end."""
    return to_the_end(LATENT, params_of(**changes), seed)


def train(seed: int = 0, **changes: Any) -> Finished[LatentFrame]:
    """Train a small model headless to the end."""
    return to_the_end(LATENT, params_of(**(SMALL | changes)), seed)


def watch(seed: int = 0, **changes: Any) -> Watched[LatentFrame]:
    """Start a run that somebody looks at."""
    return Watched(LATENT, params_of(**changes), seed)


def random_points(n: int, seed: int = 0, channels: int = 1) -> FloatArray:
    """Return ``n`` rows of a time and values."""
    rng = np.random.default_rng(seed)
    return np.column_stack([np.sort(rng.random(n)), rng.standard_normal((n, channels))])


def untimed(metrics: Any) -> Any:
    """Return metrics as JSON without the times, which differ from run to run."""
    return {key: value for key, value in plain(metrics).items() if key not in TIMED}
