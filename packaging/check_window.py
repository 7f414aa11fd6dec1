"""Start nodeviz in a real window on a virtual X server (Xvfb), see that it paints, close it as a user does.

Nothing of nodeviz is imported: this is the process that a user starts. Xvfb keeps its screen in a file, in the format
of xwd, where the picture can be read; a window is closed through Xlib by the message that its close button sends.
"""

from __future__ import annotations

import ctypes
import os
import struct
import subprocess
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

WIDTH, HEIGHT = 1600, 1000  # pixels
PATIENCE = 60.0  # s, for a first start from a cold disk on a busy machine
MIN_COLOURS = 100  # a window with text, curves and a field has thousands; an empty one a few


def main() -> None:
    """Fail with one sentence when the window does not show, paint or close."""
    with tempfile.TemporaryDirectory(prefix="nodeviz-window-") as name:
        folder = Path(name)
        with screen(folder) as display:
            environment = {
                **os.environ,
                "DISPLAY": display,
                "QT_QPA_PLATFORM": "xcb",
                "NODEVIZ_CONFIG_DIR": str(folder / "config"),
            }
            environment.pop("WAYLAND_DISPLAY", None)
            begin = time.monotonic()
            with open(folder / "said", "w+b") as said:
                app = subprocess.Popen([sys.executable, "-m", "nodeviz"], env=environment, stderr=said, cwd=folder)
                try:
                    complaint = watch(app, folder / "Xvfb_screen0", display, begin)
                finally:
                    app.kill()
                    app.wait()
                said.seek(0)
                text = said.read().decode(errors="replace")
    if complaint or "Traceback" in text:
        sys.exit(f"real window: {complaint or 'an exception was reported'}\n{text}")


@contextmanager
def screen(folder: Path) -> Iterator[str]:
    """Run an X server that keeps its screen in a file of the folder; give the display's name."""
    reader, writer = os.pipe()
    command = ["Xvfb", "-displayfd", str(writer), "-screen", "0", f"{WIDTH}x{HEIGHT}x24", "-nolisten", "tcp"]
    server = subprocess.Popen([*command, "-fbdir", str(folder)], pass_fds=[writer], stderr=subprocess.DEVNULL)
    os.close(writer)
    try:
        with open(reader) as file:
            number = file.readline().strip()  # empty when the server ended
        if not number:
            sys.exit("real window: Xvfb does not start")
        yield f":{number}"
    finally:
        server.terminate()
        server.wait()


def watch(app: subprocess.Popen[bytes], picture: Path, display: str, begin: float) -> str:
    """Wait for a painted window, close it, wait for the end; return what went wrong, empty when nothing did."""
    return wait_painted(app, picture, begin) or close(app, display)


def wait_painted(app: subprocess.Popen[bytes], picture: Path, begin: float) -> str:
    """Wait until the screen shows a painted window, and print how long it took; return what went wrong."""
    n_colours = 0
    while n_colours < MIN_COLOURS:
        if app.poll() is not None:
            return f"nodeviz ended with code {app.returncode} before its window was painted"
        if time.monotonic() > begin + PATIENCE:
            return f"after {PATIENCE:.0f} s the screen shows {n_colours} colours, at least {MIN_COLOURS} expected"
        time.sleep(0.05)
        n_colours = len(colours(picture.read_bytes()))
    print(f"painted after {time.monotonic() - begin:.2f} s, {busy(app.pid):.2f} s of a processor", flush=True)
    time.sleep(1.0)  # frames arrive, fonts and icons load
    print(f"{len(colours(picture.read_bytes()))} colours after one more second", flush=True)
    return ""


def busy(pid: int) -> float:
    """Return the processor time of a process in seconds, which a busy machine changes little (Linux, proc(5))."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def close(app: subprocess.Popen[bytes], display: str) -> str:
    """Close the window as a user does and wait for the end; return what went wrong."""
    begin = time.monotonic()
    n_closed = close_windows(display)
    if n_closed == 0:
        return "no window that can be closed is on the screen"
    try:
        code = app.wait(PATIENCE)
    except subprocess.TimeoutExpired:
        return f"nodeviz still runs {PATIENCE:.0f} s after its window was closed"
    print(f"closed within {time.monotonic() - begin:.2f} s, exit code {code}", flush=True)
    return f"exit code {code} after closing, 0 expected" if code else ""


def colours(xwd: bytes) -> set[int]:
    """Return the distinct colours of an xwd picture of 32 bits per pixel (X11's XWDFile.h)."""
    if len(xwd) < 100:
        return set()  # Xvfb is still writing it
    words = struct.unpack(">25I", xwd[:100])  # big-endian, whatever the pixels are
    header_size, height, bytes_per_line, n_entries = words[0], words[5], words[12], words[19]
    start = header_size + 12 * n_entries
    pixels = memoryview(xwd)[start : start + height * bytes_per_line].cast("I")
    return set(pixels)


class ClientMessage(ctypes.Structure):
    """Xlib's XClientMessageEvent, padded to the size of XEvent."""

    _fields_ = (
        ("type", ctypes.c_int),
        ("serial", ctypes.c_ulong),
        ("send_event", ctypes.c_int),
        ("display", ctypes.c_void_p),
        ("window", ctypes.c_ulong),
        ("message_type", ctypes.c_ulong),
        ("format", ctypes.c_int),
        ("data", ctypes.c_long * 5),
        ("padding", ctypes.c_long * 24),
    )


def close_windows(name: str) -> int:
    """Send every window of a display that can be closed the message of its close button; return how many there were."""
    x11 = ctypes.CDLL("libX11.so.6")
    x11.XOpenDisplay.restype = ctypes.c_void_p
    x11.XDefaultRootWindow.restype = x11.XInternAtom.restype = ctypes.c_ulong
    display = ctypes.c_void_p(x11.XOpenDisplay(name.encode()))
    protocols = x11.XInternAtom(display, b"WM_PROTOCOLS", 0)
    delete = x11.XInternAtom(display, b"WM_DELETE_WINDOW", 0)
    closed = [window for window in children(x11, display) if delete in protocols_of(x11, display, window)]
    for window in closed:
        event = ClientMessage(33, 0, 1, display, window, protocols, 32, (ctypes.c_long * 5)(delete))
        x11.XSendEvent(display, ctypes.c_ulong(window), 0, ctypes.c_long(0), ctypes.byref(event))
    x11.XSync(display, 0)
    x11.XCloseDisplay(display)
    return len(closed)


def children(x11: ctypes.CDLL, display: ctypes.c_void_p) -> list[int]:
    """Return the windows right below the root: without a window manager, every top-level window."""
    root, parent = ctypes.c_ulong(), ctypes.c_ulong()
    found, count = ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_uint()
    top = ctypes.c_ulong(x11.XDefaultRootWindow(display))
    x11.XQueryTree(display, top, *(ctypes.byref(answer) for answer in (root, parent, found, count)))
    windows = list(found[: count.value])
    x11.XFree(found)
    return windows


def protocols_of(x11: ctypes.CDLL, display: ctypes.c_void_p, window: int) -> list[int]:
    """Return the messages that a window says it understands."""
    found, count = ctypes.POINTER(ctypes.c_ulong)(), ctypes.c_int()
    if not x11.XGetWMProtocols(display, ctypes.c_ulong(window), ctypes.byref(found), ctypes.byref(count)):
        return []
    atoms = list(found[: count.value])
    x11.XFree(found)
    return atoms


if __name__ == "__main__":
    main()
