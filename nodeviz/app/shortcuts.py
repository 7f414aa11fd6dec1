"""Shortcuts as the user wants them: kept in the settings, shown in tooltips, changed in a dialog."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any, NamedTuple

from PySide6.QtCore import QSignalBlocker, Qt
from PySide6.QtGui import QColor, QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from nodeviz.app.commands import Command, CommandTable, read_keys
from nodeviz.app.theme import THEMES
from nodeviz.experiments.params import ParamError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from PySide6.QtWidgets import QWidget

    from nodeviz.app.main_window import MainWindow
    from nodeviz.app.panels.base import Panel

COLUMNS = ("Command", "Where", "Shortcut")


def keep_shortcuts(window: MainWindow) -> None:
    """Put the shortcuts of the settings in force, and keep those that are changed."""
    window.commands.take_shortcuts(window.settings.shortcuts)
    window.commands.rebound.connect(lambda: _save(window))
    show_tips(window)


def _save(window: MainWindow) -> None:
    known = {command.id for command in window.commands}
    others = {name: keys for name, keys in window.settings.shortcuts.items() if name not in known}
    shortcuts = others | window.commands.changed_shortcuts()
    window.settings = dataclasses.replace(window.settings, shortcuts=shortcuts)
    window.tell(window.store.save(window.settings))
    show_tips(window)


def show_tips(window: MainWindow) -> None:
    """Name in the tooltips of buttons the key that does the same."""
    table = window.commands
    known = {command.id for command in table}
    for name, panel in window.panels.items():
        for what, button in buttons_of(panel):
            if f"{what}_{name}" in known:
                tip = button.property("plain_tip") or button.toolTip().partition(" (")[0]
                button.setProperty("plain_tip", tip)
                if button.accessibleName() == button.toolTip():
                    button.setAccessibleName(tip)  # the keys are no part of a name
                keys = table.shortcut(f"{what}_{name}")
                button.setToolTip(f"{tip} ({keys})" if keys else tip)


def buttons_of(panel: Panel[Any, Any]) -> Iterator[tuple[str, QWidget]]:
    """Yield the buttons of a panel that a command does the same as, each with the beginning of the command's name."""
    yield "play", panel.playbar.button
    yield "restart", panel.playbar.restart
    yield "fold", panel.header.fold_button
    bar = getattr(panel, "runbar", None)
    if bar is not None:
        yield "train", bar.train
        yield "step", bar.step
    button, brush = getattr(panel, "brush_button", None), getattr(panel, "brush", None)
    if button is not None and brush is not None:
        yield "brush", button
        yield "brush", brush.done


class Row(NamedTuple):
    """One line of the dialog: commands that do the same in several panels have one shortcut."""

    names: tuple[str, ...]
    title: str
    where: str


def rows_of(window: MainWindow) -> list[Row]:
    """Return what can have a shortcut, in the order of the menus."""
    table = window.commands
    families: dict[tuple[str, ...], list[Command]] = {}
    for command in table:
        panel = next((name for name in window.panels if command.id.endswith(f"_{name}")), "")
        stem = command.id.removesuffix(f"_{panel}") if panel and command.inside else command.id
        families.setdefault((stem, table.action(command.id).text()), []).append(command)
    rows = []
    for (_, title), members in families.items():
        first = members[0]
        where = first.menu.replace("/", " › ")
        if len(members) == len(window.panels) > 1:
            where = "In the plots of every panel"
        elif len(members) > 1:
            titles = [command.menu.partition("/")[2] or command.menu for command in members]
            where = f"In the plots of {', '.join(dict.fromkeys(titles))}"
        elif first.inside:
            where += ", in the plots"
        rows.append(Row(tuple(command.id for command in members), title, where))
    return rows


