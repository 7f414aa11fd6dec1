"""What moves with the cursor: values between the times at which they were computed, trails, grids, and arrows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

TRAIL = 0.3  # of all time, behind each point
TRAIL_NODES = 16  # most of them in one trail
LONGEST = 0.85  # of the distance between arrows, for the fastest of them
BARB = 0.3  # of an arrow's length


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


def arrows(velocity: FloatArray, view: FloatArray, every: int = 1) -> tuple[FloatArray, FloatArray]:
    """Return the strokes of arrows, pairs of points for a shaft and two barbs, for a lattice (V, V, 2) of a field.

    The longest is a little shorter than the distance between two of them; the others by the square root of the speed.
    With ``every`` above 1 only every so many rows and columns have arrows.
    """
    n = len(velocity)
    if not n:
        return np.empty(0), np.empty(0)
    x0, x1, y0, y1 = view
    inside = (np.arange(n) + 0.5) / n
    places = np.stack(np.meshgrid(x0 + (x1 - x0) * inside, y0 + (y1 - y0) * inside), axis=-1)
    some = slice(every // 2, None, every)
    places, velocity = places[some, some], velocity[some, some]
    speed = np.linalg.norm(velocity, axis=-1, keepdims=True)
    most = float(np.nanquantile(speed, 0.98)) if np.isfinite(speed).any() else 0.0
    if not most > 0:
        return np.empty(0), np.empty(0)
    length = LONGEST * every * min(x1 - x0, y1 - y0) / n
    shaft = velocity / np.maximum(speed, 1e-12) * np.sqrt(np.minimum(speed / most, 1.0)) * length
    across = np.stack([-shaft[..., 1], shaft[..., 0]], axis=-1)
    tail, head = places - shaft / 2, places + shaft / 2
    left, right = (head - BARB * shaft + side * BARB * 0.6 * across for side in (1, -1))
    strokes = np.stack([tail, head, left, head, right, head], axis=-2).reshape(-1, 2)
    return strokes[:, 0], strokes[:, 1]
