"""A user's own points as a density: brought to a common scale, without what lies absurdly far out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.problems.mixtures import GaussianMixture
from nodeviz.problems.tables import TableError, read_points

if TYPE_CHECKING:
    import os

    import numpy.typing as npt

    from nodeviz.engine.arrays import FloatArray

FEWEST, MOST = 10, 20_000
HALF_VIEW = 4.0  # the points reach from -4 to 4
WIDTH = 0.1  # of the Gaussian about each point, in units of the plane: without one no density could hold the points
_FAR = 20.0  # half the range of the middle nine tenths, times this: no distribution of interest reaches that far
_HUGE = 1e150  # squares of more overflow
_ASPECT = 5.0  # beyond this ratio of the ranges each axis has its own scale


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cloud:
    """Points in the plane's units, and how they got there.

    Attributes
    ----------
    points : (N, 2) within ±4
    centre, scale : (2,) each; data = centre + scale * plane
    note : what was done and what was left out, in words
    """

    points: FloatArray
    centre: FloatArray
    scale: FloatArray
    note: str

    @property
    def density(self) -> GaussianMixture:
        """The round Gaussians about the points, in the plane's units."""
        return GaussianMixture(self.points, WIDTH)

    def to_plane(self, data: FloatArray) -> FloatArray:
        """Return points (N, 2) given in the user's units in those of the plane."""
        return (data - self.centre) / self.scale

    def to_data(self, plane: FloatArray) -> FloatArray:
        """Return points (N, 2) of the plane in the user's units."""
        return self.centre + self.scale * plane


def cloud_from_csv(path: str | os.PathLike[str]) -> Cloud:
    """Read the first 20,000 points of a CSV, the columns x and y or the first two.

    Raises
    ------
    TableError : not readable, too few points, or none that spread over a plane; one sentence
    """
    points, note = read_points(path, most=MOST)
    try:
        return cloud_of(np.array(points), remark=note)
    except ValueError as error:
        raise TableError(f"{Path(path).name}: {error}") from None


def cloud_of(points: npt.ArrayLike, *, remark: str = "") -> Cloud:
    """Return points (N, 2) brought to within ±4, by one scale for both axes unless their ranges differ fivefold.

    Points that are not finite, or 20 times further from the median than nearly all others, are left out.

    Raises
    ------
    ValueError : another shape, too few or too many points, or an axis on which nearly all agree; one sentence
    """
    given = np.asarray(points, dtype=np.float64)
    if given.ndim != 2 or given.shape[1] != 2:
        raise ValueError(f"points of shape {given.shape}: not points of the plane; give an array of shape (N, 2)")
    if len(given) > MOST:
        raise ValueError(f"{len(given)} points, above the limit {MOST}; give a random part of them")
    kept = given[(np.abs(given) < _HUGE).all(axis=1)]
    if len(kept):
        low, middle, high = np.quantile(kept, (0.05, 0.5, 0.95), axis=0)
        near = np.abs(kept - middle) <= 0.5 * _FAR * (high - low)
        kept = kept[near.all(axis=1)]
    if len(kept) < FEWEST:
        raise ValueError(f"{len(kept)} points to use, below the limit {FEWEST}; give {FEWEST} or more")
    half = 0.5 * np.ptp(kept, axis=0)
    centre = kept.min(axis=0) + half
    if not (half > 1e-12 * np.abs(centre)).all():
        axis = "xy"[int(np.argmin(half))]
        raise ValueError(f"{axis} is the same for nearly all points; give points that spread over a plane")
    scale = (half if half.max() > _ASPECT * half.min() else np.full(2, half.max())) / HALF_VIEW
    n_lost = len(given) - len(kept)
    lost = f"{n_lost} point{'s' if n_lost > 1 else ''} far from all others left out. " if n_lost else ""
    shown = [f"({name} - {c:.4g}) / {s:.4g}" for name, c, s in zip("xy", centre, scale, strict=True)]
    note = f"{remark} {lost}{len(kept)} points; the plane shows {shown[0]} and {shown[1]}.".replace("- -", "+ ")
    return Cloud(points=freeze((kept - centre) / scale), centre=freeze(centre), scale=freeze(scale), note=note.strip())
