"""The flow panel: real mouse and key events on frames of a closed form, and one real run."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QTimer, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QImage, QMouseEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from nodeviz.app import session as session_module
from nodeviz.app.application import make_application
from nodeviz.app.panels import base as panel_base
from nodeviz.app.panels.flow import FlowPanel
from nodeviz.app.panels.flow_captions import STYLES
from nodeviz.app.panels.flow_density import SHARES, mass_levels
from nodeviz.app.session import Session
from nodeviz.app.theme import DARK, LIGHT
from nodeviz.app.worker import Worker
from nodeviz.experiments.base import Reply, Update
from nodeviz.experiments.flow import FLOW
from nodeviz.experiments.flow_params import INSTRUMENTS
from nodeviz.experiments.params import ParamError
from nodeviz.models.flow import METHODS

from .flow_scene import CENTRES, make_answer, make_frame, make_history, make_path, make_target, make_trace

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

BOTH = ("flow-matching", "diffusion")


class Asked:
    """Stands for the worker: remembers what it was asked for, and answers when told to."""

    def __init__(self) -> None:
        self.number = 0
        self.questions: list[tuple[int, str, Any]] = []
        self.runs = 0

    def _next(self) -> int:
        self.number += 1
        return self.number

    def start_run(self, *_: Any) -> int:
        self.runs += 1
        return self._next()

    def set_live(self, *_: Any) -> int:
        return self._next()

    def allow(self, *_: Any) -> int:
        return self._next()

    def set_visible(self, *_: Any, visible: bool) -> None:
        del visible

    def ask(self, _: str, kind: str, payload: Any) -> int:
        self.questions.append((self._next(), kind, payload))
        return self.number

    def of(self, kind: str) -> list[Any]:
        return [payload for _, asked, payload in self.questions if asked == kind]


@pytest.fixture(autouse=True)
def _flow_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a session know the flow alone, without the weights of its first preset."""
    known = {"flow": dataclasses.replace(FLOW, first_preset="")}
    for module in (panel_base, session_module):
        monkeypatch.setattr(module, "REGISTRY", known)


@pytest.fixture
def worker() -> Asked:
    return Asked()


@pytest.fixture
def panel(qtbot: Any, worker: Asked) -> Generator[Any, None, None]:
    make_application()
    session = Session()
    made = FlowPanel(session, worker)  # type: ignore[arg-type]
    made.set_theme(DARK)
    made.resize(1100, 760)
    qtbot.addWidget(made)
    made.show()
    qtbot.waitExposed(made)
    made.start()
    made.mailbox.begin(made._generation)
    show(made, make_frame())
    yield made
    made.close()


def show(panel: Any, frame: Any = None, *, replies: tuple[Reply, ...] = (), resting: bool = True) -> None:
    """Deliver a frame and answers to the panel, and let it draw."""
    panel.mailbox.put(panel._generation, Update(frame=frame, replies=replies, resting=resting), 10**6)
    panel.tick(time.perf_counter())


def lines_of(panel: Any) -> list[str]:
    said: list[str] = []
    panel.session.echoed.connect(said.append)
    return said


def at(panel: Any, x: float, y: float, plane: int = 0) -> QPoint:
    """Return where a place of the plane lies in the plot's viewport."""
    plot = panel.planes[plane]
    return plot.mapFromScene(plot.box.mapViewToScene(QPointF(x, y)))


def brightness(panel: Any, x: float, y: float) -> float:
    """Return how bright the density's picture is at a place."""
    image: QImage = panel.planes[0]._ground._image
    rect = panel.planes[0]._ground._rect
    column = int((x - rect.left()) / rect.width() * image.width())
    row = int((y - rect.top()) / rect.height() * image.height())
    return image.pixelColor(column, row).lightnessF()


