"""What the classifiers reach with their defaults, over five seeds, as the headless run reports it."""

from __future__ import annotations

from functools import cache
from statistics import median
from typing import Any

import pytest

from nodeviz.experiments.run import Run

pytestmark = pytest.mark.slow
SEEDS = range(5)
STUDIES: dict[str, dict[str, object]] = {
    "defaults": {},
    "p=5": {"models": "anode", "augment": 5},
    "tanh": {"activation": "tanh", "layers": 1},
    "spirals": {"dataset": "spirals", "augment": 3, "steps": 1500, "models": "anode"},
}
seeded = pytest.mark.parametrize("seed", SEEDS)


@cache
def outcome(study: str, seed: int) -> dict[str, Any]:
    """Run once what several tests look at."""
    models: dict[str, Any] = Run("classifier", seed=seed, changes=STUDIES[study]).metrics["models"]
    return models


@seeded
@pytest.mark.parametrize("study", ["defaults", "p=5"])
def test_an_augmented_model_parts_disc_and_annulus_on_every_seed(study: str, seed: int) -> None:
    anode = outcome(study, seed)["anode"]
    assert anode["train_accuracy"] == 1.0
    assert anode["dense_error"] <= 3e-3
    # Before anything flows, a line gets the larger class right and no more.
    assert 0.74 < anode["probe_accuracy"][0][1] < 0.78
    assert anode["probe_accuracy"][-1][1] == 1.0


@seeded
def test_the_plane_alone_does_it_too_almost(seed: int) -> None:
    assert outcome("defaults", seed)["node"]["train_accuracy"] > 0.99


@pytest.mark.parametrize("study", ["defaults", "p=5"])
def test_the_plane_alone_pays_for_it(study: str) -> None:
    node = [outcome("defaults", seed)["node"] for seed in SEEDS]
    anode = [outcome(study, seed)["anode"] for seed in SEEDS]
    assert median(entry["dense_error"] for entry in anode) < 1e-3
    for measure in ("dense_error", "max_stretch", "nfe"):
        assert median(entry[measure] for entry in node) > median(entry[measure] for entry in anode), measure


@pytest.mark.usefixtures("fewer_points")
@seeded
def test_with_tanh_and_one_layer_one_more_dimension_does_it(seed: int) -> None:
    assert outcome("tanh", seed)["anode"]["train_accuracy"] == 1.0


@pytest.mark.usefixtures("fewer_points")
def test_with_tanh_and_one_layer_the_plane_does_not() -> None:
    assert median(outcome("tanh", seed)["node"]["train_accuracy"] for seed in SEEDS) < 0.95


@pytest.mark.usefixtures("fewer_points")
@seeded
def test_spirals_unwind_in_five_dimensions(seed: int) -> None:
    assert outcome("spirals", seed)["anode"]["test_accuracy"] >= 0.95
