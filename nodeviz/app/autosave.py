"""The session is written by itself after each change, and found again at the next start, after a crash too."""

from __future__ import annotations

import contextlib
import shutil
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

from PySide6.QtCore import QLockFile, QObject, QTimer, Signal

from nodeviz.app.session_file import SUFFIX, Document, SessionError, load, to_bytes
from nodeviz.whole_file import reason_of, write_whole

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

DELAY = 400  # ms from a change until it is written, with what came meanwhile
WHILE_TRAINING = 5_000  # ms between two looks at how far training is
SETTLED = 5_000  # ms that a restored session must last until it counts as one that does no harm
MOST = 9  # windows at a time that keep their sessions


class Slot:
    """The files of one window's session: the first window's, or those of its own for another one at the same time.

    Their folder stands in that of the settings.

    Attributes
    ----------
    path : of the session, None where the folder cannot be written
    number : of the window, from 1
    crashed : whether the last window of these files did not end by itself
    """

    def __init__(self, folder: Path) -> None:
        self.path: Path | None = None
        self._settings = folder.parent
        self.number, self.crashed = 1, False
        self._lock: QLockFile | None = None
        with contextlib.suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
        for number in range(1, MOST + 1):
            name = "last" if number == 1 else f"last-{number}"
            lock_file = folder / f"{name}.lock"
            lock = QLockFile(str(lock_file))
            lock.setStaleLockTime(0)  # however old, it counts for as long as its process lives
            left = lock_file.exists()
            if lock.tryLock(0):
                self._lock, self.number, self.crashed = lock, number, left
                self.path = folder / f"{name}{SUFFIX}"
                return
            if lock.error() != QLockFile.LockError.LockFailedError:
                return

    @property
    def before(self) -> Path | None:
        """The session that was there when this window was opened."""
        return None if self.path is None else self.path.with_name(f"{self.path.stem}-before{SUFFIX}")

    @property
    def _guard(self) -> Path | None:
        """Is there while a session is being restored, so that one that does harm does it once."""
        return None if self.path is None else self.path.with_suffix(".restoring")

    def take(self) -> tuple[Document | None, str, bool]:
        """Return the last session, a sentence about it, and whether its layout may be restored.

        Qt itself can crash while it restores a layout. So a session is not restored where the start before did not
        survive that, and its layout only where this could be noted beforehand.
        """
        if self.path is None or self._guard is None or self.before is None or not self.path.exists():
            return None, "", False
        with contextlib.suppress(OSError):
            shutil.copyfile(self.path, self.before)
        if self._guard.exists():
            self.settle()
            return (
                None,
                "The last start ended while it restored the session; File > Restore last session does it",
                False,
            )
        try:
            document = load(self.path, self._settings)
        except SessionError as error:
            kept = self.path.with_name(f"{self.path.stem}-kept{SUFFIX}")
            with contextlib.suppress(OSError):
                shutil.copyfile(self.path, kept)
            return None, f"The last session is not restored: {error}; it is kept as {kept}", False
        try:
            self._guard.touch()
        except OSError:
            return document, "", False
        return document, "", True

    def settle(self) -> None:
        """Note that what was restored does no harm."""
        if self._guard is not None:
            with contextlib.suppress(OSError):
                self._guard.unlink(missing_ok=True)

    def release(self) -> None:
        """Note that the window ended by itself, and leave the files to the next one."""
        self.settle()
        if self._lock is not None:
            self._lock.unlock()
            self._lock = None


class Autosave(QObject):
    """Writes a window's session a moment after each change, in a thread of its own.

    ``failed`` tells once why it cannot; later changes are tried again.
    """

    failed = Signal(str)
    _written = Signal(str)

    def __init__(self, slot: Slot, document: Callable[[], Document], held: Callable[[], bool], parent: QObject) -> None:
        super().__init__(parent)
        self.slot = slot
        self._document, self._held = document, held
        self._writer = ThreadPoolExecutor(max_workers=1, thread_name_prefix="nodeviz autosave")
        self._writing: Future[None] | None = None
        self._content = b""
        self._told = False
        self._timer = QTimer(self, singleShot=True, interval=DELAY)
        self._timer.timeout.connect(self._save)
        self._settled = QTimer(self, singleShot=True, interval=SETTLED)
        self._settled.timeout.connect(slot.settle)
        self._written.connect(self._on_written)

    def begin(self) -> None:
        """Count from now how long what was restored lasts."""
        self._settled.start()

    def touch(self) -> None:
        """Note that something changed."""
        if self.slot.path is not None and not self._timer.isActive():
            self._timer.start()

    def save_now(self) -> str:
        """Write what there is now; return why that could not be done, if so."""
        self._timer.stop()
        if self._writing is not None:
            self._writing.result()
        return self._write(self._document())

    def finish(self) -> None:
        """Write no more, and leave the files to the next window."""
        self._timer.stop()
        self._settled.stop()
        self._writer.shutdown(wait=True)
        self.slot.release()

    def _save(self) -> None:
        if self._held() or (self._writing is not None and not self._writing.done()):
            self._timer.start()  # later, with what comes until then
            return
        document = self._document()
        self._writing = self._writer.submit(lambda: self._written.emit(self._write(document)))

    def _write(self, document: Document) -> str:
        """Write a session unless it is the same as before; return why it could not be written."""
        if self.slot.path is None:
            return ""
        try:
            content = to_bytes(document)
            if content == self._content:
                return ""
            write_whole(self.slot.path, content)
        except (OSError, ValueError, TypeError) as error:  # besides the disk: something that is no JSON
            return (
                f"The session cannot be kept ({self.slot.path}: {reason_of(error)}); it lasts until nodeviz is closed"
            )
        self._content = content
        return ""

    def _on_written(self, sentence: str) -> None:
        if not sentence:
            self._told = False
        elif not self._told:
            self._told = True
            self.failed.emit(sentence)