def test_the_density_is_bright_where_the_points_are(panel: Any) -> None:
    panel.playbar.put(1.0)
    panel.tick(time.perf_counter())
    assert brightness(panel, *CENTRES[0]) > brightness(panel, 0.0, 0.0) + 0.4
    panel.playbar.put(0.0)
    panel.tick(time.perf_counter())
    assert brightness(panel, 0.0, 0.0) > brightness(panel, *CENTRES[0]) + 0.4
    assert panel.planes[0]._now == pytest.approx(panel.frame.flows[0].samples[0])


def test_between_two_times_the_density_is_their_mean_and_keeps_the_mass(panel: Any) -> None:
    t = panel.frame.t
    known = panel.view._known[0]
    between = known.at(float(0.25 * t[20] + 0.75 * t[21]))
    low, high = known.at(float(t[20])), known.at(float(t[21]))
    np.testing.assert_allclose(between.p, 0.25 * low.p + 0.75 * high.p, rtol=1e-5)
    assert not between.computed
    assert low.computed


def test_it_asks_for_the_density_where_the_cursor_rests_and_not_while_it_plays(panel: Any, worker: Asked) -> None:
    panel.put_time(0.6137)
    panel.tick(time.perf_counter())
    assert worker.of("density") == [(0.6137, 64)]
    panel.redraw()
    assert len(worker.of("density")) == 1  # it waits for the answer
    number = worker.questions[-1][0]
    show(panel, replies=(Reply(number, make_answer(0.6137)),))
    assert panel.view.exact(0.6137)
    panel.redraw()
    assert len(worker.of("density")) == 1
    panel.do("play")
    for share in (0.62, 0.633, 0.6471):
        panel.playbar.fraction = share
        panel.redraw()
    assert len(worker.of("density")) == 1


def test_the_nearest_density_is_shown_until_the_one_of_the_cursor_is_there(panel: Any, worker: Asked) -> None:
    show(panel, make_frame(known=[0, 40]))
    panel.put_time(0.4)
    panel.tick(time.perf_counter())
    assert worker.of("density") == [(0.4, 64)]
    assert panel.view._known[0].at(0.4).t == 0.0
    show(panel, replies=(Reply(worker.questions[-1][0], make_answer(0.4)),))
    assert panel.view._known[0].at(0.4).t == 0.4


def test_a_question_that_a_replaced_run_never_answered_is_put_again(panel: Any, worker: Asked) -> None:
    panel.put_time(0.6137)
    panel.redraw()
    show(panel, make_frame(seed=3))
    assert worker.of("density") == [(0.6137, 64)] * 2


def test_what_was_drawn_of_other_weights_is_not_shown_again(panel: Any) -> None:
    show(panel, make_frame(seed=1))
    before = panel.view._known[0].at(0.5)
    frame = make_frame(seed=1)
    frame.flows[0].density[20] += 1.0
    show(panel, frame)
    after = panel.view._known[0].at(0.5)
    np.testing.assert_allclose(after.p, np.e * before.p, rtol=1e-4)


def test_each_toggle_shows_and_hides_its_part(panel: Any) -> None:
    panel.put_time(0.5)
    plane = panel.planes[0]
    shown = {
        "show_contours": lambda: plane._contours[1].xData,
        "show_trails": lambda: plane._trails.xData,
        "show_velocity": lambda: plane._arrows.xData,
        "show_grid": lambda: plane._grid.xData,
        "show_target": lambda: plane._target._points,
        "show_samples": lambda: plane._samples._points,
    }
    for name, what in shown.items():
        box = panel.form.rows[name]
        before = getattr(panel.params, name)
        for on in (not before, before):
            panel.session.change("flow", {name: on})
            panel.tick(time.perf_counter())
            assert (what() is not None and len(what()) > 0) == on, name
        assert box is not None
    panel.session.change("flow", {"show_density": False})
    panel.tick(time.perf_counter())
    assert plane._ground._rect.isNull()


