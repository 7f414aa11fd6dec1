"""The flow panel: real mouse and key events on frames of a closed form, and one real run."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtTest import QTest

from nodeviz.app.panels.flow import FlowPanel
from nodeviz.app.panels.flow_captions import STYLES
from nodeviz.app.session import Session
from nodeviz.app.theme import DARK
from nodeviz.app.worker import Worker
from nodeviz.experiments.base import Reply, Update
from nodeviz.experiments.flow_params import INSTRUMENTS
from nodeviz.models.flow import METHODS

from .flow_panels import BOTH, a_panel, asked, at, brightness, know_the_flow_alone, lines_of, show
from .flow_scene import CENTRES, make_frame, make_history, make_path, make_target, make_trace

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture
def panel(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Generator[Any, None, None]:
    yield from a_panel(qtbot, monkeypatch)


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


def test_a_click_asks_for_a_path_and_log_p_along_it(qtbot: Any, panel: Any) -> None:
    worker = asked(panel)
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
    assert "log p at t = 0.50: " in panel.instruments["lower"].words.text()
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
    assert [table.item(0, column).text() for column in (1, 2)] == ["matching", "diffusion"]
    titles = [table.item(row, 0).text() for row in range(table.rowCount())]
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


def test_training_steps_are_counted_whatever_a_report_holds(panel: Any) -> None:
    before = panel.steps_seen
    for step in (20, 40, 57):
        report = {"flow-matching.loss": 1.0, "flow-matching.step": float(step)}
        panel.mailbox.put(panel._generation, Update(scalars=report), 10**6)
        panel.mailbox.put(panel._generation, Update(scalars={"flow-matching.mean_log_prob": -3.0}), 10**6)
        panel.tick(time.perf_counter())
    assert panel.steps_seen == before + 57


def test_a_flow_that_trained_on_says_that_the_rate_began_anew(panel: Any) -> None:
    panel.history = make_history()  # type: ignore[assignment]
    panel.session.change("flow", {"upper": "loss"})
    panel.redraw()
    assert "anew" not in panel.instruments["upper"].words.text()
    frame = make_frame(step=2500)
    show(panel, dataclasses.replace(frame, steps=4000))
    assert "began anew" in panel.instruments["upper"].words.text()


def test_the_trace_is_asked_for_where_the_cursor_rests(panel: Any) -> None:
    worker = asked(panel)
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


def test_all_methods_differ_by_colour_and_marker() -> None:
    assert set(STYLES) == set(METHODS)
    for column in range(3):
        assert len({style[column] for style in STYLES.values()}) == len(STYLES)


def test_a_real_run_trains_rests_and_answers(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    know_the_flow_alone(monkeypatch)
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
