"""Declarations of parameters: coercion, limits, sentences, and the way back to text and JSON."""

from __future__ import annotations

import contextlib
import json
import math
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nodeviz.experiments.params import (
    Choice,
    Flag,
    Interval,
    Names,
    Number,
    NumberMap,
    ParamError,
    Points,
    Text,
    change,
    declared,
    nearest,
    param,
    short,
    to_json,
)

finite = st.floats(allow_nan=False, allow_infinity=False)
NUMBER = Number(-1e12, 1e12)


@dataclass(frozen=True, kw_only=True)
class Example:
    """Parameters to try things on."""

    rtol: float = param(1e-6, label="Tolerance", lo=1e-12, hi=0.1, log=True, help="How exact.")
    steps: int = param(15, label="Steps", lo=1, hi=10**6)
    mode: str = param("fast", label="Mode", choices={"fast": "Fast", "slow": "Slow"}, live=True)
    on: bool = param(True, label="On")
    note: str = param("", label="Note")


@given(finite)
def test_short_reads_back_exactly(number: float) -> None:
    assert float(short(number)) == number


@pytest.mark.parametrize(
    ("number", "text"),
    [(1e6, "1e6"), (-1e6, "-1e6"), (1e9, "1e9"), (1234567.0, "1234567"), (1e-12, "1e-12"), (15, "15"), (0.1, "0.1")],
)
def test_short_writes_what_one_would_type(number: float, text: str) -> None:
    assert short(number) == text


@pytest.mark.parametrize("number", [2**53 - 1, 2**53 + 1, -(2**63) - 1])
def test_whole_numbers_keep_every_digit(number: int) -> None:
    kind = Number(-(2**70), 2**70, integer=True)
    assert kind.coerce("n", number, None) == number
    assert kind.coerce("n", f" {number} ", None) == number
    with pytest.raises(ParamError, match="above the limit"):
        Number(-(2**70), number - 1, integer=True).coerce("n", str(number), None)


def test_a_whole_number_too_long_to_write_is_refused_with_a_sentence() -> None:
    with pytest.raises(ParamError, match="above the limit 10"):
        Number(1, 10, integer=True).coerce("n", 10**5000, None)


def test_entries_that_mean_the_same_count_once_as_first_written() -> None:
    kind = Names(lambda _, text: text, str, {"a": ""}, most=3, meaning=str.lower)
    assert kind.coerce("n", "RK4, rk4, euler, Rk4", None) == ("RK4", "euler")


@pytest.mark.parametrize("text", ["1,5", "1.5", " 1.5 ", "15e-1"])
def test_a_decimal_comma_is_a_decimal_point(text: str) -> None:
    assert NUMBER.coerce("t1", text, None) == 1.5


@pytest.mark.parametrize(
    ("kind", "value", "words"),
    [
        (Number(1, 10, integer=True), 0, ["n=0", "below the limit 1", "use 1 or more"]),
        (Number(1, 10**6, integer=True), 10**12, ["n=1000000000000", "above the limit 1000000", "use 1000000 or less"]),
        (Number(1, 10, integer=True), 10**400, ["above the limit"]),
        (Number(1, 10, integer=True), 2.5, ["n=2.5", "not a whole number", "2 or 3"]),
        (Number(1e-12, 0.1), -1, ["n=-1", "below the limit 1e-12"]),
        (Number(1e-12, 0.1), 1e-17, ["n=1e-17", "below the limit 1e-12", "use 1e-12 or more"]),
        (Number(0, 1), "ten", ["n=ten", "not a number", "write it like"]),
        (Number(0, 1), math.inf, ["n=inf", "not a finite number"]),
        (Number(0, 1), "nan", ["n=nan", "not a finite number"]),
        (Number(0, 1), None, ["n=None", "not a number"]),
        (Number(0, 1), True, ["n=True", "not a number"]),
        (Flag(), "perhaps", ["n=perhaps", "use true or false"]),
        (Choice({"steps": "a", "evaluations": "b"}), "evaluation", ["n=evaluation", "did you mean 'evaluations'?"]),
        (Text(longest=5), "too long", ["8 characters", "the limit 5"]),
        (Points(most=3, limit=10), "1", ["n=1", "1 numbers where a point has 2"]),
        (Points(most=3, limit=10), "1,2,3", ["3 numbers where a point has 2", "2,0"]),
        (Points(most=3, limit=10), "", ["0 points", "1 to 3"]),
        (Points(most=3, limit=10), "1,inf", ["n=inf", "not a finite number"]),
        (Interval(10), "3,3", ["n=3,3", "the second number must be larger"]),
        (Interval(10), "3", ["n=3", "not two numbers"]),
        (Names(lambda _, text: text, str, {"euler": "Euler"}, most=2), "", ["0 entries", "1 to 2"]),
    ],
)
def test_bad_values_get_one_sentence(kind: object, value: object, words: list[str]) -> None:
    with pytest.raises(ParamError) as caught:
        kind.coerce("n", value, None)  # type: ignore[attr-defined]
    sentence = str(caught.value)
    assert "\n" not in sentence
    for word in words:
        assert word in sentence


