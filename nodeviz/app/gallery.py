"""The gallery of presets: those that ship and the user's own, with picture and sentence; a click loads one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractListModel, QEvent, QModelIndex, QObject, QPersistentModelIndex, QRectF, QSize, Qt
from PySide6.QtGui import QColor, QKeyEvent, QPainter, QPainterPath, QPen, QPixmap, QTextLayout, QTextOption
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QInputDialog,
    QLabel,
    QLineEdit,
    QListView,
    QMenu,
    QMessageBox,
    QStyle,
    QStyledItemDelegate,
    QStyleOptionViewItem,
    QVBoxLayout,
)

from nodeviz.app.commands import Command, in_a_sentence
from nodeviz.app.theme import DARK, THEMES, Theme, ui_font
from nodeviz.app.thumbnails import preset_picture
from nodeviz.app.user_presets import OwnPresets, SaveDialog, delete_preset, rename_preset
from nodeviz.experiments.own_presets import own_presets
from nodeviz.experiments.params import ParamError
from nodeviz.experiments.presets import presets

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from PySide6.QtCore import QPoint
    from PySide6.QtGui import QFont

    from nodeviz.app.main_window import MainWindow
    from nodeviz.experiments.presets import Preset

Index = QModelIndex | QPersistentModelIndex

CARD = QSize(256, 260)
PICTURE = QSize(232, 145)
PAD = 12
YOURS = "Yours"


@dataclass(frozen=True, slots=True)
class Item:
    """A preset with its panel's name and title, and where its picture lies."""

    panel: str
    title: str
    preset: Preset
    picture: Path | None

    def fits(self, words: Sequence[str]) -> bool:
        """Whether every word stands somewhere in it."""
        text = f"{self.preset.title} {self.preset.name} {self.preset.sentence} {self.panel} {self.title}".casefold()
        return all(word in text for word in words)


def items_of(window: MainWindow) -> list[Item]:
    """Return all presets of the window's panels, the user's own first."""
    own, shipped = [], []
    for name, panel in window.panels.items():
        title = panel.record.title
        own += [Item(name, title, each, each.picture) for each in own_presets(name, window.session.folder).values()]
        shipped += [Item(name, title, each, preset_picture(name, each.name)) for each in presets(name).values()]
    return own + shipped


class ItemModel(QAbstractListModel):
    """The presets that fit."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.items: list[Item] = []

    def show_items(self, items: list[Item]) -> None:
        """Show others."""
        self.beginResetModel()
        self.items = items
        self.endResetModel()

    def rowCount(self, parent: Index = QModelIndex()) -> int:  # noqa: B008 - Qt's own signature
        """Return how many there are."""
        return 0 if parent.isValid() else len(self.items)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a preset's title, and its sentence for tooltips and screen readers."""
        item = self.items[index.row()]
        if role == Qt.ItemDataRole.DisplayRole:
            return item.preset.title
        if role in {Qt.ItemDataRole.AccessibleTextRole, Qt.ItemDataRole.AccessibleDescriptionRole}:
            return f"{item.preset.title}, {item.title}. {item.preset.sentence}"
        return item.preset.sentence if role == Qt.ItemDataRole.ToolTipRole else None


