"""The points of a classifier: drawn, painted or read, and parted into those to train on and those held out."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.experiments.classifier_frame import DataView
from nodeviz.experiments.params import ParamError
from nodeviz.experiments.phase_frame import read_only
from nodeviz.problems.datasets import DATASETS
from nodeviz.problems.labelled import LabelledPoints, plain_names, read_labelled, to_scale
from nodeviz.problems.tables import TableError

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.engine.arrays import BoolArray, FloatArray, IntArray
    from nodeviz.experiments.classifier_params import ClassifierParams

SHOWN = 400  # points drawn
GOLDEN = 0.6180339887498949


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Points to train on and to test with; ``fresh(n, rng)`` draws more, None where there is nothing to draw from."""

    train: FloatArray
    train_labels: IntArray
    test: FloatArray
    test_labels: IntArray
    fresh: Callable[[int, np.random.Generator], tuple[FloatArray, IntArray]] | None
    view: DataView


class Seeds(NamedTuple):
    """What the parts of a run are drawn from, so that none depends on how many numbers another one uses."""

    weights: int
    data: int
    batches: int
    fresh: int

    @classmethod
    def of(cls, rng: np.random.Generator) -> Seeds:
        """Return the seeds of a run from its generator."""
        return cls(*rng.integers(0, 2**63, len(cls._fields)).tolist())


def make_data(params: ClassifierParams, seed: int) -> Data:
    """Return the points of the run with that seed, as `draw_data` does."""
    return draw_data(params, Seeds.of(np.random.default_rng(seed)).data)


def draw_data(params: ClassifierParams, seed: int) -> Data:
    """Return the points that the parameters name: the given ones, those of the file, else a draw from the data set.

    Raises
    ------
    ParamError : a file that cannot be read any more
    """
    given = given_points(params)
    return _given(given, params) if len(given) else _drawn(params, seed)


def given_points(params: ClassifierParams) -> LabelledPoints:
    """Return the points that were set or painted, else those of the file; none where a data set is drawn from.

    They have their scale already: what comes from elsewhere is scaled where it enters, and never again.
    """
    return params.points if len(params.points) or not params.csv else read_points(params.csv)


def read_points(path: str) -> LabelledPoints:
    """Read a file of labelled points and bring them to scale, once for as long as it stays as it is.

    Raises
    ------
    ParamError : it cannot be read, or holds no points to classify
    """
    found = Path(path).expanduser()
    known = found.stat() if found.is_file() else None
    try:
        return _read(str(found), known.st_mtime_ns if known else 0, known.st_size if known else 0)
    except TableError as error:
        raise ParamError(f"csv: {error}") from None


@lru_cache(maxsize=4)
def _read(path: str, _changed: int, _size: int) -> LabelledPoints:
    return to_scale(read_labelled(path))


def held_out(labels: IntArray, share: float) -> BoolArray:
    """Return which of given points (M,) are held out: about the same share of each class, never its first point.

    The choice depends on a point's rank in its class alone, so that painting one more leaves the others where they are.
    """
    chosen = np.zeros(labels.shape, bool)
    for label in np.unique(labels):
        own = np.flatnonzero(labels == label)
        # Multiples of the golden ratio spread evenly, whatever order the points come in.
        chosen[own] = np.arange(len(own)) * GOLDEN % 1.0 > 1.0 - share
    return chosen


def _drawn(params: ClassifierParams, seed: int) -> Data:
    dataset, rng = DATASETS[params.dataset], np.random.default_rng(seed)

    def fresh(n: int, rng: np.random.Generator) -> tuple[FloatArray, IntArray]:
        return dataset.make(n, params.classes, params.noise, rng)

    train, labels = fresh(params.n_points, rng)
    # The test points come on top: the training set is as large as asked for.
    n_test = round(params.n_points * params.test_share / (1.0 - params.test_share))
    test, test_labels = fresh(n_test, rng) if n_test >= params.classes else (train[:0], labels[:0])
    view = DataView(
        points=freeze(train[:SHOWN]),
        labels=read_only(labels[:SHOWN].copy()),
        given=freeze(train),
        given_labels=read_only(labels.copy()),
        given_held_out=read_only(np.zeros(len(train), bool)),
        n_train=len(train),
        n_test=len(test),
        classes=params.classes,
        names=read_only(np.array(plain_names(params.classes))),
        view=freeze(dataset.view),
        painted=False,
        note="",
    )
    return Data(train=train, train_labels=labels, test=test, test_labels=test_labels, fresh=fresh, view=view)


def _given(points: LabelledPoints, params: ClassifierParams) -> Data:
    X = points.X
    out = held_out(points.labels, params.test_share)
    train, labels = X[~out], points.labels[~out]
    shown = np.unique(np.linspace(0, len(train) - 1, min(SHOWN, len(train))).astype(int))
    view = DataView(
        points=freeze(train[shown]),
        labels=read_only(labels[shown].copy()),
        given=freeze(X),
        given_labels=read_only(points.labels.copy()),
        given_held_out=read_only(out.copy()),
        n_train=len(train),
        n_test=int(out.sum()),
        classes=params.classes,
        names=read_only(np.array([*points.names, *plain_names(params.classes)[len(points.names) :]])),
        view=freeze(_view(X, DATASETS[params.dataset].view)),
        painted=True,
        note=points.note,
    )
    return Data(train=train, train_labels=labels, test=X[out], test_labels=points.labels[out], fresh=None, view=view)


def _view(X: FloatArray, at_least: tuple[float, float, float, float]) -> FloatArray:
    """Return x0, x1, y0, y1 that hold the points with some room, and the plane of the data set chosen before."""
    (x0, y0), (x1, y1) = X.min(axis=0), X.max(axis=0)
    x_room, y_room = 0.05 * (x1 - x0), 0.05 * (y1 - y0)
    a0, a1, b0, b1 = at_least
    return np.array([min(x0 - x_room, a0), max(x1 + x_room, a1), min(y0 - y_room, b0), max(y1 + y_room, b1)])
