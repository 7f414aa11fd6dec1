"""What an answer shows: words made from the numbers, and from nothing else."""

from __future__ import annotations

from math import isfinite
from types import MappingProxyType
from typing import TYPE_CHECKING

from nodeviz.experiments.params import short

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeviz.experiments.latent_frame import AnswerView, DrawsView, ErrorView, ModelView, SeriesView

CALLED = MappingProxyType({"latent": "latent ODE", "gp": "Gaussian process", "rnn": "RNN"})


def what_the_answer_shows(
    series: SeriesView, answer: AnswerView, errors: Sequence[ErrorView], draws: DrawsView, model: ModelView
) -> str:
    """Return what is seen in one to three sentences; empty where nothing has been answered."""
    parts = [_of_training(model), _of_answer(series, answer), _of_errors(errors), _of_draws(draws)]
    return " ".join(filter(None, parts))


def _of_training(model: ModelView) -> str:
    if model.message or not model.steps:
        return model.message
    loss = f", loss {number(model.loss)}" if isfinite(model.loss) else ""
    return f"Training step {model.step} of {model.steps}{loss}."


def _of_answer(series: SeriesView, answer: AnswerView) -> str:
    if not answer.stage:
        return ""
    used = int(series.used.sum())
    if not used:
        return "No observations: what is shown is the prior."
    counted = f"{used} observation{'s' if used > 1 else ''}"
    left = int(series.held.sum())
    held = f" ({left} held out)" if left else ""
    noise = ", ".join(number(value) for value in answer.noise)
    milliseconds = answer.milliseconds_first if answer.stage == "first" else answer.milliseconds_refined
    steps = f"{answer.refine_step} step{'s' if answer.refine_step > 1 else ''}"
    how = "at once" if answer.stage == "first" else f"refined in {steps}{' until converged' * answer.converged}"
    return f"{counted}{held}, noise {noise}, ELBO {number(answer.elbo)} nats, {how}, {milliseconds:.0f} ms."


def _of_errors(errors: Sequence[ErrorView]) -> str:
    known = [(error, error.mse_interpolation) for error in errors if isfinite(error.mse_interpolation)]
    where = "between the observations"
    if not known:
        known = [(error, error.mse_extrapolation) for error in errors if isfinite(error.mse_extrapolation)]
        where = "beyond the observations"
    if not known:
        return ""
    each = ", ".join(f"{CALLED[error.name]} {number(value)}" for error, value in known)
    return f"Mean square error {where}: {each}."


def _of_draws(draws: DrawsView) -> str:
    if not draws.count:
        return ""
    if not draws.errors:
        return f"{draws.count} fresh draws: {100 * draws.done:.0f} % done."
    parts = [
        f"{CALLED[error.name]} {number(error.mse_interpolation)} within and {number(error.mse_extrapolation)} beyond"
        for error in draws.errors
    ]
    covered = f"{100 * draws.errors[0].coverage_90:.0f} % lie within the 90 % band"
    return f"Mean square error over {draws.count} draws: {'; '.join(parts)}. {covered}."


def number(value: float) -> str:
    """Return a number with three digits, with a true minus."""
    return short(float(f"{value:.3g}")).replace("-", "−") if isfinite(value) else "unknown"
