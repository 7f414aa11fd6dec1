"""What was going on when nodeviz crashed, kept so that the next start can show it.

Each run has a file that goes when the run ends: what it is, the newest actions, and, where it crashes, the stack of
every thread as `faulthandler` writes it from within the dying process. A file whose run is over and that holds no such
stack comes from a run that was killed; that is nothing to show.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import sys
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

import platformdirs

from nodeviz.app.report import ActionLog, machine

if TYPE_CHECKING:
    from collections.abc import Iterator

KEPT = 5  # logs of crashes
MAX_BYTES = 256_000  # of a log; a stack of 100 threads is about half of it
ACTIONS_BYTES = 32_000  # of a run's actions before they begin anew from the newest
_SIGNS = ("Fatal Python error", "Windows fatal exception")  # what faulthandler begins with


def log_folder() -> Path:
    """Return the folder of the logs: below the environment's ``NODEVIZ_CONFIG_DIR``, else the platform's own place."""
    chosen = os.environ.get("NODEVIZ_CONFIG_DIR")
    return Path(chosen) / "log" if chosen else platformdirs.user_log_path("nodeviz", appauthor=False)


class CrashLog:
    """The file of the run under way, and the crash of an earlier one that nobody has seen yet.

    Used in a ``with``: leaving it is a clean end. Where the folder cannot be written, a crash is told on stderr alone.

    Parameters
    ----------
    folder : by default `log_folder`
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = log_folder() if folder is None else folder
        self.path = self.folder / f"running-{os.getpid()}.log"
        self.crash = ""  # the text of the newest crash, empty where there was none
        self._actions = ActionLog()
        self._file: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self.crash = collect(self.folder)
            self._file = _open(self.path)
            self._begin_file()
            faulthandler.enable(self._file)
        except OSError:
            self._file = None
            _tell_on_stderr()
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            # What crashes while Python ends is no loss of work; without a terminal nobody hears of it.
            _tell_on_stderr()
            self._file.close()
            with contextlib.suppress(OSError):
                self.path.unlink()

    def note(self, line: str) -> None:
        """Add an action to the file, which stays small."""
        self._actions.note(line)
        if self._file is None:
            return
        try:
            if self._file.tell() > ACTIONS_BYTES:
                self._begin_file()
            else:
                self._file.write(f"{self._actions.lines[-1]}\n".encode())
        except (OSError, ValueError):  # a full disk, or closed already: work goes on
            return

    def _begin_file(self) -> None:
        assert self._file is not None
        self._file.seek(0)
        self._file.truncate()
        lines = [machine(), "", "The last actions, as Python:", *self._actions.lines]
        self._file.write("\n".join([*lines, ""]).encode())


def running(folder: Path | None = None, *, besides: int | None = None) -> bool:
    """Return whether a nodeviz is open that writes its log to this folder, ``besides`` the process of this number."""
    folder = log_folder() if folder is None else folder
    own = f"running-{besides}.log"
    return any(path.name != own and _held(path) for path in folder.glob("running-*.log"))


def collect(folder: Path) -> str:
    """Put aside what runs left that are over; return the text of the newest crash, which is told once, or nothing."""
    newest = ""
    for path in sorted(folder.glob("running-*.log"), key=_time):
        if _held(path):
            continue
        with contextlib.suppress(OSError):
            raw = path.read_bytes()[:MAX_BYTES]
            text = raw.decode("utf-8", errors="replace")
            if not any(sign in text for sign in _SIGNS):
                path.unlink()
                continue
            os.truncate(path, len(raw))
            stamp = time.strftime("%Y%m%d-%H%M%S", time.localtime(_time(path)))
            os.replace(path, folder / f"crash-{stamp}-{path.stem.removeprefix('running-')}.log")
            newest = text
    for path in sorted(folder.glob("crash-*.log"), key=_time)[:-KEPT]:
        with contextlib.suppress(OSError):
            path.unlink()
    return newest


def _time(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:  # gone meanwhile
        return 0.0


def _tell_on_stderr() -> None:
    with contextlib.suppress(OSError, ValueError, RuntimeError):  # no terminal, or none that has a number
        faulthandler.enable(sys.stderr)


def _open(path: Path) -> IO[bytes]:
    """Return the file, held by this process for as long as it lives."""
    for _ in range(3):
        file = open(path, "wb", buffering=0)  # noqa: SIM115 - it stays open; unbuffered, since a crash flushes nothing
        if not _lock(file) or _is_at(file, path):
            return file
        file.close()  # another start took it for a dead run's between opening and locking
    raise OSError(f"{path} is taken away")


def _is_at(file: IO[bytes], path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except OSError:
        return False


if sys.platform == "win32":

    def _lock(file: IO[bytes]) -> bool:
        """Do nothing: there an open file cannot be renamed, which tells enough."""
        del file
        return False

    def _held(path: Path) -> bool:
        """Return whether the process lives that has this file open."""
        try:
            os.rename(path, path)
        except OSError:
            return path.exists()
        return False

else:
    import fcntl

    def _lock(file: IO[bytes]) -> bool:
        """Hold the file until this process ends, however it does; return whether that can be done here."""
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:  # some network folders know no locks
            return False
        return True

    def _held(path: Path) -> bool:
        """Return whether the process lives that has this file open."""
        with _opened(path) as file:
            if file is None:
                return False
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                return True
            return False


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[IO[bytes] | None]:
    try:
        file = open(path, "rb")  # noqa: SIM115 - closed below
    except OSError:
        yield None
        return
    with file:
        yield file
