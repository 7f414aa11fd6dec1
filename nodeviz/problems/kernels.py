"""Compiled expressions: Python and NumPy code written from a checked graph, with empty builtins.

Every name in that code is made here; nothing of the user's text goes into it. Subexpressions of parameters alone are
computed once when the parameters are given, those of t alone once per call.
"""

from __future__ import annotations

import math
import threading
from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.problems.functions import GUARDED_NAMESPACE, OPERATIONS, SCALAR_NAMESPACE, scalar_template
from nodeviz.problems.graph import CONSTANT, STATE, TIME, Graph

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from nodeviz.engine.arrays import FloatArray

_INLINE_DEPTH = 30  # brackets inside each other; Python's own limit is 200


class ScalarWriter:
    """Writes scalar code for some outputs of a graph.

    ``names`` maps the leaves, and the nodes already computed, to what they are called. A node used once is written
    inside the expression that uses it, which spares the interpreter a store and a load.
    """

    def __init__(self, graph: Graph, outputs: Sequence[int], *, guarded: bool) -> None:
        self.graph = graph
        self.outputs = tuple(outputs)
        self.guarded = guarded
        self.order = graph.needed(self.outputs)
        self.uses = dict.fromkeys(self.order, 0)
        for node in self.order:
            for arg in graph.nodes[node].args:
                self.uses[arg] += 1

    def lines(self, names: dict[int, str], targets: Sequence[str], prefix: str = "v") -> list[str]:
        """Return the assignments that compute the outputs into ``targets`` from the nodes in ``names``."""
        written, lines = dict(names), list[str]()
        results = dict(reversed(list(zip(self.outputs, targets, strict=True))))
        depth: dict[int, int] = {}
        for node in self.order:
            if node in written:
                continue
            operation, args, value = self.graph.nodes[node]
            if operation == "number":
                written[node] = number_code(float(value or 0.0))
                continue
            code = scalar_template(operation, guarded=self.guarded).format(*(written[arg] for arg in args))
            depth[node] = 1 + max(depth.get(arg, 0) for arg in args)
            if node in results:
                written[node], depth[node] = results[node], 0
                lines.append(f"{results[node]} = {code}")
            elif self.uses[node] == 1 and depth[node] < _INLINE_DEPTH and operation != "where":
                written[node] = code
            else:
                written[node], depth[node] = f"{prefix}{node}", 0
                lines.append(f"{prefix}{node} = {code}")
        copies = [(target, written[node]) for target, node in zip(targets, self.outputs, strict=True)]
        return lines + [f"{target} = {name}" for target, name in copies if target != name]


class BoundKernel:
    """A compiled function of (t, y) for given parameters; satisfies `nodeviz.engine.arrays.VectorField`.

    ``shape`` is (2,) for a field and (2, 2) for its Jacobian. ``y`` is (2,) or (2, ...), ``t`` a number or of the
    shape of y[0]; the answer is ``shape`` or ``shape + (...)`` in the floating type of ``y``. Poles and domain errors
    give inf and NaN, silently, as in NumPy.
    """

    def __init__(self, functions: Mapping[str, Callable[..., Any]], shape: tuple[int, ...], n_buffers: int) -> None:
        self.shape = shape
        self._size = math.prod(shape)
        self._scalar, self._guarded = functions["scalar"], functions["guarded"]
        self._batch, self._batch_of_times = functions["batch"], functions["batch_of_times"]
        self._n_buffers = n_buffers
        self._scratch = threading.local()  # one set of temporaries per thread, for the shape used last

    def __call__(self, t: Any, y: Any) -> FloatArray:
        """Return the value at time t and state y."""
        y = np.asarray(y)
        if y.dtype.kind != "f":
            y = y.astype(np.float64)
        out = np.empty(self.shape + y.shape[1:], y.dtype)
        self.into(t, y, out)
        return out

    def into(self, t: Any, y: FloatArray, out: FloatArray) -> None:
        """Write the value at time t and state y into ``out``, which must not share memory with ``y``."""
        if y.ndim == 1:
            values = self.scalar(float(t), *y.tolist())
            if len(self.shape) == 1:
                out[0], out[1] = values
            else:
                (out[0, 0], out[0, 1]), (out[1, 0], out[1, 1]) = values[:2], values[2:]
            return
        rows = out if len(self.shape) == 1 else out.reshape(self._size, *y.shape[1:])
        x, y = y
        with np.errstate(all="ignore"):
            if isinstance(t, np.ndarray) and t.ndim:
                self._batch_of_times(t.astype(x.dtype, copy=False), x, y, rows, self._buffers(x))
            else:
                self._batch(float(t), x, y, rows, self._buffers(x))

    def scalar(self, t: float, x: float, y: float) -> tuple[float, ...]:
        """Return the outputs at one point as Python floats."""
        try:
            return self._scalar(t, x, y)  # type: ignore[no-any-return]
        except (ArithmeticError, ValueError):
            return self._guarded(t, x, y)  # type: ignore[no-any-return]

    def _buffers(self, like: FloatArray) -> FloatArray:
        buffers: FloatArray | None = getattr(self._scratch, "buffers", None)
        if buffers is None or buffers.shape[1:] != like.shape or buffers.dtype != like.dtype:
            buffers = self._scratch.buffers = np.empty((self._n_buffers, *like.shape), like.dtype)
        return buffers


