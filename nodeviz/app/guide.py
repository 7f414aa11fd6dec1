"""The guide: a dock that walks through continuous-depth learning, sets up the panels and asks to try something."""

from __future__ import annotations

import dataclasses
import itertools
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QDockWidget,
    QHBoxLayout,
    QLabel,
    QPushButton,
    QSizePolicy,
    QStackedWidget,
    QToolButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from nodeviz.app.commands import ConsoleCommands, in_a_sentence
from nodeviz.app.controls import tool_button
from nodeviz.app.guide_checks import CHECKS
from nodeviz.app.guide_lines import run_line
from nodeviz.app.guide_page import Page
from nodeviz.app.guide_text import Chapter, Step, chapters, spoken
from nodeviz.app.theme import DARK, Theme, ui_font
from nodeviz.experiments.params import ParamError

if TYPE_CHECKING:
    from PySide6.QtGui import QShowEvent

    from nodeviz.app.main_window import MainWindow

NARROWEST, WIDEST = 256, 348  # pixels; the panels need the rest, but a guide that floats may be wider
NO_LIMIT = 2**24 - 1  # Qt's own word for no limit
INTRODUCTION = "Each step sets up the panels, says what there is to see, and asks you to try something."
DONE = " ✓"


class Guide(QWidget):
    """The chapters and one step at a time. Its place and what was done are remembered in the settings."""

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self.setObjectName("guide")
        self.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        self.setMinimumWidth(NARROWEST)
        self.setMaximumWidth(WIDEST)
        self._window = window
        self._theme = DARK
        self.steps: tuple[Step, ...] = tuple(step for chapter in chapters() for step in chapter.steps)
        self.done = set(window.settings.guide_done)
        places = [step.place for step in self.steps]
        place = window.settings.guide_place
        self._number = places.index(place) if place in places else 0
        self._armed = False  # whether the task of the step on show was seen undone
        self._at_work = False  # whether the panels are just being set up
        self.header = self._make_header()
        self.contents = self._make_contents()
        self.page = Page("Step of the guide")
        self.stack = QStackedWidget()
        self.stack.addWidget(self._make_first())
        self.stack.addWidget(self._make_step())
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(self.stack)
        self.show_contents(on=not place)
        window.session.changed.connect(self.look)

    # Layout.

    def _make_header(self) -> QWidget:
        header = QWidget()
        header.setObjectName("header")
        header.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
        row = QHBoxLayout(header)
        row.setContentsMargins(16, 8, 10, 6)
        row.setSpacing(10)
        title = QLabel("Guide")
        title.setObjectName("title")
        title.setFont(ui_font(14, semibold=True))
        self.where = QLabel()
        self.where.setObjectName("subtitle")
        self.where.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Preferred)
        self.list_button = tool_button("☰", "All chapters")
        self.list_button.setCheckable(True)
        self.list_button.clicked.connect(lambda on: self.show_contents(on=on))
        self.close_button = tool_button("✕", "Close the guide")
        self.close_button.clicked.connect(lambda: self._window.commands.run("guide"))
        row.addWidget(title)
        row.addWidget(self.where, 1)
        row.addWidget(self.list_button)
        row.addWidget(self.close_button)
        return header

    def _make_contents(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setObjectName("contents")
        tree.setAccessibleName("Chapters of the guide")
        tree.setHeaderHidden(True)
        tree.setIndentation(14)
        tree.setFrameStyle(0)
        tree.setExpandsOnDoubleClick(False)
        self._items: dict[str, QTreeWidgetItem] = {}
        for chapter in chapters():
            top = QTreeWidgetItem(tree, [chapter.title])
            top.setFont(0, ui_font(13, semibold=True))
            top.setToolTip(0, chapter.sentence)
            self._items[chapter.name] = top
            for step in chapter.steps:
                item = QTreeWidgetItem(top, [step.title])
                item.setData(0, Qt.ItemDataRole.UserRole, step.place)
                self._items[step.place] = item
        tree.itemActivated.connect(self._choose)
        tree.itemClicked.connect(self._choose)
        return tree

    def _make_first(self) -> QWidget:
        first = leaf()
        words = QLabel(INTRODUCTION)
        words.setObjectName("quiet")
        words.setWordWrap(True)
        words.setContentsMargins(16, 4, 16, 8)
        column = QVBoxLayout(first)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(words)
        column.addWidget(self.contents, 1)
        return first

    def _make_step(self) -> QWidget:
        self.back_button, self.set_up_button, self.next_button = (
            QPushButton("Back"),
            QPushButton("Set up"),
            QPushButton("Next"),
        )
        self._turners = (self.back_button, self.set_up_button, self.next_button)
        self.show_button = tool_button("Show me", "Do what the task asks")
        self.show_button.setObjectName("show")
        self.set_up_button.setObjectName("primary")
        self.set_up_button.setToolTip("Put the panels as this step needs them; Undo takes it back")
        self.back_button.setToolTip("The step before (Alt+Left)")
        self.next_button.setToolTip("The step after (Alt+Right)")
        for button, does in (
            (self.back_button, lambda: self.go(-1)),
            (self.set_up_button, self.set_up),
            (self.show_button, self.show_answer),
            (self.next_button, lambda: self.go(+1)),
        ):
            button.clicked.connect(does)
        for key, by in (("Alt+Left", -1), ("Alt+Right", 1)):
            shortcut = QShortcut(QKeySequence(key), self, context=Qt.ShortcutContext.WidgetWithChildrenShortcut)
            shortcut.activated.connect(lambda by=by: self.go(by))
        row = QHBoxLayout()
        row.setContentsMargins(16, 8, 16, 12)
        row.setSpacing(8)
        for button in self._turners:
            row.addWidget(button)
        row.addStretch(1)
        step = leaf()
        column = QVBoxLayout(step)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(self.page, 1)
        column.addWidget(self.show_button)
        column.addLayout(row)
        return step

    # What is on show.

    @property
    def step(self) -> Step:
        """The step on show."""
        return self.steps[self._number]

    @property
    def chapter(self) -> Chapter:
        """The chapter of the step on show."""
        return next(chapter for chapter in chapters() if self.step in chapter.steps)

    def order_tabs(self) -> None:
        """Let Tab go through the guide as the eye does, once its header has its place."""
        order = (self.list_button, self.close_button, self.contents, self.page, self.show_button, *self._turners)
        for first, second in itertools.pairwise(order):
            QWidget.setTabOrder(first, second)

    def open(self) -> None:
        """Take the keyboard, where it is needed next."""
        (self.contents if self.stack.currentIndex() == 0 else self.set_up_button).setFocus()

    def show_contents(self, *, on: bool) -> None:
        """Show all chapters, or the step."""
        self.stack.setCurrentIndex(0 if on else 1)
        self.list_button.setChecked(on)
        self._refresh()

    def _refresh(self) -> None:
        """Write what is on show, where anybody can see it: a window that starts without the guide need not wait."""
        if self.isVisible():
            self._show_marks() if self.stack.currentIndex() == 0 else self._show_step()

    def showEvent(self, event: QShowEvent) -> None:
        """Write what is on show."""
        super().showEvent(event)
        self._refresh()

    def go(self, by: int) -> None:
        """Turn some pages on; the first and the last are the ends."""
        self.open_step(self.steps[min(max(self._number + by, 0), len(self.steps) - 1)].place)

    def open_step(self, place: str) -> None:
        """Show a step."""
        self._number = [step.place for step in self.steps].index(place)
        self._armed = False
        self.show_contents(on=False)
        self.page.verticalScrollBar().setValue(0)
        self._remember()
        self.look()

    def _choose(self, item: QTreeWidgetItem) -> None:
        if item.childCount():
            item.setExpanded(not item.isExpanded())
            return
        self.open_step(item.data(0, Qt.ItemDataRole.UserRole))
        self.set_up_button.setFocus()

    def set_theme(self, theme: Theme) -> None:
        """Take the colours of a theme."""
        self._theme = theme
        self._refresh()

    def _show_step(self) -> None:
        step, chapter, page = self.step, self.chapter, self.page
        done = step.place in self.done
        kept = page.verticalScrollBar().value()
        page.begin(self._theme)
        page.add_title(step.title)
        page.add_text(step.text)
        page.add_task("Done" + DONE if done else "Try", step.task, done=done)
        page.add_code("Set up runs", step.setup)
        page.setAccessibleDescription("\n".join([step.title, spoken(step.text), spoken(step.task)]))
        page.verticalScrollBar().setValue(kept)
        number = chapter.steps.index(step) + 1
        self.where.setText(f"{number} of {len(chapter.steps)} · {in_a_sentence(chapter.title)}")
        self.back_button.setEnabled(self._number > 0)
        self.next_button.setEnabled(self._number < len(self.steps) - 1)

    def _show_marks(self) -> None:
        for number, chapter in enumerate(chapters(), 1):
            count = sum(step.place in self.done for step in chapter.steps)
            said = DONE if count == len(chapter.steps) else f"   {count} of {len(chapter.steps)}" if count else ""
            self._items[chapter.name].setText(0, f"{number}  {chapter.title}{said}")
            for step in chapter.steps:
                self._items[step.place].setText(0, step.title + (DONE if step.place in self.done else ""))
        self.where.setText(f"{len(self.done & set(self._items))} of {len(self.steps)} done")
        self.contents.setCurrentItem(self._items[self.step.place])

    # What it does.

    def set_up(self) -> None:
        """Put the panels as the step needs them, as one step of undo."""
        self._run(f"guide: {self.step.title}", self.step.setup)
        self._armed = False
        self.look()

    def show_answer(self) -> None:
        """Do what the task asks, as one step of undo."""
        self._run(f"guide: try {self.step.title}", self.step.answer)
        self.look()

    def _run(self, title: str, lines: tuple[str, ...]) -> None:
        window = self._window
        names = {**window.facades, "commands": ConsoleCommands(window.commands)}
        stack = window.session.undo_stack
        stack.beginMacro(title)
        self._at_work = True
        try:
            for line in lines:
                run_line(line, names)
        except ParamError as error:  # what somebody did in the meantime can stand in the way
            window.panels[self.step.panel].show_message(str(error))
        finally:
            self._at_work = False
            stack.endMacro()

    def look(self, panel: str = "") -> None:
        """See whether the task of the step on show was done; what was true from the start does not count."""
        del panel
        step = self.step
        if self._at_work or step.place in self.done or step.panel not in self._window.facades:
            return
        holds = CHECKS[step.place](self._window.facades[step.panel])
        if holds and self._armed:
            self.done.add(step.place)
            self._remember()
            self._refresh()
        self._armed = not holds

    def _remember(self) -> None:
        window = self._window
        done = tuple(step.place for step in self.steps if step.place in self.done)
        window.settings = dataclasses.replace(window.settings, guide_place=self.step.place, guide_done=done)


def leaf() -> QWidget:
    """Return an empty page with the ground of a panel."""
    made = QWidget()
    made.setObjectName("leaf")
    made.setAttribute(Qt.WidgetAttribute.WA_StyledBackground)
    return made


def guide_dock(window: MainWindow, guide: Guide) -> QDockWidget:
    """Return a dock with the guide, at the right of the window and hidden."""
    dock = QDockWidget("Guide", window)
    dock.setObjectName("guide")
    dock.setWidget(guide)
    dock.setTitleBarWidget(guide.header)
    dock.topLevelChanged.connect(lambda free: guide.setMaximumWidth(NO_LIMIT if free else WIDEST))
    place_guide(window, dock)
    guide.order_tabs()
    dock.hide()
    return dock


def place_guide(window: MainWindow, dock: QDockWidget) -> None:
    """Put the guide to the right of everything."""
    right = Qt.DockWidgetArea.RightDockWidgetArea
    for corner in (Qt.Corner.TopRightCorner, Qt.Corner.BottomRightCorner):
        window.setCorner(corner, right)
    window.addDockWidget(right, dock)


def guide_button(window: MainWindow) -> QToolButton:
    """Return the button of the status line; it stands out until the guide was opened for the first time."""
    button = QToolButton()
    button.setDefaultAction(window.commands.action("guide"))
    button.setText("Guide")
    if not window.settings.guide_place:
        button.setObjectName("train")
    return button
