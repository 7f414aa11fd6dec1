"""What the latent panel shows of its model, says in words, and does with files: on frames of a closed form."""

from __future__ import annotations

import dataclasses
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QGuiApplication
from PySide6.QtTest import QTest
from PySide6.QtWidgets import QAbstractButton, QAbstractSlider, QComboBox, QLineEdit, QScrollBar

from nodeviz.app.panels.latent_points import Shown, much_changed
from nodeviz.app.panels.latent_rows import idle_rows
from nodeviz.app.theme import DARK, LIGHT, answer_style
from nodeviz.experiments.latent_params import DATA_TITLES, INSTRUMENTS, LatentParams
from nodeviz.experiments.params import declared
from nodeviz.problems.series import Series, no_series

from .latent_panels import (
    STILL,
    at,
    change,
    drawn,
    fixture_panel,
    fixture_shared,
    lines_of,
    main,
    opened_panel,
    show,
)
from .latent_scene import EIGHT, LATENT, make_frame, make_model, make_spiral, nothing, spiral

if TYPE_CHECKING:
    from pathlib import Path

LEFT = Qt.MouseButton.LeftButton
BOTH = ("gp", "rnn")
FIXTURES = fixture_shared, fixture_panel  # which pytest finds by these names


def test_every_instrument_draws_says_and_gives_its_numbers(panel: Any) -> None:
    panel.history = {"step": [10.0, 20.0, 30.0], "loss": [3.0, 2.0, 1.5]}  # type: ignore[assignment]
    tested = {"test_step": [15.0, 30.0], "test_mse_interpolation": [0.2, 0.1], "test_mse_extrapolation": [2.0, 0.9]}
    panel.history |= tested
    model = make_model(step=30, steps=100, loss=1.5, kl_weight=0.4, test_mse_interpolation=0.1)
    frames = (
        make_frame(baselines=BOTH, errors=("latent", *BOTH), draws=40, nudge=0.5, model=model),
        make_frame(draws=40),
        make_frame(step=0),
        nothing(make_frame(no_series())),
        make_frame(make_spiral(), names=("x", "y")),
    )
    for frame in frames:
        show(panel, frame)
        for kind in INSTRUMENTS:
            change(panel, upper=kind)
            panel.redraw()
            instrument = panel.instruments["upper"]
            assert instrument.kind == kind
            assert instrument.words.text(), kind
            if frame is frames[0]:
                assert len(instrument.plot.columns()) > 1, kind
        assert panel.message.isHidden(), panel.message.text.text()


def test_the_hidden_state_is_smooth_between_observations_and_jumps_at_each(panel: Any) -> None:
    change(panel, upper="hidden")
    instrument = panel.instruments["upper"]
    inside = panel.frame.inside
    x, _ = instrument.pale.getData()
    assert np.isnan(x).sum() == len(inside.hidden)
    marked, _ = instrument.layers[0].steps.getData()
    assert sorted(marked) == pytest.approx(EIGHT.t)
    assert "8 jumps" in instrument.words.text()
    panel.put_time(0.3)
    panel.tick(time.perf_counter())
    assert instrument._cursor.isVisible()
    assert instrument._cursor.value() == pytest.approx(0.3)


def test_the_latent_path_stands_in_its_field_and_the_cursor_moves_along(panel: Any) -> None:
    change(panel, lower="latent")
    instrument, inside = panel.instruments["lower"], panel.frame.inside
    assert len(instrument.arrows.xData)
    change(panel, show_field=False)
    assert instrument.arrows.xData is None or not len(instrument.arrows.xData)
    for t in (0.0, 0.75):
        panel.put_time(t)
        panel.redraw()
        k = int(np.abs(inside.z_t - t).argmin())
        assert np.hstack(instrument.layers[0].steps.getData()) == pytest.approx(inside.z_mean[k, :2], abs=0.1)


