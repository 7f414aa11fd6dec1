"""Models in files: npz or JSON, checked when they are read, whole or not there when they are written."""

from __future__ import annotations

import contextlib
import io
import json
import os
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar

import numpy as np

from nodeviz.models.depth import DepthClassifier
from nodeviz.models.flow import Flow, FlowSpec
from nodeviz.models.latent_model import LatentModel, LatentModelSpec
from nodeviz.models.spec import ModelSpec
from nodeviz.models.time_rnn import RNNSpec, TimeRNN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from nodeviz.engine.arrays import FloatArray

M = TypeVar("M")

VERSION = 1
MAX_BYTES = 256 * 2**20  # of a file, and of what it unpacks to
_MEMBERS = ("header.npy", "parameters.npy")


class ModelFileError(ValueError):
    """A file that cannot be read or written as a model; one sentence with the file, what is wrong and a remedy."""


class Spec(Protocol):
    """What a model is made of, apart from its weights."""

    @property
    def n_parameters(self) -> int:
        """Number of weights and biases."""
        ...

    def to_json(self) -> dict[str, Any]:
        """Return the fields by name."""
        ...


class Model(Protocol):
    """What can be kept in a file."""

    parameters: FloatArray

    @property
    def spec(self) -> Spec:
        """What it is made of."""
        ...


@dataclass(frozen=True, slots=True)
class Kind(Generic[M]):
    """One kind of model in files: the mark they carry, what to call it, and how to make one."""

    mark: str
    called: str
    spec_of: Callable[[object], Any]
    make: Callable[[Any, FloatArray], M]


CLASSIFIERS = Kind(
    "nodeviz depth classifier",
    "nodeviz's classifier",
    ModelSpec.from_json,
    lambda spec, weights: DepthClassifier(spec, parameters=weights),
)
FLOWS = Kind("nodeviz flow", "nodeviz's flow", FlowSpec.from_json, lambda spec, weights: Flow(spec, parameters=weights))
LATENTS = Kind(
    "nodeviz latent ODE",
    "nodeviz's latent ODE",
    LatentModelSpec.from_json,
    lambda spec, weights: LatentModel(spec, parameters=weights),
)

RNNS = Kind(
    "nodeviz RNN with times",
    "nodeviz's RNN with times",
    RNNSpec.from_json,
    lambda spec, weights: TimeRNN(spec, parameters=weights),
)


def save_model(
    path: str | os.PathLike[str], model: Model, extra: Mapping[str, Any] | None = None, kind: Kind[Any] = CLASSIFIERS
) -> None:
    """Write a model as JSON where the name ends in .json, otherwise as npz, beside the target first and then renamed.

    Parameters
    ----------
    kind : what it is: CLASSIFIERS, FLOWS, LATENTS or RNNS
    extra : what else to keep, such as the data it was trained on; JSON

    Raises
    ------
    ModelFileError : the file cannot be written, the parameters are not finite, or ``extra`` is not JSON
    """
    target = Path(path)
    if not np.isfinite(model.parameters).all():
        raise ModelFileError(f"{target.name}: the model's parameters are not finite; train it anew before saving it")
    header = {"format": kind.mark, "version": VERSION, "spec": model.spec.to_json(), "extra": dict(extra or {})}
    try:
        content = _json_bytes(header, model) if target.suffix.lower() == ".json" else _npz_bytes(header, model)
    except (TypeError, ValueError, RecursionError) as error:
        raise ModelFileError(f"{target.name}: extra is not JSON ({error}); use numbers, text and lists") from None
    _write(target, content)