def test_a_map_changes_only_the_keys_it_is_given() -> None:
    kind = NumberMap(-10, 10)
    current = {"mu": 1.0, "a": 2.0}
    assert dict(kind.coerce("parameters", "mu=3", current)) == {"mu": 3.0, "a": 2.0}
    assert dict(kind.coerce("parameters", {"a": "0,5"}, current)) == {"mu": 1.0, "a": 0.5}
    assert current == {"mu": 1.0, "a": 2.0}
    with pytest.raises(ParamError, match="'mi' is not a parameter of this system; did you mean 'mu'"):
        kind.coerce("parameters", "mi=3", current)
    with pytest.raises(ParamError, match="'mu' has no value"):
        kind.coerce("parameters", "mu", current)


@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=1, max_size=5))
def test_points_read_back_from_their_text(points: list[tuple[float, float]]) -> None:
    kind = Points(most=5, limit=10)
    stored = kind.coerce("start", points, None)
    assert kind.coerce("start", kind.to_text(stored), None) == stored
    assert kind.coerce("start", json.loads(json.dumps(kind.to_json(stored))), None) == stored


@given(st.floats(1e-12, 0.1), st.integers(1, 10**6), st.sampled_from(["fast", "slow"]), st.booleans())
def test_parameters_read_back_from_json(rtol: float, steps: int, mode: str, on: bool) -> None:
    changed = change(Example(), {"rtol": rtol, "steps": steps, "mode": mode, "on": on})
    assert change(Example(), json.loads(json.dumps(to_json(changed)))) == changed


@given(st.text(max_size=30), st.text(max_size=30))
def test_any_change_is_made_or_refused(name: str, value: str) -> None:
    before = Example()
    with contextlib.suppress(ParamError):
        change(before, {name: value})
    assert before == Example()


@pytest.mark.parametrize("value", [None, 3, [None], {"a": None}, [[1, 2, 3]], object(), b"x", [], True, [[1e400, 2]]])
@pytest.mark.parametrize(
    "kind",
    [Points(most=3, limit=10), Interval(10), Names(lambda _, text: text, str, {"a": ""}, most=2), NumberMap(0, 1)],
)
def test_values_of_the_wrong_type_are_refused_or_read(kind: object, value: object) -> None:
    with contextlib.suppress(ParamError):
        kind.coerce("n", value, {})  # type: ignore[attr-defined]


def test_an_unknown_name_gets_the_nearest_one() -> None:
    with pytest.raises(ParamError, match="stepz: no such parameter; did you mean 'steps'"):
        change(Example(), {"stepz": 3})


def test_the_help_text_says_limits_and_default() -> None:
    text = declared(Example)["rtol"].describe()
    for word in ("How exact.", "1e-12 to 0.1", "Default: 1e-6"):
        assert word in text


def test_a_number_needs_limits() -> None:
    with pytest.raises(TypeError, match="give lo and hi"):
        param(1.0, label="x")


def test_nearest_lists_all_names_where_none_is_near() -> None:
    assert nearest("qqq", ["euler", "rk4"]) == "use one of euler, rk4"
