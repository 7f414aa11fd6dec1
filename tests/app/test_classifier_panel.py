"""The classifier panel under the hand: real mouse events in its planes, its brush, its run bar, files dropped on it."""

from __future__ import annotations

import dataclasses
import json
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QMouseEvent, QWheelEvent
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from nodeviz.experiments.base import Reply, Update
from nodeviz.experiments.classifier_models import make_model, saved_models
from nodeviz.experiments.params import ParamError

from .classifier_panels import change, make_panel, show
from .classifier_scene import make_frame, make_stability

if TYPE_CHECKING:
    from collections.abc import Generator, Sequence
    from pathlib import Path

SHIFT, PLAIN = Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier
NODE, ANODE = 0, 1  # planes


@pytest.fixture
def panel(qtbot: Any) -> Generator[Any, None, None]:
    made = make_panel(qtbot)
    show(made)
    yield made
    made._settled.stop()
    made.close()


@pytest.fixture
def said(panel: Any) -> list[str]:
    lines: list[str] = []
    panel.session.echoed.connect(lines.append)
    return lines


def tick(panel: Any) -> None:
    panel.tick(time.perf_counter())


def at(panel: Any, x: float, y: float, plane: int = NODE) -> QPoint:
    """Return where a point of a plane lies in its viewport."""
    plot = panel.planes[plane]
    return plot.mapFromScene(plot.box.mapViewToScene(QPointF(x, y)))


def send(plot: Any, kind: QEvent.Type, where: QPoint, keys: Any = PLAIN) -> None:
    viewport, left, none = plot.viewport(), Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton
    held = none if kind == QEvent.Type.MouseButtonRelease else left
    button = none if kind == QEvent.Type.MouseMove else left
    place, there = QPointF(where), QPointF(viewport.mapToGlobal(where))
    QApplication.sendEvent(viewport, QMouseEvent(kind, place, there, button, held, keys))
    QTest.qWait(12)


def drag(plot: Any, way: Sequence[QPoint], keys: Any = PLAIN) -> None:
    send(plot, QEvent.Type.MouseButtonPress, way[0], keys)
    for place in way[1:]:
        send(plot, QEvent.Type.MouseMove, place, keys)
    send(plot, QEvent.Type.MouseButtonRelease, way[-1], keys)


def double_click(plot: Any, place: QPoint) -> None:
    for kind in ("MouseButtonPress", "MouseButtonRelease", "MouseButtonDblClick", "MouseButtonRelease"):
        send(plot, QEvent.Type[kind], place)


def hover(panel: Any, x: float, y: float, plane: int = NODE) -> None:
    viewport = panel.planes[plane].viewport()
    for place in (at(panel, x, y, plane) + QPoint(40, 40), at(panel, x, y, plane)):
        QTest.mouseMove(viewport, place)
        QTest.qWait(30)  # pyqtgraph takes a hundred moves per second at most


def turn_wheel(plot: Any, place: QPoint, turn: int) -> None:
    viewport = plot.viewport()
    none, still = Qt.MouseButton.NoButton, Qt.ScrollPhase.NoScrollPhase
    there = QPointF(viewport.mapToGlobal(place))
    wheel = QWheelEvent(QPointF(place), there, QPoint(), QPoint(0, turn), none, PLAIN, still, False)
    QApplication.sendEvent(viewport, wheel)


def test_points_follow_the_cursor_between_the_nodes_and_blocks_jump(panel: Any) -> None:
    change(panel, models="resnet, node")
    frame = make_frame(("resnet", "node"))
    show(panel, frame)
    resnet, node = frame.models
    panel.put_time(0.475)
    tick(panel)
    order = np.argsort(frame.data.labels, kind="stable")
    np.testing.assert_allclose(panel.planes[0]._now, resnet.states[4][order], atol=1e-6)
    half = 0.5 * node.states[9] + 0.5 * node.states[10]
    np.testing.assert_allclose(panel.planes[1]._now, half[order], atol=1e-6)
    panel.do("step")
    assert panel.cursor_time(panel.playbar.fraction) == pytest.approx(0.5)  # the next block of the first model


def test_the_caption_says_the_linear_accuracy_at_the_cursor(panel: Any) -> None:
    for t, node, anode in ((0.0, "75 %", "75 %"), (1.0, "86 %", "97 %")):
        panel.put_time(t)
        tick(panel)
        words = panel.words.text()
        assert f"t = {t:.2f}, linear accuracy" in words
        assert f"neural ODE</span> {node}" in words
        assert f"augmented ODE</span> {anode}" in words
    assert "Fresh points wrong: neural ODE 14.0 %, augmented ODE 3.0 %." in panel.words.text()


