"""The session: one way for every change, undo over all of it, refusals that change nothing, and names of steps."""

from __future__ import annotations

import gc
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from nodeviz.app.session import Session, State, python_line
from nodeviz.experiments.params import ParamError, change
from nodeviz.experiments.phase_params import PhaseParams
from nodeviz.experiments.presets import find_preset
from nodeviz.experiments.registry import REGISTRY

if TYPE_CHECKING:
    from collections.abc import Callable


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


SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


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


@pytest.mark.parametrize(
    ("panel", "act", "name"),
    [
        ("phase", lambda s: s.change("phase", {"n_steps": 30}), "steps 30"),
        ("classifier", lambda s: s.change("classifier", {"lr": 0.01}), "learning rate 0.01"),
        ("phase", lambda s: s.change("phase", {"show_past": True}), "backwards in time on"),
        ("phase", lambda s: s.load_preset("phase", "van-der-pol"), "preset Van der Pol's limit cycle"),
        ("phase", lambda s: s.set_seed("phase", 7), "seed 7"),
        ("phase", lambda s: s.change("phase", {"n_steps": 30, "t1": 3}), "steps, end time"),
        ("phase", lambda s: s.change("phase", {"start": [(1, 0)]}, echo="phase.move(0, (1.0, 0.0))"), "move point"),
        ("phase", lambda s: s.change("phase", {"start": [(1, 0)]}, echo="phase.open_points('a.csv')"), "open points"),
        ("phase", lambda s: s.change("phase", {"system": field}), "system python:field"),
    ],
)
def test_what_can_be_undone_has_a_readable_name(session: Session, panel: str, act: Any, name: str) -> None:
    del panel
    act(session)
    assert session.undo_stack.undoText().lower() == name.lower()
    session.undo_stack.undo()
    assert session.undo_stack.redoText().lower() == name.lower()


def test_a_number_of_the_equations_goes_by_its_own_name(session: Session) -> None:
    session.load_preset("phase", "van-der-pol")
    session.change("phase", {"parameters": {"mu": 2.5}})
    assert session.undo_stack.undoText() == "mu 2.5"


def test_a_drag_is_named_by_where_it_ends(session: Session) -> None:
    for n_steps in (16, 20, 39):
        session.change("phase", {"n_steps": n_steps}, drag="n_steps")
    session.end_drag()
    assert session.undo_stack.undoText() == "steps 39"


def test_what_is_put_back_is_a_step_without_a_line(session: Session, lines: list[str]) -> None:
    before = session.state("phase")
    session.put_back("phase", before)
    assert not session.undo_stack.canUndo()
    session.put_back("phase", State(PhaseParams(n_steps=77), 3))
    assert (session.state("phase").params.n_steps, session.state("phase").seed) == (77, 3)
    assert lines == []
    session.undo_stack.undo()
    assert session.state("phase") == before
