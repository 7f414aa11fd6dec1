"""The latent panel: real mouse and key events on frames of a closed form."""

from __future__ import annotations

import itertools
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QFileDialog

from nodeviz.app.theme import DARK, LIGHT
from nodeviz.experiments.params import ParamError
from nodeviz.problems.series import Series

from .latent_panels import at, change, drawn, fixture_panel, fixture_shared, lines_of, main, opened_panel, show
from .latent_scene import EIGHT, make_frame

if TYPE_CHECKING:
    from pathlib import Path

LEFT, SHIFT, CONTROL = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.ControlModifier
FIXTURES = fixture_shared, fixture_panel  # which pytest finds by these names


def click(panel: Any, x: float, y: float, keys: Any = Qt.KeyboardModifier.NoModifier) -> None:
    QTest.mouseClick(main(panel).viewport(), LEFT, keys, at(main(panel), x, y))


def drag(panel: Any, places: list[tuple[float, float]], release: bool = True) -> None:
    viewport, plot = main(panel).viewport(), main(panel)
    QTest.mousePress(viewport, LEFT, pos=at(plot, *places[0]))
    for (x0, y0), (x1, y1) in itertools.pairwise(places):
        for share in (0.5, 1.0):
            QTest.mouseMove(viewport, at(plot, x0 + share * (x1 - x0), y0 + share * (y1 - y0)))
            QTest.qWait(15)
    if release:
        QTest.mouseRelease(viewport, LEFT, pos=at(plot, *places[-1]))


def replay(panel: Any, lines: list[str]) -> None:
    """Run lines of the log on a panel."""

    class Facade:
        def __getattr__(self, name: str) -> Any:
            return getattr(panel, panel.verbs[name])

    for line in lines.copy():  # the log grows meanwhile
        exec(line, {"latent": Facade(), "np": np})


def test_a_click_adds_an_observation_that_is_drawn_at_once(panel: Any) -> None:
    said = lines_of(panel)
    click(panel, 0.7, -0.8)
    points = panel.params.points
    assert len(points) == 9
    row = int(np.flatnonzero(~np.isin(points.t, EIGHT.t))[0])
    assert (points.t[row], points.y[row, 0]) == (pytest.approx(0.7, abs=0.01), pytest.approx(-0.8, abs=0.02))
    assert said == [f"latent.add({points.t[row].item()!r}, {points.y[row, 0].item()!r})"]
    # Nothing has answered yet: the newest frame is that of eight points.
    assert len(panel.frame.series.t) == 8
    assert drawn(main(panel)) == 9
    assert panel.worker.lives[-1].points == points
    panel.session.undo_stack.undo()
    assert panel.params.points == EIGHT
    replay(panel, said)
    assert panel.params.points == points


def test_shift_click_removes_the_nearest_and_a_click_on_a_point_adds_none(panel: Any) -> None:
    said = lines_of(panel)
    click(panel, EIGHT.t[2], EIGHT.y[2, 0])
    assert panel.params.points == EIGHT
    click(panel, EIGHT.t[5] + 0.03, EIGHT.y[5, 0] - 0.2, SHIFT)
    assert panel.params.points == EIGHT.removed(5)
    assert said == ["latent.remove(5)"]
    assert drawn(main(panel)) == 7


def test_two_quick_clicks_at_different_places_add_two(panel: Any) -> None:
    viewport = main(panel).viewport()
    for x in (0.3, 0.305):
        QTest.mouseClick(viewport, LEFT, pos=at(main(panel), x, -1.0))
        place = at(main(panel), x, 0.6)
        QTest.mouseDClick(viewport, LEFT, pos=place)
        QTest.mouseRelease(viewport, LEFT, pos=place)
    assert len(panel.params.points) == 10  # those of the second pass lie on those of the first


def test_a_drag_moves_a_point_live_in_one_step_of_undo(panel: Any) -> None:
    said = lines_of(panel)
    start = (float(EIGHT.t[3]), float(EIGHT.y[3, 0]))
    view = main(panel).box.viewRange()
    drag(panel, [start, (0.5, 0.6), (0.75, 1.2)], release=False)
    assert len(panel.worker.lives) >= 3
    assert panel.view.dragging
    assert panel.wants_smooth()
    assert said == []
    QTest.mouseRelease(main(panel).viewport(), LEFT, pos=at(main(panel), 0.75, 1.2))
    # It has passed two others on its way.
    points = panel.params.points
    assert (points.t[5], points.y[5, 0]) == (pytest.approx(0.75, abs=0.01), pytest.approx(1.2, abs=0.02))
    assert len(said) == 1
    assert said[0].startswith("latent.move(3, (")
    assert main(panel).box.viewRange() == view
    panel.session.undo_stack.undo()
    assert panel.params.points == EIGHT
    assert not panel.session.undo_stack.canUndo()
    replay(panel, said)
    assert panel.params.points == points


