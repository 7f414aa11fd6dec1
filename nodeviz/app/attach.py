"""The switch that lets scripts and Jupyter clients drive the open window, and what the window shows of it.

On Linux and macOS: five socket files and a connection file in a folder that only the user can open; no network port.
Nothing of Jupyter is loaded before it is switched on.
"""

from __future__ import annotations

import dataclasses
import json
import os
import secrets
import shutil
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Qt, QTimer, Signal
from PySide6.QtWidgets import QLabel

from nodeviz.app.commands import Command
from nodeviz.attach_files import CONNECTION, AttachError, hold, make_folder

if TYPE_CHECKING:
    from pathlib import Path

    from nodeviz.app.attach_requests import Requests
    from nodeviz.app.attach_sockets import Sockets
    from nodeviz.app.main_window import MainWindow


class Attach(QObject):
    """Whether scripts may attach to a window, off at first.

    Attributes
    ----------
    words : a label for the status line
    file : the connection file, None while off
    """

    _arrived = Signal()

    def __init__(self, window: MainWindow) -> None:
        super().__init__(window)
        self._window = window
        self.file: Path | None = None
        self._held = -1
        self._sockets: Sockets | None = None
        self._requests: Requests | None = None
        self.words = QLabel()
        self.words.setAccessibleName("Scripts may attach")
        self.words.setTextInteractionFlags(Qt.TextInteractionFlag.NoTextInteraction)
        self.words.hide()
        self._arrived.connect(self._take, Qt.ConnectionType.QueuedConnection)

    def start(self) -> None:
        """Open the sockets.

        Raises
        ------
        AttachError : it cannot be; the sentence says why, and nothing is left
        """
        if self.file is not None:
            return
        folder = make_folder()
        from nodeviz.app.attach_requests import Requests
        from nodeviz.app.attach_sockets import CHANNELS, Sockets

        key = secrets.token_hex(32)
        ports = {f"{name}_port": number for name, number in CHANNELS.items()}
        connection = {"transport": "ipc", "ip": str(folder / "k"), "key": key, "signature_scheme": "hmac-sha256"}
        try:
            self._sockets = Sockets(folder, key, self._arrived.emit)
            self._held = hold(folder, json.dumps({**connection, **ports, "kernel_name": "nodeviz", "pid": os.getpid()}))
        except OSError as error:  # zmq's own are OSErrors too
            self._close(folder)
            raise AttachError(f"{folder}: {error.strerror}; set NODEVIZ_RUNTIME_DIR to a folder of your own") from None
        self._requests = Requests(self._window.console, self._sockets, self._window.echo)
        self.file = folder / CONNECTION
        self.words.setText("scripts may attach")
        self.words.setToolTip(f"nodeviz.connect(), or: jupyter console --existing {self.file}")
        self.words.show()

    def stop(self) -> None:
        """Close the sockets and remove their files."""
        if self.file is not None:
            self._close(self.file.parent)
        self.file = self._requests = None
        self.words.hide()

    def _close(self, folder: Path) -> None:
        if self._sockets is not None:
            self._sockets.close()
            self._sockets = None
        shutil.rmtree(folder, ignore_errors=True)
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def _take(self) -> None:
        if self._requests is not None:
            self._requests.take()

    def toggle(self) -> None:
        """Switch and remember; what hinders is told in the status line."""
        window = self._window
        if self.file is None:
            self.begin()
        else:
            self.stop()
        window.settings = dataclasses.replace(window.settings, attach=self.file is not None)
        complaint = window.store.save(window.settings)
        if self.file is not None:
            complaint = complaint or f"Scripts may attach: nodeviz.connect(), or jupyter console --existing {self.file}"
        window.tell(complaint)

    def begin(self) -> None:
        """Open the sockets, or say in the status line why there are none."""
        try:
            self.start()
        except AttachError as error:
            self._window.tell(f"Attaching: {error}")

    def begin_later(self, *, asked: bool) -> None:
        """Open the sockets once the window is shown, if the settings or the command line ask for it."""
        if asked or self._window.settings.attach:
            QTimer.singleShot(0, self, self.begin)


def attach_commands(window: MainWindow) -> list[Command]:
    """Return the command of the View menu."""
    return [
        Command(
            id="attach",
            title="Allow scripts to attach",
            tip="Your own scripts and Jupyter clients may then drive this window, by files that only you can open",
            menu="View",
            callback=lambda: window.console.when_idle(window.attach.toggle),
            checked=lambda: window.attach.file is not None,
        )
    ]
