"""Zero lines of values on a grid: marching squares, vectorised, linked into polylines."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import numpy.typing as npt

    from nodeviz.engine.arrays import BoolArray, FloatArray

    Ids = npt.NDArray[np.intp]

NOTHING = np.empty((0, 2))


def contour_lines(xs: FloatArray, ys: FloatArray, values: FloatArray) -> FloatArray:
    """Return the lines on which values are zero, by linear interpolation.

    Parameters
    ----------
    xs, ys : (nx,), (ny,) rising
    values : (ny, nx); cells with a value that is not finite have no line

    Returns
    -------
    (M, 2) points (x, y), a row of NaN between lines and none at the ends; closed lines repeat their first point
    """
    return linked(*contour_pieces(xs, ys, values))


def contour_pieces(xs: FloatArray, ys: FloatArray, values: FloatArray) -> tuple[FloatArray, Ids]:
    """Return the points (N, 2) of the lines on which values are zero, and the pairs (S, 2) of them that are joined.

    Ten times as fast as the lines, for what is drawn anew with every move of a cursor.
    """
    segments = edge_segments(*crossed_edges(values), values)
    edges, index = np.unique(segments, return_inverse=True)
    (row0, col0), (row1, col1) = edge_ends(edges, values.shape)
    f0, f1 = values[row0, col0], values[row1, col1]
    weight = np.divide(f0, f0 - f1, out=np.full_like(f0, 0.5), where=f0 != f1)
    x = xs[col0] + weight * (xs[col1] - xs[col0])
    y = ys[row0] + weight * (ys[row1] - ys[row0])
    return np.stack([x, y], axis=1), index.reshape(-1, 2)


def crossed_edges(values: FloatArray) -> tuple[BoolArray, BoolArray]:
    """Return which edges along x, (ny, nx - 1), and along y, (ny - 1, nx), have a positive and a non-positive end."""
    finite, positive = np.isfinite(values), values > 0
    along_x = finite[:, 1:] & finite[:, :-1] & (positive[:, 1:] != positive[:, :-1])
    along_y = finite[1:] & finite[:-1] & (positive[1:] != positive[:-1])
    return along_x, along_y


def edge_segments(along_x: BoolArray, along_y: BoolArray, values: FloatArray) -> Ids:
    """Return the pieces of line in the cells as pairs of the edges they join, (S, 2).

    Edges along x are numbered first, row by row, then those along y. A cell that two lines cross is cut so that the
    sign of its mean decides which corners belong together.
    """
    ny, nx = values.shape
    n_x = ny * (nx - 1)
    count = along_x[:-1].astype(np.int8) + along_x[1:] + along_y[:, 1:] + along_y[:, :-1]
    row, col = np.nonzero(count)
    sides = np.stack([along_x[row, col], along_y[row, col + 1], along_x[row + 1, col], along_y[row, col]], axis=1)
    bottom, left = row * (nx - 1) + col, n_x + row * nx + col
    ids = np.stack([bottom, left + 1, bottom + nx - 1, left], axis=1)  # bottom right top left
    number = count[row, col]
    pairs = [ids[number == 2][sides[number == 2]].reshape(-1, 2)]
    double = number == 4
    if double.any():
        r, c = row[double], col[double]
        mean = values[r, c] + values[r, c + 1] + values[r + 1, c] + values[r + 1, c + 1]
        connected = (mean > 0) == (values[r, c] > 0)  # bottom left with top right
        bottom, right, top, left = ids[double].T
        pairs += [np.stack([bottom, np.where(connected, right, left)], axis=1)]
        pairs += [np.stack([top, np.where(connected, left, right)], axis=1)]
    return np.concatenate(pairs)


def edge_ends(edges: Ids, shape: tuple[int, ...]) -> tuple[tuple[Ids, Ids], tuple[Ids, Ids]]:
    """Return the (row, column) of both ends of numbered edges."""
    ny, nx = shape
    n_x = ny * (nx - 1)
    on_x = edges < n_x
    row = np.where(on_x, edges // (nx - 1), (edges - n_x) // nx)
    col = np.where(on_x, edges % (nx - 1), (edges - n_x) % nx)
    return (row, col), (row + ~on_x, col + on_x)


def linked(points: FloatArray, segments: Ids) -> FloatArray:
    """Join segments, pairs of indices into points (N, 2), to polylines; a row of NaN stands between two of them."""
    neighbours: list[list[int]] = [[] for _ in points]
    for a, b in segments.tolist():
        neighbours[a].append(b)
        neighbours[b].append(a)
    # Open lines first, from an end; what is then left is closed.
    order = [i for i, near in enumerate(neighbours) if len(near) == 1]
    order += [i for i, near in enumerate(neighbours) if len(near) > 1]
    lines: list[list[int]] = []
    for start in order:
        line = [start]
        while neighbours[line[-1]]:
            last = line[-1]
            following = neighbours[last].pop()
            neighbours[following].remove(last)
            line.append(following)
        if len(line) > 1:
            lines.append(line)
    return separated([points[line] for line in lines])


def separated(lines: list[FloatArray]) -> FloatArray:
    """Return lines (K, 2) as one array with a row of NaN between them."""
    if not lines:
        return NOTHING
    gap = np.full((1, 2), np.nan)
    pieces = [piece for line in lines for piece in (line, gap)]
    return np.concatenate(pieces[:-1])
