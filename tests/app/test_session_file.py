"""Session files: what is written is read again; what is cut, edited, newer, huge or none is one sentence."""

from __future__ import annotations

import io
import json
import os
import zipfile
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from nodeviz.app import session_file
from nodeviz.app.layout import LAYOUT_VERSION, Layout
from nodeviz.app.session import State, first_state
from nodeviz.app.session_file import (
    Document,
    PanelRecord,
    SessionError,
    from_bytes,
    load,
    save,
    to_bytes,
)
from nodeviz.experiments.base import Replay
from nodeviz.experiments.params import change, to_json
from nodeviz.experiments.phase_params import PhaseParams
from nodeviz.experiments.presets import presets
from nodeviz.experiments.registry import REGISTRY

if TYPE_CHECKING:
    from pathlib import Path

FUZZ = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def full() -> Document:
    """A session with a bit of everything: long tables, missing values, a trained run with changes on its way."""
    rng = np.random.default_rng(0)
    params = change(REGISTRY["classifier"].params(), {"weights": "fresh", "steps": 90})
    X, labels = rng.normal(size=(80, 2)).round(4), rng.integers(0, 2, 80)
    later = change(params, {"lr": 0.02})
    painted = change(later, {"points": [[*row, int(mark)] for row, mark in zip(X.tolist(), labels, strict=True)]})
    observed = [
        [round(float(t), 3), None if number % 7 == 0 else 1.5, 0.5] for number, t in enumerate(np.linspace(0, 1, 50))
    ]
    latent = change(REGISTRY["latent"].params(), {"points": observed})
    return Document(
        panels={
            "phase": PanelRecord(state=first_state("phase"), cursor=0.25, t=1.5, speed=2.0, loop=True, folded=True),
            "classifier": PanelRecord(
                state=State(painted, 3, "moons"),
                replay=Replay(begun=params, steps=57, goal=90, changes=((20, later), (40, painted))),
                views=(("look", ((-1.0, 1.0), (-2.0, 2.0))), ("inspect", ((0.5, 0.25),))),
            ),
            "latent": PanelRecord(state=State(latent, 11, ""), visible=False),
        },
        theme="light",
        layout=Layout(geometry=b"\x00place", state=b"\xffdocks"),
    )


def as_read(document: Document) -> Document:
    """JSON knows lists alone."""
    return from_bytes(to_bytes(document))


def edited(change_it: Any) -> bytes:
    """Return the file of the full session with its JSON edited."""
    content = io.BytesIO(to_bytes(full()))
    with zipfile.ZipFile(content) as archive:
        data, arrays = json.loads(archive.read("session.json")), archive.read("data.npz")
    changed = change_it(data) or data
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("session.json", json.dumps(changed))
        archive.writestr("data.npz", arrays)
    return made.getvalue()


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    save(tmp_path / "a.nodeviz", full())
    found, given_ = load(tmp_path / "a.nodeviz"), full()
    assert found.complaints == ()
    assert found.panels.keys() == given_.panels.keys()
    for name, record in given_.panels.items():
        assert found.panels[name].state == record.state
        assert found.panels[name].replay == record.replay
        assert found.panels[name].cursor == record.cursor
    assert (found.theme, found.layout) == (given_.theme, given_.layout)
    assert to_bytes(found) == to_bytes(full())  # views too
    assert list(tmp_path.iterdir()) == [tmp_path / "a.nodeviz"]


def test_every_preset_comes_back() -> None:
    for panel, experiment in REGISTRY.items():
        for preset in presets(panel).values():
            state = State(change(experiment.params(), preset.changes), 11, preset.name)
            found = as_read(Document(panels={panel: PanelRecord(state=state)}))
            assert found.complaints == ()
            assert found.panels[panel].state == state


def edits(count: int) -> Document:
    """A session whose classifier had points painted a number of times while it trained, too few for a table."""
    begun = change(REGISTRY["classifier"].params(), {"weights": "fresh", "steps": 90})
    rows = np.linspace(-1, 1, 2 * (session_file.LONG - 1)).reshape(-1, 2).round(3).tolist()
    changes = tuple(
        (step, change(begun, {"points": [[x, y, (step + number) % 2] for number, (x, y) in enumerate(rows)]}))
        for step in range(1, count + 1)
    )
    replay = Replay(begun=begun, steps=count, goal=90, changes=changes)
    latent = change(REGISTRY["latent"].params(), {"weights": "fresh"})
    return Document(
        panels={
            "classifier": PanelRecord(state=State(changes[-1][1], 3, ""), replay=replay),
            "latent": PanelRecord(state=State(latent, 0, ""), replay=Replay(begun=latent, steps=7, goal=9)),
        }
    )