def test_what_is_undone_while_it_is_dragged_is_not_dragged_on(panel: Any) -> None:
    drag(panel, [(float(EIGHT.t[3]), float(EIGHT.y[3, 0])), (0.5, 0.6)], release=False)
    panel.session.undo_stack.undo()
    QTest.mouseMove(main(panel).viewport(), at(main(panel), 0.7, 0.9))
    QTest.qWait(20)
    QTest.mouseRelease(main(panel).viewport(), LEFT, pos=at(main(panel), 0.7, 0.9))
    assert panel.params.points == EIGHT
    assert not panel.view.dragging


def test_keys_alone_add_move_and_remove(qtbot: Any, panel: Any) -> None:
    said = lines_of(panel)
    plot = main(panel)
    plot.setFocus()
    for _ in range(3):
        qtbot.keyClick(plot, Qt.Key.Key_Right, CONTROL)
    qtbot.keyClick(plot, Qt.Key.Key_Up)
    assert plot._cross[0].isVisible()
    qtbot.keyClick(plot, Qt.Key.Key_Return)
    assert len(panel.params.points) == 9
    added = panel.params.points
    for _ in range(4):
        qtbot.keyClick(plot, Qt.Key.Key_Down, SHIFT)
    assert len(said) == 1  # the point is still taken along
    qtbot.keyClick(plot, Qt.Key.Key_Right)
    moved = panel.params.points
    assert len(moved) == 9
    assert np.flatnonzero((moved.y != added.y).any(axis=1)).size == 1
    qtbot.keyClick(plot, Qt.Key.Key_Delete)
    assert panel.params.points == EIGHT
    assert [line.partition("(")[0] for line in said] == ["latent.add", "latent.move", "latent.remove"]
    qtbot.keyClick(plot, Qt.Key.Key_Escape)
    assert not plot._cross[0].isVisible()
    panel.session.undo_stack.undo()
    panel.session.undo_stack.undo()
    assert panel.params.points == added
    panel.session.undo_stack.undo()
    replay(panel, said)
    assert panel.params.points == EIGHT


def test_axes_stay_while_points_are_typed_and_shrink_on_demand(panel: Any) -> None:
    view = main(panel).box.viewRange()
    click(panel, 0.7, -1.2)
    show(panel)
    assert main(panel).box.viewRange() == view
    show(panel, make_frame(panel.params.points, view=np.array([0.0, 2.0, -3.0, 1.6])))
    (x0, x1), (y0, y1) = main(panel).box.viewRange()
    assert x0 <= 0.0 < 2.0 <= x1
    assert y0 <= -3.0 < 1.6 <= y1
    panel.remove_point(-1)
    show(panel)
    assert main(panel).box.viewRange()[0] == [x0, x1]
    panel.reset_view()
    assert main(panel).box.viewRange()[0][1] < 1.6
    # Other data are shown as they are.
    panel.set_series([10.0, 11.0, 12.0], [5.0, 6.0, 5.5])
    panel.mailbox.begin(panel._generation)
    show(panel, make_frame(panel.params.points, window=np.array([10.0, 12.0]), view=np.array([10.0, 13.0, 4.0, 7.0])))
    (x0, x1), (y0, y1) = main(panel).box.viewRange()
    assert x0 > 9.5
    assert y0 > 2.0  # the curve that goes to 0 is followed half a height


