"""From which side a state of D dimensions is looked at: orthonormal axes, of which the first two span the screen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray

EXACT = 1e-3  # share of a readout that may be hidden behind the screen before its line means nothing any more
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")


@dataclass(frozen=True, slots=True, eq=False)
class Camera:
    """Where one looks from.

    Attributes
    ----------
    axes : (D, D) orthonormal columns: to the right, upwards, and then what lies behind the screen, nearest first
    """

    axes: FloatArray

    @property
    def screen(self) -> FloatArray:
        """The (D, 2) part that projects states (..., D) onto the screen: ``states @ screen``."""
        return self.axes[:, :2]

    def turned(self, right: float, up: float) -> Camera:
        """Return the camera after a drag by so many radians to the right and up; two dimensions do not turn."""
        if len(self.axes) < 3:
            return self
        axes = self.axes.copy()
        for column, angle in ((0, right), (1, up)):
            cosine, sine = np.cos(angle), np.sin(angle)
            here, behind = axes[:, column].copy(), axes[:, 2].copy()
            axes[:, column] = cosine * here + sine * behind
            axes[:, 2] = cosine * behind - sine * here
        return Camera(axes)

    def hidden(self, readout: FloatArray) -> float:
        """Return the share of a readout (O, D) that lies behind the screen; 0 where it is seen edge-on."""
        rows = decisive(readout)
        length = float(np.linalg.norm(rows))
        return float(np.linalg.norm(rows - rows @ self.screen @ self.screen.T)) / length if length > 0 else 0.0


def read_camera(axes: Any) -> Camera:
    """Return the camera with given axes, (D, D) orthonormal columns.

    Raises
    ------
    ValueError : they are no such axes
    """
    matrix = np.asarray(axes, float)
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1] or not 2 <= len(matrix) <= 1000:
        raise ValueError("axes: not a square matrix")
    if not np.allclose(matrix.T @ matrix, np.eye(len(matrix)), atol=1e-5):
        raise ValueError("axes: not orthonormal columns")
    return Camera(matrix)


def decisive(readout: FloatArray) -> FloatArray:
    """Return the rows of a readout (O, D) as far as they decide between classes: what all share decides nothing."""
    rows = np.asarray(readout, float)
    return rows if len(rows) == 1 else rows - rows.mean(axis=0)


def edge_on(readout: FloatArray, behind: FloatArray) -> Camera:
    """Return the camera that sees a readout edge-on, so that its line and half-planes are exact.

    What freedom is left shows as much of the input plane as there is to see, as upright as it can be: with two
    dimensions, or a readout that sees only those, the screen is the input plane itself. Of more than three classes in
    more than two dimensions it takes the two directions in which the readout decides most.

    Parameters
    ----------
    readout : (O, D); behind : (D, J) directions to put behind the screen in this order, as far as they are free
    """
    dims = readout.shape[1]
    inputs = np.eye(dims, 2)
    if dims == 2:
        return Camera(inputs)
    _, strength, rows = np.linalg.svd(decisive(readout), full_matrices=False)
    first = rows[0] if strength[0] > 0 else inputs[:, 0]
    if len(rows) > 1 and strength[1] > 1e-6 * max(strength[0], 1e-300):
        second = rows[1]
    else:
        # At right angles to the readout and within the input plane: then the input plane looks largest.
        across = np.zeros(dims)
        across[:2] = -first[1], first[0]
        second = across if np.linalg.norm(across) > 1e-6 else inputs[:, 0]
    span = np.linalg.qr(np.stack([first, second], axis=1))[0]
    # The rotation within the screen that brings the input plane's own axes nearest to right and up, and with less
    # weight the third axis upwards: where the input plane is seen edge-on too, that decides.
    upright = inputs.copy()
    upright[2:3, 1] = 0.2
    left, _, right = np.linalg.svd(span.T @ upright)
    return completed(span @ left @ right, behind)


def principal(axes: FloatArray) -> Camera:
    """Return the camera that looks along the principal axes (D, 3) of the states, the third one behind the screen."""
    return completed(axes[:, :2], axes[:, 2:])


def completed(screen: FloatArray, behind: FloatArray) -> Camera:
    """Return a camera of two screen directions (D, 2), and of what ``behind`` (D, J) and then the coordinates add."""
    dims = len(screen)
    axes = list(screen.T)
    for direction in (*behind.T, *np.eye(dims)[::-1]):
        rest = direction - sum(axis * (axis @ direction) for axis in axes)
        length = np.linalg.norm(rest)
        if len(axes) < dims and length > 1e-3:
            rest = rest / length
            rest -= sum(axis * (axis @ rest) for axis in axes)  # once more, for what rounding left
            axes.append(rest / np.linalg.norm(rest))
    return Camera(np.stack(axes, axis=1))


def axis_name(direction: FloatArray) -> str:
    """Return what a screen direction (D,) shows: ``h₁``, or the two coordinates that it mixes most."""
    order = np.argsort(-np.abs(direction), kind="stable")
    if abs(direction[order[0]]) > 0.985:
        return f"{'−' if direction[order[0]] < 0 else ''}{coordinate(order[0])}"
    parts = [f"{direction[i]:+.1f}".replace("-", "− ").replace("+", "+ ") + f" {coordinate(i)}" for i in order[:2]]
    text = " ".join(parts).removeprefix("+ ")
    return text + (" …" if len(order) > 2 and abs(direction[order[2]]) > 0.25 else "")


def coordinate(index: int) -> str:
    """Return the name of a coordinate of the state, counted from 1: ``h₁``."""
    return f"h{index + 1}".translate(_SUBSCRIPTS)
