"""What tells that somebody has done what a step of the guide asks: one small condition per step."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def tolerance(entry: str) -> float:
    """Return the tolerance that an entry such as ``dopri5:1e-6`` brings along; NaN where it brings none."""
    number = entry.partition(":")[2]
    return float(number) if number and float(number) < 1 else float("nan")


def along_the_way(panel: Any) -> bool:
    """Return whether the cursor is neither near the start nor near the end of a time from 0 to 1."""
    return bool(0.2 < panel.t < 0.8)


# Each is asked about the facade of the step's panel, which is what the console calls `phase` or `flow`.
CHECKS: Mapping[str, Callable[[Any], bool]] = MappingProxyType(
    {
        "solvers/two-solvers": lambda phase: len(phase.start) > 1,
        "solvers/equal-work": lambda phase: phase.work == "evaluations",
        "solvers/order": lambda phase: "midpoint" in phase.solvers,
        "solvers/stability": lambda phase: phase.n_steps >= 31,
        "solvers/stiffness": lambda phase: max(map(tolerance, phase.solvers)) >= 1e-3,
        "solvers/adaptive": lambda phase: any(tolerance(entry) <= 1e-8 for entry in phase.solvers),
        "residual/layers": along_the_way,
        "residual/any-solver": lambda classifier: classifier.depth_steps >= 14,
        "residual/own-depth": lambda classifier: classifier.plane == "input",
        "adjoint/backprop": lambda classifier: classifier.gradient == "checkpoint",
        "adjoint/adjoint": lambda classifier: classifier.gradient == "adjoint",
        "adjoint/first-order": lambda classifier: classifier.gradient == "article",
        "adjoint/no-way-back": lambda phase: phase.t1 > 11,
        "flows/noise-to-data": along_the_way,
        "flows/change-of-variables": lambda flow: flow.upper == "mass",
        "flows/trace": along_the_way,
        "flows/matching": lambda flow: flow.sample_solver == "euler" and flow.sample_steps <= 6,
        "flows/likelihood": lambda flow: flow.show_trails,
        "flows/diffusion": lambda flow: flow.sampler == "ode",
        "augmentation/no-crossing": along_the_way,
        "augmentation/finite-sample": lambda classifier: classifier.plane == "input",
        "augmentation/lift": lambda classifier: 0 < classifier.t < 0.3,
        "augmentation/readout": lambda classifier: classifier.t > 0.95,
        "latent/any-times": lambda latent: len(latent.points) > 8,
        "latent/encoder": lambda latent: len(latent.points) < 8,
        "latent/posterior": lambda latent: latent.nudge != 0,
        "latent/beyond": lambda latent: latent.number != 52,  # that of the preset
        "latent/real": lambda latent: latent.span != "1958.2,1961",
        "dynamics/equilibria": lambda phase: phase.parameters.get("damping") == 0,
        "dynamics/limit-cycle": lambda phase: phase.parameters.get("mu", 0) >= 3,
        "dynamics/hopf": lambda phase: phase.parameters.get("mu", 1) < 0,
        "dynamics/transient": lambda phase: phase.parameters.get("b", 1) == 0,
        "dynamics/depth": along_the_way,
    }
)