def test_axes_come_back_with_the_points_that_they_were_wide_for(panel: Any) -> None:
    view = main(panel).box.viewRange()
    drag(panel, [(float(EIGHT.t[3]), float(EIGHT.y[3, 0])), (0.5, 0.6), (1.3, 1.5)])
    far = np.array([0.0, 3.0, -4.0, 4.0])
    show(panel, make_frame(panel.params.points, view=far))
    assert main(panel).box.viewRange()[0][1] >= 3.0
    panel.session.undo_stack.undo()
    panel.tick(time.perf_counter())
    assert main(panel).box.viewRange()[0][1] >= 3.0  # nothing answers yet
    show(panel)
    np.testing.assert_allclose(main(panel).box.viewRange(), view)
    panel.session.undo_stack.redo()
    show(panel, make_frame(panel.params.points, view=far))
    assert main(panel).box.viewRange()[0][1] >= 3.0
    # One after the other is removed with the mouse, until none is left.
    while len(panel.params.points):
        t, y = panel.params.points.t[-1], panel.params.points.y[-1, 0]
        click(panel, float(t), float(y), SHIFT)
        show(panel, make_frame(panel.params.points))
    np.testing.assert_allclose(main(panel).box.viewRange()[0], view[0])


def test_a_view_that_somebody_chose_stays_until_it_is_reset(panel: Any) -> None:
    said = lines_of(panel)
    panel.look((0.2, 0.6), (-0.5, 0.5))
    assert said == ["latent.look((0.2, 0.6), (-0.5, 0.5))"]
    click(panel, 0.45, 0.2)
    show(panel)
    assert panel.view.ranges == ((0.2, 0.6), (-0.5, 0.5))
    panel.reset_view()
    assert panel.view.ranges[0][1] > 1.4


def test_everything_one_can_do_to_points_is_a_line_that_does_it_again(panel: Any) -> None:
    said = lines_of(panel)
    panel.clear()
    assert len(panel.params.points) == 0
    assert drawn(main(panel)) == 0
    panel.add_point("0,5", 1)
    panel.set_series([0.1, 0.9, 0.5], [1.0, np.nan, -1.0])
    panel.move_point(0, (0.2, 0.3))
    panel.random(12, 4)
    sample = panel.params.points
    panel.remove_point(-1)
    panel.add_point(0.25, -0.75)
    after = panel.params.points
    assert said == [
        "latent.clear()", "latent.add(0.5, 1.0)", "latent.set([0.1, 0.9, 0.5], [1.0, np.nan, -1.0])",
        "latent.move(0, (0.2, 0.3))", "latent.random(12, 4)", "latent.remove(11)", "latent.add(0.25, -0.75)",
    ]  # fmt: skip
    assert len(sample) == 12
    assert 0 <= sample.t.min() < sample.t.max() <= 1
    done = said.copy()
    panel.clear()
    replay(panel, done)
    assert panel.params.points == after


@pytest.mark.parametrize(
    ("verb", "arguments", "why"),
    [
        ("add_point", ("x", 1), "t=x: not a number"),
        ("add_point", (0.1, np.inf), "y=inf: not a finite number"),
        ("add_point", (0.1, 1, 2), "channel=2: above the limit 1"),
        ("add_point", (0.1, (1, 2)), "y: 2 values, but the series has 1 channel"),
        ("remove_point", (8,), "i=8: above the limit 7"),
        ("move_point", (0, 3), "p=3: not 2 numbers"),
        ("set_series", ([1, 2], [1]), r"t has shape \(2,\)"),
        ("random", (0, 1), "n=0: below the limit 1"),
    ],
)
def test_what_cannot_be_is_refused_in_a_sentence(panel: Any, verb: str, arguments: tuple[Any, ...], why: str) -> None:
    with pytest.raises(ParamError, match=why):
        getattr(panel, verb)(*arguments)
    assert panel.params.points == EIGHT


def test_the_last_point_of_given_data_can_be_removed(panel: Any) -> None:
    panel.session.change("latent", {"data": "family", "n_observations": 1})
    assert len(panel.params.points) == 0
    panel.remove_point(0)  # that of the draw
    assert (panel.params.data, len(panel.params.points)) == ("points", 0)
    with pytest.raises(ParamError, match="there is no point"):
        panel.remove_point(0)


def test_the_first_edit_of_a_draw_keeps_its_other_points(panel: Any) -> None:
    panel.session.change("latent", {"data": "family"})
    panel.add_point(0.5, 0.0)
    drawn = panel.params.points
    assert (panel.params.data, len(drawn)) == ("family", 9)
    panel.remove_point(0)
    assert panel.params.points == drawn.removed(0)


