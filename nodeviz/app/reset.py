"""Everything that nodeviz remembers, named and put aside, so that it starts as it did the first time."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

NAMED = 6  # files of a folder that are named; of more the number is told
_KEPT = ("log", "backup-")  # the log of crashes, and what was put aside before
_WORDS = {
    "settings": "settings: theme, layout of the window, parameters of every panel",
    "console_history": "history of the console",
    "shortcuts": "shortcuts that were changed",
    "recent": "recent files",
    "session": "sessions that are saved as you work",
    "sessions": "sessions that are saved as you work",
    "autosave": "sessions that are saved as you work",
    "presets": "presets of your own",
    "user_presets": "presets of your own",
}


class ResetError(OSError):
    """Something cannot be put aside; one sentence."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One file or folder of what is remembered, and what it is in words."""

    path: Path
    words: str


def remembered(folder: Path) -> list[Kept]:
    """Return what the folder of the settings holds."""
    try:
        paths = sorted(folder.iterdir())
    except OSError:
        return []
    return [Kept(path, _words(path)) for path in paths if not path.name.startswith(_KEPT)]


def _words(path: Path) -> str:
    stem = path.name.partition(".")[0].replace("-", "_")
    said = _WORDS.get(stem) or next((words for name, words in _WORDS.items() if stem.startswith(f"{name}_")), "")
    if not path.is_dir():
        return f"{said} ({path.name})" if said else path.name
    names = sorted({each.stem for each in path.iterdir()})
    shown = ", ".join(names[:NAMED]) + (f" and {len(names) - NAMED} more" if len(names) > NAMED else "")
    return f"{said or path.name}: {shown or 'none'}"


def reset(folder: Path) -> Path | None:
    """Move all that is remembered to a backup beside it, and return that; None where there is nothing.

    Raises
    ------
    ResetError : something cannot be moved; all stays where it was
    """
    things = remembered(folder)
    if not things:
        return None
    moved: list[tuple[Path, Path]] = []
    try:
        backup = _new_folder(folder)
        for thing in things:
            target = backup / thing.path.name
            os.rename(thing.path, target)
            moved.append((thing.path, target))
    except OSError as error:
        for source, target in moved:
            os.rename(target, source)
        reason = error.strerror or str(error)
        raise ResetError(
            f"{folder}: cannot be reset ({reason}); close whatever uses it, or see to its rights"
        ) from None
    return backup


def _new_folder(folder: Path) -> Path:
    stamp = time.strftime("backup-%Y%m%d-%H%M%S")
    for number in range(1, 100):
        path = folder / (stamp if number == 1 else f"{stamp}-{number}")
        try:
            path.mkdir()
        except FileExistsError:
            continue
        return path
    raise OSError("too many backups")
