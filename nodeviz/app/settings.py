"""What nodeviz remembers between two starts, in one JSON file that can never keep the program from starting.

A file that is damaged or was written by a newer nodeviz is copied aside and replaced by defaults; a folder that cannot
be written makes the store work in memory. Either way the user gets one sentence, and once.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

from nodeviz.config_path import config_folder

VERSION = 1  # of the file
LAYOUT_VERSION = 3  # of the window's layout: raise it when docks are added, renamed or removed
MAX_BYTES = 16_000_000  # several times what 100,000 painted points need
MAX_HISTORY = 100_000
MAX_RECENT = 20

Theme = Literal["system", "dark", "light"]
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The window's place and docks, as Qt saved them: opaque bytes of layout ``LAYOUT_VERSION``."""

    geometry: bytes
    state: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One consistent set of settings.

    Raises
    ------
    ValueError : a value is not allowed; the sentence names it
    """

    theme: Theme = "system"
    layout: Layout | None = None
    panels: Mapping[str, Mapping[str, Json]] = field(default_factory=dict)  # a panel's name -> its parameters
    console_history: int = 1_000  # lines
    shortcuts: Mapping[str, str] = field(default_factory=dict)  # a command's id -> its key, where it was changed
    recent: tuple[str, ...] = ()  # what was chosen in the command palette, the newest first
    attach: bool = False  # whether scripts may drive the window
    guide_place: str = ""  # the step of the guide on show, as chapter/step
    guide_done: tuple[str, ...] = ()  # the steps whose task was done

    def __post_init__(self) -> None:
        if self.theme not in get_args(Theme):
            raise ValueError(f"theme={self.theme!r}: not a theme; use one of {', '.join(get_args(Theme))}")
        if not _is_whole(self.console_history):
            raise ValueError(f"console_history={self.console_history!r}: not a whole number; use 0 to {MAX_HISTORY}")
        if not 0 <= self.console_history <= MAX_HISTORY:
            raise ValueError(f"console_history={self.console_history}: out of range; use 0 to {MAX_HISTORY}")
        for name, params in self.panels.items():
            _check_params(name, params)
        if not isinstance(self.shortcuts, Mapping) or not all(map(_is_text, _flat(self.shortcuts))):
            raise ValueError("shortcuts: not a mapping of commands to keys; use texts as in {'undo': 'Ctrl+U'}")
        if not isinstance(self.recent, tuple) or len(self.recent) > MAX_RECENT or not all(map(_is_text, self.recent)):
            raise ValueError(f"recent: not a list of at most {MAX_RECENT} texts; use names of commands")
        if not isinstance(self.attach, bool):
            raise ValueError(f"attach={self.attach!r}: neither on nor off; use True or False")
        if not _is_text(self.guide_place):
            raise ValueError("guide_place: not a text; use a step of the guide as in 'solvers/order'")
        if not isinstance(self.guide_done, tuple) or not all(map(_is_text, self.guide_done)):
            raise ValueError("guide_done: not a list of texts; use steps of the guide as in 'solvers/order'")


def _flat(pairs: Mapping[Any, Any]) -> list[Any]:
    return [*pairs.keys(), *pairs.values()]


def _is_text(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 200


def _check_params(name: object, params: object) -> None:
    """Raise a ValueError unless a panel's parameters can be written as JSON."""
    if not isinstance(name, str) or not isinstance(params, Mapping):
        raise ValueError(f"panels[{name!r}]: not a mapping of parameters; use a panel's name and its values by name")
    try:
        json.dumps(dict(params), allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"panels[{name!r}]: not JSON ({error}); use finite numbers, text and lists") from None


