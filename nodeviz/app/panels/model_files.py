"""Models that a training panel writes to files and opens again: the commands, their dialogs, and which are meant."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeVar

from PySide6.QtWidgets import QFileDialog

from nodeviz.app.commands import Command
from nodeviz.experiments.params import ParamError, nearest

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from nodeviz.app.panels.running import RunPanel

SUFFIXES = (".npz", ".json")


class Named(Protocol):
    """A model of a frame."""

    @property
    def name(self) -> str:
        """By which it is asked for."""
        ...


V = TypeVar("V", bound=Named)


class ModelFiles(NamedTuple):
    """What a panel calls its models, and how it opens and saves them.

    Attributes
    ----------
    noun : of one of them, as in "model"
    names : returns the names of those on show
    load : takes the path of a file or folder; save : takes that of a file, or of a folder where there are several
    """

    noun: str
    names: Callable[[], Sequence[str]]
    load: Callable[[str], None]
    save: Callable[[str], None]

    @property
    def filter(self) -> str:
        """What a dialog offers."""
        return f"{self.noun.capitalize()}s ({' '.join(f'*{suffix}' for suffix in SUFFIXES)});;All files (*)"


def file_commands(panel: RunPanel[Any, Any], files: ModelFiles) -> list[Command]:
    """Return the commands that open and save the models of a panel."""
    noun, name = files.noun, panel.experiment
    called = noun.replace(" ", "_")
    return [
        Command(
            id=f"load_{called}s_{name}",
            title=f"Open {noun}s…",
            menu="File",
            callback=lambda: ask_for_models(panel, files),
            echoes=False,
        ),
        Command(
            id=f"save_{called}s_{name}",
            title=f"Save {noun}s…",
            menu="File",
            callback=lambda: ask_where_to_save(panel, files),
            echoes=False,
        ),
    ]


def ask_for_models(panel: RunPanel[Any, Any], files: ModelFiles) -> None:
    """Ask for a file and show its model."""
    path, _ = QFileDialog.getOpenFileName(panel, f"Open {files.noun}s", "", files.filter)
    if path:
        panel.attempt(files.load, path)


def ask_where_to_save(panel: RunPanel[Any, Any], files: ModelFiles) -> None:
    """Ask for a file, or for a folder where there are several models, and write them there."""
    names, noun = files.names(), files.noun
    if len(names) == 1:
        path, _ = QFileDialog.getSaveFileName(panel, f"Save the {noun}", f"{names[0]}{SUFFIXES[0]}", files.filter)
    else:
        path = QFileDialog.getExistingDirectory(panel, f"Save the {noun}s in a folder")
    if path:
        panel.attempt(files.save, path)


def is_model(path: str) -> bool:
    """Return whether a path is taken for models rather than for data."""
    return Path(path).suffix.lower() in SUFFIXES or Path(path).is_dir()


def views_to_save(views: Sequence[V] | None, noun: str, name: str | None, argument: str) -> list[V]:
    """Return the models of a frame that are to be written: the one of that name, or all.

    Parameters
    ----------
    views : None before the first frame; argument : what ``name`` is called where it is asked for

    Raises
    ------
    ParamError : no frame yet, or none of that name
    """
    if views is None:
        raise ParamError(f"save: no {noun} yet; wait until the first picture is there")
    known = [view.name for view in views]
    if name is not None and name not in known:
        raise ParamError(f"{argument}={name}: not on show; {nearest(name, known)}")
    return [view for view in views if name in {None, view.name}]
