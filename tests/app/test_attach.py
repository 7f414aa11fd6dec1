"""Scripts of their own processes and Jupyter clients drive an open window, and nobody else does."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import sys
import time
from collections import deque
from contextlib import contextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import psutil
import pytest
from app.windows import opened
from PySide6.QtCore import Qt, QTimer
from PySide6.QtTest import QTest

import nodeviz
from nodeviz import attach_files, cli, wire
from nodeviz.app import application
from nodeviz.app.attach import Attach
from nodeviz.app.attach_requests import Requests
from nodeviz.app.attach_sockets import Request
from nodeviz.app.settings import SettingsStore
from nodeviz.attach_files import AttachError

if TYPE_CHECKING:
    from collections.abc import Callable, Generator

pytestmark = [
    pytest.mark.qt_log_ignore("This plugin does not support"),
    pytest.mark.skipif(sys.platform == "win32", reason="sockets are no files there"),
]

CLIENT = Path(__file__).with_name("attach_client.py")


@pytest.fixture
def runtime(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("r", numbered=True)
    folder.chmod(0o700)
    monkeypatch.setenv("NODEVIZ_RUNTIME_DIR", str(folder))
    return folder


@pytest.fixture
def window(qtbot: Any, tmp_path: Path, runtime: Path) -> Generator[Any, None, None]:
    """A window with the phase panel that scripts may attach to."""
    del runtime
    with opened(qtbot, tmp_path / "settings", "phase") as made:
        made.attach.start()
        yield made


def start(window: Any, name: str, *more: str) -> subprocess.Popen[str]:
    """Start a client of `attach_client` in a process of its own."""
    environment = os.environ | {"CONNECTION": str(window.attach.file), "PYTHONPATH": os.pathsep.join(sys.path)}
    command = [sys.executable, "-W", "error", str(CLIENT), name, *more]
    return subprocess.Popen(command, env=environment, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE)


def end(qtbot: Any, client: subprocess.Popen[str]) -> list[str]:
    """Return the lines that a client said, once it has ended well."""
    qtbot.waitUntil(lambda: client.poll() is not None, timeout=60_000)
    out, err = client.communicate()
    assert client.returncode == 0, err
    return out.splitlines()


@contextmanager
def killed(client: subprocess.Popen[str]) -> Generator[None, None, None]:
    try:
        yield
    finally:
        client.kill()
        client.communicate()


def drive(qtbot: Any, window: Any, name: str, *more: str) -> list[str]:
    client = start(window, name, *more)
    with killed(client):
        return end(qtbot, client)


def in_console(window: Any, name: str) -> Any:
    kernel = window.console.kernel()
    return kernel.shell.user_ns.get(name)


# Off unless switched on


def test_it_is_off_at_first_and_loads_nothing(qtbot: Any, tmp_path: Path, runtime: Path) -> None:
    with opened(qtbot, tmp_path / "settings", "phase") as window:
        window.attach.begin_later(asked=False)
        QTest.qWait(20)
        assert window.attach.file is None
        assert window.attach.words.isHidden()
        assert not window.commands.action("attach").isChecked()
        assert list(runtime.iterdir()) == []
        with pytest.raises(AttachError, match="switch on View > Allow scripts to attach"):
            nodeviz.connect()


def test_the_menu_switches_it_and_it_is_remembered(qtbot: Any, tmp_path: Path, runtime: Path) -> None:
    store = SettingsStore(tmp_path / "settings")
    with opened(qtbot, tmp_path / "settings", "phase") as window:
        window.commands.action("attach").trigger()
        assert window.commands.action("attach").isChecked()
        assert window.attach.words.isVisible()
        assert str(window.attach.file) in window.attach.words.toolTip()
        assert str(window.attach.file) in window.statusBar().currentMessage()
        assert store.load()[0].attach
        window.commands.action("attach").trigger()
        assert not window.commands.action("attach").isChecked()
        assert window.attach.words.isHidden()
        assert list(runtime.iterdir()) == []
        assert not store.load()[0].attach


@pytest.mark.parametrize("asked", [False, True])
def test_the_next_start_has_it_on(qtbot: Any, tmp_path: Path, runtime: Path, asked: bool) -> None:
    with opened(qtbot, tmp_path / "settings", "phase") as window:
        if not asked:
            window.attach.toggle()
    assert list(runtime.iterdir()) == []  # closing the window has swept
    with opened(qtbot, tmp_path / "settings", "phase") as window:
        window.attach.begin_later(asked=asked)
        qtbot.waitUntil(lambda: window.attach.file is not None)
        assert SettingsStore(tmp_path / "settings").load()[0].attach is not asked


def test_the_command_line_switches_it_on(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(application, "main", lambda **options: asked.append(options["attach"]) or 0)
    assert cli.main(["--attach"]) == cli.main([]) == 0
    assert asked == [True, False]


# Only the same user


def test_files_are_private_and_no_port_is_open(window: Any, runtime: Path) -> None:
    folder = window.attach.file.parent
    modes = {file.name: stat.S_IMODE(file.lstat().st_mode) for file in [runtime, folder, *folder.iterdir()]}
    assert modes.pop(runtime.name) == modes.pop(folder.name) == 0o700
    assert set(modes) == {"connection.json", "k-1", "k-2", "k-3", "k-4", "k-5"}
    assert set(modes.values()) == {0o600}
    assert psutil.Process().net_connections(kind="inet") == []
    assert len(json.loads(window.attach.file.read_text())["key"]) == 64


def test_a_folder_that_others_can_open_is_refused(runtime: Path, window: Any) -> None:
    window.attach.stop()
    runtime.chmod(0o755)
    with pytest.raises(AttachError, match=r"open to other users \(mode 755\); close it with chmod go= "):
        window.attach.start()
    window.attach.toggle()
    assert "open to other users" in window.statusBar().currentMessage()
    assert not window.settings.attach


def test_bad_folders_say_why(window: Any, runtime: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    window.attach.stop()
    (runtime / "file").touch()
    monkeypatch.setenv("NODEVIZ_RUNTIME_DIR", str(runtime / "file"))
    with pytest.raises(AttachError, match="set NODEVIZ_RUNTIME_DIR"):
        window.attach.start()
    long = runtime / ("long" * 20)
    monkeypatch.setenv("NODEVIZ_RUNTIME_DIR", str(long))
    with pytest.raises(AttachError, match="longer than the 100 bytes"):
        window.attach.start()
    assert list(long.iterdir()) == []
    monkeypatch.setattr(attach_files.sys, "platform", "win32")
    with pytest.raises(AttachError, match="cannot attach on Windows"):
        window.attach.start()
    with pytest.raises(AttachError, match="cannot attach on Windows"):
        nodeviz.connect()
    assert window.attach.file is None


def test_a_crashed_window_leaves_nothing_for_long(window: Any, runtime: Path) -> None:
    dead = runtime / "wdead"
    dead.mkdir(mode=0o700)
    (dead / "connection.json").write_text("{}")
    (dead / "k-1").touch()
    young = runtime / "wyoung"
    young.mkdir(mode=0o700)
    with pytest.raises(AttachError, match="no window is open there"):
        nodeviz.connect(dead / "connection.json")
    assert attach_files.open_windows() == [window.attach.file]
    window.attach.stop()
    window.attach.start()
    assert not dead.exists()
    assert young.exists()  # it may be about to open its sockets
    os.utime(young, (1, 1))
    attach_files.sweep(runtime)
    assert not young.exists()
    assert window.attach.file.exists()


def test_two_windows_have_their_own(qtbot: Any, window: Any) -> None:
    second = Attach(window)
    second.start()
    try:
        assert second.file is not None
        assert attach_files.open_windows() == [second.file, window.attach.file]
    finally:
        second.stop()
    assert attach_files.open_windows() == [window.attach.file]
    qtbot.waitUntil(lambda: True)


# Scripts


def test_proxies(qtbot: Any, window: Any) -> None:
    said = drive(qtbot, window, "proxies")
    assert said == ["printed"]
    assert window.panels["phase"].params.n_steps == 21
    log = "\n".join(window.console._lines)
    assert 'phase.parameters["decay"] = 0.25\n' in log.replace("'", '"')
    assert "phase.n_steps = 21\n" in log
    assert "phase.add((1.0, 1.5))\n" in log
    assert "dir(" not in log  # reading is no action
    window.commands.run("undo")
    assert len(window.panels["phase"].params.start) == 1
    window.docks["console"].show()
    qtbot.waitUntil(lambda: window.console._ready)
    text = window.console._view._control.toPlainText()
    assert "phase.n_steps = 21\n" in text
    with qtbot.waitSignal(window.console.executed, timeout=30_000):
        window.console.execute("shared = x")  # the same names
    assert in_console(window, "shared") == 7


def test_arrays_come_across(qtbot: Any, window: Any) -> None:
    cannot, large = drive(qtbot, window, "arrays")
    assert cannot.startswith("TypeError: object: cannot be sent; use numbers")
    assert large.startswith("ValueError: an array of 1,000,001 items: above the limit 1,000,000")
    assert max(map(len, window.console._lines)) < 400  # the log shows the beginning of long lines


def test_errors_keep_their_kind_and_sentence(qtbot: Any, window: Any) -> None:
    said = drive(qtbot, window, "errors")
    assert said[0] == "ParamError: n_steps=-1: below the limit 1; use 1 or more"
    assert said[1] == "KeyError: 'nope'"
    assert said[2].startswith("AttributeError: phase.nope: unknown")
    assert said[3].startswith("AttributeError: window.nope: the window's console knows no such name")
    assert said[4] == "ZeroDivisionError: division by zero"
    assert said[5].startswith("SyntaxError: ")
    assert said[6] == "RuntimeError: Own: said"
    assert said[7].startswith("RuntimeError: input(): a script cannot be asked")
    assert said[8].startswith("AttributeError: phase.no_verb: unknown")


def test_a_script_may_close_the_door(qtbot: Any, window: Any, runtime: Path) -> None:
    gone, none = drive(qtbot, window, "quits")
    assert gone.startswith("AttachError: ")
    assert "the window has closed, or lets no scripts attach any more" in gone
    assert none.startswith("AttachError: no open window lets scripts attach")
    assert list(runtime.iterdir()) == []


def test_the_window_itself_is_told_to_use_panels(window: Any) -> None:
    with pytest.raises(AttachError, match=r"use nodeviz\.panels here"):
        nodeviz.connect(window.attach.file)


# Jupyter clients


def test_what_every_client_does(qtbot: Any, window: Any) -> None:
    (refused,) = drive(qtbot, window, "standard")
    assert refused.startswith("shutdown: the window is its user's own")
    assert window.isVisible()
    assert in_console(window, "a") == 5


def test_malformed_and_forged_messages_change_nothing(qtbot: Any, window: Any) -> None:
    window.console.kernel().shell.user_ns["evil"] = 0
    drive(qtbot, window, "malformed")
    assert in_console(window, "evil") == 1  # the one that was signed rightly
    assert window.attach._sockets._open == 0


def test_a_client_that_dies_takes_nothing_along(qtbot: Any, window: Any) -> None:
    window.console.kernel().shell.user_ns["time"] = time
    drive(qtbot, window, "dies")
    qtbot.waitUntil(lambda: in_console(window, "ran") is True)
    qtbot.waitUntil(lambda: window.attach._sockets._open == 0)
    assert drive(qtbot, window, "two", "next") == [f"next {number}" for number in range(25)]


def test_two_clients_at_once_get_their_own_answers(qtbot: Any, window: Any) -> None:
    clients = [start(window, "two", name) for name in ("a", "b")]
    with killed(clients[0]), killed(clients[1]):
        for client, name in zip(clients, "ab", strict=True):
            assert end(qtbot, client) == [f"{name} {number}" for number in range(25)]


# Endless loops


def test_a_client_whose_code_failed_is_forgotten_once_its_other_code_has_come() -> None:
    waiting: deque[Callable[[], None]] = deque()
    replies: list[dict[str, Any]] = []
    kernel = SimpleNamespace(later=waiting.append, count=0, run_for=lambda code, *_, **__: {"status": code})
    sockets = SimpleNamespace(
        inbox=deque(), send=lambda _, kind, content, *__: kind == "execute_reply" and replies.append(content)
    )
    requests = Requests(SimpleNamespace(kernel=lambda: kernel), sockets, lambda _: None)
    for number in range(5):
        sender = (str(number).encode(),)
        for code in ("error", "ok"):
            asked = {"sender": sender, "header": {}, "content": {"code": code}}
            sockets.inbox.append(Request(channel="shell", kind="execute_request", **asked))
        requests.take()
        while waiting:
            waiting.popleft()()
    assert [reply["status"] for reply in replies] == ["error", "aborted"] * 5
    assert len(requests._failed) == 1  # the last one


def when_begun(window: Any, act: Callable[[], object]) -> None:
    """Do something in a turn of the loop: outside of it the test itself has none."""

    def look() -> None:
        if window.console.running and in_console(window, "begun") is True:
            timer.stop()
            act()

    timer = QTimer(window, interval=20)
    timer.timeout.connect(look)
    timer.start()


def test_another_client_ends_a_loop_and_the_window_lives_meanwhile(qtbot: Any, window: Any) -> None:
    others: list[subprocess.Popen[str]] = []
    looping = start(window, "loops")
    when_begun(window, lambda: others.append(start(window, "interrupts")))
    with killed(looping):
        assert end(qtbot, looping) == ["RuntimeError: KeyboardInterrupt: "]
    with killed(others[0]):
        assert end(qtbot, others[0]) == ["ok"]
    assert not window.console.running


def test_ctrl_c_in_the_window_ends_a_loop(qtbot: Any, window: Any) -> None:
    looping = start(window, "loops")
    when_begun(window, lambda: QTest.keyClick(window, Qt.Key.Key_C, Qt.KeyboardModifier.ControlModifier))
    with killed(looping):
        assert end(qtbot, looping) == ["RuntimeError: KeyboardInterrupt: "]


def test_ctrl_c_in_the_script_ends_its_loop(qtbot: Any, window: Any) -> None:
    looping = start(window, "interrupted")
    when_begun(window, lambda: looping.send_signal(signal.SIGINT))
    with killed(looping):
        assert end(qtbot, looping) == ["KeyboardInterrupt"]
    qtbot.waitUntil(lambda: not window.console.running)


def test_a_loop_whose_client_died_can_be_stopped(qtbot: Any, window: Any) -> None:
    looping = start(window, "loops")
    stopped: list[bool] = []

    def look() -> None:
        looping.kill()
        looping.wait()
        QTimer.singleShot(300, window, lambda: (stopped.append(window.console.running), window.console.interrupt()))

    when_begun(window, look)
    with killed(looping):
        qtbot.waitUntil(lambda: bool(stopped))
    qtbot.waitUntil(lambda: not window.console.running)
    assert stopped == [True]


# Values


class _Odd:
    pass


@pytest.mark.parametrize("value", [_Odd(), [_Odd()][0], len, {1}.__iter__()])
def test_what_cannot_be_copied_stays(value: object) -> None:
    assert "name" in wire.Packed(value)._repr_mimebundle_()[wire.MIME]


def test_nothing_comes_by_pickle() -> None:
    import base64
    import io

    import numpy as np

    file = io.BytesIO()
    np.savez(file, np.array([{}], dtype=object), allow_pickle=True)
    forged = {"tree": {"array": 0}, "npz": base64.b64encode(file.getvalue()).decode()}
    with pytest.raises(ValueError, match="allow_pickle=False"):
        wire.unpack(forged)


def test_a_list_in_itself_stays() -> None:
    knot: list[Any] = []
    knot.append(knot)
    assert "name" in wire.Packed(knot)._repr_mimebundle_()[wire.MIME]