def test_edits_are_timed_until_their_answer_is_painted(qtbot: Any, panel: Any) -> None:
    for x in (0.3, 0.5, 0.7):
        click(panel, x, -1.0)
    assert panel.times.waiting
    assert panel._listening.isActive()
    panel.tick(time.perf_counter())
    assert panel.times.waiting  # an old frame answers nothing
    panel.mailbox.put(panel._generation, _update(panel), 10**6)
    qtbot.waitUntil(lambda: not panel.times.waiting, timeout=1000)
    computed, drawn = panel.times.arrays()
    assert len(computed) == len(drawn) == 3
    assert (drawn > 0).all()
    assert np.all(np.diff(drawn) < 0)  # the first one waited longest
    qtbot.waitUntil(lambda: not panel._listening.isActive(), timeout=1000)
    panel.tick(time.perf_counter())
    assert "on screen after" in panel.words.text()


@pytest.mark.parametrize("other", [{"thin": 0.5}, {"holdout": "random"}, {"data": "nile"}, {"number": 1}, {}])
def test_how_long_an_edit_took_is_said_until_something_else_is_on_show(
    qtbot: Any, panel: Any, other: dict[str, Any]
) -> None:
    def answered(x: float) -> None:
        click(panel, x, -1.0)
        show(panel)
        qtbot.waitUntil(lambda: not panel.times.waiting, timeout=1000)
        panel.tick(time.perf_counter())
        assert "on screen after" in panel.words.text()

    answered(0.3)
    change(panel, upper="posterior", show_samples=True)
    show(panel)
    assert "on screen after" in panel.words.text()
    if other:
        change(panel, **other)
    else:
        panel.session.set_seed("latent", 5)
        panel.mailbox.begin(panel._generation)
    show(panel, make_frame())
    assert "on screen after" not in panel.words.text()
    if other.get("data") != "nile":
        answered(0.5)


def _update(panel: Any) -> Any:
    from nodeviz.experiments.base import Update

    return Update(frame=make_frame(panel.params.points), resting=True)


def test_an_older_answer_does_not_take_back_what_was_clicked_since(panel: Any) -> None:
    click(panel, 0.3, -1.0)
    older = panel.params.points
    click(panel, 0.5, -1.0)
    show(panel, make_frame(older))
    assert len(panel.frame.series.t) == 9
    assert drawn(main(panel)) == 10


def test_hovering_says_what_a_point_is(qtbot: Any, panel: Any) -> None:
    plot = main(panel)
    where = at(plot, float(EIGHT.t[1]), float(EIGHT.y[1, 0]))
    QTest.mouseMove(plot.viewport(), where + QPoint(1, 0))
    qtbot.waitUntil(lambda: "point 1" in plot.card.text(), timeout=1000)
    assert plot.card.isVisible()
    assert "used" in plot.card.text()
    qtbot.wait(20)  # of moves that come faster some are left out
    QTest.mouseMove(plot.viewport(), at(plot, 1.2, -1.2))
    qtbot.waitUntil(lambda: not plot.card.isVisible(), timeout=1000)


@pytest.mark.parametrize("other", [{}, {"points": EIGHT.removed(0)}, {"data": "nile"}])
def test_the_card_and_the_ring_go_with_their_point(qtbot: Any, panel: Any, other: dict[str, Any]) -> None:
    plot = main(panel)
    click(panel, 0.3, -1.0)
    row = int(np.flatnonzero(~np.isin(panel.params.points.t, EIGHT.t))[0])
    show(panel)
    qtbot.wait(20)
    QTest.mouseMove(plot.viewport(), at(plot, 0.3, -1.0) + QPoint(1, 0))
    qtbot.waitUntil(lambda: plot.card.isVisible() and f"point {row}" in plot.card.text(), timeout=1000)
    show(panel)  # the same points again, as each step of refinement shows them
    assert plot.card.isVisible()
    assert len(plot._ring.data) == 1
    if other:
        change(panel, **other)
        show(panel, make_frame(panel.params.points if len(panel.params.points) else EIGHT.removed(1)))
    else:
        panel.session.undo_stack.undo()
    assert not plot.card.isVisible()
    assert not len(plot._ring.data)


def test_an_empty_plot_says_what_to_do_until_there_is_a_point(panel: Any) -> None:
    hint = main(panel)._hint
    assert not hint.isVisible()
    panel.clear()
    show(panel, make_frame(panel.params.points))
    assert hint.isVisible()
    assert "click" in hint.text()
    assert main(panel).box.rect().contains(hint.mapRectToParent(hint.boundingRect()))
    click(panel, 0.5, -1.0)
    assert not hint.isVisible()
    panel.session.undo_stack.undo()
    assert hint.isVisible()


