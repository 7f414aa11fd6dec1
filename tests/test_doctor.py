"""The doctor names what is missing and the command that brings it, and never falls ill itself."""

from __future__ import annotations

import importlib.metadata
import json
import socket
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

from nodeviz import doctor
from nodeviz.doctor import WINDOW_LIBRARIES, Finding, Library

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

HEALTHY = {
    "numerics": [["openblas", "0.3.31", "Haswell", 1]],
    "window": ["6.11.3", "offscreen", [[1600, 1000, 2.0]], 51, "Sans Serif"],
}


@pytest.fixture
def healthy(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """Replace everything that depends on this machine; the answers of the two children can be changed."""
    answers: dict[str, Any] = dict(HEALTHY)
    monkeypatch.setattr(doctor, "_loads", lambda _: True)
    monkeypatch.setattr(doctor, "_version", lambda _: "6.11.3")
    monkeypatch.setattr(sys, "platform", "linux")

    def attempt(code: str) -> tuple[Any, str]:
        answer = answers["window" if "PySide6" in code else "numerics"]
        return (None, answer) if isinstance(answer, str) else (answer, "")

    monkeypatch.setattr(doctor, "_try", attempt)
    return answers


def to_do() -> list[Finding]:
    return [finding for finding in doctor.diagnose() if not finding.ok]


@pytest.mark.usefixtures("healthy")
def test_all_is_well() -> None:
    text, ok = doctor.report()
    assert ok
    assert text.endswith("All is well.")
    assert "1600x1000 at 200 %" in text
    assert "openblas 0.3.31 (Haswell), 1 thread(s)" in text


def test_this_machine() -> None:
    """The real children run; whatever is found, the two parts agree."""
    findings = doctor.diagnose()
    assert {"Python", "numpy", "PySide6-Essentials", "BLAS", "Qt", "fonts"} <= {
        "PySide6-Essentials" if finding.name == "pyside6-essentials" else finding.name for finding in findings
    }
    text, ok = doctor.report()
    assert ok == all(finding.ok for finding in findings)
    assert all(finding.value in text for finding in findings)


@pytest.mark.usefixtures("healthy")
def test_missing_libraries_come_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "_loads", lambda name: name not in ("libxcb-cursor.so.0", "libEGL.so.1"))
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(doctor, "is_root", lambda: False)
    (finding,) = to_do()
    assert finding.value == "missing: libEGL.so.1, libxcb-cursor.so.0"
    assert finding.remedy == "sudo apt-get install -y libegl1 libxcb-cursor0"
    text, ok = doctor.report()
    assert not ok
    assert "! system libraries" in text
    assert text.endswith("To do\n  system libraries: sudo apt-get install -y libegl1 libxcb-cursor0")

    monkeypatch.setattr(doctor, "is_root", lambda: True)
    assert to_do()[0].remedy == "apt-get install -y libegl1 libxcb-cursor0"
    monkeypatch.setattr(doctor.shutil, "which", lambda _: None)
    assert to_do()[0].remedy == "install the packages that hold libEGL.so.1, libxcb-cursor.so.0"


def test_a_library_that_does_not_exist_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "linux")
    absent = Library("libnodeviz-absent.so.7", "libnodeviz-absent7")
    monkeypatch.setattr(doctor, "WINDOW_LIBRARIES", (Library("libc.so.6", "libc6"), absent))
    assert doctor.missing_libraries() == (absent,)
    monkeypatch.setattr(sys, "platform", "darwin")
    assert doctor.missing_libraries() == ()


def test_x11_is_told_from_what_every_window_needs() -> None:
    assert {library.package for library in WINDOW_LIBRARIES if not library.x11} >= {"libegl1", "libfontconfig1"}
    assert all(("xcb" in library.soname or "x11" in library.soname) == library.x11 for library in WINDOW_LIBRARIES)


