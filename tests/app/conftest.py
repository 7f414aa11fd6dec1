"""A test of the application that leaves something running or open fails, and hears what and where it was started."""

from __future__ import annotations

import gc
import sys
import threading
import traceback
import weakref
from typing import TYPE_CHECKING, Any

import pytest
import shiboken6
from PySide6.QtCore import QCoreApplication, QEvent, QObject, QThread, QThreadPool, QTimer
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from PySide6.QtWidgets import QWidget

GRACE = 1.0  # s, for a Python thread that was told to end and is about to
PATIENCE = 30_000  # ms, on a busy machine
FAILED = pytest.StashKey[bool]()


class PatientBot(QtBot):
    """Waits as long as a busy machine may take; no test passes the sooner or later for it."""

    def waitUntil(self, callback: Callable[[], bool | None], *, timeout: int = PATIENCE) -> None:
        super().waitUntil(callback, timeout=timeout)

    def waitExposed(self, widget: QWidget, *, timeout: int = PATIENCE) -> Any:
        return super().waitExposed(widget, timeout=timeout)


@pytest.fixture
def qtbot(qapp: QApplication, request: pytest.FixtureRequest) -> QtBot:
    """Return the bot of pytest-qt with patience."""
    del qapp
    return PatientBot(request)


class Started:
    """Remembers what was started, without keeping it alive, and where."""

    def __init__(self) -> None:
        self._places: weakref.WeakKeyDictionary[Any, str] = weakref.WeakKeyDictionary()

    def watch(self, owner: type, monkeypatch: pytest.MonkeyPatch) -> None:
        """Note each call of ``owner.start`` from Python."""
        original = owner.start  # type: ignore[attr-defined]

        def start(this: Any, *args: Any, **options: Any) -> Any:
            self._places[this] = _caller()
            return original(this, *args, **options)

        monkeypatch.setattr(owner, "start", start)

    def matching(self, wanted: Callable[[Any], bool]) -> list[tuple[Any, str]]:
        """Return what still exists and is wanted, each with its place."""
        return [(thing, place) for thing, place in list(self._places.items()) if wanted(thing)]


def _caller() -> str:
    """Return the innermost line on the stack that no installed package and no test framework wrote."""
    frames = [frame for frame in traceback.extract_stack() if frame.filename != __file__]
    ours = [f for f in frames if "site-packages" not in f.filename and not f.filename.startswith(sys.base_prefix)]
    frame = (ours or frames)[-1]
    return f"{frame.filename}:{frame.lineno} in {frame.name}"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    report = yield
    if report.failed:
        item.stash[FAILED] = True
    return report


@pytest.fixture(autouse=True)
def _nothing_left_behind(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Generator[None, None, None]:
    """Fail a test that leaves a thread, an active timer or a window, and end what can be ended."""
    threads, timers, python_threads = Started(), Started(), Started()
    threads.watch(QThread, monkeypatch)
    timers.watch(QTimer, monkeypatch)
    python_threads.watch(threading.Thread, monkeypatch)
    before = set(_windows())
    yield
    if QApplication.instance() is not None:
        _collect(before)
    windows = set(_windows()) - before
    running = threads.matching(lambda thread: shiboken6.isValid(thread) and thread.isRunning())
    active = timers.matching(lambda timer: shiboken6.isValid(timer) and timer.isActive())
    alive = _alive_after_grace(python_threads)
    left = [
        *(f"the QThread {_describe(thread)}, started at {place}" for thread, place in running),
        *(f"the thread {thread.name}, started at {place}" for thread, place in alive),
        *(f"an active QTimer ({timer.interval()} ms), started at {place}" for timer, place in active),
        *(f"the window {_describe(widget)}" for widget in windows),
    ]
    if n_busy := QThreadPool.globalInstance().activeThreadCount():
        left.append(f"{n_busy} busy threads of Qt's pool")
    _tidy(windows, [thread for thread, _ in running], [timer for timer, _ in active])
    # The traceback of a failed test keeps its objects alive; its own failure is news enough.
    if left and not request.node.stash.get(FAILED, False):
        pytest.fail("left behind: " + "; ".join(left), pytrace=False)


def _collect(before: set[QWidget]) -> None:
    """Delete what was to be deleted later; collect reference cycles if windows seem to be left."""
    QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    if set(_windows()) - before:
        gc.collect()
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)


def _windows() -> Iterable[QWidget]:
    """Return the widgets without a parent: windows, panels and menus that nobody owns."""
    if QApplication.instance() is None:
        return []
    return [widget for widget in QApplication.topLevelWidgets() if widget.parent() is None]


def _describe(thing: QObject) -> str:
    title = getattr(thing, "windowTitle", str)() or thing.objectName()
    return f"{type(thing).__name__} {title!r}" if title else type(thing).__name__


def _alive_after_grace(started: Started) -> list[tuple[Any, str]]:
    for thread, _ in started.matching(threading.Thread.is_alive):
        thread.join(GRACE)
    return started.matching(threading.Thread.is_alive)


def _tidy(windows: Iterable[QWidget], threads: Iterable[QThread], timers: Iterable[QTimer]) -> None:
    """End what can be ended, so that one test's leftovers are not the next one's."""
    for widget in windows:
        widget.close()  # a window that ends its own threads and timers does so here
        widget.deleteLater()
    for timer in timers:
        if shiboken6.isValid(timer):
            timer.stop()
    for thread in threads:
        if shiboken6.isValid(thread):
            thread.requestInterruption()
            thread.quit()
            thread.wait(2_000)  # ms; Qt aborts the process when a running thread is destroyed


@pytest.fixture(autouse=True)
def _switch_interval() -> Generator[None, None, None]:
    """Undo what the application sets for its whole process."""
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)


@pytest.fixture
def window(qtbot: Any, tmp_path: Any) -> Generator[Any, None, None]:
    """A real window with its real worker and the phase panel alone, on its first preset, its run ended and drawn."""
    from app.windows import opened

    with opened(qtbot, tmp_path / "settings", "phase") as made:
        wait_idle(qtbot, made)
        yield made


def wait_idle(qtbot: Any, window: Any) -> None:
    """Wait until the run of every visible panel has ended or rests, and its last frame is on screen."""
    shown = [panel for panel in window.panels.values() if panel.isVisible()]
    qtbot.waitUntil(lambda: not any(panel.busy for panel in shown), timeout=60_000)
