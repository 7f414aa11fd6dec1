from __future__ import annotations

import numpy as np
import pytest
from benchmarks import workloads
from benchmarks.harness import OURS, Workload, measure, table

SMALL = {
    "W1-float32": lambda: workloads.fixed_steps(np.float32, n=50, n_steps=400),
    "W1-float64": lambda: workloads.fixed_steps(np.float64, n=50, n_steps=400),
    "W2a": lambda: workloads.shared_steps(n=20, t1=5.0),
    "W2b": lambda: workloads.own_steps(n=20, t1=5.0),
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
