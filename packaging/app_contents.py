"""What the built application leaves out, and what each of its packages costs.

PyInstaller follows the imports; this is what it cannot know. Patterns match the place in the application's folder, with
slashes on every system, and hold for Linux, Windows and macOS alike.
"""

from __future__ import annotations

import re
import sys
from collections import Counter
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

LIMIT = 420e6  # bytes, unpacked

# Modules that are imported somewhere under `try`, and that nodeviz does without.
EXCLUDED_MODULES = (
    "debugpy",  # the console's kernel lives in the window: no debugger can stop it without stopping the window
    "matplotlib", "pandas", "sphinx", "docutils", "OpenGL", "cupy", "numba", "h5py",
    "tkinter", "readline", "turtle", "turtledemo", "idlelib", "lib2to3", "ensurepip", "venv",
    "pytest", "_pytest", "hypothesis", "mypy", "setuptools", "pkg_resources", "pip", "wheel",
    "pyqtgraph.examples", "pyqtgraph.opengl", "pyqtgraph.flowchart", "qtconsole.tests", "qtpy.tests",
)  # fmt: skip

# Packages whose files that are no modules have to come along, where no hook of PyInstaller's says so.
DATA_PACKAGES = ("ziamath", "ziafont", "latex2mathml")  # the guide's equations: fonts, and the names of symbols

# Files, as (dropped where it matches, reason).
DROPPED = (
    ("PySide6/*translations/*", "nodeviz speaks English"),
    ("PySide6/*plugins/egldeviceintegrations/*", "screens without a window system"),
    ("PySide6/*plugins/platforms/*eglfs*", "the same"),
    ("PySide6/*plugins/platforms/*linuxfb*", "the same"),
    ("PySide6/*plugins/platforms/*minimalegl*", "the same"),
    ("PySide6/*plugins/platforms/*vkkhrdisplay*", "the same"),
    ("PySide6/*plugins/platforms/*vnc*", "a screen on the network, open to everybody"),
    ("PySide6/*plugins/generic/*", "input devices without a window system"),
    ("PySide6/*plugins/networkinformation/*", "nodeviz asks nothing of a network"),
    ("PySide6/*plugins/tls/*", "the same"),
    ("PySide6/*plugins/platformthemes/*gtk3*", "brings GTK; the desktop portal's theme stays"),
    ("PySide6/*plugins/printsupport/*cups*", "brings CUPS; the console prints to PDF without it"),
    ("PySide6/*plugins/imageformats/*tga*", "a format that nothing here opens"),
    ("PySide6/*plugins/imageformats/*wbmp*", "the same"),
    ("jedi/third_party/django-stubs/*", "completion of Django"),
    ("jedi/third_party/typeshed/third_party/*", "completion of packages that are not bundled"),
    ("jedi/third_party/typeshed/stdlib/2/*", "completion of Python 2"),
    ("libmvec.so*", "a part of the C library, which is the system's"),
    ("*/tests/*", "tests of the packages"),
    ("*.dist-info/RECORD", "hashes of what pip would remove"),
    ("*.dist-info/sboms/*", "told by the licence notices"),
)  # fmt: skip

# Folders and libraries in the application's folder that belong to a package of another name.
OWNERS = (
    (r"PySide6|shiboken6|lib(Qt6|icu|pyside6|shiboken6).*", "PySide6 (Qt)"),
    (r"python3[.\d]*|libpython.*|python\d*\.dll|base_library\.zip|lib-dynload|Python|encodings", "Python"),
    (r"PIL|pillow.*", "pillow"),
    (r"zmq|pyzmq.*", "pyzmq"),
    (r"(?i)ipython.*", "ipython"),
    (r"lib.*|.*\.so(\.\d+)*|.*\.dylib", "system libraries"),
    (r"share|LICENCES|add-to-menu|.*\.md", "desktop entry, icons, licence notices"),
)


