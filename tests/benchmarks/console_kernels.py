"""Measure three ways to put IPython into a dock against what the console needs; prints one table.

in-process   qtconsole's QtInProcessKernelManager over ipykernel's InProcessKernel, as both ship
main-thread  ipykernel's IPKernelApp in the main thread, driven by a Qt timer, the widget attached over local sockets
own          nodeviz.app.console: IPython's shell, messages as Qt signals, turns for Qt while code runs

Run: python tests/benchmarks/console_kernels.py [repeats]. Each figure comes from fresh processes; times and memory are
medians. A process that hangs is ended after some seconds and counts as "no".
"""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

WAYS = ("in-process", "main-thread", "own")
LIMIT = 12.0  # s until a child counts as hanging
TIMED = ("open, ms", "first completion, ms", "memory, MB", "threads while open", "threads left after closing")


class Facade:
    """Stands in for a panel."""

    def __getattr__(self, name: str) -> float:
        if name == "n_steps":
            return 15
        raise AttributeError(name)

    def __dir__(self) -> list[str]:
        return ["n_steps", "parameters"]

    @property
    def __custom_documentations__(self) -> dict[str, str]:
        return {"n_steps": "Steps over the whole span, 1 to 1,000."}

    @property
    def parameters(self) -> dict[str, float]:
        """Numbers of the equations."""
        return {"mu": 1.5}


class Console:
    """One console and the ways to use it that all three share."""

    def __init__(self, view: Any, close: Callable[[], None], shell: Any) -> None:
        self.view, self.close, self.shell = view, close, shell

    def text(self) -> str:
        return self.view._control.toPlainText()

    def wait(self, condition: Callable[[], bool]) -> None:
        from PySide6.QtWidgets import QApplication

        while not condition():
            QApplication.processEvents()

    def run(self, code: str) -> str:
        """Run a command; return its output once the next prompt stands there."""
        start, number = len(self.text()), self.text().count("In [")
        self.view.execute(code)
        self.wait(lambda: self.text().count("In [") > number)
        return self.text()[start + len(code) :]


def open_in_process(names: dict[str, Any]) -> Console:
    from qtconsole.inprocess import QtInProcessKernelManager
    from qtconsole.rich_jupyter_widget import RichJupyterWidget

    manager = QtInProcessKernelManager()
    manager.start_kernel()
    shell = manager.kernel.shell
    shell.push(names)
    client = manager.client()
    view = RichJupyterWidget()
    view.kernel_manager, view.kernel_client = manager, client
    client.start_channels()

    def close() -> None:
        client.stop_channels()
        manager.shutdown_kernel()

    return Console(view, close, shell)


def open_main_thread(names: dict[str, Any]) -> Console:
    from ipykernel.kernelapp import IPKernelApp
    from PySide6.QtCore import QTimer
    from qtconsole.client import QtKernelClient
    from qtconsole.rich_jupyter_widget import RichJupyterWidget

    folder = tempfile.mkdtemp()
    kernel_app = IPKernelApp.instance(
        connection_file=str(Path(folder) / "kernel.json"), quiet=True, capture_fd_output=False
    )
    if os.name == "posix":
        kernel_app.transport = "ipc"
    kernel_app.initialize([])
    kernel_app.shell.push(names)
    kernel_app.kernel.start()
    loop = kernel_app.kernel.io_loop.asyncio_loop

    def turn() -> None:
        if not loop.is_running():
            loop.call_soon(loop.stop)
            loop.run_forever()

    timer = QTimer()
    timer.timeout.connect(turn)
    timer.start(5)
    client = QtKernelClient(connection_file=kernel_app.abs_connection_file)
    client.load_connection_file()
    client.start_channels()
    view = RichJupyterWidget()
    view.kernel_client = client

    def close() -> None:
        timer.stop()
        client.stop_channels()
        kernel_app.close()

    return Console(view, close, kernel_app.shell)


def open_own(names: dict[str, Any]) -> Console:
    from nodeviz.app.console import Console as Dock

    dock = Dock(names)
    dock.open()
    assert dock._view is not None
    assert dock._kernel is not None
    console = Console(dock._view, dock.shutdown, dock._kernel.shell)
    console.dock = dock  # type: ignore[attr-defined]  # kept alive
    return console


def opened(way: str) -> tuple[Console, float]:
    """Return a console with its first prompt, and the ms that took."""
    from PySide6.QtWidgets import QApplication

    app = QApplication.instance() or QApplication([])
    app.setQuitOnLastWindowClosed(False)
    openers = dict(zip(WAYS, (open_in_process, open_main_thread, open_own), strict=True))
    start = time.perf_counter()
    console = openers[way]({"phase": Facade()})
    console.view.resize(800, 400)
    console.view.show()
    console.wait(lambda: "In [" in console.text())
    return console, 1e3 * (time.perf_counter() - start)


def memory() -> float:
    """Return the resident memory in MB (Linux; elsewhere the largest so far)."""
    try:
        return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    except OSError:
        import resource

        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3


