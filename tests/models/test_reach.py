"""What the defaults reach: Dupont's disc and annulus over five seeds, and spirals; a study, so it takes a while."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from models.runs import draw, train

from nodeviz.models.measures import dense_error_steps, input_grid, max_stretch, nfe_steps, probe_steps
from nodeviz.models.spec import ModelSpec
from nodeviz.problems.datasets import DATASETS
from nodeviz.problems.pieces import finish

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.models.depth import DepthClassifier

    Outcomes = Callable[[str], list["Outcome"]]

SEEDS = range(5)
N_STEPS = 10
SPECS = {
    "node": ModelSpec(kind="node"),
    "anode 1": ModelSpec(kind="anode", augment=1),
    "anode 5": ModelSpec(kind="anode", augment=5),
}


@dataclass(frozen=True)
class Outcome:
    model: DepthClassifier
    X: Any
    labels: Any
    train_accuracy: float
    dense_error: float
    stretch: float
    nfe: float
    seconds: float


def outcome(spec: ModelSpec, dataset: str, seed: int, steps: int) -> Outcome:
    X, labels = draw(dataset, 2000, seed)
    started = process_time()
    model, _ = train(spec, X, labels, seed=seed, steps=steps)
    seconds = process_time() - started
    grid = input_grid(DATASETS[dataset].view, 49)
    ends = finish(model.paths_steps(grid.reshape(-1, 2), [0.0, 1.0], n_steps=N_STEPS))[-1]
    return Outcome(
        model=model,
        X=X,
        labels=labels,
        train_accuracy=1.0 - finish(dense_error_steps(model, X, labels, n_steps=N_STEPS)),
        dense_error=finish(dense_error_steps(model, *draw(dataset, 100_000, 1000 + seed), n_steps=N_STEPS)),
        stretch=max_stretch(grid, ends.reshape(*grid.shape[:2], -1)),
        nfe=finish(nfe_steps(model, X)),
        seconds=seconds,
    )


@pytest.fixture(scope="module")
def outcomes() -> Outcomes:
    """The runs over all seeds of a spec by name, trained when they are first asked for."""
    return cache(lambda name: [outcome(SPECS[name], "disc-annulus", seed, 940) for seed in SEEDS])


@pytest.mark.slow
@pytest.mark.parametrize("name", ["anode 1", "anode 5"])
def test_augmented_odes_separate_disc_and_annulus(outcomes: Outcomes, name: str) -> None:
    assert [found.train_accuracy for found in outcomes(name)] == [1.0] * 5
    errors = [found.dense_error for found in outcomes(name)]
    assert np.median(errors) < 1e-3
    assert max(errors) <= 3e-3


@pytest.mark.slow
@pytest.mark.parametrize("name", ["anode 1", "anode 5"])
def test_the_plain_ode_pays_for_nearly_the_same_accuracy(outcomes: Outcomes, name: str) -> None:
    assert min(found.train_accuracy for found in outcomes("node")) > 0.98
    for measure in ("dense_error", "stretch", "nfe"):
        plain, augmented = (np.median([getattr(found, measure) for found in outcomes(key)]) for key in ("node", name))
        assert plain > augmented, measure


@pytest.mark.slow
def test_the_probe_of_an_augmented_ode_rises_from_three_quarters_to_one(outcomes: Outcomes) -> None:
    for found in outcomes("anode 1"):
        states = finish(found.model.paths_steps(found.X, np.linspace(0.0, 1.0, 11), n_steps=N_STEPS))
        accuracy = finish(probe_steps(states, found.labels))
        assert accuracy[0] == pytest.approx(0.75, abs=0.005)
        assert accuracy[-1] == 1.0


@pytest.mark.slow
def test_two_models_train_in_under_three_seconds(outcomes: Outcomes) -> None:
    # Of the processor: other programs may hold up the clock.
    assert min(a.seconds + b.seconds for a, b in zip(outcomes("node"), outcomes("anode 1"), strict=True)) < 3.0


@pytest.mark.slow
def test_a_trained_flow_goes_back_to_where_it_came_from(outcomes: Outcomes) -> None:
    for name in SPECS:
        model = outcomes(name)[0].model.astype(np.float64)
        # One by one: each path crosses the kinks of its ReLUs elsewhere, and has to find them.
        for state in model.lift(outcomes(name)[0].X[:8]):
            there = finish(model.flow_steps(state[None], [0.0, 1.0], method="dopri5", rtol=1e-10))[-1]
            back = finish(model.flow_steps(there, [1.0, 0.0], method="dopri5", rtol=1e-10))[-1]
            np.testing.assert_allclose(back[0], state, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_spirals_are_unwound_in_five_dimensions(seed: int) -> None:
    found = outcome(ModelSpec(kind="anode", augment=3), "spirals", seed, 1500)
    assert 1.0 - found.dense_error >= 0.95
