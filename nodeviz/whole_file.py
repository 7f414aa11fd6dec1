"""Files that are whole or not there: written under a temporary name beside the target, then renamed."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path


def write_whole(path: Path, content: bytes) -> None:
    """Put content into a file at once; what was there stays until then, and a link stays a link.

    Raises
    ------
    OSError : it cannot be written; nothing is left behind
    """
    if path.parts[:1] == ("~",):  # what platformdirs answers without a home; never make a folder of that name
        raise OSError("there is no home folder")
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=target.name, suffix=".tmp", dir=target.parent)
    try:
        with open(handle, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())  # else a power cut can leave the new name with no content
        os.replace(name, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(name)
        raise


def reason_of(error: Exception) -> str:
    """Return in words why something could not be written or read."""
    return getattr(error, "strerror", None) or str(error)
