"""The session: one way for every change, undo over all of it, refusals and damaged settings that change nothing."""

from __future__ import annotations

import gc
import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeviz.app.session import Session, python_line
from nodeviz.experiments.params import ParamError, change
from nodeviz.experiments.phase_params import PhaseParams
from nodeviz.experiments.presets import find_preset, presets
from nodeviz.experiments.registry import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def session(qapp: Any) -> Session:
    del qapp
    return Session()


@pytest.fixture
def lines(session: Session) -> list[str]:
    said: list[str] = []
    session.echoed.connect(said.append)
    return said


def field(t: float, y: Any) -> Any:
    del t
    return [y[1], -y[0]]


CHANGES: list[Callable[[Session], object]] = [
    lambda session: session.change("phase", {"n_steps": 30}),
    lambda session: session.change("phase", {"solvers": "euler, dopri5:1e-6", "work": "evaluations"}),
    lambda session: session.load_preset("phase", "van-der-pol"),
    lambda session: session.change("phase", {"parameters": {"mu": 2.5}}),
    lambda session: session.change("phase", {"equations": "x' = y; y' = -k*x"}),
    lambda session: session.change("phase", {"parameters": "k=3"}),
    lambda session: session.change("phase", {"start": "1,0; 0,1"}),
    lambda session: session.change("phase", {"system": field}),
    lambda session: session.set_seed("phase", 7),
    lambda session: session.change("phase", {"show_past": True}),
    lambda session: session.change("phase", {"system": "hopf"}),
]


def test_undo_and_redo_go_through_every_state(session: Session) -> None:
    states = [session.state("phase")]
    for act in CHANGES:
        act(session)
        states.append(session.state("phase"))
        assert states[-1] != states[-2]
    for state in reversed(states[:-1]):
        session.undo_stack.undo()
        assert session.state("phase") == state
    assert not session.undo_stack.canUndo()
    for state in states[1:]:
        session.undo_stack.redo()
        assert session.state("phase") == state
    assert not session.undo_stack.canRedo()


def test_every_step_tells_the_panels_once(session: Session) -> None:
    told: list[str] = []
    session.changed.connect(told.append)
    for act in CHANGES:
        act(session)
    assert told == ["phase"] * len(CHANGES)
    session.undo_stack.undo()
    assert len(told) == len(CHANGES) + 1


def test_the_lines_repeat_what_happened(session: Session, lines: list[str]) -> None:
    for act in CHANGES:
        act(session)
    assert lines == [
        "phase.n_steps = 30",
        "phase.set(solvers=['euler', 'dopri5:1e-6'], work='evaluations')",
        "phase.preset('van-der-pol')",
        "phase.parameters['mu'] = 2.5",
        "phase.equations = \"x' = y; y' = -k*x\"",
        "phase.parameters = {'k': 3.0}",
        "phase.start = [[1.0, 0.0], [0.0, 1.0]]",
        "phase.system = field",
        "phase.seed = 7",
        "phase.show_past = True",
        "phase.system = 'hopf'",
    ]


def test_a_system_from_python_goes_by_its_name_or_is_a_remark(session: Session, lines: list[str]) -> None:
    session.change("phase", {"system": lambda _t, y: -y})
    session.change("phase", {"system": field, "t1": 3})
    assert lines == ["# phase.system = <lambda>", "phase.set(system=field, t1=3.0)"]


def test_what_changes_nothing_is_no_step(session: Session, lines: list[str]) -> None:
    session.change("phase", {"n_steps": 15})
    session.change("phase", {"parameters": {"decay": 0.1}})
    assert not session.undo_stack.canUndo()
    assert lines == []


def test_a_drag_is_one_step_and_one_line(session: Session, lines: list[str]) -> None:
    before = session.state("phase")
    for n_steps in (16, 20, 40, 39):
        session.change("phase", {"n_steps": n_steps}, drag="n_steps")
    assert lines == []
    session.end_drag()
    assert lines == ["phase.n_steps = 39"]
    assert session.undo_stack.count() == 1
    session.undo_stack.undo()
    assert session.state("phase") == before


