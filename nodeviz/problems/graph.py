"""Expressions as one graph without duplicates: built, folded and differentiated, never printed as text.

A tree would double with every ``a = x + x; b = a + a; ...``; a graph in which equal subexpressions are one node stays
as small as what was typed, and so does its derivative.
"""

from __future__ import annotations

import ast
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nodeviz.problems.functions import CONSTANTS, FUNCTIONS, OPERATIONS

if TYPE_CHECKING:
    from collections.abc import Mapping

MAX_EXPONENT = 64
CONSTANT, TIME, STATE = range(3)  # what a node depends on, at most
_LEAF_LEVELS = {"number": CONSTANT, "parameter": CONSTANT, "t": TIME, "x": STATE, "y": STATE}
_BINARY = {ast.Add: "add", ast.Sub: "subtract", ast.Mult: "multiply", ast.Div: "divide", ast.Pow: "power"}


class Node(NamedTuple):
    """An operation on earlier nodes, or a leaf: ``number`` (a float), ``parameter`` (its name), ``t``, ``x``, ``y``."""

    operation: str
    args: tuple[int, ...] = ()
    value: float | str | None = None


class Graph:
    """Nodes in the order of computation; a node's arguments stand before it. Equal nodes are one."""

    def __init__(self) -> None:
        self.nodes: list[Node] = []
        self.levels: list[int] = []
        self._ids: dict[Node, int] = {}

    def leaf(self, operation: str, value: float | str | None = None) -> int:
        """Return the id of a leaf."""
        return self._id(Node(operation, (), value), _LEAF_LEVELS[operation])

    def number(self, value: float) -> int:
        """Return the id of a number."""
        return self.leaf("number", float(value))

    def value(self, node: int) -> float | None:
        """Return what a number is worth, None for anything else."""
        operation, _, value = self.nodes[node]
        return value if operation == "number" and isinstance(value, float) else None

    def apply(self, operation: str, *args: int) -> int:
        """Return the id of an operation on nodes, folded or simplified where that is exact."""
        values = [self.value(arg) for arg in args]
        if None not in values:
            with np.errstate(all="ignore"):
                return self.number(float(OPERATIONS[operation].ufunc(*values)))
        simpler = self._simplify(operation, args, values)
        if simpler is not None:
            return simpler
        return self._id(Node(operation, args), max(self.levels[arg] for arg in args))

    def power(self, base: int, exponent: int) -> int:
        """Return base**exponent; whole constant exponents become products: x*x*x is 100 times faster than x**3."""
        value = self.value(exponent)
        if value is not None and abs(value) > MAX_EXPONENT + 1:  # a differentiation rule may need one more
            raise OverflowError(f"{value:g}: an exponent beyond {MAX_EXPONENT}")
        if value == 0.5:
            return self.apply("sqrt", base)
        if value is None or value != int(value):
            return self.apply("power", base, exponent)
        result, square, n = self.number(1.0), base, abs(int(value))
        while n:
            if n & 1:
                result = self.apply("multiply", result, square)
            n >>= 1
            if n:
                square = self.apply("multiply", square, square)
        return result if value >= 0 else self.apply("divide", self.number(1.0), result)

    def derivative(self, outputs: tuple[int, ...], variable: str) -> tuple[int, ...]:
        """Return the derivatives of some nodes with respect to the leaf ``x``, ``y`` or ``t``."""
        zero = self.number(0.0)
        slopes: dict[int, int] = {}
        for node in self.needed(outputs):
            operation, args, _ = self.nodes[node]
            total = self.number(1.0) if operation == variable else zero
            for i, arg in enumerate(args):
                if slopes[arg] != zero:
                    partial = self._partial(operation, i, args, node)
                    total = self.apply("add", total, self.apply("multiply", partial, slopes[arg]))
            slopes[node] = total
        return tuple(slopes[output] for output in outputs)

    def needed(self, outputs: tuple[int, ...]) -> list[int]:
        """Return the nodes the outputs depend on, themselves included, in the order of computation."""
        wanted = set(outputs)
        for node in range(max(outputs), -1, -1):
            if node in wanted:
                wanted.update(self.nodes[node].args)
        return sorted(wanted)

    def given(self, outputs: tuple[int, ...], parameters: Mapping[str, float]) -> tuple[Graph, tuple[int, ...]]:
        """Return another graph and its outputs, in which the parameters are numbers and folded as such."""
        other, ids = Graph(), dict[int, int]()
        for node in self.needed(outputs):
            operation, args, value = self.nodes[node]
            if operation == "parameter":
                ids[node] = other.number(parameters[str(value)])
            elif args:
                ids[node] = other.apply(operation, *(ids[arg] for arg in args))
            else:
                ids[node] = other.leaf(operation, value)
        return other, tuple(ids[output] for output in outputs)

    def build(self, tree: ast.expr, scope: dict[str, int]) -> int:
        """Return the id of a checked syntax tree whose names are looked up in ``scope``."""
        match tree:
            case ast.Constant(value=int() | float() as value):
                return self.number(value)
            case ast.Name(id=name):
                return scope[name] if name in scope else self.number(CONSTANTS[name])
            case ast.UnaryOp(op=op, operand=operand):
                inner = self.build(operand, scope)
                return self.apply("negative", inner) if isinstance(op, ast.USub) else inner
            case ast.BinOp(left=left, op=op, right=right):
                operation, a, b = _BINARY[type(op)], self.build(left, scope), self.build(right, scope)
                return self.power(a, b) if operation == "power" else self.apply(operation, a, b)
            case ast.Call(func=ast.Name(id=name), args=trees):
                operation, args = FUNCTIONS[name], [self.build(argument, scope) for argument in trees]
                while len(args) > OPERATIONS[operation].n_args:  # min and max of more than two
                    args[:2] = [self.apply(operation, *args[:2])]
                return self.apply(operation, *args)
        raise TypeError(f"{type(tree).__name__}: not a checked tree")

    def _id(self, node: Node, level: int) -> int:
        # -0.0 == 0.0 and would share a node; 1/-0.0 differs, so the sign joins the key.
        key = node._replace(value=repr(node.value)) if node.operation == "number" else node
        if key not in self._ids:
            self._ids[key] = len(self.nodes)
            self.nodes.append(node)
            self.levels.append(level)
        return self._ids[key]

    def _partial(self, operation: str, i: int, args: tuple[int, ...], node: int) -> int:
        scope = dict(zip("abc", args, strict=False)) | {"f": node}
        return self.build(_rule(OPERATIONS[operation].partials[i]), scope)

    def _simplify(self, operation: str, args: tuple[int, ...], values: list[float | None]) -> int | None:
        """Return the node an operation with one trivial operand is equal to, None if there is none."""
        a, b = args[0], args[-1]
        match operation, values[0], values[-1]:
            case ("add", 0.0, _) | ("multiply", 1.0, _):
                return b
            case ("add" | "subtract", _, 0.0) | ("multiply" | "divide", _, 1.0):
                return a
            case ("multiply", 0.0, _) | ("multiply", _, 0.0):
                return self.number(0.0)
            case ("subtract", 0.0, _) | ("multiply", -1.0, _):
                return self.apply("negative", b)
            case "multiply", _, -1.0:
                return self.apply("negative", a)
        if operation == "negative" and self.nodes[a].operation == "negative":
            return self.nodes[a].args[0]
        if operation in ("add", "subtract") and self.nodes[b].operation == "negative":
            return self.apply("subtract" if operation == "add" else "add", a, self.nodes[b].args[0])
        return None


@cache
def _rule(text: str) -> ast.expr:
    """Parse a differentiation rule of `functions`, never a user's text."""
    return ast.parse(text, mode="eval").body
