"""What the console sees, in a real window: every name of the contract, and a sentence for what it cannot use."""

from __future__ import annotations

import math
import time
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtTest import QTest

import nodeviz
from nodeviz.app.commands import ConsoleCommands
from nodeviz.experiments import phase_paths
from nodeviz.experiments.params import ParamError, declared
from nodeviz.experiments.phase_frame import PhaseFrame
from nodeviz.experiments.phase_params import PhaseParams
from nodeviz.experiments.presets import presets

from .conftest import wait_idle
from .console_driver import Driver

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def phase(window: Any) -> Any:
    return window.facades["phase"]


# Names, help, parameters.


def test_every_name_of_the_contract_is_there_and_completes(phase: Any) -> None:
    contract = {
        *declared(PhaseParams),
        *("params", "seed", "preset", "frame", "history", "metrics"),
        *("play", "pause", "t", "train", "stop", "step", "reset", "wait"),
        *("add", "move", "remove"),
    }
    assert contract <= set(dir(phase))
    for name in contract:
        getattr(phase, name)
    assert not [name for name in dir(phase) if name.startswith("_")]


def test_help_says_limits_and_default(phase: Any) -> None:
    help_ = phase.__custom_documentations__
    assert set(help_) == set(declared(PhaseParams))
    assert help_["n_steps"] == phase.describe("n_steps")
    for word in ("Steps of every fixed-step solver", "1 to 1000000", "Default: 15"):
        assert word in help_["n_steps"]
    with pytest.raises(ParamError, match="did you mean 'n_steps'"):
        phase.describe("n_step")


def test_nothing_of_qt_is_handed_out(phase: Any) -> None:
    for name in dir(phase):
        assert "PySide6" not in type(getattr(phase, name)).__module__, name


def test_parameters_are_attributes(qtbot: Any, window: Any, phase: Any) -> None:
    phase.n_steps = 30
    phase.solvers = ["euler", "dopri5:1e-6"]
    phase.start = (1, 1)
    phase.x_range = -5, 5
    phase.work = "evaluations"
    phase.show_nullclines = True
    assert (phase.n_steps, phase.solvers, phase.start) == (30, ("euler", "dopri5:1e-6"), ((1.0, 1.0),))
    assert phase.params == window.session.state("phase").params
    assert phase.params.work == "evaluations"
    wait_idle(qtbot, window)
    assert phase.metrics["solvers"]["euler"]["nfe"] == 120
    assert phase.metrics["solvers"]["dopri5:1e-6"]["status"] == "ok"
    text = repr(phase)
    assert "n_steps = 30" in text
    assert "solvers = euler, dopri5:1e-6" in text


def test_several_parameters_in_one_step_of_undo(window: Any, phase: Any) -> None:
    phase.set(n_steps=40, t1=3)
    assert (phase.n_steps, phase.t1) == (40, 3.0)
    window.commands.run("undo")
    assert (phase.n_steps, phase.t1) == (15, 6.0)


def test_named_numbers_are_a_mapping(qtbot: Any, window: Any, phase: Any) -> None:
    phase.preset("van-der-pol")
    assert dict(phase.parameters) == {"mu": 1.0}
    phase.parameters["mu"] = 2
    assert phase.parameters["mu"] == phase.params.parameters["mu"] == 2.0
    phase.parameters = {"mu": 3}
    phase.parameters.update(mu=4)
    assert repr(phase.parameters) == "{'mu': 4.0}"
    assert list(phase.parameters) == ["mu"]
    assert len(phase.parameters) == 1
    with pytest.raises(ParamError, match="'nu' is not a parameter of this system; did you mean 'mu'"):
        phase.parameters["nu"] = 1
    with pytest.raises(ParamError, match="belongs to the equations"):
        del phase.parameters["mu"]
    with pytest.raises(KeyError):
        phase.parameters["nu"]
    assert dict(phase.parameters) == {"mu": 4.0}
    wait_idle(qtbot, window)
    assert len(phase.metrics["limit_cycles"]) == 1


