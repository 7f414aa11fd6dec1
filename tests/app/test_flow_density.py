"""The densities of the flow panel: which are asked for, which are shown meanwhile, and how."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from nodeviz.app.panels.flow_density import SHARES, mass_levels
from nodeviz.app.theme import DARK, LIGHT
from nodeviz.experiments.base import Reply

from .flow_panels import a_panel, asked, brightness, show
from .flow_scene import CENTRES, make_answer, make_frame

if TYPE_CHECKING:
    from collections.abc import Generator


@pytest.fixture
def panel(qtbot: Any, monkeypatch: pytest.MonkeyPatch) -> Generator[Any, None, None]:
    yield from a_panel(qtbot, monkeypatch)


def test_the_density_is_bright_where_the_points_are(panel: Any) -> None:
    panel.playbar.put(1.0)
    panel.tick(time.perf_counter())
    assert brightness(panel, *CENTRES[0]) > brightness(panel, 0.0, 0.0) + 0.4
    panel.playbar.put(0.0)
    panel.tick(time.perf_counter())
    assert brightness(panel, 0.0, 0.0) > brightness(panel, *CENTRES[0]) + 0.4
    assert panel.planes[0]._now == pytest.approx(panel.frame.flows[0].samples[0])


def test_between_two_times_the_density_is_their_mean_and_keeps_the_mass(panel: Any) -> None:
    t = panel.frame.t
    known = panel.view._known[0]
    between = known.at(float(0.25 * t[20] + 0.75 * t[21]))
    low, high = known.at(float(t[20])), known.at(float(t[21]))
    np.testing.assert_allclose(between.p, 0.25 * low.p + 0.75 * high.p, rtol=1e-5)
    assert not between.computed
    assert low.computed


def test_it_asks_for_the_density_where_the_cursor_rests_and_not_while_it_plays(panel: Any) -> None:
    worker = asked(panel)
    panel.put_time(0.6137)
    panel.tick(time.perf_counter())
    assert worker.of("density") == [(0.6137, 64)]
    panel.redraw()
    assert len(worker.of("density")) == 1  # it waits for the answer
    number = worker.questions[-1][0]
    show(panel, replies=(Reply(number, make_answer(0.6137)),))
    assert panel.view.exact(0.6137)
    panel.redraw()
    assert len(worker.of("density")) == 1
    panel.do("play")
    for share in (0.62, 0.633, 0.6471):
        panel.playbar.fraction = share
        panel.redraw()
    assert len(worker.of("density")) == 1


def test_a_cursor_that_moves_while_it_trains_asks_for_no_density_of_its_own(panel: Any) -> None:
    worker = asked(panel)
    panel.train()
    show(panel, make_frame(known=[40]), resting=False)
    panel.playbar.put(0.5)
    panel.do("play")
    panel.redraw()
    assert (worker.of("cursor"), worker.of("density")) == ([0.5], [])
    panel.do("pause")
    panel.redraw()
    assert [t for t, _ in worker.of("density")] == [0.5]


def test_the_nearest_density_is_shown_until_the_one_of_the_cursor_is_there(panel: Any) -> None:
    worker = asked(panel)
    show(panel, make_frame(known=[0, 40]))
    panel.put_time(0.4)
    panel.tick(time.perf_counter())
    assert worker.of("density") == [(0.4, 64)]
    assert panel.view._known[0].at(0.4).t == 0.0
    show(panel, replies=(Reply(worker.questions[-1][0], make_answer(0.4)),))
    assert panel.view._known[0].at(0.4).t == 0.4


def test_a_question_that_a_replaced_run_never_answered_is_put_again(panel: Any) -> None:
    worker = asked(panel)
    panel.put_time(0.6137)
    panel.redraw()
    show(panel, make_frame(seed=3))
    assert worker.of("density") == [(0.6137, 64)] * 2


def test_what_was_drawn_of_other_weights_is_not_shown_again(panel: Any) -> None:
    show(panel, make_frame(seed=1))
    before = panel.view._known[0].at(0.5)
    frame = make_frame(seed=1)
    frame.flows[0].density[20] += 1.0
    show(panel, frame)
    after = panel.view._known[0].at(0.5)
    np.testing.assert_allclose(after.p, np.e * before.p, rtol=1e-4)


def test_contour_lines_hold_the_shares_of_the_mass_they_say() -> None:
    inside = np.linspace(-5, 5, 128)
    x, y = np.meshgrid(inside, inside)
    p = np.exp(-(x**2 + y**2) / 2) / (2 * np.pi)
    # Of a round Gaussian the share 1 - exp(-r^2 / 2) lies within r, where p is (1 - share) / (2 pi).
    assert mass_levels(p) == pytest.approx([(1 - share) / (2 * np.pi) for share in SHARES], rel=0.06)


def test_both_themes_draw_the_density_on_their_own_ground(panel: Any) -> None:
    for theme in (DARK, LIGHT):
        panel.set_theme(theme)
        panel.tick(time.perf_counter())
        corner = panel.planes[0]._ground._image.pixelColor(0, 0).name()
        assert corner == theme.panel
    assert brightness(panel, *CENTRES[0]) < brightness(panel, 0.0, 0.0)


def test_two_thousand_samples_and_the_density_take_a_fraction_of_a_frame(panel: Any) -> None:
    panel.redraw()
    taken = []
    for share in np.linspace(0.2, 0.8, 25):
        panel.playbar.fraction = float(share)
        started = time.perf_counter()
        panel.view.show_scene(panel._scene, float(share), panel.view.planes[0]._look)
        taken.append(time.perf_counter() - started)
    assert np.median(taken) < 0.008  # s; alone it takes about 1 ms, and a frame has 16
