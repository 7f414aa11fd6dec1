"""Python code in the GUI thread, with a window that stays alive and code that can be stopped.

A console's code needs the GUI thread, since everything it touches lives there. While it runs, a small thread nudges the
main thread about twenty times a second by a signal. Python calls the signal's handler between two bytecodes, and the
handler lets Qt take one turn: frames are drawn, timers fire, Stop and Ctrl+C are heard, every other key and click is
dropped. Between nudges the code runs at full speed.

Two rules keep the application whole. A turn, and the KeyboardInterrupt that ends the code, come only where the person's
own code is running: a nudge that lands inside the application waits for the next line of the person's code. And whoever
asks for an end raises SIGINT, as a terminal does, so that the one who runs the code at that moment decides how it ends;
the table of signal handlers is all the state there is.
"""

import signal
import sys
import threading
import time
from collections.abc import Callable, Coroutine
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Any, Final, TypeVar

from PySide6.QtCore import QEvent, QEventLoop, QObject, Qt, QTimer
from PySide6.QtGui import QKeyEvent, QMouseEvent, QWindow
from PySide6.QtWidgets import QApplication, QWidget

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task

T = TypeVar("T")

PERIOD: Final = 0.05  # s between nudges: short for the eye, and under 1 % of the running code's time
PATIENCE: Final = 1.0  # s a callback of the person's may hold up the application before it can be interrupted there

# SIGURG is ignored by default (Go's scheduler chose it for that), so a nudge that arrives late is harmless.
if sys.platform == "win32":
    import _thread

    NUDGE: Final = signal.SIGBREAK

    def _nudge_main_thread() -> None:
        _thread.interrupt_main(NUDGE)  # a sleep or a blocking read ends first
else:
    NUDGE: Final = signal.SIGURG

    def _nudge_main_thread() -> None:
        # A real signal, unlike interrupt_main, also wakes time.sleep and blocking reads.
        signal.pthread_kill(threading.main_thread().ident or 0, NUDGE)


# Code of these packages is not interrupted in the middle of what it does to widgets and parameters.
_APPLICATION: Final = ("nodeviz.app", "pyqtgraph", "qtconsole")

ADMITS: Final = "admits"  # a widget's property: "pointer" admits mouse and wheel while code runs, "all" keys as well
_POINTER: Final = frozenset(
    {
        QEvent.Type.MouseButtonPress,
        QEvent.Type.MouseButtonRelease,
        QEvent.Type.MouseButtonDblClick,
        QEvent.Type.MouseMove,
        QEvent.Type.Wheel,
    }
)
_INPUT: Final = _POINTER | {
    QEvent.Type.KeyPress,
    QEvent.Type.KeyRelease,
    QEvent.Type.Shortcut,
    QEvent.Type.ShortcutOverride,
    QEvent.Type.InputMethod,
    QEvent.Type.ContextMenu,
    QEvent.Type.TouchBegin,
    QEvent.Type.TouchUpdate,
    QEvent.Type.TouchEnd,
    QEvent.Type.TabletPress,
    QEvent.Type.TabletMove,
    QEvent.Type.TabletRelease,
    QEvent.Type.NativeGesture,
    QEvent.Type.DragEnter,
    QEvent.Type.DragMove,
    QEvent.Type.Drop,
}


