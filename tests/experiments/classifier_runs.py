"""Runs of the classifier for its tests: to the end, or as a window steps them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from nodeviz.experiments.classifier import CLASSIFIER
from nodeviz.experiments.classifier_params import ClassifierParams
from nodeviz.experiments.params import change

from .training_runs import Finished, Watched, to_the_end

if TYPE_CHECKING:
    from nodeviz.experiments.classifier_frame import ClassifierFrame

SMALL = {"n_points": 200, "steps": 12, "hidden": 8, "batch": 32}


def finish(seed: int = 0, **changes: Any) -> Finished[ClassifierFrame]:
    """Run a small classifier headless to its end."""
    return to_the_end(CLASSIFIER, change(ClassifierParams(), SMALL | changes), seed)


def watch(seed: int = 0, **changes: Any) -> Watched[ClassifierFrame]:
    """Start a small classifier that somebody looks at."""
    return Watched(CLASSIFIER, change(ClassifierParams(), SMALL | changes), seed)
