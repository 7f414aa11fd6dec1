"""The latent panel alone, on frames of a closed form: its worker starts nothing."""

from __future__ import annotations

import itertools
import time
from contextlib import contextmanager
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QPoint, QPointF
from PySide6.QtTest import QTest

from nodeviz.app import session as session_module
from nodeviz.app.application import make_application
from nodeviz.app.panels import base as panel_base
from nodeviz.app.panels.latent import LatentPanel
from nodeviz.app.panels.latent_timing import EditTimes
from nodeviz.app.session import Session, State
from nodeviz.app.theme import DARK
from nodeviz.experiments.base import Experiment, Update
from nodeviz.experiments.latent_params import LatentParams

from .latent_scene import EIGHT, make_frame

if TYPE_CHECKING:
    from collections.abc import Generator

    from nodeviz.experiments.base import Inbox, Steps


def resting(params: LatentParams, rng: Any, inbox: Inbox[LatentParams]) -> Steps:
    """Stand for the experiment: it rests at once."""
    del params, rng, inbox
    yield Update(resting=True)
    return {}


STILL: Experiment[LatentParams] = Experiment(
    name="latent",
    title="Latent ODE",
    sentence="",
    steps=resting,
    params=LatentParams,
    first_preset="",
    trains=True,
    metrics=MappingProxyType({}),
)


class Still:
    """Stands for the worker: numbers every order, remembers those about parameters, and starts nothing."""

    def __init__(self) -> None:
        self._numbers = itertools.count(1)
        self.runs: list[LatentParams] = []
        self.lives: list[LatentParams] = []

    def start_run(self, _: str, __: Any, params: LatentParams, *rest: Any) -> int:
        del rest
        self.runs.append(params)
        return next(self._numbers)

    def set_live(self, _: str, params: LatentParams) -> int:
        self.lives.append(params)
        return next(self._numbers)

    def allow(self, *_: Any) -> int:
        return next(self._numbers)

    def set_visible(self, *_: Any, **__: bool) -> None:
        """Nothing is stepped, whether it is seen or not."""


@contextmanager
def latent_alone() -> Generator[None, None, None]:
    """Let sessions and panels know the latent ODE alone."""
    with pytest.MonkeyPatch.context() as patch:
        for module in (panel_base, session_module):
            patch.setattr(module, "REGISTRY", {"latent": STILL})
        yield


def make_panel(**changes: Any) -> Any:
    """Return a panel on eight points that somebody else closes."""
    make_application()
    session = Session()
    session.put_state("latent", first_state(**changes))
    made = LatentPanel(session, Still())  # type: ignore[arg-type]
    made.set_theme(DARK)
    made.resize(1100, 640)
    made.show()
    QTest.qWaitForWindowExposed(made)
    made.start()
    made.mailbox.begin(made._generation)
    return made


def first_state(**changes: Any) -> State:
    return State(LatentParams(**({"points": EIGHT, "weights": "fresh"} | changes)))


def as_at_first(panel: Any) -> Any:
    """Return a panel that other tests have used as it was at the beginning: on eight points, their answer drawn."""
    panel.session.end_drag()
    panel.session.put_state("latent", first_state())
    panel.session.undo_stack.clear()
    panel.history, panel.record, panel.times = {}, STILL, EditTimes()
    panel.set_theme(DARK)
    panel.playbar.put(1.0)
    panel.worker.lives.clear()
    panel.start()
    panel.mailbox.begin(panel._generation)
    panel.view.forget()
    show(panel)
    panel.message.hide()
    QTest.qWait(30)  # until the axes are as wide as they will be
    return panel


@pytest.fixture(scope="module", name="shared")
def fixture_shared() -> Generator[Any, None, None]:
    """One panel for all tests of a module."""
    with opened_panel() as made:
        show(made)
        yield made


@pytest.fixture(name="panel")
def fixture_panel(shared: Any) -> Generator[Any, None, None]:
    """The shared panel, as it was at the beginning."""
    yield as_at_first(shared)
    settle(shared)


def main(panel: Any) -> Any:
    """Return the plot of the first channel."""
    return panel.view.channels[0]


def settle(panel: Any) -> None:
    """Stop all timers of a panel."""
    for timer in (panel._settled, panel._listening, *(plot._rest for plot in panel.view.channels)):
        timer.stop()


@contextmanager
def opened_panel(**changes: Any) -> Generator[Any, None, None]:
    """Show a panel, and close it at the end."""
    with latent_alone():
        made = make_panel(**changes)
        yield made
        settle(made)
        made.close()
        made.deleteLater()


def show(panel: Any, frame: Any = None) -> None:
    """Deliver a frame to the panel, and let it draw."""
    panel.mailbox.put(panel._generation, Update(frame=frame or make_frame(panel.params.points), resting=True), 10**6)
    panel.tick(time.perf_counter())


def change(panel: Any, **changes: Any) -> None:
    before = panel._generation
    panel.session.change("latent", changes)
    if panel._generation != before:
        panel.mailbox.begin(panel._generation)
    panel.tick(time.perf_counter())


def lines_of(panel: Any) -> list[str]:
    said: list[str] = []
    panel.session.echoed.connect(said.append)
    return said


def at(plot: Any, x: float, y: float) -> QPoint:
    """Return where a place of a plot lies in its viewport."""
    return plot.mapFromScene(plot.box.mapViewToScene(QPointF(x, y)))  # type: ignore[no-any-return]


def drawn(plot: Any) -> int:
    """Return how many observations that are used a plot shows."""
    return len(plot._used._points) + len(plot._fresh.data)
