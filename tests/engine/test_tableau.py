from __future__ import annotations

import dataclasses
import re
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from engine import rooted_trees

from nodeviz.engine.explicit import BOSH3, DOPRI5, RK4, TSIT5
from nodeviz.engine.methods import METHODS

if TYPE_CHECKING:
    from nodeviz.engine.tableau import ButcherTableau

TABLEAUS = [method.tableau for method in METHODS.values() if method.tableau is not None]
NAMES = [tableau.name for tableau in TABLEAUS]


def test_numbers_of_rooted_trees() -> None:
    assert [len(rooted_trees.trees(order)) for order in range(1, 9)] == [1, 1, 2, 4, 9, 20, 48, 115]


@pytest.mark.parametrize("tableau", TABLEAUS, ids=NAMES)
def test_order_conditions_hold_to_the_order_and_no_further(tableau: ButcherTableau) -> None:
    a, b = tableau.square(), np.array(tableau.b)
    for order in range(1, tableau.order + 1):
        assert rooted_trees.defect(order, a, b) < 1e-13, f"order {order}"
    assert rooted_trees.defect(tableau.order + 1, a, b) > 1e-7


@pytest.mark.parametrize(("name", "order"), [("bosh3", 2), ("dopri5", 4), ("tsit5", 4), ("dop853", 5)])
def test_embedded_formula_has_its_order_and_no_more(name: str, order: int) -> None:
    tableau = METHODS[name].tableau
    assert tableau is not None
    assert tableau.b_err is not None
    a, low = tableau.square(), np.array(tableau.b) - np.array(tableau.b_err)
    for lower in range(1, order + 1):
        assert rooted_trees.defect(lower, a, low) < 1e-13
    assert rooted_trees.defect(order + 1, a, low) > 1e-6


def test_second_estimate_of_dop853_has_order_3() -> None:
    tableau = METHODS["dop853"].tableau
    assert tableau is not None
    assert tableau.b_err_low is not None
    low = np.array(tableau.b) - np.array(tableau.b_err_low)
    assert max(rooted_trees.defect(order, tableau.square(), low) for order in (1, 2, 3)) < 1e-13
    assert rooted_trees.defect(4, tableau.square(), low) > 1e-6


DENSE_ORDER = {"euler": 1, "midpoint": 2, "heun": 2, "ralston": 2, "dopri5": 4, "dop853": 7}


@pytest.mark.parametrize("tableau", [t for t in TABLEAUS if t.explicit], ids=lambda t: t.name)
@pytest.mark.parametrize("x", [0.25, 0.5, 0.9])
def test_interpolant_meets_the_order_conditions_inside_the_step(tableau: ButcherTableau, x: float) -> None:
    a = _with_end_stages(tableau)
    b = tableau.dense_matrix() @ x ** np.arange(1, tableau.dense_matrix().shape[1] + 1)
    for order in range(1, DENSE_ORDER.get(tableau.name, 3) + 1):
        assert rooted_trees.defect(order, a, b, x) < 2e-13, f"order {order}"


@pytest.mark.parametrize("tableau", [t for t in TABLEAUS if t.explicit], ids=lambda t: t.name)
def test_interpolant_ends_in_the_step_with_its_slopes(tableau: ButcherTableau) -> None:
    matrix = tableau.dense_matrix()
    b = np.zeros(len(matrix))
    b[: tableau.n_stages] = tableau.b
    np.testing.assert_allclose(matrix.sum(axis=1), b, atol=1e-13)
    first, last = np.zeros(len(matrix)), np.zeros(len(matrix))
    first[0] = 1.0
    last[tableau.n_stages - 1 if tableau.fsal else tableau.n_stages] = 1.0
    np.testing.assert_allclose(matrix[:, 0], first, atol=1e-13)
    np.testing.assert_allclose(matrix @ np.arange(1, matrix.shape[1] + 1), last, atol=1e-11)


def _with_end_stages(tableau: ButcherTableau) -> Any:
    rows = [*tableau.a, *(row for _, row in tableau.end_stages)]
    a = np.zeros((len(rows), len(rows)))
    for i, row in enumerate(rows):
        a[i, : len(row)] = row
    return a