class CardPainter(QStyledItemDelegate):
    """Draws a preset: its picture, its title, its panel, its sentence in three lines."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self.theme: Theme = DARK
        self._pictures: dict[Path, QPixmap] = {}

    def forget(self) -> None:
        """Read pictures anew."""
        self._pictures.clear()

    def sizeHint(self, option: QStyleOptionViewItem, index: Index) -> QSize:
        """Return the same size for all."""
        del option, index
        return CARD

    def paint(self, painter: QPainter, option: QStyleOptionViewItem, index: Index) -> None:
        """Draw one card."""
        view: Any = option
        model: Any = index.model()
        item: Item = model.items[index.row()]
        area, theme = QRectF(view.rect).adjusted(4, 4, -4, -4), self.theme
        chosen = bool(view.state & QStyle.StateFlag.State_Selected)
        hovered = bool(view.state & QStyle.StateFlag.State_MouseOver)
        painter.save()
        painter.setRenderHints(QPainter.RenderHint.Antialiasing | QPainter.RenderHint.SmoothPixmapTransform)
        painter.setPen(QPen(QColor(theme.accent if chosen else theme.hairline), 1.5 if chosen else 1))
        painter.setBrush(QColor(theme.raised if hovered else theme.panel))
        painter.drawRoundedRect(area, 6, 6)
        place = QRectF(area.x() + (area.width() - PICTURE.width()) / 2, area.y() + 8, PICTURE.width(), PICTURE.height())
        self._draw_picture(painter, place, item.picture)
        text = QRectF(place.left() + 2, place.bottom() + 8, place.width() - 4, area.bottom() - place.bottom() - 12)
        y = _write(painter, text, item.preset.title, theme.text, ui_font(13, semibold=True), 1)
        kind = f"{item.title} · {YOURS.lower()}" if item.preset.own else item.title
        y = _write(painter, text.adjusted(0, y + 1, 0, 0), kind, theme.quiet, ui_font(11), 1) + y + 1
        _write(painter, text.adjusted(0, y + 3, 0, 0), item.preset.sentence, theme.quiet, ui_font(12), 3)
        painter.restore()

    def _draw_picture(self, painter: QPainter, place: QRectF, path: Path | None) -> None:
        painter.save()
        frame = QPainterPath()
        frame.addRoundedRect(place, 4, 4)
        painter.setClipPath(frame)
        picture = self._picture(path)
        if picture.isNull():
            painter.fillRect(place, QColor(self.theme.ground))
        else:
            painter.drawPixmap(place, picture, QRectF(picture.rect()))
        painter.restore()

    def _picture(self, path: Path | None) -> QPixmap:
        if path is None:
            return QPixmap()
        if path not in self._pictures:
            self._pictures[path] = QPixmap(str(path))
        return self._pictures[path]


def _write(painter: QPainter, area: QRectF, text: str, colour: str, font: QFont, lines: int) -> float:
    """Write a text in at most so many lines, the last one cut short; return the height that it takes."""
    layout = QTextLayout(text, font)
    option = QTextOption()
    option.setWrapMode(QTextOption.WrapMode.WordWrap)
    layout.setTextOption(option)
    layout.beginLayout()
    painter.setFont(font)
    painter.setPen(QColor(colour))
    metrics = painter.fontMetrics()
    y = 0.0
    for number in range(lines):
        line = layout.createLine()
        if not line.isValid():
            break
        line.setLineWidth(area.width())
        start, end = line.textStart(), line.textStart() + line.textLength()
        shown = text[start:end].rstrip()
        if number == lines - 1 and end < len(text):
            shown = metrics.elidedText(text[start:], Qt.TextElideMode.ElideRight, int(area.width()))
        painter.drawText(QRectF(area.x(), area.y() + y, area.width() + 2, metrics.height()), shown)
        y += metrics.lineSpacing()
    layout.endLayout()
    return y


class Gallery(QDialog):
    """All presets as cards, filtered by text and panel."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.setWindowTitle("Presets")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self._window = window
        self.filter = QLineEdit()
        self.filter.setPlaceholderText("Filter by title, sentence or panel")
        self.filter.setAccessibleName("Filter")
        self.filter.setClearButtonEnabled(True)
        self.filter.textChanged.connect(self._show)
        self.filter.installEventFilter(self)
        self.choice = QComboBox()
        self.choice.setAccessibleName("Panel")
        self.choice.addItem("All panels", "")
        for name, panel in window.panels.items():
            self.choice.addItem(panel.record.title, name)
        self.choice.addItem(YOURS, YOURS)
        self.choice.currentIndexChanged.connect(self._show)
        self.model = ItemModel(self)
        self.cards = self._make_cards()
        self.hint = QLabel()
        self.hint.setObjectName("quiet")
        self._lay_out()
        own = window.session.findChild(OwnPresets)
        if own is not None:
            own.changed.connect(self._read)
        self._read()
        self.resize(min(4 * CARD.width() + 48, window.width() - 64), min(720, window.height() - 64))
        self.cards.setFocus()

    def _make_cards(self) -> QListView:
        cards = QListView()
        cards.setObjectName("cards")
        cards.setAccessibleName("Presets")
        cards.setModel(self.model)
        self._painter = CardPainter(self)
        self._painter.theme = THEMES[self._window.theme_name]
        cards.setItemDelegate(self._painter)
        cards.setViewMode(QListView.ViewMode.IconMode)
        cards.setResizeMode(QListView.ResizeMode.Adjust)
        cards.setMovement(QListView.Movement.Static)
        cards.setUniformItemSizes(True)
        cards.setVerticalScrollMode(QListView.ScrollMode.ScrollPerPixel)
        cards.setFrameStyle(0)
        cards.setMouseTracking(True)
        cards.viewport().setCursor(Qt.CursorShape.PointingHandCursor)
        cards.clicked.connect(lambda index: self.load(index.row()))
        cards.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        cards.customContextMenuRequested.connect(self._show_menu)
        cards.installEventFilter(self)
        return cards

    def _lay_out(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(8)
        head.addWidget(self.filter, 1)
        head.addWidget(self.choice)
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        buttons.rejected.connect(self.close)
        close = buttons.button(QDialogButtonBox.StandardButton.Close)
        close.setAutoDefault(False)  # Enter in the filter is not to close
        foot = QHBoxLayout()
        foot.addWidget(self.hint, 1)
        foot.addWidget(buttons)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 16, 16, 16)
        column.setSpacing(12)
        column.addLayout(head)
        column.addWidget(self.cards, 1)
        column.addLayout(foot)

    # What is shown.

    def _read(self) -> None:
        self._all = items_of(self._window)
        self._painter.forget()
        self._show()

    def _show(self) -> None:
        words, panel = self.filter.text().casefold().split(), self.choice.currentData()
        found = [
            item
            for item in self._all
            if item.fits(words) and (not panel or item.panel == panel or (panel == YOURS and item.preset.own))
        ]
        self.model.show_items(found)
        self.cards.setCurrentIndex(self.model.index(0))
        if found:
            self.hint.setText("Click or Enter loads a preset; a right click on one of yours renames or deletes it.")
        elif panel == YOURS and not words:
            self.hint.setText("None of yours yet: choose Presets, a panel, Save as preset.")
        else:
            self.hint.setText("Nothing fits; try fewer words.")

    def changeEvent(self, event: QEvent) -> None:
        """Follow the window's theme."""
        super().changeEvent(event)
        if event.type() == QEvent.Type.StyleChange:
            self._painter.theme = THEMES[self._window.theme_name]

    # What the user does.

    def load(self, row: int) -> None:
        """Load a preset into its panel, and close."""
        if not self.isVisible() or not 0 <= row < len(self.model.items):
            return
        item, window = self.model.items[row], self._window
        try:
            window.session.load_preset(item.panel, item.preset.name)
        except ParamError as error:
            self.hint.setText(str(error))
            return
        window.docks[item.panel].show()
        window.docks[item.panel].raise_()
        self.close()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Enter loads; Down leads from the filter to the cards; Delete and F2 are for the user's own."""
        if not isinstance(event, QKeyEvent) or event.type() != QEvent.Type.KeyPress:
            return super().eventFilter(watched, event)
        key, row = event.key(), self.cards.currentIndex().row()
        if key in {Qt.Key.Key_Return, Qt.Key.Key_Enter}:
            self.load(row)
        elif watched is self.filter and key == Qt.Key.Key_Down:
            self.cards.setFocus()
        elif watched is self.cards and key == Qt.Key.Key_Delete:
            self._ask_delete(row)
        elif watched is self.cards and key == Qt.Key.Key_F2:
            self._ask_name(row)
        else:
            return super().eventFilter(watched, event)
        return True

    def _own(self, row: int) -> Item | None:
        item = self.model.items[row] if 0 <= row < len(self.model.items) else None
        return item if item is not None and item.preset.own else None

    def _show_menu(self, place: QPoint) -> None:
        index = self.cards.indexAt(place)
        row = index.row() if index.isValid() else self.cards.currentIndex().row()
        if not 0 <= row < len(self.model.items):
            return
        self.cards.setCurrentIndex(self.model.index(row))
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Load").triggered.connect(lambda: self.load(row))
        rename, delete = menu.addAction("Rename..."), menu.addAction("Delete...")
        rename.triggered.connect(lambda: self._ask_name(row))
        delete.triggered.connect(lambda: self._ask_delete(row))
        for action in (rename, delete):
            action.setEnabled(self._own(row) is not None)
        menu.popup(self.cards.viewport().mapToGlobal(place))

    def _ask_name(self, row: int) -> None:
        item = self._own(row)
        if item is None:
            return
        box = QInputDialog(self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setWindowTitle("Rename preset")
        box.setLabelText(f"Another name for {item.preset.name!r}:")
        box.setTextValue(item.preset.name)
        box.textValueSelected.connect(lambda name: self._try(rename_preset, item, name))
        box.open()

    def _ask_delete(self, row: int) -> None:
        item = self._own(row)
        if item is None:
            return
        kinds = QMessageBox.StandardButton
        box = QMessageBox(QMessageBox.Icon.NoIcon, "Delete preset", "", kinds.Cancel, self)
        box.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        box.setText(f"Delete your preset {item.preset.name!r} of the {in_a_sentence(item.title)}?")
        box.setInformativeText("Its file goes; what the panel shows stays.")
        delete = box.addButton("Delete", QMessageBox.ButtonRole.DestructiveRole)
        delete.clicked.connect(lambda: self._try(delete_preset, item))
        box.open()

    def _try(self, act: Any, item: Item, *arguments: str) -> None:
        try:
            act(self._window.panels[item.panel], item.preset.name, *arguments)
        except ParamError as error:
            self.hint.setText(str(error))


def gallery_commands(window: MainWindow) -> list[Command]:
    """Return the commands of the gallery and of saving presets."""
    return [
        Command(
            id="gallery",
            title="Gallery…",
            menu="Presets",
            shortcut="Ctrl+Shift+G",
            tip="All presets with picture and sentence",
            callback=lambda: Gallery(window).show(),
            echoes=False,
        ),
        *(
            Command(
                id=f"save_preset_{name}",
                title="Save as preset…",
                menu=f"Presets/{panel.record.title}",
                tip="Keep parameters and seed under a name of your own",
                callback=lambda panel=panel: SaveDialog(window, panel).show(),  # type: ignore[misc]
                echoes=False,
            )
            for name, panel in window.panels.items()
        ),
    ]
