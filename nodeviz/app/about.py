"""About nodeviz: its version, and the version and the licence of everything it is built on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication, QIcon
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QDialogButtonBox,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QPlainTextEdit,
    QTableWidget,
    QTableWidgetItem,
    QVBoxLayout,
)

from nodeviz import __version__
from nodeviz.app.licences import Component, components
from nodeviz.app.report import machine
from nodeviz.app.theme import code_font, ui_font

if TYPE_CHECKING:
    from nodeviz.app.main_window import MainWindow

TITLES = ("Built on", "Version", "Licence")
WIDTH, HEIGHT = 880, 560
PAD = 14  # pixels of a cell, left and right together
WIDEST = 140  # pixels of a name; a longer one is told by its tooltip


class About(QDialog):
    """A table of what nodeviz is built on, with the licence of the chosen row beside it."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.setObjectName("about")
        self.setWindowTitle("About nodeviz")
        self.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        self.parts = components()
        self.table = self._make_table()
        self.terms = QPlainTextEdit()
        self.terms.setReadOnly(True)
        self.terms.setTabChangesFocus(True)
        self.terms.setFont(code_font(11))
        self.terms.setAccessibleName("Licence of the chosen row")
        buttons = QDialogButtonBox(QDialogButtonBox.StandardButton.Close)
        copy_versions = buttons.addButton("Copy versions", QDialogButtonBox.ButtonRole.ActionRole)
        copy_terms = buttons.addButton("Copy this licence", QDialogButtonBox.ButtonRole.ActionRole)
        copy_versions.clicked.connect(lambda: _copy(versions(self.parts)))
        copy_terms.clicked.connect(lambda: _copy(self.terms.toPlainText()))
        buttons.rejected.connect(self.close)
        body = QHBoxLayout()
        body.setSpacing(12)
        body.addWidget(self.table, 8)
        body.addWidget(self.terms, 7)
        column = QVBoxLayout(self)
        column.setContentsMargins(16, 12, 16, 12)
        column.setSpacing(12)
        column.addLayout(self._make_head(window.windowIcon()))
        column.addLayout(body, 1)
        column.addWidget(buttons)
        self.table.currentCellChanged.connect(lambda row, *_: self._show(row))
        self.table.setCurrentCell(0, 0)
        self.table.setFocus()
        self.resize(min(WIDTH, round(window.width() * 0.95)), min(HEIGHT, round(window.height() * 0.9)))

    def _make_head(self, icon: QIcon) -> QHBoxLayout:
        picture = QLabel()
        picture.setPixmap(icon.pixmap(40, 40))
        picture.setHidden(icon.isNull())
        name = QLabel(f"nodeviz {__version__}")
        name.setFont(ui_font(16, semibold=True))
        words = QLabel("A desktop laboratory for ODE solvers and continuous-depth deep learning. MIT licence.")
        words.setObjectName("quiet")
        words.setWordWrap(True)
        lines = QVBoxLayout()
        lines.setSpacing(0)
        lines.addWidget(name)
        lines.addWidget(words)
        row = QHBoxLayout()
        row.setSpacing(12)
        row.addWidget(picture)
        row.addLayout(lines, 1)
        return row

    def _make_table(self) -> QTableWidget:
        table = QTableWidget(len(self.parts), len(TITLES))
        table.setHorizontalHeaderLabels(list(TITLES))
        table.setAccessibleName("What nodeviz is built on")
        table.setEditTriggers(QAbstractItemView.EditTrigger.NoEditTriggers)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        table.setTabKeyNavigation(False)  # Tab leaves the table, arrows move in it
        table.setShowGrid(False)
        table.setWordWrap(False)
        table.verticalHeader().hide()
        table.verticalHeader().setDefaultSectionSize(22)
        for r, part in enumerate(self.parts):
            for c, text in enumerate((part.name, part.version, part.licence)):
                item = QTableWidgetItem(text)
                item.setToolTip(text)
                table.setItem(r, c, item)
        header = table.horizontalHeader()
        header.setDefaultAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
        header.setHighlightSections(False)
        for column in (0, 1):
            table.resizeColumnToContents(column)
            wide = max(table.columnWidth(column), header.sectionSizeHint(column)) + PAD
            table.setColumnWidth(column, min(wide, WIDEST))
        header.setSectionResizeMode(2, QHeaderView.ResizeMode.Stretch)
        return table

    def _show(self, row: int) -> None:
        if row >= 0:
            self.terms.setPlainText(self.parts[row].text())


def about(window: MainWindow) -> None:
    """Show what nodeviz is and what it is built on."""
    About(window).show()


def versions(parts: list[Component]) -> str:
    """Return all versions and licences as text."""
    rows = [f"{part.name} {part.version} ({part.licence})" for part in parts]
    return "\n".join([machine(), "", *rows, ""])


def _copy(text: str) -> None:
    QGuiApplication.clipboard().setText(text)
