"""Typed equations of a planar system: ``x' = y; y' = mu*(1 - x*x)*y - x``.

The state is x and y, the time is t, pi and e are constants, a line without ``'`` is an intermediate definition, and
every other free name is a parameter. The text is never run: see `grammar` for what is allowed and `kernels` for how
it is compiled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from dataclasses import field as attribute
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING

from nodeviz.problems.functions import CONSTANTS, FUNCTIONS
from nodeviz.problems.grammar import (
    EquationError,
    Statement,
    names_of,
    nearest,
    read_statements,
    shorten,
)
from nodeviz.problems.graph import MAX_EXPONENT, Graph
from nodeviz.problems.kernels import BoundKernel, Kernel

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["EquationError", "Equations", "parse_equations"]


@dataclass(frozen=True)
class Equations:
    """A planar system that was typed, checked and turned into a graph.

    Attributes
    ----------
    text : as typed
    parameters : the free names in the order of their first use
    autonomous : t does not occur
    """

    text: str
    parameters: tuple[str, ...]
    autonomous: bool
    graph: Graph = attribute(repr=False, compare=False)
    rates: tuple[int, int] = attribute(repr=False, compare=False)  # the nodes of x' and y'

    def field(self, parameters: Mapping[str, float]) -> BoundKernel:
        """Return the vector field for given parameters: f(t, y) with y (2,) or (2, B), and ``into(t, y, out)``.

        Raises
        ------
        EquationError : a parameter is missing, unknown or not finite
        """
        return self.rate_kernel.bind(self.check(parameters))

    def jacobian(self, parameters: Mapping[str, float]) -> BoundKernel:
        """Return df/dy as a function of (t, y) with shape (2, 2) or (2, 2, B), by symbolic differentiation."""
        return self._jacobian_kernel.bind(self.check(parameters))

    def is_autonomous(self, parameters: Mapping[str, float]) -> bool:
        """Return whether t makes no difference with these parameters: it stands nowhere, or its terms vanish."""
        graph, rates = self.graph.given(self.rates, self.check(parameters))
        return all(graph.nodes[node].operation != "t" for node in graph.needed(rates))

    def is_separable(self, parameters: Mapping[str, float]) -> bool:
        """Return whether x' is free of x and y' of y with these parameters, which symplectic methods live by."""
        graph, rates = self.graph.given(self.rates, self.check(parameters))
        own = graph.derivative(rates, "x")[0], graph.derivative(rates, "y")[1]
        return all(graph.value(node) == 0.0 for node in own)

    def check(self, parameters: Mapping[str, float]) -> dict[str, float]:
        """Return the parameters as floats in the order of `parameters`; raise EquationError where one is unusable."""
        for name in parameters:
            if name not in self.parameters:
                hint = nearest(name, self.parameters) or f"; they are {', '.join(self.parameters) or 'none'}"
                raise EquationError(f"parameters: {shorten(str(name))} does not occur in the equations{hint}")
        checked = {}
        for name in self.parameters:
            if name not in parameters:
                raise EquationError(f"parameters: {name} has no value; give one, as in {name}=1")
            try:
                checked[name] = float(parameters[name])
            except (TypeError, ValueError, OverflowError):
                checked[name] = math.nan
            if not math.isfinite(checked[name]):
                raise EquationError(f"{name}={parameters[name]!r}: not a finite number; give one, as in {name}=1")
        return checked

    @cached_property
    def rate_kernel(self) -> Kernel:
        """The compiled vector field, before its parameters are given."""
        return Kernel(self.graph, self.rates, (2,))

    @cached_property
    def _jacobian_kernel(self) -> Kernel:
        by_x, by_y = (self.graph.derivative(self.rates, variable) for variable in "xy")
        return Kernel(self.graph, (by_x[0], by_y[0], by_x[1], by_y[1]), (2, 2))


@lru_cache(maxsize=64)
def parse_equations(text: str) -> Equations:
    """Read typed equations.

    What was read is kept: a slider that moves then neither parses nor compiles anything anew. It also keeps a worker
    from parsing what the window's thread has read before it: Python 3.11.7 mixes up two threads that make syntax trees
    at the same time, and then the console fails with "AST constructor recursion depth mismatch".

    Parameters
    ----------
    text : ``x' = ...`` and ``y' = ...`` and any definitions, separated by ``;`` or newlines; ``#`` begins a comment

    Raises
    ------
    EquationError : one sentence that says what is wrong and what to do
    """
    statements = read_statements(text)
    _check_names(statements)
    definitions = [statement for statement in statements if not statement.is_rate]
    rates = {statement.name: statement for statement in statements if statement.is_rate}
    for name in "xy":
        if name not in rates:
            raise EquationError(f"{name}' is missing; add a line {name}' = ...")
    parameters = _parameters(statements)
    graph = Graph()
    scope = {name: graph.leaf(name) for name in ("t", "x", "y")}
    scope |= {name: graph.leaf("parameter", name) for name in parameters}
    for definition in definitions:
        scope[definition.name] = _build(graph, definition, scope)
    nodes = (_build(graph, rates["x"], scope), _build(graph, rates["y"], scope))
    needed = graph.needed(nodes)
    autonomous = scope["t"] not in needed
    return Equations(text, parameters, autonomous, graph, nodes)


def _check_names(statements: list[Statement]) -> None:
    """Refuse names defined twice, used before their definition, or used as values though they are functions."""
    order: dict[tuple[str, bool], int] = {}
    for i, statement in enumerate(statements):
        shown = f"{statement.name}'" if statement.is_rate else statement.name
        if order.setdefault((statement.name, statement.is_rate), i) != i:
            raise EquationError(f"{shown} is given twice; keep one of the two lines")
    for i, statement in enumerate(statements):
        for name in names_of(statement.right):
            if name in FUNCTIONS:
                raise EquationError(
                    f"{statement.text}: {name} is a function; write {name}(...), or rename the parameter"
                )
            # The two rates come last whatever the order of the lines, as in "x' = r*x, where r = ...".
            if not statement.is_rate and order.get((name, False), -1) >= i:
                how = "by itself" if name == statement.name else "in terms of a later one; put that line first"
                raise EquationError(f"{statement.text}: {statement.name} is defined {how}")


def _parameters(statements: list[Statement]) -> tuple[str, ...]:
    """Return the free names in the order of first use; those of unused definitions count too."""
    known = {"x", "y", "t", *CONSTANTS, *(statement.name for statement in statements)}
    used = (name for statement in statements for name in names_of(statement.right))
    return tuple(dict.fromkeys(name for name in used if name not in known))


def _build(graph: Graph, statement: Statement, scope: dict[str, int]) -> int:
    """Add one right side to the graph; refuse numbers that fold into something infinite, and huge exponents."""
    first = len(graph.nodes)
    try:
        node = graph.build(statement.right, scope)
    except OverflowError:
        raise EquationError(f"{statement.text}: an exponent beyond {MAX_EXPONENT}; use exp or a smaller one") from None
    if any(not math.isfinite(value) for i in range(first, len(graph.nodes)) if (value := graph.value(i)) is not None):
        raise EquationError(f"{statement.text}: its numbers give no finite value; check for 1/0, log(0) or overflow")
    return node
