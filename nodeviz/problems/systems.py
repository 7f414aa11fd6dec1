"""The named planar systems: typed equations with parameters, starts, and a view that shows what they are about."""

from __future__ import annotations

from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping

Point = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class System:
    """A planar system ready to be drawn.

    Attributes
    ----------
    name, title : as typed and as read
    equations : text for `nodeviz.problems.equations.parse_equations`
    parameters : a value for every free name of the equations
    start : points (x, y) at time t0
    t0, t1, n_steps : span and number of the fixed steps
    x_range, y_range : the view
    note : one plain sentence
    """

    name: str
    title: str
    equations: str
    parameters: Mapping[str, float]
    start: tuple[Point, ...]
    t0: float = 0.0
    t1: float
    n_steps: int
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    note: str


_ALL = (
    System(
        name="spiral",
        title="Spiral",
        equations="x' = -decay*x - omega*y\ny' = omega*x - decay*y",
        parameters=MappingProxyType({"decay": 0.1, "omega": 1.0}),
        start=((2.0, 0.0),),
        t1=6.0,
        n_steps=15,
        x_range=(-4.2, 4.2),
        y_range=(-3.2, 3.2),
        note="Everything turns and slowly decays, yet Euler's large steps carry it outwards.",
    ),
    System(
        name="linear",
        title="Linear by matrix",
        equations="x' = a*x + b*y\ny' = c*x + d*y",
        parameters=MappingProxyType({"a": -1.0, "b": 3.0, "c": 0.2, "d": -1.0}),
        start=((-2.5, 1.5), (2.5, -1.5), (0.0, 1.5), (-1.0, -1.0)),
        t1=10.0,
        n_steps=60,
        x_range=(-4.0, 4.0),
        y_range=(-2.5, 2.5),
        note="Four numbers decide everything; with these, all states decay in the end, but some grow before they do.",
    ),
    System(
        name="van-der-pol",
        title="Van der Pol oscillator",
        equations="x' = y\ny' = mu*(1 - x*x)*y - x",
        parameters=MappingProxyType({"mu": 1.0}),
        start=((0.1, 0.0), (-3.5, 3.0), (3.0, -3.5)),
        t1=20.0,
        n_steps=150,
        x_range=(-4.5, 4.5),
        y_range=(-3.8, 3.8),
        note="Small swings are driven and large ones damped, so that every start ends on the same closed curve.",
    ),
    System(
        name="lotka-volterra",
        title="Lotka-Volterra",
        equations="x' = alpha*x - beta*x*y\ny' = delta*x*y - gamma*y",
        parameters=MappingProxyType({"alpha": 1.0, "beta": 1.0, "delta": 1.0, "gamma": 1.0}),
        start=((1.0, 0.6), (1.0, 0.35), (1.0, 0.15)),
        t1=16.0,
        n_steps=160,
        x_range=(-0.3, 4.2),
        y_range=(-0.3, 4.2),
        note="Prey x and predators y rise and fall on closed curves, one through each start; Euler leaves its own.",
    ),
    System(
        name="pendulum",
        title="Pendulum",
        equations="x' = y\ny' = -omega^2*sin(x) - damping*y",
        parameters=MappingProxyType({"omega": 1.0, "damping": 0.2}),
        start=((-6.5, 2.4), (-6.5, 3.2), (2.8, 0.0)),
        t1=25.0,
        n_steps=200,
        x_range=(-7.5, 7.5),
        y_range=(-4.0, 4.0),
        note="x is the angle: a fast start goes over the top before friction brings it to rest; try damping 0.",
    ),
    System(
        name="duffing",
        title="Duffing oscillator",
        equations="x' = y\ny' = -delta*y - alpha*x - beta*x^3 + gamma*cos(omega*t)",
        parameters=MappingProxyType({"delta": 0.15, "alpha": -1.0, "beta": 1.0, "gamma": 0.0, "omega": 1.0}),
        start=((-1.8, 1.0), (-1.8, 1.3), (0.02, 0.0)),
        t1=30.0,
        n_steps=300,
        x_range=(-2.2, 2.2),
        y_range=(-1.8, 1.8),
        note="Two wells and a saddle between them decide where a start ends; with gamma about 0.3 it becomes chaotic.",
    ),
    System(
        name="fitzhugh-nagumo",
        title="FitzHugh-Nagumo neuron",
        equations="x' = x - x^3/3 - y + current\ny' = (x + a - b*y)/tau",
        parameters=MappingProxyType({"current": 0.5, "a": 0.7, "b": 0.8, "tau": 12.5}),
        start=((-1.0, -0.5), (2.0, 1.6)),
        t1=100.0,
        n_steps=400,
        x_range=(-2.6, 2.6),
        y_range=(-1.0, 2.2),
        note="A model nerve cell: with enough current the voltage x fires again and again, without it the cell rests.",
    ),
    System(
        name="brusselator",
        title="Brusselator",
        equations="x' = a - (b + 1)*x + x*x*y\ny' = b*x - x*x*y",
        parameters=MappingProxyType({"a": 1.0, "b": 3.0}),
        start=((0.5, 0.5), (4.0, 0.5), (1.1, 3.0)),
        t1=25.0,
        n_steps=400,
        x_range=(-0.2, 5.2),
        y_range=(-0.2, 5.8),
        note="A chemical clock: the two concentrations oscillate once b exceeds 1 + a*a.",
    ),
    System(
        name="hopf",
        title="Hopf normal form",
        equations="r2 = x*x + y*y\nx' = mu*x - omega*y - x*r2\ny' = omega*x + mu*y - y*r2",
        parameters=MappingProxyType({"mu": 1.0, "omega": 2.0}),
        start=((0.05, 0.0), (2.0, 1.0), (-2.0, -1.0)),
        t1=10.0,
        n_steps=120,
        x_range=(-2.4, 2.4),
        y_range=(-1.8, 1.8),
        note="Move mu through zero: the resting point gives birth to a circle of radius sqrt(mu).",
    ),
    System(
        name="saddle",
        title="Saddle",
        equations="x' = a*y\ny' = b*x",
        parameters=MappingProxyType({"a": 1.0, "b": 1.0}),
        start=((-2.0, 1.8), (-1.8, 2.0), (2.0, -1.8), (1.8, -2.0)),
        t1=3.5,
        n_steps=30,
        x_range=(-3.2, 3.2),
        y_range=(-2.4, 2.4),
        note="All but two straight lines are swept past the origin; which way depends on the side of one of the lines.",
    ),
    System(
        name="stiff",
        title="Stiff relaxation oscillator",
        equations="x' = mu*(x - x^3/3 + y)\ny' = -x/mu",
        parameters=MappingProxyType({"mu": 30.0}),
        start=((0.5, 0.9), (-1.0, -1.2)),
        t1=60.0,
        n_steps=600,
        x_range=(-2.6, 2.6),
        y_range=(-1.5, 1.5),
        note="It creeps along a curve and then jumps; explicit methods take tiny steps even while nothing happens.",
    ),
)

SYSTEMS: Mapping[str, System] = MappingProxyType({system.name: system for system in _ALL})
