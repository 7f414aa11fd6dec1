"""What the classifier panel draws and says: every instrument for any models, frames of models that diverged."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QSize

from nodeviz.app.brush import PER_STAMP
from nodeviz.app.panels.classifier_captions import probe_place, right_as_shown, whole_percent
from nodeviz.app.render import render_widget
from nodeviz.experiments.classifier_params import INSTRUMENTS

from .classifier_panels import change, make_panel, show, shown
from .classifier_scene import make_frame, make_history

if TYPE_CHECKING:
    from collections.abc import Generator
    from pathlib import Path

    from PySide6.QtGui import QImage

MODELS = (("node",), ("node", "anode"), ("resnet", "node", "anode"))
SIZE = QSize(1100, 760)


@pytest.fixture
def panel(qtbot: Any) -> Generator[Any, None, None]:
    yield from shown(qtbot)


def spoilt(frame: Any, value: float, first: int = 0) -> Any:
    """Return a frame of models that diverged: all numbers from depth ``first`` on are ``value``."""
    models = []
    for model in frame.models:
        fields: dict[str, Any] = {}
        for field in dataclasses.fields(model):
            old = getattr(model, field.name)
            if field.name in {"t", "probe_t", "axes", "readout_weights", "readout_bias", "depth_rtol", "centre"}:
                continue
            share = any(word in field.name for word in ("accuracy", "error", "regions"))
            put = np.nan if share else value  # a share is never large
            if isinstance(old, float):
                fields[field.name] = put
            elif isinstance(old, np.ndarray) and old.dtype.kind == "f":
                fields[field.name] = new = old.copy()
                new[first if field.name in {"states", "grid"} else 0 :] = put
        models.append(dataclasses.replace(model, **fields))
    ways = tuple(
        dataclasses.replace(
            one, **{name: np.full_like(one.t, value) for name in ("abscissa", "symmetric", "flow_radius")}
        )
        for one in frame.stability.models
    )
    return dataclasses.replace(frame, models=tuple(models), stability=dataclasses.replace(frame.stability, models=ways))


def on_screen(panel: Any) -> QImage:
    return panel.screen().grabWindow(panel.winId()).toImage()


def picture(panel: Any) -> QImage:
    return render_widget(panel, SIZE)


@pytest.mark.parametrize("kind", INSTRUMENTS)
@pytest.mark.parametrize("models", MODELS, ids=len)
def test_every_instrument_draws_and_speaks_with_any_models(qtbot: Any, kind: str, models: tuple[str, ...]) -> None:
    panel = make_panel(qtbot, models=models, upper=kind)
    show(panel, make_frame(models), make_history(models))
    assert panel.instruments["upper"].kind == kind
    assert panel.instruments["upper"].words.text()
    assert panel.instruments["upper"].plot.columns()
    picture(panel)
    panel.close()


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e38])
@pytest.mark.parametrize("first", [0, 5], ids=["everywhere", "from-some-depth"])
def test_numbers_beyond_all_bounds_are_left_out(qtbot: Any, value: float, first: int) -> None:
    names = ("resnet", "node", "anode")
    panel = make_panel(qtbot, models=names)
    history = {name: [value] * len(numbers) for name, numbers in make_history(names).items()}
    show(panel, spoilt(make_frame(names), value, first), history)
    for share in (0.0, 0.4, 1.0):
        panel.playbar.put(share)
        panel.tick(time.perf_counter())
    for kind in INSTRUMENTS:
        change(panel, upper=kind)
        picture(panel)
    change(panel, plane="input")
    picture(panel)
    panel.close()


def test_nothing_stays_behind_where_the_cursor_was(qtbot: Any, panel: Any) -> None:
    names = ("resnet", "node", "anode")
    change(panel, models=names)
    show(panel, make_frame(names))
    for share in (1.0, 0.1, 0.9, 0.0, 0.7, 0.3):
        panel.playbar.put(share)
        panel.tick(time.perf_counter())
        qtbot.wait(20)  # painted on screen as it comes
    painted = on_screen(panel)
    for plane in panel.planes:
        plane.viewport().update()
    qtbot.wait(20)
    assert painted == on_screen(panel)


def test_all_points_are_in_view_at_the_cursor(panel: Any) -> None:
    for share in (0.0, 0.5, 1.0):
        panel.playbar.put(share)
        panel.tick(time.perf_counter())
        for plane in panel.planes[:2]:
            (x0, x1), (y0, y1) = plane.box.viewRange()
            x, y = plane._now.T
            assert x0 <= x.min() <= x.max() <= x1
            assert y0 <= y.min() <= y.max() <= y1


def test_what_is_shown_with_another_solver_is_not_told_by_the_measures_of_training(panel: Any) -> None:
    change(panel, depth_solver="euler", depth_steps=3)
    frame = make_frame()
    models = [dataclasses.replace(model, depth_method="euler", depth_steps=3) for model in frame.models]
    wrong = models[0].states.copy()
    wrong[-1] = wrong[-1, :1]  # all points where the first one is: one class is right
    models[0] = dataclasses.replace(models[0], states=wrong)
    show(panel, dataclasses.replace(frame, models=tuple(models)))
    words = panel.words.text()
    assert "As trained: fresh points wrong" in words
    assert "Shown with Euler, 3 steps: " in words
    shares = [right_as_shown(model, frame.data) for model in models]
    assert shares[0] in {np.mean(frame.data.labels == label) for label in (0, 1)}
    for share in shares:
        assert f"</span> {whole_percent(share)} right" in words
    change(panel, plane="input")
    assert panel.planes[0].title.text().endswith(f"{whole_percent(shares[0])} right")
    change(panel, upper="measures")
    assert "shown with Euler, 3 steps" in panel.instruments["upper"].words.text()
    change(panel, depth_solver="trained")
    show(panel)
    assert "Shown with" not in panel.words.text()


def test_measures_of_an_earlier_step_say_of_which(panel: Any) -> None:
    change(panel, weights="fresh", steps=3000)
    frame = make_frame()
    show(panel, dataclasses.replace(frame, step=1200, steps=3000), make_history(steps=1200))
    assert "At step 940: fresh points wrong" in panel.words.text()
    for kind, said in (
        ("solver-accuracy", "curves of step 940"),
        ("nfe-map", "at step 940: "),
        ("nfe-histogram", "at step 940: "),
        ("nfe-training", "at step 1151: "),
        ("measures", "at step 940"),
    ):
        change(panel, upper=kind)
        assert said in panel.instruments["upper"].words.text(), kind


def test_weights_that_came_from_elsewhere_are_called_so(panel: Any) -> None:
    change(panel, weights="shipped")
    frame = make_frame()
    show(panel, dataclasses.replace(frame, step=0))
    assert panel.own_title().endswith("shipped weights")
    assert "shipped weights: " in panel.instruments["lower"].words.text()
    assert [item.toPlainText() for item in panel.instruments["lower"]._texts] == ["press Train to see it fall"]
    show(panel, dataclasses.replace(frame, step=12))
    assert panel.own_title().endswith("shipped weights + 12 steps")


def test_the_dot_of_the_linear_accuracy_lies_on_its_curve() -> None:
    node, resnet = make_frame(("node", "resnet")).models
    sparse = dataclasses.replace(node, probe_t=np.array([0.0, 0.4, 1.0]), probe_accuracy=np.array([0.5, 0.7, 1.0]))
    assert probe_place(sparse, 0.2) == pytest.approx((0.2, 0.6))
    place, value = probe_place(resnet, 0.47)
    assert (place, value) == (pytest.approx(0.4), resnet.probe_accuracy[4])


def test_the_table_of_measures_has_a_column_for_each_model_and_does_not_scroll_sideways(qtbot: Any) -> None:
    names = ("resnet", "node", "anode")
    panel = make_panel(qtbot, models=names, upper="measures")
    show(panel, make_frame(names))
    table = panel.instruments["upper"].table
    assert [table.item(0, c).text() for c in range(4)] == ["", "ResNet", "ODE", "augmented"]
    rows = {table.item(r, 0).text(): [table.item(r, c).text() for c in range(1, 4)] for r in range(table.rowCount())}
    assert rows["fresh error"] == ["14.0 %", "14.0 %", "3.0 %"]
    assert rows["parameters"] == ["1,221", "1,221", "1,222"]
    assert rows["stretch"] == ["3.1", "31.0", "3.1"]
    assert len(rows) == table.rowCount() == 14
    qtbot.wait(20)
    assert table.horizontalScrollBar().maximum() == 0
    panel.close()


def test_rows_without_effect_are_greyed_and_keep_their_tooltips(panel: Any) -> None:
    def idle() -> set[str]:
        return {name for name, row in panel.form.rows.items() if not row.isEnabled()}

    assert idle() == {"momentum", "blocks", "residual", "shared", "rtol", "depth_steps", "depth_rtol"}
    assert all(panel.form.rows[name].toolTip() for name in idle())
    change(panel, optimizer="sgd", solver="dopri5", models="resnet, node", depth_solver="rk4", plane="input")
    assert idle() == {"augment", "readout", "n_steps", "depth_rtol", "show_trails", "show_grid", "show_readout"}
    change(panel, models="resnet", plane="state", depth_solver="dopri5")
    solving = {"solver", "n_steps", "rtol", "gradient", "depth_solver", "depth_steps", "depth_rtol"}
    assert idle() == {"augment", "readout", *solving}


def test_points_that_stand_in_for_the_data_set_are_called_so(panel: Any, tmp_path: Path) -> None:
    combo = panel.form.rows["dataset"].combo
    assert combo.currentText() == "Disc and annulus"
    panel.paint(0, [(0.5, 0.5)])
    assert (combo.currentText(), combo.placeholderText()) == ("", "Your points")
    assert panel.own_title().startswith("your points · ")
    assert not panel.form.rows["noise"].isEnabled()
    combo.activated.emit(combo.findData("disc-annulus"))  # the one that was in force before
    assert combo.currentText() == "Disc and annulus"
    assert not len(panel.params.points)
    table = tmp_path / "two moons.csv"
    table.write_text("x,y,label\n" + "".join(f"{i},{i % 7},{i % 2}\n" for i in range(40)), "utf-8")
    panel.open_points(str(table))
    assert combo.placeholderText() == "two moons.csv"
    assert panel.own_title().startswith("two moons.csv · ")
    assert panel.form.rows["csv"].entry.placeholderText() == "path of a CSV"


def test_from_weights_that_came_with_a_preset_there_is_a_way_to_begin_from_nothing(panel: Any) -> None:
    assert panel.runbar.scratch.isHidden()
    assert "train it again from its first step" in panel.runbar.reset.toolTip()
    change(panel, weights="shipped")
    assert not panel.runbar.scratch.isHidden()
    assert "take back the weights that came with it" in panel.runbar.reset.toolTip()
    said: list[str] = []
    panel.session.echoed.connect(said.append)
    panel.runbar.scratch.click()
    assert panel.worker.runs[-1].weights == "fresh"
    assert said == ["classifier.weights = 'fresh'"]
    panel.tick(time.perf_counter())
    assert panel.runbar.scratch.isHidden()
    menu = {command.id: command.menu for command in panel.own_commands()}
    for name in ("train", "step", "reset", "scratch", "seed"):
        assert menu[f"{name}_classifier"] == "Panels/Depth classifier"


def test_the_lines_of_edits_and_turns_carry_every_digit(panel: Any) -> None:
    said: list[str] = []
    panel.session.echoed.connect(said.append)
    reach = 0.1234567890123
    panel.paint(0, [(0.1, 0.2)], reach)
    panel.erase([(5.0, 5.0)], reach)
    panel.turn("anode", 12.3456789, -0.1)
    assert said[0] == f"classifier.paint(0, [[0.1, 0.2]], {reach!r}, {PER_STAMP})"
    assert said[-1] == "classifier.turn('anode', 12.3456789, -0.1)"
    panel.erase([(0.1, 0.2)], np.float64(reach))
    assert said[-1] == f"classifier.erase([[0.1, 0.2]], {reach!r})"


def test_while_training_planes_and_words_take_turns(panel: Any) -> None:
    show(panel)
    said, plots = panel.words.text(), [panel.planes[0], panel.planes[1]]
    panel.running = panel._training = panel.runbar.training = True
    models = [dataclasses.replace(model, states=0.9 * model.states, probe_accuracy=0.5 * model.probe_accuracy)
              for model in panel.frame.models]  # fmt: skip
    panel.frame, panel._dirty = dataclasses.replace(panel.frame, models=tuple(models)), True
    now, ends = time.perf_counter(), [plot._now for plot in plots]
    drawn = []
    for tick in range(3):
        assert panel.busy
        panel.tick(now + 0.001 * tick)
        drawn.append([plot._now is not end for plot, end in zip(plots, ends, strict=True)])
    assert drawn == [[True, False], [True, True], [True, True]]
    assert panel.words.text() == said
    panel.tick(now + 1.0)
    assert panel.words.text() != said
    assert not panel._dirty


def test_other_points_are_drawn_in_all_planes_at_once(panel: Any) -> None:
    show(panel)
    panel.running = panel._training = panel.runbar.training = True
    frame = panel.frame
    panel.frame, panel._dirty = dataclasses.replace(frame, data=dataclasses.replace(frame.data)), True
    panel.tick(time.perf_counter())
    assert not panel._dirty
