"""One export into one file or folder: encoded beside the drawing, whole or not there at all."""

from __future__ import annotations

import errno
import os
import platform
import queue
import re
import shutil
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from nodeviz.media.formats import MediaError, check_options
from nodeviz.media.gif import GifEncoder
from nodeviz.media.notes import add_note
from nodeviz.media.stills import NOTE_FILE, FolderEncoder, write_png
from nodeviz.media.webp import WebpEncoder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import TracebackType

    import numpy as np
    import numpy.typing as npt

    from nodeviz.media.formats import Format, Options

    Picture = npt.NDArray[np.uint8]

AHEAD = 4  # pictures that may wait for the encoder: drawing and encoding go on side by side, and memory stays flat
PATIENCE = 0.2  # s, between two looks whether the encoder still lives
FRAME = re.compile(r"frame-\d+\.png")
MOMENT = 0.003  # s, between two looks of somebody who has other things to do as well


class Encoder(Protocol):
    """What turns pictures into a file."""

    def add(self, picture: Picture) -> None:
        """Write one picture (height, width, 4) of blue, green, red, alpha."""
        ...

    def close(self) -> None:
        """End the file."""
        ...

    def abort(self) -> None:
        """Let go of the file, whatever state it is in."""
        ...


class Writer:
    """An animation on its way to disk.

    As a context manager it ends the file, or takes away what there is of it if anything was raised. An existing file is
    replaced when all is done; a folder only if nothing but an earlier export is in it.

    Parameters
    ----------
    path : Path, of the file or folder
    options : Options
    folder : whether it is a folder, where the path does not say so

    Raises
    ------
    MediaError : what is asked for cannot be written; one sentence
    """

    def __init__(self, path: Path | str, options: Options, *, folder: bool = False) -> None:
        self.kind = check_options(f"{path}/" if folder else path, options)
        self.path = Path(path)
        self.options = options
        check_target(self.path, self.kind)
        self._temporary = temporary_name(self.path)
        self._queue: queue.Queue[Picture | None] = queue.Queue(AHEAD)
        self._error: BaseException | None = None
        self._dropped = False
        _sweep(self.path)
        try:
            self._encoder = _encoder(self._temporary, self.kind, options)
        except Exception as error:
            _remove(self._temporary)
            if isinstance(error, MediaError):
                raise
            if isinstance(error, OSError):
                raise _explained(self.path, error) from None
            why = f"{type(error).__name__}: {error}"
            raise MediaError(f"--out {path}: its encoder cannot begin ({why}); try another format or size") from error
        self._thread = threading.Thread(target=self._encode, name="encoder", daemon=True)
        self._thread.start()

    def add(self, picture: Picture) -> None:
        """Hand over one picture (height, width, 4) of blue, green, red, alpha; it must not change any more.

        Raises
        ------
        MediaError : the encoder has failed, with its reason
        """
        while True:
            self._complain()
            try:
                self._queue.put(picture, timeout=PATIENCE)
            except queue.Full:
                continue
            return

    def finish(self) -> Path:
        """Write all that waits, end the file and give it its name.

        Raises
        ------
        MediaError : it could not be written; nothing is left behind
        """
        try:
            self.add_end()
            self._thread.join()
            self._complain()
            add_note(self._temporary, self.kind.name, self.options.note)
            if self.kind.kind == "folder":
                check_target(self.path, self.kind)  # again: somebody may have put something there meanwhile
                _replace_folder(self._temporary, self.path)
            else:
                os.replace(self._temporary, self.path)  # refuses to put a file in the place of a folder
        except OSError as error:
            _remove(self._temporary)
            raise _explained(self.path, error) from None
        except MediaError:
            _remove(self._temporary)
            raise
        return self.path

    def ready(self) -> bool:
        """Return whether the next picture is taken at once, after a short moment for the encoder where it is not."""
        return self._soon(lambda: not (self._queue.full() and self._thread.is_alive()))

    def ended(self) -> bool:
        """Return whether the encoder has ended, after a short moment for it where it has not."""
        return self._soon(lambda: not self._thread.is_alive())

    @staticmethod
    def _soon(is_so: Callable[[], bool]) -> bool:
        if not is_so():
            time.sleep(MOMENT)
        return is_so()

    def add_end(self) -> None:
        """Tell the encoder that no picture follows, as soon as there is room to."""
        while self._thread.is_alive():
            try:
                self._queue.put(None, timeout=PATIENCE)
            except queue.Full:
                continue
            return

    def discard(self) -> None:
        """Give up: nothing is left behind."""
        self._dropped = True
        self.add_end()
        self._thread.join()
        _remove(self._temporary)

    def _encode(self) -> None:
        """Encode what comes, in the encoder's own thread; after a failure only take it away, so that nobody waits."""
        encoder = self._encoder
        try:
            while (picture := self._queue.get()) is not None:
                if self._error is None and not self._dropped:
                    try:
                        encoder.add(picture)
                    except BaseException as error:  # noqa: BLE001 - raised again where pictures are handed over
                        self._error = error
            if self._error is None and not self._dropped:
                encoder.close()
            else:
                encoder.abort()
        except BaseException as error:  # noqa: BLE001
            self._error = self._error or error

    def _complain(self) -> None:
        if self._error is not None:
            error = self._error
            if isinstance(error, OSError):
                raise _explained(self.path, error) from error
            raise MediaError(f"--out {self.path}: its encoder failed ({type(error).__name__}: {error})") from error

    def __enter__(self) -> Writer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if error is None:
            self.finish()
        else:
            self.discard()