def test_two_drags_of_one_slider_are_two_steps(session: Session, lines: list[str]) -> None:
    for n_steps in (20, 30):
        session.change("phase", {"n_steps": n_steps}, drag="n_steps")
        session.end_drag()
    assert session.undo_stack.count() == 2
    assert lines == ["phase.n_steps = 20", "phase.n_steps = 30"]


def test_two_different_drags_do_not_merge(session: Session, lines: list[str]) -> None:
    session.change("phase", {"n_steps": 20}, drag="n_steps")
    session.change("phase", {"t1": 3}, drag="t1")
    assert session.dragging
    session.end_drag()
    assert not session.dragging
    assert session.undo_stack.count() == 2
    assert lines == ["phase.n_steps = 20", "phase.t1 = 3.0"]


def test_undo_in_the_middle_of_a_drag_says_its_line_first(session: Session, lines: list[str]) -> None:
    session.change("phase", {"n_steps": 20}, drag="n_steps")
    session.undo_stack.undo()
    assert lines == ["phase.n_steps = 20"]
    session.change("phase", {"n_steps": 30}, drag="n_steps")
    session.end_drag()
    session.undo_stack.undo()
    assert session.state("phase").params == PhaseParams()
    assert not session.undo_stack.canUndo()


def test_a_drag_that_ends_where_it_began_is_no_step_and_no_line(session: Session, lines: list[str]) -> None:
    for n_steps in (20, 30, 15):
        session.change("phase", {"n_steps": n_steps}, drag="n_steps")
    assert session.dragging
    session.end_drag()
    assert session.undo_stack.count() == 0
    assert lines == []
    for n_steps in (20, 15, 25):  # through where it began
        session.change("phase", {"n_steps": n_steps}, drag="n_steps")
    session.end_drag()
    assert session.undo_stack.count() == 1
    assert lines == ["phase.n_steps = 25"]
    session.undo_stack.undo()
    assert session.state("phase").params == PhaseParams()


def test_a_change_in_the_middle_of_a_drag_is_said_after_it(session: Session, lines: list[str]) -> None:
    session.change("phase", {"n_steps": 20}, drag="n_steps")
    session.load_preset("phase", "hopf")
    session.end_drag()
    assert lines == ["phase.n_steps = 20", "phase.preset('hopf')"]


@pytest.mark.parametrize(
    "changes",
    [
        {"n_steps": 0},
        {"n_steps": 10**12},
        {"rtol": -1},
        {"rtol": 1e-17},
        {"t1": 0},
        {"t1": float("inf")},
        {"n_steps": 30, "rtol": "no"},
        {"start": (1, 2, 3)},
        {"equations": "x' = sinn(y); y' = 1"},
        {"parameters": {"mu": 1}},
        {"system": lambda: None},
        {"unknown": 1},
        {"system": "hopf", "equations": "x' = 1; y' = 1"},
    ],
)
def test_a_refused_change_leaves_everything_as_it_was(
    session: Session, lines: list[str], changes: dict[str, object]
) -> None:
    session.change("phase", {"n_steps": 20})
    before, count = session.state("phase"), session.undo_stack.count()
    refused: list[tuple[str, str]] = []
    session.refused.connect(lambda *args: refused.append(args))
    with pytest.raises(ParamError):
        session.change("phase", changes)
    assert not session.try_change("phase", changes)
    ((panel, sentence),) = refused
    assert panel == "phase"
    assert sentence
    assert "\n" not in sentence
    assert session.state("phase") is before
    assert session.undo_stack.count() == count
    assert lines == ["phase.n_steps = 20"]


def test_a_bad_seed_or_preset_changes_nothing(session: Session) -> None:
    before = session.state("phase")
    for act in (lambda: session.set_seed("phase", -1), lambda: session.load_preset("phase", "spirral")):
        with pytest.raises(ParamError):
            act()
    assert session.state("phase") is before
    assert not session.undo_stack.canUndo()


