"""The phase panel in a real window: real mouse and key events, real worker."""

from __future__ import annotations

import time
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QGuiApplication, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication, QMessageBox

from .conftest import wait_idle
from .windows import opened


@pytest.fixture
def panel(window: Any) -> Any:
    return window.panels["phase"]


@pytest.fixture
def lines(window: Any) -> list[str]:
    """The log of actions."""
    said: list[str] = []
    window.session.echoed.connect(said.append)
    return said


def at(panel: Any, x: float, y: float) -> QPoint:
    """Return where a point of the plane lies in the plot's viewport."""
    return panel.plane.mapFromScene(panel.plane.box.mapViewToScene(QPointF(x, y)))


def drag(panel: Any, start: QPoint, end: QPoint) -> None:
    viewport = panel.plane.viewport()
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=start)
    for share in np.linspace(0, 1, 6)[1:]:
        QTest.mouseMove(viewport, start + (end - start) * float(share))
        QTest.qWait(20)
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=end)
    QTest.qWait(20)


def test_the_first_thing_shown_is_the_articles_spiral(panel: Any) -> None:
    params = panel.params
    assert (params.system, params.start, params.t1, params.n_steps) == ("spiral", ((2.0, 0.0),), 6.0, 15)
    assert panel.metrics["solvers"]["rk4"]["final_error"] == pytest.approx(1.4869984e-3, rel=1e-6)
    words = panel.words.text()
    assert "15 evaluations, error 2.51" in words
    assert "60 evaluations, error 0.00149" in words
    assert "Euler is stable below dt 0.198" in words


def test_a_click_adds_a_start_and_shift_click_removes_it(qtbot: Any, window: Any, panel: Any, lines: list[str]) -> None:
    viewport = panel.plane.viewport()
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, pos=at(panel, -1.0, 1.0))
    qtbot.waitUntil(lambda: len(panel.params.start) == 2)
    x, y = panel.params.start[1]
    assert (x, y) == (pytest.approx(-1.0, abs=0.05), pytest.approx(1.0, abs=0.05))
    wait_idle(qtbot, window)
    assert panel.frame.paths.y.shape[1] == 2
    qtbot.mouseClick(viewport, Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, at(panel, x, y))
    qtbot.waitUntil(lambda: len(panel.params.start) == 1)
    assert lines == [f"phase.add({(x, y)})", "phase.remove(1)"]


def test_the_last_start_stays(qtbot: Any, panel: Any) -> None:
    shift = Qt.KeyboardModifier.ShiftModifier
    qtbot.mouseClick(panel.plane.viewport(), Qt.MouseButton.LeftButton, shift, at(panel, 2.0, 0.0))
    qtbot.waitUntil(panel.message.isVisible)
    assert "last point cannot be removed" in panel.message.text.text()
    assert panel.params.start == ((2.0, 0.0),)


def test_dragging_a_start_is_one_step_of_undo_and_one_line(
    qtbot: Any, window: Any, panel: Any, lines: list[str]
) -> None:
    drag(panel, at(panel, 2.0, 0.0), at(panel, 0.5, 1.5))
    x, y = panel.params.start[0]
    assert (x, y) == (pytest.approx(0.5, abs=0.05), pytest.approx(1.5, abs=0.05))
    assert lines == [f"phase.move(0, {(x, y)})"]
    wait_idle(qtbot, window)
    assert panel.frame.paths.y[0, 0, 0] == pytest.approx((x, y))
    qtbot.keyClick(window, Qt.Key.Key_Z, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: panel.params.start == ((2.0, 0.0),))
    assert not window.session.undo_stack.canUndo()


