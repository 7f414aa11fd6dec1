"""What a report of an error says beside the error itself: versions, the platform, and what was done last."""

from __future__ import annotations

import importlib.metadata
import platform
import sys
import time
from collections import deque
from typing import TYPE_CHECKING

from nodeviz import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

LINES = 20  # of the log of actions, in a report
LONGEST = 300  # characters of one of them, such as data that were given as a literal
PACKAGES = ("PySide6-Essentials", "pyqtgraph", "numpy", "scipy", "av", "Pillow", "ipython", "ipykernel", "qtconsole")


class ActionLog:
    """The newest lines of Python that say what was done; whoever ``listens`` hears each of them as it comes."""

    def __init__(self, keep: int = LINES) -> None:
        self.lines: deque[str] = deque(maxlen=keep)
        self._listeners: list[Callable[[str], None]] = []

    def note(self, line: str) -> None:
        """Add a line."""
        line = line if len(line) <= LONGEST else f"{line[:LONGEST]} ..."
        self.lines.append(line)
        for listener in self._listeners:
            listener(line)

    def listen(self, listener: Callable[[str], None]) -> None:
        """Tell each new line."""
        self._listeners.append(listener)


def version_of(package: str) -> str:
    """Return the version of an installed package, ``not installed`` where there is none."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return "not installed"


def machine() -> str:
    """Return what a report says about nodeviz, Python and the platform, in a few lines."""
    built = " (packaged build)" if getattr(sys, "frozen", False) else ""
    return (
        f"nodeviz {__version__}{built}, Python {platform.python_version()}\n"
        f"{platform.platform()}, {platform.machine()}\n"
        f"{time.strftime('%Y-%m-%d %H:%M:%S %z')}"
    )


def packages() -> str:
    """Return the versions of the packages that matter, in one line."""
    return ", ".join(f"{name} {version_of(name)}" for name in PACKAGES)


def report(what: str, lines: deque[str] | list[str], screen: str = "") -> str:
    """Return the whole text that somebody can send: what happened, on what machine, and what was done before.

    Parameters
    ----------
    what : the traceback, or the log of a crash
    lines : of the log of actions, the newest last
    screen : a line about the display
    """
    actions = "\n".join(lines) or "(nothing yet)"
    parts = [what.rstrip(), "", machine(), packages()]
    return "\n".join([*parts, *([screen] if screen else []), "", "The last actions, as Python:", actions, ""])