class SettingsStore:
    """Loads and saves the settings of one folder.

    Parameters
    ----------
    folder : where ``settings.json`` lies; None for ``config_folder()``
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.path = (config_folder() if folder is None else folder) / "settings.json"
        self._memory: Settings | None = None  # what could not be written
        self._told = False

    def load(self) -> tuple[Settings, str]:
        """Return the settings and a sentence to show, empty when there is nothing to tell."""
        if self._memory is not None:
            return self._memory, ""
        try:
            with open(self.path, "rb") as file:
                raw = file.read(MAX_BYTES + 1)
        except FileNotFoundError:
            return Settings(), ""
        except (OSError, ValueError) as error:  # ValueError: a NUL in the path
            self._memory = Settings()
            return self._memory, self._tell_once(error)
        settings, complaint, kind = _decode(raw)
        if not complaint:
            return settings, ""
        kept = self._set_aside(kind)
        return settings, f"Settings: {complaint}; {kept}"

    def save(self, settings: Settings) -> str:
        """Write the settings under a temporary name, then rename; return a sentence if they stay in memory only."""
        try:
            self._write(settings)
        except (OSError, ValueError) as error:
            self._memory = settings
            return self._tell_once(error)
        self._memory = None
        return ""

    def take_layout(self) -> Layout | None:
        """Return the saved layout and remove it from the file, None when there is none.

        Qt itself can crash while it restores a layout. Taken before it is restored and saved again when the window
        closes, a layout can crash one start and no other; so one that cannot be removed is not handed out.
        """
        settings, _ = self.load()
        if settings.layout is None:
            return None
        try:
            self._write(replace(settings, layout=None))
        except OSError:
            return None
        return settings.layout

    def _write(self, settings: Settings) -> None:
        target = Path(os.path.realpath(self.path))  # a linked settings file stays a link
        if self.path.parts[0] == "~":  # what platformdirs answers without a home; never make a folder of that name
            raise OSError("there is no home folder")
        target.parent.mkdir(parents=True, exist_ok=True)
        text = _text(settings)
        if len(text) > MAX_BYTES:
            raise ValueError(f"{len(text):,} bytes, above the limit {MAX_BYTES:,}; save painted points as CSV")
        handle, name = tempfile.mkstemp(prefix=target.name, suffix=".tmp", dir=target.parent)
        try:
            with open(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())  # else a power cut can leave the new name with no content
            os.replace(name, target)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(name)
            raise

    def _set_aside(self, kind: str) -> str:
        """Copy the file beside itself and say where."""
        copy = self.path.with_name(f"settings.{kind}.bak")
        try:
            shutil.copyfile(self.path, copy)
        except OSError:
            return "no copy of the file could be kept"
        return f"the file is kept as {copy}"

    def _tell_once(self, error: Exception) -> str:
        if self._told:
            return ""
        self._told = True
        reason = getattr(error, "strerror", None) or str(error)
        return f"Settings: {self.path} cannot be used ({reason}); changes last until nodeviz is closed"


def _text(settings: Settings) -> str:
    """Return the file's text: one line per panel, since points by the thousand are quick to write only in one go."""
    encoded = _encode(settings)
    panels = encoded.pop("panels")
    assert isinstance(panels, dict)
    rows = ",\n".join(f"  {json.dumps(name)}: {json.dumps(values, allow_nan=False)}" for name, values in panels.items())
    rest = json.dumps(encoded, indent=1, allow_nan=False).removesuffix("\n}")
    return f'{rest},\n "panels": {{\n{rows}\n }}\n}}'


def _encode(settings: Settings) -> dict[str, Json]:
    layout: Json = None
    if settings.layout is not None:
        layout = {
            "version": LAYOUT_VERSION,
            "geometry": base64.b64encode(settings.layout.geometry).decode(),
            "state": base64.b64encode(settings.layout.state).decode(),
        }
    return {
        "version": VERSION,
        "theme": settings.theme,
        "layout": layout,
        "panels": {name: dict(params) for name, params in settings.panels.items()},
        "console_history": settings.console_history,
        "attach": settings.attach,
        "shortcuts": dict(settings.shortcuts),
        "recent": list(settings.recent),
        "guide_place": settings.guide_place,
        "guide_done": list(settings.guide_done),
    }


def _decode(raw: bytes) -> tuple[Settings, str, str]:
    """Return what can be used of a file, a complaint (empty: none), and what kind of file it is."""
    try:
        data = json.loads(raw.decode("utf-8")) if len(raw) <= MAX_BYTES else None
    except (ValueError, RecursionError):  # UnicodeDecodeError and JSONDecodeError are ValueErrors
        data = None
    if not isinstance(data, dict) or not _is_whole(data.get("version")):
        return Settings(), "the file is damaged and was replaced by defaults", "damaged"
    if data["version"] > VERSION:
        return Settings(), "the file is from a newer nodeviz and was replaced by defaults", "newer"
    settings, wrong = _decode_fields(data)
    if wrong:
        return settings, f"{', '.join(wrong[:3])} cannot be used and got defaults", "damaged"
    return settings, "", ""


def _decode_fields(data: dict[str, Any]) -> tuple[Settings, list[str]]:
    """Return the settings with every value that is allowed, and the names of the others, which got defaults."""
    wrong: list[str] = []
    values: dict[str, Any] = {}
    readers: dict[str, Callable[[Any], Any]] = {"layout": _decode_layout, "recent": tuple, "guide_done": tuple}
    for name in ("theme", "layout", "console_history", "attach", "shortcuts", "recent", "guide_place", "guide_done"):
        if name not in data:
            continue
        try:
            value = readers.get(name, lambda plain: plain)(data[name])
            Settings(**{name: value})
        except (ValueError, TypeError, KeyError):
            wrong.append(name)
        else:
            values[name] = value
    panels = data.get("panels", {})
    if not isinstance(panels, dict):
        return Settings(**values), [*wrong, "panels"]
    values["panels"] = {}
    for name, params in panels.items():
        try:
            _check_params(name, params)
        except ValueError:
            wrong.append(f"panel {name[:30]!r}")
        else:
            values["panels"][name] = params
    return Settings(**values), wrong


def _decode_layout(data: Any) -> Layout | None:
    """Return a layout of this version, None for another version's; raise for anything else."""
    if data is None:
        return None
    if not isinstance(data, dict) or not _is_whole(data.get("version")):
        raise TypeError("no layout")
    if data["version"] != LAYOUT_VERSION:
        return None
    return Layout(
        geometry=base64.b64decode(data["geometry"], validate=True), state=base64.b64decode(data["state"], validate=True)
    )


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
