"""The keyboard alone reaches everything and shows where it is; all has a name; every dialog fits small screens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtTest import QTest
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDialog,
    QKeySequenceEdit,
    QLabel,
    QMenu,
    QMenuBar,
    QSlider,
    QWidget,
)

from nodeviz.app.small_screen import fit
from nodeviz.app.thumbnails import SIZE, thumbnail

from .conftest import wait_idle
from .windows import opened

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

MOST = 600  # presses of Tab
SMALL = (640, 360)  # what a screen of 1280 x 720 holds at 200 %
TABBED, NONE = Qt.FocusPolicy.TabFocus, Qt.FocusPolicy.NoFocus
DIALOGS = (
    "about",
    "reset_everything",
    "shortcuts",
    "gallery",
    "save_preset_phase",
    "export_phase",
    "keyboard_shortcuts",
)


def walk(start: QWidget, key: Qt.Key = Qt.Key.Key_Tab) -> list[QWidget]:
    """Return what has the focus after each press of Tab, until it is where it was before; fail where it stays."""
    start.setFocus()
    reached: list[QWidget] = []
    for _ in range(MOST):
        now = QApplication.focusWidget()
        assert now is not None
        if now in reached:
            break
        reached.append(now)
        QTest.keyClick(now, key)
    assert QApplication.focusWidget() is reached[0], f"a trap: {describe(QApplication.focusWidget())}"
    return reached


def name_of(widget: QWidget) -> str:
    """Return what a screen reader calls a widget."""
    text = widget.text() if isinstance(widget, QAbstractButton | QLabel) else ""
    return (widget.accessibleName() or text).strip()


def describe(widget: QWidget | None) -> str:
    above = widget.parentWidget() if widget is not None else None
    return f"{type(widget).__name__} {name_of(widget) if widget else ''!r} in {type(above).__name__}"


def controls(root: QWidget) -> Iterator[QWidget]:
    """Yield what can have the focus; the parts of a combo box and of a plot stand for themselves no more than once."""
    for widget in root.findChildren(QWidget):
        inner = widget.parentWidget()
        part = isinstance(widget, QMenu | QMenuBar) or (
            isinstance(widget, QAbstractItemView) and any(isinstance(each, QComboBox) for each in parents(widget))
        )
        part = part or isinstance(inner, QKeySequenceEdit | QAbstractSpinBox)
        viewport = hasattr(inner, "viewport") and inner.viewport() is widget
        if widget.focusPolicy() != NONE and not part and not viewport:
            yield widget


def parents(widget: QWidget) -> Iterator[QWidget]:
    above = widget.parentWidget()
    while above is not None:
        yield above
        above = above.parentWidget()


def unreached(root: QWidget, reached: list[QWidget]) -> list[str]:
    """Return the visible, enabled controls that Tab does not reach, and those that only the mouse can use."""
    missed = [
        widget
        for widget in controls(root)
        if widget.isVisible() and widget.isEnabled() and widget.focusPolicy() & TABBED and widget not in reached
    ]
    mouse_only = [
        widget
        for kind in (QAbstractButton, QSlider, QComboBox)
        for widget in root.findChildren(kind)
        if widget.isVisible() and widget.isEnabled() and not widget.focusPolicy() & TABBED
    ]
    proxied = [widget for widget in missed if widget.focusProxy() in reached]
    return [describe(widget) for widget in {*missed, *mouse_only} - {*proxied} if widget.window() is root.window()]


@pytest.fixture
def whole(qtbot: Any, tmp_path: Path) -> Iterator[Any]:
    """Return a window with all panels, everything unfolded and a message on show."""
    with opened(qtbot, tmp_path) as window:
        window.resize(1600, 1000)
        for panel in window.panels.values():
            panel.fold(on=False)
            panel.form.show_more(on=True)
            panel.show_message("Something went wrong.", "The details.")
        QTest.qWait(50)
        yield window


def test_tab_reaches_every_control_of_the_window_and_comes_round(whole: Any) -> None:
    reached = walk(whole.panels["phase"].plots[0])
    assert len(reached) > 200
    assert not unreached(whole, reached)
    back = walk(whole.panels["phase"].plots[0], Qt.Key.Key_Backtab)
    assert {*back} == {*reached}


def test_tab_goes_through_a_panel_as_the_eye_does(whole: Any) -> None:
    for panel in whole.panels.values():
        reached = walk(panel.header.fold_button)
        places = [
            next(i for i, widget in enumerate(reached) if part is widget or part.isAncestorOf(widget))
            for part in (panel.header, panel.plots[0], panel.form, panel.playbar)
        ]
        assert places == sorted(places), panel.experiment


def test_every_control_has_a_name(whole: Any) -> None:
    whole.commands.run("guide")
    nameless = [describe(widget) for widget in controls(whole) if not name_of(widget)]
    # A selectable text has no name while it is empty.
    assert [each for each in nameless if not each.startswith("QLabel")] == []
    for panel in whole.panels.values():
        names = [name_of(widget) for widget in controls(panel.form) if not isinstance(widget, QLabel)]
        assert len(names) == len({*names}), panel.experiment


@pytest.mark.parametrize("theme", ["dark", "light"])
def test_the_focus_can_be_seen_in_both_themes(qtbot: Any, window: Any, theme: str) -> None:
    if window.theme_name != theme:
        window.commands.run("light_theme")
    window.panels["phase"].form.show_more(on=True)
    wait_idle(qtbot, window)  # nothing else may change a picture
    reached = walk(window.panels["phase"].plots[0])
    unseen = []
    for now, following in zip(reached, [*reached[1:], reached[0]], strict=True):
        QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_Tab)
        assert QApplication.focusWidget() is following
        bare = now.grab().toImage()
        QTest.keyClick(following, Qt.Key.Key_Backtab)
        if now.grab().toImage() == bare:
            unseen.append(describe(now))
        QTest.keyClick(now, Qt.Key.Key_Tab)
    assert unseen == []


def test_a_click_marks_no_plot(whole: Any) -> None:
    plot = whole.panels["phase"].plots[0]
    plot.setFocus(Qt.FocusReason.MouseFocusReason)
    assert not plot._ringed
    plot.clearFocus()
    plot.setFocus(Qt.FocusReason.TabFocusReason)
    assert plot._ringed


def test_the_keyboard_gets_out_of_the_console(qtbot: Any, window: Any) -> None:
    window.commands.run("console")
    qtbot.waitUntil(lambda: window.console.isAncestorOf(QApplication.focusWidget()))
    QTest.keyClick(QApplication.focusWidget(), Qt.Key.Key_QuoteLeft, Qt.KeyboardModifier.ControlModifier)
    qtbot.waitUntil(lambda: window.docks["console"].isHidden())
    focus = QApplication.focusWidget()
    assert focus is not None
    assert not window.console.isAncestorOf(focus)


@pytest.mark.qt_log_ignore("does not support", extend=True)  # what the platform without a screen lacks for menus
def test_every_menu_opens_by_a_letter_of_its_own(window: Any) -> None:
    titles = [action.text() for action in window.menuBar().actions()]
    letters = [title[title.index("&") + 1].lower() for title in titles]
    assert len(letters) == len({*letters})
    for action, letter in zip(window.menuBar().actions(), letters, strict=True):
        QTest.keyClick(window, letter, Qt.KeyboardModifier.AltModifier)
        assert QApplication.activePopupWidget() is action.menu()
        QTest.keyClick(action.menu(), Qt.Key.Key_Escape)
        QTest.keyClick(window.menuBar(), Qt.Key.Key_Escape)


@pytest.mark.parametrize("command", DIALOGS)
def test_every_dialog_is_for_the_keyboard_and_for_small_screens(window: Any, command: str) -> None:
    before = {each for each in QApplication.topLevelWidgets() if each.isVisible()}
    window.commands.run(command)
    QTest.qWait(50)
    (dialog,) = (each for each in QApplication.topLevelWidgets() if each.isVisible() and each not in before)
    assert isinstance(dialog, QDialog)
    least = dialog.minimumSizeHint().expandedTo(dialog.minimumSize())
    assert least.width() <= SMALL[0]
    assert least.height() <= SMALL[1]
    dialog.activateWindow()
    start = next(each for each in controls(dialog) if each.isVisible() and each.focusPolicy() & TABBED)
    reached = walk(start)
    assert not unreached(dialog, reached)
    shown = [each for each in controls(dialog) if each.isVisible() and not isinstance(each, QLabel)]
    assert [describe(each) for each in shown if not name_of(each)] == []
    assert dialog.windowTitle()
    QTest.keyClick(dialog, Qt.Key.Key_Escape)
    assert not dialog.isVisible()


def test_the_window_fits_small_screens(qtbot: Any, tmp_path: Path) -> None:
    with opened(qtbot, tmp_path) as window:
        fit(window, QSize(1280, 720))
        assert window.minimumSizeHint().width() <= 1280
        assert window.minimumSizeHint().height() <= 720
        fit(window, QSize(*SMALL))
        QTest.qWait(50)
        assert window.minimumSizeHint().width() <= SMALL[0]
        assert window.tabifiedDockWidgets(window.docks["phase"])  # behind each other


def test_a_thumbnail_from_a_screen_at_200_percent_fills_its_card() -> None:
    picture = QImage(2 * SIZE, QImage.Format.Format_RGB32)
    picture.setDevicePixelRatio(2.0)
    picture.fill(QColor("#ff8800"))
    card = thumbnail(picture, "#000000")
    corners = {card.pixelColor(x, y).name() for x in (1, SIZE.width() - 2) for y in (1, SIZE.height() - 2)}
    assert corners == {"#ff8800"}