def test_fsal_is_derived() -> None:
    assert {t.name for t in TABLEAUS if t.fsal} == {"bosh3", "dopri5", "tsit5"}
    assert [DOPRI5.evaluations_per_step, TSIT5.evaluations_per_step, BOSH3.evaluations_per_step] == [6, 6, 3]
    assert METHODS["dop853"].evaluations_per_step == 12


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"c": (0.0, 0.5, 0.5, 0.9)}, "rk4: row 3 of a sums to 1.0; it must be 0.9"),
        ({"b": (1 / 6, 1 / 3, 1 / 3, 1 / 3)}, "rk4: b sums to"),
        ({"c": (0.0, 0.5, 1.0)}, "rk4: c, a and b have 3, 4, 4 stages"),
        ({"b_err": (0.1, 0.0, 0.0, 0.0), "err_order": 3}, "rk4: b_err sums to 0.1; it must be 0.0"),
        ({"b_err": (0.1, -0.1), "err_order": 3}, "rk4: b_err has 2 weights; it needs 4"),
        ({"b_err": (0.1, -0.1, 0.0, 0.0)}, "b_err and err_order belong together"),
        ({"dense": ((1.0,),)}, "rk4: dense has 1 rows; it needs 5"),
        ({"a": ((), (1 / 2,), (1 / 2,), (0.0, 0.0, 1.0))}, "row i of a needs i entries"),
    ],
)
def test_a_wrong_tableau_is_refused(change: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        dataclasses.replace(RK4, **change)


def _real_limit(name: str) -> float:
    """Return where |R| passes 1 on the negative real axis."""
    function = METHODS[name].stability_function
    assert function is not None
    z = -np.linspace(1e-3, 10, 200_001)
    return float(z[np.argmax(np.abs(function(z + 0j)) > 1 + 1e-12)])


@pytest.mark.parametrize(
    ("name", "limit"), [("euler", -2.0), ("kutta3", -2.5127), ("rk4", -2.7853), ("dopri5", -3.3066)]
)
def test_stability_limit_on_the_real_axis(name: str, limit: float) -> None:
    assert _real_limit(name) == pytest.approx(limit, abs=1e-4)


@pytest.mark.parametrize(("name", "limit"), [("kutta3", 1.7321), ("rk4", 2.8284)])
def test_stability_limit_on_the_imaginary_axis(name: str, limit: float) -> None:
    function = METHODS[name].stability_function
    assert function is not None
    y = np.linspace(1e-3, 5, 100_001)
    assert y[np.argmax(np.abs(function(1j * y)) > 1 + 1e-12)] == pytest.approx(limit, abs=1e-4)


def test_euler_is_stable_nowhere_on_the_imaginary_axis() -> None:
    assert (np.abs(METHODS["euler"].stability_function(1j * np.linspace(1e-3, 1, 50))) > 1).all()


@pytest.mark.parametrize("name", ["backward-euler", "trapezoid", "radau"])
def test_implicit_methods_are_a_stable(name: str) -> None:
    function = METHODS[name].stability_function
    grid = -np.logspace(-3, 6, 40)[:, None] + 1j * np.linspace(-50, 50, 41)
    assert (np.abs(function(grid)) <= 1 + 1e-12).all()
    assert function(grid).shape == grid.shape


def test_stability_functions_in_closed_form() -> None:
    z = np.array([0.3 - 0.7j, -4.0 + 2.0j, 1e3j])
    for name, expected in (
        ("euler", 1 + z),
        ("rk4", 1 + z + z**2 / 2 + z**3 / 6 + z**4 / 24),
        ("backward-euler", 1 / (1 - z)),
        ("trapezoid", (1 + z / 2) / (1 - z / 2)),
        ("radau", (1 + 2 * z / 5 + z**2 / 20) / (1 - 3 * z / 5 + 3 * z**2 / 20 - z**3 / 60)),
    ):
        np.testing.assert_allclose(METHODS[name].stability_function(z), expected, rtol=1e-12, atol=1e-15)
