from __future__ import annotations

from math import inf, nan

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.engine.controllers import (
    FRESH,
    I_CONTROLLER,
    PI_CONTROLLER,
    PID_CONTROLLER,
    PIDController,
    decide,
    remember_where,
)

ALL = pytest.mark.parametrize("controller", [I_CONTROLLER, PI_CONTROLLER, PID_CONTROLLER], ids=["I", "PI", "PID"])
RATIOS = st.one_of(st.floats(0.0, 1e12), st.sampled_from([inf, nan]))


@ALL
def test_zero_error_is_accepted_and_grows_the_step_most(controller: PIDController) -> None:
    decision = decide(controller, 0.0, 0.1, FRESH, order=5, dt_min=1e-12)
    assert decision.accepted
    assert decision.dt_next == pytest.approx(0.1 * controller.max_factor)


@ALL
@pytest.mark.parametrize("ratio", [inf, nan])
def test_infinite_or_nan_error_is_rejected_and_shrinks_the_step_most(controller: PIDController, ratio: float) -> None:
    decision = decide(controller, ratio, 0.1, FRESH, order=5, dt_min=1e-12)
    assert not decision.accepted
    assert decision.dt_next == pytest.approx(0.1 * controller.min_factor)


@ALL
def test_memory_is_untouched_by_a_rejected_step(controller: PIDController) -> None:
    memory = (0.3, 0.7)
    assert decide(controller, 5.0, 0.1, memory, order=5, dt_min=1e-12).memory == memory
    assert decide(controller, nan, 0.1, memory, order=5, dt_min=1e-12).memory == memory
    assert decide(controller, 0.5, 0.1, memory, order=5, dt_min=1e-12).memory == (0.5, 0.3)


def test_dt_min_is_tried_once_before_giving_up() -> None:
    first = decide(I_CONTROLLER, 1e6, 1e-3, FRESH, order=5, dt_min=5e-4)
    assert (first.accepted, first.underflow, first.dt_next) == (False, False, 5e-4)
    second = decide(I_CONTROLLER, 1e6, first.dt_next, FRESH, order=5, dt_min=5e-4)
    assert (second.accepted, second.underflow) == (False, True)
    assert not decide(I_CONTROLLER, 0.5, 5e-4, FRESH, order=5, dt_min=5e-4).underflow


def test_pi_without_its_p_is_i() -> None:
    without = PIDController(beta1=1.0, beta2=0.0)
    for ratio in (0.01, 0.5, 1.0, 3.0):
        assert without.factor(ratio, (0.2, 0.4), 5) == I_CONTROLLER.factor(ratio, FRESH, 5)


def test_i_factor_in_closed_form() -> None:
    assert I_CONTROLLER.factor(0.5**5, FRESH, 5) == pytest.approx(0.9 * 2)
    assert I_CONTROLLER.factor(2.0**4, FRESH, 4) == pytest.approx(0.9 / 2)


def test_pi_grows_less_when_the_error_is_rising() -> None:
    assert PI_CONTROLLER.factor(0.5, (0.1, 1.0), 5) < PI_CONTROLLER.factor(0.5, (0.5, 1.0), 5)


@ALL
@given(ratio=RATIOS, e2=st.floats(1e-4, 1.0), e3=st.floats(1e-4, 1.0), order=st.integers(2, 9))
def test_factor_stays_in_its_limits_and_a_rejected_step_shrinks(
    controller: PIDController, ratio: float, e2: float, e3: float, order: int
) -> None:
    factor = controller.factor(ratio, (e2, e3), order)
    assert controller.min_factor <= factor <= controller.max_factor
    assert ratio <= 1.0 or factor < 1.0


@ALL
@given(
    rows=st.lists(st.tuples(RATIOS, st.floats(1e-4, 1.0), st.floats(1e-4, 1.0)), min_size=1, max_size=8),
    order=st.integers(2, 9),
)
def test_columns_are_judged_as_single_steps_are(
    controller: PIDController, rows: list[tuple[float, float, float]], order: int
) -> None:
    ratios, e2, e3 = (np.array(column) for column in zip(*rows, strict=True))
    many = controller.factors(ratios, (e2, e3), order)
    single = [controller.factor(ratio, (a, b), order) for ratio, a, b in rows]
    np.testing.assert_allclose(many, single, rtol=1e-12)
    newest, older = remember_where(ratios <= 1.0, (e2, e3), ratios)
    memories = [decide(controller, r, 0.1, (a, b), order=order, dt_min=1e-12).memory for r, a, b in rows]
    np.testing.assert_array_equal(np.stack([newest, older], axis=1), memories)
