"""A training step is cut into pieces by what it is made of, and the pieces add up to the step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from nodeviz.models.flow import METHODS, Flow, FlowSpec
from nodeviz.models.flow_costs import LEAST, LONGEST, piece_of, step_seconds
from nodeviz.models.flow_training import FlowTrainer
from nodeviz.problems.targets import make_target

HOW: dict[str, Any] = {"method": "rk4", "n_steps": 20, "trace": "exact", "probes": 1}


@pytest.mark.parametrize("method", METHODS)
def test_the_defaults_are_not_cut(method: str) -> None:
    spec = FlowSpec(method=method)
    assert step_seconds(spec, 512, **HOW) < LONGEST
    assert piece_of(spec, 512, **HOW) == 512


@pytest.mark.parametrize(
    "more",
    [{"hidden": 256}, {"layers": 4}, {"n_steps": 100}, {"trace": "gaussian", "probes": 16}, {"batch": 4096}],
    ids=str,
)
def test_what_takes_longer_is_cut_into_pieces_that_do_not(more: dict[str, Any]) -> None:
    spec = FlowSpec(method="likelihood", **{key: more[key] for key in ("hidden", "layers") if key in more})
    how = HOW | {key: more[key] for key in ("n_steps", "trace", "probes") if key in more}
    batch = more.get("batch", 512)
    piece = piece_of(spec, batch, **how)
    assert LEAST <= piece < batch
    assert step_seconds(spec, batch, **how) > LONGEST >= step_seconds(spec, piece, **how)


def test_no_piece_is_smaller_than_it_is_worth() -> None:
    spec = FlowSpec(method="likelihood", hidden=4096)
    assert piece_of(spec, 512, **HOW) == LEAST
    assert piece_of(spec, 5, **HOW) == 5


class OnePoint:
    """A target whose draws are all the same, so that a batch in pieces is the whole batch."""

    def sample(self, n: int, rng: np.random.Generator) -> Any:
        del rng
        return np.tile([1.0, -0.5], (n, 1))


@pytest.mark.parametrize("pieces", [2, 3])
def test_the_gradient_of_the_pieces_is_that_of_the_whole(pieces: int) -> None:
    found = []
    for piece in (12, 12 // pieces):
        flow = Flow.init(FlowSpec(method="likelihood", hidden=8), np.random.default_rng(0), np.float64)
        trainer = FlowTrainer(
            flow, OnePoint().sample, np.random.default_rng(1), batch=12, piece=piece, steps=10, n_steps=4
        )
        yields = 0
        for _ in trainer.step_steps(1e-2):
            yields += 1
        assert yields == 12 // piece - 1
        found.append(flow.parameters.copy())
    np.testing.assert_allclose(found[1], found[0], rtol=1e-9)


def test_a_batch_is_rounded_up_to_whole_pieces_and_abandoning_a_step_changes_nothing() -> None:
    rng = np.random.default_rng(0)
    flow = Flow.init(FlowSpec(hidden=8), rng)
    trainer = FlowTrainer(flow, make_target("moons").sample, rng, batch=100, piece=30, steps=10)
    before = flow.parameters.copy()
    run = trainer.step_steps(1e-2)
    for _ in range(2):
        next(run)
    run.close()
    np.testing.assert_array_equal(flow.parameters, before)
    assert trainer.taken == 0
    assert sum(1 for _ in trainer.step_steps(1e-2)) == 3
    assert trainer.taken == 1
