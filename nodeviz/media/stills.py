"""PNG files: one picture, or a folder with one for every frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, PngImagePlugin

if TYPE_CHECKING:
    from pathlib import Path

    import numpy.typing as npt

    from nodeviz.media.formats import Options

NOTE = "nodeviz"  # the keyword of the note in a PNG, and the name of the file with it in a folder
NOTE_FILE = "nodeviz-export.json"


def write_png(path: Path, picture: npt.NDArray[np.uint8], options: Options) -> None:
    """Write one picture (height, width, 4) of blue, green, red, alpha, with the note in it.

    Raises
    ------
    OSError : the file cannot be written
    """
    order = [2, 1, 0, 3] if options.transparent else [2, 1, 0]
    info = PngImagePlugin.PngInfo()
    if options.note:
        info.add_itxt(NOTE, options.note)
    Image.fromarray(np.ascontiguousarray(picture[..., order])).save(path, "PNG", pnginfo=info, compress_level=4)


class FolderEncoder:
    """Pictures into a folder: frame-00000.png and so on, and the note beside them.

    Raises
    ------
    OSError : the folder cannot be made
    """

    def __init__(self, path: Path, options: Options) -> None:
        self._path, self._options = path, options
        self._count, self._digits = 0, max(5, len(str(options.count - 1)))  # in the order of their names, however many
        path.mkdir()
        (path / NOTE_FILE).write_text(options.note + "\n", "utf-8")

    def add(self, picture: npt.NDArray[np.uint8]) -> None:
        """Write one picture (height, width, 4) of blue, green, red, alpha."""
        write_png(self._path / f"frame-{self._count:0{self._digits}d}.png", picture, self._options)
        self._count += 1

    def close(self) -> None:
        """Nothing is left to write."""

    def abort(self) -> None:
        """Nothing is held open."""