BAD_VALUES: list[tuple[Callable[[Any], object], str]] = [
    (lambda phase: setattr(phase, "n_steps", 0), "n_steps=0: below the limit 1; use 1 or more"),
    (lambda phase: setattr(phase, "n_steps", 10**12), "above the limit 1000000"),
    (lambda phase: setattr(phase, "rtol", 1e-17), "rtol=1e-17: below the limit 1e-12; use 1e-12 or more"),
    (lambda phase: setattr(phase, "t1", math.nan), "not a finite number"),
    (lambda phase: setattr(phase, "t1", 0), "equal to t0"),
    (lambda phase: setattr(phase, "start", (1, 2, 3)), "3 numbers where a point has 2"),
    (lambda phase: setattr(phase, "system", "spirral"), "did you mean 'spiral'"),
    (lambda phase: setattr(phase, "system", lambda _t, y: y[0]), "must return"),
    (lambda phase: setattr(phase, "seed", -1), "seed=-1: below the limit 0"),
    (lambda phase: setattr(phase, "speed", 99), "speed=99: above the limit 4"),
    (lambda phase: setattr(phase, "t", 7), "t=7: outside the span; use 0 to 6"),
    (lambda phase: setattr(phase, "t", "soon"), "t=soon: not a number"),
    (lambda phase: setattr(phase, "n_stepz", 3), "did you mean 'n_steps'"),
    (lambda phase: setattr(phase, "frame", None), "cannot be set"),
    (lambda phase: phase.n_stepz, "did you mean 'n_steps'"),
    (lambda phase: phase.preset("spirral"), "did you mean 'spiral'"),
    (lambda phase: phase.add((1, 2, 3)), "not two numbers"),
    (lambda phase: phase.add("no"), "not two numbers"),
    (lambda phase: phase.add((math.inf, 0)), "not a finite number"),
    (lambda phase: phase.move(5, (0, 0)), "index=5: above the limit 0"),
    (lambda phase: phase.move("a", (0, 0)), "index"),
    (lambda phase: phase.remove(0), "last point cannot be removed"),
    (lambda phase: phase.open_points("/nowhere/x.csv"), "cannot be opened"),
    (lambda phase: phase.step(0), "n=0: below the limit 1"),
]


def test_bad_values_raise_one_sentence_and_change_nothing(window: Any, phase: Any) -> None:
    before, panel = window.session.state("phase"), window.panels["phase"]
    frame = panel.frame
    for act, words in BAD_VALUES:
        with pytest.raises((ParamError, AttributeError)) as caught:
            act(phase)
        assert words in str(caught.value)
        assert "\n" not in str(caught.value)
        assert window.session.state("phase") is before
        assert not panel.running
    assert panel.frame is frame
    assert not window.session.undo_stack.canUndo()


# Systems, starts, presets, seed.


def test_any_callable_is_a_system(qtbot: Any, window: Any, phase: Any) -> None:
    def oscillator(t: float, y: Any) -> Any:
        del t
        return [y[1], -y[0]]

    phase.system = oscillator
    phase.start = (1, 0)
    wait_idle(qtbot, window)
    assert phase.system is oscillator
    assert phase.frame.portrait.kinds.tolist() == ["centre"]
    assert "python:oscillator" in repr(phase)
    assert window.panels["phase"].form.rows["system"].combo.currentText() == "python:oscillator"
    phase.system = "hopf"
    assert phase.equations.startswith("r2 =")
    window.commands.run("undo")
    assert phase.system is oscillator
    wait_idle(qtbot, window)


def test_a_callable_that_begins_to_fail_is_a_sentence_and_the_last_picture_stays(
    qtbot: Any, window: Any, phase: Any
) -> None:
    healthy = [True]

    def field(t: float, y: Any) -> Any:
        del t
        if not healthy:
            raise KeyError("gone")
        return [y[1], -y[0]]

    phase.system = field
    wait_idle(qtbot, window)
    frame = phase.frame
    healthy.clear()
    phase.reset()
    wait_idle(qtbot, window)
    panel = window.panels["phase"]
    assert panel.message.isVisible()
    assert "KeyError" in panel.message.text.text()
    assert phase.frame is frame
    healthy.append(True)
    phase.system = "spiral"
    wait_idle(qtbot, window)
    assert phase.metrics["solvers"]["rk4"]["status"] == "ok"


def test_starts_are_added_moved_and_removed(qtbot: Any, window: Any, phase: Any) -> None:
    phase.add((1, 1))
    phase.add(np.array([-1.0, 0.5]))
    phase.move(0, (0, 2))
    phase.remove(1)
    assert phase.start == ((0.0, 2.0), (-1.0, 0.5))
    wait_idle(qtbot, window)
    assert phase.frame.paths.y.shape[1] == 2


def test_presets_are_listed_and_loaded(qtbot: Any, window: Any, phase: Any) -> None:
    assert phase.preset() == {name: preset.sentence for name, preset in presets("phase").items()}
    phase.preset("hopf")
    assert phase.system == "hopf"
    assert window.session.state("phase").preset == "hopf"
    wait_idle(qtbot, window)
    assert phase.frame.portrait.kinds.tolist() == ["unstable spiral"]


def test_the_seed_restarts_the_run(qtbot: Any, window: Any, phase: Any) -> None:
    assert phase.seed == 0
    generation = window.panels["phase"].mailbox.generation
    phase.seed = 12
    assert phase.seed == 12
    wait_idle(qtbot, window)
    assert window.panels["phase"].mailbox.generation > generation


# Results, cursor, run.


def test_frame_metrics_and_history(qtbot: Any, window: Any, phase: Any) -> None:
    assert isinstance(phase.frame, PhaseFrame)
    assert phase.frame.paths.final_error[1, 0] == pytest.approx(1.4869984e-3, rel=1e-6)
    with pytest.raises(ValueError, match="read-only"):
        phase.frame.paths.y[0, 0, 0] = 7.0
    assert phase.metrics["solvers"]["euler"]["final_error"] == pytest.approx(2.5090755, rel=1e-6)
    assert phase.history == {}
    phase.n_steps = 16
    assert phase.metrics is None  # of the run that goes on
    wait_idle(qtbot, window)
    assert phase.metrics is not None


