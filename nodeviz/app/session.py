"""The state that the window shows, and the one function that changes it."""

from __future__ import annotations

import dataclasses
import re
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QUndoCommand, QUndoStack

from nodeviz.experiments import params as declarations
from nodeviz.experiments.params import Flag, ParamError
from nodeviz.experiments.presets import find_preset
from nodeviz.experiments.registry import REGISTRY
from nodeviz.experiments.run import SEED

if TYPE_CHECKING:
    from pathlib import Path


NOUNS = {
    "add": "add point",
    "move": "move point",
    "remove": "remove point",
    "clear": "remove all points",
    "set": "set points",
    "random": "random points",
    "paint": "paint points",
    "erase": "erase points",
    "load": "open weights",
}
LONGEST_VALUE = 24  # characters of a value in the name of a step of undo


@dataclass(frozen=True, slots=True)
class State:
    """What a panel shows is a function of this: parameters, seed, and the preset they came from."""

    params: Any
    seed: int = 0
    preset: str = ""


class Change(QUndoCommand):
    """One step of undo: a panel's state before and after. Changes with the same key (a drag) merge into one."""

    def __init__(self, session: Session, panel: str, after: State, title: str, key: str) -> None:
        super().__init__(title)
        # Weak: PySide crashes when the garbage collector ends an undo stack that its own commands keep alive.
        self._session = weakref.ref(session)
        self._panel, self._key = panel, key
        self._before, self._after = session.state(panel), after

    def id(self) -> int:
        """Return one id for all changes, so that Qt asks `mergeWith`."""
        return 1

    def mergeWith(self, other: QUndoCommand) -> bool:
        """Take in the next change of the same drag."""
        if not (isinstance(other, Change) and self._key and (other._panel, other._key) == (self._panel, self._key)):
            return False
        self._after = other._after
        self.setText(other.text())
        # Back where it began, it is no step at all, and no line either.
        self.setObsolete(self._after == self._before)
        return True

    def redo(self) -> None:
        """Put the state after the change in force."""
        session = self._session()
        if session is not None:
            session.put_state(self._panel, self._after)

    def undo(self) -> None:
        """Put the state before the change in force; what was not said about the change yet is said before."""
        session = self._session()
        if session is not None:
            session.end_drag()
            session.put_state(self._panel, self._before)