class ShortcutDialog(QDialog):
    """A table of all commands with their shortcuts; what is changed is in force at once, and remembered."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.setWindowTitle("Keyboard shortcuts")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._table: CommandTable = window.commands
        self._theme = THEMES[window.theme_name]
        self._rows = rows_of(window)
        self._wanted = ""  # a key that belongs to another command
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter by command, menu or key")
        self.filter.setAccessibleName("Filter")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._filter)
        self.table = self._make_table()
        self.caption = QLabel()
        self.edit = QKeySequenceEdit()
        self.edit.setMaximumSequenceLength(1)
        self.edit.setAccessibleName("Press the new shortcut")
        self.edit.setMinimumWidth(180)
        self.edit.editingFinished.connect(self._edited)  # the sequence is emptied before the new key stands in it
        self.clear = _button("None", "Take the shortcut away", self._clear)
        self.reset = _button("Reset", "Give this command its own shortcut again", self._reset)
        self.take = _button("Use it here", "Take the shortcut from the other command", self._take)
        self.message = QLabel()
        self.message.setWordWrap(True)
        self.message.setObjectName("quiet")
        self.reset_all = _button("Reset all", "Give every command its own shortcut again", self._reset_all)
        self._lay_out()
        self._table.rebound.connect(self._show)
        self._show()
        self.table.selectRow(0)
        self.resize(min(760, window.width() - 80), min(600, window.height() - 80))

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(len(self._rows), len(COLUMNS))
        table.setHorizontalHeaderLabels(list(COLUMNS))
        table.setObjectName("rows")
        table.setAccessibleName("Commands")
        table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QTableWidget.SelectionBehavior.SelectRows)
        table.setSelectionMode(QTableWidget.SelectionMode.SingleSelection)
        table.setTabKeyNavigation(False)
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(28)
        header = table.horizontalHeader()
        header.setHighlightSections(False)
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(1, QHeaderView.ResizeMode.Stretch)
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.ResizeToContents)
        header.setMinimumSectionSize(130)
        for number, row in enumerate(self._rows):
            for column, text in enumerate((row.title, row.where, "")):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                if column == 1:
                    item.setForeground(QColor(self._theme.quiet))
                table.setItem(number, column, item)
        table.currentCellChanged.connect(lambda *_: self._chosen())
        table.cellDoubleClicked.connect(lambda *_: self.edit.setFocus())
        return table

    def _lay_out(self) -> None:
        editor = QHBoxLayout()
        editor.addWidget(self.caption, 1)
        editor.addWidget(self.edit)
        editor.addWidget(self.clear)
        editor.addWidget(self.reset)
        said = QHBoxLayout()
        said.addWidget(self.message, 1)
        said.addWidget(self.take)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        foot = QHBoxLayout()
        foot.addWidget(self.reset_all)
        foot.addStretch(1)
        foot.addWidget(buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addWidget(self.filter)
        column.addWidget(self.table, 1)
        for row in (editor, said, foot):
            column.addLayout(row)

    # What is shown.

    @property
    def _row(self) -> Row:
        return self._rows[max(0, self.table.currentRow())]

    def _cell(self, row: int, column: int) -> QTableWidgetItem:
        item = self.table.item(row, column)
        assert item is not None
        return item

    def _filter(self, text: str) -> None:
        """Show the rows that hold every word; the first of them is chosen where the chosen one is hidden."""
        words = text.casefold().split()
        first = -1
        for number in range(len(self._rows)):
            cells = " ".join(self._cell(number, column).text() for column in range(len(COLUMNS))).casefold()
            fits = all(word in cells for word in words)
            self.table.setRowHidden(number, not fits)
            first = number if fits and first < 0 else first
        if first >= 0 and self.table.isRowHidden(max(0, self.table.currentRow())):
            self.table.selectRow(first)

    def _show(self) -> None:
        changed = self._table.changed_shortcuts()
        for number, row in enumerate(self._rows):
            item = self._cell(number, 2)
            item.setText(QKeySequence(self._keys(row)).toString(QKeySequence.SequenceFormat.NativeText))
            own = not any(name in changed for name in row.names)
            item.setForeground(QColor(self._theme.text if own else self._theme.accent))
            item.setToolTip("" if own else f"Its own shortcut: {self._own(row) or 'none'}")
        self.reset_all.setEnabled(bool(changed))
        self._chosen()

    def _keys(self, row: Row) -> str:
        return self._table.shortcut(row.names[0])

    def _own(self, row: Row) -> str:
        return next(command.shortcut for command in self._table if command.id == row.names[0])

    def _chosen(self) -> None:
        """Show the chosen command's shortcut in the line below."""
        row = self._row
        self.caption.setText(f"Shortcut of <b>{row.title}</b>")
        self._put(self._keys(row))
        self.clear.setEnabled(bool(self._keys(row)))
        self.reset.setEnabled(any(name in self._table.changed_shortcuts() for name in row.names))
        self._say("Press the new keys in the field above.")

    def _put(self, keys: str) -> None:
        with QSignalBlocker(self.edit):
            self.edit.setKeySequence(QKeySequence(keys))

    def _say(self, sentence: str, wanted: str = "") -> None:
        self._wanted = wanted
        self.message.setText(sentence)
        self.take.setVisible(bool(wanted))

    # What the user does.

    def _edited(self) -> None:
        """Put a shortcut in force, or say whose it is."""
        row = self._row
        keys = self.edit.keySequence().toString(QKeySequence.SequenceFormat.PortableText)
        if keys == self._keys(row):
            self._say("")
            return
        try:
            keys = read_keys(row.title, keys)
        except ParamError as error:
            self._chosen()
            self._say(str(error))
            return
        taken = self._taken(row, keys)
        if taken:
            names = " and ".join(dict.fromkeys(f"“{command.title}” ({command.menu})" for command in taken))
            self._say(f"{keys} belongs to {names}.", keys)
        else:
            self._rebind(row, keys)

    def _clear(self) -> None:
        self._rebind(self._row, "")

    def _taken(self, row: Row, keys: str) -> list[Command]:
        found = {other.id: other for name in row.names for other in self._table.conflicts(name, keys)}
        return [other for name, other in found.items() if name not in row.names]

    def _rebind(self, row: Row, keys: str | None) -> None:
        for name in row.names:
            self._table.rebind(name, keys)
        self._say(f"{row.title}: {self._keys(row) or 'no shortcut'}")

    def _take(self) -> None:
        row, keys = self._row, self._wanted
        for other in self._taken(row, keys):
            self._table.rebind(other.id, "")
        self._rebind(row, keys)

    def _reset(self) -> None:
        row = self._row
        keys = read_keys(row.title, self._own(row))
        if taken := self._taken(row, keys):
            self._put(keys)
            self._say(f"{keys} belongs to “{taken[0].title}” ({taken[0].menu}) by now.", keys)
        else:
            self._rebind(row, None)

    def _reset_all(self) -> None:
        self._table.reset_shortcuts()
        self._say("Every command has its own shortcut again.")


def _button(text: str, name: str, act: Any) -> QPushButton:
    button = QPushButton(text)
    button.setAccessibleName(name)
    button.setToolTip(name)
    button.setAutoDefault(False)  # Enter in a field is not to press it
    button.clicked.connect(act)
    return button


def shortcut_commands(window: MainWindow) -> list[Command]:
    """Return the command that opens the dialog."""
    return [
        Command(
            id="keyboard_shortcuts",
            title="Keyboard shortcuts…",
            menu="Edit",
            tip="Choose other keys for any command",
            callback=lambda: ShortcutDialog(window).show(),
            echoes=False,
        )
    ]
