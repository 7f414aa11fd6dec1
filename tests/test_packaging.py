"""The locks, and the script that runs and tests a checkout, without installing anything."""

from __future__ import annotations

import ast
import importlib.util
import itertools
import os
import re
import struct
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from nodeviz import doctor
from nodeviz.cli import COMMANDS

if TYPE_CHECKING:
    from types import ModuleType

ROOT = Path(__file__).resolve().parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]


def script(name: str) -> ModuleType:
    """Import a script of packaging/ under its own name."""
    spec = importlib.util.spec_from_file_location(f"nodeviz_{name}", ROOT / "packaging" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    path = list(sys.path)
    spec.loader.exec_module(module)
    sys.path[:] = path
    return module


# The locks -----------------------------------------------------------------------------------------------------------


def lock(name: str) -> list[tuple[str, str, str]]:
    """Return name, version and marker of each package of a lock."""
    text = (ROOT / "packaging" / f"{name}.lock").read_text("utf-8")
    return re.findall(r"^([a-z0-9-]+)==([^ ;]+)(?: ; ([^\\]+))? \\$", text, flags=re.MULTILINE)


def names(requirements: list[str]) -> set[str]:
    """Return the normalised names of requirements."""
    found = (re.match(r"[A-Za-z0-9._-]+", requirement) for requirement in requirements)
    return {re.sub(r"[._-]+", "-", match.group()).lower() for match in found if match}


@pytest.mark.parametrize("name", ["run", "test", "app"])
def test_a_lock_is_versions_and_hashes_and_nothing_else(name: str) -> None:
    lines = (ROOT / "packaging" / f"{name}.lock").read_text("utf-8").splitlines()
    package = re.compile(r"[a-z0-9-]+==[^ ;]+( ; [^\\]+)? \\")
    digest = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
    assert [line for line in lines if not package.fullmatch(line) and not digest.fullmatch(line)] == []
    assert len(lock(name)) == sum(1 for line in lines if package.fullmatch(line))
    assert all(digest.fullmatch(after) for line, after in itertools.pairwise(lines) if "==" in line)


def test_the_locks_hold_what_the_project_asks_for() -> None:
    run, test, app = ({name for name, _, _ in lock(kind)} for kind in ("run", "test", "app"))
    assert names(PROJECT["dependencies"]) <= run
    assert "pyinstaller" in app - run
    assert names(PROJECT["optional-dependencies"]["test"]) <= test
    assert not {"torch", "jax", "pytest"} & run, "what runs nodeviz stays small"
    assert not {"torch", "jax"} & test, "peers are for benchmarks alone"


@pytest.mark.parametrize("name", ["test", "app"])
def test_the_other_locks_hold_what_runs_nodeviz(name: str) -> None:
    assert set(lock("run")) <= set(lock(name))


@pytest.mark.parametrize("name", ["run", "test", "app"])
def test_no_lock_holds_a_version_known_to_fail(name: str) -> None:
    versions = {package: version for package, version, _ in lock(name)}
    for package, (pattern, _) in doctor.KNOWN_BAD.items():
        assert not re.match(pattern, versions[package])


# The script ----------------------------------------------------------------------------------------------------------


class Calls:
    """Stands in for everything the script would start; remembers the commands."""

    def __init__(self, start: Any) -> None:
        self.commands: list[list[str]] = []
        self.failing = ""
        self.start = start

    def call(self, command: list[object]) -> None:
        words = [str(word) for word in command]
        self.commands.append(words)
        if self.failing and self.failing in words:
            raise subprocess.CalledProcessError(1, words)
        if words[1:3] == ["-m", "venv"]:
            self.start.PYTHON.parent.mkdir(parents=True)
            self.start.PYTHON.touch()

    def run(self, command: list[object], **_: object) -> subprocess.CompletedProcess[bytes]:
        words = [str(word) for word in command]
        self.commands.append(words)
        return subprocess.CompletedProcess(words, int(bool(self.failing and self.failing in words)), b"", b"")

    def become(self, command: list[object]) -> int:
        self.commands.append([str(word) for word in command])
        return 0

    @property
    def said(self) -> list[str]:
        """What matters of each command: its module, and a lock's name."""
        return [f"{words[2]} {Path(words[-1]).name}" for words in self.commands if words[1] == "-m"]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return the script, its environment in a temporary folder and nothing installed for real."""
    module = script("start")
    venv = tmp_path / ".venv"
    monkeypatch.setattr(module, "VENV", venv)
    monkeypatch.setattr(module, "PYTHON", venv / "bin" / "python")
    monkeypatch.setattr(module, "UNFINISHED", venv / "unfinished")
    monkeypatch.setattr(module, "LOCKS", {kind: tmp_path / f"{kind}.lock" for kind in ("run", "test")})
    for kind, file in module.LOCKS.items():
        file.write_text(kind)
    monkeypatch.setattr(module.doctor, "missing_libraries", lambda: ())
    return module


@pytest.fixture
def calls(start: Any, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Return what the script starts instead of starting it."""
    recorder = Calls(start)
    monkeypatch.setattr(start, "call", recorder.call)
    monkeypatch.setattr(start, "start", recorder.become)
    monkeypatch.setattr(start, "fits", lambda: True)
    return recorder


def test_a_second_run_installs_nothing(start: Any, calls: Calls) -> None:
    start.prepare("run")
    assert calls.said == ["venv .venv", "pip run.lock", f"pip {ROOT.name}"]
    assert "--require-hashes" in calls.commands[1]
    calls.commands.clear()
    start.prepare("run")
    assert calls.commands == []


def test_what_the_tests_installed_is_enough_to_run_but_not_the_reverse(start: Any, calls: Calls) -> None:
    start.prepare("test")
    calls.commands.clear()
    start.prepare("run")
    assert calls.commands == []
    start.stamp_file("test").unlink()
    start.prepare("run")
    start.prepare("test")
    assert calls.said == ["pip run.lock", f"pip {ROOT.name}", "pip test.lock", f"pip {ROOT.name}"]


def test_a_new_lock_is_installed_into_the_same_environment(start: Any, calls: Calls) -> None:
    start.prepare("run")
    calls.commands.clear()
    start.LOCKS["run"].write_text("numpy==3")
    start.prepare("run")
    assert calls.said == ["pip run.lock", f"pip {ROOT.name}"]


@pytest.mark.parametrize("failing", ["venv", "--require-hashes", "--editable"])
def test_an_interrupted_first_run_is_made_anew(start: Any, calls: Calls, failing: str) -> None:
    calls.failing = failing
    with pytest.raises(subprocess.CalledProcessError):
        start.prepare("run")
    (start.VENV / "half-written").touch()
    calls.failing = ""
    calls.commands.clear()
    start.prepare("run")
    assert calls.said == ["venv .venv", "pip run.lock", f"pip {ROOT.name}"]
    assert not (start.VENV / "half-written").exists()


def test_an_environment_made_by_hand_is_kept_if_it_fits(start: Any, calls: Calls) -> None:
    start.VENV.mkdir()
    (start.VENV / "mine").touch()
    start.prepare("run")
    assert calls.said == ["pip run.lock", f"pip {ROOT.name}"]
    assert (start.VENV / "mine").exists()


@pytest.fixture
def environment(start: Any) -> Path:
    """Return a real environment, with nothing but a pip that can be imported."""
    packages = start.VENV / "lib" / f"python{sys.version_info[0]}.{sys.version_info[1]}" / "site-packages"
    packages.mkdir(parents=True)
    (packages / "pip.py").touch()
    start.PYTHON.parent.mkdir()
    base = Path(getattr(sys, "_base_executable", sys.executable)).resolve()
    start.PYTHON.symlink_to(base)
    (start.VENV / "pyvenv.cfg").write_text(f"home = {base.parent}\n")
    return packages


@pytest.mark.skipif(os.name == "nt", reason="links and bin/python")
@pytest.mark.usefixtures("environment")
def test_an_environment_that_works_here_fits(start: Any) -> None:
    assert start.fits()
    (start.VENV / "nodeviz-run.stamp").write_text(start.stamp("run"))
    assert start.fits()
    (start.VENV / "nodeviz-test.stamp").write_text(start.stamp("test").replace(str(start.VENV), "/old/place/.venv"))
    assert not start.fits(), "its scripts name the old place"


@pytest.mark.skipif(os.name == "nt", reason="links and bin/python")
def test_an_environment_that_does_not_work_does_not_fit(
    start: Any, environment: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (environment / "pip.py").write_text("raise ImportError")
    assert not start.fits()
    (environment / "pip.py").write_text("")
    assert start.fits()
    monkeypatch.setattr(start, "place", lambda: f"{start.VENV} Python 3.99")
    assert not start.fits(), "another Python's"


@pytest.mark.skipif(os.name == "nt", reason="links and bin/python")
@pytest.mark.usefixtures("environment")
def test_an_environment_whose_python_was_removed_does_not_fit(start: Any, tmp_path: Path) -> None:
    (tmp_path / ".venv" / "bin" / "python").unlink()
    assert not start.fits()


@pytest.mark.parametrize(
    ("arguments", "display", "command"),
    [
        ([], True, ["-m", "nodeviz"]),
        (["--panel", "phase"], True, ["-m", "nodeviz", "--panel", "phase"]),
        (["list", "--json"], False, ["-m", "nodeviz", "list", "--json"]),
        (["run", "phase"], False, ["-m", "nodeviz", "run", "phase"]),
        (["--version"], False, ["-m", "nodeviz", "--version"]),
        (["--reset"], False, ["-m", "nodeviz", "--reset"]),
        ([], False, ["-m", "nodeviz.app.render", "--out", str(ROOT / "nodeviz-pictures")]),
        (["--panel", "phase"], False, ["-m", "nodeviz.app.render", "--out", str(ROOT / "nodeviz-pictures")]),
    ],
)
def test_run_opens_the_window_or_renders_pictures(
    start: Any,
    calls: Calls,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    arguments: list[str],
    command: list[str],
    *,
    display: bool,
) -> None:
    monkeypatch.setattr(start.doctor, "has_display", lambda: display)
    monkeypatch.setenv("QT_QPA_PLATFORM", "")  # the script sets it
    assert start.main(["run", *arguments]) == 0
    assert calls.commands[-1] == [str(start.PYTHON), *command]
    assert ("There is no display" in capsys.readouterr().out) == ("nodeviz.app.render" in command)


def test_every_command_that_asks_for_no_window_is_known(start: Any) -> None:
    assert set(COMMANDS) <= set(start.TEXT_ONLY)


def test_without_rights_the_exact_line_is_printed(
    start: Any, calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (egl, *_, shape) = doctor.WINDOW_LIBRARIES
    monkeypatch.setattr(start.doctor, "missing_libraries", lambda: (egl, shape))
    monkeypatch.setattr(start.doctor, "has_display", lambda: True)
    monkeypatch.setattr(start.doctor, "is_root", lambda: False)
    monkeypatch.setattr(start.shutil, "which", lambda name: None if name == "sudo" else f"/usr/bin/{name}")
    assert start.main(["run"]) == 1
    assert "to install: sudo apt-get install -y libegl1 libxcb-shape0" in capsys.readouterr().err
    assert "nodeviz" not in calls.commands[-1], "no window is tried"
    monkeypatch.setattr(start.doctor, "has_display", lambda: False)
    monkeypatch.setattr(start.doctor, "missing_libraries", lambda: (shape,))
    monkeypatch.setenv("QT_QPA_PLATFORM", "")
    assert start.main(["run"]) == 0, "pictures need nothing of X11"


def test_with_rights_the_libraries_are_installed(start: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    (egl, *_) = doctor.WINDOW_LIBRARIES
    done: list[str] = []
    monkeypatch.setattr(start.doctor, "missing_libraries", lambda: (egl,))
    monkeypatch.setattr(start.shutil, "which", lambda name: f"/usr/bin/{name}")
    monkeypatch.setattr(start, "succeeds", lambda command, **_: done.append(" ".join(command)) is None)
    monkeypatch.setattr(start.doctor, "is_root", lambda: True)
    assert start.provide_libraries(x11=False)
    install = "apt-get -qq install -y --no-install-recommends libegl1"
    assert done == ["apt-get -qq update", install]
    monkeypatch.setattr(start.doctor, "is_root", lambda: False)
    assert start.provide_libraries(x11=False)
    assert done[-1] == f"sudo -n env DEBIAN_FRONTEND=noninteractive {install}"


def test_a_python_without_its_venv_module_says_what_to_install(
    start: Any, calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(start.importlib.util, "find_spec", lambda _: None)
    monkeypatch.setattr(start, "install", lambda _: False)
    assert start.main(["run"]) == 1
    assert f"apt-get install -y python{sys.version_info[0]}.{sys.version_info[1]}-venv" in capsys.readouterr().err
    assert calls.commands == []


@pytest.mark.parametrize("failing", ["", "not alone", "alone", "mypy"])
def test_every_check_runs_whatever_became_of_the_others(
    start: Any, calls: Calls, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], failing: str
) -> None:
    start.prepare("test")
    monkeypatch.setattr(start.subprocess, "run", calls.run)
    monkeypatch.setattr(start.shutil, "which", lambda name: f"/usr/bin/{name}")
    calls.failing = failing
    assert start.main(["test"]) == (1 if failing else 0)
    report = capsys.readouterr().out
    tools = " ".join(word for words in calls.commands for word in words)
    pytests = ("pytest --numprocesses logical --dist worksteal -m not alone", "pytest -m alone")
    for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports", *pytests, "check_window", "check_wheel"):
        assert tool in tools
    assert report.count("failed after") == bool(failing)


def test_arguments_go_to_pytest_alone(start: Any, calls: Calls, monkeypatch: pytest.MonkeyPatch) -> None:
    start.prepare("test")
    calls.commands.clear()
    monkeypatch.setattr(start.subprocess, "run", calls.run)
    assert start.main(["test", "tests/engine", "-q"]) == 0
    assert calls.commands == [[str(start.PYTHON), "-m", "pytest", "tests/engine", "-q"]]


def test_anything_else_is_bad_usage(start: Any, calls: Calls, capsys: pytest.CaptureFixture[str]) -> None:
    assert start.main([]) == start.main(["help"]) == 2
    assert "run|test" in capsys.readouterr().err
    assert calls.commands == []


def test_an_older_python_hears_one_sentence() -> None:
    source = (ROOT / "packaging" / "start.py").read_text("utf-8")
    ast.parse(source, feature_version=(3, 6))
    old = f"import sys; sys.version_info = (3, 8, 1); __file__ = 'start.py'; exec({source!r})"
    done = subprocess.run([sys.executable, "-c", old], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.strip() == (
        "nodeviz needs Python 3.11 or newer and this is Python 3.8; start start.py with a newer one"
    )


def test_ci_and_readme_use_the_same_two_commands() -> None:
    assert "python3 packaging/start.py test" in (ROOT / ".ci" / "run").read_text("utf-8")
    assert os.access(ROOT / ".ci" / "run", os.X_OK)
    readme = (ROOT / "README.md").read_text("utf-8")
    assert "python3 packaging/start.py run" in readme
    assert "python3 packaging/start.py test" in readme


# The check of the window ---------------------------------------------------------------------------------------------


def test_colours_of_a_screen() -> None:
    header = [0] * 25
    header[0], header[4], header[5], header[12], header[19] = 100, 2, 2, 8, 1
    xwd = struct.pack(">25I", *header) + b"\0" * 12 + struct.pack("<4I", 7, 8, 7, 9)
    window = script("check_window")
    assert window.colours(xwd) == {7, 8, 9}
    assert window.colours(b"") == set()
