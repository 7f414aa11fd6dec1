"""Sessions in files: a zip of ``session.json``, to be read by anybody, and ``data.npz`` with what is long.

A file is read as a whole and checked before anything of it is used: what is no session is one sentence, and what a
session has that cannot be used any more, such as the path of a file that is gone, is left out and said.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import math
import zipfile
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, get_args

import numpy as np

from nodeviz import __version__
from nodeviz.app.layout import LAYOUT_VERSION, Layout
from nodeviz.app.session import State, replaced, usable
from nodeviz.app.settings import Theme
from nodeviz.experiments import params as declarations
from nodeviz.experiments.base import Replay
from nodeviz.experiments.own_presets import own_presets
from nodeviz.experiments.params import Number, ParamError, declared
from nodeviz.experiments.presets import presets
from nodeviz.experiments.registry import REGISTRY
from nodeviz.experiments.run import SEED
from nodeviz.whole_file import reason_of, write_whole

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

SUFFIX = ".nodeviz"
FORMAT, VERSION = "nodeviz session", 1
MAX_BYTES = 64 * 2**20  # of a file, and of what it unpacks to
MAX_JSON = 16 * 2**20
TOO_LONG = "too long"  # stands for a run that was left out
LONG = 32  # rows; longer tables go into data.npz
VIEWS = frozenset({"look", "inspect", "orient", "backwards"})  # verbs that say where a panel looks
_STEPS = Number(0, 10**9, integer=True)
_SPEED = Number(0.25, 4.0)


class SessionError(ParamError):
    """A file that is no session that can be used, in one sentence."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PanelRecord:
    """What a session knows of a panel.

    Attributes
    ----------
    state : its parameters, seed and preset; replay : how its run came to where it is, for one that trains
    cursor : the share of its time that is shown, and t the same as the panel counts it; speed, loop : of the cursor
    folded : whether its controls are, None for as there is room; visible : whether the panel is
    views : verbs of the console with their arguments that say where it looks
    """

    state: State
    replay: Replay[Any] | None = None
    cursor: float = 1.0
    t: float | None = None
    speed: float = 1.0
    loop: bool = False
    folded: bool | None = None
    visible: bool = True
    views: tuple[tuple[str, tuple[Any, ...]], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """A session: every panel, and how the window looks.

    ``complaints`` is what could not be used of a file: a panel's name, or an empty text, and a sentence.
    """

    panels: Mapping[str, PanelRecord]
    theme: Theme = "system"
    layout: Layout | None = None
    complaints: tuple[tuple[str, str], ...] = field(default=(), compare=False)


def save(path: Path, document: Document) -> str:
    """Write a session, whole or not at all; return in a sentence what had to be left out, if anything.

    Raises
    ------
    SessionError : in place of an OSError, with the reason; or the session is too large
    """
    content, left_out = fitting(document)
    try:
        write_whole(path, content)
    except OSError as error:
        raise SessionError(
            f"{path}: the session cannot be written ({reason_of(error)}); choose another place"
        ) from None
    return left_out


def load(path: Path, folder: Path | None = None) -> Document:
    """Return the session of a file; ``folder`` is that of the settings, where the user's own presets lie.

    Raises
    ------
    SessionError : no such file, or no session
    """
    try:
        if path.is_dir():
            raise SessionError(f"{path.name}: a folder, no session; choose a {SUFFIX} file")
        if path.stat().st_size > MAX_BYTES:
            raise SessionError(f"{path.name}: larger than {MAX_BYTES >> 20} MB, so no session; choose a {SUFFIX} file")
        content = path.read_bytes()
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        if isinstance(error, SessionError):
            raise
        raise SessionError(f"{path}: cannot be read ({reason_of(error)}); choose a {SUFFIX} file") from None
    return from_bytes(content, path.name, folder)


# Writing.


def to_bytes(document: Document) -> bytes:
    """Return the content of a session's file, the same for the same session.

    Raises
    ------
    SessionError : more than `load` would take, without the runs' histories too
    """
    return fitting(document)[0]


def fitting(document: Document) -> tuple[bytes, str]:
    """Return the content of a session's file that `load` takes, and in a sentence what was left out for that.

    Raises
    ------
    SessionError : it is too large even without how the panels were trained
    """
    runs = {name: len(record.replay.changes) for name, record in document.panels.items() if record.replay is not None}
    without: list[str] = []
    while (content := _pack(document, without)) is None:
        if not runs:
            raise SessionError(f"session: above the limit of {MAX_BYTES >> 20} MB; show fewer points, then save")
        longest = max(runs, key=runs.__getitem__)
        del runs[longest]
        without.append(longest)
    names = ", ".join(without)
    return content, f"Left out, as too long: how it was trained ({names}); opened, it begins anew." if names else ""


def _pack(document: Document, without: Sequence[str]) -> bytes | None:
    """Return the file's content, the runs of some panels left out; None if it is more than `load` takes."""
    tables = _Tables()
    layout = document.layout
    data = {
        "format": FORMAT,
        "version": VERSION,
        "nodeviz": __version__,
        "theme": document.theme,
        "panels": {
            name: _encode_panel(record, tables, run=name not in without) for name, record in document.panels.items()
        },
        "layout": None
        if layout is None
        else {
            "version": LAYOUT_VERSION,
            "geometry": base64.b64encode(layout.geometry).decode(),
            "state": base64.b64encode(layout.state).decode(),
        },
    }
    text, arrays, packed = json.dumps(data, indent=1, allow_nan=False), io.BytesIO(), io.BytesIO()
    if tables.arrays:
        np.savez(arrays, **tables.arrays)  # type: ignore[arg-type]
    if len(text) > MAX_JSON or len(text) + arrays.tell() > MAX_BYTES:
        return None
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        # A fixed date, so that an unchanged session is known by its bytes.
        archive.writestr(_member("session.json"), text)
        if tables.arrays:
            archive.writestr(_member("data.npz"), arrays.getvalue())
    return packed.getvalue() if packed.tell() <= MAX_BYTES else None


def _member(name: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


class _Tables:
    """Takes long tables of numbers out of JSON; equal ones are kept once."""

    def __init__(self) -> None:
        self.arrays: dict[str, np.ndarray[Any, Any]] = {}

    def pack(self, value: Any) -> Any:
        """Return what stands in JSON for a value."""
        if not isinstance(value, list) or len(value) < LONG or not all(isinstance(row, list) for row in value):
            return value
        widths = {len(row) for row in value}
        kinds = {type(entry) for row in value for entry in row}
        if len(widths) > 1 or not kinds <= {int, float, type(None)}:
            return value
        table = np.array(value, float)  # None, what is missing, becomes NaN
        name = f"table_{hashlib.sha1(table.tobytes(), usedforsecurity=False).hexdigest()[:12]}"
        self.arrays[name] = table
        return {"table": name}


def _encode_panel(record: PanelRecord, tables: _Tables, *, run: bool) -> dict[str, Any]:
    state, replay = record.state, record.replay
    values = {name: tables.pack(value) for name, value in declarations.to_json(state.params).items()}
    return {
        "params": values,
        "seed": state.seed,
        "preset": state.preset,
        "cursor": record.cursor,
        "t": record.t,
        "speed": record.speed,
        "loop": record.loop,
        "folded": record.folded,
        "visible": record.visible,
        "views": [[verb, *arguments] for verb, arguments in record.views],
        "run": None if replay is None else _encode_run(state.params, replay, tables) if run else TOO_LONG,
    }


def _encode_run(params: Any, replay: Replay[Any], tables: _Tables) -> dict[str, Any]:
    """Return a run as the values that differ: at its beginning from those in force, and from change to change."""
    known, changes = replay.begun, []
    for step, after in replay.changes:
        changes.append([step, _packed(differences(known, after), tables)])
        known = after
    return {
        "begun": _packed(differences(params, replay.begun), tables),
        "steps": replay.steps,
        "goal": replay.goal,
        "changes": changes,
    }


def differences(before: Any, after: Any) -> dict[str, Any]:
    """Return as JSON the values of ``after`` that differ from those of ``before``."""
    kinds = declared(before)
    return {
        name: spec.kind.to_json(getattr(after, name))
        for name, spec in kinds.items()
        if getattr(before, name) != getattr(after, name)
    }


def _packed(values: Mapping[str, Any], tables: _Tables) -> dict[str, Any]:
    return {name: tables.pack(value) for name, value in values.items()}


# Reading.


def from_bytes(content: bytes, name: str = "session", folder: Path | None = None) -> Document:
    """Return the session that a file's content says; ``folder`` is that of the settings.

    Raises
    ------
    SessionError : it is none, it is cut or damaged, or a newer nodeviz wrote it
    """
    try:
        data, arrays = _unpack(content)
    except Exception as error:  # noqa: BLE001 - zipfile, JSON and NumPy raise anything on damaged files
        raise SessionError(
            f"{name}: cut, damaged or no session ({type(error).__name__}); nothing was changed"
        ) from None
    if not isinstance(data, dict) or data.get("format") != FORMAT:
        raise SessionError(f"{name}: no session of nodeviz; nothing was changed")
    version = data.get("version")
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise SessionError(f"{name}: a session without a version; nothing was changed")
    if version > VERSION:
        raise SessionError(f"{name}: written by a newer nodeviz; update this one to open it; nothing was changed")
    return _Reader(arrays, folder).document(data)


def _unpack(content: bytes) -> tuple[Any, dict[str, list[list[float | None]]]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
        if sizes["session.json"] > MAX_JSON or sum(sizes.values()) > MAX_BYTES:
            raise ValueError("too large")
        data = json.loads(archive.read("session.json").decode("utf-8"))
        arrays = _tables_of(archive.read("data.npz")) if "data.npz" in sizes else {}
    return data, arrays


def _tables_of(content: bytes) -> dict[str, list[list[float | None]]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        if sum(info.file_size for info in archive.infolist()) > MAX_BYTES:
            raise ValueError("too large")
        for info in archive.infolist():
            with archive.open(info) as member:
                _check_header(member, info.file_size)
    tables: dict[str, list[list[float | None]]] = {}
    with np.load(io.BytesIO(content), allow_pickle=False) as loaded:
        for name in loaded.files:
            rows = loaded[name]
            if np.isinf(rows).any():
                raise ValueError("numbers that are not finite")
            tables[name] = [[None if math.isnan(entry) else entry for entry in row] for row in rows.tolist()]
    return tables


def _check_header(member: Any, size: int) -> None:
    """Raise unless an array is a table of floats as long as its header says, before it takes any memory."""
    if np.lib.format.read_magic(member) != (1, 0):
        raise ValueError("another format of arrays")
    shape, _, dtype = np.lib.format.read_array_header_1_0(member)
    if dtype != np.float64 or len(shape) != 2 or math.prod(shape) * 8 > size:
        raise ValueError("an array of another kind")


class _Reader:
    """Turns checked JSON into a document, and notes what cannot be used."""

    def __init__(self, tables: Mapping[str, Any], folder: Path | None) -> None:
        self._tables, self._folder = tables, folder
        self._complaints: list[tuple[str, str]] = []

    def _say(self, panel: str, sentence: str) -> None:
        self._complaints.append((panel, sentence))

    def document(self, data: Mapping[str, Any]) -> Document:
        """Return all that can be used."""
        panels = data.get("panels")
        known = panels if isinstance(panels, dict) else {}
        if not isinstance(panels, dict):
            self._say("", "Not restored: the panels are damaged")
        records = {name: self._panel(name, known[name]) for name in REGISTRY if isinstance(known.get(name), dict)}
        strange = [str(name)[:30] for name in known if name not in records]
        if strange:
            self._say("", f"Not restored: {', '.join(strange[:3])}, unknown here or damaged")
        theme = data.get("theme", "system")
        if theme not in get_args(Theme):
            self._say("", "Not restored: the theme, which is unknown")
            theme = "system"
        return Document(
            panels=records, theme=theme, layout=self._layout(data.get("layout")), complaints=tuple(self._complaints)
        )

    def _layout(self, data: Any) -> Layout | None:
        if data is None:
            return None
        try:
            if data["version"] != LAYOUT_VERSION:
                return None  # of another nodeviz: the docks are others
            geometry, state = (base64.b64decode(data[part], validate=True) for part in ("geometry", "state"))
        except (TypeError, ValueError, KeyError):
            self._say("", "Not restored: the layout, which is damaged")
            return None
        return Layout(geometry=geometry, state=state)

    def _values(self, values: Any) -> dict[str, Any]:
        if not isinstance(values, dict):
            return {}
        return {name: self._table(value) for name, value in values.items()}

    def _table(self, value: Any) -> Any:
        if isinstance(value, dict) and list(value) == ["table"] and isinstance(value["table"], str):
            return self._tables.get(value["table"], [])
        return value

    def _panel(self, name: str, data: Mapping[str, Any]) -> PanelRecord:
        state = self._state(name, data)
        return PanelRecord(
            state=state,
            replay=self._replay(name, state.params, data.get("run")),
            cursor=self._take(name, "cursor", data, 1.0, Number(0.0, 1.0)),
            t=self._time(data.get("t")),
            speed=self._take(name, "speed", data, 1.0, _SPEED),
            loop=data.get("loop") is True,
            folded=data.get("folded") if isinstance(data.get("folded"), bool) else None,
            visible=data.get("visible") is not False,
            views=self._views(data.get("views")),
        )

    @staticmethod
    def _time(value: Any) -> float | None:
        good = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300
        return float(value) if good else None

    def _take(self, panel: str, name: str, data: Mapping[str, Any], default: float, kind: Number) -> float:
        try:
            return kind.coerce(name, data.get(name, default), default)
        except ParamError as error:
            self._say(panel, f"Not restored: {error}")
            return default

    def _state(self, name: str, data: Mapping[str, Any]) -> State:
        first = REGISTRY[name].params()
        values = {key: value for key, value in self._values(data.get("params")).items() if key in declared(first)}
        if str(values.get("system", "")).startswith("python:"):
            self._say(name, f"Not restored: {values['system'][7:]}, which was a function of the console")
            values = {}  # a callable does not outlive its program
        params, complaint = usable(first, values)
        preset = data.get("preset", "")
        if complaint:
            self._say(name, complaint)
            preset = ""
        seed = int(self._take(name, "seed", data, 0, SEED))
        known = isinstance(preset, str) and (preset in presets(name) or preset in own_presets(name, self._folder))
        return State(params, seed, preset if known else "")

    def _replay(self, name: str, params: Any, run: Any) -> Replay[Any] | None:
        """Return how the run came to where it is; where that cannot be read it begins anew."""
        if run is None or not REGISTRY[name].trains:
            return None
        if run == TOO_LONG:
            self._say(name, "Not restored: how far it was trained, which was too long to keep; it begins anew")
            return None
        try:
            begun = known = replaced(params, self._values(run["begun"]))
            changes = []
            for step, values in run["changes"]:
                known = replaced(known, self._values(values))
                changes.append((int(_STEPS.coerce("changes", step, None)), known))
            if changes and sorted(changes, key=lambda change: change[0]) != changes:
                raise ParamError("changes: not in the order of their steps")
            steps, goal = (int(_STEPS.coerce(part, run[part], None)) for part in ("steps", "goal"))
            if changes and changes[-1][0] > steps:
                raise ParamError("changes: later than the last step")
        except (ParamError, TypeError, ValueError, KeyError):
            self._say(name, "Not restored: how far it was trained, which cannot be read; it begins anew")
            return None
        return Replay(begun=begun, steps=steps, goal=goal, changes=tuple(changes))

    def _views(self, views: Any) -> tuple[tuple[str, tuple[Any, ...]], ...]:
        rows = views if isinstance(views, list) else []
        good = [row for row in rows if isinstance(row, list) and row and isinstance(row[0], str) and row[0] in VIEWS]
        return tuple((row[0], tuple(row[1:])) for row in good)