def test_contour_lines_hold_the_shares_of_the_mass_they_say() -> None:
    inside = np.linspace(-5, 5, 128)
    x, y = np.meshgrid(inside, inside)
    p = np.exp(-(x**2 + y**2) / 2) / (2 * np.pi)
    # Of a round Gaussian the share 1 - exp(-r^2 / 2) lies within r, where p is (1 - share) / (2 pi).
    assert mass_levels(p) == pytest.approx([(1 - share) / (2 * np.pi) for share in SHARES], rel=0.06)


def test_a_click_asks_for_a_path_and_log_p_along_it(qtbot: Any, panel: Any, worker: Asked) -> None:
    said = lines_of(panel)
    panel.put_time(0.5)
    panel.tick(time.perf_counter())
    qtbot.mouseClick(panel.planes[0].viewport(), Qt.MouseButton.LeftButton, pos=at(panel, 1.0, -2.0))
    qtbot.waitUntil(lambda: len(worker.of("path")) == 1)
    x, y, t = worker.of("path")[0]
    assert (x, y, t) == (pytest.approx(1.0, abs=0.05), pytest.approx(-2.0, abs=0.05), 0.5)
    assert said[-1] == f"flow.inspect({(x, y)})"
    number = next(number for number, kind, _ in worker.questions if kind == "path")
    show(panel, replies=(Reply(number, make_path((x, y), 0.5, ["flow-matching"])),))
    ring = panel.planes[0]._ring.getData()
    assert (ring[0][0], ring[1][0]) == (pytest.approx(x), pytest.approx(y))
    assert len(panel.instruments["lower"].layers[0].curve.xData) == 41
    assert "log p is" in panel.instruments["lower"].words.text()
    # Another run knows nothing of it, and is asked again.
    show(panel, make_frame(seed=2, path=None))
    panel.start()
    panel.mailbox.begin(panel._generation)
    show(panel, make_frame(seed=4))
    assert worker.of("path") == [(x, y, 0.5)] * 2


def test_two_methods_stand_side_by_side_in_one_view_and_one_scale(panel: Any) -> None:
    panel.session.change("flow", {"compare": "diffusion", "lower": "measures"})
    panel.mailbox.begin(panel._generation)
    show(panel, make_frame(BOTH))
    assert panel.planes[1].isVisible()
    for plane, name in zip(panel.planes, ("flow matching", "diffusion"), strict=True):
        assert name in plane.title.text()
    table = panel.instruments["lower"].table
    assert [table.item(row, 0).text() for row in range(2)] == ["flow matching", "diffusion"]
    titles = [table.horizontalHeaderItem(column).text() for column in range(table.columnCount())]
    assert {"log p", "W₂", "its floor", "path energy", "seconds"} <= set(titles)
    before = panel.planes[1].box.viewRange()
    viewport = panel.planes[0].viewport()
    start = at(panel, 3.5, 3.5)
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=start)
    for step in range(1, 6):
        QTest.mouseMove(viewport, start + QPoint(8 * step, 0))
        QTest.qWait(10)
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=start + QPoint(40, 0))
    assert panel.planes[1].box.viewRange() != before
    assert panel.planes[1].box.viewRange()[0] == pytest.approx(panel.planes[0].box.viewRange()[0], abs=0.2)
    panel._settled.stop()


def test_every_instrument_draws_and_says_what_it_shows(panel: Any) -> None:
    panel.history = make_history(BOTH)  # type: ignore[assignment]
    path = make_path((1.0, 1.0), 0.5, BOTH)
    for names, frame in (
        (BOTH, make_frame(BOTH, path=path)),
        (BOTH, make_frame(BOTH, step=0, known=[])),
        (BOTH[:1], make_frame(BOTH[:1], path=make_path((1.0, 1.0), 0.5, BOTH[:1]))),
    ):
        show(panel, frame)
        for kind in INSTRUMENTS:
            panel.session.change("flow", {"upper": kind})
            panel.redraw()
            instrument = panel.instruments["upper"]
            assert instrument.kind == kind
            assert instrument.words.text()
            if frame.step:
                assert len(instrument.plot.columns()) >= len(names), kind


