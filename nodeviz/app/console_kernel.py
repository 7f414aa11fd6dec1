"""IPython in the GUI thread, speaking to qtconsole's widget by Qt signals.

Measured against the two ways that ipykernel offers, as they ship (tests/benchmarks/console_kernels.py; medians of 7 on
two cores, Python 3.11, IPython 9.18, ipykernel 7.0, qtconsole 5.7):

                              in-process kernel   kernel in the main thread   this
    open / first completion       786 / 241 ms               657 / 175 ms     408 / 8 ms
    memory                              123 MB                     125 MB     66 MB
    threads, open / closed               2 / 1                      7 / 1     0 / 0
    keys of parameters complete             no                         no     yes
    window lives, Ctrl+C ends a loop        no                         no     yes
    silent under -W error                   no                         no     yes

All three complete names of `__dir__`, explain with `?`, show tracebacks and await. Turns for Qt (interrupt.py) could
be added to the other two as well, but not without their threads and event loops around them.

Loaded by `Console` when it is first opened: importing this module imports IPython.
"""

# mypy: disable-error-code="no-untyped-call, union-attr"
# (IPython is typed in part.)

import asyncio
import atexit
import builtins
import getpass
import itertools
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Generator, Mapping, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from functools import partial
from types import ModuleType
from typing import Any, TypeVar

from IPython.core.completer import provisionalcompleter, rectify_completions
from IPython.utils.tokenutil import token_at_cursor
from PySide6.QtCore import QObject, QTimer, Signal

from nodeviz.app.console_shell import Content, Publish, Shell, Stream
from nodeviz.app.interrupt import Interruptible, wait_loop
from nodeviz.wire import Packed

T = TypeVar("T")

KEPT = 1000  # results of calls from outside that cannot be copied; the oldest goes


class Channel(QObject):
    """One direction of talk, as qtconsole expects it."""

    message_received = Signal(object)
    kernel_died = Signal(float)

    def flush(self, _timeout: float = 0.0) -> None:
        """Do nothing: a message is handled when it is sent."""

    def closed(self) -> bool:
        """Say that the channel works."""
        return False

    def is_alive(self) -> bool:
        """Say that the channel works."""
        return True


