"""Every experiment, one line each."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nodeviz.experiments.classifier import CLASSIFIER
from nodeviz.experiments.flow import FLOW
from nodeviz.experiments.latent import LATENT
from nodeviz.experiments.params import ParamError, nearest
from nodeviz.experiments.phase import PHASE

if TYPE_CHECKING:
    from collections.abc import Mapping

    from nodeviz.experiments.base import Experiment

REGISTRY: Mapping[str, Experiment[Any]] = MappingProxyType(
    {experiment.name: experiment for experiment in (PHASE, CLASSIFIER, FLOW, LATENT)}
)


def find_experiment(panel: str) -> Experiment[Any]:
    """Return the experiment of a panel.

    Raises
    ------
    ParamError : no panel of that name; the nearest one is suggested
    """
    if panel not in REGISTRY:
        raise ParamError(f"panel={panel}: unknown; {nearest(panel, REGISTRY)}")
    return REGISTRY[panel]
