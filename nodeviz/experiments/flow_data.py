"""What a flow starts from and ends in: the source, and the target that a name, a file, a word or points make."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from nodeviz.engine.arrays import freeze
from nodeviz.experiments.flow_frame import TargetView
from nodeviz.problems.clouds import Cloud
from nodeviz.problems.sources import SOURCES
from nodeviz.problems.targets import VIEW, Target, make_target, target_of_points

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray
    from nodeviz.experiments.flow_params import FlowParams
    from nodeviz.problems.sources import Source

DRAWN = 2000  # points of the target in a frame
NEAR = 1.0  # half a range from which points that are to fit stay where they are, if the view holds them


@dataclass(frozen=True, slots=True, kw_only=True)
class Data:
    """Source and target, and what a frame says of them."""

    source: Source
    target: Target
    view: TargetView


def make_data(params: FlowParams, seed: int) -> Data:
    """Return source and target of the parameters, with the target's points to draw from ``seed``.

    Raises
    ------
    ValueError : a file, a word or points that make no density; one sentence
    """
    source, target = SOURCES[params.source], target_of(params)
    cloud, given = target.cloud, len(params.points) > 0
    view = TargetView(
        name="points" if given else params.target,
        title=target.title,
        source=source.name,
        points=freeze(target.sample(DRAWN, np.random.default_rng(seed)).astype(np.float32)),
        given=freeze(np.empty((0, 2)) if cloud is None else cloud.points),
        centre=freeze(np.zeros(2) if cloud is None else cloud.centre),
        scale=freeze(np.ones(2) if cloud is None else cloud.scale),
        view=freeze(target.view),
        entropy_bound=float("nan") if target.entropy_bound is None else target.entropy_bound,
        note=target.note,
    )
    return Data(source=source, target=target, view=view)


def target_of(params: FlowParams) -> Target:
    """Return the target that the parameters name: the points given, else that of the name, with its file or word.

    Raises
    ------
    ValueError : a file, a word or points that make no density; one sentence
    """
    if len(params.points):
        return _of_points(params.points.X, fit=params.fit_points)
    found = Path(params.path).expanduser() if params.target in {"image", "csv"} and params.path else None
    known = found.stat() if found is not None and found.exists() else None
    return _made(
        params.target,
        "" if found is None else str(found),
        params.word if params.target == "text" else "",
        known.st_mtime_ns if known else 0,
    )


@lru_cache(maxsize=4)
def _made(name: str, path: str, word: str, _changed: int) -> Target:
    """Make a target, once for as long as its file stays as it is."""
    return make_target(name, path=path, word=word)


def _of_points(X: FloatArray, *, fit: bool) -> Target:
    """Return the target of given points (N, 2), brought to the plane's scale where they are not in the view.

    With ``fit`` so are those that lie close together; without, they stay where they were painted.
    """
    half = 0.5 * np.ptp(X, axis=0)
    x0, x1, y0, y1 = VIEW
    inside = x0 <= X[:, 0].min() and X[:, 0].max() <= x1 and y0 <= X[:, 1].min() and X[:, 1].max() <= y1
    if not inside or (fit and (half.max() < NEAR or not half.all())):
        return target_of_points(X, name="points", title="Points")
    note = f"{len(X)} points, each a narrow round Gaussian."
    cloud = Cloud(points=freeze(X), centre=freeze(np.zeros(2)), scale=freeze(np.ones(2)), note=note)
    density = cloud.density
    return Target(
        name="points",
        title="Points",
        note=note,
        sample=density.sample,
        log_prob=density.log_prob,
        entropy_bound=None,
        cloud=cloud,
    )