def test_measures_stand_in_the_caption_beside_the_bound(panel: Any) -> None:
    panel.redraw()
    text = panel.words.text()
    for part in ("log p −2.842", "of at most −2.828 nats", "mass 1.000", "inversion 3e−7", "evaluations 38"):
        assert part in text
    show(panel, make_frame(target=make_target("csv", "2 points far from all others left out.")))
    assert "left out" in panel.words.text()


def test_the_trace_is_asked_for_where_the_cursor_rests(panel: Any, worker: Asked) -> None:
    panel.session.change("flow", {"upper": "trace"})
    panel.put_time(0.25)
    panel.redraw()
    assert worker.of("trace") == [0.25]
    number = next(number for number, kind, _ in worker.questions if kind == "trace")
    show(panel, replies=(Reply(number, make_trace(0.25, ["flow-matching"])),))
    assert "at t = 0.25" in panel.instruments["upper"].words.text()
    assert worker.of("trace") == [0.25]


def test_the_cursor_plays_both_ways_and_loops(qtbot: Any, panel: Any) -> None:
    said = lines_of(panel)
    bar = panel.playbar
    qtbot.mouseClick(bar.back, Qt.MouseButton.LeftButton)
    assert said == ["flow.backwards(True)"]
    bar.put(0.5)
    panel.do("play")
    panel.tick(10.0)
    panel.tick(11.0)
    assert bar.fraction == pytest.approx(0.5 - 1 / 6)
    panel.tick(20.0)
    assert (bar.fraction, bar.playing) == (0.0, False)
    bar.loop.setChecked(True)
    panel.do("play")  # from the far end, since it is at the near one
    assert bar.fraction == 1.0
    panel.tick(30.0)
    panel.tick(33.0)
    assert bar.fraction == pytest.approx(0.5)
    panel.tick(39.0)
    assert bar.fraction == pytest.approx(0.5)
    panel.do("step")
    assert bar.fraction == pytest.approx(0.475)
    panel.do("pause")
    panel.backwards(False)
    panel.do("step")
    assert bar.fraction == pytest.approx(0.5)


def drag(panel: Any, places: list[tuple[float, float]], keys: Any = Qt.KeyboardModifier.NoModifier) -> None:
    viewport, left, none = panel.planes[0].viewport(), Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    kinds = [QEvent.Type.MouseButtonPress, *[QEvent.Type.MouseMove] * (len(places) - 1), QEvent.Type.MouseButtonRelease]
    for kind, place in zip(kinds, [*places, places[-1]], strict=True):
        where = QPointF(at(panel, *place))
        held = none if kind == QEvent.Type.MouseButtonRelease else left
        button = none if kind == QEvent.Type.MouseMove else left
        event = QMouseEvent(kind, where, QPointF(viewport.mapToGlobal(where.toPoint())), button, held, keys)
        QApplication.sendEvent(viewport, event)
        QTest.qWait(20)


def test_the_brush_paints_a_target_in_one_step_of_undo(panel: Any) -> None:
    said = lines_of(panel)
    panel.toggle_brush()
    drag(panel, [(-2.0, 0.0), (-1.0, 0.0), (0.0, 0.5), (2.0, 0.5)])
    points = panel.params.points
    assert len(points) >= 100
    assert points.X[:, 0].min() == pytest.approx(-2.0, abs=0.5)
    assert points.X[:, 0].max() == pytest.approx(2.0, abs=0.5)
    assert [line.partition("(")[0] for line in said] == ["flow.paint"]
    drag(panel, [(2.0, 0.5), (1.5, 0.5)], Qt.KeyboardModifier.ShiftModifier)
    assert len(panel.params.points) < len(points)
    assert said[-1].startswith("flow.erase(")
    panel.session.undo_stack.undo()
    assert panel.params.points == points
    panel.session.undo_stack.undo()
    assert len(panel.params.points) == 0
    # The line that was said does the same again.
    exec(said[0].replace("flow.", "panel."), {"panel": panel})
    assert panel.params.points == points


