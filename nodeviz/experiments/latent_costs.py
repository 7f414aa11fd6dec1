"""How long a training step of a latent ODE takes, by estimates that are the same on any machine."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from nodeviz.experiments.costs import too_much
from nodeviz.experiments.latent_data import family_of
from nodeviz.experiments.latent_models import spec_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeviz.experiments.latent_params import LatentParams

LONGEST = 0.04  # seconds of a training step
GRID = 0.05  # model time between the values of a curve that is seen whole
WIDTHS = (128, 128)  # of the encoder of whole curves
MOST_SEEN = 40  # observations that the encoder is trained on
BLAMED = ("batch", "dynamics", "hidden", "latent")

# Seconds, measured on one core with float32: of a product there and back, per series; of the calls of an evaluation
# there and back, and of an observation.
_PRODUCT, _CALLS, _OBSERVATION = 1.6e-10, 1.2e-5, 3e-5


def check_costs(params: LatentParams) -> None:
    """Check that no training step holds up everything else.

    Raises
    ------
    ParamError : it does; the sentence has the figure, and the largest value of the parameter to blame that would do
    """
    if params.weights == "fresh" and not _fits(params):
        took, most = (f"{1000 * seconds:,.0f} ms" for seconds in (step_seconds(params), LONGEST))
        raise too_much(params, BLAMED, _fits, f"a training step would take about {took}, above the limit {most}")


def _fits(params: LatentParams) -> bool:
    return step_seconds(params) <= LONGEST


def step_seconds(params: LatentParams) -> float:
    """Return about how many seconds a step takes, on whole curves or on observations."""
    family = family_of(params)
    spec, points = spec_of(params, family.channels), round(family.horizon / GRID) + 1
    evaluations = 4 * round(family.horizon * spec.steps)
    whole = evaluations * _products(spec.dynamics_widths) + points * _products(spec.decoder_widths)
    whole += _products((points * spec.channels, *WIDTHS, 2 * spec.latent))
    seen = MOST_SEEN * (_products(spec.encoder_widths) + 3 * spec.hidden * (spec.hidden + spec.inputs))
    return max(
        evaluations * _CALLS + params.batch * whole * _PRODUCT,
        MOST_SEEN * _OBSERVATION + params.batch * seen * _PRODUCT,
    )


def _products(widths: Sequence[int]) -> int:
    return sum(n_in * n_out for n_in, n_out in pairwise(widths))