def test_a_drag_shows_pictures_on_its_way(qtbot: Any, window: Any, panel: Any) -> None:
    window.session.load_preset("phase", "van-der-pol")
    wait_idle(qtbot, window)
    viewport, start = panel.plane.viewport(), at(panel, 3.0, -3.5)
    seen = set()
    QTest.mousePress(viewport, Qt.MouseButton.LeftButton, pos=start)
    for move in range(60):
        QTest.mouseMove(viewport, start - QPoint(2 * move, move))
        QTest.qWait(16)
        seen.add(tuple(panel.frame.paths.start[2]))
    QTest.mouseRelease(viewport, Qt.MouseButton.LeftButton, pos=start - QPoint(120, 60))
    assert len(seen) >= 5
    wait_idle(qtbot, window)
    assert tuple(panel.frame.paths.start[2]) == panel.params.start[2]


def test_dragging_the_plane_and_the_wheel_move_the_view(qtbot: Any, window: Any, panel: Any) -> None:
    before = panel.params
    drag(panel, at(panel, -2.0, -2.0), at(panel, -1.0, -2.0))
    moved = panel.params
    assert moved.x_range[0] == pytest.approx(before.x_range[0] - 1.0, abs=0.15)
    assert moved.x_range[1] - moved.x_range[0] == pytest.approx(before.x_range[1] - before.x_range[0], rel=0.02)
    assert moved.start == before.start
    place = at(panel, 0.0, 0.0)
    viewport = panel.plane.viewport()
    wheel = QWheelEvent(
        QPointF(place),
        QPointF(viewport.mapToGlobal(place)),
        QPoint(),
        QPoint(0, 240),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(viewport, wheel)
    qtbot.waitUntil(lambda: panel.params.x_range != moved.x_range)
    assert np.ptp(panel.params.x_range) < np.ptp(moved.x_range)
    wait_idle(qtbot, window)


def test_a_slider_is_one_step_of_undo(qtbot: Any, window: Any, panel: Any, lines: list[str]) -> None:
    slider = panel.form.rows["n_steps"].slider
    place = QPoint(slider.width() // 2, slider.height() // 2)
    handle = QPoint(round(slider.value() / slider.maximum() * (slider.width() - 12)) + 6, place.y())
    QTest.mousePress(slider, Qt.MouseButton.LeftButton, pos=handle)
    for step in range(8):
        QTest.mouseMove(slider, handle + QPoint(3 * (step + 1), 0))
        QTest.qWait(10)
    QTest.mouseRelease(slider, Qt.MouseButton.LeftButton, pos=handle + QPoint(24, 0))
    steps = panel.params.n_steps
    assert steps > 15
    assert lines == [f"phase.n_steps = {steps}"]
    wait_idle(qtbot, window)
    assert panel.metrics["solvers"]["euler"]["n_accepted"] == steps
    window.commands.run("undo")
    assert panel.params.n_steps == 15
    assert panel.form.rows["n_steps"].entry.text() == "15"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0", "below the limit 1"),
        ("1000000000000", "above the limit 1000000"),
        ("many", "not a number"),
        ("inf", "not a finite number"),
        ("2.5", "not a whole number"),
    ],
)
def test_a_bad_number_gets_a_sentence_and_loses_nothing(qtbot: Any, panel: Any, text: str, words: str) -> None:
    frame = panel.frame
    entry = panel.form.rows["n_steps"].entry
    entry.setFocus()
    entry.selectAll()
    qtbot.keyClicks(entry, text)
    qtbot.keyClick(entry, Qt.Key.Key_Return)
    assert panel.message.isVisible()
    assert words in panel.message.text.text()
    assert entry.property("refused") is True
    assert panel.params.n_steps == 15
    assert panel.frame is frame
    qtbot.keyClick(entry, Qt.Key.Key_Escape)
    assert entry.text() == "15"
    assert entry.property("refused") is False


def test_typing_equations_makes_their_sliders(qtbot: Any, window: Any, panel: Any) -> None:
    edit = panel.form.rows["equations"].edit
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClicks(edit, "x' = y; y' = mu*(1 - x*x)*y - k*x")
    qtbot.keyClick(edit, Qt.Key.Key_Return, Qt.KeyboardModifier.ControlModifier)
    assert panel.params.system == "custom"
    assert list(panel.params.parameters) == ["mu", "k"]
    assert list(panel.form.rows["parameters"]._rows) == ["mu", "k"]
    wait_idle(qtbot, window)
    assert panel.metrics["solvers"]["rk4"]["status"] == "ok"