@pytest.mark.parametrize("limit", ["MAX_JSON", "MAX_BYTES"])
def test_what_is_written_can_always_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, limit: str) -> None:
    document, path = edits(60), tmp_path / "a.nodeviz"
    assert save(path, document) == ""
    assert load(path).panels["classifier"].replay == document.panels["classifier"].replay
    monkeypatch.setattr(session_file, limit, 60_000)
    said = save(path, document)
    assert "how it was trained (classifier)" in said
    found = load(path)
    assert found.panels["classifier"].state == document.panels["classifier"].state
    assert found.panels["classifier"].replay is None
    assert found.panels["latent"].replay == document.panels["latent"].replay
    ((name, sentence),) = found.complaints
    assert name == "classifier"
    assert "too long to keep; it begins anew" in sentence
    before = path.read_bytes()
    monkeypatch.setattr(session_file, limit, 1_000)
    with pytest.raises(SessionError, match="session: above the limit"):
        save(path, document)
    assert path.read_bytes() == before


def test_a_session_is_json_to_be_read_and_tables_in_npz() -> None:
    with zipfile.ZipFile(io.BytesIO(to_bytes(full()))) as archive:
        data = json.loads(archive.read("session.json"))
        with np.load(io.BytesIO(archive.read("data.npz")), allow_pickle=False) as tables:
            assert {tables[name].shape for name in tables.files} == {(80, 3), (50, 3)}
    assert (data["format"], data["version"]) == ("nodeviz session", session_file.VERSION)
    assert data["panels"]["classifier"]["params"]["steps"] == 90
    run = data["panels"]["classifier"]["run"]
    assert (run["steps"], run["changes"][0]) == (57, [20, {"lr": 0.02}])


@FUZZ
@given(st.floats(0, 1, exclude_max=True))
def test_a_file_cut_anywhere_is_one_sentence(share: float) -> None:
    content = to_bytes(full())
    with pytest.raises(SessionError) as caught:
        from_bytes(content[: int(share * len(content))], "a.nodeviz")
    assert str(caught.value).startswith("a.nodeviz: ")
    assert "\n" not in str(caught.value)


def read_or_sentence(content: bytes) -> Document:
    """Return a session, an empty one where the file is refused, in one sentence and by nothing else."""
    try:
        return from_bytes(content)
    except SessionError as error:
        sentence = str(error)
    assert "\n" not in sentence
    return Document(panels={})


@FUZZ
@given(st.integers(0, 10**9), st.integers(0, 255))
def test_a_byte_that_is_wrong_never_raises_anything_else(place: int, value: int) -> None:
    content = bytearray(to_bytes(full()))
    content[place % len(content)] = value
    read_or_sentence(bytes(content))


@given(st.binary(max_size=300))
def test_any_bytes_are_no_session(content: bytes) -> None:
    with pytest.raises(SessionError):
        from_bytes(content)


SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4)
)


