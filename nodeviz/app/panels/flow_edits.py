"""What the user does to the flow's target and weights. Each edit is one change of the session, and one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.app.brush import erased, painted, read_places
from nodeviz.app.panels.model_files import views_to_save
from nodeviz.experiments.flow_data import target_of
from nodeviz.experiments.flow_files import provenance, save_flows
from nodeviz.experiments.params import Number, ParamError
from nodeviz.problems.labelled import LabelledPoints

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from nodeviz.app.session import Session
    from nodeviz.experiments.flow_frame import FlowFrame
    from nodeviz.experiments.flow_params import FlowParams

PANEL = "flow"
PER_STAMP = 12  # points that one touch of the brush leaves; a density needs more of them than a class
LONGEST_LINE = 200  # points; more of them make a line that nobody can read
RADIUS = Number(1e-6, 1e6)


def given(session: Session) -> LabelledPoints | None:
    """Return the points that a brush starts from, those given or those of the file; None of a target that has none.

    Raises
    ------
    ParamError : the file cannot be read any more
    """
    try:
        cloud = target_of(session.state(PANEL).params).cloud
    except ValueError as error:
        raise ParamError(str(error)) from None
    return None if cloud is None else LabelledPoints(cloud.points, np.zeros(len(cloud.points), np.int64))


def paint(
    session: Session,
    at: Any,
    radius: float = 0.3,
    count: int = PER_STAMP,
    *,
    alone: bool = False,
    base: LabelledPoints | None = None,
    drag: str = "",
) -> None:
    """Add ``count`` points around each of some places, as a stroke of the brush does; they become the target.

    Parameters
    ----------
    at : places (S, 2); radius : how far the brush reaches
    alone : bool, whether the points before go
    base : the points before, where they are not the ones in force; drag : the stroke that goes on

    Raises
    ------
    ParamError : places that do not exist, or fewer or more points than there may be
    """
    places, reach = read_places(at), float(RADIUS.coerce("radius", radius, None))
    many = int(Number(1, 1000, integer=True).coerce("count", count, None))
    before = None if alone else base if base is not None else given(session)
    try:
        points = painted(before, 0, places, reach, many)
    except ValueError as error:
        raise ParamError(f"points: {error}") from None
    line = f"{PANEL}.paint({places.tolist()}, {reach!r}, {many}{', alone=True' if alone else ''})"
    session.change(PANEL, {"points": points, "fit_points": False}, echo=line, drag=drag)


def erase(
    session: Session, at: Any, radius: float = 0.3, *, base: LabelledPoints | None = None, drag: str = ""
) -> None:
    """Take away the points within a radius of some places (S, 2).

    Raises
    ------
    ParamError : nothing would be left, or there is nothing that could be erased
    """
    places, reach = read_places(at), float(RADIUS.coerce("radius", radius, None))
    before = base if base is not None else given(session)
    if before is None:
        raise ParamError("erase: this target is a formula; paint or give points first, those can be erased")
    points = erased(before, places, reach)
    changes = {"points": points, "fit_points": False}
    session.change(PANEL, changes, echo=f"{PANEL}.erase({places.tolist()}, {reach!r})", drag=drag)


def set_data(session: Session, X: npt.ArrayLike) -> None:
    """Take points X (N, 2) as the target.

    Raises
    ------
    ParamError : they are no points of the plane; the sentence says why
    """
    points = np.asarray(X)
    if points.ndim == 2 and len(points) <= LONGEST_LINE:
        line = f"{PANEL}.set_data({points.tolist()})"
    else:
        line = f"# {PANEL}.set_data(X) with {len(points) if points.ndim else 0} points"
    session.change(PANEL, {"points": X}, echo=line)


def save(frame: FlowFrame | None, params: FlowParams, path: str, method: str | None = None) -> list[Path]:
    """Write the flows of a frame: to a folder, or to a file that ends in .npz or .json, or beside it where two.

    Parameters
    ----------
    method : the only one to write

    Returns
    -------
    the files

    Raises
    ------
    ParamError : no such flow, or a file that cannot be written
    """
    chosen = views_to_save(None if frame is None else frame.flows, "flow", method, "method")
    extra = {view.name: {**provenance(params), "step": view.step} for view in chosen}
    return save_flows(chosen, path, extra)