class Kernel(QObject):
    """An IPython shell in the shape of the kernel client that `RichJupyterWidget` wants.

    Parameters
    ----------
    namespace : names the person finds
    history : lines of earlier sessions, for the up key
    """

    started_channels = Signal()
    stopped_channels = Signal()
    began = Signal()
    finished = Signal(str, bool)  # the code, and whether it ran to its end
    visited = Signal(bool)  # code from outside begins or ends
    asking = Signal(bool)  # whether the code waits for input()

    channels_running = False
    comm_manager = None

    def __init__(self, namespace: Mapping[str, object], history: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = self  # replies carry its id in `session`, which the widget compares
        self.shell_channel, self.iopub_channel = Channel(self), Channel(self)
        self.stdin_channel, self.hb_channel = Channel(self), Channel(self)
        self.running = False
        self._waiting: deque[Callable[[], object]] = deque()
        self._visitor: Publish | None = None
        self._kept = itertools.cycle(range(KEPT))
        self._error: Content = {}
        self._history = list(history)
        self._ids = map(str, itertools.count())
        self._parent: Content = {}
        self._answer: str | None = None
        module = ModuleType("__main__", "The console's own names.")
        module.__dict__.update(namespace)
        self.shell = Shell.instance(user_module=module, send=self._publish, colors="nocolor")
        self.shell.loop_runner = self._run_coroutine
        self._loop = asyncio.new_event_loop()
        self._interruptible = Interruptible(self.shell.user_global_ns)  # a new one for each command
        self._streams = Stream("stdout", self._publish), Stream("stderr", self._publish)
        self._flush = QTimer(self, interval=50)
        self._flush.timeout.connect(self._send_pending)

    # What the widget asks for. Each request is answered from the event loop, never before the call returns.

    def start(self) -> None:
        """Begin the talk with the widget."""
        self.channels_running = True
        self.started_channels.emit()

    def execute(self, code: str, silent: bool = False, **_: object) -> str:
        """Run code, or with none in it only tell the number of the next prompt."""
        if not code:
            return self._reply("execute_reply", lambda: self._outcome("ok", payload=[]))
        return self._later(lambda parent: self._execute(code, parent, silent=silent))

    def complete(self, code: str, cursor_pos: int | None = None) -> str:
        """Find what the name before the cursor can become."""
        return self._reply(
            "complete_reply", lambda: self.find_completions(code, len(code) if cursor_pos is None else cursor_pos)
        )

    def inspect(self, code: str, cursor_pos: int, detail_level: int = 0) -> str:
        """Explain the name under the cursor."""
        return self._reply("inspect_reply", lambda: self.explain(code, cursor_pos, detail_level))

    def is_complete(self, code: str) -> str:
        """Tell whether code can run or lacks a line."""
        return self._reply("is_complete_reply", lambda: self.check(code))

    def history(self, **_: object) -> str:
        """Tell the lines of earlier sessions."""
        return self._reply("history_reply", lambda: {"history": [(0, 0, line) for line in self._history]})

    def kernel_info(self) -> str:
        """Tell the language."""
        language = {"name": "python", "pygments_lexer": "ipython3"}
        return self._reply("kernel_info_reply", lambda: {"language_info": language, "banner": ""})

    def input(self, line: str) -> None:
        """Take the line that the code asked for."""
        self._answer = line

    def shutdown(self) -> None:
        """Undo what IPython did to the process; the kernel is of no use afterwards."""
        self._flush.stop()
        self._waiting.clear()
        self.stopped_channels.emit()
        for task in asyncio.all_tasks(self._loop):  # those that a command left behind
            task.cancel()
            self._loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        self._loop.close()
        atexit.unregister(self.shell.atexit_operations)
        self.shell.atexit_operations()
        self.shell.restore_sys_module_state()
        Shell.clear_instance()
        for name in ("__IPYTHON__", "display"):
            vars(builtins).pop(name, None)

    # Messages

    def _message(self, kind: str, parent: Content, content: Content) -> Content:
        return {"header": {"msg_type": kind}, "msg_type": kind, "parent_header": parent, "content": content}

    def later(self, act: Callable[[], object]) -> None:
        """Do something from the event loop, when no code runs and what came before is done."""
        self._waiting.append(act)
        QTimer.singleShot(0, self, self._serve)

    def _serve(self) -> None:
        if self.running or not self._waiting:
            return
        try:
            self._waiting.popleft()()
        finally:
            if self._waiting:  # their own calls may have come while code ran
                QTimer.singleShot(0, self, self._serve)

    def _later(self, act: Callable[[Content], None]) -> str:
        number = next(self._ids)
        self.later(lambda: act({"msg_id": number}))
        return number

    def _reply(self, kind: str, answer: Callable[[], Content]) -> str:
        def act(parent: Content) -> None:
            self.shell_channel.message_received.emit(self._message(kind, parent, {"status": "ok"} | answer()))

        return self._later(act)

    def _publish(self, kind: str, content: Content) -> None:
        if kind != "stream":
            self._send_pending()
        if kind == "error":
            self._error = content
        if self._visitor is not None:
            self._visitor(kind, content)
        else:
            self.iopub_channel.message_received.emit(self._message(kind, self._parent, content))

    def _send_pending(self) -> None:
        for stream in self._streams:
            stream.send_pending()

    # Running

    def _execute(self, code: str, parent: Content, *, silent: bool) -> None:
        self._parent, self._visitor = parent, None
        with self._running():
            self.began.emit()
            success = self._run_cell(code, store_history=not silent)
        outcome = self._outcome("ok" if success else "error", payload=self._payload())
        self.shell_channel.message_received.emit(self._message("execute_reply", parent, outcome))
        self.finished.emit(code, success)
        self._interruptible.finish()

    def run_for(
        self,
        code: str,
        publish: Publish,
        *,
        store_history: bool,
        values: Mapping[str, str],
        packed: str = "",
        keep: bool = False,
    ) -> Content:
        """Run code for somebody outside, and return the content of the reply.

        Parameters
        ----------
        code : runs first; publish : gets what it shows, by kind and content
        values : expressions to evaluate afterwards, by name
        packed : the name among them whose value goes to a script whole, rather than as it is displayed
        keep : whether such a value that cannot be copied gets a name in the console
        """
        self._visitor, found = publish, {}
        wrapped = {name: f"_packed({text}\n)" if name == packed else text for name, text in values.items()}
        with self._running():
            self.visited.emit(True)
            success = self._run_cell(code, store_history=store_history)
            if success and wrapped:
                self._hide("_packed", partial(Packed, keep=self._keep if keep else None))
                found = self._run(partial(self.shell.user_expressions, wrapped))
        self.visited.emit(False)
        self._interruptible.finish()
        payload = self._payload()
        if success:
            return self._outcome("ok", payload=payload, user_expressions=found)
        return self._outcome("error", payload=payload) | self._error

    def _hide(self, name: str, value: object) -> None:
        self.shell.user_ns_hidden[name] = self.shell.user_ns[name] = value

    def _keep(self, value: object) -> str:
        name = f"_kept{next(self._kept)}"
        self._hide(name, value)
        return name

    @contextmanager
    def _running(self) -> Generator[None, None, None]:
        self.running = True
        self._flush.start()
        try:
            yield
        finally:
            self._flush.stop()
            self._send_pending()
            self.running = False

    def _run(self, work: Callable[[], T]) -> T:
        """Call something with standard output and `input` taken over, and let it be interrupted.

        The work is no function of this file, so that no frame of the application's stands below the person's code.
        """
        ask, ask_secretly = builtins.input, getpass.getpass
        builtins.input = getpass.getpass = self._ask  # type: ignore[assignment]
        self._interruptible = Interruptible(self.shell.user_global_ns)
        try:
            with redirect_stdout(self._streams[0]), redirect_stderr(self._streams[1]), self._interruptible:
                return work()
        finally:
            builtins.input, getpass.getpass = ask, ask_secretly

    def _run_cell(self, code: str, *, store_history: bool) -> bool:
        """Run code and tell whether it came to its end."""
        return bool(self._run(partial(self.shell.run_cell, code, store_history=store_history)).success)

    def _run_coroutine(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._interruptible.run_coroutine(coroutine, self._loop)

    def _ask(self, prompt: object = "", _stream: object = None) -> str:
        """Stand in for `input` and `getpass`: read a line in the console."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("input(): only the console's own thread can ask; call it outside of other threads")
        if self._visitor is not None:
            raise RuntimeError("input(): a script cannot be asked by the window; write the value into the code")
        self._send_pending()
        self._answer = None
        content = {"prompt": str(prompt), "password": False}
        self.stdin_channel.message_received.emit(self._message("input_request", self._parent, content))
        self.asking.emit(True)
        try:
            wait_loop(lambda: self._answer is not None)
        finally:
            self.asking.emit(False)
        return self._answer or ""

    def _outcome(self, status: str, **more: Any) -> Content:
        return {"status": status, "execution_count": self.count, "user_expressions": {}} | more

    def _payload(self) -> list[Content]:
        payload = self.shell.payload_manager.read_payload()
        self.shell.payload_manager.clear_payload()
        return payload

    @property
    def count(self) -> int:
        """How many inputs have been numbered."""
        return int(self.shell.execution_count) - 1

    def check(self, code: str) -> Content:
        """Return whether code can run or lacks a line."""
        status, indent = self.shell.check_complete(code)
        return {"status": status, "indent": indent}

    def lines(self) -> list[str]:
        """Return the lines of earlier sessions and of this one, oldest first."""
        return [*self._history, *self.shell.history_manager.input_hist_raw[1:]]

    def find_completions(self, code: str, position: int) -> Content:
        """Return what the name before a position can become."""
        with provisionalcompleter():
            found = list(rectify_completions(code, self.shell.Completer.completions(code, position)))
        start, end = (found[0].start, found[0].end) if found else (position, position)
        return {"matches": [it.text for it in found], "cursor_start": start, "cursor_end": end, "metadata": {}}

    def explain(self, code: str, position: int, detail_level: int) -> Content:
        """Return the help of the name at a position."""
        name = token_at_cursor(code, position)
        try:
            data = self.shell.object_inspect_mime(name, detail_level=detail_level, omit_sections=("File", "Type"))
        except KeyError:
            return {"found": False, "data": {}, "metadata": {}}
        return {"found": True, "data": {"text/plain": data["text/plain"]}, "metadata": {}}
