"""The flow: noise becomes data along an ODE, with its exact likelihood beside the picture."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from nodeviz.experiments.base import Experiment, Inbox, Steps, Update
from nodeviz.experiments.flow_files import save_trained
from nodeviz.experiments.flow_params import FlowParams
from nodeviz.experiments.flow_screen import Screen
from nodeviz.experiments.flow_training import Lockstep
from nodeviz.experiments.training_run import TrainingRun

if TYPE_CHECKING:
    import numpy as np


def flow(params: FlowParams, rng: np.random.Generator, inbox: Inbox[FlowParams]) -> Steps:
    """Train one velocity field, or two by different methods, draw what it does now and then, and measure it at rest.

    Flows that come with their weights are shown at once and rest; they train on when somebody asks for it.
    """
    lockstep = Lockstep(params, rng)
    screen = Screen(lockstep, params, watched=inbox.interactive)
    run = TrainingRun(inbox, lockstep, screen, steps=params.steps, resting=params.weights != "fresh")
    metrics = yield from run.run()
    yield Update(message=lockstep.message, note=screen.note)
    return metrics


FLOW: Experiment[FlowParams] = Experiment(
    name="flow",
    title="Continuous flow",
    sentence="Noise becomes data along an ODE, with exact likelihoods: flow matching beside likelihood and diffusion.",
    steps=flow,
    params=FlowParams,
    first_preset="eight-gaussians",
    trains=True,
    save=save_trained,
    headless=MappingProxyType({"weights": "fresh"}),
    metrics=MappingProxyType(
        {
            "mean_log_prob": "over held-out points, by the exact trace, in nats per unit of the plane",
            "entropy_bound": "the mean log-likelihood that no model exceeds, in nats; null where it is not known",
            "mass": "of the density at t = 1 within the plane shown; 1 where nothing is lost",
            "inversion_error": "RMS distance of held-out points brought to t = 0 and back, in units of the plane",
            "nfe": "evaluations of dopri5 at rtol = atol = 1e-5 from the source to the target",
            "path_energy": "normalised: |E int |v|^2 dt - W2^2| / W2^2 of source and target (Tong et al. 2023)",
            "wasserstein2": "distance of samples from as many fresh points of the target",
            "wasserstein2_floor": "of two fresh sets of points of the target: what no samples go below",
            "trace": "at the time shown: exact, and mean and std of Hutchinson's estimate with so many probes",
            "seconds_per_step": "median seconds of a training step; null where there was none",
            "compare": "the same of the second method, and its name as method; null without one",
        }
    ),
)