def test_a_bad_equation_keeps_the_last_good_picture(qtbot: Any, panel: Any) -> None:
    frame = panel.frame
    edit = panel.form.rows["equations"].edit
    edit.setFocus()
    edit.selectAll()
    qtbot.keyClicks(edit, "x' = sinn(y); y' = -x")
    qtbot.waitUntil(panel.message.isVisible)
    assert "sinn" in panel.message.text.text()
    assert panel.params.system == "spiral"
    assert panel.frame is frame
    assert "sinn" in edit.toPlainText()


def test_a_solver_is_chosen_by_its_check_box(qtbot: Any, window: Any, panel: Any, lines: list[str]) -> None:
    check = panel.form.rows["solvers"].checks["dopri5"]
    qtbot.mouseClick(check, Qt.MouseButton.LeftButton, pos=QPoint(6, check.height() // 2))
    assert panel.params.solvers == ("euler", "rk4", "dopri5")
    assert lines == ["phase.solvers = ['euler', 'rk4', 'dopri5']"]
    wait_idle(qtbot, window)
    assert panel.frame.paths.entries.tolist() == ["euler", "rk4", "dopri5"]


def test_a_live_parameter_does_not_restart_the_run(qtbot: Any, window: Any, panel: Any) -> None:
    generation = panel.mailbox.generation
    window.session.change("phase", {"show_nullclines": True})
    wait_idle(qtbot, window)
    assert panel.mailbox.generation == generation
    window.session.change("phase", {"n_steps": 30})
    wait_idle(qtbot, window)
    assert panel.mailbox.generation > generation


def test_space_plays_and_the_scrub_bar_follows_the_pointer(qtbot: Any, panel: Any, lines: list[str]) -> None:
    qtbot.keyClick(panel.plane, Qt.Key.Key_Space)
    qtbot.waitUntil(lambda: 0.02 < panel.playbar.fraction < 1.0)
    qtbot.keyClick(panel.plane, Qt.Key.Key_Space)
    assert not panel.playbar.playing
    scrub = panel.playbar.scrub
    place = QPoint(scrub.width() // 4, scrub.height() // 2)
    QTest.mousePress(scrub, Qt.MouseButton.LeftButton, pos=place)
    assert panel.playbar.fraction == pytest.approx(0.25, abs=0.02)
    assert panel.wants_smooth()
    QTest.mouseMove(scrub, QPoint(scrub.width() // 2, place.y()))
    assert panel.playbar.fraction == pytest.approx(0.5, abs=0.02)
    QTest.mouseRelease(scrub, Qt.MouseButton.LeftButton, pos=QPoint(scrub.width() // 2, place.y()))
    assert lines[:2] == ["phase.play()", "phase.pause()"]
    assert lines[2].startswith("phase.t = ")
    qtbot.waitUntil(lambda: panel.playbar.label.text() == f"t {panel.cursor_time(panel.playbar.fraction):.2f}")


def test_blow_up_is_cut_marked_and_explained_while_the_others_run_on(qtbot: Any, window: Any, panel: Any) -> None:
    changes = {"equations": "x' = x*x; y' = -y", "start": "1,1", "t1": 0.99, "n_steps": 4, "solvers": "euler, dopri5"}
    window.session.change("phase", changes)
    wait_idle(qtbot, window)
    window.session.change("phase", {"t1": 3})
    wait_idle(qtbot, window)
    solvers = panel.metrics["solvers"]
    assert solvers["dopri5"]["status"] != "ok"
    assert solvers["euler"]["status"] == "ok"
    words = panel.words.text()
    assert solvers["dopri5"]["message"].split()[0] in words
    assert np.isfinite(panel.frame.paths.y[1, 0][np.isfinite(panel.frame.paths.t[1, 0])]).all()


def test_hovering_an_equilibrium_shows_its_card(qtbot: Any, panel: Any) -> None:
    viewport = panel.plane.viewport()
    QTest.mouseMove(viewport, at(panel, 1.0, -1.0))
    QTest.qWait(30)  # pyqtgraph takes a hundred moves per second at most
    QTest.mouseMove(viewport, at(panel, 0.0, 0.0))
    qtbot.waitUntil(panel.plane.card.isVisible)
    text = panel.plane.card.text()
    assert "stable spiral" in text
    assert "−0.1 ± 1i" in text
    QTest.qWait(30)
    QTest.mouseMove(viewport, at(panel, 1.5, -1.5))
    qtbot.waitUntil(lambda: not panel.plane.card.isVisible())


def test_every_instrument_draws_and_gives_its_data(qtbot: Any, window: Any, panel: Any) -> None:
    combo = panel.instruments["upper"].menu
    window.session.change("phase", {"solvers": "euler, rk4, dopri5:1e-4"})
    wait_idle(qtbot, window)
    for index in range(combo.count()):
        kind = combo.itemData(index)
        panel.instruments["upper"].chosen.emit(kind)
        wait_idle(qtbot, window)
        qtbot.waitUntil(lambda kind=kind: panel.instruments["upper"]._kind == kind)
        panel.instruments["upper"].plot.copy_data()
        text = QGuiApplication.clipboard().text()
        assert len(text.splitlines()) > 2, kind
        assert "euler" in text
    assert panel.params.upper == combo.itemData(combo.count() - 1)


def test_theme_and_folding(qtbot: Any, window: Any, panel: Any) -> None:
    assert window.theme_name == "dark"
    qtbot.keyClick(window, Qt.Key.Key_T, Qt.KeyboardModifier.ControlModifier)
    assert window.theme_name == "light"
    assert panel.theme.name == "light"
    assert window.store.load()[0].theme == "light"
    width = panel.plane.width()
    qtbot.mouseClick(panel.header.fold_button, Qt.MouseButton.LeftButton)
    assert panel.column.isHidden()
    qtbot.waitUntil(lambda: panel.plane.width() > width)


def test_plots_own_their_share_of_the_panel(qtbot: Any, window: Any, panel: Any) -> None:
    window.resize(1600, 1000)
    QTest.qWait(50)

    def share() -> float:
        plots = sum(plot.width() * plot.height() for plot in panel.plots)
        whole = panel.width() * (panel.height() + panel.header.height())
        return plots / whole

    assert share() >= 0.55
    panel.fold(on=True)
    qtbot.waitUntil(lambda: share() >= 0.70)


def test_an_unexpected_error_opens_one_dialog(qtbot: Any, window: Any) -> None:
    for _ in range(3):
        try:
            raise ZeroDivisionError("planted")
        except ZeroDivisionError as error:
            window.errors.show_error(ZeroDivisionError, error, error.__traceback__)
    boxes = [box for box in window.findChildren(QMessageBox) if box.isVisible()]
    assert len(boxes) == 1
    assert "planted" in boxes[0].text()
    assert "2 more" in boxes[0].informativeText()
    boxes[0].close()
    qtbot.waitUntil(lambda: window.errors._box is None)


def test_state_comes_back_at_the_next_start(qtbot: Any, window: Any) -> None:
    window.session.load_preset("phase", "van-der-pol")
    window.session.change("phase", {"parameters": {"mu": 2.5}})
    wait_idle(qtbot, window)
    window.close()
    with opened(qtbot, window.store.path.parent, "phase") as again:
        wait_idle(qtbot, again)
        assert again.panels["phase"].params.parameters["mu"] == 2.5
        assert again.panels["phase"].params.system == "van-der-pol"


@pytest.mark.alone
def test_closing_takes_less_than_a_second(window: Any) -> None:
    window.session.change("phase", {"solvers": "euler:1000000", "t1": 1000})
    QTest.qWait(50)
    started = time.monotonic()
    window.close()
    assert not window.worker.isRunning()
    assert time.monotonic() - started < 1.5


def test_space_on_a_check_box_is_the_check_boxs(qtbot: Any, panel: Any) -> None:
    check = panel.form.rows["show_nullclines"].check
    check.setFocus()
    qtbot.keyClick(check, Qt.Key.Key_Space)
    assert panel.params.show_nullclines
    assert not panel.playbar.playing


def test_tab_reaches_every_control(qtbot: Any, window: Any, panel: Any) -> None:
    panel.form.show_more(on=True)
    panel.plane.setFocus()
    reached = []
    for _ in range(120):
        widget = QApplication.focusWidget()
        if widget in reached:
            break
        reached.append(widget)
        qtbot.keyClick(widget, Qt.Key.Key_Tab)
    wanted = [panel.instruments["upper"].menu, panel.form.rows["system"].combo, panel.form.rows["equations"].edit]
    wanted += [panel.form.rows[name].entry for name in ("solvers", "n_steps", "t1", "rtol", "start", "x_range")]
    wanted += [panel.form.rows["show_past"].check, panel.playbar.button, panel.playbar.scrub, panel.playbar.loop]
    wanted += [row.entry for row in panel.form.rows["parameters"]._rows.values()]
    missing = [widget.accessibleName() or widget for widget in wanted if widget not in reached]
    assert not missing
    assert all(widget.accessibleName() or getattr(widget, "text", str)() for widget in wanted)
    assert window.isVisible()


def test_what_was_refused_stays_to_be_mended(qtbot: Any, window: Any, panel: Any) -> None:
    entry = panel.form.rows["solvers"].entry
    entry.setFocus()
    entry.selectAll()
    qtbot.keyClicks(entry, "euler, rk4:6O")
    qtbot.keyClick(entry, Qt.Key.Key_Return)
    assert entry.property("refused") is True
    window.session.change("phase", {"n_steps": 20})
    assert entry.text() == "euler, rk4:6O"
    assert entry.property("refused") is True
    entry.setFocus()
    entry.selectAll()
    qtbot.keyClicks(entry, "euler, rk4:60")
    qtbot.keyClick(entry, Qt.Key.Key_Return)
    assert panel.params.solvers == ("euler", "rk4:60")
    assert entry.property("refused") is False
    row = panel.form.rows["parameters"]._rows["decay"]
    row.entry.setFocus()
    row.entry.selectAll()
    qtbot.keyClicks(row.entry, "abc")
    qtbot.keyClick(row.entry, Qt.Key.Key_Return)
    assert row.entry.property("refused") is True
    wait_idle(qtbot, window)


def test_a_message_moves_nothing(window: Any, panel: Any) -> None:
    before = panel.plane.geometry()
    panel.show_message("Something is to be said.")
    QTest.qWait(50)
    assert panel.message.isVisible()
    assert panel.plane.geometry() == before
    assert panel.message.geometry().bottom() <= panel.words.y()
    assert window.isVisible()


def test_the_view_comes_back(qtbot: Any, window: Any, panel: Any) -> None:
    before = panel.params.x_range
    window.session.change("phase", {"x_range": (10, 20), "y_range": (-3, 7)})
    window.commands.run("reset_view_phase")
    assert panel.params.x_range == before
    window.session.change("phase", {"equations": "x' = y; y' = -x", "start": "100,0", "x_range": (0, 1)})
    wait_idle(qtbot, window)
    window.commands.run("reset_view_phase")
    (x0, x1), (y0, y1) = panel.params.x_range, panel.params.y_range
    assert x0 < -60
    assert x1 > 100
    assert y0 < -90
    assert y1 > 20
    wait_idle(qtbot, window)
