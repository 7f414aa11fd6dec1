"""What moves with the cursor: values between the times at which they were computed, trails, and deformed grids."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

TRAIL = 0.3  # of all time, behind each point
TRAIL_NODES = 16  # most of them in one trail


def place_in(t: FloatArray, now: float, *, held: bool) -> tuple[int, float]:
    """Return the node at or before ``now`` and how far it is to the next one, 0 to 1; blocks hold until the next."""
    last = len(t) - 1
    node = min(max(int(np.searchsorted(t, now + 1e-9, side="right")) - 1, 0), last)
    if held or node == last:
        return node, 0.0
    return node, float(min(max((now - t[node]) / (t[node + 1] - t[node]), 0.0), 1.0))


def known(values: FloatArray) -> FloatArray:
    """Return values with NaN in the place of what is not finite: two infinities make a warning of every sum."""
    return values if np.isfinite(values).all() else np.where(np.isfinite(values), values, np.nan)


def between(t: FloatArray, values: FloatArray, now: float, *, held: bool) -> FloatArray:
    """Return values (K, ...) at a depth, on the straight line between two nodes; those of blocks jump."""
    node, share = place_in(t, now, held=held)
    return values[node] if share == 0.0 else (1.0 - share) * values[node] + share * values[node + 1]


def trails(t: FloatArray, states: FloatArray, now: float, heads: FloatArray) -> FloatArray:
    """Return the last part of the ways (N, M, 2) of states (K, N, 2) up to their heads (N, 2); a NaN ends each."""
    begin = max(float(t[0]), now - TRAIL * float(t[-1] - t[0]))
    first, last = place_in(t, begin, held=False)[0] + 1, place_in(t, now, held=False)[0]
    nodes = np.arange(first, last + 1)
    nodes = nodes[:: max(1, -(-len(nodes) // TRAIL_NODES))]
    ways = np.empty((states.shape[1], len(nodes) + 3, 2))
    ways[:, 0] = between(t, states, begin, held=False)
    ways[:, 1:-2] = states[nodes].transpose(1, 0, 2)
    ways[:, -2] = heads
    ways[:, -1] = np.nan
    return ways


def lattice(grid: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the lines of a grid (G, G, 2), rows and then columns, as one curve with NaN between them."""
    size = len(grid)
    lines = np.full((2, size, size + 1, 2), np.nan)
    lines[0, :, :size] = grid
    lines[1, :, :size] = grid.transpose(1, 0, 2)
    joined = lines.reshape(-1, 2)
    return joined[:, 0], joined[:, 1]