def test_a_coordinate_is_dragged_by_hand_in_one_step_of_undo(panel: Any) -> None:
    change(panel, upper="posterior")
    QTest.qWait(30)  # until the axis is as wide as its names
    said = lines_of(panel)
    instrument = panel.instruments["upper"]
    plot = instrument.plot
    viewport, start = plot.viewport(), at(plot, -0.7, -2.0)
    QTest.mousePress(viewport, LEFT, pos=start)
    for step in range(1, 5):
        QTest.mouseMove(viewport, at(plot, -0.7 + 0.3 * step, -2.0))
        QTest.qWait(12)
    assert instrument.holding
    assert panel.wants_smooth()
    QTest.mouseRelease(viewport, LEFT, pos=at(plot, 0.5, -2.0))
    assert panel.params.nudge_of == 3
    assert panel.params.nudge == pytest.approx(1.2, abs=0.1)
    assert said == [f"latent.set(nudge_of=3, nudge={panel.params.nudge!r})"]
    show(panel, make_frame(nudge=panel.params.nudge, nudge_of=3))
    moved = instrument.layers[1].steps.getData()
    assert moved[0] == pytest.approx(panel.frame.inside.posterior_mean[2] + panel.params.nudge)
    assert np.isfinite(main(panel)._nudged.getData()[1]).all()
    assert "moved by hand" in main(panel).legend.text()
    assert "z3 moved by" in instrument.words.text()
    # The next drag goes on from there; a double click puts it back.
    QTest.mouseDClick(viewport, LEFT, pos=at(plot, 0.5, -2.0))
    QTest.mouseRelease(viewport, LEFT, pos=at(plot, 0.5, -2.0))
    assert panel.params.nudge == 0.0
    panel.session.undo_stack.undo()
    panel.session.undo_stack.undo()
    assert panel.params.nudge == 0.0


def test_rows_of_the_posterior_alone_can_be_dragged(panel: Any) -> None:
    change(panel, upper="hidden")
    plot = panel.instruments["upper"].plot
    assert not plot.box.grabs(QPointF(0.5, -1.0))
    change(panel, upper="posterior")
    assert plot.box.grabs(QPointF(0.5, -1.0))
    assert not plot.box.grabs(QPointF(0.5, -float(LATENT)))


def test_the_caption_says_observations_noise_stage_and_times(panel: Any) -> None:
    text = panel.words.text()
    for part in ("8 observations, noise 0.05", "refined in 60 steps", "first answer in 14 ms", "ELBO −3.11 nats"):
        assert part in text
    show(panel, make_frame(step=0, held=[1, 2], thinned=[5]))
    text = panel.words.text()
    assert "5 observations (2 held out, 1 left out)" in text
    assert "first answer in 14 ms" in text
    assert "refined" not in text
    show(panel, make_frame(baselines=BOTH, errors=("latent", *BOTH), note="3 rows left out."))
    text = panel.words.text()
    assert "Gaussian process</span> noise 0.06" in text
    assert "mean square error between the observations <span" in text
    assert text.count("RNN") == 1  # with its error: it says nothing of the noise
    assert "3 rows left out." in text
    late = make_frame(baselines=("gp",), edit=0)
    show(panel, dataclasses.replace(late, answer=dataclasses.replace(late.answer, edit=1)))
    assert "for the points before" in panel.words.text()
    show(panel, nothing(make_frame(no_series())))
    assert "no observation used" in panel.words.text()


def test_what_is_used_held_out_and_left_out_looks_different(panel: Any) -> None:
    show(panel, make_frame(held=[1, 2], thinned=[5]))
    plot = main(panel)
    assert [len(sprites._points) for sprites in (plot._used, plot._held, plot._thinned)] == [5, 2, 1]
    assert plot._used._fill != plot._held._fill
    first, last = panel.frame.series.observed
    assert plot._shades[0].boundingRect().right() == pytest.approx(first)
    assert plot._shades[1].boundingRect().left() == pytest.approx(last)
    assert plot._shades[1].boundingRect().right() == pytest.approx(plot.box.viewRect().right())