class Kernel:
    """Outputs of a graph, compiled; `bind` gives the parameters their values without compiling again.

    Parameters
    ----------
    graph : the expressions
    outputs : the nodes to compute, in C order of ``shape``
    shape : shape of the value at one point
    """

    def __init__(self, graph: Graph, outputs: Sequence[int], shape: tuple[int, ...]) -> None:
        self.shape = shape
        body, self._n_buffers = _source(graph, tuple(outputs))
        self.source = body
        namespace: dict[str, Any] = {
            "__builtins__": {},
            **SCALAR_NAMESPACE,
            **GUARDED_NAMESPACE,
            **{f"numpy_{name}": operation.ufunc for name, operation in OPERATIONS.items()},
            "copyto": np.copyto,
        }
        exec(compile(body, "<equations>", "exec"), namespace)
        self._bind = namespace["bind"]

    def bind(self, parameters: Mapping[str, float]) -> BoundKernel:
        """Return the function for given parameters."""
        return BoundKernel(self._bind(parameters), self.shape, self._n_buffers)


def number_code(value: float) -> str:
    """Return a Python literal, or a name, of a float."""
    if value != value:
        return "nan"
    return repr(value) if math.copysign(1.0, value) > 0 else f"({value!r})"


def constant_lines(graph: Graph, outputs: Sequence[int]) -> tuple[list[str], dict[int, str]]:
    """Return code that computes from the mapping ``parameters`` what outputs need of it, and the names given to it."""
    order = graph.needed(tuple(outputs))
    names = {node: f"p{node}" for node in order if graph.nodes[node].operation == "parameter"}
    lines = [f"p{node} = parameters[{graph.nodes[node].value!r}]" for node in names]
    wanted = _frontier(graph, outputs, CONSTANT)
    hoisted = [node for node in wanted if node not in names and graph.nodes[node].operation != "number"]
    if hoisted:
        targets = [f"c{node}" for node in hoisted]
        lines += ScalarWriter(graph, hoisted, guarded=True).lines(names, targets, prefix="k")
        names |= dict(zip(hoisted, targets, strict=True))
    return lines, names


def state_names(graph: Graph, t: str, x: str, y: str) -> dict[int, str]:
    """Return the names of the leaves t, x and y."""
    called = {"t": t, "x": x, "y": y}
    return {i: called[node.operation] for i, node in enumerate(graph.nodes) if node.operation in called}


def _frontier(graph: Graph, outputs: Sequence[int], level: int) -> list[int]:
    """Return the nodes of a level that something above it, or the caller, needs."""
    wanted = {node for node in outputs if graph.levels[node] == level}
    for node in graph.needed(tuple(outputs)):
        if graph.levels[node] > level:
            wanted.update(arg for arg in graph.nodes[node].args if graph.levels[arg] == level)
    return sorted(wanted)


def _source(graph: Graph, outputs: tuple[int, ...]) -> tuple[str, int]:
    """Return the source of ``bind(parameters)`` and how many temporary rows its batch code needs."""
    constants, names = constant_lines(graph, outputs)
    lines = ["def bind(parameters):", *(f"    {line}" for line in constants)]
    leaves = names | state_names(graph, "t", "x", "y")
    targets = [f"o{i}" for i in range(len(outputs))]
    for guarded in (False, True):
        code = ScalarWriter(graph, outputs, guarded=guarded).lines(leaves, targets)
        lines += [f"    def {'guarded' if guarded else 'scalar'}(t, x, y):", *(f"        {line}" for line in code)]
        lines.append(f"        return ({', '.join(targets)},)")
    of_time = _frontier(graph, outputs, TIME)
    time_names = [f"u{node}" for node in of_time]
    inner = names | dict(zip(of_time, time_names, strict=True))
    batch, n_buffers = _batch_lines(graph, outputs, inner)
    for guarded in (True, False):
        lines.append(f"    def {'batch' if guarded else 'batch_of_times'}(t, x, y, out, buffers):")
        if of_time:
            writer = ScalarWriter(graph, of_time, guarded=True)
            code = writer.lines(names | state_names(graph, "t", "x", "y"), time_names, prefix="w")
            lines += [f"        {line if guarded else line.replace('guarded_', 'numpy_')}" for line in code]
        lines += [f"        {line}" for line in batch]
    functions = ("scalar", "guarded", "batch", "batch_of_times")
    lines.append(f"    return {{{', '.join(f'{name!r}: {name}' for name in functions)}}}")
    return "\n".join(lines), n_buffers


def _batch_lines(graph: Graph, outputs: tuple[int, ...], names: dict[int, str]) -> tuple[list[str], int]:
    """Return NumPy code with reused temporary rows, and their number.

    A row is free again after the last use of its node. Nodes that are outputs are computed in their row of ``out``.
    """
    order = [node for node in graph.needed(outputs) if graph.levels[node] == STATE]
    last_use = {arg: node for node in order for arg in graph.nodes[node].args}
    where = (
        dict(names)
        | state_names(graph, "t", "x", "y")
        | {node: number_code(value) for node in graph.needed(outputs) if (value := graph.value(node)) is not None}
    )
    lines, free, n_buffers = [f"{', '.join(f'o{i}' for i in range(len(outputs)))}, = out"], list[str](), 0
    for node in order:
        operation, args, _ = graph.nodes[node]
        if node in where:
            continue
        operands = [where[arg] for arg in args]
        free += [where[arg] for arg in dict.fromkeys(args) if last_use[arg] == node and where[arg].startswith("b")]
        if node in outputs:
            where[node] = f"o{outputs.index(node)}"
        else:
            if not free:
                free.append(f"b{n_buffers}")
                n_buffers += 1
            where[node] = free.pop()
        lines.append(f"numpy_{operation}({', '.join(operands)}, out={where[node]})")
    lines += [f"copyto(o{i}, {where[node]})" for i, node in enumerate(outputs) if where[node] != f"o{i}"]
    if n_buffers:
        lines.insert(1, f"{', '.join(f'b{i}' for i in range(n_buffers))}, = buffers")
    return lines, n_buffers
