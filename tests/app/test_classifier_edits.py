"""What a hand changes in the classifier: strokes of its brush, its run bar, files dropped on it, models and data."""

from __future__ import annotations

import dataclasses
import json
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QEvent, Qt
from PySide6.QtTest import QTest

from nodeviz.experiments.classifier_models import make_model, saved_models
from nodeviz.experiments.params import ParamError

from .classifier_panels import ANODE, NODE, at, change, lines_of, show, shown, tick
from .classifier_scene import make_frame
from .hand import PLAIN, SHIFT, drag, dropped_on, send

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@pytest.fixture
def panel(qtbot: Any) -> Generator[Any, None, None]:
    yield from shown(qtbot)


@pytest.fixture
def said(panel: Any) -> list[str]:
    return lines_of(panel)


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