class InputGate(QObject):
    """A filter that drops what a person does with the window, apart from what ends the running code.

    Ctrl+C (with nothing selected) and closing the window raise SIGINT. A window whose closing was held back closes once
    the gate is lifted; asked a second time it closes at once, since the code then refuses to end.
    """

    def __init__(self) -> None:
        super().__init__()
        self._closing: QWindow | None = None

    def __enter__(self) -> "InputGate":
        QApplication.instance().installEventFilter(self)  # type: ignore[union-attr]
        return self

    def __exit__(self, *_: object) -> None:
        if (app := QApplication.instance()) is not None:
            app.removeEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Say whether Qt shall drop an event."""
        kind = event.type()
        if kind == QEvent.Type.Shortcut:
            return True
        if isinstance(watched, QWindow):  # all else it hands to one of its widgets
            return kind == QEvent.Type.Close and event.spontaneous() and self._hold_back(watched, event)
        if kind not in _INPUT or not isinstance(watched, QWidget):
            return False
        if isinstance(event, QKeyEvent) and _is_ctrl_c(event):
            return self._on_ctrl_c(watched, event)
        return not _admits(watched, event)

    def finish(self) -> None:
        """Close the window whose closing was held back."""
        if self._closing is not None:
            QTimer.singleShot(0, self._closing, self._closing.close)
            self._closing = None

    def _on_ctrl_c(self, widget: QWidget, event: QKeyEvent) -> bool:
        cursor = getattr(widget, "textCursor", None)
        if cursor is not None and cursor().hasSelection():
            return False  # the widget copies
        event.accept()
        if event.type() == QEvent.Type.KeyPress:
            signal.raise_signal(signal.SIGINT)
        return True

    def _hold_back(self, window: QWindow, event: QEvent) -> bool:
        if self._closing is not None:
            return False
        self._closing = window
        event.ignore()
        signal.raise_signal(signal.SIGINT)
        return True


def _is_ctrl_c(event: QKeyEvent) -> bool:
    """Whether this is the terminal's Ctrl+C, which on a Mac is not the key that copies."""
    control = Qt.KeyboardModifier.MetaModifier if sys.platform == "darwin" else Qt.KeyboardModifier.ControlModifier
    return event.key() == Qt.Key.Key_C and event.modifiers() == control


def _admits(widget: QWidget, event: QEvent) -> bool:
    ancestor: QWidget | None = widget
    while ancestor is not None:
        admitted = ancestor.property(ADMITS)
        if admitted is not None:
            if admitted == "all" or event.type() == QEvent.Type.Wheel:
                return True
            left_or_none = Qt.MouseButton.LeftButton | Qt.MouseButton.NoButton
            return isinstance(event, QMouseEvent) and event.button() | left_or_none == left_or_none
        ancestor = ancestor.parentWidget()
    return False


