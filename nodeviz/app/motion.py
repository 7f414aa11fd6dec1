"""Reduced motion: nothing moves by itself, for those whom that disturbs. Playing on demand stays."""

from __future__ import annotations

import configparser
import dataclasses
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QApplication

from nodeviz.app.commands import Command

if TYPE_CHECKING:
    from nodeviz.app.main_window import MainWindow

REDUCED = "nodeviz_reduced_motion"  # property of the application
_FLASH = "nodeviz_flash_time"  # likewise: that of the text cursor, as the system has it
_WAIT_MS = 200  # for the desktop's answer
_EFFECTS = ("UI_AnimateMenu", "UI_FadeMenu", "UI_AnimateCombo", "UI_AnimateTooltip", "UI_FadeTooltip")


def motion_commands(window: MainWindow) -> list[Command]:
    """Return the commands of the View menu about motion."""
    return [
        Command(
            id="reduced_motion",
            title="Reduced motion",
            menu="View",
            tip="Nothing moves by itself: no transitions, no blinking, no playing that was not asked for",
            callback=lambda: toggle(window),
            checked=reduced,
        )
    ]


def reduced() -> bool:
    """Return whether nothing is to move by itself; whatever plays or animates without being asked has to look here."""
    application = QApplication.instance()
    return application is not None and bool(application.property(REDUCED))


def toggle(window: MainWindow) -> None:
    """Reduce motion or allow it, whatever the system says, and remember it."""
    window.settings = dataclasses.replace(window.settings, motion="full" if reduced() else "reduced")
    apply(window)
    window.tell(window.store.save(window.settings))


def apply(window: MainWindow) -> None:
    """Put the settings in force: transitions of docks, menus and tooltips, the blinking of the text cursor."""
    application = QApplication.instance()
    if not isinstance(application, QApplication):
        return
    wanted = window.settings.motion
    on = system_reduces() if wanted == "system" else wanted == "reduced"
    application.setProperty(REDUCED, on)
    window.setAnimated(not on)
    for effect in _EFFECTS:
        application.setEffectEnabled(Qt.UIEffect[effect], not on)
    if application.property(_FLASH) is None:
        application.setProperty(_FLASH, application.styleHints().cursorFlashTime())
    application.styleHints().setCursorFlashTime(0 if on else int(application.property(_FLASH)))


def system_reduces() -> bool:
    """Return whether the system asks for reduced motion; False where it says nothing."""
    if QApplication.platformName() in {"offscreen", "minimal"}:
        return False
    if sys.platform == "win32":
        return _windows_reduces()
    if sys.platform == "darwin":
        return _mac_reduces()
    return _portal_reduces() or file_reduces(Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config"))


def file_reduces(folder: Path) -> bool:
    """Return whether the settings of KDE or GTK in a folder switch animations off."""
    for name, section, key in (
        ("kdeglobals", "KDE", "AnimationDurationFactor"),
        ("gtk-4.0/settings.ini", "Settings", "gtk-enable-animations"),
        ("gtk-3.0/settings.ini", "Settings", "gtk-enable-animations"),
    ):
        parser = configparser.ConfigParser(strict=False, interpolation=None)
        try:
            parser.read(folder / name, encoding="utf-8")
            value = parser.get(section, key, fallback="").strip().lower()
        except (OSError, ValueError, configparser.Error):
            continue
        if value in {"0", "0.0", "false"}:
            return True
    return False


def _portal_reduces() -> bool:
    """Ask the desktop's portal, as GNOME answers it; it may be slow or absent."""
    if not os.environ.get("DBUS_SESSION_BUS_ADDRESS"):
        return False
    try:
        from PySide6.QtDBus import QDBusConnection, QDBusMessage
    except ImportError:
        return False
    for space, key, reducing in (
        ("org.freedesktop.appearance", "reduced-motion", 1),
        ("org.gnome.desktop.interface", "enable-animations", False),
    ):
        question = QDBusMessage.createMethodCall(
            "org.freedesktop.portal.Desktop",
            "/org/freedesktop/portal/desktop",
            "org.freedesktop.portal.Settings",
            "ReadOne",
        )
        question.setArguments([space, key])
        answer = QDBusConnection.sessionBus().call(question, timeout=_WAIT_MS)
        if answer.type() == QDBusMessage.MessageType.ReplyMessage and answer.arguments():
            value = answer.arguments()[0]
            return bool((value.variant() if hasattr(value, "variant") else value) == reducing)
    return False


def _windows_reduces() -> bool:
    import ctypes

    shows = ctypes.c_int(1)
    asked = 0x1042  # SPI_GETCLIENTAREAANIMATION
    windll = getattr(ctypes, "windll", None)
    return bool(
        windll is not None and windll.user32.SystemParametersInfoW(asked, 0, ctypes.byref(shows), 0) and not shows.value
    )


def _mac_reduces() -> bool:
    import plistlib

    path = Path.home() / "Library/Preferences/com.apple.universalaccess.plist"
    try:
        return bool(plistlib.loads(path.read_bytes()).get("reduceMotion"))
    except (OSError, ValueError, plistlib.InvalidFileException):
        return False
