"""Every shipped preset: what it says, what it sets, that it runs, and how long it keeps others waiting."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nodeviz.experiments.params import ParamError, change, declared
from nodeviz.experiments.presets import find_preset, presets
from nodeviz.experiments.registry import REGISTRY
from nodeviz.experiments.run import Run
from nodeviz.resources_path import resource_path

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

pytestmark = pytest.mark.usefixtures("fewer_points", "computing_time")

ALL = [(panel, name) for panel in REGISTRY for name in presets(panel)]
every = pytest.mark.parametrize(("panel", "name"), ALL, ids=[name for _, name in ALL], scope="module")


@dataclass(frozen=True)
class Finished:
    """A run to the end, and the computing time in ms that each of its steps took."""

    run: Run
    gaps: FloatArray


@cache
def finished(panel: str, name: str, attempt: int) -> Finished:
    """Run a preset to its end, with few points in its measures; several tests look at the same run.

    Where weights ship with it they are measured as the window does: to train them again takes minutes, and is tested
    for each panel apart.
    """
    del attempt
    chosen = presets(panel)[name].changes
    run = Run(panel, preset=name, changes={"weights": "shipped"} if "weights" in chosen else {})
    gaps = []
    updates = run.updates()
    while True:
        # Time of this thread: a busy machine must not make a pause of what was none.
        started = time.thread_time()
        done = next(updates, updates) is updates
        gaps.append(1000 * (time.thread_time() - started))
        if done:
            return Finished(run, np.array(gaps))


def test_every_panel_has_presets_and_its_first_one_is_shipped() -> None:
    for panel, experiment in REGISTRY.items():
        assert experiment.first_preset in presets(panel)
        assert next(iter(presets(panel))) == experiment.first_preset


@every
def test_a_preset_says_what_to_look_at(panel: str, name: str) -> None:
    preset = presets(panel)[name]
    assert 3 <= len(preset.title) <= 40
    assert 20 <= len(preset.sentence) <= 120
    assert preset.sentence.endswith(".")
    assert name == name.lower()


@every
def test_a_preset_sets_known_parameters_to_usable_values(panel: str, name: str) -> None:
    entry = json.loads(resource_path("presets", panel, f"{name}.json").read_text("utf-8"))
    assert set(entry) == {"order", "title", "sentence", "params"}
    known = declared(REGISTRY[panel].params)
    assert set(entry["params"]) <= set(known)
    params = change(REGISTRY[panel].params(), entry["params"])
    for key, value in entry["params"].items():
        stored = known[key].kind.to_json(getattr(params, key))
        assert known[key].kind.coerce(key, value, getattr(params, key)) == getattr(params, key), stored


@every
def test_a_preset_runs_headless(panel: str, name: str) -> None:
    run = finished(panel, name, 0).run
    summary = run.summary()
    assert (summary["status"], summary["preset"]) == ("ok", name)
    json.dumps(summary, allow_nan=False)
    assert set(summary["metrics"]) == set(REGISTRY[panel].metrics)


@pytest.mark.parametrize("name", list(presets("phase")))
def test_the_solvers_of_a_preset_arrive(name: str) -> None:
    for entry, result in finished("phase", name, 0).run.metrics["solvers"].items():
        assert result["status"] == "ok", (entry, result["message"])
        assert np.isfinite(result["final_error"])


@every
def test_a_run_never_keeps_others_waiting(panel: str, name: str) -> None:
    # 10 ms, and rarely more: the window can then replace a run while a slider is dragged.
    for attempt in range(3):
        gaps = finished(panel, name, attempt).gaps
        if np.quantile(gaps, 0.99) < 10 and gaps.max() < 40:
            return
    pytest.fail(f"the longest steps took {np.sort(gaps)[-5:].round(1)} ms")


def test_an_unknown_preset_gets_the_nearest_one() -> None:
    with pytest.raises(ParamError, match="preset=spirral: unknown for phase; did you mean 'spiral'"):
        find_preset("phase", "spirral")


def metrics_of(name: str) -> dict[str, Any]:
    return finished("phase", name, 0).run.metrics


def test_what_the_sentences_claim() -> None:
    at_equal_work = metrics_of("spiral-equal-work")["solvers"]
    ratio = at_equal_work["euler"]["final_error"] / at_equal_work["rk4"]["final_error"]
    assert round(ratio, -1) == 260
    stiff = metrics_of("stiff")["solvers"]
    explicit, implicit = (entry["n_accepted"] for entry in stiff.values())
    assert explicit > 5 * implicit
    assert len(metrics_of("van-der-pol")["limit_cycles"]) == 1
    assert len(metrics_of("hopf")["limit_cycles"]) == 1
    assert {one["kind"] for one in metrics_of("pendulum")["equilibria"]} == {"saddle", "stable spiral"}
    assert metrics_of("pendulum-free")["limit_cycles"] == []
    assert "undecided" in {one["kind"] for one in metrics_of("pendulum-free")["equilibria"]}
    assert metrics_of("forced")["limit_cycles"] == []
    assert finished("flow", "moons-from-eight-gaussians", 0).run.metrics["path_energy"] < 0.1  # nearly straight
