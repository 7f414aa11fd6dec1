"""What this machine offers nodeviz, and the exact command for whatever is missing.

Standard library alone, so that it works where nothing else does. Everything that could crash (NumPy, Qt) is tried in a
child process.
"""

from __future__ import annotations

import ctypes
import importlib.metadata
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

CHILD_SECONDS = 60  # a first import from a cold disk takes a few
KNOWN_BAD = {
    "pyside6-essentials": (r"6\.12\.0", "loses references to None and True and aborts within a hundred repaints"),
    "ipykernel": (r"7\.[1-4](\D|$)", "hangs on a top-level await in the console"),
}


@dataclass(frozen=True, slots=True)
class Library:
    """A shared library that Qt's window needs, and the Debian package that brings it."""

    soname: str
    package: str
    x11: bool = False  # for a window on an X server; drawing without a screen does without it


WINDOW_LIBRARIES = (
    Library("libEGL.so.1", "libegl1"),
    Library("libGL.so.1", "libgl1"),
    Library("libfontconfig.so.1", "libfontconfig1"),
    Library("libxkbcommon.so.0", "libxkbcommon0"),
    Library("libdbus-1.so.3", "libdbus-1-3"),
    Library("libglib-2.0.so.0", "libglib2.0-0"),
    Library("libxkbcommon-x11.so.0", "libxkbcommon-x11-0", x11=True),
    Library("libxcb-cursor.so.0", "libxcb-cursor0", x11=True),
    Library("libxcb-icccm.so.4", "libxcb-icccm4", x11=True),
    Library("libxcb-keysyms.so.1", "libxcb-keysyms1", x11=True),
    Library("libxcb-image.so.0", "libxcb-image0", x11=True),
    Library("libxcb-render-util.so.0", "libxcb-render-util0", x11=True),
    Library("libxcb-shape.so.0", "libxcb-shape0", x11=True),
)


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of the report. ``remedy`` is a command or a sentence, empty when all is well."""

    section: str
    name: str
    value: str
    remedy: str = ""

    @property
    def ok(self) -> bool:
        """Whether nothing has to be done."""
        return not self.remedy


def report() -> tuple[str, bool]:
    """Return the report as text, and whether all is well."""
    findings = diagnose()
    width = max(len(finding.name) for finding in findings)
    lines: list[str] = []
    section = ""
    for finding in findings:
        if finding.section != section:
            section = finding.section
            lines += ["", section] if lines else [section]
        lines.append(f"{'  ' if finding.ok else '! '}{finding.name:{width}}  {finding.value}".rstrip())
    troubles = [finding for finding in findings if not finding.ok]
    lines += ["", "To do" if troubles else "All is well."]
    lines += [f"  {finding.name}: {finding.remedy}" for finding in troubles]
    return "\n".join(lines), not troubles


def diagnose() -> tuple[Finding, ...]:
    """Return everything found, section by section."""
    return (*_machine(), *_packages(), *_numerics(), *_libraries(), *_window())


def has_display() -> bool:
    """Return whether a window can be shown: always outside Linux, there where an X11 or Wayland server answers.

    Qt aborts the process where one is announced and does not answer, as after a lost ssh connection.
    """
    if not sys.platform.startswith("linux"):
        return True
    return _wayland_answers() or _x11_answers()


def _wayland_answers() -> bool:
    name = os.environ.get("WAYLAND_DISPLAY", "")
    return bool(name) and (Path(os.environ.get("XDG_RUNTIME_DIR", "/")) / name).is_socket()


def _x11_answers() -> bool:
    if not os.environ.get("DISPLAY"):
        return False
    try:
        xcb = ctypes.CDLL("libxcb.so.1")
    except OSError:
        return True  # the missing library is the news then
    xcb.xcb_connect.restype = ctypes.c_void_p
    connection = ctypes.c_void_p(xcb.xcb_connect(None, None))
    answers = not xcb.xcb_connection_has_error(connection)
    xcb.xcb_disconnect(connection)
    return answers


def missing_libraries() -> tuple[Library, ...]:
    """Return the window libraries that cannot be loaded; Qt's packages for macOS and Windows need none."""
    if not sys.platform.startswith("linux"):
        return ()
    return tuple(library for library in WINDOW_LIBRARIES if not _loads(library.soname))


def _loads(soname: str) -> bool:
    try:
        ctypes.CDLL(soname)
    except OSError:
        return False
    return True


def install_command(libraries: tuple[Library, ...]) -> str:
    """Return the exact line that installs libraries on Debian and its relatives, elsewhere a sentence."""
    if shutil.which("apt-get"):
        return f"{'' if is_root() else 'sudo '}apt-get install -y {' '.join(library.package for library in libraries)}"
    return f"install the packages that hold {', '.join(library.soname for library in libraries)}"


def is_root() -> bool:
    """Return whether this process may write everywhere (never on Windows, where nothing has to be installed)."""
    return hasattr(os, "geteuid") and os.geteuid() == 0