def figures(way: str) -> dict[str, float]:
    from PySide6.QtTest import QTest
    from PySide6.QtWidgets import QApplication

    app = QApplication([])
    before = memory()
    console, opening = opened(way)
    start = time.perf_counter()
    replies: list[Any] = []
    console.view.kernel_client.shell_channel.message_received.connect(
        lambda message: message["header"]["msg_type"] == "complete_reply" and replies.append(message)
    )
    QTest.keyClicks(console.view._control, "phase.")
    console.view._complete()
    console.wait(lambda: bool(replies))
    completion = 1e3 * (time.perf_counter() - start)
    grown, while_open = memory() - before, threading.active_count()
    console.close()
    app.processEvents()
    time.sleep(0.3)
    return dict(zip(TIMED, (opening, completion, grown, while_open - 1, threading.active_count() - 1), strict=True))


def completes(console: Console, code: str) -> set[str]:
    replies: list[Any] = []
    channel = console.view.kernel_client.shell_channel
    channel.message_received.connect(replies.append)
    console.view.kernel_client.complete(code, len(code))
    console.wait(lambda: any(reply["header"]["msg_type"] == "complete_reply" for reply in replies))
    matches = next(r for r in replies if r["header"]["msg_type"] == "complete_reply")["content"]["matches"]
    return {match.removeprefix(code).strip(".") for match in matches}


def beats(console: Console, code: str) -> int:
    from PySide6.QtCore import QTimer

    ticks: list[int] = []
    timer = QTimer()
    timer.timeout.connect(lambda: ticks.append(1))
    timer.start(20)
    console.run(code)
    timer.stop()
    return len(ticks)


def ends(console: Console, code: str) -> bool:
    from PySide6.QtCore import Qt, QTimer
    from PySide6.QtTest import QTest

    def press() -> None:
        QTest.keyClick(console.view._control, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier)

    QTimer.singleShot(300, press)
    return "KeyboardInterrupt" in console.run(code) and "42" in console.run("6 * 7")


NEEDS: dict[str, Callable[[Console], bool]] = {
    "names of `__dir__` are completed": lambda it: "n_steps" in completes(it, "phase."),
    "keys of a parameter are completed": lambda it: "mu" in completes(it, 'phase.parameters["'),
    "`?` shows a parameter's help": lambda it: "Steps over the whole" in it.run("phase.n_steps?") + paged(it),
    "traceback": lambda it: "ZeroDivisionError: division by zero" in it.run("1 / 0"),
    "top-level await": lambda it: "7" in it.run("import asyncio; await asyncio.sleep(0.02, 7)") and "3" in it.run("3"),
    "asyncio.run": lambda it: "Error" not in it.run("import asyncio; asyncio.run(asyncio.sleep(0))"),
    "window lives during a loop": lambda it: beats(it, "n = 0\nwhile n < 30_000_000: n += 1") > 5,
    "window lives during a sleep": lambda it: beats(it, "import time; time.sleep(0.5)") > 4,
    "Ctrl+C ends a loop": lambda it: ends(it, "while True: pass"),
    "Ctrl+C ends a sleep": lambda it: ends(it, "import time; time.sleep(1000)"),
    "Ctrl+C ends an await": lambda it: ends(it, "import asyncio; await asyncio.sleep(1000)"),
}


def paged(console: Console) -> str:
    page = console.view._page_control
    return page.toPlainText() if page is not None else ""


def child(*arguments: str, warnings: str = "ignore") -> Any:
    """Return what a fresh process answers, or None if it fails or hangs."""
    environment = {"QT_QPA_PLATFORM": "offscreen", "IPYTHONDIR": tempfile.gettempdir()} | os.environ
    command = [sys.executable, "-W", warnings, __file__, "--child", *arguments]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LIMIT, env=environment, check=True)
    except subprocess.CalledProcessError as error:
        if os.environ.get("VERBOSE"):
            print(error.stderr[-2000:], file=sys.stderr)
        return None
    except subprocess.TimeoutExpired:
        return None
    return json.loads(done.stdout.splitlines()[-1])


def answer(way: str, need: str) -> None:
    """Print the answer of a child process, which then ends at once, whatever it has left."""
    result = figures(way) if need == "figures" else bool(NEEDS[need](opened(way)[0]))
    print(json.dumps(result), file=sys.__stdout__, flush=True)  # a kernel may have taken sys.stdout
    os._exit(0)


def main(repeats: int) -> None:
    print(f"{'':36}" + "".join(f"{way:>14}" for way in WAYS))
    runs = {way: [run for _ in range(repeats) if (run := child(way, "figures")) is not None] for way in WAYS}
    for name in TIMED:
        row = [f"{statistics.median(run[name] for run in runs[way]):.0f}" if runs[way] else "fails" for way in WAYS]
        print(f"{name:36}" + "".join(f"{cell:>14}" for cell in row))
    for need in NEEDS:
        print_answers(need, [child(way, need) for way in WAYS])
    print_answers("silent under -W error", [child(way, "figures", warnings="error") for way in WAYS])


def print_answers(need: str, answers: list[Any]) -> None:
    print(f"{need:36}" + "".join(f"{'yes' if it else 'no':>14}" for it in answers), flush=True)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        answer(*sys.argv[2:])
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 7)
