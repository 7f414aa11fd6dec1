from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.problems.equations import EquationError, Equations, parse_equations
from nodeviz.problems.functions import FUNCTIONS, OPERATIONS
from nodeviz.problems.grammar import MAX_TEXT

VAN_DER_POL = "x' = y; y' = mu*(1 - x*x)*y - x"


def test_parameters_are_the_free_names_in_order_of_use() -> None:
    equations = parse_equations("r = sqrt(x^2 + y^2)  # the radius; b\nx' = a*x - omega*r\ny' = b*y + a*cos(t)")
    assert equations.parameters == ("a", "omega", "b")
    assert not equations.autonomous
    assert parse_equations(VAN_DER_POL).autonomous


def test_field_of_van_der_pol() -> None:
    field = parse_equations(VAN_DER_POL).field({"mu": 1.5})
    np.testing.assert_array_equal(field(0.0, np.array([2.0, 3.0])), [3.0, 1.5 * (1 - 4) * 3 - 2])


@pytest.mark.parametrize(
    ("text", "x", "y", "rate"),
    [
        ("2^3^2", 0, 0, 512.0),
        ("-x^2", 3, 0, -9.0),
        ("x^-1", 4, 0, 0.25),
        ("x^0", 4, 0, 1.0),
        ("x^0.5", 4, 0, 2.0),
        ("x^3 - x**3", 1.7, 0, 0.0),
        ("pi + e", 0, 0, math.pi + math.e),
        ("min(x, y, 1) + max(x, y, 1)", 3, -2, 1.0),
        ("where(x, y, 5)", -1, 7, 5.0),
        ("where(x, y, 5)", 1, 7, 7.0),
        ("heaviside(x) + heaviside(y) + heaviside(x - x)", 3, -3, 1.5),
        ("sign(x)*abs(x) + floor(y)", -2.5, 1.7, -1.5),
        ("ln(exp(x)) + log10(1000)", 0.3, 0, 3.3),
        ("atan2(y, x)", -1.0, 1.0, 3 * math.pi / 4),
        ("x − 2·y", 5, 2, 1.0),
        ("1e3*x + .5e-1*y", 1, 2, 1000.1),
    ],
)
def test_values(text: str, x: float, y: float, rate: float) -> None:
    field = parse_equations(f"x' = {text}; y' = 0").field({})
    assert field(0.0, np.array([x, y], float))[0] == pytest.approx(rate, abs=1e-14)
    assert field(0.0, np.array([[x, x], [y, y]], float))[0, 1] == pytest.approx(rate, abs=1e-14)


def test_other_ways_to_write_a_rate() -> None:
    a = parse_equations("dx/dt = y\ndy/dt = -x").field({})
    b = parse_equations("y’ = -x; x′ = y").field({})
    y = np.array([1.0, 2.0])
    np.testing.assert_array_equal(a(0, y), b(0, y))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_floating_type_is_kept(dtype: type) -> None:
    equations = parse_equations("x' = a*y + cos(w*t); y' = x/3 + a + t")
    field, jacobian = (make({"a": 1e-3, "w": 2.0}) for make in (equations.field, equations.jacobian))
    for y in (np.ones(2, dtype), np.ones((2, 5), dtype), np.ones((2, 3, 4), dtype)):
        for function, shape in ((field, (2,)), (jacobian, (2, 2))):
            rate = function(0.5, y)
            assert rate.dtype == dtype
            assert rate.shape == shape + y.shape[1:]
    times = np.linspace(0, 1, 5)
    assert field(times, np.ones((2, 5), dtype)).dtype == dtype
    assert field(0, np.ones((2, 5), int)).dtype == np.float64


def test_each_column_may_have_its_own_time() -> None:
    field = parse_equations("x' = where(t - 1, sin(t)*x, t); y' = t*t").field({})
    ts, y = np.linspace(0, 3, 7), np.arange(14.0).reshape(2, 7)
    expected = np.stack([field(t, y[:, i]) for i, t in enumerate(ts)], axis=1)
    np.testing.assert_allclose(field(ts, y), expected, rtol=1e-15)


def test_into_writes_into_out_and_can_be_repeated() -> None:
    field = parse_equations(VAN_DER_POL).field({"mu": 2})
    for n in (3, 8, 3):
        y = np.random.default_rng(n).normal(size=(2, n))
        out = np.full_like(y, np.nan)
        field.into(0.0, y, out)
        np.testing.assert_array_equal(out, field(0.0, y))
        np.testing.assert_allclose(out, [y[1], 2 * (1 - y[0] ** 2) * y[1] - y[0]], rtol=1e-13)


def test_both_rates_may_be_one_expression() -> None:
    field = parse_equations("s = x*y + 1; x' = s; y' = s").field({})
    np.testing.assert_array_equal(field(0, np.array([[2.0, 1.0], [3.0, 1.0]])), [[7, 2], [7, 2]])


