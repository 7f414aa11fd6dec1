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
from PySide6.QtCore import QCoreApplication, QEvent, QThread, QThreadPool, QTimer
from PySide6.QtWidgets import QApplication

if TYPE_CHECKING:
    from collections.abc import Callable, Generator, Iterable

    from PySide6.QtWidgets import QWidget

GRACE = 1.0  # s, for a Python thread that was told to end and is about to
FAILED = pytest.StashKey[bool]()


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
    left = [
        *_threads_left(threads),
        *_python_threads_left(python_threads),
        *_timers_left(timers),
        *(f"the window {_describe(widget)}" for widget in _close(set(_windows()) - before)),
    ]
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


def _describe(widget: QWidget) -> str:
    title = widget.windowTitle() or widget.objectName()
    return f"{type(widget).__name__} {title!r}" if title else type(widget).__name__


def _close(widgets: Iterable[QWidget]) -> list[QWidget]:
    """Close the widgets, so that one test's leftovers are not the next one's; return them."""
    for widget in widgets:
        widget.hide()
        widget.deleteLater()
    return list(widgets)


def _threads_left(started: Started) -> list[str]:
    found = started.matching(lambda thread: shiboken6.isValid(thread) and thread.isRunning())
    for thread, _ in found:
        thread.requestInterruption()
        thread.quit()
        thread.wait(2_000)  # ms; Qt aborts the process when a running thread is destroyed
    sentences = [f"the QThread {type(thread).__name__}, started at {place}" for thread, place in found]
    if n_busy := QThreadPool.globalInstance().activeThreadCount():
        sentences.append(f"{n_busy} busy threads of Qt's pool")
    return sentences


def _python_threads_left(started: Started) -> list[str]:
    for thread, _ in started.matching(threading.Thread.is_alive):
        thread.join(GRACE)
    return [f"the thread {t.name}, started at {place}" for t, place in started.matching(threading.Thread.is_alive)]


def _timers_left(started: Started) -> list[str]:
    found = started.matching(lambda timer: shiboken6.isValid(timer) and timer.isActive())
    sentences = [f"an active QTimer ({timer.interval()} ms), started at {place}" for timer, place in found]
    for timer, _ in found:
        timer.stop()
    return sentences


@pytest.fixture(autouse=True)
def _switch_interval() -> Generator[None, None, None]:
    """Undo what the application sets for its whole process."""
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)
