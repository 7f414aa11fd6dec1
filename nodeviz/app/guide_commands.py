"""The guide's commands: the dock itself, one panel without the others, and what a plot shows."""

from __future__ import annotations

import weakref
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtGui import QUndoCommand

from nodeviz.app.commands import Command, in_a_sentence
from nodeviz.app.guide_card import askable, explain, explain_on_demand

if TYPE_CHECKING:
    from nodeviz.app.main_window import MainWindow
    from nodeviz.app.panels.base import Panel


class OnlyPanel(QUndoCommand):
    """One panel without the others, and back."""

    def __init__(self, window: MainWindow, name: str) -> None:
        super().__init__(f"show {in_a_sentence(window.panels[name].record.title)} alone")
        self._window = weakref.ref(window)  # see `nodeviz.app.session.Change`
        self._before = {panel for panel in window.panels if not window.docks[panel].isHidden()}
        self._after = {name}

    @property
    def changes(self) -> bool:
        """Whether anything else is on show now."""
        return self._before != self._after

    def redo(self) -> None:
        """Show the one."""
        self._show(self._after)

    def undo(self) -> None:
        """Show what was there before."""
        self._show(self._before)

    def _show(self, names: set[str]) -> None:
        window = self._window()
        if window is not None:
            # Those that go first: a window grows where old and new ones do not fit beside each other.
            for panel in sorted(window.panels, key=names.__contains__):
                window.docks[panel].setVisible(panel in names)


def guide_commands(window: MainWindow) -> list[Command]:
    """Return the commands of the guide."""
    made = [
        Command(
            id="guide",
            title="Guide",
            tip="Seven chapters that set up the panels and ask you to try something",
            menu="Help",
            shortcut="F2",
            callback=lambda: toggle(window),
            checked=lambda: not window.docks["guide"].isHidden(),
        )
    ]
    for name, panel in window.panels.items():
        made += panel_commands(window, name, panel)
    return made


def panel_commands(window: MainWindow, name: str, panel: Panel[Any, Any]) -> list[Command]:
    """Return the commands of one panel."""
    menu = f"Panels/{panel.record.title}"
    explain_on_demand(panel)
    return [
        Command(
            id=f"only_{name}",
            title="Show without the other panels",
            menu=menu,
            callback=partial(show_only, window, name),
        ),
        Command(
            id=f"explain_{name}",
            title="What am I seeing?",
            tip="A card about the plot that has the focus, or the main plot",
            menu=menu,
            shortcut="Shift+F1",
            inside=tuple(askable(panel)),
            callback=lambda: explain(panel),
        ),
    ]


def show_only(window: MainWindow, name: str) -> None:
    """Show one panel without the others."""
    change = OnlyPanel(window, name)
    if change.changes:
        window.session.undo_stack.push(change)


def toggle(window: MainWindow) -> None:
    """Show the guide, ready for the keyboard, or hide it."""
    dock = window.docks["guide"]
    dock.setVisible(dock.isHidden())
    if not dock.isHidden():
        dock.raise_()
        window.guide.open()
