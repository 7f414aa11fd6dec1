"""The latent panel with its real experiment on a real thread: clicks are answered, refined, replayed, none is lost."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtTest import QTest

from nodeviz.app import session as session_module
from nodeviz.app.application import make_application
from nodeviz.app.clock import Clock
from nodeviz.app.panels import base as panel_base
from nodeviz.app.panels.latent import LatentPanel
from nodeviz.app.session import Session, State
from nodeviz.app.theme import DARK
from nodeviz.app.worker import Worker
from nodeviz.experiments.latent import LATENT
from nodeviz.experiments.latent_params import LatentParams
from nodeviz.problems.series import no_series

from .latent_panels import at, lines_of
from .latent_scene import EIGHT

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from pathlib import Path

LEFT, SHIFT, NONE = Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ShiftModifier, Qt.KeyboardModifier.NoModifier
SMALL = {"weights": "fresh", "steps": 1, "latent": 4, "hidden": 8, "dynamics": 8, "samples": 16, "refine_steps": 4}


@pytest.fixture
def make(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Generator[Callable[..., Any], None, None]:
    """Return what makes panels with a worker and a clock each, at rest on eight points."""
    make_application()
    for module in (panel_base, session_module):
        monkeypatch.setattr(module, "REGISTRY", {"latent": dataclasses.replace(LATENT, first_preset="")})
    made: list[tuple[Any, Worker, Clock]] = []

    def one(**changes: Any) -> Any:
        session, worker, clock = Session(), Worker(), Clock()
        session.put_state("latent", State(LatentParams(**(SMALL | {"points": EIGHT} | changes))))
        panel = LatentPanel(session, worker)
        panel.set_theme(DARK)
        panel.resize(900, 560)
        qtbot.addWidget(panel)
        made.append((panel, worker, clock))
        clock.add(panel)
        worker.start()
        clock.start()
        panel.show()
        qtbot.waitExposed(panel)
        panel.start()
        panel.stop()  # it has nothing to learn
        rest(qtbot, panel)
        return panel

    yield one
    for panel, worker, clock in made:
        clock.stop()
        assert worker.close(5.0) == ""
        panel.close()


def rest(qtbot: Any, panel: Any) -> None:
    qtbot.waitUntil(lambda: panel.frame is not None and not panel.busy, timeout=30_000)
    assert panel.message.isHidden(), panel.message.text.text()


def click(panel: Any, x: float, y: float, keys: Any = NONE) -> None:
    plot = panel.view.channels[0]
    QTest.mouseClick(plot.viewport(), LEFT, keys, at(plot, x, y))


def test_clicks_are_answered_and_then_refined(qtbot: Any, make: Any) -> None:
    panel = make()
    assert panel.frame.answer.stage == "refined"
    stages: list[tuple[int, str]] = []
    take = panel._take
    panel._take = lambda frame: (stages.append((len(frame.series.t), frame.answer.stage)), take(frame))
    click(panel, 0.7, -0.9)
    qtbot.waitUntil(lambda: len(panel.times.drawn) == 1, timeout=5_000)
    rest(qtbot, panel)
    assert {count for count, _ in stages} == {9}
    assert stages[-1] == (9, "refined")  # where refining takes no longer than a tick, nobody sees the first answer
    assert "9 observations" in panel.words.text()
    click(panel, 0.7, -0.9, SHIFT)
    rest(qtbot, panel)
    assert len(panel.frame.series.t) == 8


def test_no_edit_of_a_flood_is_lost(qtbot: Any, make: Any) -> None:
    panel = make()
    rng = np.random.default_rng(0)
    for _ in range(25):
        click(panel, float(rng.uniform(0.02, 0.98)), float(rng.uniform(1.0, 1.5)))
        QTest.qWait(10)
    qtbot.waitUntil(lambda: not panel.times.waiting, timeout=10_000)
    rest(qtbot, panel)
    assert len(panel.times.drawn) == len(panel.params.points) - 8 >= 20
    assert np.array_equal(panel.frame.series.t, panel.params.points.t)


def test_the_log_of_a_hand_replays_to_the_same_curve(qtbot: Any, make: Any) -> None:
    panel, other = make(), make()
    said = lines_of(panel)
    click(panel, 0.7, -0.9)
    click(panel, 0.3, 0.4, SHIFT)
    plot = panel.view.channels[0]
    QTest.mousePress(plot.viewport(), LEFT, pos=at(plot, float(EIGHT.t[0]), float(EIGHT.y[0, 0])))
    for x in (0.12, 0.15):
        QTest.qWait(15)
        QTest.mouseMove(plot.viewport(), at(plot, x, -0.2))
    QTest.mouseRelease(plot.viewport(), LEFT, pos=at(plot, 0.15, -0.2))
    panel.clear()
    panel.random(9, 5)
    click(panel, 0.5, 1.4)
    rest(qtbot, panel)
    facade = type("Facade", (), {name: staticmethod(getattr(other, of)) for name, of in other.verbs.items()})
    for line in said:
        exec(line, {"latent": facade})
    rest(qtbot, other)
    assert other.params.points == panel.params.points
    np.testing.assert_array_equal(other.frame.answer.mean, panel.frame.answer.mean)


@pytest.mark.parametrize("data", ["family", "spirals", "nile"])
def test_the_first_edit_of_data_keeps_what_is_shown(qtbot: Any, make: Any, data: str) -> None:
    panel = make(data=data, points=no_series())
    before = panel.frame.series
    t = float(before.t[0] + before.t[-1]) / 2
    panel.add_point(t, [float(value) for value in before.y[0]])
    rest(qtbot, panel)
    after = panel.frame.series
    assert len(after.t) == len(before.t) + 1
    assert set(before.t) <= set(after.t)


def test_a_click_on_real_data_leaves_what_follows_the_span_held_out(qtbot: Any, make: Any) -> None:
    panel = make(data="co2", span="1958.2,1961", points=no_series())
    before = panel.frame.series
    assert before.held.sum() > 50
    click(panel, 1959.0, 313.0)
    rest(qtbot, panel)
    after = panel.frame.series
    assert len(after.t) == len(before.t) + 1
    assert (after.used.sum(), after.held.sum()) == (before.used.sum() + 1, before.held.sum())
    assert (after.t[after.held] > 1961).all()
    assert f"{after.used.sum()} of {len(after.t)} observations" in panel.own_title()
    np.testing.assert_allclose(after.window, before.window)
    assert panel.frame.errors
    click(panel, 1959.0, 313.0, SHIFT)
    rest(qtbot, panel)
    np.testing.assert_array_equal(panel.frame.series.held, before.held)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"thin": 0.02}, "Points used is 0.02"),
        ({"holdout": "last", "holdout_share": 0.9}, "as Hold out has it (the last part)"),
        ({"data": "co2", "span": "1958.2,1961", "points": no_series()}, "comes after the times of Between"),
    ],
)
def test_a_click_that_changes_no_curve_says_why(qtbot: Any, make: Any, changes: dict[str, Any], words: str) -> None:
    panel = make(refine=False, **changes)
    series = panel.frame.series
    click(panel, float(series.t[-1]) - 1e-3, float(np.mean(series.view[2:])))
    qtbot.waitUntil(lambda: words in panel.message.text.text(), timeout=5_000)
    assert panel.message.isVisible()
    panel.session.undo_stack.undo()
    assert panel.message.isHidden()
    if "thin" in changes:
        panel.session.change("latent", {"thin": 1.0})
        click(panel, 0.5, 1.2)
        rest(qtbot, panel)  # of one that is used nothing is said


def test_a_coordinate_moved_by_hand_moves_the_curve(qtbot: Any, make: Any) -> None:
    panel = make()
    panel.session.change("latent", {"nudge_of": 2, "nudge": 1.5})
    qtbot.waitUntil(lambda: len(panel.frame.answer.nudged) > 0, timeout=5_000)
    assert not np.allclose(panel.frame.answer.nudged, panel.frame.answer.mean)
    assert panel.frame.inside.nudge[1] == pytest.approx(1.5)


def test_a_drag_is_answered_before_it_ends(qtbot: Any, make: Any) -> None:
    panel = make()
    plot = panel.view.channels[0]
    start = at(plot, float(EIGHT.t[3]), float(EIGHT.y[3, 0]))
    QTest.mousePress(plot.viewport(), LEFT, pos=start)
    for y in (0.7, 0.75, 0.8):  # as a hand does it: the scene leaves out moves that follow each other too closely
        QTest.qWait(15)
        QTest.mouseMove(plot.viewport(), at(plot, 0.4, y))
    qtbot.waitUntil(lambda: float(panel.frame.series.y.max()) > 0.75 and len(panel.times.drawn) > 0, timeout=5_000)
    assert panel.view.dragging
    QTest.mouseRelease(plot.viewport(), LEFT, pos=at(plot, 0.4, 0.8))
    rest(qtbot, panel)


def test_the_window_closes_while_it_refines(qtbot: Any, make: Any) -> None:
    panel = make(refine_steps=10_000)
    click(panel, 0.5, 1.2)
    qtbot.waitUntil(lambda: len(panel.times.drawn) == 1, timeout=5_000)
    began = time.perf_counter()
    panel.hide()
    assert panel.worker.close(5.0) == ""
    assert time.perf_counter() - began < 1.0


def test_a_model_is_saved_and_answers_alike_when_it_is_opened(qtbot: Any, make: Any, tmp_path: Path) -> None:
    panel = make(refine=False)
    said = lines_of(panel)
    panel.save_model(str(tmp_path / "mine.npz"))
    before = panel.frame.answer.mean
    panel.message.hide()
    panel.open_file(str(tmp_path / "mine.npz"))
    rest(qtbot, panel)
    assert [line.partition("(")[0] for line in said] == ["latent.save", "latent.load"]
    assert panel.frame.model.weights == str(tmp_path / "mine.npz")
    np.testing.assert_allclose(panel.frame.answer.mean, before, atol=0.3)  # with other samples
    click(panel, 0.5, 1.2)
    rest(qtbot, panel)
    assert len(panel.frame.series.t) == 9


def test_training_shows_its_answer_meanwhile_and_its_numbers(qtbot: Any, make: Any) -> None:
    panel = make(batch=8, components=0)
    panel.session.change("latent", {"steps": 20, "upper": "loss", "lower": "tests"})
    qtbot.waitUntil(lambda: panel.frame.model.steps == 20 and panel.frame.model.step == 20, timeout=60_000)
    rest(qtbot, panel)
    assert len(panel.history["loss"]) == len(panel.history["step"]) > 0
    assert panel.history["step"][-1] == 20
    assert "at step 20" in panel.instruments["upper"].words.text()
    assert len(panel.instruments["lower"].layers[0].curve.xData) == len(panel.history["test_step"])
    assert "20 steps" in panel.own_title()