class Interruptible:
    """Context in which the GUI thread runs a person's code.

    Parameters
    ----------
    namespace : the globals of that code; a frame that has them is the person's own

    Raises
    ------
    ValueError : the context is entered in another thread than the main one
    """

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace
        self._gate = InputGate()
        self._base: FrameType | None = None
        self._done = threading.Event()
        self._in_turn = False
        self._turn_seconds = 0.0
        self._stop = False
        self._waiting_since: float | None = None
        self._traced: FrameType | None = None

    def __enter__(self) -> "Interruptible":
        self._base = sys._getframe(1)
        self._handlers = {
            signal.SIGINT: signal.signal(signal.SIGINT, self._on_sigint),
            NUDGE: signal.signal(NUDGE, self._on_nudge),
        }
        self._thread = threading.Thread(target=self._nudge, name="console-nudge", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._in_turn = True  # no turn and no interrupt from here on
        self._done.set()
        self._thread.join()
        self._untrace()
        for number, handler in self._handlers.items():
            signal.signal(number, handler)
        self._base = None

    def finish(self) -> None:
        """Close the window if that was asked for meanwhile: to be called when all about the code is done."""
        self._gate.finish()

    def turn(self) -> None:
        """Let Qt take one turn; raise KeyboardInterrupt if an end was asked for."""
        self._in_turn, start = True, time.perf_counter()
        try:
            with self._gate:
                QApplication.processEvents(QEventLoop.ProcessEventsFlag.AllEvents, 10)
        finally:
            self._in_turn, self._turn_seconds = False, time.perf_counter() - start
        if self._stop:
            self._stop = False
            raise KeyboardInterrupt

    def run_coroutine(self, coroutine: Coroutine[Any, Any, T], loop: "AbstractEventLoop") -> T:
        """Run a coroutine to its end on `loop`, with turns for Qt while it waits.

        Raises
        ------
        KeyboardInterrupt, asyncio.CancelledError : it was interrupted in its code, or in an await
        """
        from asyncio import gather  # 25 ms of a start that awaits nothing

        outer, self._base = self._base, sys._getframe()
        task = loop.create_task(coroutine)
        turns = loop.create_task(self._turns(task))
        try:
            return loop.run_until_complete(task)
        finally:
            turns.cancel()
            if not task.done():  # interrupted in another task
                task.cancel()
            loop.run_until_complete(gather(task, turns, return_exceptions=True))
            self._base = outer

    async def _turns(self, task: "Task[Any]") -> None:
        from asyncio import sleep

        while True:
            await sleep(PERIOD / 2)
            try:
                self.turn()
            except KeyboardInterrupt:
                task.cancel()

    def _nudge(self) -> None:
        # A turn that takes long is followed by a longer stretch of code, which so keeps two thirds of the time.
        while not self._done.wait(max(PERIOD, 2 * self._turn_seconds)):
            _nudge_main_thread()

    def _on_sigint(self, number: int, frame: FrameType | None) -> None:
        self._stop = True
        self._on_nudge(number, frame)

    def _on_nudge(self, _number: int, frame: FrameType | None) -> None:
        if self._in_turn:
            return
        own, application_above, application_below = self._place(frame)
        if own is None:  # IPython's own work before and after the code
            return
        if application_above:
            self._wait_for_next_line(own)
        elif not application_below or self._patience_is_over():
            self._waiting_since = None
            self.turn()

    def _place(self, frame: FrameType | None) -> tuple[FrameType | None, bool, bool]:
        """Find the innermost frame of the person's code, and whether application code stands above and below it."""
        own, above, below = None, False, False
        while frame is not None and frame is not self._base:
            if frame.f_globals is self._namespace:
                own = own or frame
            elif frame.f_globals.get("__name__", "").startswith(_APPLICATION):
                above, below = above or own is None, below or own is not None
            frame = frame.f_back
        return own, above, below

    def _patience_is_over(self) -> bool:
        """Whether a callback (say, a vector field that the application calls) has run so long that it seems endless."""
        now = time.monotonic()
        self._waiting_since = self._waiting_since or now
        return now - self._waiting_since > PATIENCE

    def _wait_for_next_line(self, own: FrameType) -> None:
        """Take the turn when the application returns to the person's code.

        A loop over slow calls is in its own code for microseconds only, where no later nudge might ever land.
        """
        if sys.gettrace() is not None:  # a debugger is at work, or this is set already; the next nudge tries again
            return

        def at_next_line(_frame: FrameType, _event: str, _argument: object) -> None:
            self._untrace()
            self.turn()

        self._traced = own
        own.f_trace = at_next_line
        sys.settrace(lambda _frame, _event, _argument: None)

    def _untrace(self) -> None:
        if self._traced is not None:
            sys.settrace(None)
            self._traced.f_trace = None
            self._traced = None


def without_machinery(at: TracebackType | None) -> TracebackType | None:
    """Return a traceback that ends in the person's code instead of in this file."""
    last, step = at, at
    while step is not None:
        if step.tb_frame.f_code.co_filename != __file__:
            last = step
        step = step.tb_next
    if last is not None:
        last.tb_next = None
    return at


def wait_loop(until: Callable[[], bool], timeout: float | None = None, tick: Callable[[], None] | None = None) -> bool:
    """Run a local event loop in the GUI thread until a condition holds.

    Timers and painting go on; a person's input is dropped but for Ctrl+C, Stop and closing the window, which end the
    wait. Works inside a console's command and in a plain script.

    Parameters
    ----------
    until : asked after every round of events, at least every 20 ms
    timeout : s, or None for no limit
    tick : called after every round of events

    Returns
    -------
    Whether `until` came true; False when the time ran out first.

    Raises
    ------
    KeyboardInterrupt : the wait was ended by the person
    RuntimeError : there is no QApplication yet
    """
    if QApplication.instance() is None:
        raise RuntimeError("wait_loop: no QApplication; make one first")
    deadline = None if timeout is None else time.monotonic() + timeout
    stop = threading.Event()
    # Nudges are not needed here, and SIGINT must not raise inside a slot, where Qt would swallow it.
    handlers = {
        signal.SIGINT: signal.signal(signal.SIGINT, lambda *_: stop.set()),
        NUDGE: signal.signal(NUDGE, lambda *_: None),
    }
    beat = QTimer()
    beat.start(20)
    gate, events = InputGate(), QEventLoop()
    try:
        with gate:
            while not until():
                if stop.is_set():
                    raise KeyboardInterrupt
                if deadline is not None and time.monotonic() >= deadline:
                    return False
                events.processEvents(QEventLoop.ProcessEventsFlag.WaitForMoreEvents)
                if tick is not None:
                    tick()
        return True
    finally:
        beat.stop()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        gate.finish()
