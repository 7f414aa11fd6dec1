from __future__ import annotations

import tracemalloc

import numpy as np
import pytest
from benchmarks import classifier_steps, workloads
from benchmarks.harness import OURS, Workload, measure, table

SMALL = {
    "W1-float32": lambda: workloads.fixed_steps(np.float32, n=50, n_steps=400),
    "W1-float64": lambda: workloads.fixed_steps(np.float64, n=50, n_steps=400),
    "W2a": lambda: workloads.shared_steps(n=20, t1=5.0),
    "W2b": lambda: workloads.own_steps(n=20, t1=5.0),
    "W3a-d2": lambda: workloads.discrete_step(2, "backprop", {}, batch=20),
    "W3a-d5": lambda: workloads.discrete_step(5, "backprop", {}, batch=20),
    "W3a-d2-checkpoint": lambda: workloads.discrete_step(2, "checkpoint", {}, batch=20),
    "W3a-d5-checkpoint": lambda: workloads.discrete_step(5, "checkpoint", {}, batch=20),
    "W3b-d2": lambda: workloads.adjoint_step(2, batch=20),
    "W3b-d5": lambda: workloads.adjoint_step(5, batch=20),
    "W3-2000": lambda: workloads.discrete_step(2, "checkpoint", {}, n_steps=40, batch=20),
    "W4": lambda: workloads.likelihood_step(batch=20),
    "W4-matching": lambda: workloads.matching_step(batch=20),
    "W5": lambda: workloads.elbo_step(batch=5, points=6),
    "W6": workloads.typed_orbit,
}


def test_every_workload_is_tested() -> None:
    assert SMALL.keys() == workloads.WORKLOADS.keys()


@pytest.mark.parametrize("name", SMALL)
def test_all_contenders_give_the_same_answer(name: str) -> None:
    work: Workload = SMALL[name]()
    timing = measure(work, rounds=1)
    assert OURS in timing.seconds
    assert all(difference <= work.tolerance for difference in timing.differences.values()), timing.differences
    assert f"| {work.name} {work.title} | {OURS} |" in table([timing])


def test_a_long_solve_with_checkpoints_needs_little_memory() -> None:
    task = classifier_steps.make_task(2, n_steps=2000)
    tracemalloc.start()
    try:
        classifier_steps.nodeviz_step(task, "checkpoint")()
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 20e6
