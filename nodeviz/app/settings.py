"""What nodeviz remembers between two starts, in one JSON file that can never keep the program from starting.

A file that is damaged or was written by a newer nodeviz is copied aside and replaced by defaults; a folder that cannot
be written makes the store work in memory. Either way the user gets one sentence, and once.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from nodeviz.config_path import config_folder
from nodeviz.whole_file import reason_of, write_whole

if TYPE_CHECKING:
    from pathlib import Path

VERSION = 1  # of the file
MAX_BYTES = 16_000_000  # several times what 100,000 painted points need
MAX_HISTORY = 100_000
MAX_RECENT = 20
MAX_SESSIONS = 10
MAX_EXPORTS = 20

Theme = Literal["system", "dark", "light"]
Motion = Literal["system", "full", "reduced"]
Json: TypeAlias = "bool | int | float | str | list[Json] | dict[str, Json] | None"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """One consistent set of settings.

    Raises
    ------
    ValueError : a value is not allowed; the sentence names it
    """

    theme: Theme = "system"
    motion: Motion = "system"
    console_history: int = 1_000  # lines
    shortcuts: Mapping[str, str] = field(default_factory=dict)  # a command's id -> its key, where it was changed
    sessions: tuple[str, ...] = ()  # paths of those opened and saved last, the newest first
    recent: tuple[str, ...] = ()  # what was chosen in the command palette, the newest first
    attach: bool = False  # whether scripts may drive the window
    guide_place: str = ""  # the step of the guide on show, as chapter/step
    guide_done: tuple[str, ...] = ()  # the steps whose task was done
    exports: tuple[Mapping[str, Json], ...] = ()  # the newest first: panel, path and options of each

    def __post_init__(self) -> None:
        if self.theme not in get_args(Theme):
            raise ValueError(f"theme={self.theme!r}: not a theme; use one of {', '.join(get_args(Theme))}")
        if self.motion not in get_args(Motion):
            raise ValueError(f"motion={self.motion!r}: not a kind of motion; use one of {', '.join(get_args(Motion))}")
        if not _is_whole(self.console_history):
            raise ValueError(f"console_history={self.console_history!r}: not a whole number; use 0 to {MAX_HISTORY}")
        if not 0 <= self.console_history <= MAX_HISTORY:
            raise ValueError(f"console_history={self.console_history}: out of range; use 0 to {MAX_HISTORY}")
        if (
            not isinstance(self.sessions, tuple)
            or len(self.sessions) > MAX_SESSIONS
            or not all(map(_is_path, self.sessions))
        ):
            raise ValueError(f"sessions: not a list of at most {MAX_SESSIONS} paths; use paths of session files")
        _check_exports(self.exports)
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


def _is_path(value: object) -> bool:
    return isinstance(value, str) and 0 < len(value) <= 4096


def _check_exports(exports: object) -> None:
    """Raise a ValueError unless exports are at most MAX_EXPORTS mappings that can be written as JSON."""
    if (
        not isinstance(exports, tuple)
        or len(exports) > MAX_EXPORTS
        or not all(isinstance(each, Mapping) for each in exports)
    ):
        raise ValueError(f"exports: not a list of at most {MAX_EXPORTS} mappings; use panel, path and options of each")
    try:
        json.dumps([dict(each) for each in exports], allow_nan=False)
    except (TypeError, ValueError, RecursionError) as error:
        raise ValueError(f"exports: not JSON ({error}); use finite numbers, text and lists") from None


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

    def _write(self, settings: Settings) -> None:
        write_whole(self.path, json.dumps(_encode(settings), indent=1, allow_nan=False).encode())

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
        return f"Settings: {self.path} cannot be used ({reason_of(error)}); changes last until nodeviz is closed"


def _encode(settings: Settings) -> dict[str, Json]:
    return {
        "version": VERSION,
        "theme": settings.theme,
        "motion": settings.motion,
        "console_history": settings.console_history,
        "attach": settings.attach,
        "shortcuts": dict(settings.shortcuts),
        "sessions": list(settings.sessions),
        "recent": list(settings.recent),
        "guide_place": settings.guide_place,
        "guide_done": list(settings.guide_done),
        "exports": [dict(entry) for entry in settings.exports],
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
    readers: dict[str, Callable[[Any], Any]] = dict.fromkeys(("sessions", "recent", "guide_done", "exports"), _listed)
    for name in (entry.name for entry in fields(Settings)):
        if name not in data:
            continue
        try:
            value = readers.get(name, lambda plain: plain)(data[name])
            Settings(**{name: value})
        except (ValueError, TypeError, KeyError):
            wrong.append(name)
        else:
            values[name] = value
    return Settings(**values), wrong


def _listed(value: Any) -> tuple[Any, ...]:
    if not isinstance(value, list):
        raise TypeError("not a list")
    return tuple(value)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
