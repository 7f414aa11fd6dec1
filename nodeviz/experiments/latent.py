"""The latent ODE: observations at any times, and a model that answers at once with a curve and how sure it is."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from nodeviz.experiments.base import Experiment, Inbox, Steps, Update
from nodeviz.experiments.latent_data import source_of
from nodeviz.experiments.latent_files import save_trained
from nodeviz.experiments.latent_params import LatentParams, span_of
from nodeviz.experiments.latent_screen import Screen
from nodeviz.experiments.latent_training import Learner
from nodeviz.experiments.training_run import TrainingRun

if TYPE_CHECKING:
    import numpy as np

    from nodeviz.experiments.latent_frame import LatentFrame


def latent(params: LatentParams, rng: np.random.Generator, inbox: Inbox[LatentParams]) -> Steps:
    """Answer observations with a trained model, refine the answer, and measure it; or train a model meanwhile.

    Every edit is answered at once by what the encoder says; then the posterior is fitted to the observations, which the
    next edit cuts short.
    """
    data_seed, weights_seed, screen_seed = rng.integers(0, 2**31, 3).tolist()
    source = yield from source_of(params, span_of(params.span), data_seed, inbox.arrived)
    learner = Learner(params, source, weights_seed)
    yield None  # weights are read by now, and the first answer is a piece of work of its own
    screen = Screen(learner, source, params, screen_seed, watched=inbox.interactive)
    learner.follow(inbox.live, 0)  # what was edited while a file was read
    screen.follow(inbox.live)
    run = TrainingRun(inbox, learner, screen, steps=params.steps, resting=params.weights != "fresh")
    metrics = yield from run.run()
    yield Update(message=learner.message, note=screen.note)
    return metrics


def arrivals(params: LatentParams, frame: LatentFrame) -> int:
    """Return how many observations a film lets arrive: none of models that would be trained anew with each of them."""
    return 0 if params.weights == "fresh" or params.draws else int(frame.series.used.sum())


LATENT: Experiment[LatentParams] = Experiment(
    name="latent",
    title="Latent ODE",
    sentence="Click points at any times: a latent ODE answers at once with a curve and how sure it is.",
    steps=latent,
    params=LatentParams,
    first_preset="eight-points",
    trains=True,
    arrivals=arrivals,
    save=save_trained,
    metrics=MappingProxyType(
        {
            "mse_interpolation": "mean square error between the observations: of the function where it is known, else "
            "of what is held out; over all draws where there are any",
            "mse_extrapolation": "the same beyond the observations",
            "coverage_50": "share of the function, or of what is held out, within the 50 % band",
            "coverage_90": "the same of the 90 % band",
            "elbo": "of the observations, in nats; the mean over the draws where there are any",
            "gp": "mse_interpolation, mse_extrapolation and coverage_90 of the Gaussian process; null without it",
            "rnn": "the same of the RNN; null without it",
            "milliseconds_first": "of computing from the observations to the first answer; of all draws together",
            "milliseconds_refined": "to the refined answer; null where it was not refined",
            "held_out": "of fresh weights where draws are asked for: errors by the number of observations; else null",
        }
    ),
)