def test_bands_samples_truth_and_mean_are_shown_on_demand(panel: Any) -> None:
    t = np.linspace(0.0, 1.5, 50)
    show(panel, make_frame(truth_t=t, truth=np.sin(5 * t)[:, None]))
    plot = main(panel)
    narrow = plot._bands[0].boundingRect().height()
    change(panel, bands="observations")
    assert plot._bands[0].boundingRect().height() > narrow
    change(panel, bands="none")
    assert plot._bands[0]._path.isEmpty()
    change(panel, show_samples=True, show_mean=False, show_truth=False)
    samples = plot._samples.getData()[0]
    assert np.isnan(samples).sum() == len(panel.frame.answer.samples)
    assert not len(plot._mean.xData)
    assert not len(plot._truth.xData)
    change(panel, show_samples=False, show_truth=True)
    assert len(plot._truth.xData) == 50
    assert not len(plot._samples.xData)


def test_baselines_keep_their_colour_and_dash_everywhere(panel: Any) -> None:
    change(panel, lower="errors")
    for theme in (DARK, LIGHT):
        panel.set_theme(theme)
        show(panel, make_frame(baselines=BOTH, errors=("latent", *BOTH)))
        table = panel.instruments["lower"].table
        for column, name in enumerate(("latent", *BOTH), start=1):
            colour, dash = answer_style(name, theme)
            assert table.item(0, column).foreground().color().name() == colour
            if name != "latent":
                drawn = main(panel)._baselines[name].mean.opts["pen"]
                assert (drawn.color().name(), drawn.style()) == (colour, dash)
        assert len({answer_style(name, theme) for name in ("latent", *BOTH)}) == 3
    assert "Gaussian process" in main(panel).legend.text()
    # An RNN has no bands.
    assert main(panel)._baselines["rnn"].band._path.isEmpty()
    assert not main(panel)._baselines["gp"].band._path.isEmpty()
    show(panel, make_frame())
    assert main(panel).legend.isHidden()
    assert not len(main(panel)._baselines["gp"].mean.xData)


def test_spirals_are_shown_in_their_plane() -> None:
    t = np.linspace(0.0, 1.6, 100)
    frame = make_frame(make_spiral(), names=("x", "y"), truth_t=t, truth=spiral(t))
    with opened_panel(points=no_series(), data="spirals") as panel:
        show(panel, frame)
        plane = panel.view.plane
        assert plane.isVisible()
        inside, beyond = plane._mean.getData()[0], plane._beyond.getData()[0]
        assert np.isfinite(inside).any()
        assert np.isfinite(beyond).any()
        assert not (np.isfinite(inside) & np.isfinite(beyond)).any()
        panel.put_time(0.5)
        panel.tick(time.perf_counter())
        assert len(plane._head.getData()[0]) == 1
        width, height = plane.box.viewPixelSize()
        assert width == pytest.approx(height, rel=0.02)
        assert {"t", "mean x", "mean y"} == set(plane.columns())
        for theme in (LIGHT, DARK):  # another theme hides no observation, also where no answer follows
            panel.set_theme(theme)
            panel.tick(time.perf_counter())
            assert not plane._used.flags() & plane._used.GraphicsItemFlag.ItemHasNoContents
            assert len(plane._used._points) == panel.frame.series.used.sum() > 0


def test_thinning_is_a_slider_that_is_answered_live(qtbot: Any, panel: Any) -> None:
    said = lines_of(panel)
    row = panel.form.rows["thin"]
    qtbot.keyClick(row.slider, Qt.Key.Key_PageDown)
    assert panel.params.thin < 1.0
    assert panel.worker.lives[-1].thin == panel.params.thin
    assert said == [f"latent.thin = {panel.params.thin!r}"]
    assert panel.params.points == EIGHT


