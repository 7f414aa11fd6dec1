"""The console dock: IPython beside the panels, loaded when it is first shown."""

import json
import logging
import signal
from collections import deque
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final

from PySide6.QtCore import QTimer, Signal
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QPushButton, QVBoxLayout, QWidget

from nodeviz.app.interrupt import ADMITS
from nodeviz.whole_file import write_whole

if TYPE_CHECKING:
    from nodeviz.app.console_kernel import Kernel
    from nodeviz.app.console_view import ConsoleView

LOG: Final = logging.getLogger(__name__)

LINES_KEPT: Final = 1000
STOP_AFTER: Final = 150  # ms a command runs before Stop appears, so that short ones do not flicker
MARGIN: Final = 8  # px


class Console(QWidget):
    """Content of the console dock.

    Its first show loads IPython and qtconsole, which takes about half a second; before that it only keeps echoed lines.

    Parameters
    ----------
    namespace : the names a person finds
    banner : the text on top; by default one line that names the objects
    history : JSON file for the lines of the up key, kept over sessions; None keeps them for this session only
    history_lines : how many lines that file keeps
    """

    executed = Signal(str)  # code that a person typed and that ran to its end
    exit_requested = Signal()  # `exit` or `quit` was typed: hide the dock

    def __init__(
        self,
        namespace: Mapping[str, object],
        *,
        banner: str = "",
        history: Path | None = None,
        history_lines: int = LINES_KEPT,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        self._namespace = namespace
        self._banner = banner or _banner(namespace)
        self._history_file, self._history_lines = history, history_lines
        self._tokens: Mapping[str, str] = {}
        self._lines: deque[str] = deque(maxlen=LINES_KEPT)
        self._commands: deque[str] = deque()
        self._kernel: Kernel | None = None
        self._view: ConsoleView | None = None
        self._ready = False
        self._closing = False
        self._layout = QVBoxLayout(self)
        self._layout.setContentsMargins(MARGIN, MARGIN, 0, MARGIN)
        self._stop = self._make_stop_button()
        self._stop_later = QTimer(self, singleShot=True, interval=STOP_AFTER)
        self._stop_later.timeout.connect(self._show_stop)

    @property
    def running(self) -> bool:
        """Whether code is running now."""
        return self._kernel is not None and self._kernel.running

    def execute(self, code: str) -> None:
        """Run code as if it were typed, after what runs or waits already; what the person was typing stays."""
        self._commands.append(code)
        self.open()
        self._go_on()

    def when_idle(self, act: Callable[[], object]) -> None:
        """Do something now, or when the code that runs has ended: what would end that code's own footing."""
        if self._kernel is not None and self._kernel.running:
            self._kernel.later(act)
        else:
            act()

    def echo(self, line: str) -> None:
        """Add a line of Python to the visible log, in quiet colour, without running it.

        A running command is its own line in the log, so what is echoed meanwhile is left out.
        """
        if self.running:
            return
        if self._view is not None and self._ready:
            self._view.echo(line)
        else:
            self._lines.append(line)

    def interrupt(self) -> None:
        """End the running code by a KeyboardInterrupt; without any, do nothing."""
        if self.running:
            signal.raise_signal(signal.SIGINT)

    def set_theme(self, tokens: Mapping[str, str]) -> None:
        """Use a theme's colours: ground, panel, hairline, text, quiet, accent; each as Qt writes colours."""
        self._tokens = dict(tokens)
        self._stop.setStyleSheet(
            f"QPushButton {{ background: {tokens['ground']}; color: {tokens['text']};"
            " border: none; border-radius: 4px; padding: 4px 12px; }"
            f"QPushButton:hover {{ color: {tokens['accent']}; }}"
        )
        if self._view is not None:
            self._view.set_theme(tokens)

    def kernel(self) -> "Kernel | None":
        """Return the kernel, loaded if that has not been done; None when the console is closing."""
        if self._kernel is None and not self._closing:
            from nodeviz.app.console_kernel import Kernel

            self._kernel = kernel = Kernel(self._namespace, self._read_history(), parent=self)
            kernel.began.connect(self._on_began)
            kernel.finished.connect(self._on_finished)
            kernel.asking.connect(self._on_asking)
            kernel.visited.connect(self._on_visited)
        return None if self._closing else self._kernel

    def open(self) -> None:
        """Load the kernel and its view, if that has not been done."""
        kernel = self.kernel()
        if self._view is not None or kernel is None:
            return
        from nodeviz.app.console_view import ConsoleView

        self._view = view = ConsoleView(self._banner, parent=self)
        view.setProperty(ADMITS, "pointer")
        view.setAccessibleName("Python console")
        view.custom_interrupt_requested.connect(self.interrupt)
        view.exit_requested.connect(lambda _view: self.exit_requested.emit())
        view.prompted.connect(self._on_prompt)
        self._layout.addWidget(view)
        self.setFocusProxy(view)
        if self._tokens:
            view.set_theme(self._tokens)
        view.kernel_client = kernel
        kernel.start()
        self._stop.raise_()

    def shutdown(self) -> None:
        """End the kernel and leave nothing of it.

        Running code is interrupted, and the rest follows when it has ended.
        """
        self._closing = True
        self._commands.clear()
        if self.running:
            self.interrupt()
            return
        self._stop_later.stop()
        if self._kernel is None:
            return
        if self._view is not None:  # else only code from outside ran
            self._write_history(self._view.earlier_lines())
            self._view.discard()
        self._kernel.shutdown()
        self._kernel.deleteLater()
        self._view = self._kernel = None

    def showEvent(self, event: QShowEvent) -> None:
        """Load the kernel at the first show."""
        self.open()
        super().showEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Keep Stop in its corner."""
        super().resizeEvent(event)
        self._place_stop()

    def _go_on(self) -> None:
        """Run the next waiting command."""
        if self._view is None or not self._ready or self.running or not self._commands:
            return
        self._ready = False
        draft = self._view.input_buffer
        self._view.execute(self._commands.popleft())
        self._view.input_buffer = draft  # comes back with the next prompt

    def _on_prompt(self) -> None:
        self._ready = True
        while self._lines and self._view is not None:
            self._view.echo(self._lines.popleft())
        QTimer.singleShot(0, self, self._go_on)

    def _on_began(self) -> None:
        self._ready = False
        self._stop_later.start()

    def _on_finished(self, code: str, complete: bool) -> None:
        self._stop_later.stop()
        self._stop.hide()
        if complete:
            self.executed.emit(code)
        if self._closing:
            QTimer.singleShot(0, self, self.shutdown)

    def _on_visited(self, here: bool) -> None:
        if here:
            self._stop_later.start()
            return
        self._stop_later.stop()
        self._stop.hide()
        QTimer.singleShot(0, self, self.shutdown if self._closing else self._go_on)

    def _on_asking(self, asking: bool) -> None:
        if self._view is not None:
            self._view.setProperty(ADMITS, "all" if asking else "pointer")

    def _make_stop_button(self) -> QPushButton:
        button = QPushButton("Stop", self)
        button.setToolTip("Stop the running code (Ctrl+C)")
        button.setAccessibleName("Stop the running code")
        button.setProperty(ADMITS, "pointer")
        button.clicked.connect(self.interrupt)
        button.hide()
        return button

    def _show_stop(self) -> None:
        self._stop.adjustSize()
        self._place_stop()
        self._stop.show()

    def _place_stop(self) -> None:
        scroll_bar = 16
        self._stop.move(self.width() - self._stop.width() - MARGIN - scroll_bar, MARGIN)

    def _read_history(self) -> list[str]:
        if self._history_file is None or not self._history_file.exists():
            return []
        try:
            lines = json.loads(self._history_file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            LOG.warning("console history %s not read: %s; starting with none", self._history_file, error)
            return []
        return [line for line in lines if isinstance(line, str)] if isinstance(lines, list) else []

    def _write_history(self, lines: list[str]) -> None:
        if self._history_file is None:
            return
        kept = lines[max(0, len(lines) - self._history_lines) :]
        try:
            write_whole(self._history_file, json.dumps(kept, ensure_ascii=False).encode())
        except OSError as error:
            LOG.warning("console history %s not written: %s; this session's lines are lost", self._history_file, error)


def _banner(namespace: Mapping[str, object]) -> str:
    return f"{', '.join(namespace)}\nTab completes, name? explains, Ctrl+C stops\n"
