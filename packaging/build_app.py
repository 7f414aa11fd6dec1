"""Build nodeviz as a folder that runs where no Python is, and use it there.

    python3 packaging/build_app.py [--no-check]

Makes ``build/app-environment`` from ``app.lock``, builds ``dist/nodeviz`` with PyInstaller (``nodeviz.spec``), adds the
desktop entry, the icons, AppStream data and the licence notices, prints what each package costs and fails above the
limit, then moves the folder elsewhere and uses it: every command, two exports decoded again, the window, its console.

Linux: the libraries come from the machine that builds, so build on the oldest system that the folder has to run on.
Windows and macOS: ``windows.md`` and ``macos.md`` beside this file.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PACKAGING = ROOT / "packaging"
LOCK = PACKAGING / "app.lock"
ENVIRONMENT = ROOT / "build" / "app-environment"
PYTHON = ENVIRONMENT / ("Scripts/python.exe" if os.name == "nt" else "bin/python")
WORK, DIST = ROOT / "build" / "app", ROOT / "dist"
FOLDER = DIST / "nodeviz"
DESKTOP = "org.nodeviz.Nodeviz"
# Whose libraries are stripped of what only a debugger reads: the wheels of PyAV alone carry 26 MB of it.
DEBUGGED = ("libpython*.so*", "python3*/**/*.so", "av/**/*.so", "PIL/**/*.so", "wcwidth/**/*.so")


def main() -> None:
    """Build, weigh and check."""
    parser = argparse.ArgumentParser(description="Build nodeviz as a folder that runs where no Python is.")
    parser.add_argument("--no-check", action="store_true", help="do not use what was built")
    options = parser.parse_args()
    begin = time.monotonic()
    prepare()
    build()
    strip()
    add_desktop_files()
    call(PYTHON, PACKAGING / "notices.py", FOLDER)
    call(PYTHON, PACKAGING / "app_contents.py", FOLDER)
    print(f"built {FOLDER} in {time.monotonic() - begin:.0f} s", flush=True)
    if not options.no_check:
        call(PYTHON, PACKAGING / "check_app.py", FOLDER)


def prepare() -> None:
    """Make the environment hold what the lock says, and nodeviz as its wheel would install it."""
    stamp = ENVIRONMENT / "nodeviz-app.stamp"
    wanted = f"{ENVIRONMENT} {sys.version}\n{hashlib.sha256(LOCK.read_bytes()).hexdigest()}\n"
    pip: list[str | Path] = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input", "install", "--quiet"]
    if not stamp.exists() or stamp.read_text("utf-8") != wanted:
        shutil.rmtree(ENVIRONMENT, ignore_errors=True)
        print(f"Making {ENVIRONMENT}", flush=True)
        call(getattr(sys, "_base_executable", sys.executable), "-m", "venv", ENVIRONMENT)
        call(*pip, "--require-hashes", "-r", LOCK)
        stamp.write_text(wanted, encoding="utf-8")
    # A copy, not a link into the checkout: PyInstaller then takes what a user of the wheel would get.
    call(*pip, "--no-deps", "--no-build-isolation", "--force-reinstall", ROOT)


def build() -> None:
    """Run PyInstaller with its own words kept in a file."""
    shutil.rmtree(FOLDER, ignore_errors=True)
    WORK.mkdir(parents=True, exist_ok=True)
    said = WORK / "pyinstaller.log"
    print(f"Building {FOLDER} (what PyInstaller says: {said})", flush=True)
    command = [PYTHON, "-m", "PyInstaller", "--noconfirm", "--clean", "--distpath", DIST, "--workpath", WORK]
    with open(said, "w", encoding="utf-8") as log:
        words = [str(word) for word in [*command, PACKAGING / "nodeviz.spec"]]
        done = subprocess.run(words, cwd=WORK, stdout=log, stderr=subprocess.STDOUT, env=clean(), check=False)
    if done.returncode:
        lines = said.read_text("utf-8").splitlines()
        sys.exit("\n".join([*lines[-12:], f"PyInstaller ended with code {done.returncode}; all it said: {said}"]))


def strip() -> None:
    """Remove from libraries what only a debugger reads."""
    if not sys.platform.startswith("linux") or not shutil.which("strip"):
        return
    found = {path for pattern in DEBUGGED for path in (FOLDER / "_internal").glob(pattern)}
    files = sorted(str(path) for path in found if not path.is_symlink())
    call("strip", "--strip-debug", *files)


def add_desktop_files() -> None:
    """Add the menu's entry, the icons and the AppStream data where Linux looks for them, after a check of theirs."""
    if not sys.platform.startswith("linux"):
        return
    entry, data = (PACKAGING / "desktop" / f"{DESKTOP}{ending}" for ending in (".desktop", ".metainfo.xml"))
    validate("desktop-file-validate", entry)
    validate("appstreamcli", "validate", "--no-net", data)
    share, icons = FOLDER / "share", ROOT / "resources" / "icons"
    shutil.copytree(icons / "hicolor", share / "icons" / "hicolor")
    places = {
        entry: share / "applications" / entry.name,
        data: share / "metainfo" / data.name,
        icons / "nodeviz.svg": share / "icons" / "hicolor" / "scalable" / "apps" / "nodeviz.svg",
        PACKAGING / "add-to-menu": FOLDER / "add-to-menu",
    }
    for source, place in places.items():
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, place)


def validate(tool: str, *words: str | Path) -> None:
    """Check a file with the desktop's own tool where that is installed."""
    if shutil.which(tool):
        call(tool, *words)
    else:
        print(f"{tool} is not installed: {words[-1]} is not checked by it", flush=True)


def clean() -> dict[str, str]:
    """Return the environment without what an outer Python set up."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))}


def call(*command: str | Path) -> None:
    """Run a command that has to succeed."""
    done = subprocess.run([str(word) for word in command], env=clean(), stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        sys.exit(f"{Path(str(command[0])).name} {' '.join(str(word) for word in command[1:4])}: code {done.returncode}")


if __name__ == "__main__":
    main()
