"""The phase panel: start points to click and drag, solvers that race from them, and instruments that explain them."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import numpy as np
from PySide6.QtCore import QPointF, Qt, QTimer
from PySide6.QtWidgets import QFileDialog, QVBoxLayout

from nodeviz.app.commands import Command
from nodeviz.app.panels.base import Panel
from nodeviz.app.panels.phase_captions import first_start, solver_names
from nodeviz.app.panels.phase_instruments import PhaseInstrument
from nodeviz.app.panels.phase_plane import PhasePlane
from nodeviz.app.plots import label_number
from nodeviz.app.theme import solver_styles
from nodeviz.experiments.params import Choice, Number, ParamError, declared
from nodeviz.experiments.phase_frame import PhaseFrame
from nodeviz.experiments.phase_params import SOLVER_TITLES, WORK, PhaseParams
from nodeviz.problems.systems import SYSTEMS
from nodeviz.problems.tables import TableError, read_points

if TYPE_CHECKING:
    from nodeviz.engine.arrays import FloatArray


class PhasePanel(Panel[PhaseParams, PhaseFrame]):
    """Phase portrait."""

    experiment = "phase"
    hidden_rows = frozenset({"upper", "lower"})
    gestures = MappingProxyType(
        {
            "click in the plane": "place a start point",
            "drag a start point": "move it",
            "Shift-click a start point": "remove it",
            "drag the plane, wheel": "move and zoom the view",
            "hover over an equilibrium": "its eigenvalues in words",
        }
    )
    verbs = MappingProxyType(
        {"add": "add_start", "move": "move_start", "remove": "remove_start", "open_points": "open_points"}
    )

    def build(self) -> None:
        """Make the plane and two instruments."""
        self.plane = PhasePlane()
        self.instruments = {"upper": PhaseInstrument("Upper plot"), "lower": PhaseInstrument("Lower plot")}
        self.add_plot(self.plane)
        beside = QVBoxLayout()
        beside.setSpacing(4)
        for name, instrument in self.instruments.items():
            self.add_plot(instrument.plot)
            instrument.chosen.connect(lambda kind, name=name: self.session.try_change("phase", {name: kind}))
            beside.addWidget(instrument, 1)
        self.stage.addWidget(self.plane, 5)
        self.stage.addLayout(beside, 3)
        self.plane.box.grabs = self._grab
        self.plane.box.clicked.connect(self._click)
        self.plane.box.dragged.connect(self._drag)
        self.plane.box.moved.connect(self._move_view)
        self.plane.refit.connect(self.reset_view)
        self._held: int | None = None
        # The notches of one turn of the wheel are one gesture.
        self._settled = QTimer(self, singleShot=True, interval=300)
        self._settled.timeout.connect(self.session.end_drag)
        self.plane.show_range(self.params)

    # Drawing.

    def cursor_time(self, fraction: float) -> float:
        """Return the time at a share of the span that is in force."""
        return self.params.t0 + fraction * (self.params.t1 - self.params.t0)

    def next_stop(self, fraction: float) -> float:
        """Return the next node of the first solver's first path, so that its steps can be followed one by one."""
        if self.frame is None:
            return fraction
        shares = (self.frame.paths.t[0, 0] - self.frame.t0) / (self.frame.t1 - self.frame.t0)
        later = shares[shares > fraction + 1e-9]
        return float(later[0]) if len(later) else 0.0 if fraction >= 1.0 else 1.0

    def draw(self, frame: PhaseFrame, fraction: float) -> None:
        """Draw plane and instruments."""
        t = frame.t0 + fraction * (frame.t1 - frame.t0)
        for instrument in self.instruments.values():
            instrument.plot.settled = not self.session.dragging
        self.plane.show_frame(frame, t, self.params)
        self.instruments["upper"].show_picture(self.params.upper, frame, t)
        self.instruments["lower"].show_picture(self.params.lower, frame, t)

    def subtitle(self) -> str:
        """Return the system and how the solvers are compared."""
        system = self.params.system
        kind = declared(self.params)["system"].kind
        title = kind.choices[system] if isinstance(kind, Choice) and isinstance(system, str) else kind.to_text(system)
        return f"{title.lower()} · {WORK[self.params.work].lower()}"

    def caption(self, frame: PhaseFrame, fraction: float) -> str:
        """Say what each solver did, what the field is like, and what is wrong."""
        del fraction
        paths = frame.paths
        parts = [self._solver_words(frame, s) for s in range(len(paths.entries))]
        for s, method in enumerate(paths.methods):
            # Said of those that are anywhere near their limit.
            if np.nanmax(np.abs(paths.dt[s]), initial=0.0) > 0.4 * frame.stable_dt[s]:
                limit = label_number(frame.stable_dt[s])
                said = f"{SOLVER_TITLES[str(method)]} is stable below dt {limit}"
                parts += [said] if said not in parts else []
        periods = sorted(set(map(label_number, frame.portrait.periods)))
        if periods:
            parts.append(f"limit cycle, period {', '.join(periods)}")
        if not frame.portrait.autonomous:
            parts.append(f"field, nullclines and equilibria frozen at t = {label_number(frame.portrait.t)}")
        portrait = frame.portrait
        parts += [note for note in (portrait.field_note, portrait.manifolds_note, portrait.cycles_note) if note]
        if len(paths.start) < paths.n_starts:
            parts.append(f"{len(paths.start)} of {paths.n_starts} starts so far")
        if frame.paths.reference_message:
            parts.append(f"reference: {frame.paths.reference_message}")
        return first_start(frame).replace(", ", ": ") + "&nbsp;&nbsp;&nbsp; ".join(parts)

    def _solver_words(self, frame: PhaseFrame, s: int) -> str:
        paths = frame.paths
        colour = solver_styles(paths.methods)[s][0]
        title = solver_names(paths)[s]
        failed = [str(text) for text in paths.message[s] if text]
        head = (
            f"<span style='color:{colour}'>{title}</span> {paths.n_accepted[s, 0]} steps, {paths.nfe[s, 0]} evaluations"
        )
        said = failed[0] if failed else f"error {label_number(paths.final_error[s, 0])}"
        remark = str(paths.remark[s])
        return f"{head}, {said}, {remark}" if remark else f"{head}, {said}"

    def on_params(self, before: PhaseParams | None, params: PhaseParams) -> None:
        """Move the view where its ranges changed."""
        if before is None or (before.x_range, before.y_range) != (params.x_range, params.y_range):
            self.plane.show_range(params)
        self.plane.show_starts(params)
        if before is not None and len(before.start) != len(params.start):
            self._held = None  # what is held may be another point now

    def dragging(self) -> bool:
        """Whether a start point is held."""
        return self._held is not None

    # Start points.

    def add_start(self, point: Any) -> None:
        """Add a start point (x, y)."""
        made = rounded(point)
        self.session.change("phase", {"start": [*self.params.start, made]}, echo=f"phase.add({made})")

    def move_start(self, index: int, point: Any, *, drag: bool = False) -> None:
        """Move start point ``index`` to (x, y)."""
        starts = list(self.params.start)
        index = self._checked(index)
        starts[index] = made = rounded(point)
        echo = f"phase.move({index}, {made})"
        self.session.change("phase", {"start": starts}, echo=echo, drag=f"start {index}" if drag else "")

    def remove_start(self, index: int) -> None:
        """Remove start point ``index``; the last one stays."""
        starts = list(self.params.start)
        index = self._checked(index)
        if len(starts) == 1:
            raise ParamError("start: the last point cannot be removed; add another one first")
        del starts[index]
        self.session.change("phase", {"start": starts}, echo=f"phase.remove({index})")

    def reset_view(self) -> None:
        """Show the view of the system; of typed equations one that holds starts, paths and equilibria."""
        system = self.params.system
        if isinstance(system, str) and system in SYSTEMS:
            view = SYSTEMS[system].x_range, SYSTEMS[system].y_range
        elif self.frame is not None:
            paths = self.frame.paths
            view = ranges_of(
                np.concatenate([paths.reference_y.reshape(-1, 2), paths.start, self.frame.portrait.equilibria])
            )
        else:
            return
        self.session.try_change("phase", {"x_range": view[0], "y_range": view[1]})
        self.plane.show_range(self.params)

    def own_commands(self) -> list[Command]:
        """Return the commands that only this panel has."""
        return [
            Command(
                id="reset_view_phase",
                title="Reset the view of the plane",
                menu="View",
                shortcut="Ctrl+0",
                callback=self.reset_view,
                echoes=False,
            ),
            Command(
                id="open_points_phase",
                title="Open start points (CSV)…",
                menu="File",
                shortcut="Ctrl+O",
                callback=self.ask_for_points,
                echoes=False,
            ),
        ]

    def ask_for_points(self) -> None:
        """Ask for a CSV of start points and open it."""
        path, _ = QFileDialog.getOpenFileName(self, "Open start points", "", "CSV (*.csv *.txt *.tsv);;All files (*)")
        if path:
            try:
                self.open_points(path)
            except ParamError as error:
                self.show_message(str(error))

    def open_points(self, path: str) -> None:
        """Take the start points from a CSV file with the columns x and y.

        Raises
        ------
        ParamError : a file that cannot be read, or more points than can be shown
        """
        try:
            points, note = read_points(path)
        except TableError as error:
            raise ParamError(str(error)) from None
        self.session.change("phase", {"start": points}, echo=f"phase.open_points({path!r})")
        if note:
            self.show_message(note)

    def _checked(self, index: int) -> int:
        count = len(self.params.start)
        return int(Number(-count, count - 1, integer=True).coerce("index", index, None))

    def _grab(self, point: QPointF) -> bool:
        self._held = self.plane.start_at(point)
        return self._held is not None

    def _click(self, point: QPointF, modifiers: Qt.KeyboardModifier) -> None:
        under = self.plane.start_at(point)
        try:
            if modifiers & Qt.KeyboardModifier.ShiftModifier:
                if under is not None:
                    self.remove_start(under)
            elif under is None:
                self.add_start((point.x(), point.y()))
        except ParamError as error:
            self.show_message(str(error))

    def _drag(self, phase: str, start: QPointF, now: QPointF) -> None:
        del start
        if self._held is None:
            return
        try:
            self.move_start(self._held, (now.x(), now.y()), drag=True)
        except ParamError as error:
            self.show_message(str(error))
        if phase == "end":
            self._held = None
            self.session.end_drag()

    def _move_view(self, finished: bool) -> None:
        """Turn what the mouse did to the axes into ranges: the centre moves, and both scale alike."""
        (x0, x1), (y0, y1) = self.plane.box.viewRange()
        params = self.params
        shown_x, shown_y = params.x_range[1] - params.x_range[0], params.y_range[1] - params.y_range[0]
        scale = min((x1 - x0) / shown_x, (y1 - y0) / shown_y) / 1.02
        changes: dict[str, object] = {}
        for name, middle, width in (("x_range", (x0 + x1) / 2, shown_x), ("y_range", (y0 + y1) / 2, shown_y)):
            half = scale * width / 2
            digits = 3 - int(np.floor(np.log10(max(half, 1e-12))))
            changes[name] = (round(middle - half, digits), round(middle + half, digits))
        if not self.session.try_change("phase", changes, drag="view"):
            self.plane.show_range(params)
        if finished:
            self._settled.start()


def ranges_of(points: FloatArray) -> tuple[tuple[float, float], tuple[float, float]]:
    """Return ranges of x and y with some room around points (N, 2)."""
    good = points[np.isfinite(points).all(axis=1)]
    low, high = good.min(axis=0), good.max(axis=0)
    room = 0.15 * np.maximum(high - low, 1e-3 * max(1.0, float(np.abs(good).max())))
    (x0, y0), (x1, y1) = [[float(f"{value:.3g}") for value in corner] for corner in (low - room, high + room)]
    return (x0, x1), (y0, y1)


def rounded(point: Any) -> tuple[float, float]:
    """Return a point with six significant digits, so that the line of Python that repeats it is readable."""
    try:
        x, y = (float(entry) for entry in point)
    except (TypeError, ValueError):
        raise ParamError(f"point={point!r}: not two numbers; give (x, y) as in (2, 0)") from None
    return float(f"{x:.6g}"), float(f"{y:.6g}")


PANEL = PhasePanel
