"""The parameters of the phase portrait."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from nodeviz.engine.methods import METHODS
from nodeviz.experiments.params import (
    Choice,
    Interval,
    Names,
    Number,
    NumberMap,
    ParamError,
    Points,
    Text,
    nearest,
    param,
    read_number,
    shown,
)
from nodeviz.problems.equations import EquationError, parse_equations
from nodeviz.problems.planar import FieldError, PlanarField
from nodeviz.problems.systems import SYSTEMS, System

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

MOST_STEPS = 1_000_000
FINEST_TOLERANCE = 1e-12
# Short enough for a legend; the full titles, which say which RK4 it is, stand in METHODS.
SOLVER_TITLES = MappingProxyType(
    {
        name: {
            "kutta3": "Kutta 3",
            "rk4": "RK4",
            "rk38": "RK 3/8",
            "bosh3": "bosh3",
            "dopri5": "dopri5",
            "tsit5": "tsit5",
        }.get(name, name if name == "dop853" else name.replace("-", " ").capitalize()).replace(" euler", " Euler")
        for name in METHODS
    }
)
WORK = MappingProxyType({"steps": "Equal steps", "evaluations": "Equal work"})
INSTRUMENTS = MappingProxyType(
    {
        "stability": "Stability region",
        "error": "Error over time",
        "step-size": "Step size",
        "evaluations": "Evaluations",
        "order": "Order",
        "work-precision": "Work-precision, evaluations",
        "time-precision": "Work-precision, time",
        "components": "x and y over time",
        "numbers": "Numbers",
    }
)


@dataclass(frozen=True, slots=True)
class Solver:
    """One entry of the solver list: a method, with steps or a tolerance of its own if the entry names one."""

    entry: str
    method: str
    n_steps: int | None = None
    rtol: float | None = None

    @property
    def fixed(self) -> bool:
        """Whether it takes steps of equal size."""
        return self.n_steps is not None or not METHODS[self.method].adaptive


def read_solver(name: str, text: str) -> str:
    """Return an entry such as ``rk4``, ``rk4:60`` or ``dopri5:1e-6`` as written, spaces aside, after checking it.

    Raises
    ------
    ParamError : an unknown method, or a number that is neither steps nor a tolerance
    """
    entry = "".join(text.split())
    method, colon, number = entry.partition(":")
    if method_of(entry) not in METHODS:
        raise ParamError(f"{name}={shown(text)}: unknown solver; {nearest(method, METHODS)}")
    if not colon:
        return entry
    value = read_number(f"{name}={method_of(entry)}, its steps or tolerance", number)
    if value >= 1:
        Number(1, MOST_STEPS, integer=True).coerce(f"{name}={method}, its steps", value, None)
    elif METHODS[method_of(entry)].adaptive:
        Number(FINEST_TOLERANCE, 0.1).coerce(f"{name}={method}, its tolerance", value, None)
    else:
        raise ParamError(f"{name}={shown(text)}: {method} takes fixed steps; write how many, as in {method}:60")
    return entry


def method_of(entry: str) -> str:
    """Return the method that an entry names."""
    return entry.partition(":")[0].lower().replace("_", "-")


def parse_solver(entry: str) -> Solver:
    """Return an entry in parts."""
    _, colon, number = entry.partition(":")
    method = method_of(entry)
    if not colon:
        return Solver(entry, method)
    value = float(number)
    return Solver(entry, method, n_steps=int(value)) if value >= 1 else Solver(entry, method, rtol=value)


def meaning_of(entry: str) -> tuple[object, ...]:
    """Return what an entry says, however it is written: ``rk4`` and ``RK4``, ``1e-6`` and ``1E-6`` are the same."""
    solver = parse_solver(entry)
    return solver.method, solver.n_steps, solver.rtol


SPIRAL = SYSTEMS["spiral"]
LIMIT = 1e9


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseParams:
    """What the phase portrait shows. Choosing a system brings its equations, parameters, starts, times and ranges."""

    system: str | Callable[..., Any] = param(
        "spiral",
        label="System",
        kind=Choice(
            MappingProxyType({name: system.title for name, system in SYSTEMS.items()} | {"custom": "Your equations"}),
            accepts_callable=True,
            notes=MappingProxyType({name: system.note for name, system in SYSTEMS.items()}),
        ),
        help="The vector field; from Python any callable f(t, y).",
    )
    equations: str = param(
        SPIRAL.equations,
        label="Equations",
        kind=Text(lines=True),
        help="x' and y' with intermediate definitions; every free name becomes a parameter. Selects the system custom.",
    )
    parameters: Mapping[str, float] = param(
        MappingProxyType(dict(SPIRAL.parameters)),
        label="Parameters",
        kind=NumberMap(-1e6, 1e6),
        help="The numbers in the equations.",
    )
    solvers: tuple[str, ...] = param(
        ("euler", "rk4"),
        label="Solvers",
        kind=Names(read_solver, method_of, SOLVER_TITLES, most=8, meaning=meaning_of),
        help="Methods to compare, each with steps or a tolerance of its own if you like: rk4:60, dopri5:1e-6.",
    )
    n_steps: int = param(
        SPIRAL.n_steps, label="Steps", lo=1, hi=MOST_STEPS, log=True, help="Steps of every fixed-step solver."
    )
    t1: float = param(
        SPIRAL.t1, label="End time", lo=-1e4, hi=1e4, help="Where the solutions end; below t0 for backwards."
    )
    work: str = param(
        "steps",
        label="Compare at",
        choices=WORK,
        help="Equal steps, or equal work: every fixed-step solver gets the evaluations that RK4 needs for its steps.",
    )
    rtol: float = param(
        1e-6, label="Tolerance", lo=FINEST_TOLERANCE, hi=0.1, log=True, help="Relative tolerance of adaptive solvers."
    )
    start: tuple[tuple[float, float], ...] = param(
        SPIRAL.start,
        label="Start points",
        kind=Points(most=64, limit=LIMIT),
        help="Click to place, drag to move, shift-click to remove.",
        more=True,
    )
    t0: float = param(SPIRAL.t0, label="Start time", lo=-1e4, hi=1e4, help="Where the solutions start.", more=True)
    atol: float = param(
        1e-9, label="Absolute tolerance", lo=1e-15, hi=0.1, log=True, help="In the units of x and y.", more=True
    )
    x_range: tuple[float, float] = param(
        SPIRAL.x_range, label="x range", kind=Interval(LIMIT), help="The view; equilibria are sought in it.", more=True
    )
    y_range: tuple[float, float] = param(
        SPIRAL.y_range, label="y range", kind=Interval(LIMIT), help="The view; equilibria are sought in it.", more=True
    )
    upper: str = param("stability", label="Upper plot", choices=INSTRUMENTS, help="The upper instrument.", more=True)
    lower: str = param("error", label="Lower plot", choices=INSTRUMENTS, help="The lower instrument.", more=True)
    show_reference: bool = param(True, label="reference", help="The reference solution, dashed.", live=True)
    show_steps: bool = param(True, label="solver steps", help="A marker at every step.", live=True)
    show_field: bool = param(True, label="direction field", help="Directions, brighter where faster.", live=True)
    show_nullclines: bool = param(False, label="nullclines", help="Where x' = 0 and where y' = 0.", live=True)
    show_equilibria: bool = param(True, label="equilibria", help="Points at rest, classified.", live=True)
    show_manifolds: bool = param(True, label="manifolds", help="Stable and unstable manifolds of saddles.", live=True)
    show_cycles: bool = param(True, label="limit cycles", help="Closed orbits that others approach.", live=True)
    show_past: bool = param(
        False, label="backwards in time", help="The reference from each start backwards in time, dotted."
    )

    def implied(self, changes: Mapping[str, object]) -> dict[str, object]:
        """Return what another system, or other equations, bring with them.

        Raises
        ------
        ParamError : equations that cannot be used, or given together with a system of another name
        """
        system = changes.get("system")
        named = SYSTEMS.get(system.strip()) if isinstance(system, str) else None
        if "equations" in changes and not (named and changes["equations"] == named.equations):
            if isinstance(system, str) and system.strip() != "custom":
                raise ParamError(f"equations: cannot go with system={system}; leave one out, or use system=custom")
            return self._implied_by_equations(str(changes["equations"]))
        if callable(system):
            return {"equations": "", "parameters": MappingProxyType({})}
        return self._implied_by_system(named) if named else {}

    def _implied_by_equations(self, text: str) -> dict[str, object]:
        try:
            names = parse_equations(text).parameters
        except EquationError as error:
            raise ParamError(f"equations: {error}") from None
        kept = {name: self.parameters.get(name, 1.0) for name in names}
        return {"system": "custom", "equations": text.strip(), "parameters": MappingProxyType(kept)}

    @staticmethod
    def _implied_by_system(system: System) -> dict[str, object]:
        return {
            "equations": system.equations,
            "parameters": MappingProxyType(dict(system.parameters)),
            "start": system.start,
            "t0": system.t0,
            "t1": system.t1,
            "n_steps": system.n_steps,
            "x_range": system.x_range,
            "y_range": system.y_range,
        }

    def check(self, changes: Mapping[str, object]) -> None:
        """Check what the fields must satisfy together.

        Raises
        ------
        ParamError : an empty time span, the system custom without equations, or a callable that cannot serve
        """
        if abs(self.t1 - self.t0) < 1e-9 * max(1.0, abs(self.t0)):
            raise ParamError(f"t1={self.t1:g}: equal to t0, which leaves nothing to solve; use another end time")
        if self.system == "custom" and not self.equations:
            raise ParamError("system=custom: no equations yet; set equations, as in x' = y; y' = -x")
        # Only a new callable is tried: it may be slow, and whoever changes another parameter waits for this answer.
        if "system" in changes and callable(self.system):
            try:
                PlanarField.from_callable(self.system, span=(self.t0, self.t1))
            except FieldError as error:
                raise ParamError(f"system: {error}") from None
