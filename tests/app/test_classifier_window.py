"""The classifier panel in a real window, with its real worker: keys, shares, and lines that replay it exactly."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QApplication

from nodeviz.app.commands import ConsoleCommands
from nodeviz.experiments import classifier_measures
from nodeviz.experiments.base import flatten
from nodeviz.experiments.classifier_params import ClassifierParams
from nodeviz.experiments.params import declared

from .conftest import wait_idle
from .windows import opened

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Measure the error with a tenth of the fresh points, as many at a time as ever."""
    monkeypatch.setattr(classifier_measures, "FRESH", classifier_measures.PIECE)


@pytest.fixture
def lab(qtbot: Any, tmp_path: Path) -> Generator[Any, None, None]:
    """A window with the classifier alone, on weights that came with it, at rest."""
    with opened(qtbot, tmp_path / "first", "classifier", preset="circles") as made:
        wait_idle(qtbot, made)
        yield made


@pytest.fixture
def other(qtbot: Any, tmp_path: Path) -> Generator[Any, None, None]:
    with opened(qtbot, tmp_path / "second", "classifier", preset="circles") as made:
        wait_idle(qtbot, made)
        yield made


@pytest.fixture
def panel(lab: Any) -> Any:
    return lab.panels["classifier"]


@pytest.fixture
def said(lab: Any) -> list[str]:
    """The log of actions, as the console gets it."""
    lines: list[str] = []
    echo = lab.console.echo
    lab.console.echo = lambda line: (lines.append(line), echo(line))
    return lines


def test_keys_train_step_paint_and_change_the_plane(qtbot: Any, lab: Any, panel: Any, said: list[str]) -> None:
    plane = panel.planes[0]
    plane.setFocus()
    assert panel.runbar.train.text() == "Train"
    qtbot.keyClick(plane, Qt.Key.Key_Period)
    qtbot.waitUntil(lambda: panel.frame.step == 1, timeout=20_000)
    wait_idle(qtbot, lab)
    assert panel.frame.step == 1
    assert len(panel.history["node.loss"]) == 1
    qtbot.keyClick(plane, Qt.Key.Key_T)
    qtbot.waitUntil(lambda: panel.runbar.train.text() == "Stop")
    qtbot.waitUntil(lambda: panel.frame.step > 20, timeout=20_000)
    qtbot.keyClick(plane, Qt.Key.Key_T)
    qtbot.waitUntil(lambda: panel.runbar.train.text() == "Train")
    wait_idle(qtbot, lab)
    stopped = panel.frame.step
    assert len(panel.history["node.loss"]) == stopped  # no number is lost
    assert all(model.measured_step == stopped for model in panel.frame.models)
    qtbot.keyClick(plane, Qt.Key.Key_I)
    assert panel.params.plane == "input"
    qtbot.keyClick(plane, Qt.Key.Key_I)
    qtbot.keyClick(plane, Qt.Key.Key_B)
    assert panel.brush.isVisible()
    assert lab.commands.action("brush_classifier").isChecked()
    qtbot.mouseClick(panel.brush_button, LEFT)
    assert not panel.brush.isVisible()
    assert said[:3] == ["classifier.step(1)", "classifier.train()", "classifier.stop()"]
    assert said.count("commands.brush_classifier()") == 2
    wait_idle(qtbot, lab)


