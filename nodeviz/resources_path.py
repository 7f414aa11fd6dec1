"""Where the files that ship with nodeviz lie: icons, presets, data."""

from __future__ import annotations

import sys
from pathlib import Path

PACKAGE = Path(__file__).resolve().parent


def resource_path(*parts: str) -> Path:
    """Return the path of a file or folder that ships with nodeviz.

    Parameters
    ----------
    parts : the way down from ``resources/``, for example ``"icons", "nodeviz.svg"``; none for the folder itself

    Returns
    -------
    An existing path, in whichever way nodeviz was installed.

    Raises
    ------
    ValueError : the parts lead out of ``resources/``
    FileNotFoundError : no such file ships, or the installation lost its resources
    """
    root = _root()
    path = root.joinpath(*parts).resolve()
    if not path.is_relative_to(root.resolve()):
        raise ValueError(f"resource {'/'.join(parts)!r}: leads out of {root}; give a path below it")
    if not path.exists():
        raise FileNotFoundError(f"resource {'/'.join(parts)!r}: not in {root}; install nodeviz again if it should be")
    return path


def _root() -> Path:
    """Return the folder of the resources: a bundle's, a wheel's, or the checkout's beside the package."""
    candidates = [PACKAGE / "resources", PACKAGE.parent / "resources"]
    bundle = getattr(sys, "_MEIPASS", None)  # set by PyInstaller's loader, and by nothing else
    if bundle is not None:
        candidates.insert(0, Path(bundle) / "nodeviz" / "resources")
    for candidate in candidates:
        if candidate.is_dir():
            return candidate
    raise FileNotFoundError(f"resources: no such folder in or beside {PACKAGE}; install nodeviz again")
