"""Commands as data: menu entry, shortcut and console method all come from one record."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QObject, Qt, Signal
from PySide6.QtGui import QAction, QKeySequence, QShortcut
from PySide6.QtWidgets import QWidget

from nodeviz.experiments.params import ParamError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

# What the controls themselves need: no command may take them alone.
BASIC_KEYS = ("Tab", "Esc", "Return", "Enter", "Left", "Right", "Up", "Down", "Backspace", "Del", "PgUp", "PgDown")


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One thing the user can do.

    Attributes
    ----------
    id : the name of its console method; title : the text of its menu entry
    callback : does it; menu : where it stands, ``File`` or ``View/Theme``
    shortcut : in Qt's notation, until the user chooses another; checked : tells whether it is on, for what can be
        switched
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


class CommandTable(QObject):
    """All commands of a window, by id, and the shortcuts that they have. ``rebound`` says that a shortcut changed."""

    rebound = Signal()

    def __init__(self, parent: QObject, echo: Callable[[str], None]) -> None:
        super().__init__(parent)
        self._parent = parent
        self._echo = echo
        self._commands: dict[str, Command] = {}
        self._actions: dict[str, QAction] = {}
        self._keys: dict[str, list[QShortcut]] = {}
        self._shortcuts: dict[str, str] = {}

    def add(self, command: Command) -> None:
        """Add a command and make its action."""
        action = QAction(command.title, self._parent)
        if command.tip:
            action.setToolTip(command.tip)
        self._commands[command.id] = command
        self._actions[command.id] = action
        self._keys[command.id] = [QShortcut(widget) for widget in command.inside]
        for key in self._keys[command.id]:
            key.setContext(Qt.ShortcutContext.WidgetShortcut)
            key.activated.connect(lambda: self.run(command.id))
        self._bind(command.id, command.shortcut)
        action.setCheckable(command.checked is not None)
        action.triggered.connect(lambda: self.run(command.id))

    def remove(self, name: str) -> None:
        """Take a command away, with its action and its keys."""
        del self._commands[name], self._shortcuts[name]
        action = self._actions.pop(name)
        for place in action.associatedObjects():
            if isinstance(place, QWidget):
                place.removeAction(action)
        for thing in (action, *self._keys.pop(name)):
            thing.deleteLater()

    # Shortcuts.

    def shortcut(self, name: str) -> str:
        """Return the shortcut that a command has now, empty for none."""
        return self._shortcuts[name]

    def changed_shortcuts(self) -> dict[str, str]:
        """Return the shortcuts that differ from those that the commands came with, by id."""
        return {name: keys for name, keys in self._shortcuts.items() if keys != normal(self._commands[name].shortcut)}

    def rebind(self, name: str, keys: str | None) -> None:
        """Give a command another shortcut, none for an empty text, or its own again for None.

        Raises
        ------
        ParamError : no command or no key of that name, or a key that belongs to another command
        """
        command = self._known(name)
        wanted = read_keys(name, command.shortcut if keys is None else keys)
        taken = self.conflicts(name, wanted)
        if taken:
            others = " and ".join(f"{other.title!r} ({other.id})" for other in taken[:2])
            raise ParamError(f"shortcut={wanted}: belongs to {others}; use another, or take it from there first")
        if wanted == self._shortcuts[name]:
            return
        self._bind(name, wanted)
        self._echo(f"commands.rebind({name!r}, {keys!r})")
        self.rebound.emit()

    def reset_shortcuts(self) -> None:
        """Give every command its own shortcut again."""
        for command in self:
            self._bind(command.id, command.shortcut)
        self._echo("commands.reset_shortcuts()")
        self.rebound.emit()

    def conflicts(self, name: str, keys: str) -> list[Command]:
        """Return the other commands that the same key would call at the same place."""
        own = self._commands[name]
        return [
            other
            for other in self
            if other.id != name
            and keys
            and self._shortcuts[other.id] == keys
            and (not own.inside or not other.inside or not set(own.inside).isdisjoint(other.inside))
        ]

    def take_shortcuts(self, kept: Mapping[str, str]) -> None:
        """Put shortcuts in force that were kept; what cannot be used any more is left out."""
        usable = []
        for name, keys in kept.items():
            try:
                self._bind(self._known(name).id, read_keys(name, keys))
                usable.append(name)
            except ParamError:
                continue
        for name in usable:  # only now: two commands may have changed places
            if self.conflicts(name, self._shortcuts[name]):
                self._bind(name, "")
        self.rebound.emit()

    def _bind(self, name: str, keys: str) -> None:
        self._shortcuts[name] = normal(keys)
        if not self._keys[name]:
            self._actions[name].setShortcut(QKeySequence(keys))
        for key in self._keys[name]:
            key.setKey(QKeySequence(keys))

    def _known(self, name: str) -> Command:
        if name not in self._commands:
            raise ParamError(f"commands.{name}: unknown; {nearest(name, self._commands)}")
        return self._commands[name]

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


def normal(keys: str) -> str:
    """Return a shortcut as it is written on every platform."""
    return QKeySequence(keys).toString(QKeySequence.SequenceFormat.PortableText)


def read_keys(name: str, keys: object) -> str:
    """Return a shortcut, checked; an empty text is none.

    Raises
    ------
    ParamError : no key, several keys after one another, or a key that every control needs
    """
    if not isinstance(keys, str):
        raise ParamError(f"{name}: {keys!r} is not a shortcut; write it like Ctrl+Shift+P, or '' for none")
    if keys.strip() and (QKeySequence(keys).count() != 1 or not normal(keys)):
        raise ParamError(f"{name}: {keys!r} is not one key; write it like Ctrl+Shift+P, or '' for none")
    if normal(keys) in BASIC_KEYS:
        raise ParamError(f"{name}: {normal(keys)} belongs to the controls themselves; use it with Ctrl, Alt or Shift")
    return normal(keys)


class ConsoleCommands:
    """The commands as methods, for the console."""

    def __init__(self, table: CommandTable) -> None:
        self.__table = table

    def __dir__(self) -> list[str]:
        return [*(command.id for command in self.__table), "rebind", "reset_shortcuts"]

    def rebind(self, name: str, keys: str | None = None) -> None:
        """Give a command another shortcut, as in rebind("undo", "Ctrl+U"): "" for none, None for its own again."""
        self.__table.rebind(name, keys)

    def reset_shortcuts(self) -> None:
        """Give every command its own shortcut again."""
        self.__table.reset_shortcuts()

    def __getattr__(self, name: str) -> Callable[[], Any]:
        for command in self.__table:
            if command.id == name:
                return self.__method(command)
        raise AttributeError(f"commands.{name}: unknown; {nearest(name, dir(self))}")

    def __method(self, command: Command) -> Callable[[], Any]:
        def method() -> Any:
            return self.__table.run(command.id)

        method.__name__ = command.id
        method.__doc__ = (
            f"{command.title} (menu {command.menu}; shortcut {self.__table.shortcut(command.id) or 'none'})."
        )
        return method

    def __repr__(self) -> str:
        return "\n".join(f"commands.{command.id}()  {command.title}" for command in self.__table)