def paths_of(data: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return where every value of some JSON stands."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [path, *(found for key, value in inner for found in paths_of(value, (*path, key)))]


@FUZZ
@given(st.data())
def test_values_edited_by_hand_never_raise_anything_else(data: st.DataObject) -> None:
    def put(tree: Any) -> Any:
        path = data.draw(st.sampled_from(paths_of(tree)))
        value = data.draw(JSON)
        if not path:
            return value if value is not None else 0
        holder = tree
        for key in path[:-1]:
            holder = holder[key]
        holder[path[-1]] = value
        return tree

    found = read_or_sentence(edited(put))
    for record in found.panels.values():
        assert change(record.state.params, to_json(record.state.params)) == record.state.params  # taken whole
    to_bytes(found)


@pytest.mark.parametrize(
    ("change_it", "words"),
    [
        (lambda data: data.update(version=2), "newer nodeviz"),
        (lambda data: data.update(version=True), "without a version"),
        (lambda data: data.update(format="a song"), "no session of nodeviz"),
        (lambda data: [data], "no session of nodeviz"),
    ],
)
def test_what_is_no_session_of_this_version_says_so(change_it: Any, words: str) -> None:
    with pytest.raises(SessionError, match=words):
        from_bytes(edited(change_it))


def test_one_value_that_is_wrong_costs_only_itself(tmp_path: Path) -> None:
    gone = str(tmp_path / "gone.csv")

    def break_it(data: Any) -> None:
        data["panels"]["classifier"]["params"] |= {"csv": gone, "hidden": 48}
        data["panels"]["phase"]["params"]["n_steps"] = -5
        data["panels"]["flow"] = {"params": {}, "seed": -1}
        data["panels"]["song"] = {}
        data["theme"], data["layout"]["state"] = "pink", "not base64!"

    found = from_bytes(edited(break_it))
    classifier = found.panels["classifier"].state
    assert (classifier.params.hidden, classifier.params.csv, classifier.seed) == (48, "", 3)
    assert len(classifier.params.points) == 80
    assert found.panels["phase"].state.params.system == "spiral"
    assert (found.theme, found.layout) == ("system", None)
    said = dict.fromkeys(name for name, _ in found.complaints)
    assert list(said) == ["phase", "classifier", "flow", ""]
    assert any(sentence.startswith("Not restored: csv") and "gone.csv" in sentence for _, sentence in found.complaints)


@pytest.mark.parametrize(
    "run",
    [
        {"steps": 10, "goal": 90, "begun": {}, "changes": [[20, {"lr": 0.02}]]},
        {"steps": 30, "goal": 90, "begun": {}, "changes": [[20, {"lr": 0.02}], [10, {"lr": 0.01}]]},
        {"steps": 30, "goal": 90, "begun": {"song": 1}, "changes": []},
        {"steps": 1.5, "goal": 90, "begun": {}, "changes": []},
        {"steps": 30, "goal": 90},
        [30],
    ],
    ids=["after the end", "out of order", "unknown", "half a step", "without", "a list"],
)
def test_a_run_that_cannot_be_read_begins_anew(run: Any) -> None:
    found = from_bytes(edited(lambda data: data["panels"]["classifier"].update(run=run)))
    assert found.panels["classifier"].replay is None
    assert len(found.panels["classifier"].state.params.points) == 80
    ((name, sentence),) = found.complaints
    assert name == "classifier"
    assert "begins anew" in sentence


def test_a_layout_of_another_version_is_no_layout() -> None:
    found = from_bytes(edited(lambda data: data["layout"].update(version=LAYOUT_VERSION + 1)))
    assert found.layout is None
    assert found.complaints == ()


def test_a_callable_does_not_come_back_and_is_named() -> None:
    def swirl(t: float, y: Any) -> Any:
        return [y[1], -y[0]] if t else y

    found = as_read(Document(panels={"phase": PanelRecord(state=State(change(PhaseParams(), {"system": swirl})))}))
    assert found.panels["phase"].state.params == PhaseParams()
    assert "swirl" in found.complaints[0][1]


def tables_file(**arrays: Any) -> bytes:
    made, packed = io.BytesIO(), io.BytesIO()
    np.savez(packed, **arrays)
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("session.json", json.dumps({"format": "nodeviz session", "version": 1, "panels": {}}))
        archive.writestr("data.npz", packed.getvalue())
    return made.getvalue()


@pytest.mark.parametrize(
    "array",
    [
        np.array([[np.inf, 1.0]]),
        np.zeros(3),
        np.zeros((2, 2), np.complex128),
        np.array([["a"]]),
        np.zeros((2, 2), "f4"),
    ],
    ids=["infinite", "one axis", "complex", "text", "float32"],
)
def test_tables_of_another_kind_are_refused(array: Any) -> None:
    with pytest.raises(SessionError):
        from_bytes(tables_file(table=array))


def test_nothing_is_unpickled() -> None:
    made, packed = io.BytesIO(), io.BytesIO()
    np.savez(packed, allow_pickle=True, table=np.array([[object()]], object))
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("session.json", json.dumps({"format": "nodeviz session", "version": 1, "panels": {}}))
        archive.writestr("data.npz", packed.getvalue())
    with pytest.raises(SessionError):
        from_bytes(made.getvalue())


def test_a_header_that_promises_a_billion_rows_takes_no_memory() -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(header, {"descr": "<f8", "fortran_order": False, "shape": (10**9, 100)})
    packed, made = io.BytesIO(), io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("table.npy", header.getvalue())
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("session.json", json.dumps({"format": "nodeviz session", "version": 1, "panels": {}}))
        archive.writestr("data.npz", packed.getvalue())
    with pytest.raises(SessionError):
        from_bytes(made.getvalue())


def test_a_file_of_one_gigabyte_is_refused_without_being_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.nodeviz"
    with open(path, "wb") as file:
        file.truncate(2**30)  # takes no room on the disk
    with pytest.raises(SessionError, match="larger than 64 MB"):
        load(path)


def test_a_small_file_that_unpacks_to_a_gigabyte_is_refused() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("session.json", " " * (session_file.MAX_JSON + 1))
    with pytest.raises(SessionError):
        from_bytes(made.getvalue())


@pytest.mark.parametrize("name", ["gone.nodeviz", ".", "nul\0.nodeviz"])
def test_paths_that_are_no_files(tmp_path: Path, name: str) -> None:
    with pytest.raises(SessionError) as caught:
        load(tmp_path / name)
    assert "\n" not in str(caught.value)


def test_a_failed_save_leaves_the_old_file_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.nodeviz"
    save(path, full())
    before = path.read_bytes()

    def refuse(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", refuse)
    with pytest.raises(SessionError, match="No space left"):
        save(path, Document(panels={}))
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