def _machine() -> list[Finding]:
    display = "Qt's own"
    if sys.platform.startswith("linux"):
        shown = [f"{name}={os.environ[name]}" for name in ("WAYLAND_DISPLAY", "DISPLAY") if os.environ.get(name)]
        display = ", ".join(shown) or "none: no window here; nodeviz list and nodeviz run work"
    bits = f"{platform.system()} {platform.release()}, {platform.machine()}, {os.cpu_count()} cores"
    return [
        Finding("Machine", "Python", f"{platform.python_version()} ({platform.python_implementation()})"),
        Finding("Machine", "system", bits),
        Finding("Machine", "display", display),
    ]


def _packages() -> list[Finding]:
    """Return the version of nodeviz and of each package it depends on."""
    findings = [Finding("Packages", "nodeviz", _version("nodeviz") or "runs from a checkout, not installed")]
    for requirement in _requirements():
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0]
        version = _version(name)
        pattern, fault = KNOWN_BAD.get(name.lower(), ("(?!)", ""))
        if version is None:
            findings.append(Finding("Packages", name, "missing", f'python -m pip install "{requirement}"'))
        elif re.match(pattern, version):
            findings.append(Finding("Packages", name, f"{version} {fault}", f'python -m pip install "{requirement}"'))
        else:
            findings.append(Finding("Packages", name, version))
    return findings


def _version(distribution: str) -> str | None:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return None


def _requirements() -> list[str]:
    """Return what nodeviz depends on, from its installation or else from the checkout."""
    try:
        declared = importlib.metadata.requires("nodeviz") or []
    except importlib.metadata.PackageNotFoundError:
        project = Path(__file__).resolve().parents[1] / "pyproject.toml"
        declared = tomllib.loads(project.read_text("utf-8"))["project"]["dependencies"] if project.exists() else []
    return [requirement.partition(";")[0].strip() for requirement in declared if "extra ==" not in requirement]


def _libraries() -> list[Finding]:
    """Return one finding for all window libraries, or one for each that is missing under a single command."""
    if not sys.platform.startswith("linux"):
        return []
    missing = missing_libraries()
    if not missing:
        return [Finding("Window", "system libraries", f"all {len(WINDOW_LIBRARIES)} are there")]
    names = ", ".join(library.soname for library in missing)
    return [Finding("Window", "system libraries", f"missing: {names}", install_command(missing))]


_NUMERICS = """
import json, numpy, threadpoolctl
pools = threadpoolctl.threadpool_info()
numpy.linalg.solve(numpy.eye(3), numpy.ones(3))
print(json.dumps([[p["internal_api"], p.get("version"), p.get("architecture"), p["num_threads"]] for p in pools]))
"""

_WINDOW = """
import json
from PySide6.QtCore import qVersion
from PySide6.QtGui import QFontDatabase, QGuiApplication
app = QGuiApplication([])
screens = [[s.size().width(), s.size().height(), s.devicePixelRatio()] for s in app.screens()]
families = QFontDatabase.families()
print(json.dumps([qVersion(), app.platformName(), screens, len(families), app.font().family()]))
"""


def _numerics() -> list[Finding]:
    answer, fault = _try(_NUMERICS)
    if answer is None:
        return [Finding("Numerics", "NumPy", "does not start", fault)]
    blas = [f"{api} {version} ({architecture}), {threads} thread(s)" for api, version, architecture, threads in answer]
    return [Finding("Numerics", "BLAS", "; ".join(blas) or "not recognised")]


def _window() -> list[Finding]:
    answer, fault = _try(_WINDOW)
    if answer is None:
        return [Finding("Window", "Qt", "does not start", fault)]
    version, name, screens, n_families, family = answer
    sizes = ", ".join(f"{width}x{height} at {100 * ratio:.0f} %" for width, height, ratio in screens)
    fonts = Finding("Window", "fonts", f"{n_families} families, {family}")
    if n_families == 0:
        fonts = Finding(
            "Window", "fonts", "none: text would be empty boxes", "install a font, such as fonts-dejavu-core"
        )
    return [Finding("Window", "Qt", f"{version} on {name}"), Finding("Window", "screens", sizes or "none"), fonts]


def _try(code: str) -> tuple[Any, str]:
    """Run code in a child process; return the JSON it prints, or None and the last thing it said."""
    environment = dict(os.environ)
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        environment.setdefault(variable, "1")  # as nodeviz itself does
    if not has_display():
        environment.setdefault("QT_QPA_PLATFORM", "offscreen")
    try:
        child = subprocess.run(
            [sys.executable, "-c", code],
            env=environment, capture_output=True, text=True, errors="replace", timeout=CHILD_SECONDS, check=False,
        )  # fmt: skip
    except (OSError, subprocess.TimeoutExpired) as error:
        return None, f"a child process failed: {error}"
    if child.returncode == 0:
        return json.loads(child.stdout), ""
    said = [line.strip() for line in child.stderr.splitlines() if line.strip()]
    return None, said[-1] if said else f"it ended with code {child.returncode} and said nothing"
