"""The command palette: one line that finds and does everything, with the keyboard alone."""

from __future__ import annotations

import dataclasses
from functools import partial
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QKeyEvent, QPainter
from PySide6.QtWidgets import (
    QApplication,
    QFrame,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListView,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
    QWidget,
)

from nodeviz.app.commands import Command, in_a_sentence
from nodeviz.app.palette_entries import Entry, choices_of, entries, ranked
from nodeviz.app.settings import MAX_RECENT
from nodeviz.app.theme import DARK, THEMES, Theme, ui_font
from nodeviz.experiments.params import ParamError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from nodeviz.app.main_window import MainWindow

Index = QModelIndex | QPersistentModelIndex
Rows = list[tuple[Entry, tuple[int, ...]]]

WIDTH, ROW_HEIGHT, MOST_ROWS = 660, 32, 11
PAD = 12  # pixels at both sides of a row
HINT = "Up and Down choose, Enter does it, Escape closes"
MOVES = {Qt.Key.Key_Up: -1, Qt.Key.Key_Down: 1, Qt.Key.Key_PageUp: -MOST_ROWS, Qt.Key.Key_PageDown: MOST_ROWS}


class RowModel(QAbstractListModel):
    """The entries that fit, in their order."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.rows: Rows = []

    def show_rows(self, rows: Rows) -> None:
        """Show other entries."""
        self.beginResetModel()
        self.rows = rows
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Return how many there are."""
        return 0 if parent.isValid() else len(self.rows)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return an entry's title, and for screen readers all that its row shows."""
        entry = self.rows[index.row()][0]
        if role == Qt.ItemDataRole.DisplayRole:
            return entry.title
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return ", ".join(filter(None, (entry.title, entry.where, entry.side)))
        return None


class RowPainter(QStyledItemDelegate):
    """Draws a row: the title with the letters that were typed, where it lives, and the shortcut or the value."""

    theme: Theme = DARK

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the same height for all."""
        del option, index
        return QSize(10, ROW_HEIGHT)

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one row."""
        view: Any = option
        model: Any = index.model()
        entry, places = model.rows[index.row()]
        area, theme = QRectF(view.rect), self.theme
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        if view.state & QStyle.StateFlag.State_Selected:
            painter.setPen(Qt.PenStyle.NoPen)
            painter.setBrush(QColor(theme.raised))
            painter.drawRoundedRect(area.adjusted(4, 1, -4, -1), 4, 4)
        area.adjust(PAD, 0, -PAD, 0)
        side = _write(painter, area, entry.side, theme.quiet, ui_font(12), right=True)
        area.setRight(area.right() - side - (PAD if side else 0))
        colour = theme.text if entry.able else theme.quiet
        area.setLeft(area.left() + self._title(painter, area, entry.title, places, colour) + PAD)
        _write(painter, area, entry.where, theme.quiet, ui_font(12))
        painter.restore()

    def _title(self, painter: QPainter, area: QRectF, title: str, places: Sequence[int], colour: str) -> float:
        """Draw a title whose typed letters are marked; return its width."""
        plain, marked = ui_font(13), ui_font(13, semibold=True)
        if QFontMetricsF(marked).horizontalAdvance(title) > area.width():
            return _write(painter, area, title, colour, plain)  # too long for marks: it is cut short
        x, start = area.left(), 0
        while start < len(title):
            end = start + 1
            while end < len(title) and (end in places) == (start in places):
                end += 1
            on = start in places
            place = QRectF(x, area.top(), area.right() - x, area.height())
            x += _write(painter, place, title[start:end], self.theme.accent if on else colour, marked if on else plain)
            start = end
        return x - area.left()


def _write(painter: QPainter, area: QRectF, text: str, colour: str, font: QFont, *, right: bool = False) -> float:
    """Write a text, cut short where there is no room; return its width."""
    metrics = QFontMetricsF(font)
    fits = text
    if metrics.horizontalAdvance(text) > area.width() + 1:
        fits = metrics.elidedText(text, Qt.TextElideMode.ElideRight, max(0.0, area.width()))
    painter.setFont(font)
    painter.setPen(QColor(colour))
    side = Qt.AlignmentFlag.AlignRight if right else Qt.AlignmentFlag.AlignLeft
    flags = side | Qt.AlignmentFlag.AlignVCenter | Qt.TextFlag.TextSingleLine
    painter.drawText(area, int(flags), fits)
    return metrics.horizontalAdvance(fits)


