"""Use a built application as somebody who has nothing else: no Python, no checkout, an empty home.

    PYTHON packaging/check_app.py APPLICATION_FOLDER

PYTHON is one with PyAV and Pillow, by which the exported files are decoded again. The folder is moved for the time of
the checks, so that what it holds of its old place would not be found.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

sys.path.insert(0, str(Path(__file__).resolve().parent))
import check_window
from app_contents import program

LINUX = sys.platform.startswith("linux")
SIZE, FPS, SECONDS = (320, 180), 10, 1
PATIENCE = 180.0  # s, for one command
# What a program on Linux may load from outside its folder: the C library, drivers, fonts and their caches.
OUTSIDE = re.compile(
    r"(/usr)?/lib(64|32)?/|/usr/(share|local/share|local/lib)/|/etc/|/var/cache/|/dev/|/proc/|/memfd:|/SYSV"
)
TYPED = "import pathlib, IPython; pathlib.Path({!r}).write_text(str(len(get_ipython().complete('np.linalg.')[1])))"


# Run inside the application: everything can be imported, equations are set, and each package shows its licence.
INSIDE = r"""
import importlib, pkgutil, nodeviz
names = [module.name for module in pkgutil.walk_packages(nodeviz.__path__, "nodeviz.")]
for name in names:
    if name != "nodeviz.__main__":
        importlib.import_module(name)
from nodeviz.app.application import make_offscreen_application
application = make_offscreen_application()
from nodeviz.app.equations import equation
from nodeviz.app.licences import components
assert equation(r"\dot h = f_\theta(h, t)", 20.0).width > 50
texts = {part.name: part.text() for part in components()}
short = [name for name, text in texts.items() if len(text) < 100]
assert len(texts) > 12, list(texts)
assert application.windowIcon().availableSizes()
print(len(names), "modules,", len(texts), "licences,", "short:", *short)
"""


def main(built: Path) -> None:
    """Fail at the first thing that does not work."""
    with tempfile.TemporaryDirectory(prefix="nodeviz-app-", dir=built.parent) as name:
        place = Path(name) / "moved here" / built.name
        place.parent.mkdir()
        built.rename(place)
        try:
            commands(place, Path(name))
            if LINUX and shutil.which("Xvfb"):
                window(place, Path(name))
            else:
                print("window: not checked here (needs Xvfb)", flush=True)
        finally:
            place.rename(built)


def bare(home: Path) -> dict[str, str]:
    """Return the environment of somebody who just logged in."""
    home.mkdir(exist_ok=True)
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP", "TMP", "WINDIR") if name in os.environ}
    kept |= {name: str(home) for name in ("USERPROFILE", "APPDATA", "LOCALAPPDATA") if name in os.environ}
    path = os.environ["PATH"] if not LINUX else "/usr/local/bin:/usr/bin:/bin"
    return {**kept, "HOME": str(home), "PATH": path, "LANG": "C.UTF-8", "NODEVIZ_CONFIG_DIR": str(home / "config")}


# Without a window ----------------------------------------------------------------------------------------------------


def commands(place: Path, folder: Path) -> None:
    """Run every command that asks for no window, from an empty folder."""
    elsewhere = folder / "else where"
    elsewhere.mkdir()
    environment = bare(folder / "home")

    def nodeviz(*words: str, codes: tuple[int, ...] = (0,)) -> str:
        begin = time.monotonic()
        done = subprocess.run(
            [str(program(place)), *words],
            cwd=elsewhere, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
        if done.returncode not in codes or "Traceback" in done.stderr:
            sys.exit(f"nodeviz {' '.join(words)}: code {done.returncode}\n{done.stdout}{done.stderr}")
        print(f"nodeviz {' '.join(' '.join(words).split())[:60]:60} {time.monotonic() - begin:6.2f} s", flush=True)
        return done.stdout

    version = nodeviz("--version").strip()
    report = nodeviz("doctor", codes=(0, 1) if LINUX else (0,))
    troubles = [line for line in report.splitlines() if line.startswith("!") and "system libraries" not in line]
    expect(version.split()[-1] in report and not troubles, f"nodeviz doctor:\n{report}")
    print(f"  inside: {nodeviz('-c', INSIDE).strip()}")
    listed = json.loads(nodeviz("list", "--json"))
    expect({"phase", "classifier", "flow", "latent"} <= listed.keys(), f"nodeviz list: {list(listed)}")
    ways = {"phase": ("system=spiral",), "latent": (), "classifier": ("weights=shipped",), "flow": ("weights=shipped",)}
    for panel, changes in ways.items():
        words = [word for change in changes for word in ("--set", change)]
        summary = json.loads(nodeviz("run", panel, "--json", *words))
        expect(summary["status"] == "ok" and summary["metrics"], f"nodeviz run {panel}: {summary}")
    for name in ("spiral.gif", "spiral.mp4"):
        sized = ("--size", f"{SIZE[0]}x{SIZE[1]}", "--fps", str(FPS), "--seconds", str(SECONDS))
        nodeviz("export", "phase", "--preset", "spiral", "--out", name, *sized)
        decoded(elsewhere / name)
    left = sorted(path.name for path in elsewhere.iterdir())
    expect(left == ["spiral.gif", "spiral.mp4"], f"left in the current folder: {left}")


def decoded(path: Path) -> None:
    """See that an exported file holds the frames that it should, and that they move."""
    import av

    with av.open(str(path)) as container:
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
        stream = container.streams.video[0]
        seconds = float(container.duration or 0) / av.time_base
    size = (stream.width, stream.height)
    n_frames = FPS * SECONDS
    counts = range(n_frames, n_frames + 1) if path.suffix == ".mp4" else range(2, n_frames + 1)  # GIF merges equal ones
    told = f"{len(frames)} frames of {size[0]}x{size[1]} in {seconds:.2f} s"
    expect(size == SIZE and len(frames) in counts and abs(seconds - SECONDS) < 0.02, f"{path.name}: {told}")
    expect(bool((frames[0] != frames[-1]).any()), f"{path.name}: the first frame is the last one")
    print(f"  {path.name}: {told}, {path.stat().st_size / 1e3:.0f} kB", flush=True)


def expect(holds: bool, sentence: str) -> None:
    """End with a sentence where something does not hold."""
    if not holds:
        sys.exit(sentence)


# With a window -------------------------------------------------------------------------------------------------------


def window(place: Path, folder: Path) -> None:
    """Open the window three times, to see how fast it starts; the last time use it."""
    for index in range(3):
        own = folder / f"screen {index}"
        own.mkdir()
        environment = {**bare(own / "home"), "QT_QPA_PLATFORM": "xcb"}
        with check_window.screen(own) as display:
            begin = time.monotonic()
            words = ("--attach",) if index == 2 else ()
            with started(place, words, {**environment, "DISPLAY": display}) as app:
                expect_none(check_window.wait_painted(app, own / "Xvfb_screen0", begin))
                if index == 2:
                    use(app, place, own, display)
                    attach(own, environment)
                expect_none(check_window.close(app, display))


def use(app: subprocess.Popen[bytes], place: Path, folder: Path, display: str) -> None:
    """Use the console of a window, and look at what the process has loaded."""
    if shutil.which("xdotool"):
        type_into_console(folder, display)
    else:
        print("console: not checked here (needs xdotool)", flush=True)
    check_loaded(app.pid, place)
    time.sleep(3.0)
    expect(app.poll() is None, "nodeviz ended by itself")


@contextmanager
def started(place: Path, words: tuple[str, ...], environment: Mapping[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Start the window; end it however the checks end, and show what it said if it was an exception."""
    with tempfile.TemporaryFile() as said:
        app = subprocess.Popen([str(program(place)), *words], env=environment, stderr=said, stdout=said, cwd="/")
        try:
            yield app
        finally:
            app.kill()
            app.wait()
            said.seek(0)
            text = said.read().decode(errors="replace")
            if "Traceback" in text or "Error" in text:
                sys.exit(f"the window said:\n{text}")


