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
import base64
import builtins
import getpass
import io
import itertools
import sys
import threading
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import redirect_stderr, redirect_stdout
from types import ModuleType, TracebackType
from typing import Any

from IPython.core.completer import provisionalcompleter, rectify_completions
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.oinspect import HOOK_NAME, Inspector, OInfo
from IPython.core.page import as_hook
from IPython.utils.tokenutil import token_at_cursor
from PySide6.QtCore import QObject, QTimer, Signal
from traitlets import Any as AnyTrait
from traitlets import Type

from nodeviz.app.interrupt import Interruptible, wait_loop, without_machinery

Content = dict[str, Any]


class _Results(DisplayHook):
    """Sends the value of the last expression to the console."""

    def write_output_prompt(self) -> None:
        pass  # the console writes it

    def write_format_data(self, format_dict: Content, md_dict: Content | None = None) -> None:
        content = {"data": _encode(format_dict), "metadata": md_dict or {}, "execution_count": self.prompt_count}
        self.shell.send("execute_result", content)

    def finish_displayhook(self) -> None:
        pass


class _Inspector(Inspector):
    """Explains a facade's parameter by its own help, without the manual of `float`."""

    def info(self, obj: object, oname: str = "", info: OInfo | None = None, detail_level: int = 0) -> Any:
        found = super().info(obj, oname, info, detail_level)
        if info is not None and oname.split(".")[-1] in getattr(info.parent, HOOK_NAME, {}):
            found["class_docstring"] = None
        return found


class _Publisher(DisplayPublisher):
    """Sends what `display()` shows to the console."""

    def publish(self, data: Content, metadata: Content | None = None, *_: object, **__: object) -> None:
        self.shell.send("display_data", {"data": _encode(data), "metadata": metadata or {}})

    def clear_output(self, wait: bool = False) -> None:
        self.shell.send("clear_output", {"wait": wait})


def _encode(data: Content) -> Content:
    """Return a bundle with its pictures in base64, as the console expects them."""
    return {kind: base64.b64encode(it).decode() if isinstance(it, bytes) else it for kind, it in data.items()}


class _Shell(InteractiveShell):
    """IPython without its folder, history file and threads; what it has to say goes through `send(kind, content)`."""

    send = AnyTrait()
    inspector_class = Type(_Inspector)
    displayhook_class = Type(_Results)
    display_pub_class = Type(_Publisher)

    def init_ipython_dir(self, _folder: object) -> None:
        """Use no folder: nothing of the person's own IPython is read or written."""

    def init_profile_dir(self, _folder: object) -> None:
        self.db = {}

    def init_virtualenv(self) -> None:
        pass

    def init_history(self) -> None:
        # Else it opens a database and starts a thread; `Console` keeps the lines itself.
        self.config.HistoryManager.enabled = False
        self.config.HistoryManager.hist_file = ":memory:"
        super().init_history()

    def init_completer(self) -> None:
        super().init_completer()
        # Jedi would take 300 ms at the first Tab and reads the source of classes; `__dir__` is the truth about facades.
        self.Completer.use_jedi = False
        # Attributes and items are looked up to complete what follows them; nothing is called.
        self.Completer.evaluation = "unsafe"
        self.Completer.policy_overrides = {"allow_any_calls": False, "allow_all_operations": False}

    def init_hooks(self) -> None:
        super().init_hooks()
        self.set_hook("show_in_pager", as_hook(self._show_page), 99)

    def _show_page(self, text: str | Content, *_: object, **__: object) -> None:
        data = text if isinstance(text, dict) else {"text/plain": text}
        self.payload_manager.write_payload({"source": "page", "data": data, "start": 0})

    def ask_exit(self) -> None:
        self.payload_manager.write_payload({"source": "ask_exit", "keepkernel": True})

    def set_next_input(self, text: str, replace: bool = False) -> None:
        self.payload_manager.write_payload({"source": "set_next_input", "text": text, "replace": replace})

    def enable_gui(self, _gui: str | None = None) -> None:
        """Do nothing: Qt's loop runs already."""

    def showtraceback(self, exc_tuple: Any = None, *args: Any, **options: Any) -> None:
        kind, _, at = exc_tuple or sys.exc_info()
        if kind is not None and issubclass(kind, KeyboardInterrupt | asyncio.CancelledError):
            exc_tuple = KeyboardInterrupt, KeyboardInterrupt(), without_machinery(at)
        super().showtraceback(exc_tuple, *args, **options)

    def excepthook(self, etype: type[BaseException], value: BaseException, tb: TracebackType | None) -> None:
        """Pass what goes wrong in the application during a turn to the application's own hook."""
        self.sys_excepthook(etype, value, tb)

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException, stb: list[str]) -> None:
        self.send("error", {"traceback": stb, "ename": etype.__name__, "evalue": str(evalue)})


