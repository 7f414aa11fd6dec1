"""Mailbox and worker: what crosses between the threads, and how runs begin, end and fail."""

from __future__ import annotations

import dataclasses
import math
import threading
import time
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING

import numpy as np
import pytest

from nodeviz.app.mailbox import Ending, Mailbox
from nodeviz.app.worker import Worker
from nodeviz.experiments.base import Experiment, Frame, Inbox, Reply, Steps, Update
from nodeviz.experiments.params import ParamError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


@dataclass(frozen=True, kw_only=True)
class Number(Frame):
    """A frame that is a number."""

    value: int


@dataclass(frozen=True)
class Params:
    """Parameters of the experiments below."""

    n: int = 5
    lr: float = 1.0


def experiment(steps: Callable[[Params, np.random.Generator, Inbox[Params]], Steps]) -> Experiment[Params]:
    return Experiment(
        name="test",
        title="Test",
        sentence="",
        steps=steps,
        params=Params,
        metrics=MappingProxyType({}),
        first_preset="",
    )


def count(params: Params, rng: np.random.Generator, inbox: Inbox[Params]) -> Steps:
    for value in range(params.n):
        yield Update(Number(value=value), scalars={"loss": float(value), "lr": inbox.live.lr})
    return {"last": params.n, "draw": float(rng.random())}


def endless(params: Params, rng: np.random.Generator, inbox: Inbox[Params]) -> Steps:
    del params, rng
    value = 0
    while True:
        value += 1
        replies = tuple(Reply(request.number, request.payload) for request in inbox.requests())
        yield Update(Number(value=value), {"lr": inbox.live.lr, "value": value}, replies)
        time.sleep(1e-4)


def failing(params: Params, rng: np.random.Generator, inbox: Inbox[Params]) -> Steps:
    del params, rng, inbox
    yield Update(Number(value=1))
    raise ZeroDivisionError("nothing to divide by")


@pytest.fixture
def worker() -> Iterator[Worker]:
    thread = Worker()
    thread.start()
    yield thread
    assert thread.close(5.0) == ""


def collect(mailbox: Mailbox, until: Callable[[list], bool], seconds: float = 30.0) -> list:
    """Return deliveries until the condition holds."""
    deliveries: list = []
    deadline = time.monotonic() + seconds
    while not until(deliveries):
        assert time.monotonic() < deadline, "the worker did not deliver"
        delivery = mailbox.take()
        if delivery is not None:
            deliveries.append(delivery)
        time.sleep(0.001)
    return deliveries


def ended(deliveries: list) -> bool:
    return any(delivery.ending for delivery in deliveries)


def test_mailbox_keeps_the_newest_picture_and_all_numbers() -> None:
    mailbox = Mailbox()
    generation = 1
    mailbox.begin(generation)
    for value in range(4):
        mailbox.put(generation, Update(Number(value=value), scalars={"loss": value}))
    mailbox.put(generation, None)
    delivery = mailbox.take()
    assert delivery.frame.value == 3
    assert delivery.dropped == 3
    assert delivery.steps == 5
    assert [scalars["loss"] for scalars in delivery.scalars] == [0, 1, 2, 3]
    assert mailbox.take() is None


def test_mailbox_discards_what_an_older_generation_delivers() -> None:
    mailbox = Mailbox()
    old, new = 1, 2
    mailbox.begin(old)
    mailbox.put(old, Update(Number(value=1), scalars={"loss": 1.0}))
    mailbox.begin(new)
    mailbox.put(old, Update(Number(value=2), scalars={"loss": 2.0}))
    mailbox.close(old, Ending(metrics={}))
    delivery = mailbox.take()
    assert delivery.frame.value == 1  # better than no picture while the next run has none
    assert (delivery.scalars, delivery.ending) == ([], None)
    assert mailbox.take() is None
    mailbox.put(new, Update(Number(value=3)))
    assert mailbox.take().frame.value == 3


def test_a_run_delivers_every_number_and_its_metrics(worker: Worker) -> None:
    mailbox = Mailbox()
    worker.start_run("test", experiment(count), Params(n=200), 7, mailbox, None)
    deliveries = collect(mailbox, ended)
    losses = [scalars["loss"] for delivery in deliveries for scalars in delivery.scalars]
    assert losses == list(range(200))
    assert sum(delivery.dropped + (delivery.frame is not None) for delivery in deliveries) == 200
    metrics = deliveries[-1].ending.metrics
    assert metrics == {"last": 200, "draw": float(np.random.default_rng(7).random())}


def test_an_exception_ends_that_run_only(worker: Worker) -> None:
    bad, good = Mailbox(), Mailbox()
    worker.start_run("bad", experiment(failing), Params(), 0, bad, None)
    worker.start_run("good", experiment(endless), Params(), 0, good, None)
    ending = collect(bad, ended)[-1].ending
    assert ending.sentence == "ZeroDivisionError: nothing to divide by"
    assert "Traceback" in ending.details
    collect(good, lambda deliveries: sum(delivery.steps for delivery in deliveries) > 20)


def test_what_a_run_refuses_is_said_in_its_own_sentence(worker: Worker) -> None:
    def refusing(params: Params, rng: np.random.Generator, inbox: Inbox[Params]) -> Steps:
        del params, rng, inbox
        yield Update(Number(value=0))
        raise ParamError("csv: no column of numbers; give two")

    mailbox = Mailbox()
    worker.start_run("test", experiment(refusing), Params(), 0, mailbox, None)
    ending = collect(mailbox, ended)[-1].ending
    assert (ending.sentence, ending.details) == ("csv: no column of numbers; give two", "")