def dropped_on(panel: Any, path: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    place, copy = QPointF(100, 200), Qt.DropAction.CopyAction
    keys = Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(place.toPoint(), copy, data, LEFT, keys)
    panel.dragEnterEvent(enter)
    assert enter.isAccepted()
    panel.dropEvent(QDropEvent(place, copy, data, LEFT, keys))


def test_a_table_dropped_on_the_panel_is_observed(panel: Any, tmp_path: Path) -> None:
    said = lines_of(panel)
    table = tmp_path / "series.csv"
    table.write_text("time,level\n1,2\n2,3.5\n4,1\n")
    dropped_on(panel, table)
    assert (panel.params.data, panel.params.csv) == ("csv", str(table))
    assert len(panel.params.points) == 0
    assert said == [f"latent.open_series({str(table)!r})"]
    panel.add_point(3, 2)
    assert panel.params.points == Series(np.array([1.0, 2, 3, 4]), np.array([2, 3.5, 2, 1]))
    broken = tmp_path / "broken.csv"
    broken.write_text("no,numbers\nat,all\n")
    dropped_on(panel, broken)
    assert panel.params.csv == str(table)
    assert panel.message.isVisible()
    assert "broken.csv" in panel.message.text.text()


def test_a_series_of_a_set_that_is_trained_on_is_not_edited(panel: Any) -> None:
    show(panel, make_frame(editable=False))
    QTest.mouseClick(main(panel).viewport(), LEFT, pos=at(main(panel), 0.7, -1.0))
    assert panel.params.points == EIGHT
    assert "trained on" in panel.message.text.text()


def test_a_model_is_saved_by_what_the_experiment_says(panel: Any, tmp_path: Path) -> None:
    said = lines_of(panel)
    written: list[Any] = []

    def save(trained: Any, path: Path) -> list[Path]:
        written.append(trained)
        return [path]

    panel.record = dataclasses.replace(STILL, save=save)
    panel.save_model(str(tmp_path / "mine.npz"))
    assert written[0].frame is panel.frame
    assert written[0].params is panel.params
    assert said == [f"latent.save({str(tmp_path / 'mine.npz')!r})"]
    assert "mine.npz" in panel.message.text.text()


def test_everything_has_a_name_and_keys_reach_it(panel: Any) -> None:
    panel.form.show_more(on=True)
    for kind in (QAbstractButton, QComboBox, QLineEdit, QAbstractSlider):
        for widget in panel.findChildren(kind):
            if widget.isVisible() and not isinstance(widget, QScrollBar):
                assert widget.accessibleName() or getattr(widget, "text", str)(), widget
    plot = main(panel)
    plot.setFocus()
    reached = set()
    for _ in range(120):
        reached.add(panel.focusWidget())
        QTest.keyClick(panel.focusWidget(), Qt.Key.Key_Tab)
    wanted = {plot, panel.runbar.train, panel.form.rows["thin"].slider, panel.playbar.button}
    wanted |= {instrument.menu for instrument in panel.instruments.values()}
    assert wanted <= reached
    assert {plot.accessibleName(), panel.view.plane.accessibleName()} == {
        "Series, channel 1", "Plane of the two channels",
    }  # fmt: skip


def test_the_main_plots_data_are_copied(panel: Any) -> None:
    show(panel, make_frame(baselines=BOTH))
    main(panel).copy_data()
    head = QGuiApplication.clipboard().text().splitlines()[0]
    for column in ("observed t", "mean", "90 % low", "gp mean", "rnn mean"):
        assert column in head


@pytest.mark.parametrize("size", [1e-300, 1.0, 1e300])
def test_values_of_any_size_are_drawn(panel: Any, size: float) -> None:
    frame = make_frame()
    answer, series = frame.answer, frame.series
    grown = {
        name: np.asarray(getattr(answer, name)) * size
        for name in ("mean", "band50", "band90", "observed50", "observed90", "samples", "nudged", "noise")
    }
    with np.errstate(over="ignore"):
        seen = dataclasses.replace(series, y=series.y * size, view=series.view * np.array([1.0, 1.0, size, size]))
    change(panel, show_samples=True)
    panel.set_series(seen.t, seen.y)
    panel.mailbox.begin(panel._generation)
    show(panel, dataclasses.replace(frame, answer=dataclasses.replace(answer, **grown), series=seen))
    panel.grab()
    assert panel.message.isHidden()
    low, high = main(panel).box.viewRange()[1]
    assert low < 0.9 * size < high
    assert high < 10 * size


def test_one_point_two_at_the_same_time_and_very_many_are_drawn(panel: Any) -> None:
    for t, y in (([0.5], [1.0]), ([0.5, 0.5], [1.0, -1.0])):
        panel.set_series(t, y)
        show(panel, make_frame(panel.params.points))
        assert drawn(main(panel)) == len(t)
    rng = np.random.default_rng(0)
    many = Series(rng.uniform(0, 1, 99_999), 0.1 * rng.standard_normal(99_999))
    frame = make_frame(EIGHT)
    flags = np.zeros(len(many), bool)
    used = np.arange(len(many)) % 200 == 0
    frame = dataclasses.replace(
        frame, series=dataclasses.replace(frame.series, t=many.t, y=many.y, used=used, held=flags)
    )
    panel.set_series(many.t, many.y)
    started = time.perf_counter()
    show(panel, frame)
    panel.grab()
    assert time.perf_counter() - started < 2.0
    assert 0 < len(main(panel)._thinned._points) <= 4000
    started = time.perf_counter()
    QTest.mouseClick(main(panel).viewport(), LEFT, pos=at(main(panel), 0.5, 1.3))
    assert len(panel.params.points) == 100_000
    assert time.perf_counter() - started < 2.0


def test_rows_are_greyed_where_they_change_nothing() -> None:
    known = set(declared(LatentParams()))
    fresh = LatentParams(weights="fresh", data="family", holdout="random", upper="latent")
    assert idle_rows(LatentParams()) <= known
    assert {"steps", "lr", "n_observations", "holdout_share"} <= idle_rows(LatentParams())
    assert not {"steps", "lr", "n_observations", "holdout_share", "plane"} & idle_rows(fresh)
    # There is a truth to show of what was drawn alone.
    assert [data for data in DATA_TITLES if "show_truth" not in idle_rows(LatentParams(data=data))] == [
        "family", "spirals",
    ]  # fmt: skip


def test_what_an_edit_changed_is_told_from_other_data() -> None:
    assert not much_changed(EIGHT, EIGHT.added(0.5, 1.0))
    assert not much_changed(EIGHT, EIGHT.removed(3))
    assert not much_changed(EIGHT, EIGHT.moved(3, 0.9, 0.0))
    assert much_changed(EIGHT, EIGHT.removed(0).removed(0))
    assert much_changed(EIGHT, Series(EIGHT.t + 1.0, EIGHT.y))
    assert much_changed(EIGHT, Series(EIGHT.t, np.concatenate([EIGHT.y, EIGHT.y], axis=1)))
    assert not much_changed(EIGHT, EIGHT)


def test_points_that_stay_keep_what_is_known_of_them() -> None:
    held = np.isin(np.arange(8), [2, 6])
    shown = Shown(t=EIGHT.t, y=EIGHT.y, used=~held, held=held, names=("y",), unit="")
    after = shown.edited(EIGHT.added(0.5, 0.0))
    assert np.flatnonzero(after.held).tolist() == [2, 7]
    assert after.used.sum() == 7
    assert np.flatnonzero(shown.edited(EIGHT.removed(2)).held).tolist() == [5]
    assert shown.nearest(0, 0.09, 0.38, (0.01, 0.01)) == (0, pytest.approx(1.0))
    assert Shown.fresh(no_series()).nearest(0, 0.5, 0.5, (0.01, 0.01)) == (-1, np.inf)


def test_a_drag_outside_of_a_point_moves_the_view_and_says_where(qtbot: Any, panel: Any) -> None:
    said = lines_of(panel)
    viewport = main(panel).viewport()
    start = at(main(panel), 0.75, -1.0)
    QTest.mousePress(viewport, LEFT, pos=start)
    for step in range(1, 5):
        QTest.mouseMove(viewport, start + QPoint(12 * step, 0))
        QTest.qWait(12)
    QTest.mouseRelease(viewport, LEFT, pos=start + QPoint(48, 0))
    qtbot.waitUntil(lambda: len(said) == 1, timeout=1000)
    assert said[0].startswith("latent.look((")
    assert panel.params.points == EIGHT
