"""Values between a script and the window that it drives: Python literals one way, JSON and npz the other, never pickle.

A script asks by a line of Python, in which its values stand as literals, so that the window's log can show and repeat
it. What comes back is a tree of JSON with all its arrays in one npz, read with ``allow_pickle=False``.
"""

from __future__ import annotations

import base64
import dataclasses
import io
import math
import re
import sys
from collections.abc import Mapping, MutableMapping
from enum import Enum
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable

MIME: Final = "application/x-nodeviz+json"
MAX_BYTES: Final = 256_000_000  # of arrays in one answer
MAX_ITEMS: Final = 1_000_000  # of arrays that a script sends: they stand as text in a line of Python


def literal(value: object) -> str:
    """Return a value as Python that the window's console understands.

    Raises
    ------
    TypeError : what cannot be written as a literal
    ValueError : an array of more than `MAX_ITEMS` items
    """
    if isinstance(value, float):
        return re.sub(r"\b(nan|inf)\b", r'float("\1")', repr(float(value)))
    if value is None or isinstance(value, bool | int | str | bytes | complex):
        return repr(value.value if isinstance(value, Enum) else value)
    if isinstance(value, Path):
        return repr(str(value))
    if isinstance(value, list | tuple):
        inner = ", ".join(map(literal, value))
        return f"[{inner}]" if isinstance(value, list) else f"({inner}{',' * (len(value) == 1)})"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{literal(key)}: {literal(item)}" for key, item in value.items()) + "}"
    if hasattr(value, "tolist") and hasattr(value, "dtype"):  # NumPy's, which need not be loaded here
        return _array_literal(value)
    raise TypeError(f"{type(value).__name__}: cannot be sent; use numbers, text, lists, dicts or arrays of numbers")


def _array_literal(array: Any) -> str:
    if array.dtype.kind not in "biufcU":
        raise TypeError(f"an array of {array.dtype}: cannot be sent; use numbers or text")
    if array.size > MAX_ITEMS:
        raise ValueError(f"an array of {array.size:,} items: above the limit {MAX_ITEMS:,}; write a file and load that")
    return f"np.array({literal(array.tolist())}, dtype={array.dtype.str!r})" if array.ndim else literal(array.item())


class Packed:
    """A value on its way to a script; IPython asks it for its representations.

    Parameters
    ----------
    value : what the script asked for
    keep : stores what cannot be copied and returns its name; None where the script has a name for it
    """

    def __init__(self, value: object, keep: Callable[[object], str] | None = None) -> None:
        arrays: list[Any] = []
        try:
            tree = _tree(value, arrays, top=True)
        except (_OpaqueError, RecursionError):
            self._bundle: dict[str, Any] = {"name": keep(value) if keep else ""}
            return
        self._bundle = {"tree": tree}
        if arrays:
            self._bundle["npz"] = _npz(arrays)

    def __repr__(self) -> str:
        return "<Packed>"

    def _repr_mimebundle_(self, **_: object) -> dict[str, Any]:
        return {MIME: self._bundle}


class _OpaqueError(Exception):
    """A value that stays where it is."""


def _npz(arrays: list[Any]) -> str:
    import numpy as np

    total = sum(array.nbytes for array in arrays)
    if total > MAX_BYTES:
        raise ValueError(f"{total:,} bytes of arrays: above the limit {MAX_BYTES:,}; ask for a part of them")
    file = io.BytesIO()
    np.savez(file, *arrays)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _tree(value: Any, arrays: list[Any], *, top: bool = False) -> Any:
    """Return a value as JSON; its arrays go to a list, and what is neither becomes its text, at the top an error."""
    if isinstance(value, Enum):
        return _tree(value.value, arrays)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, str | Path):
        return str(value)
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else {"float": repr(float(value))}
    if isinstance(value, list):
        return [_tree(item, arrays) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [_tree(item, arrays) for item in value]}
    if isinstance(value, dict) or (isinstance(value, Mapping) and not isinstance(value, MutableMapping)):
        return {"dict": [[_tree(key, arrays), _tree(item, arrays)] for key, item in value.items()]}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {"record": {it.name: _tree(getattr(value, it.name), arrays) for it in dataclasses.fields(value)}}
    numpy = sys.modules.get("numpy")
    if numpy is not None and isinstance(value, numpy.generic):
        return _tree(value.item(), arrays, top=top)
    if numpy is not None and isinstance(value, numpy.ndarray):
        if value.dtype.hasobject:
            return _tree(value.tolist(), arrays)
        arrays.append(value)
        return {"array": len(arrays) - 1}
    if top:
        raise _OpaqueError
    return repr(value)


def unpack(bundle: Mapping[str, Any]) -> Any:
    """Return the value that a `Packed` of the window's was made of, records as namespaces.

    Raises
    ------
    ValueError : damaged, or an array that only pickle could read
    """
    arrays: list[Any] = []
    if "npz" in bundle:
        import numpy as np

        with np.load(io.BytesIO(base64.b64decode(bundle["npz"])), allow_pickle=False) as file:
            arrays = [file[f"arr_{number}"] for number in range(len(file.files))]
    return _value(bundle["tree"], arrays)


def _value(tree: Any, arrays: list[Any]) -> Any:
    if isinstance(tree, list):
        return [_value(item, arrays) for item in tree]
    if not isinstance(tree, dict):
        return tree
    ((kind, inner),) = tree.items()
    if kind == "float":
        return float(inner)
    if kind == "array":
        return arrays[inner]
    if kind == "tuple":
        return tuple(_value(item, arrays) for item in inner)
    if kind == "dict":
        return {_value(key, arrays): _value(item, arrays) for key, item in inner}
    return SimpleNamespace(**{name: _value(item, arrays) for name, item in inner.items()})