def test_points_can_be_given_and_bad_ones_are_refused_in_a_sentence(panel: Any) -> None:
    said = lines_of(panel)
    X = CENTRES.repeat(3, axis=0) + 0.1
    panel.set_data(X)
    assert pytest.approx(X) == panel.params.points.X
    assert said == [f"flow.set_data({X.tolist()})"]
    for bad in (X[:2], [[np.nan, 1.0]] * 20, np.zeros((20, 3)), "abc", 3.0):
        with pytest.raises(ParamError):
            panel.set_data(bad)


def dropped_on(panel: Any, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    place, copy = QPointF(100, 200), Qt.DropAction.CopyAction
    buttons, keys = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place.toPoint(), copy, data, buttons, keys)
    panel.dragEnterEvent(enter)
    assert enter.isAccepted()
    panel.dropEvent(QDropEvent(place, copy, data, buttons, keys))


def test_a_picture_or_a_table_dropped_on_the_panel_becomes_the_target(panel: Any, tmp_path: Path) -> None:
    said = lines_of(panel)
    picture = QImage(64, 48, QImage.Format.Format_RGB32)
    picture.fill(Qt.GlobalColor.white)
    for x in range(20, 40):
        for y in range(10, 30):
            picture.setPixelColor(x, y, Qt.GlobalColor.black)
    picture.save(str(tmp_path / "square.png"))
    dropped_on(panel, tmp_path / "square.png")
    assert (panel.params.target, panel.params.path) == ("image", str(tmp_path / "square.png"))
    table = "x,y\n" + "\n".join(f"{x},{y}" for x, y in CENTRES.repeat(3, axis=0) + 0.01 * np.arange(24)[:, None])
    (tmp_path / "points.csv").write_text(table)
    dropped_on(panel, tmp_path / "points.csv")
    assert panel.params.target == "csv"
    assert said == [f"flow.open_target({str(tmp_path / name)!r})" for name in ("square.png", "points.csv")]
    (tmp_path / "broken.png").write_bytes(b"no picture")
    dropped_on(panel, tmp_path / "broken.png")
    assert panel.params.target == "csv"
    assert panel.message.isVisible()
    assert "broken.png" in panel.message.text.text()


def test_a_word_that_is_typed_becomes_the_target(qtbot: Any, panel: Any, worker: Asked) -> None:
    said, runs = lines_of(panel), worker.runs
    panel.form.show_more(on=True)
    entry = panel.form.rows["word"].entry
    entry.setFocus()
    entry.selectAll()
    qtbot.keyClicks(entry, "ode")
    qtbot.keyClick(entry, Qt.Key.Key_Return)
    assert (panel.params.target, panel.params.word) == ("text", "ode")
    assert (said, worker.runs) == (["flow.word = 'ode'"], runs + 1)
    entry.selectAll()
    qtbot.keyClicks(entry, "  ")
    qtbot.keyClick(entry, Qt.Key.Key_Return)
    assert panel.params.word == "ode"
    assert panel.message.isVisible()


