"""What the flows reach with their defaults, as the headless run reports it, and in how many seconds of training."""

from __future__ import annotations

import pytest

from nodeviz.experiments.run import Run

# Alone: seconds of training are among what is held.
pytestmark = [pytest.mark.slow, pytest.mark.alone]


@pytest.mark.parametrize(
    ("changes", "gap", "seconds"),
    [
        ({}, 0.03, 20),
        ({"target": "checkerboard"}, 0.18, 40),
        ({"method": "likelihood"}, 0.03, 60),
        ({"method": "ot-flow-matching"}, 0.05, 60),
        ({"method": "diffusion"}, 0.05, 60),
    ],
    ids=["flow matching", "checkerboard", "likelihood", "transport", "diffusion"],
)
def test_how_far_the_defaults_are_from_the_bound(changes: dict[str, object], gap: float, seconds: float) -> None:
    run = Run("flow", seed=1, changes=changes)
    metrics = run.metrics
    assert metrics["entropy_bound"] - metrics["mean_log_prob"] < gap
    assert metrics["mass"] == pytest.approx(1.0, abs=2e-3)
    assert metrics["inversion_error"] < 1e-3
    assert run.params.steps * metrics["seconds_per_step"] < seconds
    assert run.seconds < 150


def test_moons_from_eight_gaussians_take_nearly_straight_paths() -> None:
    changes = {"target": "moons", "source": "eight-gaussians", "method": "ot-flow-matching"}
    assert Run("flow", changes=changes).metrics["path_energy"] < 0.1


def test_transport_straightens_what_flow_matching_alone_leaves_bent() -> None:
    metrics = Run("flow", changes={"compare": "ot-flow-matching"}).metrics
    assert metrics["path_energy"] > 5 * metrics["compare"]["path_energy"]
    assert metrics["nfe"] > metrics["compare"]["nfe"]