def test_dragging_the_states_of_more_dimensions_turns_them(panel: Any, said: list[str]) -> None:
    plane, model = panel.planes[ANODE], panel.frame.models[ANODE]
    assert panel.view.camera(model).hidden(model.readout_weights) < 1e-6
    assert len(plane._line.xData)
    assert not plane._ground._rect.isNull()
    middle = QPoint(plane.width() // 2, plane.height() // 2)
    before = plane._now.copy()
    drag(plane, [middle, middle + QPoint(30, 5), middle + QPoint(70, 20)])
    tick(panel)
    assert len(said) == 1
    assert said[0].startswith("classifier.turn('anode', ")
    assert not np.allclose(plane._now, before, atol=0.05)
    # A readout that is seen obliquely has no line on the screen.
    assert plane._line.xData is None or not len(plane._line.xData)
    assert plane._ground._rect.isNull()
    turned = plane._now.copy()
    panel.face("anode")
    exec(said[0].replace("classifier.", "panel."), {"panel": panel})
    tick(panel)
    np.testing.assert_allclose(plane._now, turned, atol=1e-9)
    double_click(plane, middle)
    tick(panel)
    np.testing.assert_allclose(plane._now, before, atol=1e-6)
    assert said[-1] == "classifier.face('anode')"


def test_a_turned_model_stays_turned_while_it_learns_on(panel: Any) -> None:
    panel.turn("anode", 40.0, 10.0)
    tick(panel)
    camera = panel.view.camera(panel.frame.models[ANODE])
    frame = make_frame(step=941)
    show(panel, frame)
    assert panel.view.camera(frame.models[ANODE]) is camera
    frame = make_frame(augment=3)  # another space, another camera
    show(panel, frame)
    assert len(panel.view.camera(frame.models[ANODE]).axes) == 5


def test_dragging_a_plane_moves_the_view_of_all(panel: Any, said: list[str]) -> None:
    plane, other = panel.planes[NODE], panel.planes[ANODE]
    before = plane.box.viewRange()
    drag(plane, [QPoint(200, 150), QPoint(220, 150), QPoint(260, 150)])
    (x0, _), (y0, _) = plane.box.viewRange()
    assert x0 < before[0][0] - 0.1
    assert y0 == pytest.approx(before[1][0])
    np.testing.assert_allclose(other.box.viewRange(), plane.box.viewRange(), atol=1e-6)
    turn_wheel(plane, QPoint(200, 150), 240)
    turn_wheel(plane, QPoint(200, 150), 240)
    np.testing.assert_allclose(other.box.viewRange(), plane.box.viewRange(), atol=1e-6)
    QTest.qWait(350)
    assert [line.partition("(")[0] for line in said] == ["classifier.look"]  # one gesture, one line
    held = plane.box.viewRange()
    show(panel, make_frame(step=941))
    np.testing.assert_allclose(plane.box.viewRange(), held)  # training does not take it away
    panel.reset_view()
    tick(panel)
    np.testing.assert_allclose(plane.box.viewRange(), before, atol=1e-6)
    exec(said[0].replace("classifier.", "panel."), {"panel": panel})
    np.testing.assert_allclose(plane.box.viewRange(), held, atol=2e-3)


def test_the_ranges_only_grow_while_models_learn(panel: Any) -> None:
    ranges = []
    for size in (1.0, 1.3, 0.9, 1.2):
        frame = make_frame()
        models = [dataclasses.replace(model, states=model.states * np.float32(size)) for model in frame.models]
        show(panel, dataclasses.replace(frame, models=tuple(models)))
        ranges.append(panel.planes[NODE].box.viewRange())
    assert np.ptp(ranges[1][0]) > np.ptp(ranges[0][0])
    np.testing.assert_allclose(ranges[2], ranges[1])
    np.testing.assert_allclose(ranges[3], ranges[1])


def test_hovering_a_point_shows_its_card_and_points_it_out_everywhere(panel: Any) -> None:
    frame = panel.frame
    plane = panel.planes[NODE]
    index = int(np.linalg.norm(plane._now - plane._now.mean(axis=0), axis=1).argmax())  # one that stands alone
    number = int(plane._order[index])
    hover(panel, *plane._now[index])
    assert plane.card.isVisible()
    x = float(frame.data.points[number, 0])
    assert f"class {frame.data.names[frame.data.labels[number]]}" in plane.card.text()
    assert f"{x:.3g}".replace("-", "−") in plane.card.text()
    assert f"{frame.models[0].nfe_points[number]:.0f} evaluations" in plane.card.text()
    for each, model in zip(panel.planes, frame.models, strict=False):
        assert len(each._ring.data) == 1
        assert len(each._path.xData) == len(model.t)
    before = plane.card.pos()
    panel.put_time(0.2)
    tick(panel)
    assert plane.card.isVisible()
    assert plane.card.pos() != before  # it goes with its point
    show(panel, make_frame(seed=1))
    assert not plane.card.isVisible()  # other points, whose numbers mean nothing to it
    hover(panel, plane.box.viewRange()[0][1], plane.box.viewRange()[1][1])
    assert len(plane._ring.data) == 0


def test_the_pointer_asks_how_stable_a_point_is_where_a_plot_shows_it(panel: Any) -> None:
    plane = panel.planes[NODE]
    index = int(np.linalg.norm(plane._now - plane._now.mean(axis=0), axis=1).argmax())
    hover(panel, *plane._now[index])
    assert panel.worker.questions == []
    change(panel, upper="stability")
    hover(panel, *plane._now[index])
    ((kind, place),) = panel.worker.questions
    point = panel.frame.data.points[plane._order[index]]
    assert (kind, place) == ("stability", pytest.approx(tuple(point)))
    answer = make_stability(place, panel.frame.models)
    panel.mailbox.put(panel._generation, Update(replies=(Reply(1, answer),), resting=True), 10**6)
    tick(panel)
    words = panel.instruments["upper"].words.text()
    assert f"{place[0]:.3g}".replace("-", "−") in words
    for name in ("α", "σ", "ρ"):
        assert name in words
    columns = panel.instruments["upper"].plot.columns()
    np.testing.assert_array_equal(columns["node spectral abscissa of J"], answer.models[0].abscissa)
    np.testing.assert_array_equal(columns["anode spectral radius of the flow map"], answer.models[1].flow_radius)


def test_a_click_pins_a_point_until_another_place_is_clicked(panel: Any, said: list[str]) -> None:
    plane = panel.planes[NODE]
    index = int(np.linalg.norm(plane._now - plane._now.mean(axis=0), axis=1).argmax())
    place = at(panel, *plane._now[index])
    QTest.mouseClick(plane.viewport(), Qt.MouseButton.LeftButton, PLAIN, place)
    QTest.qWait(20)
    x, y = panel.frame.data.points[plane._order[index]].tolist()
    assert said == [f"classifier.inspect({(x, y)})"]
    assert panel.worker.questions == [("stability", (x, y))]
    assert panel.view.pinned == (x, y)
    hover(panel, plane.box.viewRange()[0][1], plane.box.viewRange()[1][1])
    assert len(plane._ring.data) == 1  # it stays when the pointer leaves
    corner = at(panel, plane.box.viewRange()[0][0] + 0.1, plane.box.viewRange()[1][0] + 0.1)
    QTest.mouseClick(plane.viewport(), Qt.MouseButton.LeftButton, PLAIN, corner)
    QTest.qWait(20)
    assert panel.view.pinned is None
    assert len(plane._ring.data) == 0


def test_in_the_plane_of_the_inputs_any_place_can_be_inspected(panel: Any, said: list[str]) -> None:
    change(panel, plane="input")
    plane = panel.planes[ANODE]
    np.testing.assert_allclose(plane._now, panel.frame.data.points[plane._order], atol=1e-6)
    assert plane.labels == ("x", "y")
    QTest.mouseClick(plane.viewport(), Qt.MouseButton.LeftButton, PLAIN, at(panel, 0.0, 0.75, ANODE))
    QTest.qWait(20)
    assert said[-1].startswith("classifier.inspect((")
    assert panel.worker.questions[-1][1] == pytest.approx((0.0, 0.75), abs=0.02)


def test_the_brush_paints_in_one_step_of_undo_and_one_line(panel: Any, said: list[str]) -> None:
    given = len(panel.frame.data.given)
    change(panel, n_points=given)
    said.clear()
    panel.toggle_brush()
    assert panel.params.plane == "input"
    assert panel.brush.isVisible()
    assert said == ["classifier.plane = 'input'"]
    tick(panel)
    QTest.mouseClick(panel.brush.buttons[1], Qt.MouseButton.LeftButton)
    drag(panel.planes[NODE], [at(panel, x, -0.9) for x in (-0.9, -0.5, 0.0, 0.4, 0.9)])
    points = panel.params.points
    new = len(points) - given
    assert new >= 30
    assert (points.labels[given:] == 1).all()
    assert points.X[given:, 0].min() < -0.8
    assert points.X[given:, 0].max() > 0.7
    assert np.abs(points.X[given:, 1] + 0.9).max() <= panel.brush.radius + 0.05
    assert [line.partition("(")[0] for line in said] == ["classifier.plane = 'input'", "classifier.paint"]
    drag(panel.planes[ANODE], [at(panel, x, -0.9, ANODE) for x in (0.9, 0.5)], SHIFT)
    assert given < len(panel.params.points) < len(points)
    assert said[-1].startswith("classifier.erase(")
    panel.session.undo_stack.undo()
    assert panel.params.points == points
    panel.session.undo_stack.undo()
    assert len(panel.params.points) == 0
    exec(said[1].replace("classifier.", "panel."), {"panel": panel})
    assert panel.params.points == points  # the line does the same again
    QTest.mouseClick(panel.brush_button, Qt.MouseButton.LeftButton)  # its command is the window's
    panel.toggle_brush()
    assert panel.params.plane == "state"
    assert not panel.brush.isVisible()


def test_a_click_of_the_brush_is_a_touch_and_new_begins_afresh(panel: Any, said: list[str]) -> None:
    panel.toggle_brush()
    tick(panel)
    panel.brush.afresh.setChecked(True)
    QTest.mouseClick(panel.planes[NODE].viewport(), Qt.MouseButton.LeftButton, PLAIN, at(panel, 0.5, 0.5))
    QTest.qWait(20)
    assert len(panel.params.points) == 3
    assert said[-1].endswith("alone=True)")
    assert not panel.brush.alone  # the strokes after the first one add to it
    panel.brush.buttons[2].setChecked(True)
    QTest.mouseClick(panel.planes[NODE].viewport(), Qt.MouseButton.LeftButton, PLAIN, at(panel, -0.5, 0.5))
    QTest.qWait(20)
    assert panel.params.points.labels.tolist() == [0, 0, 0, 2, 2, 2]
    assert panel.params.classes == 3
    big = panel.brush.reach
    big.setValue(big.maximum())
    panel.erase([(0.5, 0.5)], 0.6)
    with pytest.raises(ParamError, match="cannot be erased"):
        panel.erase([(-0.5, 0.5)], 0.6)
    send(panel.planes[NODE], QEvent.Type.MouseButtonPress, at(panel, -0.5, 0.5), SHIFT)
    send(panel.planes[NODE], QEvent.Type.MouseButtonRelease, at(panel, -0.5, 0.5), SHIFT)
    assert "cannot be erased" in panel.message.text.text()
    assert len(panel.params.points) == 3
    assert not panel.dragging()


def test_another_plane_puts_the_brush_away(panel: Any) -> None:
    panel.toggle_brush()
    assert all(plane.painting for plane in panel.planes)
    change(panel, plane="state")
    assert not panel.brush.isVisible()
    assert not any(plane.painting for plane in panel.planes)


def test_the_run_bar_drives_the_run(panel: Any, said: list[str]) -> None:
    bar, orders = panel.runbar, panel.worker.allowed
    left = Qt.MouseButton.LeftButton
    QTest.mouseClick(bar.train, left)
    panel._training = panel.running = True
    tick(panel)
    assert bar.train.text() == "Stop"
    QTest.mouseClick(bar.train, left)
    QTest.mouseClick(bar.step, left)
    assert orders == [np.inf, 0, 1]
    runs = len(panel.worker.runs)
    QTest.mouseClick(bar.reset, left)
    QTest.mouseClick(bar.seed, left)
    assert len(panel.worker.runs) == runs + 2
    tick(panel)
    assert bar.seed.text() == "Seed 1"
    assert said == [
        "classifier.train()",
        "classifier.stop()",
        "classifier.step(1)",
        "classifier.reset()",
        "classifier.seed = 1",
    ]
    assert all(button.accessibleName() for button in (bar.train, bar.step, bar.reset, bar.scratch, bar.seed))


def test_a_live_change_does_not_begin_anew(panel: Any, said: list[str]) -> None:
    runs = len(panel.worker.runs)
    slider = panel.form.rows["lr"].slider
    slider.setSliderDown(True)
    slider.setValue(slider.value() + 40)
    slider.setValue(slider.value() + 40)
    slider.setSliderDown(False)
    assert panel.params.lr > 1e-3
    assert len(said) == 1
    assert len(panel.worker.runs) == runs
    change(panel, hidden=16)
    assert len(panel.worker.runs) == runs + 1


def dropped_on(panel: Any, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    place, copy, left = QPointF(100, 200), Qt.DropAction.CopyAction, Qt.MouseButton.LeftButton
    enter = QDragEnterEvent(place.toPoint(), copy, data, left, PLAIN)
    panel.dragEnterEvent(enter)
    assert enter.isAccepted()
    panel.dropEvent(QDropEvent(place, copy, data, left, PLAIN))


def test_a_table_that_is_dropped_is_classified(panel: Any, said: list[str], tmp_path: Path) -> None:
    table = tmp_path / "points.csv"
    rows = [f"{np.cos(i)},{np.sin(i)},{'ab'[i % 2]}" for i in range(40)]
    table.write_text("x,y,label\n" + "\n".join(rows), "utf-8")
    dropped_on(panel, table)
    assert panel.params.csv == str(table)
    assert said == [f"classifier.open_points({str(table)!r})"]
    for name, text, words in (
        ("one-class.csv", "x,y,label\n" + "\n".join(f"{i},{i},a" for i in range(20)), "class"),
        ("empty.csv", "", "empty"),
        ("words.csv", "x,y,label\nfoo,bar,baz\nfoo,bar,baz\n", "words.csv"),
    ):
        (tmp_path / name).write_text(text, "utf-8")
        dropped_on(panel, tmp_path / name)
        assert panel.message.isVisible(), name
        assert words in panel.message.text.text().lower(), panel.message.text.text()
        assert panel.params.csv == str(table)
    dropped_on(panel, tmp_path / "gone.csv")
    assert "gone.csv" in panel.message.text.text()


def test_models_are_saved_and_opened_again(panel: Any, said: list[str], tmp_path: Path) -> None:
    real = [make_model(panel.params, name, 3) for name in panel.params.models]
    frame = make_frame()
    models = tuple(
        dataclasses.replace(view, spec_json=json.dumps(model.spec.to_json()), parameters=model.parameters)
        for view, model in zip(frame.models, real, strict=True)
    )
    show(panel, dataclasses.replace(frame, models=models))
    panel.save_models(str(tmp_path / "both"))
    assert said == [f"classifier.save({str(tmp_path / 'both')!r})"]
    panel.save_models(str(tmp_path / "one.json"), "anode")
    with pytest.raises(ParamError, match="not on show"):
        panel.save_models(str(tmp_path / "x.npz"), "resnet")
    dropped_on(panel, tmp_path / "both")
    assert panel.params.weights == str(tmp_path / "both")
    assert said[-1] == f"classifier.load({str(tmp_path / 'both')!r})"
    for name, kept in saved_models(panel.params).items():
        np.testing.assert_array_equal(
            kept.parameters, dict(zip(panel.params.models, real, strict=True))[name].parameters
        )
    dropped_on(panel, tmp_path / "one.json")
    assert panel.params.models == ("anode",)
    whole = (tmp_path / "both" / "node.npz").read_bytes()
    (tmp_path / "cut.npz").write_bytes(whole[: len(whole) // 2])
    dropped_on(panel, tmp_path / "cut.npz")
    assert "cut.npz" in panel.message.text.text()
    assert panel.params.models == ("anode",)


def test_points_are_set_from_python(panel: Any, said: list[str]) -> None:
    X = np.random.default_rng(0).normal(size=(30, 2)).round(3)
    y = np.arange(30) % 3
    panel.set_data(X, y)
    assert panel.params.classes == 3
    np.testing.assert_array_equal(panel.params.points.X, X)
    points = panel.params.points
    panel.session.undo_stack.undo()
    exec(said[0].replace("classifier.", "panel."), {"panel": panel})
    assert panel.params.points == points
    for bad in ((X[:5], y), ([[np.nan, 0.0]] * 3, [0, 1, 1]), (np.zeros((4, 3)), [0, 1, 0, 1]), ("abc", "de")):
        with pytest.raises(ParamError):
            panel.set_data(*bad)
    assert panel.params.points == points
    panel.set_data(np.random.default_rng(1).normal(size=(500, 2)), np.arange(500) % 2)
    assert said[-1] == "# classifier.set_data(X, y) with 500 points"


def test_the_augmented_states_are_turned_by_dragging_their_plot(panel: Any, said: list[str]) -> None:
    change(panel, upper="augmented")
    view = panel.instruments["upper"]
    before = view.seen.copy()
    middle = QPoint(view.plot.width() // 2, view.plot.height() // 2)
    drag(view.plot, [middle, middle + QPoint(25, 0), middle + QPoint(50, -20)])
    tick(panel)
    assert said[-1].startswith("classifier.turn('upper', ")
    turned = view.seen.copy()
    assert not np.allclose(turned, before, atol=0.05)
    double_click(view.plot, middle)
    tick(panel)
    np.testing.assert_allclose(view.seen, before, atol=1e-9)
    assert said[-1] == "classifier.face('upper')"
    exec(said[-2].replace("classifier.", "panel."), {"panel": panel})
    tick(panel)
    np.testing.assert_allclose(view.seen, turned, atol=1e-9)
    with pytest.raises(ParamError, match="neither a model nor a plot"):
        panel.turn("nodes", 1, 1)


def test_layers_come_and_go_with_their_switches(panel: Any) -> None:
    plane = panel.planes[NODE]

    def drawn() -> tuple[bool, ...]:
        curves = (plane._trails[0], plane._grid, plane._line)
        return (*(bool(c.xData is not None and len(c.xData)) for c in curves), not plane._ground._rect.isNull())

    panel.put_time(0.5)
    tick(panel)
    assert drawn() == (True, True, True, True)
    change(panel, show_trails=False, show_grid=False, show_readout=False, show_regions=False)
    assert drawn() == (False, False, False, False)
    assert len(plane._now) == len(panel.frame.data.points)
    change(panel, show_trails=True, show_regions=True, plane="input")
    assert drawn() == (False, False, False, True)


def test_the_last_model_cannot_be_unticked(panel: Any, said: list[str]) -> None:
    checks = panel.form.rows["models"].checks
    assert list(checks) == ["resnet", "node", "anode"]
    checks["resnet"].click()
    assert panel.params.models == ("resnet", "node", "anode")
    for name in ("resnet", "anode", "node"):
        checks[name].click()
    assert panel.params.models == ("node",)
    assert checks["node"].isChecked()
    assert "use 1 to 3" in panel.message.text.text()
    assert len(said) == 3


def test_one_to_three_models_have_planes_of_one_scale(panel: Any) -> None:
    for names in (("anode",), ("node", "anode"), ("resnet", "node", "anode")):
        change(panel, models=names)
        show(panel, make_frame(names))
        QTest.qWait(20)
        tick(panel)
        shown = [plane for plane in panel.planes if plane.isVisible()]
        assert len(shown) == len(names)
        sizes = [plane.box.viewPixelSize()[0] for plane in shown]
        np.testing.assert_allclose(sizes, sizes[0], rtol=0.02)
        ranges = [plane.box.viewRange() for plane in shown]
        np.testing.assert_allclose(ranges, [ranges[0]] * len(names), rtol=0.02, atol=0.02)


@pytest.mark.parametrize("width", [560, 780, 1400])
def test_titles_and_subtitles_fit_their_places(qtbot: Any, panel: Any, width: int) -> None:
    change(panel, models="resnet, node, anode")
    panel.resize(width, 460)
    show(panel, make_frame(("resnet", "node", "anode")))
    qtbot.wait(30)
    tick(panel)
    for plane in panel.planes:
        assert plane.title.geometry().right() <= plane.width()
    for instrument in panel.instruments.values():
        assert instrument.plot.width() >= 90
        assert instrument.plot.height() >= 60


def test_the_data_of_a_plane_can_be_copied(panel: Any) -> None:
    panel.put_time(1.0)
    tick(panel)
    panel.planes[NODE].copy_data()
    lines = QApplication.clipboard().text().splitlines()
    assert len(lines) == 1 + len(panel.frame.data.points)
    assert lines[0].split("\t" if "\t" in lines[0] else ",")[:3] == ["x", "y", "label"]
