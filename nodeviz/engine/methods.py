"""The table of methods: what each is called, its order, and what it needs."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import TYPE_CHECKING

from nodeviz.engine import explicit
from nodeviz.engine.dop853 import DOP853
from nodeviz.engine.implicit import BACKWARD_EULER, RADAU, TRAPEZOID

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nodeviz.engine.arrays import ComplexArray
    from nodeviz.engine.tableau import ButcherTableau


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method of the list.

    Attributes
    ----------
    name, title : how code and people call it
    order : order of convergence
    adaptive : whether it estimates its error and so can choose its steps; otherwise it needs n_steps or dt
    implicit : whether it solves equations in every step, as stiff problems want
    evaluations_per_step : evaluations of the field in one accepted step; None where it depends on the problem
    stability_function : R(z) on y' = lambda y, z = dt lambda; None where a method has none
    source : where it comes from
    tableau : its coefficients; None for the symplectic pair
    """

    name: str
    title: str
    order: int
    adaptive: bool
    implicit: bool
    evaluations_per_step: int | None
    stability_function: Callable[[ComplexArray], ComplexArray] | None
    source: str
    tableau: ButcherTableau | None


def _runge_kutta(tableau: ButcherTableau) -> Method:
    implicit = not tableau.explicit
    return Method(
        name=tableau.name,
        title=tableau.title,
        order=tableau.order,
        # Radau's error estimate needs the Jacobian, so it is no row of its tableau.
        adaptive=tableau.adaptive or tableau is RADAU,
        implicit=implicit,
        evaluations_per_step=None if implicit else tableau.evaluations_per_step,
        stability_function=tableau.stability_function,
        source=tableau.source,
        tableau=tableau,
    )


def _symplectic(name: str, title: str, order: int, source: str) -> Method:
    return Method(
        name=name,
        title=title,
        order=order,
        adaptive=False,
        implicit=False,
        evaluations_per_step=2,
        stability_function=None,
        source=source,
        tableau=None,
    )


_GNI = "Hairer, Lubich, Wanner: Geometric Numerical Integration (2006)"
_ALL = (
    _runge_kutta(explicit.EULER),
    _runge_kutta(explicit.MIDPOINT),
    _runge_kutta(explicit.HEUN),
    _runge_kutta(explicit.RALSTON),
    _runge_kutta(explicit.KUTTA3),
    _runge_kutta(explicit.RK4),
    _runge_kutta(explicit.RK38),
    _runge_kutta(explicit.BOSH3),
    _runge_kutta(explicit.DOPRI5),
    _runge_kutta(explicit.TSIT5),
    _runge_kutta(DOP853),
    _runge_kutta(BACKWARD_EULER),
    _runge_kutta(TRAPEZOID),
    _runge_kutta(RADAU),
    _symplectic("symplectic-euler", "Symplectic Euler", 1, f"{_GNI}, section I.1.2; kick, then drift"),
    _symplectic("leapfrog", "Leapfrog (Stormer-Verlet)", 2, f"{_GNI}, section I.1.4; half kick, drift, half kick"),
)

METHODS: Mapping[str, Method] = MappingProxyType({method.name: method for method in _ALL})


def find_method(name: str) -> Method:
    """Return the method of that name.

    Raises
    ------
    ValueError : no such method; the nearest name is suggested
    """
    if name in METHODS:
        return METHODS[name]
    near = get_close_matches(str(name), METHODS, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"choose one of {', '.join(METHODS)}"
    raise ValueError(f"method={name!r}: no such method; {hint}")
