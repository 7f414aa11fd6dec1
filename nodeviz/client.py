"""``nodeviz.connect()``: drive the open window from a script of its own process.

The window runs what it is asked, one line of Python after another, and its log shows the same lines. Whoever has
switched on View > Allow scripts to attach can be driven, over files that only the same user can open.

>>> window = nodeviz.connect()
>>> window.phase.parameters["mu"] = 2
>>> window.classifier.frame.points
array(...)
"""

from __future__ import annotations

import ast
import builtins
import sys
from pathlib import Path
from queue import Empty
from typing import TYPE_CHECKING, Any, Final

from nodeviz.attach_files import UNSUPPORTED, AttachError, check_private, is_held, open_windows, runtime_folder
from nodeviz.wire import MIME, literal, unpack

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from jupyter_client.blocking.client import BlockingKernelClient

HINT: Final = "switch on View > Allow scripts to attach, or start it by nodeviz --attach"
PACKED: Final = "nodeviz"  # under this name the window sends an expression's value whole
BEAT: Final = 0.2  # s between looks at whether the window lives


def connect(path: str | Path | None = None, *, timeout: float = 10.0) -> Window:
    """Return the open window.

    Parameters
    ----------
    path : the connection file that the window names; None for the newest window that answers
    timeout : s that it may take to answer, which it does between two lines of Python

    Raises
    ------
    AttachError : no window answers; the sentence says why
    """
    if sys.platform == "win32":
        raise AttachError(UNSUPPORTED)
    found = [Path(path)] if path is not None else open_windows()
    if not found:
        raise AttachError(f"no open window lets scripts attach (none in {runtime_folder()}); {HINT}")
    for file in found:
        if not is_held(file):
            raise AttachError(f"{file}: no window is open there; {HINT}")
        try:
            return Window(file, timeout=timeout)
        except TimeoutError:
            continue
    raise AttachError(f"{found[0]}: the window did not answer within {timeout:g} s; stop what it runs, then try again")


