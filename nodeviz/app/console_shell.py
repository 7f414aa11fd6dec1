"""IPython without its folder, history file and threads, whose words go through one function.

Loaded with the console's kernel: importing this module imports IPython.
"""

# mypy: disable-error-code="no-untyped-call, union-attr"
# (IPython is typed in part.)

import asyncio
import base64
import io
import sys
from collections.abc import Callable
from types import TracebackType
from typing import Any

from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.oinspect import HOOK_NAME, Inspector, OInfo
from IPython.core.page import as_hook
from traitlets import Any as AnyTrait
from traitlets import Type

from nodeviz.app.interrupt import without_machinery

Content = dict[str, Any]
Publish = Callable[[str, Content], None]


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


class Shell(InteractiveShell):
    """IPython without its folder, history file and threads; what it has to say goes through `send(kind, content)`."""

    send = AnyTrait()
    inspector_class = Type(_Inspector)
    displayhook_class = Type(_Results)
    display_pub_class = Type(_Publisher)

    def init_ipython_dir(self, _folder: object) -> None:
        """Use no folder: nothing of the person's own IPython is read or written."""

    def init_profile_dir(self, _folder: object) -> None:
        """Keep what IPython stores in memory."""
        self.db = {}

    def init_virtualenv(self) -> None:
        """Leave the paths of modules as they are."""

    def init_history(self) -> None:
        """Open no database."""
        # Else it opens a database and starts a thread; `Console` keeps the lines itself.
        self.config.HistoryManager.enabled = False
        self.config.HistoryManager.hist_file = ":memory:"
        super().init_history()

    def init_completer(self) -> None:
        """Complete by what objects say of themselves."""
        super().init_completer()
        # Jedi would take 300 ms at the first Tab and reads the source of classes; `__dir__` is the truth about facades.
        self.Completer.use_jedi = False
        # Attributes and items are looked up to complete what follows them; nothing is called.
        self.Completer.evaluation = "unsafe"
        self.Completer.policy_overrides = {"allow_any_calls": False, "allow_all_operations": False}

    def init_hooks(self) -> None:
        """Show long texts where the console is."""
        super().init_hooks()
        self.set_hook("show_in_pager", as_hook(self._show_page), 99)

    def _show_page(self, text: str | Content, *_: object, **__: object) -> None:
        data = text if isinstance(text, dict) else {"text/plain": text}
        self.payload_manager.write_payload({"source": "page", "data": data, "start": 0})

    def ask_exit(self) -> None:
        """Tell the console that `exit` was typed."""
        self.payload_manager.write_payload({"source": "ask_exit", "keepkernel": True})

    def set_next_input(self, text: str, replace: bool = False) -> None:
        """Put text behind the next prompt."""
        self.payload_manager.write_payload({"source": "set_next_input", "text": text, "replace": replace})

    def enable_gui(self, _gui: str | None = None) -> None:
        """Do nothing: Qt's loop runs already."""

    def showtraceback(self, exc_tuple: Any = None, *args: Any, **options: Any) -> None:
        """Show an interrupt where it hit the person's code."""
        kind, _, at = exc_tuple or sys.exc_info()
        if kind is not None and issubclass(kind, KeyboardInterrupt | asyncio.CancelledError):
            exc_tuple = KeyboardInterrupt, KeyboardInterrupt(), without_machinery(at)
        super().showtraceback(exc_tuple, *args, **options)

    def excepthook(self, etype: type[BaseException], value: BaseException, tb: TracebackType | None) -> None:
        """Pass what goes wrong in the application during a turn to the application's own hook."""
        self.sys_excepthook(etype, value, tb)

    def _showtraceback(self, etype: type[BaseException], evalue: BaseException, stb: list[str]) -> None:
        self.send("error", {"traceback": stb, "ename": etype.__name__, "evalue": str(evalue)})


class Stream(io.TextIOBase):
    """Standard output while a command runs: collects text from any thread until the GUI thread sends it."""

    encoding = "utf-8"

    def __init__(self, name: str, send: Publish) -> None:
        super().__init__()
        self._name, self._send = name, send
        self._parts: list[str] = []

    def write(self, text: str) -> int:
        """Keep text until it is sent."""
        self._parts.append(text)
        return len(text)

    def writable(self) -> bool:
        """Say that this can be written to."""
        return True

    def send_pending(self) -> None:
        """Send the text since the last time."""
        parts, self._parts = self._parts, []
        if parts:
            self._send("stream", {"name": self._name, "text": "".join(parts)})
