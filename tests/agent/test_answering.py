"""What an installer asks over the local socket reaches the rules through the one inbox, and only there."""

import asyncio
from collections.abc import Callable
from typing import Any, get_args

import pytest

from agent import answering
from agent.answering import VERBS_MAX, Answering
from agent.clock import SystemClock
from agent.inbox import PLACES, Inbox
from agent.roundtrips import Roundtrips
from rules.events import InstallerAsked, LinkUp, Verb
from rules.values import Now


def make(inbox: Inbox, clock: Any = None) -> Answering:
    unused: Any = None
    return Answering(unused, clock or SystemClock(), inbox, unused, unused, unused, dict, Roundtrips())


@pytest.mark.parametrize("verb", get_args(Verb))
async def test_every_verb_is_an_event_and_is_answered_once_it_is_journalled(verb: Verb) -> None:
    inbox = Inbox(SystemClock())
    work: Callable[[], Any] = make(inbox).verbs[verb]
    asking = asyncio.ensure_future(work())
    await inbox.wait(5)
    (arrival,) = inbox.take(10)
    assert arrival.event == InstallerAsked(verb)
    assert not asking.done()
    assert arrival.durable is not None
    arrival.durable()
    assert await asking == f'{{"did": "{verb}"}}'.encode()


async def test_s1_a_disk_that_takes_nothing_does_not_hold_the_installer_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(answering, "TAKEN_S", 0.05)
    work: Callable[[], Any] = make(Inbox(SystemClock())).verbs["engineer"]
    assert await work() == b'{"did": "engineer"}'


async def test_s12_a_hub_that_is_too_busy_says_so() -> None:
    inbox = Inbox(SystemClock())
    for _ in range(PLACES):
        assert inbox.put(LinkUp("main"))
    work: Callable[[], Any] = make(inbox).verbs["test-alarm"]
    assert b"too busy" in await work()


async def test_s12_whoever_asks_without_end_is_taken_once_a_second(monkeypatch: pytest.MonkeyPatch) -> None:
    class Clock:
        ms = 0

        def now(self) -> Now:
            return Now(self.ms, self.ms, synced=True)

    monkeypatch.setattr(answering, "TAKEN_S", 0)
    inbox, clock = Inbox(SystemClock()), Clock()
    work: Callable[[], Any] = make(inbox, clock).verbs["test-alarm"]
    assert all([b"did" in await work() for _ in range(VERBS_MAX)])
    assert b"try again" in await work()
    clock.ms = 999
    assert b"try again" in await work()
    clock.ms = 1_000
    assert [b"did" in await work() for _ in range(2)] == [True, False]
    assert len(inbox.take(1_000)) == VERBS_MAX + 1
    clock.ms = 10**9  # a quiet week saves up no more than at first
    assert sum([b"did" in await work() for _ in range(2 * VERBS_MAX)]) == VERBS_MAX
