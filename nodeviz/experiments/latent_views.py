"""Answers as a frame shows them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.experiments.latent_answer import errors_of
from nodeviz.experiments.latent_frame import AnswerView, BaselineView

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.latent_answer import Answer
    from nodeviz.experiments.latent_baselines import Normal
    from nodeviz.experiments.latent_frame import ErrorView
    from nodeviz.experiments.latent_seen import Seen

UNKNOWN = float("nan")


def answer_view(
    seen: Seen,
    answer: Answer,
    *,
    elbos: Sequence[float],
    refining: bool,
    refine_step: int,
    converged: bool,
    milliseconds: tuple[float, float],
    edit: int,
) -> AnswerView:
    """Return the view of an answer; ``milliseconds`` are those to the first answer and to the refined one."""
    t, _ = seen.scaling.from_model(seen.s, np.zeros((1, seen.given.series.channels)))
    half, most = (freeze(edges) for edges in answer.function)
    observed_half, observed_most = (freeze(edges) for edges in answer.observed)
    return AnswerView(
        stage="refined" if refine_step else "first",
        t=freeze(t),
        mean=freeze(answer.mean),
        band50=half,
        band90=most,
        observed50=observed_half,
        observed90=observed_most,
        samples=freeze(answer.samples),
        nudged=freeze(answer.nudged),
        noise=freeze(answer.noise),
        elbo=answer.elbo,
        kl=answer.kl,
        elbos=freeze(np.array(elbos)),
        refining=refining,
        refine_step=refine_step,
        converged=converged,
        milliseconds_first=milliseconds[0],
        milliseconds_refined=milliseconds[1] if refine_step else UNKNOWN,
        edit=edit,
    )


def baseline_view(name: str, seen: Seen, found: Normal, edit: int) -> BaselineView:
    """Return the view of what a baseline says of the times drawn, the first ones that it was asked for."""
    scaling, count = seen.scaling, len(seen.s)
    channels = seen.given.series.channels
    mean = together(found.mean[:count], channels)
    half, most = (together(edges, channels) for edges in found.edges[:, :, :count])
    t, _ = scaling.from_model(seen.s, np.zeros((1, channels)))
    return BaselineView(
        name=name,
        t=freeze(t),
        mean=freeze(scaling.centre + scaling.scale * mean),
        band50=freeze(scaling.centre + scaling.scale * half),
        band90=freeze(scaling.centre + scaling.scale * most),
        noise=freeze(scaling.scale * together(found.noise, channels)),
        edit=edit,
        note=found.note,
    )


def errors_held(name: str, seen: Seen, view: BaselineView, found: Normal) -> ErrorView | None:
    """Return the errors of a baseline, as those of the answer: against the function, or on what is held out."""
    scaling, count, channels = seen.scaling, len(seen.s), seen.given.series.channels
    if seen.given.truth is not None:
        edges = np.stack([view.band50, view.band90])
        return errors_of(name, seen.places(seen.s), seen.view.truth, view.mean, edges)
    if not len(seen.held_s):
        return None
    mean, edges = together(found.mean[count:], channels), together(found.observed[:, :, count:], channels)
    target = scaling.centre + scaling.scale * seen.held_x
    mean, edges = (scaling.centre + scaling.scale * part for part in (mean, edges))
    return errors_of(name, seen.places(seen.held_s), target, mean, edges)


def together(values: FloatArray, channels: int) -> FloatArray:
    """Return values (..., C, B) of series that share the channels, as (..., channels)."""
    return values.swapaxes(-1, -2).reshape(*values.shape[:-2], -1)[..., :channels]