def test_poles_and_domain_errors_are_silent_as_in_numpy() -> None:
    field = parse_equations("x' = 1/x + exp(1000*x); y' = log(y) + sqrt(y) + y^1.5").field({})
    for y in (np.array([0.0, 0.0]), np.array([1e10, -1.0])):
        np.testing.assert_array_equal(field(0, y), field(0, y[:, None])[:, 0])
    np.testing.assert_array_equal(field(0, np.array([0.0, 0.0])), [np.inf, -np.inf])
    assert np.isnan(field(0, np.array([1.0, -1.0]))[1])


def test_definitions_do_not_multiply() -> None:
    """Sixty doublings are a tree of 2**60 leaves, but a graph of 60 nodes."""
    text = "a0 = x + y\n" + "\n".join(f"a{i + 1} = a{i} + a{i}*x" for i in range(40)) + "\nx' = a40; y' = a40*y"
    equations = parse_equations(text)
    y = np.array([0.01, 0.02])
    assert equations.field({})(0, y)[0] == pytest.approx(0.03 * 1.01**40, rel=1e-12)
    slope = 1.01**40 + 0.03 * 40 * 1.01**39
    assert equations.jacobian({})(0, y)[0, 0] == pytest.approx(slope, rel=1e-12)


BAD = {
    "": "x' is missing",
    "x' = y": "y' is missing",
    "y' = x": "x' is missing",
    "x' = ; y' = 1": "right side is missing",
    "x' = x +; y' = 1": "syntax is wrong",
    "x' = (x; y' = 1": "bracket is not closed",
    "x' = x y; y' = 1": "syntax is wrong",
    "hello": "each line has the form",
    "x' = y = 2; y' = 1": "a second = in one line",
    "x == y; y' = 1": "each line has the form",
    "x' = si(x); y' = 1": "no function si; did you mean sin?",
    "x' = arctan(x); y' = 1": "did you mean atan?",
    "x' = mu(1 - x); y' = 1": "for a product write mu*(...)",
    "x' = x(1 - y); y' = 1": "write x*(...)",
    "x' = 2x; y' = 1": "write 2*x",
    "x' = 3(x + 1); y' = 1": "write 3*(",
    "x' = sin(x)(y); y' = 1": "write * between factors",
    "x' = atan2(x); y' = 1": "takes 2 arguments, here it has 1",
    "x' = min(x); y' = 1": "takes 2 or more arguments",
    "x' = sin(*x); y' = 1": "sin takes 1 argument",
    "x' = sin(a=x); y' = 1": "a second = in one line",
    "x' = __import__('os'); y' = 1": "belongs to the left side",
    "x' = __import__(x); y' = 1": "names begin with a letter",
    "x' = x.__class__; y' = 1": "names begin with a letter",
    "x' = x.real; y' = 1": ".real is out of reach",
    "x' = \"a\"; y' = 1": "text in quotes",
    "x' = lambda*x; y' = 1": "lambda: a reserved word",
    "x' = (lambda: x)(); y' = 1": "functions cannot be defined",
    "x' = x if y else 1; y' = 1": "if: a reserved word",
    "x' = x < y; y' = 1": "comparisons are not part of the language",
    "x' = x >= y; y' = 1": "comparisons are not part of the language",
    "x' = [x]; y' = 1": "round brackets only",
    "x' = 1,5*x; y' = 1": "write 0.5, not 0,5",
    "x' = x // 2; y' = 1": "the operators are",
    "x' = x @ y; y' = 1": "'@' is not part of the language",
    "x' = x % 2; y' = 1": "a - b*floor(a/b)",
    "x' = ...; y' = 1": "not a real number",
    "x' = True; y' = 1": "reserved word",
    "x' = 10**10**10; y' = 1": "an exponent beyond 64",
    "x' = x^1000; y' = 1": "an exponent beyond 64",
    "x' = 1e999; y' = 1": "cannot be represented",
    f"x' = {'9' * 400}; y' = 1": "cannot be represented",
    "x' = 1/0; y' = 1": "no finite value",
    "x' = x*log(0); y' = 1": "no finite value",
    "t = 3; x' = y; y' = x": "t is the time",
    "x = 3; x' = y; y' = x": "x belongs to the state",
    "e = 3; x' = y; y' = x": "e is the constant 2.71828",
    "sin = 3; x' = y; y' = x": "sin is a function",
    "x' = sin*x; y' = x": "sin is a function",
    "x' = y; x' = x; y' = x": "x' is given twice",
    "a = 1; a = 2; x' = a; y' = x": "a is given twice",
    "z' = 1; x' = y; y' = x": "the state is x and y only",
    "x'' = -x; y' = 1": "only first derivatives",
    "a = b; b = a; x' = a; y' = b": "a is defined in terms of a later one",
    "a = b; b = 2; x' = a; y' = b": "a is defined in terms of a later one",
    "a = a + 1; x' = a; y' = x": "a is defined by itself",
    f"x' = {'(' * 300}x{')' * 300}; y' = 1": "too many brackets",
    f"x' = {'-' * 300}x; y' = 1": "more than 60 operations inside each other",
    f"x' = {'sin(' * 80}x{')' * 80}; y' = 1": "more than 60 operations inside each other",
    f"x' = max({'x,' * 1600}x); y' = 1": "more than 1500 operations",
    "x' = x" + "+x" * MAX_TEXT: "are more than the 4000 allowed",
    ";".join(f"a{i} = {i}" for i in range(65)): "65 lines are more than the 64 allowed",
    f"{'a' * 50} = 1; x' = y; y' = x": "a name of 50 characters",
}