def test_live_parameters_and_requests_reach_the_run(worker: Worker) -> None:
    mailbox = Mailbox()
    worker.start_run("test", experiment(endless), Params(), 0, mailbox, None)
    collect(mailbox, lambda deliveries: len(deliveries) > 0)
    worker.set_live("test", Params(lr=0.25))
    number = worker.ask("test", "density", "answer")
    deliveries = collect(mailbox, lambda found: any(delivery.replies for delivery in found))
    assert deliveries[-1].replies == [Reply(number, "answer")]
    assert deliveries[-1].scalars[-1]["lr"] == 0.25


def test_hidden_and_halted_runs_rest(worker: Worker) -> None:
    mailbox = Mailbox()
    worker.set_visible("test", visible=False)
    worker.start_run("test", experiment(endless), Params(), 0, mailbox, None)
    time.sleep(0.05)
    assert mailbox.take() is None
    worker.allow("test", 3)
    worker.set_visible("test", visible=True)
    deliveries = collect(mailbox, lambda found: sum(delivery.steps for delivery in found) >= 3)
    time.sleep(0.05)
    assert mailbox.take() is None
    assert sum(delivery.steps for delivery in deliveries) == 3
    worker.allow("test", math.inf)
    collect(mailbox, lambda found: len(found) > 0)


def training(params: Params, rng: np.random.Generator, inbox: Inbox[Params]) -> Steps:
    """Train n steps, then rest until there is something to answer or a quota."""
    del rng
    inbox.quota = min(inbox.quota, params.n)
    while True:
        replies = tuple(Reply(request.number, inbox.step) for request in inbox.requests())
        if inbox.quota > 0:
            inbox.quota -= 1
            inbox.step += 1
            yield Update(Number(value=inbox.step), {"step": inbox.step}, replies)
        else:
            yield Update(None, {}, replies, metrics={"steps": inbox.step}, resting=True)


def test_a_run_that_trains_rests_answers_and_trains_on(worker: Worker) -> None:
    mailbox = Mailbox()
    record = dataclasses.replace(experiment(training), trains=True)
    worker.start_run("test", record, Params(n=5), 0, mailbox, None)
    deliveries = collect(mailbox, lambda found: any(delivery.resting for delivery in found))
    assert sum(len(delivery.scalars) for delivery in deliveries) == 5
    assert deliveries[-1].metrics == {"steps": 5}
    time.sleep(0.05)
    assert mailbox.take() is None  # it rests: nobody steps it
    number = worker.ask("test", "where", None)
    asked = collect(mailbox, lambda found: any(delivery.replies for delivery in found))
    assert [reply for delivery in asked for reply in delivery.replies] == [Reply(number, 5)]
    worker.allow("test", 2)
    more = collect(mailbox, lambda found: any(delivery.metrics == {"steps": 7} for delivery in found))
    assert [scalars["step"] for delivery in more for scalars in delivery.scalars] == [6, 7]
    order = worker.allow("test", math.inf)
    collect(mailbox, lambda found: any(delivery.scalars for delivery in found))
    order = worker.allow("test", 0)
    last = collect(mailbox, lambda found: any(d.resting and d.heard >= order for d in found))[-1]
    assert last.heard == order


def test_a_run_that_trains_can_be_halted_before_it_begins(worker: Worker) -> None:
    mailbox = Mailbox()
    worker.set_visible("test", visible=False)
    worker.start_run("test", dataclasses.replace(experiment(training), trains=True), Params(n=5), 0, mailbox, None)
    worker.allow("test", 0)
    worker.set_visible("test", visible=True)
    deliveries = collect(mailbox, lambda found: any(delivery.resting for delivery in found))
    assert [scalars for delivery in deliveries for scalars in delivery.scalars] == []


def test_a_run_is_replaced_at_its_next_step(worker: Worker) -> None:
    mailbox = Mailbox()
    first = worker.start_run("test", experiment(endless), Params(), 0, mailbox, None)
    collect(mailbox, lambda found: len(found) > 2)
    second = worker.start_run("test", experiment(count), Params(n=2), 0, mailbox, None)
    deliveries = [delivery for delivery in collect(mailbox, ended) if delivery.generation == second]
    assert second > first
    assert [scalars["loss"] for delivery in deliveries for scalars in delivery.scalars] == [0.0, 1.0]


def test_a_run_goes_on_to_its_first_picture_and_only_the_newest_order_follows(worker: Worker) -> None:
    begun = []

    def slow(params: Params, rng: np.random.Generator, inbox: Inbox[Params]) -> Steps:
        del rng, inbox
        begun.append(params.n)
        for _ in range(10):
            time.sleep(0.002)
            yield None
        yield Update(Number(value=params.n))
        while True:
            yield None

    mailbox, n_orders = Mailbox(), 0
    while n_orders < 30 or len(begun) < 4:
        worker.start_run("test", experiment(slow), Params(n=n_orders), 0, mailbox, None)
        n_orders += 1
        time.sleep(0.004)
    last = n_orders - 1
    deliveries = collect(mailbox, lambda found: any(one.frame and one.frame.value == last for one in found))
    pictures = [delivery.frame.value for delivery in deliveries if delivery.frame]
    assert begun[0] == 0
    assert begun[-1] == last
    assert len(begun) < n_orders
    assert pictures == sorted(pictures)


def test_a_run_that_hangs_is_named() -> None:
    begun, release = threading.Event(), threading.Event()

    def hanging(params: Params, rng: np.random.Generator, inbox: Inbox[Params]) -> Steps:
        del params, rng, inbox
        begun.set()
        release.wait(60)
        yield None
        return {}

    worker = Worker()
    worker.start()
    worker.start_run("stuck panel", experiment(hanging), Params(), 0, Mailbox(), None)
    try:
        assert begun.wait(20)
        assert worker.close(0.1) == "stuck panel"
    finally:
        release.set()
        assert worker.wait(5000)