def keeps(place: str) -> bool:
    """Return whether a file stays in the application's folder.

    Parameters
    ----------
    place : where PyInstaller would put it, relative to the folder
    """
    path = place.replace("\\", "/")
    return not any(fnmatchcase(path, pattern) for pattern, _ in DROPPED)


def reached(roots: Iterable[str], candidates: dict[str, str], imports_of: Callable[[str], Iterable[str]]) -> set[str]:
    """Return which libraries are still asked for, by files that stay or by each other.

    Parameters
    ----------
    roots : paths of the files that stay
    candidates : path of each library that stays only if asked for, by its name
    imports_of : the names of the libraries that a file loads

    Returns
    -------
    Names of candidates.
    """
    found: set[str] = set()
    waiting = list(roots)
    while waiting:
        for name in imports_of(waiting.pop()):
            if name in candidates and name not in found:
                found.add(name)
                waiting.append(candidates[name])
    return found


def owner(place: Path) -> str:
    """Return the package that a file of the application's folder is counted for; place is relative to the folder."""
    parts = place.parts[1:] if place.parts[0] == "_internal" else place.parts
    top = parts[0]
    if len(parts) == 1 and top in ("nodeviz", "nodeviz.exe", "nodeviz-window.exe"):
        return "executable"
    for pattern, name in OWNERS:
        if re.fullmatch(pattern, top):
            return name
    if len(parts) == 1:
        return "Python" if top.endswith((".so", ".pyd", ".dll")) else "rest"
    return re.sub(r"[-.](libs|[\d.]+\.dist-info|data)$", "", top).lower().replace("-", "_")


def sizes(folder: Path) -> Counter[str]:
    """Return the bytes of each package's files in a built folder; links cost nothing."""
    counted: Counter[str] = Counter()
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            counted[owner(path.relative_to(folder))] += path.stat().st_size
    return counted


def modules(folder: Path) -> dict[str, int]:
    """Return the modules that a built folder's executable holds, with the bytes that each takes there, compressed."""
    from PyInstaller.archive.readers import CArchiveReader

    archive = CArchiveReader(str(program(folder)))
    packed = [archive.open_embedded_archive(name) for name in archive.toc if name.startswith("PYZ")]
    return {module: length for inner in packed for module, (_, _, length) in inner.toc.items()}


def program(folder: Path) -> Path:
    """Return the executable of a built folder."""
    return folder / ("nodeviz.exe" if sys.platform == "win32" else "nodeviz")


def table(folder: Path) -> tuple[str, int]:
    """Return the costs of all packages as text, dearest first, and the bytes of the whole folder."""
    files, packed = sizes(folder), Counter[str]()
    for module, length in modules(folder).items():
        top = module.partition(".")[0]
        packed["Python" if top in sys.stdlib_module_names else owner(Path(top, "module"))] += length
    files["start of the program"] = files.pop("executable", 0) - packed.total()
    total = files.total() + packed.total()
    rows = sorted(files.keys() | packed.keys(), key=lambda name: -(files[name] + packed[name]))
    lines = [f"{'package':38} {'files':>8} {'modules':>8} {'MB':>8}"]
    small = 0.0
    for name in rows:
        cost = files[name] + packed[name]
        if cost < 5e5:
            small += cost
            continue
        lines.append(f"{name:38} {files[name] / 1e6:8.1f} {packed[name] / 1e6:8.1f} {cost / 1e6:8.1f}")
    lines.append(f"{'all others':38} {'':8} {'':8} {small / 1e6:8.1f}")
    lines.append(f"{'together':38} {'':8} {'':8} {total / 1e6:8.1f}  (at most {LIMIT / 1e6:.0f})")
    return "\n".join(lines), total


if __name__ == "__main__":
    _text, _total = table(Path(sys.argv[1]))
    print(_text)
    if _total > LIMIT:
        sys.exit(f"{_total / 1e6:.1f} MB are more than {LIMIT / 1e6:.0f} MB")
