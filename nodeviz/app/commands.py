"""Commands as data: menu entry, shortcut and console method all come from one record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QKeySequence, QShortcut

from nodeviz.experiments.params import nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from PySide6.QtCore import QObject
    from PySide6.QtWidgets import QWidget


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One thing the user can do.

    Attributes
    ----------
    id : the name of its console method; title : the text of its menu entry
    callback : does it; menu : where it stands, ``File`` or ``View/Theme``
    shortcut : in Qt's notation; checked : tells whether it is on, for what can be switched
    inside : where the shortcut works, everywhere in the window if empty: a key such as Space means something else to a
        check box, so that the plots alone take it for play
    tip : a sentence for the menu
    echoes : whether the line of Python in the log is ``commands.id()``; the others say their own
    """

    id: str
    title: str
    callback: Callable[[], Any]
    menu: str
    shortcut: str = ""
    inside: tuple[QWidget, ...] = ()
    tip: str = ""
    checked: Callable[[], bool] | None = None
    echoes: bool = True


def in_a_sentence(title: str) -> str:
    """Return a title as it stands within a sentence: its first letter is small, and abbreviations are as they were."""
    return title[:1].lower() + title[1:]


class CommandTable:
    """All commands of a window, by id."""

    def __init__(self, parent: QObject, echo: Callable[[str], None]) -> None:
        self._parent = parent
        self._echo = echo
        self._commands: dict[str, Command] = {}
        self._actions: dict[str, QAction] = {}

    def add(self, command: Command) -> None:
        """Add a command and make its action."""
        action = QAction(command.title, self._parent)
        if command.tip:
            action.setToolTip(command.tip)
        if command.shortcut and not command.inside:
            action.setShortcut(QKeySequence(command.shortcut))
        for widget in command.inside:
            key = QShortcut(QKeySequence(command.shortcut), widget, context=Qt.ShortcutContext.WidgetShortcut)
            key.activated.connect(lambda: self.run(command.id))
        action.setCheckable(command.checked is not None)
        action.triggered.connect(lambda: self.run(command.id))
        self._commands[command.id] = command
        self._actions[command.id] = action

    def run(self, name: str) -> Any:
        """Do what a command says; the log gets the line of Python that does it again.

        Raises
        ------
        KeyError : no such command; the nearest one is suggested
        """
        if name not in self._commands:
            raise KeyError(f"commands.{name}: unknown; {nearest(name, self._commands)}")
        command = self._commands[name]
        result = command.callback()
        if command.echoes:  # afterwards: undo ends a drag, whose own line comes before this one
            self._echo(f"commands.{name}()")
        self.refresh()
        return result

    def refresh(self) -> None:
        """Show which commands are on."""
        for name, command in self._commands.items():
            if command.checked is not None:
                self._actions[name].setChecked(command.checked())

    def action(self, name: str) -> QAction:
        """Return the action of a command, for menus and buttons."""
        return self._actions[name]

    def __iter__(self) -> Iterator[Command]:
        return iter(self._commands.values())


class ConsoleCommands:
    """The commands as methods, for the console."""

    def __init__(self, table: CommandTable) -> None:
        self.__table = table

    def __dir__(self) -> list[str]:
        return [command.id for command in self.__table]

    def __getattr__(self, name: str) -> Callable[[], Any]:
        for command in self.__table:
            if command.id == name:
                return self.__method(command)
        raise AttributeError(f"commands.{name}: unknown; {nearest(name, dir(self))}")

    def __method(self, command: Command) -> Callable[[], Any]:
        def method() -> Any:
            return self.__table.run(command.id)

        method.__name__ = command.id
        method.__doc__ = f"{command.title} (menu {command.menu}; shortcut {command.shortcut or 'none'})."
        return method

    def __repr__(self) -> str:
        return "\n".join(f"commands.{command.id}()  {command.title}" for command in self.__table)
