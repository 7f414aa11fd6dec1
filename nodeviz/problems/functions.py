"""The operations typed equations may use: how each is computed, and the rule by which it is differentiated."""

from __future__ import annotations

import math
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation of the language of typed equations.

    Attributes
    ----------
    ufunc : computes it on arrays; takes its output array as ``out``
    scalar : template of the same on Python floats; the fastest form, which may raise where NumPy answers inf or NaN
    partials : the partial derivatives as texts of the same language, arguments called a, b, c and the value itself f
    """

    ufunc: Callable[..., Any]
    scalar: str
    partials: tuple[str, ...]

    @property
    def n_args(self) -> int:
        """Number of arguments."""
        return len(self.partials)


def _where(condition: Any, a: Any, b: Any, out: Any = None) -> Any:
    """Return ``a`` where ``condition`` is positive and ``b`` elsewhere, in the manner of a ufunc."""
    chosen = np.where(np.greater(condition, 0), a, b)
    if out is None:
        return chosen
    np.copyto(out, chosen)
    return out


def _heaviside(a: Any, out: Any = None) -> Any:
    """Return 0, 1/2 or 1 for negative, zero and positive ``a``, in the manner of a ufunc."""
    return np.heaviside(a, 0.5, out=out)


# Python's min and max drop a NaN in second place; NumPy's keep it, and so must these.
def _scalar_min(a: float, b: float) -> float:
    return a if a <= b or a != a else b


def _scalar_max(a: float, b: float) -> float:
    return a if a >= b or a != a else b


def _scalar_sign(a: float) -> float:
    return a if a == 0 or a != a else math.copysign(1.0, a)


def _scalar_heaviside(a: float) -> float:
    return a if a != a else 0.5 * (1.0 + _scalar_sign(a))


OPERATIONS: Mapping[str, Operation] = MappingProxyType(
    {
        "add": Operation(np.add, "({0} + {1})", ("1", "1")),
        "subtract": Operation(np.subtract, "({0} - {1})", ("1", "-1")),
        "multiply": Operation(np.multiply, "({0} * {1})", ("b", "a")),
        "divide": Operation(np.divide, "({0} / {1})", ("1/b", "-f/b")),
        "power": Operation(np.power, "pow({0}, {1})", ("b*a**(b - 1)", "f*log(a)")),
        "negative": Operation(np.negative, "(-{0})", ("-1",)),
        "sin": Operation(np.sin, "sin({0})", ("cos(a)",)),
        "cos": Operation(np.cos, "cos({0})", ("-sin(a)",)),
        "tan": Operation(np.tan, "tan({0})", ("1 + f*f",)),
        "asin": Operation(np.arcsin, "asin({0})", ("1/sqrt(1 - a*a)",)),
        "acos": Operation(np.arccos, "acos({0})", ("-1/sqrt(1 - a*a)",)),
        "atan": Operation(np.arctan, "atan({0})", ("1/(1 + a*a)",)),
        "atan2": Operation(np.arctan2, "atan2({0}, {1})", ("b/(a*a + b*b)", "-a/(a*a + b*b)")),
        "sinh": Operation(np.sinh, "sinh({0})", ("cosh(a)",)),
        "cosh": Operation(np.cosh, "cosh({0})", ("sinh(a)",)),
        "tanh": Operation(np.tanh, "tanh({0})", ("1 - f*f",)),
        "exp": Operation(np.exp, "exp({0})", ("f",)),
        "log": Operation(np.log, "log({0})", ("1/a",)),
        "log10": Operation(np.log10, "log10({0})", (f"{1 / math.log(10)!r}/a",)),
        "sqrt": Operation(np.sqrt, "sqrt({0})", ("0.5/f",)),
        "abs": Operation(np.abs, "fabs({0})", ("sign(a)",)),
        "sign": Operation(np.sign, "sign({0})", ("0",)),
        "floor": Operation(np.floor, "float(floor({0}))", ("0",)),
        "heaviside": Operation(_heaviside, "heaviside({0})", ("0",)),
        "min": Operation(np.minimum, "minimum({0}, {1})", ("where(b - a, 1, 0)", "where(b - a, 0, 1)")),
        "max": Operation(np.maximum, "maximum({0}, {1})", ("where(a - b, 1, 0)", "where(a - b, 0, 1)")),
        "where": Operation(_where, "({1} if {0} > 0.0 else {2})", ("0", "where(a, 1, 0)", "where(a, 0, 1)")),
    }
)

OPERATORS = frozenset({"add", "subtract", "multiply", "divide", "power", "negative"})
FUNCTIONS: Mapping[str, str] = MappingProxyType(
    {**{name: name for name in OPERATIONS if name not in OPERATORS}, "ln": "log"}
)  # the name in the text -> the operation
CONSTANTS: Mapping[str, float] = MappingProxyType({"pi": math.pi, "e": math.e})

# What scalar code may see. Its builtins are empty.
SCALAR_NAMESPACE: Mapping[str, Any] = MappingProxyType(
    {
        **{
            name: getattr(math, name)
            for name in (
                "sin", "cos", "tan", "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh",
                "exp", "log", "log10", "sqrt", "fabs", "floor", "pow", "inf", "nan",
            )
        },
        "sign": _scalar_sign,
        "heaviside": _scalar_heaviside,
        "minimum": _scalar_min,
        "maximum": _scalar_max,
        "float": float,
    }
)  # fmt: skip


def _guarded(ufunc: Callable[..., Any]) -> Callable[..., float]:
    def value(*args: float) -> float:
        with np.errstate(all="ignore"):
            return float(ufunc(*args))

    return value


# The same with NumPy's answers (inf, NaN) where Python raises: 20 times slower, used where the fast form failed.
GUARDED_NAMESPACE: Mapping[str, Any] = MappingProxyType(
    {
        **{f"guarded_{name}": _guarded(operation.ufunc) for name, operation in OPERATIONS.items()},
        "inf": math.inf,
        "nan": math.nan,
    }
)


def scalar_template(name: str, *, guarded: bool) -> str:
    """Return the template of one operation in scalar code, fast or guarded against exceptions."""
    operation = OPERATIONS[name]
    if not guarded:
        return operation.scalar
    return f"guarded_{name}({', '.join(f'{{{i}}}' for i in range(operation.n_args))})"
