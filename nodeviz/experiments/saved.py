"""Trained models in the files and folders that a parameter or a command names."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from nodeviz.experiments.params import ParamError
from nodeviz.models.files import ModelFileError, load, save_model

if TYPE_CHECKING:
    import os
    from collections.abc import Mapping, Sequence

    from nodeviz.models.files import Kind, Model

M = TypeVar("M")

SUFFIXES = (".npz", ".json")
LOG_ROWS = 200  # of a training log, at most


def read_models(path: Path, kind: Kind[M]) -> tuple[tuple[M, dict[str, Any]], ...]:
    """Return the models of a file, or of all files of a folder by name, each with what else was kept.

    They are read once for as long as the files stay as they are, and shared: change a copy of their weights.

    Raises
    ------
    ParamError : a file that cannot be used, or a folder without one
    """
    found = path.expanduser()
    files = sorted(file for file in found.iterdir() if file.suffix in SUFFIXES) if found.is_dir() else [found]
    if not files:
        raise ParamError(f"weights={path}: no model file in this folder; choose a file that nodeviz saved")
    return tuple(_read(str(file), file.stat().st_mtime_ns if file.exists() else 0, kind) for file in files)


@lru_cache(maxsize=64)
def _read(path: str, _changed: int, kind: Kind[M]) -> tuple[M, dict[str, Any]]:
    try:
        return load(path, kind)
    except ModelFileError as error:
        raise ParamError(f"weights: {error}") from None


def write_models(
    models: Mapping[str, Model],
    path: str | os.PathLike[str],
    extra: Mapping[str, Mapping[str, Any]],
    kind: Kind[Any],
) -> list[Path]:
    """Write models by name: to a folder as NAME.npz, or to a file that ends in .npz or .json.

    Several models for one file go beside each other, as in circles-node.npz and circles-anode.npz.

    Parameters
    ----------
    extra : what else to keep of each model, by its name; JSON

    Returns
    -------
    the files

    Raises
    ------
    ParamError : a file that cannot be written
    """
    target = Path(path).expanduser()
    if target.suffix.lower() not in SUFFIXES:
        files = [target / f"{name}.npz" for name in models]
    elif len(models) == 1:
        files = [target]
    else:
        files = [target.with_name(f"{target.stem}-{name}{target.suffix}") for name in models]
    try:
        files[0].parent.mkdir(parents=True, exist_ok=True)
        for file, (name, model) in zip(files, models.items(), strict=True):
            save_model(file, model, extra[name], kind)
    except ModelFileError as error:
        raise ParamError(str(error)) from None
    except OSError as error:
        raise ParamError(f"path={path}: cannot be written ({error.strerror}); choose another folder") from None
    return files


def training_log(columns: Mapping[str, Sequence[float]]) -> dict[str, list[float]]:
    """Return every n-th row of equally long columns, four digits each."""
    n = min(map(len, columns.values()))
    rows = np.unique(np.linspace(0, n - 1, min(n, LOG_ROWS)).astype(int)).tolist()
    return {name: [float(f"{column[row]:.6g}") for row in rows] for name, column in columns.items()}
