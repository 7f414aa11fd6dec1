"""Grids of accepted steps: the nodes that a differentiated solve goes through, and those that it reports."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from nodeviz.engine.checks import Grid, check_times
from nodeviz.engine.integrate import MAX_STEPS, solve
from nodeviz.engine.solution import Status

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeviz.engine.arrays import FloatArray, VectorField


@dataclass(frozen=True, slots=True)
class Nodes:
    """The nodes t_0 .. t_N of N steps, and which of them are wanted.

    Attributes
    ----------
    times : (N + 1,) float64
    wanted : indices of the nodes to report, rising
    starts, dts : per step, as Python floats
    places : node -> its place among the wanted ones
    """

    times: FloatArray
    wanted: tuple[int, ...]
    starts: list[float]
    dts: list[float]
    places: dict[int, int]

    @classmethod
    def of(cls, times: npt.ArrayLike, wanted: Sequence[int] | None = None) -> Nodes:
        """Return the record; by default the last node is wanted.

        Raises
        ------
        ValueError : two nodes are equal or the times turn back; or an index is no node, or the indices do not rise
        """
        nodes = check_times(times)
        dts = np.diff(nodes)
        if not dts.all():
            i = int(np.argmin(np.abs(dts)))
            raise ValueError(f"times[{i + 1}]={nodes[i + 1]}: equals the node before; a step needs two different times")
        last = len(nodes) - 1
        indices = (last,) if wanted is None else tuple(int(i) for i in wanted)
        if not indices or indices[0] < 0 or indices[-1] > last or (np.diff(indices) <= 0).any():
            raise ValueError(f"wanted={wanted!r}: must rise from 0 or more to {last} or less; give indices of nodes")
        places = {node: place for place, node in enumerate(indices)}
        return cls(nodes, indices, nodes[:-1].tolist(), dts.tolist(), places)

    def same(self, times: npt.ArrayLike, wanted: Sequence[int] | None) -> bool:
        """Whether these are the nodes of ``times`` and ``wanted``."""
        indices = (len(self.times) - 1,) if wanted is None else tuple(wanted)
        return self.wanted == indices and np.array_equal(self.times, times)

    def ends(self, node_gradients: Sequence[float]) -> tuple[float, float]:
        """Return the derivatives by t0 and t1 from those by every node: t_i = t0 + share_i (t1 - t0), shares fixed."""
        by_node = np.array(node_gradients)
        shares = (self.times - self.times[0]) / (self.times[-1] - self.times[0])
        by_t1 = float(by_node @ shares)
        return float(by_node.sum()) - by_t1, by_t1


def fixed_nodes(ts: FloatArray, grid: Grid) -> FloatArray:
    """Return the nodes of fixed steps from ts[0] to ts[-1] that go through every other time of ts as well."""
    t0, t1 = float(ts[0]), float(ts[-1])
    sign = 1.0 if t1 > t0 else -1.0
    regular = t0 + sign * grid.dt * np.arange(grid.n + 1)
    regular[-1] = t1
    # A regular node that only rounding keeps from one of ts would make a step of no length.
    after = np.clip(np.searchsorted(sign * ts, sign * regular), 1, len(ts) - 1)
    gap = np.minimum(np.abs(regular - ts[after]), np.abs(regular - ts[after - 1]))
    nodes: FloatArray = sign * np.unique(sign * np.concatenate([regular[gap > 1e-9 * grid.dt], ts]))
    return nodes


@dataclass(frozen=True, slots=True)
class FoundNodes:
    """The nodes that an adaptive solve accepted, (N + 1,), how it ended, and its evaluations of the field."""

    nodes: FloatArray
    status: Status
    message: str
    nfe: int


def adaptive_nodes(
    vector_field: VectorField,
    y0: FloatArray,
    ts: FloatArray,
    *,
    method: str,
    rtol: float,
    atol: float,
    max_steps: int = MAX_STEPS,
) -> FoundNodes:
    """Return the steps that keep to the tolerances on the way through all of ts.

    Parameters
    ----------
    y0 : (D, B), with one step size for all columns
    ts : (T,) times that are nodes, from t0 to t1
    """
    nodes, nfe, dt0, state = [ts[:1]], 0, None, y0
    for t, t_next in pairwise(ts.tolist()):
        if t == t_next:
            continue
        found = solve(
            vector_field, state, (t, t_next), method=method, rtol=rtol, atol=atol, max_steps=max_steps, dt0=dt0,
            record=True,
        )  # fmt: skip
        assert found.steps is not None
        assert isinstance(found.status, Status)
        nodes.append(found.steps.nodes_t[1:])
        nfe += int(found.nfe)
        if not found.ok:
            return FoundNodes(np.concatenate(nodes), found.status, found.message, nfe)
        # The last step was shortened to end here: those before it know better how long one may be.
        dt0, state = float(np.abs(np.diff(found.steps.nodes_t)[-2:]).max()), found.ys[-1]
    return FoundNodes(np.concatenate(nodes), Status.OK, "", nfe)


def places_of(ts: FloatArray, nodes: FloatArray) -> list[int]:
    """Return the index of the node that is each of ts; ts are among the nodes."""
    sign: Any = 1.0 if nodes[-1] > nodes[0] else -1.0
    found: list[int] = np.searchsorted(sign * nodes, sign * ts).tolist()
    return found