class Session(QObject):
    """All panels' states, their undo stack and the log of actions as Python.

    Widgets, console, presets and undo all go through `change`: one direction of flow. Panels listen to `changed`.
    """

    changed = Signal(str)
    refused = Signal(str, str)
    echoed = Signal(str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.folder: Path | None = None  # of the settings, where the user's own presets lie; None for the usual one
        self.undo_stack = QUndoStack(self)
        self._states = {name: first_state(name) for name in REGISTRY}
        self._gesture = 0
        self._drag = ""  # the gesture that goes on, the state it began with, and the line that it has not said yet
        self._origin: State | None = None
        self._unsaid = ""

    @property
    def dragging(self) -> bool:
        """Whether a gesture goes on, such as the drag of a slider."""
        return bool(self._drag)

    def state(self, panel: str) -> State:
        """Return a panel's state."""
        return self._states[panel]

    def change(self, panel: str, changes: dict[str, object], *, echo: str = "", drag: str = "") -> None:
        """Change parameters of a panel: checked, undoable, echoed as one line of Python.

        Parameters
        ----------
        panel : str
        changes : values by parameter name, as text or as Python values
        echo : str, the line of Python that does the same; made from ``changes`` where empty
        drag : str, the name of a gesture that goes on: all its changes are one step of undo

        Raises
        ------
        ParamError : the sentence that says why nothing was changed
        """
        before = self._states[panel]
        params = declarations.change(before.params, changes)
        if params == before.params:
            return
        preset = before.preset if set(changes).isdisjoint({"system", "equations"}) else ""
        line = echo or python_line(panel, params, changes)
        self._push(panel, State(params, before.seed, preset), undo_name(params, changes, echo), drag, line)

    def try_change(self, panel: str, changes: dict[str, object], *, echo: str = "", drag: str = "") -> bool:
        """Change parameters for a widget: a refusal goes to the panel as a sentence instead of being raised."""
        try:
            self.change(panel, changes, echo=echo, drag=drag)
        except ParamError as error:
            self.refused.emit(panel, str(error))
            return False
        return True

    def load_preset(self, panel: str, name: str) -> None:
        """Start from a preset: the experiment's defaults with the preset's changes; one of the user's has its seed."""
        preset = find_preset(panel, name, self.folder)
        params, complaint = REGISTRY[panel].params(), ""
        if preset.own:  # perhaps an older nodeviz kept it, or its files are gone
            params, complaint = usable(params, preset.changes)
        else:
            params = declarations.change(params, preset.changes)
        after = State(params, self._states[panel].seed if preset.seed is None else preset.seed, preset.name)
        self._push(panel, after, f"preset {preset.title}", "", f"{panel}.preset({name!r})")
        if complaint:
            self.refused.emit(panel, complaint)

    def set_seed(self, panel: str, seed: object) -> None:
        """Change the seed of a panel's run."""
        number = int(SEED.coerce("seed", seed, None))
        before = self._states[panel]
        self._push(panel, State(before.params, number, before.preset), f"seed {number}", "", f"{panel}.seed = {number}")

    def put_back(self, panel: str, state: State) -> None:
        """Put a state in force that was kept, as a step of undo without a line of its own."""
        if state != self._states[panel]:
            self.end_drag()
            self.undo_stack.push(Change(self, panel, state, f"open {panel}", ""))

    def end_drag(self) -> None:
        """End a gesture: its last line is said now, and the next change of the same name is a step of its own."""
        line, self._drag, self._unsaid = self._unsaid, "", ""
        self._gesture += 1
        if line:
            self.echoed.emit(line)

    def put_state(self, panel: str, state: State) -> None:
        """Put a state in force; only undo steps call this."""
        self._states[panel] = state
        self.changed.emit(panel)

    def _push(self, panel: str, after: State, title: str, drag: str, line: str) -> None:
        if drag != self._drag:
            self.end_drag()  # lines are said in the order of what they did
            self._drag, self._origin = drag, self._states[panel]
        key = f"{drag}:{self._gesture}" if drag else ""
        self.undo_stack.push(Change(self, panel, after, title, key))
        if not drag:
            self.echoed.emit(line)
        else:
            self._unsaid = line if after != self._origin else ""


def first_state(panel: str) -> State:
    """Return what a panel shows at the very first start."""
    experiment = REGISTRY[panel]
    if not experiment.first_preset:
        return State(experiment.params())
    changes = find_preset(panel, experiment.first_preset).changes
    return State(declarations.change(experiment.params(), changes), preset=experiment.first_preset)


def usable(params: Any, values: Mapping[str, Any]) -> tuple[Any, str]:
    """Return the parameters with all values that can be used, and the first sentence about one that cannot."""
    try:
        return declarations.change(params, values), ""
    except ParamError:
        complaint = ""
    # Without one of them, so that a file that is gone takes nothing else with it.
    for name, value in values.items():
        try:
            rest = declarations.change(params, {other: kept for other, kept in values.items() if other != name})
        except ParamError:
            continue
        return rest, f"Not restored: {refusal(params, {name: value})}"
    for name, value in values.items():
        try:
            params = declarations.change(params, {name: value})
        except ParamError as error:
            complaint = complaint or f"Not restored: {error}"
    return params, complaint


def undo_name(params: Any, changes: Mapping[str, object], line: str) -> str:
    """Return what a change is called in "Undo ...": by the verb of its line, or by the parameter and its value."""
    verb = re.match(r"(?:# )?\w+\.(\w+)\(", line)
    if verb is not None and verb[1] != "reset":
        return NOUNS.get(verb[1], verb[1].replace("_", " "))
    known = declarations.declared(params)
    labels = [known[name].label[:1].lower() + known[name].label[1:] for name in changes]
    if len(labels) > 1:
        return f"{', '.join(labels[:3])}{' ...' if len(labels) > 3 else ''}"
    ((name, given),) = changes.items()
    value, kind = getattr(params, name), known[name].kind
    if isinstance(given, dict) and isinstance(value, Mapping) and len(given) == 1:
        (key,) = given
        return f"{key} {value[key]:g}"
    if isinstance(kind, Flag):
        return f"{labels[0]} {'on' if value else 'off'}"
    text = kind.to_text(value)
    return f"{labels[0]} {text}" if 0 < len(text) <= LONGEST_VALUE else labels[0]


def refusal(params: Any, changes: Mapping[str, Any]) -> str:
    """Return the sentence that says why changes cannot be made; they may be wrong only together with others."""
    try:
        declarations.change(params, changes)
    except ParamError as error:
        return str(error)
    return f"{', '.join(changes)}: does not fit the other parameters"


def replaced(params: Any, values: Mapping[str, Any]) -> Any:
    """Return parameters with values put in place of others, each checked, and nothing that would follow from them.

    Raises
    ------
    ParamError : an unknown name, or a value outside its limits
    """
    known = declarations.declared(params)
    for name in values:
        if name not in known:
            raise ParamError(f"{name}: no such parameter; {declarations.nearest(name, known)}")
    coerced = {name: known[name].kind.coerce(name, value, getattr(params, name)) for name, value in values.items()}
    return dataclasses.replace(params, **coerced)


def python_line(panel: str, params: Any, changes: dict[str, object]) -> str:
    """Return the line of Python that makes the changes; a remark where a function without a name is among them."""
    known = declarations.declared(params)
    # The values as they were stored, so that the line repeats what happened and not what was typed.
    stored = {name: getattr(params, name) for name in changes}
    functions = {name: str(getattr(value, "__name__", value)) for name, value in stored.items() if callable(value)}
    written = {
        name: functions[name] if name in functions else repr(known[name].kind.to_json(value))
        for name, value in stored.items()
    }
    remark = "" if all(name.isidentifier() for name in functions.values()) else "# "
    if len(changes) > 1:
        return f"{remark}{panel}.set({', '.join(f'{name}={text}' for name, text in written.items())})"
    ((name, given),) = changes.items()
    if isinstance(given, dict) and isinstance(stored[name], Mapping) and len(given) == 1:
        (key,) = given
        return f"{panel}.{name}[{key!r}] = {stored[name][key]!r}"
    return f"{remark}{panel}.{name} = {written[name]}"