@pytest.mark.parametrize("text", BAD)
def test_each_mistake_has_its_sentence(text: str) -> None:
    with pytest.raises(EquationError) as caught:
        parse_equations(text)
    message = str(caught.value)
    assert BAD[text] in message
    assert "\n" not in message
    assert len(message) < 200


def test_unused_definitions_are_fine() -> None:
    assert parse_equations("r = t*x; x' = y; y' = -x").autonomous


def test_the_rates_may_stand_before_the_definitions_they_use() -> None:
    field = parse_equations("x' = r*x; y' = r*y; r = 1 - x*x - y*y").field({})
    np.testing.assert_array_equal(field(0, np.array([0.5, 0.0])), [0.375, 0.0])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({}, "parameters: mu has no value"),
        ({"mu": 1, "muu": 2}, "muu does not occur in the equations; did you mean mu?"),
        ({"mu": 1, "k": 2}, "k does not occur in the equations; they are mu"),
        ({"mu": math.nan}, "mu=nan: not a finite number"),
        ({"mu": "a"}, "mu='a': not a finite number"),
        ({"mu": 10**400}, "not a finite number"),
    ],
)
def test_parameters_are_checked(parameters: dict[str, float], message: str) -> None:
    with pytest.raises(EquationError, match=message.replace("?", r"\?")):
        parse_equations(VAN_DER_POL).field(parameters)


def test_parameters_that_divide_by_zero_give_infinity() -> None:
    field = parse_equations("x' = x + 1/a; y' = y").field({"a": 0.0})
    assert field(0, np.array([1.0, 1.0]))[0] == np.inf


@given(st.text(max_size=200))
@settings(max_examples=300, deadline=None)
def test_any_text_is_read_or_refused(text: str) -> None:
    for candidate in (text, f"x' = {text}; y' = 1", f"{text}; x' = y; y' = x"):
        message = ""
        try:
            assert isinstance(parse_equations(candidate), Equations)
        except EquationError as error:
            message = str(error)
        assert "\n" not in message


TOKENS = st.sampled_from(
    [*FUNCTIONS, *"xyta+-*/^()();,.=' ", "**", "1", "0.5", "1e9", "__", "lambda", "if", "\n", "x'=", "y'=", "def", "#"]
)


@given(st.lists(TOKENS, max_size=60).map("".join))
@settings(max_examples=500, deadline=None)
def test_any_tokens_are_read_or_refused(text: str) -> None:
    try:
        equations = parse_equations(f"x' = {text}\ny' = x")
    except EquationError:
        return
    values = dict.fromkeys(equations.parameters, 0.5)
    y = np.full((2, 3), 0.25)
    assert equations.field(values)(0.0, y).shape == (2, 3)
    assert equations.jacobian(values)(0.0, y).shape == (2, 2, 3)


