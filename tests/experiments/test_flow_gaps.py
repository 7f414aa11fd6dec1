"""Nothing that a flow does keeps others waiting: each step ends after 10 ms, one of training after 40."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from .flow_runs import watch

pytestmark = pytest.mark.usefixtures("fewer_points")


@pytest.mark.parametrize(
    ("changes", "usual", "longest"),
    [
        ({"steps": 400, "hidden": 64, "batch": 512, "compare": "ot-flow-matching"}, 10, 40),
        ({"steps": 3, "hidden": 128, "batch": 256, "method": "likelihood", "n_steps": 20}, 50, 100),
    ],
    ids=["two", "pieces of a step"],
)
def test_nothing_takes_longer_than_it_may(changes: dict[str, Any], usual: float, longest: float) -> None:
    for attempt in range(3):
        run = watch(attempt, **changes)
        run.until(lambda run=run: run.inbox.step >= run.params.steps // 2)  # type: ignore[misc]
        run.change(show_grid=True, show_velocity=True, upper="trace", sample_solver="dop853")
        run.ask(1, "density", (0.7, 128))
        run.ask(2, "path", (1.0, 1.0, 0.5))
        run.rest()
        assert set(run.replies) == {1, 2}
        if np.quantile(run.gaps, 0.99) < usual and max(run.gaps) < longest:
            return
    pytest.fail(f"the longest steps took {np.sort(run.gaps)[-5:].round(1)} ms")