def test_a_preset_starts_from_the_defaults_and_keeps_the_seed(session: Session) -> None:
    session.set_seed("phase", 5)
    session.change("phase", {"n_steps": 999, "show_past": True})
    session.load_preset("phase", "spiral")
    state = session.state("phase")
    assert state.params == change(PhaseParams(), find_preset("phase", "spiral").changes)
    assert (state.seed, state.preset) == (5, "spiral")


def test_another_system_leaves_the_preset(session: Session) -> None:
    session.load_preset("phase", "spiral")
    session.change("phase", {"n_steps": 40})
    assert session.state("phase").preset == "spiral"
    session.change("phase", {"system": "hopf"})
    assert session.state("phase").preset == ""


def test_a_long_session_can_be_collected(qapp: Any) -> None:
    # PySide crashed here while commands kept their session alive.
    del qapp
    for _ in range(3):
        session = Session()
        for n_steps in range(20, 120):
            session.change("phase", {"n_steps": n_steps})
        del session
        gc.collect()


# What is remembered between two starts.


def test_every_state_comes_back_from_its_json(session: Session) -> None:
    for name in presets("phase"):
        session.load_preset("phase", name)
        session.set_seed("phase", 11)
        again = Session()
        again.restore("phase", json.loads(json.dumps(session.to_json()))["phase"])
        assert again.state("phase") == session.state("phase")
        assert not again.undo_stack.canUndo()


def test_a_callable_does_not_come_back(session: Session) -> None:
    session.change("phase", {"system": field})
    again = Session()
    again.restore("phase", json.loads(json.dumps(session.to_json()))["phase"])
    assert again.state("phase").params == PhaseParams()


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)
NAMES = st.sampled_from([*PhaseParams.__dataclass_fields__, "seed", "preset", "unknown", ""])


@settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(NAMES, JSON, max_size=6))
def test_damaged_settings_never_raise(session: Session, saved: dict[str, Any]) -> None:
    session.restore("phase", saved)
    state = session.state("phase")
    assert change(PhaseParams(), json_of(state.params)) == state.params  # whatever was taken is whole
    assert isinstance(state.seed, int)


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(list(presets("phase"))), NAMES, JSON)
def test_one_damaged_value_never_raises(session: Session, preset: str, name: str, value: Any) -> None:
    whole = Session()
    whole.load_preset("phase", preset)
    session.restore("phase", {**whole.to_json()["phase"], name: value})
    state = session.state("phase")
    assert change(PhaseParams(), json_of(state.params)) == state.params


def json_of(params: PhaseParams) -> dict[str, Any]:
    from nodeviz.experiments.params import to_json

    return json.loads(json.dumps(to_json(params), allow_nan=False))  # type: ignore[no-any-return]


@settings(max_examples=100)
@given(
    st.dictionaries(st.sampled_from(["n_steps", "t1", "rtol", "start", "solvers", "work", "x_range"]), JSON, max_size=3)
)
def test_lines_of_changes_repeat_them(changes: dict[str, Any]) -> None:
    try:
        params = change(PhaseParams(), changes)
    except ParamError:
        return
    if not changes:
        return
    made: dict[str, Any] = {}

    class Recorder:
        def __setattr__(self, name: str, value: object) -> None:
            made[name] = value

        def set(self, **values: object) -> None:
            made.update(values)

    exec(python_line("phase", params, changes), {"phase": Recorder()})
    assert change(PhaseParams(), made) == params


def test_every_panel_starts_with_its_first_preset(session: Session) -> None:
    for name, experiment in REGISTRY.items():
        state = session.state(name)
        changes = find_preset(name, experiment.first_preset).changes
        assert (state.preset, state.params) == (experiment.first_preset, change(experiment.params(), changes))


def test_what_cannot_be_restored_takes_nothing_else_with_it(session: Session, tmp_path: Path) -> None:
    said: list[str] = []
    session.refused.connect(lambda panel, sentence: said.append(f"{panel}: {sentence}"))
    session.restore("classifier", {"hidden": 48, "csv": str(tmp_path / "gone.csv"), "seed": 3})
    state = session.state("classifier")
    assert (state.params.hidden, state.params.csv, state.seed) == (48, "", 3)
    assert len(said) == 1
    assert said[0].startswith("classifier: Not restored: csv")
