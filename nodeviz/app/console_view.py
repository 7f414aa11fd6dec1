"""qtconsole's widget in nodeviz's dress: one quiet surface, the log of actions between the prompts.

Loaded by `Console` when it is first opened: importing this module imports qtconsole.
"""

# mypy: disable-error-code="import-untyped, no-untyped-call"
# (qtconsole and Pygments have no types.)

from collections.abc import Mapping
from typing import Any

import shiboken6
from pygments.style import Style
from pygments.token import Comment, Error, Keyword, Name, Number, Operator, String, Token
from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QColor, QFont, QFontDatabase, QTextCharFormat
from PySide6.QtWidgets import QWidget
from qtconsole.rich_jupyter_widget import RichJupyterWidget

FONT_PIXELS = 13


class ConsoleView(RichJupyterWidget):
    """The text of the console: prompts, input, output and echoed actions."""

    prompted = Signal()
    kernel_client: Any  # a property of qtconsole's

    def __init__(self, banner: str, parent: QWidget) -> None:
        settings = {"paging": "none", "gui_completion": "droplist", "custom_interrupt": True, "custom_restart": True}
        super().__init__(parent=parent, **settings)
        self.banner = banner
        self.font = self._system_font()
        self.setFocusProxy(self._control)
        self._quiet = QTextCharFormat()
        self._showing_prompt = False

    def echo(self, line: str) -> None:
        """Add a line above the prompt, in quiet colour, without running it."""
        self._append_custom(lambda cursor, text: cursor.insertText(text, self._quiet), line + "\n", before_prompt=True)

    def earlier_lines(self) -> list[str]:
        """Return the lines of the up key, oldest first."""
        return list(self._history)

    def set_theme(self, tokens: Mapping[str, str]) -> None:
        """Take over the colours of a theme."""
        self._quiet.setForeground(QColor(tokens["quiet"]))
        self.style_sheet = _style_sheet(tokens)
        self._highlighter.set_style(_syntax_style(tokens))
        self._call_tip_widget.setStyleSheet(f"QLabel {{ {_popup(tokens)} }}")
        self._ansi_processor.color_map.update(_terminal_colours(tokens))
        lit, self._highlighter.highlighting_on = self._highlighter.highlighting_on, True
        self._highlighter.rehighlight()
        self._highlighter.highlighting_on = lit

    def discard(self) -> None:
        """Delete the widget and its windows, at once: after deleteLater a parent that dies first crashes PySide6."""
        if self._showing_prompt:
            QTimer.singleShot(0, self, self.discard)
            return
        self.kernel_client = None
        self._pending_text_flush_interval.stop()
        shiboken6.delete(self._call_tip_widget)
        shiboken6.delete(self)

    def reset_font(self) -> None:
        """Go back to the system's font."""
        self._set_font(self._system_font())

    def _system_font(self) -> QFont:
        font = QFontDatabase.systemFont(QFontDatabase.SystemFont.FixedFont)
        # In points, since the widget's zoom counts in points.
        font.setPointSizeF(FONT_PIXELS * 72 / self.logicalDpiY())
        return font

    def _show_prompt(self, *args: Any, **options: Any) -> None:
        # qtconsole processes events in here, among which may be the one that ends the console.
        self._showing_prompt = True
        try:
            super()._show_prompt(*args, **options)
        finally:
            self._showing_prompt = False

    def _prompt_started_hook(self) -> None:
        super()._prompt_started_hook()
        if not self._reading:
            self.prompted.emit()


def is_dark(tokens: Mapping[str, str]) -> bool:
    """Whether a theme's ground is dark."""
    return QColor(tokens["panel"]).lightnessF() < 0.5


def _style_sheet(tokens: Mapping[str, str]) -> str:
    selection = _mixed(tokens["accent"], tokens["panel"], 0.3)
    return f"""
        ConsoleView, QPlainTextEdit, QTextEdit {{
            background-color: {tokens["panel"]}; color: {tokens["text"]}; border: none;
            selection-background-color: {selection}; selection-color: {tokens["text"]};
        }}
        QListWidget {{ {_popup(tokens)} }}
        QListWidget::item:selected {{ background-color: {selection}; color: {tokens["text"]}; }}
        .in-prompt, .in-prompt-number {{ color: {tokens["accent"]}; font-weight: normal; }}
        .out-prompt, .out-prompt-number {{ color: {tokens["quiet"]}; font-weight: normal; }}
        .error {{ color: {tokens["text"]}; font-weight: bold; }}
        .inverted {{ background-color: {selection}; color: {tokens["text"]}; }}
    """


def _popup(tokens: Mapping[str, str]) -> str:
    return f"background-color: {tokens['ground']}; color: {tokens['text']}; border: 1px solid {tokens['hairline']};"


def _syntax_style(tokens: Mapping[str, str]) -> type[Style]:
    soft = _mixed(tokens["accent"], tokens["text"], 0.5)

    styles = {
        Token: tokens["text"],
        Comment: f"italic {tokens['quiet']}",
        Keyword: tokens["accent"],
        Operator.Word: tokens["accent"],
        Name.Builtin: soft,
        String: soft,
        Number: soft,
        Error: tokens["text"],
    }
    return type("ThemeStyle", (Style,), {"background_color": tokens["panel"], "styles": styles})


def _terminal_colours(tokens: Mapping[str, str]) -> dict[int, str]:
    """Return what output means by black, red, green, yellow, blue, magenta, cyan, white, and by their bright forms."""
    if is_dark(tokens):
        plain = ["#3a434f", "#f08a4b", "#2fb58a", "#e6d25a", tokens["accent"], "#c9a0dc", "#56b4e9", tokens["quiet"]]
    else:
        plain = ["#1c2026", "#b34700", "#00795a", "#856900", tokens["accent"], "#7b3f9e", "#005f99", tokens["quiet"]]
    bright = [tokens["quiet"], *plain[1:7], tokens["text"]]
    return dict(enumerate(plain + bright))


def _mixed(colour: str, ground: str, share: float) -> str:
    """Return `share` of a colour over a ground."""
    over, under = QColor(colour), QColor(ground)

    def part(a: float, b: float) -> float:
        return share * a + (1 - share) * b

    return QColor.fromRgbF(
        part(over.redF(), under.redF()), part(over.greenF(), under.greenF()), part(over.blueF(), under.blueF())
    ).name()
