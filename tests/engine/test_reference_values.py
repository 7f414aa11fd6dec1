from __future__ import annotations

import numpy as np
import pytest
from engine.problems_for_tests import (
    ARENSTORF_PERIOD,
    ARENSTORF_START,
    ROBERTSON_AT_40,
    Counted,
    arenstorf,
    robertson,
    spiral,
    spiral_exact,
)

from nodeviz.engine.integrate import Status, solve


@pytest.mark.parametrize(
    ("name", "n_steps", "error"),
    [
        ("euler", 15, 2.5090755),
        ("rk4", 15, 1.4869984e-3),
        ("euler", 60, 0.390),
        ("rk4", 60, 5.6729e-6),
        ("dopri5", 60, 1.9238e-8),
    ],
)
def test_errors_on_the_spiral(name: str, n_steps: int, error: float) -> None:
    solution = solve(spiral, (2, 0), (0, 6), method=name, n_steps=n_steps)
    digits = {0.390: 1e-3, 2.5090755: 1e-7}.get(error, 1e-4)
    assert np.linalg.norm(solution.ys[-1] - spiral_exact(6.0)) == pytest.approx(error, rel=digits)


def test_the_spiral_of_euler_grows() -> None:
    assert np.linalg.norm(solve(spiral, (2, 0), (0, 6), method="euler", n_steps=15).ys[-1]) == pytest.approx(3.6018870)
    for t1, error in ((12, 5.89), (24, 20.9), (48, 221)):
        end = solve(spiral, (2, 0), (0, t1), method="euler", dt=0.4).ys[-1]
        assert np.linalg.norm(end - spiral_exact(float(t1))) == pytest.approx(error, rel=3e-3)


@pytest.mark.parametrize("name", ["dopri5", "tsit5", "dop853"])
def test_arenstorf_orbit_closes(name: str) -> None:
    solution = solve(arenstorf, ARENSTORF_START, (0, ARENSTORF_PERIOD), method=name, rtol=1e-9, atol=1e-12)
    assert solution.status is Status.OK
    np.testing.assert_allclose(solution.ys[-1], ARENSTORF_START, atol=1e-5)


def test_robertson_to_six_digits() -> None:
    field = Counted(robertson)
    solution = solve(field, (1, 0, 0), (0, 40), method="radau", rtol=1e-7, atol=1e-11)
    np.testing.assert_allclose(solution.ys[-1], ROBERTSON_AT_40, rtol=5e-7)
    assert solution.nfe == field.calls < 5_000


def test_robertson_over_eleven_decades() -> None:
    solution = solve(robertson, (1, 0, 0), (0, 1e11), method="radau", rtol=1e-6, atol=1e-12)
    assert solution.status is Status.OK
    np.testing.assert_allclose(solution.ys[-1, 0], 2.0833401e-8, rtol=1e-4)
    assert solution.ys[-1].sum() == pytest.approx(1.0, abs=1e-9)