def test_the_cursor(qtbot: Any, window: Any, phase: Any) -> None:
    panel = window.panels["phase"]
    assert phase.t == 6.0
    phase.t = 1.5
    assert phase.t == pytest.approx(1.5)
    qtbot.waitUntil(lambda: panel.playbar.label.text() == "t 1.50")
    phase.speed, phase.loop = 4, True
    phase.play()
    qtbot.waitUntil(lambda: phase.t > 1.6)
    phase.pause()
    stopped = phase.t
    QTest.qWait(80)
    assert phase.t == stopped
    assert (phase.speed, phase.loop) == (4, True)


def test_the_cursor_counts_in_the_span_that_was_just_chosen(qtbot: Any, window: Any, phase: Any) -> None:
    phase.t1 = 20
    phase.t = 15  # before the new run has drawn anything
    assert phase.t == pytest.approx(15)
    wait_idle(qtbot, window)
    assert phase.t == pytest.approx(15)


def test_the_run_is_halted_stepped_and_goes_on(
    qtbot: Any, window: Any, phase: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(phase_paths, "SECONDS", 60.0)  # a busy machine may take that long
    monkeypatch.setattr(phase_paths, "START_SECONDS", 600.0)
    monkeypatch.setattr(phase_paths, "RACE_SECONDS", 600.0)
    panel = window.panels["phase"]
    phase.solvers = "euler:400000"  # a second or so
    phase.stop()  # before the run has begun
    QTest.qWait(100)
    halted = panel.steps_seen
    QTest.qWait(60)
    assert panel.steps_seen == halted
    assert phase.metrics is None
    phase.step(2)
    qtbot.waitUntil(lambda: panel.steps_seen == halted + 2)
    QTest.qWait(60)
    assert panel.steps_seen == halted + 2
    phase.train()
    wait_idle(qtbot, window)
    assert phase.metrics["solvers"]["euler:400000"]["n_accepted"] == 400_000


def test_wait_returns_when_the_run_has_ended(window: Any, phase: Any) -> None:
    del window
    phase.n_steps = 25
    assert phase.wait(timeout=20) is True
    assert phase.metrics["solvers"]["euler"]["n_accepted"] == 25
    assert phase.frame.paths.n_accepted[0, 0] == 25


def test_wait_says_that_a_hidden_panel_rests(window: Any, phase: Any) -> None:
    window.docks["phase"].hide()
    phase.n_steps = 37
    with pytest.raises(ParamError, match=r"phase is hidden, .* commands\.show_phase\(\)"):
        phase.wait()
    window.commands.run("show_phase")
    assert phase.wait()


def test_wait_until_something_is_true_or_the_time_is_up(phase: Any) -> None:
    began = time.monotonic()
    assert phase.wait(until=lambda: time.monotonic() > began + 0.05, timeout=20) is True
    assert phase.wait(until=lambda: False, timeout=0.05) is False


def test_wait_lets_the_plots_go_on(window: Any, phase: Any) -> None:
    ticks: list[float] = []
    window.clock.ticked.connect(lambda: ticks.append(time.monotonic()))
    phase.wait(until=lambda: len(ticks) > 3, timeout=20)
    assert len(ticks) > 3


def test_panels_inside_the_window_are_the_same_facades(window: Any, phase: Any) -> None:
    assert nodeviz.panels.phase is phase
    window.close()
    with pytest.raises(AttributeError, match="no window is open"):
        _ = nodeviz.panels


def test_commands_are_methods(window: Any, phase: Any) -> None:
    commands = ConsoleCommands(window.commands)
    assert {"undo", "redo", "light_theme", "preset_phase_van_der_pol"} <= set(dir(commands))
    commands.preset_phase_van_der_pol()
    assert phase.system == "van-der-pol"
    commands.undo()
    assert phase.system == "spiral"
    assert "Ctrl+Z" in commands.undo.__doc__
    with pytest.raises(AttributeError, match="did you mean 'undo'"):
        commands.undoo  # noqa: B018


def test_the_console_runs_the_lines_and_shows_help(qtbot: Any, window: Any, phase: Any) -> None:
    window.toggle_console()
    driver = Driver(window.console, window, qtbot)
    driver.until(lambda: window.console._ready)
    assert driver.run("phase.n_steps = 33; phase.wait(timeout=20)").strip().endswith("True")
    assert phase.metrics["solvers"]["euler"]["n_accepted"] == 33
    assert "Default: 15" in driver.run("phase.n_steps?")
    assert "below the limit 1; use 1 or more" in driver.run("phase.n_steps = 0")
    assert phase.n_steps == 33
    assert driver.run("nodeviz.panels.phase is phase").strip().endswith("True")


def test_panels_in_the_console_are_those_of_nodeviz(window: Any) -> None:
    assert window.console._namespace["panels"].phase is nodeviz.panels.phase