def _extend(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    functions = st.sampled_from([name for name in FUNCTIONS if OPERATIONS[FUNCTIONS[name]].n_args == 1])
    return st.one_of(
        st.tuples(inner, st.sampled_from("+-*/"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(functions, inner).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(inner, st.integers(-3, 4)).map(lambda p: f"({p[0]})^({p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"atan2({p[0]}, {p[1]})"),
        st.tuples(inner, inner, inner).map(lambda p: f"where({p[0]}, {p[1]}, {p[2]})"),
        st.tuples(inner, inner).map(lambda p: f"min({p[0]}, max({p[1]}, 0.3))"),
    )


LEAVES = st.one_of(st.sampled_from(["x", "y", "t", "a"]), st.floats(0.1, 9).map(lambda value: f"{value:.3g}"))
EXPRESSIONS = st.recursive(LEAVES, _extend, max_leaves=8)
REFERENCE = {
    **{name: OPERATIONS[operation].ufunc for name, operation in FUNCTIONS.items()},
    "__builtins__": {},
}


@given(EXPRESSIONS, st.floats(-3, 3), st.floats(-3, 3))
@settings(max_examples=300, deadline=None)
def test_compiled_code_agrees_with_python(expression: str, x: float, y: float) -> None:
    try:
        field = parse_equations(f"x' = {expression}; y' = a + t").field({"a": 0.7})
    except EquationError as error:
        if "has no value" in str(error) or "does not occur" in str(error) or "no finite value" in str(error):
            return
        raise
    scope = {key: np.float64(value) for key, value in {"x": x, "y": y, "t": 0.4, "a": 0.7}.items()}
    with np.errstate(all="ignore"):
        expected = eval(expression.replace("^", "**"), dict(REFERENCE), scope)
    state = np.array([x, y])
    for rate in (field(0.4, state), field(0.4, state[:, None])[:, 0], field(np.array([0.4]), state[:, None])[:, 0]):
        np.testing.assert_allclose(rate[0], expected, rtol=1e-9, atol=1e-12)


SMOOTH = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda p: f"({p[0]} {p[1]} {p[2]})"),
        st.tuples(st.sampled_from(["sin", "cos", "tanh", "atan"]), inner).map(lambda p: f"{p[0]}({p[1]})"),
        st.tuples(inner, inner).map(lambda p: f"({p[0]})/(2 + sin({p[1]}))"),
        inner.map(lambda text: f"(1 + ({text})^2)^a"),
        st.tuples(inner, inner).map(lambda p: f"(2 + cos({p[0]}))^sin({p[1]})"),
    ),
    max_leaves=6,
)


@given(SMOOTH, SMOOTH, st.floats(-2, 2), st.floats(-2, 2))
@settings(max_examples=200, deadline=None)
def test_jacobian_agrees_with_differences(f: str, g: str, x: float, y: float) -> None:
    equations = parse_equations(f"x' = {f} + 0*a; y' = {g} + a")
    parameters = {"a": 0.7}
    field, jacobian = equations.field(parameters), equations.jacobian(parameters)
    eps = 1e-5
    points = np.array([[x + eps, x - eps, x, x], [y, y, y + eps, y - eps]])
    rates = field(0.3, points)
    differences = np.stack([rates[:, 0] - rates[:, 1], rates[:, 2] - rates[:, 3]], axis=1) / (2 * eps)
    exact = jacobian(0.3, np.array([x, y]))
    scale = 1 + np.abs(exact).max() ** 3 + np.abs(rates).max()
    np.testing.assert_allclose(differences, exact, atol=1e-6 * scale)
    np.testing.assert_allclose(jacobian(0.3, np.array([[x], [y]]))[..., 0], exact, rtol=1e-12, atol=1e-12)


RULES = {
    "asin(x/4)": (0.3, 0.5), "acos(x/4)": (0.3, 0.5), "tan(x)": (0.3, 0.5), "sinh(x)": (0.3, 0.5),
    "cosh(x)": (0.3, 0.5), "exp(x)": (0.3, 0.5), "log(x)": (0.3, 0.5), "log10(x)": (0.3, 0.5), "sqrt(x)": (0.3, 0.5),
    "abs(x)": (-0.3, 0.5), "sign(x)": (0.3, 0.5), "floor(x)": (0.3, 0.5), "heaviside(x)": (0.3, 0.5),
    "atan2(x, y)": (0.3, 0.5), "min(x*y, y)": (0.3, 0.5), "max(x*y, y)": (1.7, 0.5),
    "where(x - y, x*y, y*y)": (1.0, 0.5),
    "x^y": (0.3, 0.5), "x^2.5": (0.3, 0.5), "x^(-3)": (0.3, 0.5), "-x": (0.3, 0.5), "x/y": (0.3, 0.5),
}  # fmt: skip


@pytest.mark.parametrize("text", RULES)
def test_every_differentiation_rule(text: str) -> None:
    equations = parse_equations(f"x' = {text}; y' = 1")
    field, jacobian, eps = equations.field({}), equations.jacobian({}), 1e-6
    x, y = RULES[text]
    rates = field(0, np.array([[x + eps, x - eps, x, x], [y, y, y + eps, y - eps]]))[0]
    expected = np.array([rates[0] - rates[1], rates[2] - rates[3]]) / (2 * eps)
    np.testing.assert_allclose(jacobian(0, np.array([x, y]))[0], expected, rtol=1e-8, atol=1e-8)


def test_what_was_read_is_kept_and_complaints_are_made_anew() -> None:
    equations = parse_equations(VAN_DER_POL)
    assert parse_equations(VAN_DER_POL) is equations
    assert parse_equations(VAN_DER_POL + " ") is not equations
    for _ in range(2):
        with pytest.raises(EquationError, match="sinn"):
            parse_equations("x' = sinn(y); y' = 1")