def test_scrubbing_and_training_go_on_together(qtbot: Any, lab: Any, panel: Any) -> None:
    lab.session.change("classifier", {"weights": "fresh", "steps": 5000})
    panel.train()
    qtbot.waitUntil(lambda: panel.frame.step > 10, timeout=20_000)
    before = panel.frame.step
    scrub = panel.playbar.scrub
    QTest.mousePress(scrub, LEFT, pos=QPoint(20, scrub.height() // 2))
    assert panel.wants_smooth()
    places = set()
    for k in range(60):
        QTest.mouseMove(scrub, QPoint(20 + 8 * k, scrub.height() // 2))
        qtbot.wait(16)  # QTest's own wait would not let the worker run
        places.add(round(float(panel.planes[0]._now[0, 0]), 6))
    QTest.mouseRelease(scrub, LEFT, pos=QPoint(500, scrub.height() // 2))
    assert panel.frame.step > before + 20
    assert len(places) > 20
    panel.stop()
    wait_idle(qtbot, lab)


def test_data_changed_in_mid_training_is_trained_on(qtbot: Any, lab: Any, panel: Any) -> None:
    lab.session.change("classifier", {"weights": "fresh", "steps": 4000, "n_points": 300})
    panel.train()
    qtbot.waitUntil(lambda: panel.frame.step > 10, timeout=20_000)
    for k in range(4):
        panel.paint(1, [(0.1 * k, 0.0)], 0.2)  # painted while it trains: the run goes on
        qtbot.wait(40)
    assert panel.running
    qtbot.waitUntil(lambda: panel.frame.data.painted, timeout=20_000)
    step = panel.frame.step
    assert step > 10
    lab.session.change("classifier", {"dataset": "moons"})  # in mid-step: a run of its own
    qtbot.waitUntil(lambda: not panel.frame.data.painted, timeout=20_000)
    panel.stop()
    wait_idle(qtbot, lab)
    assert panel.message.isHidden()
    assert np.isfinite(panel.frame.models[0].states).all()


def test_a_learning_rate_that_is_too_large_ends_in_a_sentence_and_finite_weights(
    qtbot: Any, lab: Any, panel: Any
) -> None:
    lab.session.change("classifier", {"weights": "fresh", "steps": 200, "n_points": 200, "lr": 1e6})
    wait_idle(qtbot, lab)
    assert any(model.diverged for model in panel.frame.models)
    for model in panel.frame.models:
        assert np.isfinite(model.parameters).all()
    words = panel.words.text()
    assert "lr" in words
    lab.session.change("classifier", {"lr": 1e-3})
    panel.reset()
    wait_idle(qtbot, lab)
    assert not any(model.diverged for model in panel.frame.models)


def test_tab_reaches_the_run_bar_the_planes_and_the_controls(qtbot: Any, lab: Any, panel: Any) -> None:
    panel.form.show_more(on=True)
    panel.planes[0].setFocus()
    reached = []
    for _ in range(200):
        widget = QApplication.focusWidget()
        if widget in reached:
            break
        reached.append(widget)
        qtbot.keyClick(widget, Qt.Key.Key_Tab)
    wanted = [
        *(panel.runbar.train, panel.runbar.step, panel.runbar.reset, panel.runbar.seed, panel.brush_button),
        *(panel.planes[0], panel.planes[1], panel.instruments["upper"].menu, panel.instruments["lower"].menu),
        *(panel.form.rows["dataset"].combo, panel.form.rows["models"].checks["resnet"], panel.form.rows["lr"].entry),
        *(panel.form.rows["csv"].entry, panel.form.rows["plane"].combo, panel.playbar.scrub),
    ]
    missing = [widget.accessibleName() or widget for widget in wanted if widget not in reached]
    assert not missing
    assert all(widget.accessibleName() or getattr(widget, "text", str)() for widget in wanted)
    assert lab.isVisible()


def test_plots_own_their_share_of_the_panel(qtbot: Any, lab: Any, panel: Any) -> None:
    lab.resize(1600, 1000)
    qtbot.wait(50)

    def share() -> float:
        plots = sum(plot.width() * plot.height() for plot in panel.plots if plot.isVisible())
        tables = sum(t.width() * t.height() for t in (i.table for i in panel.instruments.values()) if t.isVisible())
        return (plots + tables) / (panel.width() * (panel.height() + panel.header.height()))

    assert share() >= 0.55
    panel.fold(on=True)
    qtbot.waitUntil(lambda: share() >= 0.70)


class Hand:
    """A person at the classifier, who does things at random."""

    def __init__(self, qtbot: Any, window: Any, rng: np.random.Generator, folder: Path) -> None:
        self.qtbot, self.window, self.rng = qtbot, window, rng
        self.panel = window.panels["classifier"]
        self.table = folder / "drawn.csv"
        rows = [f"{x:.3f},{y:.3f},{label}" for x, y, label in zip(*rng.normal(size=(2, 60)), "abab" * 15, strict=True)]
        self.table.write_text("x,y,label\n" + "\n".join(rows), "utf-8")

    def settle(self) -> None:
        self.panel.session.end_drag()
        wait_idle(self.qtbot, self.window)

    def somewhere(self, plot: Any) -> QPoint:
        return QPoint(*(int(self.rng.integers(60, side - 60)) for side in (plot.width(), plot.height())))

    def drag(self, plot: Any, keys: Any = Qt.KeyboardModifier.NoModifier) -> None:
        viewport, start = plot.viewport(), self.somewhere(plot)
        end = start + QPoint(*self.rng.integers(-50, 50, 2).tolist())
        QTest.mousePress(viewport, LEFT, keys, start)
        for share in np.linspace(0, 1, 5)[1:]:
            QTest.mouseMove(viewport, start + (end - start) * float(share))
            QTest.qWait(12)
        QTest.mouseRelease(viewport, LEFT, keys, end)
        QTest.qWait(12)

    def drag_a_plane(self) -> None:
        shown = [plane for plane in self.panel.planes if plane.isVisible()]
        self.drag(shown[int(self.rng.integers(len(shown)))])
        self.qtbot.waitUntil(lambda: not self.panel._settled.isActive())  # the view says where it is when it rests

    def click_a_point(self) -> None:
        plane = self.panel.planes[0]
        x, y = plane._now[int(self.rng.integers(len(plane._now)))]
        place = plane.mapFromScene(plane.box.mapViewToScene(QPointF(x, y)))
        QTest.mouseClick(plane.viewport(), LEFT, pos=place)
        QTest.qWait(12)

    def paint(self) -> None:
        if self.panel.brush.isHidden():
            QTest.mouseClick(self.panel.brush_button, LEFT)
        self.panel.tick(time.perf_counter())
        label = int(self.rng.integers(-1, 3))
        self.panel.brush.buttons[label].setChecked(True)
        self.drag(self.panel.planes[0])

    def put_the_brush_away(self) -> None:
        if self.panel.brush.isVisible():
            QTest.mouseClick(self.panel.brush_button, LEFT)

    def slide(self) -> None:
        slider = self.panel.form.rows[str(self.rng.choice(["lr", "hidden", "n_points"]))].slider
        slider.setSliderDown(True)
        for step in range(1, 4):
            slider.setValue(slider.value() + step * int(self.rng.integers(-20, 20)))
        slider.setSliderDown(False)

    def type_a_number(self) -> None:
        entry = self.panel.form.rows["hidden"].entry
        entry.setFocus()
        entry.selectAll()
        QTest.keyClicks(entry, str(int(self.rng.integers(-3, 24))))  # some of them are refused
        QTest.keyClick(entry, Qt.Key.Key_Return)
        QTest.keyClick(entry, Qt.Key.Key_Escape)

    def choose_data(self) -> None:
        combo = self.panel.form.rows["dataset"].combo
        index = int(self.rng.integers(combo.count()))
        combo.setCurrentIndex(index)
        combo.activated.emit(index)

    def tick_a_model(self) -> None:
        checks = list(self.panel.form.rows["models"].checks.values())
        checks[int(self.rng.integers(len(checks)))].click()

    def tick_a_layer(self) -> None:
        name = str(self.rng.choice(["show_trails", "show_grid", "show_regions", "show_readout"]))
        self.panel.form.rows[name].check.click()

    def choose_an_instrument(self) -> None:
        menu = self.panel.instruments["lower"].menu
        kinds = [menu.itemData(i) for i in range(menu.count()) if menu.itemData(i) != "stability"]
        self.panel.instruments["lower"].chosen.emit(str(self.rng.choice(kinds)))

    def change_the_plane(self) -> None:
        QTest.keyClick(self.panel.planes[0], Qt.Key.Key_I)

    def open_a_table(self) -> None:
        self.panel.attempt(self.panel.open_file, str(self.table))

    def train_three_steps(self) -> None:
        self.settle()
        self.panel.step(3)
        self.settle()

    def another_seed(self) -> None:
        QTest.mouseClick(self.panel.runbar.seed, LEFT)

    def undo(self) -> None:
        self.window.commands.action("undo").trigger()

    def redo(self) -> None:
        self.window.commands.action("redo").trigger()

    def scrub(self) -> None:
        scrub = self.panel.playbar.scrub
        place = QPoint(int(self.rng.integers(10, scrub.width() - 10)), scrub.height() // 2)
        QTest.mouseClick(scrub, LEFT, pos=place)

    def actions(self) -> list[Callable[[], None]]:
        return [
            self.drag_a_plane, self.drag_a_plane, self.click_a_point, self.paint, self.paint, self.put_the_brush_away,
            self.slide, self.slide, self.type_a_number, self.choose_data, self.tick_a_model, self.tick_a_layer,
            self.choose_an_instrument, self.change_the_plane, self.open_a_table, self.train_three_steps,
            self.another_seed, self.undo, self.redo, self.scrub,
        ]  # fmt: skip


def same_frames(a: Any, b: Any) -> None:
    left, right = dict(flatten(a)), dict(flatten(b))
    assert left.keys() == right.keys()
    for name, value in left.items():
        # The time it took; and where the pointer was, about which no line is said.
        if not name.endswith("seconds_per_step") and not name.startswith("stability"):
            np.testing.assert_array_equal(np.asarray(value), np.asarray(right[name]), err_msg=name)


@pytest.mark.parametrize("seed", range(3))
def test_the_lines_of_what_was_done_replay_it_exactly(
    qtbot: Any, lab: Any, other: Any, said: list[str], tmp_path: Path, seed: int
) -> None:
    lab.session.change("classifier", {"weights": "fresh", "n_points": 200, "steps": 12, "hidden": 12})
    rng = np.random.default_rng(seed)
    hand = Hand(qtbot, lab, rng, tmp_path)
    deck = hand.actions()
    for index in rng.permutation(len(deck)):
        deck[index]()
    hand.settle()
    assert len(said) > 10
    names = {**other.facades, "commands": ConsoleCommands(other.commands), "np": np}
    for line in said:
        if ".step(" in line:
            wait_idle(qtbot, other)
        exec(line, names)
        if ".step(" in line:
            wait_idle(qtbot, other)
    wait_idle(qtbot, other)
    log = "\n".join(said)
    done, replayed = (each.session.state("classifier") for each in (lab, other))
    differences = {
        name: (getattr(done.params, name), getattr(replayed.params, name))
        for name in declared(ClassifierParams)
        if getattr(done.params, name) != getattr(replayed.params, name)
    }
    assert differences == {}, log
    assert replayed == done
    here, there = (each.panels["classifier"] for each in (lab, other))
    same_frames(there.frame, here.frame)
    assert there.playbar.fraction == pytest.approx(here.playbar.fraction, abs=1e-4), log
    assert there.view.pinned == here.view.pinned
    for model in here.frame.models:
        np.testing.assert_allclose(there.view.camera(model).axes, here.view.camera(model).axes, atol=1e-6)
    if here.view.held:
        np.testing.assert_allclose(there.planes[0].box.viewRange(), here.planes[0].box.viewRange(), atol=0.02)
    assert other.session.undo_stack.count() == lab.session.undo_stack.count()
