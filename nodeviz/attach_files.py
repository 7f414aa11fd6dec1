"""The files by which a script finds an open window: one private folder per window, held by a lock as long as it lives.

Both sides use this: no Qt and no NumPy here. A window that crashed leaves its folder, but the system takes back its
lock, so that nobody waits for it and the next window sweeps it away.
"""

from __future__ import annotations

import os
import shutil
import stat
import sys
import tempfile
import time
import warnings
from pathlib import Path
from typing import Final

import platformdirs

CONNECTION: Final = "connection.json"
BORN: Final = ".connection"  # its name until the sockets are open
MAX_PATH: Final = 100  # bytes of a socket's path; Linux takes 107, macOS 103
GRACE: Final = 60.0  # s that a window may take to open its sockets
UNSUPPORTED: Final = (
    "scripts cannot attach on Windows: Jupyter's sockets are no files there that only you can open; "
    "everything else works, the window's own console among it"
)


class AttachError(RuntimeError):
    """A window that cannot be attached to. Its sentence says why, and the remedy."""


def runtime_folder() -> Path:
    """Return the folder of all windows: the environment's ``NODEVIZ_RUNTIME_DIR``, else the platform's own place."""
    chosen = os.environ.get("NODEVIZ_RUNTIME_DIR")
    if chosen:
        return Path(chosen)
    with warnings.catch_warnings():  # of a session without such a folder, as over ssh: there is another place for it
        warnings.simplefilter("ignore")
        return platformdirs.user_runtime_path("nodeviz", appauthor=False)


def make_folder() -> Path:
    """Return a new private folder for one window, below the private folder of all; sweep those of crashed ones.

    Raises
    ------
    AttachError : there can be none, or not a private one; the sentence says why
    """
    if sys.platform == "win32":
        raise AttachError(UNSUPPORTED)
    above = runtime_folder()
    try:
        above.mkdir(mode=0o700, parents=True, exist_ok=True)
        check_private(above)
        sweep(above)
        folder = Path(tempfile.mkdtemp(prefix="w", dir=above))  # of mode 0700
    except OSError as error:
        raise AttachError(f"{above}: {error.strerror}; set NODEVIZ_RUNTIME_DIR to a folder of your own") from None
    if len(os.fsencode(folder / "k-0")) > MAX_PATH:
        folder.rmdir()
        raise AttachError(
            f"{folder}: longer than the {MAX_PATH} bytes that a socket's path may take; set NODEVIZ_RUNTIME_DIR to less"
        )
    return folder


def check_private(path: Path) -> None:
    """Raise an AttachError unless a folder or file is the user's own and closed to all others.

    Raises
    ------
    AttachError, OSError
    """
    seen = path.lstat()
    if seen.st_uid != os.getuid() or stat.S_ISLNK(seen.st_mode):
        raise AttachError(f"{path}: belongs to somebody else; set NODEVIZ_RUNTIME_DIR to a folder of your own")
    if stat.S_IMODE(seen.st_mode) & 0o077:
        mode = stat.S_IMODE(seen.st_mode)
        raise AttachError(f"{path}: open to other users (mode {mode:o}); close it with chmod go= {path}")


def hold(folder: Path, text: str) -> int:
    """Write a window's connection file, of mode 0600, and return the open file that holds its lock."""
    import fcntl

    held = os.open(folder / BORN, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600)
    fcntl.flock(held, fcntl.LOCK_EX)
    os.write(held, text.encode())
    os.rename(folder / BORN, folder / CONNECTION)
    return held


def is_held(file: Path) -> bool:
    """Whether the window of a connection file lives."""
    import fcntl

    try:
        probe = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        fcntl.flock(probe, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(probe)
    return False


def open_windows() -> list[Path]:
    """Return the connection files of the windows that live, newest first."""
    found = [(file.stat().st_mtime_ns, file) for file in runtime_folder().glob(f"*/{CONNECTION}") if is_held(file)]
    return [file for _, file in sorted(found, reverse=True)]


def sweep(above: Path) -> None:
    """Remove the folders of windows that crashed."""
    for folder in above.glob("w*"):
        file = folder / CONNECTION
        try:
            old = time.time() - folder.stat().st_mtime > GRACE
            dead = not is_held(file) if file.exists() else old
        except OSError:  # it was removed meanwhile
            continue
        if dead:
            shutil.rmtree(folder, ignore_errors=True)
