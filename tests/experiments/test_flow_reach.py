"""What the flows reach with their defaults, as the headless run reports it."""

from __future__ import annotations

import pytest

from nodeviz.experiments.run import Run

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("coarse")]


@pytest.mark.parametrize(
    ("changes", "gap"),
    [
        ({}, 0.03),
        ({"target": "checkerboard"}, 0.18),
        ({"method": "likelihood"}, 0.03),
        ({"method": "diffusion"}, 0.05),
    ],
    ids=["flow matching", "checkerboard", "likelihood", "diffusion"],
)
def test_how_far_the_defaults_are_from_the_bound(changes: dict[str, object], gap: float) -> None:
    run = Run("flow", seed=1, changes=changes)
    metrics = run.metrics
    assert metrics["entropy_bound"] - metrics["mean_log_prob"] < gap
    assert metrics["mass"] == pytest.approx(1.0, abs=2e-3)
    assert metrics["inversion_error"] < 1e-3
