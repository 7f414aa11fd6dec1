"""The classifier's planes under the hand: real mouse events that turn, move, point and pin."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from nodeviz.experiments.base import Reply, Update
from nodeviz.experiments.params import ParamError

from .classifier_panels import ANODE, NODE, at, change, hover, lines_of, show, shown, tick
from .classifier_scene import make_frame, make_stability
from .hand import PLAIN, double_click, drag, turn_wheel

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture
def panel(qtbot: Any) -> Generator[Any, None, None]:
    yield from shown(qtbot)


@pytest.fixture
def said(panel: Any) -> list[str]:
    return lines_of(panel)


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


def test_dragging_a_plane_moves_the_view_of_all(qtbot: Any, panel: Any, said: list[str]) -> None:
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
    qtbot.waitUntil(lambda: not panel._settled.isActive())
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