def test_who_chooses_a_file_as_the_data_is_asked_which(
    qtbot: Any, panel: Any, monkeypatch: Any, tmp_path: Path
) -> None:
    path = tmp_path / "tide.csv"
    path.write_text("t,y\n0,1\n1,2\n2,1.5\n", "utf-8")
    answers = ["", str(path)]
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (answers.pop(0), ""))
    said, combo = lines_of(panel), panel.form.rows["data"].combo

    def choose() -> None:
        combo.setFocus()
        combo.setCurrentIndex(combo.findData("csv") - 1)
        qtbot.keyClick(combo, Qt.Key.Key_Down)

    choose()  # and think better of it
    assert (panel.params.data, combo.currentData(), said) == ("points", "points", [])
    assert panel.message.isHidden()
    choose()
    assert (panel.params.data, combo.currentData()) == ("csv", "csv")
    assert said == [f"latent.open_series({str(path)!r})"]
    assert not answers


def test_a_series_of_several_channels_is_edited_in_each() -> None:
    both = Series(np.array([0.1, 0.5, 0.9]), np.array([[1.0, -1.0], [0.5, np.nan], [0.0, 1.0]]))
    with opened_panel(points=both) as panel:
        show(panel)
        said = lines_of(panel)
        assert [plot.isVisible() for plot in panel.view.channels] == [True, True, False, False]
        second = panel.view.channels[1]
        QTest.mouseClick(second.viewport(), LEFT, pos=at(second, 0.3, 0.2))
        row = panel.params.points.y[1]
        assert np.isnan(row[0])
        assert row[1] == pytest.approx(0.2, abs=0.1)
        assert said[-1] == f"latent.add({panel.params.points.t[1].item()!r}, {row[1].item()!r}, 2)"
        show(panel)
        assert drawn(second) == 3
        panel.move_point(0, (0.2, None, 0.5))
        assert np.isnan(panel.params.points.y[0, 0])
        added = panel.params.points
        panel.set_series(both.t, both.y)
        replay(panel, said[:2])
        assert panel.params.points == added


def test_the_same_x_is_below_itself_in_every_channel() -> None:
    both = Series(np.array([0.1, 0.5, 0.9]), np.array([[1.0, -100.0], [0.5, 300.0], [0.0, 200.0]]))
    with opened_panel(points=both) as panel:
        show(panel)
        QTest.qWait(20)
        places = [plot.viewport().mapToGlobal(at(plot, 0.5, 0.0)).x() for plot in panel.view.channels[:2]]
        assert abs(places[0] - places[1]) <= 1
        viewport = panel.view.channels[0].viewport()
        start = at(panel.view.channels[0], 0.3, 0.0)
        QTest.mousePress(viewport, LEFT, pos=start)
        for step in range(1, 5):
            QTest.mouseMove(viewport, start + QPoint(10 * step, 0))
            QTest.qWait(10)
        QTest.mouseRelease(viewport, LEFT, pos=start + QPoint(40, 0))
        first, second = (plot.box.viewRange()[0] for plot in panel.view.channels[:2])
        assert first == pytest.approx(second)
        assert first[0] < -0.05


def test_both_themes_put_their_colours_on(panel: Any) -> None:
    for theme in (DARK, LIGHT):
        panel.set_theme(theme)
        panel.tick(time.perf_counter())
        assert main(panel)._mean.opts["pen"].color().name() == theme.answers[0]
        assert theme.text in panel.words.text()


def test_the_cursor_goes_from_observation_to_observation(panel: Any) -> None:
    said = lines_of(panel)
    panel.put_time(0.2)
    panel.tick(time.perf_counter())
    assert main(panel)._cursor.isVisible()
    assert main(panel)._head.getData()[0] == pytest.approx([0.2])
    panel.do("step")
    assert panel.cursor_time(panel.playbar.fraction) == pytest.approx(EIGHT.t[2])
    assert said == ["latent.t = 0.2", f"latent.t = {EIGHT.t[2]:g}"]
    panel.playbar.put(1.0)
    panel.tick(time.perf_counter())
    assert not main(panel)._cursor.isVisible()
    assert QPointF(*main(panel).box.viewRange()[0]).x() < 0.0
