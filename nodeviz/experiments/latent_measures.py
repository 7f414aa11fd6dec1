"""The metrics of a latent ODE, of one answer or of many fresh draws."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from nodeviz.experiments.base import Metrics
    from nodeviz.experiments.latent_frame import ErrorView

METRICS = ("mse_interpolation", "mse_extrapolation", "coverage_50", "coverage_90")
BASELINE_METRICS = ("mse_interpolation", "mse_extrapolation", "coverage_90")
UNKNOWN = float("nan")


def metrics_of(
    errors: Sequence[ErrorView],
    *,
    elbo: float,
    milliseconds_first: float,
    milliseconds_refined: float,
    held_out: Mapping[str, object],
) -> Metrics:
    """Return the metrics that ``nodeviz list`` documents; what was not measured is NaN."""
    found = {error.name: errors_as_json(error) for error in errors}
    metrics: dict[str, Any] = dict(found.get("latent", dict.fromkeys(METRICS, UNKNOWN)))
    metrics["elbo"] = elbo
    for name in ("gp", "rnn"):
        error = found.get(name)
        metrics[name] = None if error is None else {what: error[what] for what in BASELINE_METRICS}
    metrics["milliseconds_first"] = milliseconds_first
    metrics["milliseconds_refined"] = milliseconds_refined
    metrics["held_out"] = dict(held_out) or None
    return metrics


def errors_as_json(error: ErrorView) -> dict[str, float]:
    """Return the errors of one model by their names."""
    return {name: getattr(error, name) for name in METRICS}
