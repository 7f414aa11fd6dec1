"""What the user does to the classifier's points and weights. Each edit is one change of the session, and one line."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from nodeviz.app.brush import PER_STAMP, erased, painted, read_places
from nodeviz.app.panels.model_files import views_to_save
from nodeviz.experiments.classifier_data import make_data
from nodeviz.experiments.classifier_files import provenance, save_models
from nodeviz.experiments.params import Number, ParamError
from nodeviz.problems.labelled import MOST_CLASSES, LabelledPoints
from nodeviz.problems.tables import TableError

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from nodeviz.app.session import Session
    from nodeviz.experiments.classifier_frame import ClassifierFrame
    from nodeviz.experiments.classifier_params import ClassifierParams

PANEL = "classifier"
LONGEST_LINE = 200  # points; more of them make a line that nobody can read
RADIUS = Number(1e-6, 1e6)


def given(session: Session) -> LabelledPoints:
    """Return the points that a brush starts from: those given, those of the file, else the data set's, by its seed.

    Raises
    ------
    ParamError : the file cannot be read any more
    """
    state = session.state(PANEL)
    if len(state.params.points):
        return state.params.points
    try:
        view = make_data(state.params, state.seed).view
    except TableError as error:
        raise ParamError(str(error)) from None
    names = tuple(map(str, view.names)) if view.painted else ()
    return LabelledPoints(view.given, view.given_labels, names)


def paint(
    session: Session,
    label: int,
    at: Any,
    radius: float = 0.15,
    count: int = PER_STAMP,
    *,
    alone: bool = False,
    base: LabelledPoints | None = None,
    drag: str = "",
) -> None:
    """Add ``count`` points of a class around each of some places, as a stroke of the brush does.

    Parameters
    ----------
    label : 0 to 3; at : places (S, 2); radius : how far the brush reaches
    alone : bool, whether the points before go
    base : the points before, where they are not the ones in force; drag : the stroke that goes on

    Raises
    ------
    ParamError : a class or places that do not exist, or more points than there may be
    """
    number = int(Number(0, MOST_CLASSES - 1, integer=True).coerce("label", label, None))
    places, reach = read_places(at), float(RADIUS.coerce("radius", radius, None))
    many = int(Number(1, 1000, integer=True).coerce("count", count, None))
    before = None if alone else base if base is not None else given(session)
    try:
        points = painted(before, number, places, reach, many)
    except ValueError as error:
        raise ParamError(f"points: {error}") from None
    line = f"{PANEL}.paint({number}, {places.tolist()}, {reach!r}, {many}{', alone=True' if alone else ''})"
    session.change(PANEL, {"points": points}, echo=line, drag=drag)


def erase(
    session: Session, at: Any, radius: float = 0.15, *, base: LabelledPoints | None = None, drag: str = ""
) -> None:
    """Take away the points within a radius of some places (S, 2).

    Raises
    ------
    ParamError : nothing would be left
    """
    places, reach = read_places(at), float(RADIUS.coerce("radius", radius, None))
    points = erased(base if base is not None else given(session), places, reach)
    session.change(PANEL, {"points": points}, echo=f"{PANEL}.erase({places.tolist()}, {reach!r})", drag=drag)


def set_data(session: Session, X: npt.ArrayLike, y: npt.ArrayLike) -> None:
    """Classify points X (N, 2) with labels y (N,), whole numbers or texts, in the place of the data set.

    Raises
    ------
    ParamError : they are no labelled points; the sentence says why
    """
    count = np.size(y)
    if count <= LONGEST_LINE:
        line = f"{PANEL}.set_data({np.asarray(X).tolist()}, {np.asarray(y).tolist()})"
    else:
        line = f"# {PANEL}.set_data(X, y) with {count} points"
    session.change(PANEL, {"points": (X, y)}, echo=line)


def save(frame: ClassifierFrame | None, params: ClassifierParams, path: str, model: str | None = None) -> list[Path]:
    """Write the models of a frame: to a folder, or to a file that ends in .npz or .json, or beside it where several.

    Parameters
    ----------
    model : the only one to write

    Returns
    -------
    the files

    Raises
    ------
    ParamError : no such model, or a file that cannot be written
    """
    chosen = views_to_save(None if frame is None else frame.models, "model", model, "model")
    extra = {**provenance(params), "step": 0 if frame is None else frame.step}
    return save_models(chosen, path, {view.name: extra for view in chosen})
