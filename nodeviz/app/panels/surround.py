"""What lies around the plots of every panel: its header, and the column of its controls."""

from __future__ import annotations

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QHBoxLayout, QLabel, QScrollArea, QToolButton, QWidget

from nodeviz.app.controls import tool_button
from nodeviz.app.small_screen import Header
from nodeviz.app.theme import ui_font

COLUMN_WIDTH = 212


class PanelHeader(Header):
    """Title and subtitle of a panel, and its three buttons. ``folding`` and ``maximised`` tell that one was pressed."""

    folding = Signal()
    maximised = Signal()

    def __init__(self, title: str) -> None:
        super().__init__()
        self.setObjectName("header")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(self)
        row.setContentsMargins(16, 8, 10, 6)
        row.setSpacing(10)
        self.title_label = QLabel(title)
        self.title_label.setObjectName("title")
        self.title_label.setFont(ui_font(14, semibold=True))
        self.subtitle_label = QLabel()
        self.subtitle_label.setObjectName("subtitle")
        row.addWidget(self.title_label)
        row.addWidget(self.subtitle_label, 1)
        self.fold_button = tool_button("⇥", "Fold or unfold the controls")
        self.fold_button.clicked.connect(self.folding)
        self.maximise_button = tool_button("◻", "Show this panel alone, or all of them")
        self.maximise_button.clicked.connect(self.maximised)
        self.menu_button = tool_button("⋯", "More for this panel")
        self.menu_button.setPopupMode(QToolButton.ToolButtonPopupMode.InstantPopup)
        for button in (self.fold_button, self.maximise_button, self.menu_button):
            row.addWidget(button)


def control_column(form: QWidget) -> QScrollArea:
    """Return the column that a panel's form scrolls in."""
    column = QScrollArea()
    column.setObjectName("column")
    column.setWidget(form)
    column.setWidgetResizable(True)
    column.setFrameStyle(0)
    column.setFocusPolicy(Qt.FocusPolicy.NoFocus)  # it scrolls with what is in it
    column.setAccessibleName("Controls")
    column.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
    column.setFixedWidth(COLUMN_WIDTH)
    # Always there, so that nothing reflows when the column grows; it shows itself only where there is more to see.
    column.setVerticalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOn)
    form.setContentsMargins(0, 0, 6, 0)
    return column