def test_buttons_and_menus_do_and_say_what_they_show(qtbot: Any, panel: Any) -> None:
    said = lines_of(panel)
    check = panel.form.rows["show_contours"].check
    qtbot.mouseClick(check, Qt.MouseButton.LeftButton, pos=QPoint(8, check.height() // 2))
    menu = panel.instruments["lower"].menu
    menu.setCurrentIndex(menu.findData("mass"))
    menu.activated.emit(menu.currentIndex())
    for button in (panel.runbar.step, panel.runbar.reset, panel.runbar.seed, panel.runbar.train):
        qtbot.mouseClick(button, Qt.MouseButton.LeftButton)
    assert said[:5] == [
        "flow.show_contours = True", "flow.lower = 'mass'", "flow.step(1)", "flow.reset()", "flow.seed = 1",
    ]  # fmt: skip
    assert said[5] in {"flow.stop()", "flow.train()"}
    assert panel.params.show_contours
    assert panel.instruments["lower"].kind in {"path", "mass"}
    panel.redraw()
    assert panel.instruments["lower"].kind == "mass"


def test_what_goes_wrong_is_said_and_the_last_picture_stays(panel: Any) -> None:
    frame = make_frame()
    lost = "The plane shown holds 80 % of the mass: the rest lies outside of it, or take more steps."
    flow = dataclasses.replace(frame.flows[0], mass=0.8, message=lost)
    flow.density[40, :8] = np.nan  # the way back did not arrive
    flow.samples[-1, :5] = np.inf
    show(panel, dataclasses.replace(frame, flows=(flow,)))
    panel.playbar.put(1.0)
    panel.tick(time.perf_counter())
    assert lost in panel.words.text()
    assert "mass 0.800" in panel.words.text()
    assert np.isfinite(panel.planes[0]._samples._points).all()
    assert brightness(panel, *CENTRES[0]) > 0.4


def test_flows_are_saved_and_loaded_again(panel: Any, tmp_path: Path) -> None:
    said = lines_of(panel)
    panel.save_flows(str(tmp_path / "mine.npz"))
    assert (tmp_path / "mine.npz").exists()
    assert said == [f"flow.save({str(tmp_path / 'mine.npz')!r})"]
    dropped_on(panel, tmp_path / "mine.npz")
    params = panel.params
    assert (params.weights, params.hidden, params.layers) == (str(tmp_path / "mine.npz"), 4, 1)
    with pytest.raises(ParamError, match="not on show"):
        panel.save_flows(str(tmp_path / "other.npz"), "diffusion")


def test_all_methods_differ_by_colour_and_marker() -> None:
    assert set(STYLES) == set(METHODS)
    for column in range(3):
        assert len({style[column] for style in STYLES.values()}) == len(STYLES)


def test_both_themes_draw_the_density_on_their_own_ground(panel: Any) -> None:
    for theme in (DARK, LIGHT):
        panel.set_theme(theme)
        panel.tick(time.perf_counter())
        corner = panel.planes[0]._ground._image.pixelColor(0, 0).name()
        assert corner == theme.panel
    assert brightness(panel, *CENTRES[0]) < brightness(panel, 0.0, 0.0)


def test_two_thousand_samples_and_the_density_take_a_fraction_of_a_frame(panel: Any) -> None:
    panel.redraw()
    taken = []
    for share in np.linspace(0.2, 0.8, 25):
        panel.playbar.fraction = float(share)
        started = time.perf_counter()
        panel.view.show_scene(panel._scene, float(share), panel.view.planes[0]._look)
        taken.append(time.perf_counter() - started)
    assert np.median(taken) < 0.008  # s; alone it takes about 1 ms, and a frame has 16


def test_a_real_run_trains_rests_and_answers(qtbot: Any) -> None:
    session, worker = Session(), Worker()
    session.change("flow", {"steps": 40, "hidden": 8, "batch": 64})
    panel = FlowPanel(session, worker)
    panel.set_theme(DARK)
    panel.resize(900, 640)
    qtbot.addWidget(panel)
    clock = QTimer(interval=16)
    clock.timeout.connect(lambda: panel.tick(time.perf_counter()))
    worker.start()
    try:
        panel.show()
        panel.start()
        clock.start()
        qtbot.waitUntil(lambda: not panel.busy, timeout=30_000)
        assert panel.frame is not None
        assert panel.frame.step == 40
        assert panel.frame.flows[0].density_known.all()
        assert "log p" in panel.words.text()
        panel.put_time(0.6137)
        qtbot.waitUntil(lambda: panel.view.exact(0.6137), timeout=5_000)
        panel.inspect((1.0, 0.5))
        qtbot.waitUntil(lambda: np.isfinite(panel._scene.path.t), timeout=5_000)
        assert panel._scene.path.point == pytest.approx([1.0, 0.5])
    finally:
        clock.stop()
        assert worker.close(5.0) == ""
        panel.close()