def temporary_name(path: Path) -> Path:
    """Return the name beside a file that this process writes it under: on a shared disk other hosts write too."""
    return path.with_name(f".{path.name}.{_host()}.{os.getpid()}.tmp")


def _host() -> str:
    return re.sub(r"[^A-Za-z0-9-]", "-", platform.node())[:24] or "host"


def _remove(temporary: Path) -> None:
    """Take a file or a folder away; where that cannot be it stays, and is swept away later."""
    if temporary.is_dir() and not temporary.is_symlink():
        shutil.rmtree(temporary, ignore_errors=True)
        return
    with suppress(OSError):
        temporary.unlink(missing_ok=True)


def _replace_folder(temporary: Path, path: Path) -> None:
    """Put a finished folder in the place of an earlier one, which is moved aside first and only then removed.

    Raises
    ------
    OSError : it cannot be; then the earlier one is where it was
    """
    if not path.exists():
        os.replace(temporary, path)
        return
    aside = temporary.with_suffix(".old.tmp")
    os.replace(path, aside)
    try:
        os.replace(temporary, path)
    except OSError:
        os.replace(aside, path)
        raise
    _remove(aside)


def _is_export(path: Path) -> bool:
    """Return whether a folder has an export in it, whole or in part, and nothing else."""
    names = [entry.name for entry in path.iterdir()]
    return not names or (NOTE_FILE in names and all(name == NOTE_FILE or FRAME.fullmatch(name) for name in names))


def _sweep(path: Path) -> None:
    """Take away what exports of the same name have left whose process was killed, on this host."""
    if os.name != "posix":
        return  # elsewhere there is no harmless way to ask whether a process lives
    start = f".{path.name}.{_host()}."
    with suppress(OSError):  # a folder that cannot be read may take files all the same
        for left in list(path.parent.iterdir()):
            process = left.name.removeprefix(start).removesuffix(".tmp")
            if left.name == f"{start}{process}.tmp" and process.isdecimal() and not _lives(int(process)):
                _remove(left)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def write_still(path: Path, picture: Picture, options: Options) -> None:
    """Write one picture as a PNG, whole or not at all.

    Raises
    ------
    MediaError : it cannot be written; one sentence
    """
    with replacing(path) as temporary:
        write_png(temporary, picture, options)


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary name beside a file, which takes the file's place when all went well, and is gone if not.

    Raises
    ------
    MediaError : in place of an OSError, with the reason in one sentence
    """
    temporary = temporary_name(path)
    try:
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise _explained(path, error) from None
    finally:
        _remove(temporary)


def check_target(path: Path, kind: Format) -> None:
    """Say why nothing can be written there, before anything is drawn.

    Raises
    ------
    MediaError : the folder around it is missing or cannot be written, or a folder has other files in it
    """
    around = path.parent
    if not around.is_dir():
        raise MediaError(f"--out {path}: there is no folder {around}; make it first, or name another one")
    if not os.access(around, os.W_OK):
        raise MediaError(f"--out {path}: the folder {around} cannot be written; name another one")
    if kind.kind != "folder":
        return
    if path.exists() and not path.is_dir():
        raise MediaError(f"--out {path}: there is a file of that name; name another folder")
    if path.is_dir() and not _is_export(path):
        raise MediaError(f"--out {path}: the folder has other files in it; name an empty one or a new one")


def _encoder(path: Path, kind: Format, options: Options) -> Encoder:
    if kind.kind == "folder":
        return FolderEncoder(path, options)
    if kind.name == ".gif":
        return GifEncoder(path, options)
    if kind.name == ".webp":
        return WebpEncoder(path, options)
    from nodeviz.media.video import VideoEncoder  # the largest import of all, and only some need it

    return VideoEncoder(path, kind, options)


def _explained(path: Path, error: OSError) -> MediaError:
    """Return the sentence that says why a file could not be written."""
    if error.errno in {errno.ENOSPC, errno.EDQUOT}:
        free = shutil.disk_usage(path.parent).free / 1e6
        return MediaError(
            f"--out {path}: the disk is full ({free:.{0 if free >= 10 else 1}f} MB are free); "
            "make room, name another place, or export less"
        )
    if error.errno == errno.EFBIG:
        return MediaError(f"--out {path}: it is larger than files may be here; name another place, or export less")
    return MediaError(f"--out {path}: {error.strerror or error}; nothing was written")