class _Stream(io.TextIOBase):
    """Standard output while a command runs: collects text from any thread until the GUI thread sends it."""

    encoding = "utf-8"

    def __init__(self, name: str, send: Callable[[str, Content], None]) -> None:
        super().__init__()
        self._name, self._send = name, send
        self._parts: list[str] = []

    def write(self, text: str) -> int:
        self._parts.append(text)
        return len(text)

    def writable(self) -> bool:
        return True

    def send_pending(self) -> None:
        parts, self._parts = self._parts, []
        if parts:
            self._send("stream", {"name": self._name, "text": "".join(parts)})


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
    asking = Signal(bool)  # whether the code waits for input()

    channels_running = False
    comm_manager = None

    def __init__(self, namespace: Mapping[str, object], history: Sequence[str], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.session = self  # replies carry its id in `session`, which the widget compares
        self.shell_channel, self.iopub_channel = Channel(self), Channel(self)
        self.stdin_channel, self.hb_channel = Channel(self), Channel(self)
        self.running = False
        self._history = list(history)
        self._ids = map(str, itertools.count())
        self._parent: Content = {}
        self._answer: str | None = None
        module = ModuleType("__main__", "The console's own names.")
        module.__dict__.update(namespace)
        self.shell = _Shell.instance(user_module=module, send=self._publish, colors="nocolor")
        self.shell.loop_runner = self._run_coroutine
        self._loop = asyncio.new_event_loop()
        self._interruptible = Interruptible(self.shell.user_global_ns)  # a new one for each command
        self._streams = _Stream("stdout", self._publish), _Stream("stderr", self._publish)
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
            "complete_reply", lambda: self._complete(code, len(code) if cursor_pos is None else cursor_pos)
        )

    def inspect(self, code: str, cursor_pos: int, detail_level: int = 0) -> str:
        """Explain the name under the cursor."""
        return self._reply("inspect_reply", lambda: self._inspect(code, cursor_pos, detail_level))

    def is_complete(self, code: str) -> str:
        """Tell whether code can run or lacks a line."""

        def check() -> Content:
            status, indent = self.shell.check_complete(code)
            return {"status": status, "indent": indent}

        return self._reply("is_complete_reply", check)

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
        self.stopped_channels.emit()
        for task in asyncio.all_tasks(self._loop):  # those that a command left behind
            task.cancel()
            self._loop.run_until_complete(asyncio.gather(task, return_exceptions=True))
        self._loop.close()
        atexit.unregister(self.shell.atexit_operations)
        self.shell.atexit_operations()
        self.shell.restore_sys_module_state()
        _Shell.clear_instance()
        for name in ("__IPYTHON__", "display"):
            vars(builtins).pop(name, None)

    # Messages

    def _message(self, kind: str, parent: Content, content: Content) -> Content:
        return {"header": {"msg_type": kind}, "msg_type": kind, "parent_header": parent, "content": content}

    def _later(self, act: Callable[[Content], None]) -> str:
        number = next(self._ids)
        QTimer.singleShot(0, self, lambda: act({"msg_id": number}))
        return number

    def _reply(self, kind: str, answer: Callable[[], Content]) -> str:
        def act(parent: Content) -> None:
            self.shell_channel.message_received.emit(self._message(kind, parent, {"status": "ok"} | answer()))

        return self._later(act)

    def _publish(self, kind: str, content: Content) -> None:
        if kind != "stream":
            self._send_pending()
        self.iopub_channel.message_received.emit(self._message(kind, self._parent, content))

    def _send_pending(self) -> None:
        for stream in self._streams:
            stream.send_pending()

    # Running

    def _execute(self, code: str, parent: Content, *, silent: bool) -> None:
        self.running, self._parent = True, parent
        self.began.emit()
        self._flush.start()
        self._interruptible = Interruptible(self.shell.user_global_ns)
        try:
            result = self._run(code, store_history=not silent)
        finally:
            self._flush.stop()
            self._send_pending()
            self.running = False
        payload = self.shell.payload_manager.read_payload()
        self.shell.payload_manager.clear_payload()
        outcome = self._outcome("ok" if result.success else "error", payload=payload)
        self.shell_channel.message_received.emit(self._message("execute_reply", parent, outcome))
        self.finished.emit(code, bool(result.success))
        self._interruptible.finish()

    def _run(self, code: str, *, store_history: bool) -> Any:
        ask, ask_secretly = builtins.input, getpass.getpass
        builtins.input = getpass.getpass = self._ask  # type: ignore[assignment]
        try:
            with redirect_stdout(self._streams[0]), redirect_stderr(self._streams[1]), self._interruptible:
                return self.shell.run_cell(code, store_history=store_history)
        finally:
            builtins.input, getpass.getpass = ask, ask_secretly

    def _run_coroutine(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        return self._interruptible.run_coroutine(coroutine, self._loop)

    def _ask(self, prompt: object = "", _stream: object = None) -> str:
        """Stand in for `input` and `getpass`: read a line in the console."""
        if threading.current_thread() is not threading.main_thread():
            raise RuntimeError("input(): only the console's own thread can ask; call it outside of other threads")
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
        return {"status": status, "execution_count": self.shell.execution_count - 1, "user_expressions": {}} | more

    def _complete(self, code: str, position: int) -> Content:
        with provisionalcompleter():
            found = list(rectify_completions(code, self.shell.Completer.completions(code, position)))
        start, end = (found[0].start, found[0].end) if found else (position, position)
        return {"matches": [it.text for it in found], "cursor_start": start, "cursor_end": end, "metadata": {}}

    def _inspect(self, code: str, position: int, detail_level: int) -> Content:
        name = token_at_cursor(code, position)
        try:
            data = self.shell.object_inspect_mime(name, detail_level=detail_level, omit_sections=("File", "Type"))
        except KeyError:
            return {"found": False, "data": {}, "metadata": {}}
        return {"found": True, "data": {"text/plain": data["text/plain"]}, "metadata": {}}
