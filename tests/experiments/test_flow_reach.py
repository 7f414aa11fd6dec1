"""What the flows reach with their defaults, or already with half the training steps, as the headless run reports it."""

from __future__ import annotations

import pytest

from nodeviz.experiments.flow_params import FlowParams
from nodeviz.experiments.params import change
from nodeviz.experiments.run import Run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse")]


@pytest.mark.parametrize(
    ("changes", "share", "gap"),
    [
        ({}, 2, 0.03),
        ({"target": "checkerboard"}, 1, 0.18),
        ({"method": "likelihood"}, 2, 0.03),
        ({"method": "diffusion"}, 2, 0.05),
    ],
    ids=["flow matching", "checkerboard", "likelihood", "diffusion"],
)
def test_how_far_the_defaults_are_from_the_bound(changes: dict[str, object], share: int, gap: float) -> None:
    steps = change(FlowParams(), changes).steps // share
    metrics = Run("flow", seed=1, changes=changes | {"steps": steps}).metrics
    assert metrics["entropy_bound"] - metrics["mean_log_prob"] < gap
    assert metrics["mass"] == pytest.approx(1.0, abs=2e-3)
    assert metrics["inversion_error"] < 1e-3