class Window:
    """An open window. Its panels are attributes: ``phase``, ``classifier``, ``flow``, ``latent``; and ``commands``.

    Whatever the window's console knows by name is an attribute here: read, set and called as there. Numbers, text and
    arrays come across as copies, records (a frame, ``params``) as namespaces; all else stays there and is named.
    """

    def __init__(self, file: Path, *, timeout: float) -> None:
        import json
        import os

        from jupyter_client.blocking.client import BlockingKernelClient

        self.__dict__["_file"] = file
        try:
            check_private(file)
            saved = json.loads(file.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise AttachError(f"{file}: no connection file of a window ({error}); {HINT}") from None
        if saved.get("pid") == os.getpid():
            raise AttachError("this program is the window itself; use nodeviz.panels here")
        client: BlockingKernelClient = BlockingKernelClient()
        self.__dict__["_client"] = client
        client.load_connection_info(saved)
        client.start_channels(stdin=False)
        try:
            client.wait_for_ready(timeout=timeout)
        except RuntimeError as error:
            self.close()
            raise TimeoutError(str(error)) from None
        except BaseException:
            self.close()
            raise

    def run(self, code: str) -> Any:
        """Run code in the window, print here what it prints, and return the value of its last line if that has one.

        Raises
        ------
        what the code raises; AttachError : the window closes meanwhile
        """
        before, last = _split(code)
        return self._ask(before, last)

    def close(self) -> None:
        """End the talk; the window stays open."""
        self._client.stop_channels()

    def __enter__(self) -> Window:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<nodeviz window at {self._file}>"

    def __dir__(self) -> list[str]:
        return sorted({*super().__dir__(), *self._ask("", "dir()", silent=True)})

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_") or not self._ask("", f"{name!r} in globals()", silent=True):
            raise AttributeError(f"window.{name}: the window's console knows no such name")
        return self._ask("", name, silent=True)

    def __setattr__(self, name: str, value: object) -> None:
        self._ask(f"{name} = {literal(value)}", "")

    def _ask(self, code: str, expression: str, *, silent: bool = False) -> Any:
        """Run code, then return an expression's value: a copy of it, or its name in the window."""
        wanted = {PACKED: expression} if expression else {}
        asked = self._client.execute(code, silent=silent, user_expressions=wanted, allow_stdin=False)
        reply = self._wait(asked)
        answer = reply if reply["status"] != "ok" else reply["user_expressions"].get(PACKED, {"status": "ok"})
        if answer["status"] != "ok":
            raise _error(answer)
        if not expression:
            return None
        bundle = answer["data"][MIME]
        return unpack(bundle) if "tree" in bundle else Remote(self, bundle["name"] or expression)

    def _wait(self, asked: str) -> Mapping[str, Any]:
        """Print what a request prints until it is done, and return its reply; Ctrl+C here ends it there."""
        reply: Mapping[str, Any] | None = None
        idle = False
        try:
            while reply is None or not idle:
                message = self._next(idle=idle)
                if message is None or message["parent_header"].get("msg_id") != asked:
                    continue
                kind, content = message["msg_type"], message["content"]
                if kind == "stream":
                    print(content["text"], end="", file=sys.stderr if content["name"] == "stderr" else sys.stdout)
                elif kind == "execute_reply":
                    reply = content
                elif kind == "status":
                    idle = content["execution_state"] == "idle"
        except KeyboardInterrupt:
            self._client.control_channel.send(self._client.session.msg("interrupt_request", {}))
            raise
        return reply

    def _next(self, *, idle: bool) -> Mapping[str, Any] | None:
        """Return a message of the window's, what it shows before its reply; None where nothing has come for a while."""
        try:
            if idle:
                return self._client.get_shell_msg(timeout=BEAT)  # type: ignore[no-any-return]
            return self._client.get_iopub_msg(timeout=BEAT)  # type: ignore[no-any-return]
        except Empty:
            if not is_held(self._file):
                raise AttachError(f"{self._file}: the window has closed, or lets no scripts attach any more") from None
            return None


class Remote:
    """What stays in the window: a panel, a method, a mapping of parameters. Used as there."""

    __slots__ = ("_name", "_window")

    def __init__(self, window: Window, name: str) -> None:
        object.__setattr__(self, "_window", window)
        object.__setattr__(self, "_name", name)

    def _get(self, expression: str) -> Any:
        return self._window._ask("", expression, silent=True)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):  # what Python's own machinery looks for
            raise AttributeError(name)
        return self._get(f"{self._name}.{name}")

    def __setattr__(self, name: str, value: object) -> None:
        self._window._ask(f"{self._name}.{name} = {_write(value)}", "")

    def __getitem__(self, key: object) -> Any:
        return self._get(f"{self._name}[{_write(key)}]")

    def __setitem__(self, key: object, value: object) -> None:
        self._window._ask(f"{self._name}[{_write(key)}] = {_write(value)}", "")

    def __call__(self, *values: object, **named: object) -> Any:
        """Call it in the window."""
        written = [*map(_write, values), *(f"{name}={_write(value)}" for name, value in named.items())]
        return self._window._ask("", f"{self._name}({', '.join(written)})")

    def __iter__(self) -> Iterator[Any]:
        return iter(self._get(f"list({self._name})"))

    def __len__(self) -> int:
        return int(self._get(f"len({self._name})"))

    def __contains__(self, item: object) -> bool:
        return bool(self._get(f"{_write(item)} in {self._name}"))

    def __dir__(self) -> list[str]:
        return list(self._get(f"dir({self._name})"))

    def __repr__(self) -> str:
        return str(self._get(f"repr({self._name})"))


def _write(value: object) -> str:
    return value._name if isinstance(value, Remote) else literal(value)


def _split(code: str) -> tuple[str, str]:
    """Return code without its last expression, and that; what Python alone cannot read (``%time``) stays whole."""
    try:
        lines = ast.parse(code).body
    except SyntaxError:
        return code, ""
    if not lines or not isinstance(last := lines[-1], ast.Expr) or code.rstrip().endswith(";"):
        return code, ""
    text = ast.get_source_segment(code, last) or ""
    return ast.unparse(ast.Module(lines[:-1], [])), text


def _error(answer: Mapping[str, Any]) -> BaseException:
    """Return the exception that was raised in the window, of its own kind where that is known here."""
    name, sentence = str(answer.get("ename", "")), str(answer.get("evalue", ""))
    if answer["status"] == "aborted":
        return AttachError("not run, since a request before it failed")
    kind = getattr(builtins, name, None)
    if name == "ParamError":
        from nodeviz.experiments.params import ParamError

        return ParamError(sentence)
    if name == "KeyError" and sentence[:1] in {"'", '"'}:
        sentence = str(ast.literal_eval(sentence))
    if isinstance(kind, type) and issubclass(kind, Exception):
        try:
            error: BaseException = kind(sentence)
        except TypeError:  # UnicodeDecodeError wants five arguments
            error = RuntimeError(f"{name}: {sentence}")
    else:
        error = RuntimeError(f"{name}: {sentence}")
    if answer.get("traceback"):
        error.add_note("In the window:\n" + "\n".join(answer["traceback"]))
    return error
