"""The metrics of a latent ODE, of one answer or of many fresh draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeviz.experiments.base import Metrics
    from nodeviz.experiments.latent_frame import ErrorView

BASELINE_METRICS = ("mse_interpolation", "mse_extrapolation", "coverage_90")
UNKNOWN = float("nan")


def metrics_of(
    errors: Sequence[ErrorView], *, elbo: float, milliseconds_first: float, milliseconds_refined: float
) -> Metrics:
    """Return the metrics that ``nodeviz list`` documents; what was not measured is NaN."""
    found = {error.name: error for error in errors}
    latent = found.get("latent")
    names = ("mse_interpolation", "mse_extrapolation", "coverage_50", "coverage_90")
    metrics: dict[str, Any] = {name: UNKNOWN if latent is None else getattr(latent, name) for name in names}
    metrics["elbo"] = elbo
    for name in ("gp", "rnn"):
        error = found.get(name)
        metrics[name] = None if error is None else {what: getattr(error, what) for what in BASELINE_METRICS}
    metrics["milliseconds_first"] = milliseconds_first
    metrics["milliseconds_refined"] = milliseconds_refined
    return metrics