def load(path: str | os.PathLike[str], kind: Kind[M]) -> tuple[M, dict[str, Any]]:
    """Read a model of a kind, float32, and what else was kept with it.

    Raises
    ------
    ModelFileError : not readable, cut, no model, of another shape than it says, or with values that are not finite
    """
    name = Path(path).name
    content = _read(Path(path))
    header, parameters = _parse_npz(name, content, kind.called) if content[:2] == b"PK" else _parse_json(name, content)
    if not isinstance(header, dict) or header.get("format") != kind.mark:
        raise ModelFileError(f"{name}: not a model of {kind.called}; choose a file that it saved")
    if header.get("version") != VERSION:
        raise ModelFileError(f"{name}: from another version of nodeviz; train the model anew and save it again")
    try:
        spec = kind.spec_of(header.get("spec"))
    except ValueError as error:
        raise ModelFileError(f"{name}: {error}; choose another file") from None
    if parameters.shape != (spec.n_parameters,):
        raise ModelFileError(
            f"{name}: parameters of shape {parameters.shape} where the model it describes has "
            f"({spec.n_parameters},); choose another file"
        )
    with np.errstate(over="ignore"):
        weights = parameters.astype(np.float32)
    if not np.isfinite(weights).all():
        index = int(np.argmin(np.isfinite(weights)))
        raise ModelFileError(f"{name}: parameters[{index}]={parameters[index]}: not finite; choose another file")
    extra = header.get("extra")
    return kind.make(spec, weights), extra if isinstance(extra, dict) else {}


def _npz_bytes(header: dict[str, Any], model: Model) -> bytes:
    content = io.BytesIO()
    text = np.frombuffer(json.dumps(header, allow_nan=False).encode(), np.uint8)
    np.savez(content, header=text, parameters=model.parameters.astype(np.float32))
    return content.getvalue()


def _json_bytes(header: dict[str, Any], model: Model) -> bytes:
    # The shortest digits that give the same float32 again.
    numbers = [float(str(value)) for value in model.parameters.astype(np.float32)]
    return json.dumps({**header, "parameters": numbers}, allow_nan=False, indent=1).encode()


def _read(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            content = file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:  # ValueError: a NUL in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelFileError(f"{path.name}: cannot be opened ({reason}); choose another file") from None
    if len(content) > MAX_BYTES:
        raise ModelFileError(f"{path.name}: larger than {MAX_BYTES >> 20} MB; choose a file that nodeviz saved")
    return content


def _parse_npz(name: str, content: bytes, called: str) -> tuple[Any, FloatArray]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            sizes = {info.filename: info.file_size for info in archive.infolist()}
            if set(sizes) != set(_MEMBERS) or sum(sizes.values()) > MAX_BYTES:
                raise ModelFileError(f"{name}: not a model of {called}; choose a file that it saved")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            text, parameters = arrays["header"], arrays["parameters"]
            header = json.loads(text.tobytes().decode()) if text.dtype == np.uint8 else None
    except ModelFileError:
        raise
    except Exception as error:  # noqa: BLE001 - zipfile and NumPy raise anything on damaged archives
        raise ModelFileError(f"{name}: the file is damaged or cut ({type(error).__name__}); choose another") from None
    return header, _numbers(name, parameters)


def _parse_json(name: str, content: bytes) -> tuple[Any, FloatArray]:
    try:
        header = json.loads(content.decode())
    except (ValueError, RecursionError):
        raise ModelFileError(
            f"{name}: neither a whole npz nor JSON, or cut; choose a file that nodeviz saved"
        ) from None
    return header, _numbers(name, header.get("parameters") if isinstance(header, dict) else None)


def _numbers(name: str, values: Any) -> FloatArray:
    """Return values as a float array; what is no list of numbers has none."""
    try:
        found = np.asarray(values)
    except ValueError:
        found = np.empty(0, object)
    if found.dtype.kind not in "iuf":
        raise ModelFileError(f"{name}: its parameters are no list of numbers; choose a file that nodeviz saved")
    return found.astype(np.float64)


def _write(target: Path, content: bytes) -> None:
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".part", dir=target.parent)
        with open(handle, "wb") as file:
            file.write(content)
        os.replace(temporary, target)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise ModelFileError(f"{target}: cannot be written ({reason}); choose another folder") from None
    finally:
        if temporary:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
