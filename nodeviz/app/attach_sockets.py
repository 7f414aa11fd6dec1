"""Jupyter's five sockets on files of one folder, served by a thread of their own.

The thread checks signatures, answers heartbeats and moves messages; what they mean is decided in the GUI thread, to
which it passes them by a list and one call per batch. Loaded when attaching is switched on: this imports zmq.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import sys
import threading
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import zmq
from jupyter_client.session import Session

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOG: Final = logging.getLogger(__name__)

CHANNELS: Final = {"shell": 1, "iopub": 2, "stdin": 3, "control": 4, "hb": 5}  # the numbers of their socket files
MAX_MESSAGE: Final = 64_000_000  # bytes that a client may send at once; the connection of one that sends more ends
MAX_OPEN: Final = 64  # requests on their way; further ones wait in their sockets
LAST_WORDS: Final = 500  # ms that answers may take to leave when the sockets close

Content = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A checked message of a client.

    Attributes
    ----------
    channel, kind : as Jupyter names them, ``shell`` or ``control`` and ``execute_request``
    sender : the client's identities; header, content : of the message
    """

    channel: str
    kind: str
    sender: tuple[bytes, ...]
    header: Content
    content: Content


class Sockets:
    """The sockets and their thread.

    Parameters
    ----------
    folder : private to the user; the socket files ``k-1`` to ``k-5`` come into it
    key : signs all messages
    arrived : called in the thread when `inbox` is no longer empty
    """

    def __init__(self, folder: Path, key: str, arrived: Callable[[], object]) -> None:
        self.inbox: deque[Request] = deque()
        self._arrived = arrived
        self._session = Session(key=key.encode(), signature_scheme="hmac-sha256", username="nodeviz")
        self._session.copy_threshold = sys.maxsize  # what is sent without a copy costs zmq a thread that never ends
        self._outbox: deque[tuple[str, str, Content, Content, tuple[bytes, ...]]] = deque()
        self._open = 0
        self._ending = False
        self._context = zmq.Context()
        self._bell, self._ears = socket.socketpair()
        self._bell.setblocking(False)
        self._ears.setblocking(False)
        self._sockets = {name: self._bind(name, folder) for name in CHANNELS}
        self._thread = threading.Thread(target=self._serve, name="attach", daemon=True)
        self._thread.start()

    def _bind(self, name: str, folder: Path) -> zmq.Socket[bytes]:
        made = self._context.socket(zmq.PUB if name == "iopub" else zmq.ROUTER)
        made.linger = LAST_WORDS
        made.maxmsgsize = MAX_MESSAGE
        file = folder / f"k-{CHANNELS[name]}"
        made.bind(f"ipc://{file}")
        os.chmod(file, 0o600)
        return made

    def send(self, channel: str, kind: str, content: Content, parent: Content, to: tuple[bytes, ...] = ()) -> None:
        """Send a message from the GUI thread: on ``iopub`` to all clients, else to one."""
        if self._ending:  # what was asked for has closed the sockets itself
            return
        self._outbox.append((channel, kind, content, parent, to))
        self._ring()

    def close(self) -> None:
        """Send what is left, close the sockets and remove their files."""
        self._ending = True
        self._ring()
        self._thread.join()
        for each in self._sockets.values():
            each.close()
        self._context.term()
        self._bell.close()
        self._ears.close()

    def _ring(self) -> None:
        with contextlib.suppress(BlockingIOError):  # it rings already
            self._bell.send(b"!")

    # In the thread.

    def _serve(self) -> None:
        everything = ("shell", "stdin", "control", "hb")
        while not self._ending:
            poller = zmq.Poller()
            poller.register(self._ears, zmq.POLLIN)
            for name in everything:
                if self._open < MAX_OPEN or name in {"control", "hb"}:
                    poller.register(self._sockets[name], zmq.POLLIN)
            ready = dict(poller.poll())
            if self._ears.fileno() in ready:
                self._ears.recv(4096)
                self._send_all()
            for name in everything:
                if self._sockets[name] in ready:
                    self._receive(name)
        self._send_all()

    def _receive(self, name: str) -> None:
        try:
            frames = self._sockets[name].recv_multipart(zmq.NOBLOCK)
        except zmq.Again:
            return
        if name == "hb":
            self._sockets[name].send_multipart(frames)
            return
        try:
            request = self._read(name, frames)
        except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
            LOG.info("a message on the %s socket was dropped: %s", name, error)
            return
        if name == "stdin":  # nobody was asked
            return
        self._open += 1
        self.inbox.append(request)
        if len(self.inbox) == 1:  # else whoever empties it is about to find this one too
            self._arrived()

    def _read(self, name: str, frames: list[bytes]) -> Request:
        sender, parts = self._session.feed_identities(frames)
        message = self._session.deserialize(parts)
        kind, header, content = message["msg_type"], message["header"], message["content"]
        if not isinstance(kind, str) or not isinstance(content, dict):
            raise TypeError("no message of Jupyter's")
        return Request(channel=name, kind=kind, sender=tuple(sender), header=header, content=content)

    def _send_all(self) -> None:
        while self._outbox:
            channel, kind, content, parent, to = self._outbox.popleft()
            ident = [kind.encode()] if channel == "iopub" else list(to)
            if kind == "status" and content["execution_state"] == "idle":  # each request ends with one
                self._open -= 1
            try:
                self._session.send(self._sockets[channel], kind, content, parent={"header": parent}, ident=ident)
            except (ValueError, TypeError, RecursionError) as error:  # somebody's own display data is no JSON
                LOG.info("a message of kind %s was not sent: %s", kind, error)
