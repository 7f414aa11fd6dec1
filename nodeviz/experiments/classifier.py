"""The classifier: models whose depth is time train side by side, before your eyes."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING

from nodeviz.experiments.base import Experiment, Inbox, Steps, Update
from nodeviz.experiments.classifier_files import save_trained
from nodeviz.experiments.classifier_params import ClassifierParams
from nodeviz.experiments.classifier_screen import Screen
from nodeviz.experiments.classifier_training import Lockstep
from nodeviz.experiments.training_run import TrainingRun

if TYPE_CHECKING:
    import numpy as np


def classifier(params: ClassifierParams, rng: np.random.Generator, inbox: Inbox[ClassifierParams]) -> Steps:
    """Train models in lockstep on the same points, draw them now and then, and measure them when training rests.

    Models that come with their weights are shown at once and rest; they train on when somebody asks for it.
    """
    lockstep = Lockstep(params, rng)
    screen = Screen(lockstep, params, watched=inbox.interactive)
    run = TrainingRun(inbox, lockstep, screen, steps=params.steps, resting=params.weights != "fresh")
    metrics = yield from run.run()
    message = " ".join(f"{view.name}: {view.message}" for view in screen.views if view.message)
    yield Update(message=message, note=_worth_knowing(params, lockstep))
    return metrics


def _worth_knowing(params: ClassifierParams, lockstep: Lockstep) -> str:
    """Return what is peculiar about the points, and whether anything was trained, in sentences."""
    untrained = (
        "" if params.weights == "fresh" else f"weights={params.weights}: nothing was trained, steps do not count."
    )
    return " ".join(filter(None, (lockstep.data.view.note, untrained)))


CLASSIFIER: Experiment[ClassifierParams] = Experiment(
    name="classifier",
    title="Depth classifier",
    sentence="Points flow through continuous depth until a line can part them: neural ODEs beside augmented ones.",
    steps=classifier,
    params=ClassifierParams,
    first_preset="circles",
    trains=True,
    save=save_trained,
    headless=MappingProxyType({"weights": "fresh"}),
    metrics=MappingProxyType(
        {
            "models": "per model: train_accuracy, test_accuracy, dense_error (share of 100,000 fresh points wrong), "
            "loss, nfe (dopri5 at rtol = atol = 1e-3), nfe_per_sample (min, mean, max with a step size per point), "
            "max_stretch (of a grid edge), probe_accuracy as [t, value], n_parameters, seconds_per_step",
        }
    ),
)
