"""What the messages of Jupyter clients mean to the window: answered in the GUI thread, by the console's own kernel.

Code runs one request after another, the console's among them; what a client asks of the control socket comes at once.
"""

from __future__ import annotations

import fnmatch
import platform
from functools import partial
from typing import TYPE_CHECKING, Any, Final

from nodeviz import __version__

if TYPE_CHECKING:
    from collections.abc import Callable

    from nodeviz.app.attach_sockets import Content, Request, Sockets
    from nodeviz.app.console import Console
    from nodeviz.app.console_kernel import Kernel

PACKED: Final = "nodeviz"  # the name of the expression whose value `nodeviz.connect()` wants whole
SHOWN: Final = 300  # characters of a line that the log shows
REFUSED: Final = "shutdown: the window is its user's own and stays open; leave it by closing your side"
BUSY: Final = "Python: the console is closing; nothing was run"


class Requests:
    """Answers requests.

    Parameters
    ----------
    console : whose kernel runs code
    echo : shows a line of Python in the log
    """

    def __init__(self, console: Console, sockets: Sockets, echo: Callable[[str], None]) -> None:
        self._console, self._sockets, self._echo = console, sockets, echo
        self._arrived = 0
        self._failed: dict[tuple[bytes, ...], int] = {}  # a client -> what it had sent when its code failed

    def take(self) -> None:
        """Take what has arrived."""
        while self._sockets.inbox:
            request = self._sockets.inbox.popleft()
            self._arrived += 1
            kernel = self._console.kernel()
            if kernel is None:
                self._finish(request, _error("RuntimeError", BUSY))
            elif request.channel == "control":
                self._answer(kernel, request, self._arrived)
            else:
                kernel.later(partial(self._answer, kernel, request, self._arrived))

    def _answer(self, kernel: Kernel, request: Request, number: int) -> None:
        self._publish(request, "status", {"execution_state": "busy"})
        content: Content = _error("NotImplementedError", f"{request.kind}: the window does not know this message")
        answers: dict[str, Callable[[], Content]] = {
            "kernel_info_request": _kernel_info,
            "execute_request": lambda: self._execute(kernel, request, number),
            "complete_request": lambda: kernel.find_completions(*_place(request.content)),
            "inspect_request": lambda: kernel.explain(*_place(request.content), _level(request.content)),
            "is_complete_request": lambda: kernel.check(_text(request.content, "code")),
            "history_request": lambda: {"history": _history(kernel.lines(), request.content)},
            "comm_info_request": lambda: {"comms": {}},
            "interrupt_request": self._interrupt,
            "shutdown_request": lambda: _error("RuntimeError", REFUSED) | {"restart": False},
        }
        try:
            if request.kind in answers:
                content = {"status": "ok"} | answers[request.kind]()
        except (TypeError, ValueError) as error:  # of the message, not of the code in it
            content = _error(type(error).__name__, f"{request.kind}: {error}")
        finally:
            self._finish(request, content)

    def _finish(self, request: Request, content: Content) -> None:
        kind = request.kind.removesuffix("_request") + "_reply"
        self._sockets.send(request.channel, kind, content, request.header, request.sender)
        self._publish(request, "status", {"execution_state": "idle"})

    def _publish(self, request: Request, kind: str, content: Content) -> None:
        self._sockets.send("iopub", kind, content, request.header)

    def _interrupt(self) -> Content:
        self._console.interrupt()
        return {}

    def _execute(self, kernel: Kernel, request: Request, number: int) -> Content:
        content = request.content
        if request.channel != "control":  # these run in their order, so earlier failures concern no later one
            self._failed = {client: last for client, last in self._failed.items() if last >= number}
        if number <= self._failed.get(request.sender, 0):
            return {"status": "aborted", "execution_count": kernel.count}
        code, silent = _text(content, "code"), bool(content.get("silent", False))
        values = content.get("user_expressions") or {}
        if not isinstance(values, dict) or not all(isinstance(text, str) for text in values.values()):
            raise TypeError("user_expressions is no mapping of names to expressions")
        if not silent:
            self._show(request, kernel.count + 1, "\n".join(filter(str.strip, (code, values.get(PACKED, "")))))
        reply = kernel.run_for(
            code,
            lambda kind, shown: self._publish(request, kind, shown),
            store_history=bool(content.get("store_history", True)) and not silent,
            values=values,
            packed=PACKED,
            keep=not silent,
        )
        if reply["status"] == "error" and content.get("stop_on_error", True):
            self.take()
            self._failed[request.sender] = self._arrived
        return reply

    def _show(self, request: Request, count: int, lines: str) -> None:
        """Let the window's log and the other clients see what is run."""
        self._publish(request, "execute_input", {"code": lines, "execution_count": count})
        for line in lines.splitlines():
            cut = f"{line[:SHOWN]}... ({len(line):,} characters)" if len(line) > SHOWN else line
            self._echo(cut)


def _error(name: str, sentence: str) -> Content:
    return {"status": "error", "ename": name, "evalue": sentence, "traceback": [f"{name}: {sentence}"]}


def _text(content: Content, name: str) -> str:
    text = content.get(name, "")
    if not isinstance(text, str):
        raise TypeError(f"{name} is no text")
    return text


def _place(content: Content) -> tuple[str, int]:
    code = _text(content, "code")
    position = content.get("cursor_pos")
    return code, max(0, min(len(code), len(code) if position is None else int(position)))


def _level(content: Content) -> int:
    return int(bool(content.get("detail_level", 0)))


def _history(lines: list[str], content: Content) -> list[Any]:
    """Return the lines that a client asks for, each with its session and number as Jupyter has it."""
    numbered = list(enumerate(lines, start=1))
    kind = content.get("hist_access_type", "tail")
    if kind == "search":
        numbered = [it for it in numbered if fnmatch.fnmatchcase(it[1], _text(content, "pattern"))]
    if kind == "range":
        numbered = numbered[int(content.get("start") or 0) : content.get("stop")]
    elif content.get("n"):
        numbered = numbered[-int(content["n"]) :]
    return [(0, number, (line, None) if content.get("output") else line) for number, line in numbered]


def _kernel_info() -> Content:
    language = {
        "name": "python",
        "version": platform.python_version(),
        "mimetype": "text/x-python",
        "file_extension": ".py",
        "pygments_lexer": "ipython3",
        "codemirror_mode": {"name": "ipython", "version": 3},
    }
    return {
        "protocol_version": "5.3",
        "implementation": "nodeviz",
        "implementation_version": __version__,
        "language_info": language,
        "banner": f"nodeviz {__version__}: this runs in the open window. phase, classifier, flow, latent, commands, np",
        "help_links": [],
    }
