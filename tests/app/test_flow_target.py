"""The flow panel's targets and weights: painted, given, dropped, typed, saved and loaded again."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QImage

from nodeviz.experiments.flow_data import make_data
from nodeviz.experiments.params import ParamError

from .flow_panels import a_panel, asked, drag, dropped_on, lines_of
from .flow_scene import CENTRES

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path


@pytest.fixture
def panel(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Generator[Any, None, None]:
    yield from a_panel(qtbot, monkeypatch)


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


def test_who_paints_sees_the_target_at_the_time_where_it_is(panel: Any) -> None:
    panel.put_time(0.3)
    points = panel.planes[0]._target
    assert not len(points._points)
    panel.toggle_brush()
    assert panel.playbar.fraction == 1.0
    np.testing.assert_array_equal(points._points, panel.frame.target.points)
    assert not panel.params.show_target
    panel.toggle_brush()
    assert not len(points._points)


def test_a_first_small_stroke_stays_where_it_was_painted(panel: Any) -> None:
    panel.toggle_brush()
    drag(panel, [(2.0, 1.0), (2.1, 1.0)])
    params = panel.params
    assert np.abs(params.points.X - [2.0, 1.0]).max() < 0.5
    view = make_data(params, 0).view
    np.testing.assert_array_equal(view.given, params.points.X)
    assert (view.centre.tolist(), view.scale.tolist()) == ([0.0, 0.0], [1.0, 1.0])
    # The same points given as numbers are in units of their own, and are brought to the plane's.
    panel.set_data(params.points.X)
    assert np.abs(make_data(panel.params, 0).view.given).max() == pytest.approx(4.0)
    panel.session.undo_stack.undo()
    assert panel.params == params


def test_points_can_be_given_and_bad_ones_are_refused_in_a_sentence(panel: Any) -> None:
    said = lines_of(panel)
    X = CENTRES.repeat(3, axis=0) + 0.1
    panel.set_data(X)
    assert pytest.approx(X) == panel.params.points.X
    assert said == [f"flow.set_data({X.tolist()})"]
    for bad in (X[:2], [[np.nan, 1.0]] * 20, np.zeros((20, 3)), "abc", 3.0):
        with pytest.raises(ParamError):
            panel.set_data(bad)


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


def test_a_word_that_is_typed_becomes_the_target(qtbot: Any, panel: Any) -> None:
    worker = asked(panel)
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