@pytest.mark.parametrize(
    ("name", "version", "bad"),
    [
        ("PySide6-Essentials", "6.12.0", True),
        ("PySide6-Essentials", "6.12.1", False),
        ("PySide6-Essentials", "6.11.3", False),
        ("ipykernel", "7.1.0", True),
        ("ipykernel", "7.4.2", True),
        ("ipykernel", "7.0.1", False),
        ("ipykernel", "7.10.0", False),
    ],
)
@pytest.mark.usefixtures("healthy")
def test_versions_known_to_fail_are_named(
    monkeypatch: pytest.MonkeyPatch, name: str, version: str, *, bad: bool
) -> None:
    monkeypatch.setattr(doctor, "_requirements", lambda: ["numpy>=2.0", f"{name}>=1,!=2"])
    monkeypatch.setattr(doctor, "_version", lambda package: version if package == name else "1")
    assert [finding.name for finding in to_do()] == ([name] if bad else [])
    if bad:
        assert to_do()[0].remedy == f'python -m pip install "{name}>=1,!=2"'


@pytest.mark.usefixtures("healthy")
def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    declared = ["no-such-package>=2; python_version > '3'", "pytest; extra == 'test'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda _: declared)
    monkeypatch.setattr(doctor, "_version", lambda _: None)
    (finding,) = to_do()
    assert (finding.name, finding.value) == ("no-such-package", "missing")
    assert finding.remedy == 'python -m pip install "no-such-package>=2"'


def test_requirements_come_from_the_checkout_where_nothing_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> list[str]:
        raise importlib.metadata.PackageNotFoundError(name)

    monkeypatch.setattr(importlib.metadata, "requires", absent)
    names = doctor._requirements()
    assert any(name.startswith("numpy") for name in names)
    assert not any("torch" in name or "pytest" in name for name in names), "extras are not needed"


def test_no_fonts_and_a_qt_that_does_not_start(healthy: dict[str, Any]) -> None:
    healthy["window"] = ["6.11.3", "xcb", [], 0, ""]
    assert [(finding.name, "fonts-dejavu-core" in finding.remedy) for finding in to_do()] == [("fonts", True)]
    healthy["window"] = "qt.qpa.xcb: could not connect to display :9"
    healthy["numerics"] = "ImportError: numpy"
    assert [finding.remedy for finding in to_do()] == ["ImportError: numpy", healthy["window"]]


@pytest.mark.parametrize(
    ("code", "answer"),
    [
        ("print('[1, 2]')", ([1, 2], "")),
        ("import sys; print('first', file=sys.stderr); sys.exit('the last word')", (None, "the last word")),
        ("import os; os._exit(3)", (None, "it ended with code 3 and said nothing")),
    ],
)
def test_a_child_that_fails_is_a_finding(code: str, answer: tuple[Any, str]) -> None:
    assert doctor._try(code) == answer


def test_a_child_that_hangs_or_cannot_start_is_a_finding(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "CHILD_SECONDS", 0.2)
    assert "timed out" in doctor._try("import time; time.sleep(60)")[1]
    monkeypatch.setattr(sys, "executable", str(tmp_path / "none"))
    assert "a child process failed" in doctor._try("print(1)")[1]


@pytest.mark.parametrize("command", [doctor.diagnose, doctor.report])
def test_the_process_itself_stays_free_of_numpy_and_qt(command: Callable[[], object]) -> None:
    code = (
        f"import json, sys; from nodeviz import doctor; doctor.{command.__name__}(); "
        "print(json.dumps([name for name in ('numpy', 'PySide6') if name in sys.modules]))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert json.loads(shown.stdout) == []


@pytest.mark.parametrize(
    ("platform", "variables", "shown"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"DISPLAY": "nowhere.invalid:7"}, False),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-1"}, False),
        ("win32", {}, True),
        ("darwin", {}, True),
    ],
)
def test_a_display(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, platform: str, variables: dict[str, str], *, shown: bool
) -> None:
    """A display counts where a server answers, not where one is merely named."""
    monkeypatch.setattr(sys, "platform", platform)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "wayland-0"))
        assert doctor.has_display() == shown