def type_into_console(folder: Path, display: str) -> None:
    """Open the console by its shortcut, type a line that writes a file, wait for the file."""
    answer = folder / "answer"
    environment = {"DISPLAY": display, "PATH": "/usr/bin:/bin"}

    def xdotool(*words: str) -> None:
        subprocess.run(["xdotool", *words], env=environment, check=True, timeout=60, stdout=subprocess.DEVNULL)

    xdotool("search", "--sync", "--onlyvisible", "--name", "nodeviz", "windowfocus", "--sync")
    begin = time.monotonic()
    xdotool("key", "ctrl+grave")
    time.sleep(4.0)
    xdotool("type", "--delay", "12", TYPED.format(str(answer)))
    xdotool("key", "Return")
    wait_for(lambda: answer.exists() and answer.read_text() != "", "the console's answer")
    n_completions = int(answer.read_text())
    expect(n_completions > 10, f"console: {n_completions} completions of np.linalg.")
    print(f"console answered: {n_completions} completions, {time.monotonic() - begin:.1f} s with typing", flush=True)


def attach(folder: Path, environment: Mapping[str, str]) -> None:
    """Ask the window for a parameter, from another Python, as `nodeviz --attach` lets one."""
    code = "import nodeviz; print(nodeviz.connect(timeout=30).phase.params.system)"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, env=dict(environment), cwd=folder, capture_output=True, text=True, check=False)
    expect(done.stdout.strip() == "spiral", f"nodeviz.connect():\n{done.stdout}{done.stderr}")
    print("a script drives the window: phase.params.system is spiral", flush=True)


def check_loaded(pid: int, place: Path) -> None:
    """See that the process has loaded nothing but its own files and the system's."""
    lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
    paths = {line.split(maxsplit=5)[5] for line in lines if len(line.split(maxsplit=5)) == 6}
    files = {path for path in paths if path.startswith("/")}
    own = {path for path in files if Path(path).is_relative_to(place)}
    foreign = sorted(path for path in files - own if not OUTSIDE.match(path))
    expect(bool(own) and not foreign, f"loaded from elsewhere: {', '.join(foreign)}")
    memory = re.search(r"VmRSS:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    resident = int(memory[1]) / 1e3 if memory else 0.0
    libraries = sum(".so" in path for path in files - own)
    print(f"{len(own)} files of its own and {libraries} libraries of the system loaded, {resident:.0f} MB resident")


def wait_for(holds: Callable[[], bool], what: str) -> None:
    """Wait until a function returns true."""
    end = time.monotonic() + 60.0
    while not holds():
        expect(time.monotonic() < end, f"{what}: not there after 60 s")
        time.sleep(0.1)


def expect_none(complaint: str) -> None:
    """End with a complaint if there is one."""
    expect(not complaint, complaint)


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
