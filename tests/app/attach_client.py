"""A script of its own process that drives an open window; run as ``python attach_client.py NAME`` by test_attach."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import nodeviz


def say(*words: object) -> None:
    sys.stdout.write(" ".join(map(str, words)) + "\n")
    sys.stdout.flush()


def raised(act: Any) -> str:
    try:
        act()
    except Exception as error:  # noqa: BLE001 - whatever it is, the test reads its name
        return f"{type(error).__name__}: {error}"
    return "nothing"


def proxies() -> None:
    assert "PySide6" not in sys.modules
    assert "numpy" not in sys.modules
    with nodeviz.connect() as window:
        window.phase.parameters["decay"] = 0.25
        assert window.phase.parameters["decay"] == 0.25
        assert list(window.phase.parameters) == ["decay", "omega"]
        assert len(window.phase.parameters) == 2
        assert "omega" in window.phase.parameters
        assert "numpy" not in sys.modules
        window.phase.n_steps = 21
        assert window.phase.wait(timeout=30.0) is True
        window.phase.add((1.0, 1.5))
        assert window.phase.wait(timeout=30.0)
        frame = window.phase.frame
        assert frame.paths.start.tolist() == [[2.0, 0.0], [1.0, 1.5]]
        assert frame.paths.t.dtype == "float64"
        assert window.phase.params.n_steps == 21
        assert "n_steps" in dir(window.phase)
        assert "phase" in dir(window)
        assert "n_steps = 21" in repr(window.phase)
        assert window.run("x = 6\nprint('printed')\nx * 7") == 42
        assert window.run("x = 7") is None
        window.y = (1, None, "text", {"a": float("inf")}, b"1")
        assert window.run("y == (1, None, 'text', {'a': float('inf')}, b'1')") is True


def arrays() -> None:
    import numpy as np

    with nodeviz.connect() as window:
        for sent in (np.arange(6.0).reshape(2, 3), np.array([np.nan, -np.inf, 1e-300]), np.array(["a", "ü"])):
            window.a = sent
            came = window.a
            np.testing.assert_array_equal(came, sent)
            assert came.dtype == sent.dtype
        assert window.np.float32(0.5) == 0.5
        assert window.run("np.array([object()], dtype=object)")[0].startswith("<object object")
        kept = window.np.random.default_rng(3)
        assert kept.integers(1, 2, 4).tolist() == [1, 1, 1, 1]
        say(raised(lambda: setattr(window, "a", object())))
        say(raised(lambda: setattr(window, "a", np.zeros(1_000_001))))


def errors() -> None:
    with nodeviz.connect() as window:
        say(raised(lambda: setattr(window.phase, "n_steps", -1)))
        say(raised(lambda: window.phase.parameters["nope"]))
        say(raised(lambda: window.phase.nope))
        say(raised(lambda: window.nope))
        say(raised(lambda: window.run("1 / 0")))
        say(raised(lambda: window.run("x = (")))
        say(raised(lambda: window.run("class Own(Exception): pass\nraise Own('said')")))
        say(raised(lambda: window.run("input('?')")))
        say(raised(lambda: window.phase.no_verb(1)))


def quits() -> None:
    window = nodeviz.connect()
    window.commands.attach()
    deadline = time.monotonic() + 30
    while Path(os.environ["CONNECTION"]).exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    say(raised(lambda: window.phase.n_steps))
    say(raised(nodeviz.connect))
    window.close()


def dies() -> None:
    nodeviz.connect()
    client = jupyter()
    client.execute("begun = True\nfor i in range(40):\n    print('x' * 1000)\n    time.sleep(0.01)\nran = True")
    time.sleep(0.3)
    os._exit(0)


def loops() -> None:
    """Begin a loop without end; the interrupt comes from a second client."""
    with nodeviz.connect() as window:
        say(raised(lambda: window.run("begun = True\nwhile True: pass")))


def interrupted() -> None:
    with nodeviz.connect() as window:
        try:
            window.run("begun = True\nwhile True: pass")
        except BaseException as error:  # noqa: BLE001 - KeyboardInterrupt among them
            say(type(error).__name__)


def jupyter() -> Any:
    from jupyter_client.blocking.client import BlockingKernelClient

    client = BlockingKernelClient()
    client.load_connection_info(json.loads(Path(os.environ["CONNECTION"]).read_text()))
    client.start_channels()
    return client


def interrupts() -> None:
    client = jupyter()
    client.control_channel.send(client.session.msg("interrupt_request", {}))
    say(client.get_control_msg(timeout=30)["content"]["status"])
    client.stop_channels()


def standard() -> None:
    """What every Jupyter client does."""
    client = jupyter()
    client.wait_for_ready(timeout=30)
    outputs: list[Any] = []

    def content(name: str, *values: Any, **options: Any) -> Any:
        return getattr(client, name)(*values, **options, reply=True, timeout=30)["content"]

    assert content("kernel_info")["implementation"] == "nodeviz"
    run = client.execute_interactive(
        "a = 5\nprint('out')\nimport sys; print('err', file=sys.stderr)\ndisplay(3)\na + 1",
        timeout=30,
        output_hook=outputs.append,
        user_expressions={"twice": "2 * a", "bad": "nope"},
    )["content"]
    kinds = [it["msg_type"] for it in outputs]
    assert kinds[:2] == ["status", "execute_input"], kinds
    assert {"stream", "display_data", "execute_result"} <= set(kinds), kinds
    assert kinds[-1] == "status"
    text = {it["content"]["name"]: it["content"]["text"] for it in outputs if it["msg_type"] == "stream"}
    assert text == {"stdout": "out\n", "stderr": "err\n"}, text
    assert run["user_expressions"]["twice"]["data"]["text/plain"] == "10"
    assert run["user_expressions"]["bad"]["ename"] == "NameError"
    assert "phase.n_steps" in {f"phase{it}" for it in content("complete", "phase.n_s", 9)["matches"]}
    assert "Steps" in content("inspect", "phase.n_steps", 10)["data"]["text/plain"]
    assert content("history", n=1)["history"][0][2].startswith("a = 5")
    client.is_complete("for i in x:")
    assert client.get_shell_msg(timeout=30)["content"] == {"status": "incomplete", "indent": "    "}
    refused = content("shutdown")
    assert refused["status"] == "error"
    say(refused["evalue"])
    client.execute("import time; time.sleep(0.5); 1 / 0")
    client.execute("a = 6")
    replies = [client.get_shell_msg(timeout=30)["content"] for _ in range(2)]
    assert [it["status"] for it in replies] == ["error", "aborted"], replies
    assert replies[0]["ename"] == "ZeroDivisionError"
    client.shell_channel.send(client.session.msg("unknown_request", {}))
    assert client.get_shell_msg(timeout=30)["content"]["ename"] == "NotImplementedError"
    client.shell_channel.send(client.session.msg("execute_request", {"code": 3}))
    assert client.get_shell_msg(timeout=30)["content"]["evalue"] == "execute_request: code is no text"
    assert client.is_alive()
    client.stop_channels()


def malformed() -> None:
    """Send what no client sends, then find the window as it was."""
    import zmq

    saved = json.loads(Path(os.environ["CONNECTION"]).read_text())
    context = zmq.Context()
    noise = [b"", b"\xff" * 50, b"<IDS|MSG>"]
    client = jupyter()
    signed = client.session.serialize(client.session.msg("execute_request", {"code": "evil = 1"}))
    wrong = [signed[0], b"0" * 64, *signed[2:]]
    cut = client.session.serialize(client.session.msg("execute_request", {}))[:3]
    listy = client.session.serialize(client.session.msg("execute_request", {}))
    listy[5] = b"[1, 2]"
    listy[1] = client.session.sign(listy[2:6])
    for name in ("shell", "control", "stdin", "hb"):
        socket = context.socket(zmq.DEALER)
        socket.linger = 1000
        socket.connect(f"ipc://{saved['ip']}-{saved[f'{name}_port']}")
        for frames in (
            [b""],
            noise,
            [b"<IDS|MSG>"],
            noise * 3,
            wrong,
            [*wrong[:1], b"", *wrong[2:]],
            cut,
            listy,
        ):
            socket.send_multipart(frames)
        if name == "shell":
            socket.send_multipart(signed)
            socket.send_multipart(signed)  # the same again: a replay
        socket.close()
    context.term()
    client.wait_for_ready(timeout=30)
    client.stop_channels()


def two() -> None:
    """Count together with another client of the same kind."""
    me = sys.argv[2]
    with nodeviz.connect() as window:
        for number in range(25):
            assert window.run(f"mine_{me} = {number}\nprint('{me}', {number})\nmine_{me}") == number
            assert getattr(window, f"mine_{me}") == number


if __name__ == "__main__":
    globals()[sys.argv[1]]()
