"""Gated recurrent units: what they compute, and every derivative against differences."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from engine.tape_checks import agree
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.engine.gradcheck import central_differences
from nodeviz.engine.gru import GRUCell

SIZES = {"inputs": st.integers(1, 4), "hidden": st.integers(1, 5), "batch": st.integers(1, 4)}


def make_cell(inputs: int, hidden: int, seed: int = 0, dtype: Any = float) -> GRUCell:
    rng = np.random.default_rng(seed)
    cell = GRUCell.init(rng, inputs, hidden, dtype=dtype)
    cell.parameters += (0.5 * rng.standard_normal(cell.n_parameters)).astype(dtype)
    return cell


def by_hand(cell: GRUCell, x: np.ndarray, h: np.ndarray) -> np.ndarray:
    """The cell of PyTorch's manual, whose z is 1 - u."""

    def logistic(a: np.ndarray) -> np.ndarray:
        return 1 / (1 + np.exp(-a))

    (w_n, w_u, w_r), (b_n, b_u, b_r) = np.split(cell.input.weight, 3), np.split(cell.input.bias[:, None], 3)
    (v_u, v_r, v_n), (c_u, c_r, c_n) = np.split(cell.recurrent.weight, 3), np.split(cell.recurrent.bias[:, None], 3)
    r = logistic(w_r @ x + b_r + v_r @ h + c_r)
    z = logistic(-(w_u @ x + b_u + v_u @ h + c_u))
    n = np.tanh(w_n @ x + b_n + r * (v_n @ h + c_n))
    return (1 - z) * n + z * h


@given(**SIZES, seed=st.integers(0, 10**6))
def test_a_cell_is_that_of_the_manual(inputs: int, hidden: int, batch: int, seed: int) -> None:
    cell, rng = make_cell(inputs, hidden, seed), np.random.default_rng(seed)
    x, h = rng.standard_normal((inputs, batch)), rng.standard_normal((hidden, batch))
    np.testing.assert_allclose(cell(x, h), by_hand(cell, x, h), rtol=1e-12, atol=1e-12)
    seen = (rng.random(batch) < 0.5).astype(float)
    np.testing.assert_allclose(cell(x, h, seen), np.where(seen, by_hand(cell, x, h), h), rtol=1e-12, atol=1e-12)


def chain(cell: GRUCell, x: np.ndarray, h: np.ndarray, seen: np.ndarray) -> np.ndarray:
    """The states after each of the inputs, (n, H, B)."""
    states = []
    for row, who in zip(x, seen, strict=True):
        h = cell(row, h, who)
        states.append(h)
    return np.stack(states)


@given(**SIZES, steps=st.integers(1, 4), spare=st.integers(0, 2), masked=st.booleans(), seed=st.integers(0, 10**6))
def test_pull_backs_of_a_chain_agree_with_differences(
    inputs: int, hidden: int, batch: int, steps: int, spare: int, masked: bool, seed: int
) -> None:
    cell, rng = make_cell(inputs, hidden, seed), np.random.default_rng(seed + 1)
    x, h0 = rng.standard_normal((steps, inputs, batch)), rng.standard_normal((hidden, batch))
    cotangents = rng.standard_normal((steps, hidden, batch))
    seen = (rng.random((steps, batch)) < 0.6).astype(float) if masked else np.ones((steps, batch))
    tape, out = cell.tape(batch, steps + spare), np.empty((hidden, batch))
    tape.inputs[:steps], tape.seen[:steps], tape.states[0] = x, seen, h0
    tape.project(steps)
    expected = chain(cell, x, h0, seen)
    for slot in range(steps):
        tape.evaluate(slot, tape.states[slot + 1] if slot + 1 < steps else out, masked=masked)
        found = tape.states[slot + 1] if slot + 1 < steps else out
        np.testing.assert_allclose(found, expected[slot], rtol=1e-12, atol=1e-12)
    tape.turn(steps)
    pulled = cotangents[-1].copy()
    for slot in range(steps - 1, -1, -1):
        tape.pull(slot, pulled, out)
        pulled = out + (cotangents[slot - 1] if slot else 0.0)
    grad = np.ones(cell.n_parameters)
    tape.add_gradient(grad, steps)

    def value(parameters: Any = None, x: Any = x, h: Any = h0) -> float:
        other = cell if parameters is None else GRUCell(inputs, hidden, dtype=float, parameters=parameters)
        return float((cotangents * chain(other, x, h, seen)).sum())

    assert agree(pulled, central_differences(lambda h: value(h=h), h0))
    assert agree(tape.input_cotangents(steps), central_differences(lambda x: value(x=x), x))
    assert agree(grad - 1.0, central_differences(value, cell.parameters))


def test_single_precision_is_the_same_cell_and_stays_single() -> None:
    double, single = make_cell(2, 3), make_cell(2, 3, dtype=np.float32)
    x, h = np.ones((2, 4), np.float32), np.full((3, 4), 0.3, np.float32)
    assert single(x, h).dtype == np.float32
    np.testing.assert_allclose(single(x, h), double(x, h), atol=1e-6)
    assert single(100 * x, 1e30 * h).dtype == np.float32, "and nothing overflows"


def test_weights_are_scaled_by_the_fan_in() -> None:
    cell = GRUCell.init(np.random.default_rng(0), 150, 300, dtype=float)
    for layer in (cell.input, cell.recurrent):
        assert layer.weight.std() * np.sqrt(layer.weight.shape[1]) == pytest.approx(1.0, abs=0.02)
        assert not layer.bias.any()


WRONG: list[tuple[dict[str, Any], str]] = [
    ({"inputs": 0}, "inputs=0: must be at least 1"),
    ({"hidden": 2.5}, "hidden=2.5: not a whole number"),
    ({"parameters": np.zeros(3, np.float32)}, "parameters: float32 (3,); inputs=1, hidden=2 need float32 (30,)"),
    ({"parameters": np.zeros(30)}, "parameters: float64 (30,); inputs=1, hidden=2 need float32 (30,)"),
]


@pytest.mark.parametrize(("arguments", "sentence"), WRONG, ids=[sentence[:20] for _, sentence in WRONG])
def test_a_wrong_argument_is_named_in_one_sentence(arguments: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ValueError, match=re.escape(sentence)):
        GRUCell(**{"inputs": 1, "hidden": 2, **arguments})