class Palette(QFrame):
    """A line to type into above a list of what fits, over the window. Where a value is asked for, the same line asks.

    It closes when something is chosen, on Escape, and when the focus goes elsewhere.
    """

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.setObjectName("command_palette")
        self.setAccessibleName("Command palette")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self._window = window
        self._all: list[Entry] = []
        self._asking: Entry | None = None
        self._typed = ""
        self._before: QWidget | None = None
        self._near = ""
        self.prompt = QLabel()
        self.prompt.setObjectName("quiet")
        self.line = QLineEdit()
        self.line.setObjectName("palette_line")
        self.line.setAccessibleName("What to do")
        self.line.textChanged.connect(self._on_text)
        self.line.installEventFilter(self)
        self.model = RowModel(self)
        self.rows = QListView()
        self.rows.setModel(self.model)
        self.rows.setUniformItemSizes(True)
        self.rows.setFrameStyle(0)
        self.rows.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        self.rows.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.rows.setAccessibleName("What fits")
        self._painter = RowPainter(self)
        self.rows.setItemDelegate(self._painter)
        self.rows.clicked.connect(lambda index: self.choose(index.row()))
        self.hint = QLabel()
        self.hint.setObjectName("palette_hint")
        self.hint.setWordWrap(True)
        self._lay_out()
        self.hide()

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setContentsMargins(PAD, PAD, PAD, 8)
        head.setSpacing(8)
        head.addWidget(self.prompt)
        head.addWidget(self.line, 1)
        self._column = column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(head)
        column.addWidget(self.rows)
        self.hint.setContentsMargins(PAD, 6, PAD, 10)
        column.addWidget(self.hint)

    # Opening and closing.

    def open(self) -> None:
        """Show everything that can be chosen, what was chosen last first; once more: close."""
        if self.isVisible():
            self.close()
            return
        window = self._window
        self._before = QApplication.focusWidget()
        self._near = next((name for name, panel in window.panels.items() if _within(self._before, panel)), "")
        self._all = entries(window)
        self._painter.theme = THEMES[window.theme_name]
        self._list("")
        self.raise_()
        self.show()
        self.line.setFocus(Qt.FocusReason.PopupFocusReason)
        QApplication.instance().focusChanged.connect(self._on_focus)  # type: ignore[union-attr]

    def closeEvent(self, event: QEvent) -> None:
        """Give the focus back to where it was."""
        QApplication.instance().focusChanged.disconnect(self._on_focus)  # type: ignore[union-attr]
        inside = _within(QApplication.focusWidget(), self)
        self._all, before, self._before = [], self._before, None
        event.accept()
        if inside and before is not None:
            self.hide()
            before.setFocus(Qt.FocusReason.PopupFocusReason)

    def _on_focus(self, old: QWidget | None, new: QWidget | None) -> None:
        del old
        if new is not None and self.isVisible() and not _within(new, self):
            self.close()

    # What is listed.

    def _list(self, typed: str) -> None:
        """List what fits, and no value is asked for."""
        self._asking = None
        self.prompt.hide()
        self.line.setPlaceholderText("A command, a preset, a panel, or a parameter to set")
        self.line.setText(typed)
        self._on_text()

    def _ask(self, entry: Entry) -> None:
        """Ask for a value in the same line, or list the choices."""
        assert entry.ask is not None
        self._typed, self._asking = self.line.text(), entry
        self.prompt.setText(f"{entry.where}: {entry.ask.title} =")
        self.prompt.show()
        self.line.setPlaceholderText("One of these" if entry.ask.choices else "A value")
        self.line.setText("" if entry.ask.choices else entry.ask.value)
        self.line.selectAll()
        self._on_text()

    def _on_text(self) -> None:
        typed = self.line.text()
        if self._asking is None:
            rows = ranked(self._all, typed, self._window.settings.recent, self._near)
            hint = HINT if rows else f"Nothing fits {typed!r}; try fewer letters"
        else:
            assert self._asking.ask is not None
            rows = ranked(choices_of(self._asking), typed)
            hint = self._asking.ask.limits
        self.model.show_rows(rows)
        self.rows.setCurrentIndex(self.model.index(0))
        self._say(hint)

    def _say(self, sentence: str, *, refused: bool = False) -> None:
        self.hint.setText(sentence)
        for widget in (self.line, self.hint):
            if bool(widget.property("refused")) is not refused:
                widget.setProperty("refused", refused)
                widget.style().unpolish(widget)
                widget.style().polish(widget)
        self._place()

    def _place(self) -> None:
        """Stand in the middle of the window's upper part, as high as the rows need."""
        window = self._window
        width = min(WIDTH, window.width() - 32)
        least, free = 3, window.height() - 160  # pixels of head, hint and a distance to the edges
        count = min(len(self.model.rows), MOST_ROWS, max(least, free // ROW_HEIGHT))
        self.rows.setVisible(bool(count))
        self.rows.setFixedHeight(count * ROW_HEIGHT + 2)
        self.setFixedWidth(width)
        self._column.activate()
        self.resize(width, self._column.totalHeightForWidth(width))
        self.move((window.width() - width) // 2, min(72, window.height() // 10))

    # What the user does.

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Take the keys that move and choose; all others are typed."""
        if isinstance(event, QKeyEvent) and event.type() == QEvent.Type.KeyPress:
            key = Qt.Key(event.key())
            if key in MOVES:
                self._move(MOVES[key])
            elif key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
                self.choose(self.rows.currentIndex().row())
            elif key == Qt.Key.Key_Escape and self._asking is not None:
                self._list(self._typed)
            elif key == Qt.Key.Key_Escape:
                self.close()
            elif key not in {Qt.Key.Key_Tab, Qt.Key.Key_Backtab}:  # there is nothing else to go to
                return super().eventFilter(watched, event)
            return True
        return super().eventFilter(watched, event)

    def _move(self, by: int) -> None:
        """Go up or down; from one end to the other only by single steps."""
        count, row = len(self.model.rows), self.rows.currentIndex().row() + by
        if count:
            row = row % count if abs(by) == 1 else min(max(row, 0), count - 1)
            self.rows.setCurrentIndex(self.model.index(row))

    def choose(self, row: int) -> None:
        """Do what a row says, or ask for its value; in the line of a value take what was typed."""
        entry = self.model.rows[row][0] if 0 <= row < len(self.model.rows) else None
        asking = self._asking
        if asking is not None and asking.ask is not None and not asking.ask.choices:
            entry = dataclasses.replace(asking, act=lambda: asking.ask.take(self.line.text()))  # type: ignore[union-attr]
        if entry is None:
            return
        if asking is None and entry.ask is not None:
            self._ask(entry)
        elif not entry.able:
            self._say(f"{entry.title}: there is nothing to do now")
        elif entry.act is not None and asking is not None:
            try:
                entry.act()
            except ParamError as error:
                self._say(str(error), refused=True)
            else:
                self._remember(entry)
                self.close()
        elif entry.act is not None:
            self._remember(entry)
            self.close()  # first: what is done may want the focus
            try:
                entry.act()
            except ParamError as error:
                self._window.tell(str(error))

    def _remember(self, entry: Entry) -> None:
        settings = self._window.settings
        recent = (entry.id, *(name for name in settings.recent if name != entry.id))
        self._window.settings = dataclasses.replace(settings, recent=recent[:MAX_RECENT])


def _within(widget: QWidget | None, whole: QWidget) -> bool:
    return widget is not None and whole.isAncestorOf(widget)


def open_palette(window: MainWindow) -> None:
    """Open the window's palette, or close it."""
    (window.findChild(Palette) or Palette(window)).open()


def palette_commands(window: MainWindow) -> list[Command]:
    """Return the commands that open the palette, and those that go to a panel with the keyboard."""
    return [
        Command(
            id="palette",
            title="Command palette…",
            menu="View",
            shortcut="Ctrl+Shift+P",
            tip="Find a command, a preset or a parameter by a few letters",
            callback=lambda: open_palette(window),
            echoes=False,
        ),
        *(
            Command(
                id=f"go_to_{name}",
                title=f"Go to {in_a_sentence(panel.record.title)}",
                menu=f"Panels/{panel.record.title}",
                shortcut=f"Alt+{number}",
                tip="Show the panel, with the keys for its main plot",
                callback=partial(go_to, window, name),
            )
            for number, (name, panel) in enumerate(window.panels.items(), start=1)
        ),
    ]


def go_to(window: MainWindow, name: str) -> None:
    """Show a panel in front, and give its main plot the focus."""
    window.docks[name].show()
    window.docks[name].raise_()
    window.panels[name].plots[0].setFocus(Qt.FocusReason.ShortcutFocusReason)
