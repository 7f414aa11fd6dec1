"""Labelled points of the plane to classify: toy sets, each drawn afresh at any size."""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot, pi
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nodeviz.engine.arrays import FloatArray, IntArray

    Sampler = Callable[[IntArray, int, np.random.Generator], FloatArray]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dataset:
    """A distribution of labelled points.

    Attributes
    ----------
    name, title : as typed and as read
    note : one plain sentence
    classes : least and largest number of classes
    view : x0, x1, y0, y1 that hold all of it
    sample : gives each label (N,) of that many classes a place (N, 2)
    spread : standard deviation of the jitter that belongs to the set, in units of the plane
    shares : part of the points that each class gets; empty for equal ones
    """

    name: str
    title: str
    note: str
    classes: tuple[int, int]
    view: tuple[float, float, float, float]
    sample: Sampler
    spread: float = 0.0
    shares: tuple[float, ...] = ()

    def make(self, n: int, classes: int, noise: float, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
        """Draw points in random order; the classes' sizes follow from ``n`` alone.

        Parameters
        ----------
        n : int, number of points, at least one per class
        classes : int, within ``self.classes``
        noise : standard deviation of what is added to both coordinates, besides the set's own jitter

        Returns
        -------
        X (N, 2) float64 and labels (N,) int64 in 0..classes-1

        Raises
        ------
        ValueError : a number of classes that the set does not have, or fewer points than classes
        """
        self.check(classes)
        if n < classes:
            raise ValueError(f"n={n}: fewer points than the {classes} classes; use {classes} or more")
        labels = rng.permutation(self._labels(n, classes))
        points = self.sample(labels, classes, rng)
        deviation = hypot(self.spread, noise)
        return (points + rng.normal(0.0, deviation, points.shape) if deviation else points), labels

    def check(self, classes: int) -> None:
        """Raise ValueError, one sentence, where the set does not come with that many classes."""
        least, largest = self.classes
        if not least <= classes <= largest:
            limit = f"{least} only" if least == largest else f"{least} to {largest}"
            wider = ", ".join(name for name, other in DATASETS.items() if other.classes[1] > self.classes[1])
            other = f", or another set ({wider})" if wider and classes > largest else ""
            raise ValueError(
                f"classes={classes}: {self.name} has {limit}; use {min(max(classes, least), largest)}{other}"
            )

    def _labels(self, n: int, classes: int) -> IntArray:
        shares = self.shares or (1.0 / classes,) * classes
        # A class ends where its share of the points does, and has one point even of very few.
        ends = np.maximum(np.rint(n * np.cumsum(shares)).astype(int), np.arange(1, classes + 1))
        return np.searchsorted(ends, np.arange(n), side="right")


def _polar(radius: FloatArray, angle: FloatArray) -> FloatArray:
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], axis=-1)


def _circles(labels: IntArray, classes: int, rng: np.random.Generator) -> FloatArray:
    return _polar(1.5 * (labels + 1) / classes, rng.uniform(0.0, 2.0 * pi, labels.shape))


def _disc_annulus(labels: IntArray, _classes: int, rng: np.random.Generator) -> FloatArray:
    # Uniform by area: the square of the radius is uniform.
    inner, outer = np.where(labels == 0, 0.0, 1.0), np.where(labels == 0, 0.5, 1.5)
    radius = np.sqrt(rng.uniform(inner * inner, outer * outer))
    return _polar(radius, rng.uniform(0.0, 2.0 * pi, labels.shape))


def _moons(labels: IntArray, _classes: int, rng: np.random.Generator) -> FloatArray:
    arc = _polar(np.ones(labels.shape), rng.uniform(0.0, pi, labels.shape))
    # The second arc is the first turned by half a turn about the middle of both.
    side: FloatArray = np.where(labels[:, None] == 0, 1.0, -1.0)
    return side * (arc - (0.5, 0.25))


def _spirals(labels: IntArray, classes: int, rng: np.random.Generator) -> FloatArray:
    # The root puts about as many points on each piece of an arm, however far out.
    along = np.sqrt(rng.uniform(0.0, 1.0, labels.shape))
    return _polar(2.0 * along, 2.0 * pi * (1.5 * along + labels / classes))


def _xor(labels: IntArray, _classes: int, rng: np.random.Generator) -> FloatArray:
    quarter = rng.choice([-1.0, 1.0], labels.shape)
    signs = np.stack([quarter, np.where(labels == 0, quarter, -quarter)], axis=-1)
    return signs * rng.uniform(0.1, 1.5, signs.shape)


def _gaussians(labels: IntArray, classes: int, rng: np.random.Generator) -> FloatArray:
    centres = _polar(np.full(labels.shape, 1.2), 2.0 * pi * labels / classes + pi / 4)
    return centres + rng.normal(0.0, 0.35, centres.shape)


def _checkerboard(labels: IntArray, classes: int, rng: np.random.Generator) -> FloatArray:
    cells = np.stack(np.divmod(np.arange(16), 4), axis=-1)
    cells = cells[np.argsort(cells.sum(axis=1) % classes, kind="stable")]
    sizes = np.bincount(cells.sum(axis=1) % classes)
    first = np.cumsum(sizes) - sizes
    chosen: FloatArray = cells[first[labels] + rng.integers(0, sizes[labels])].astype(float)
    return chosen - 2.0 + rng.uniform(0.0, 1.0, chosen.shape)


_ALL = (
    Dataset(
        name="circles",
        title="Circles",
        note="Rings around each other: no path of a plane flow leads an inner one out.",
        classes=(2, 4),
        view=(-1.9, 1.9, -1.9, 1.9),
        sample=_circles,
        spread=0.05,
    ),
    Dataset(
        name="disc-annulus",
        title="Disc and annulus",
        note="A disc in a wide ring with three times as many points, both filled evenly (Dupont et al. 2019).",
        classes=(2, 2),
        view=(-1.8, 1.8, -1.8, 1.8),
        sample=_disc_annulus,
        shares=(0.25, 0.75),
    ),
    Dataset(
        name="moons",
        title="Moons",
        note="Two crescents that reach into each other: a plane flow can pull them apart.",
        classes=(2, 2),
        view=(-2.0, 2.0, -1.4, 1.4),
        sample=_moons,
        spread=0.08,
    ),
    Dataset(
        name="spirals",
        title="Spirals",
        note="Arms of one and a half turns, wound into each other from the middle outwards.",
        classes=(2, 4),
        view=(-2.3, 2.3, -2.3, 2.3),
        sample=_spirals,
        spread=0.05,
    ),
    Dataset(
        name="xor",
        title="XOR",
        note="Opposite quarters of a square are alike, so that no line does better than three of four.",
        classes=(2, 2),
        view=(-1.8, 1.8, -1.8, 1.8),
        sample=_xor,
    ),
    Dataset(
        name="gaussians",
        title="Gaussians",
        note="Round clouds, one per class: two of them are all but separated by a line as they are.",
        classes=(2, 4),
        view=(-2.6, 2.6, -2.6, 2.6),
        sample=_gaussians,
    ),
    Dataset(
        name="checkerboard",
        title="Checkerboard",
        note="Four by four squares, neighbours always of different classes.",
        classes=(2, 4),
        view=(-2.3, 2.3, -2.3, 2.3),
        sample=_checkerboard,
    ),
)

DATASETS: Mapping[str, Dataset] = MappingProxyType({dataset.name: dataset for dataset in _ALL})
