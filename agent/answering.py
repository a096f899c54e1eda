"""What the hub says and does when asked on its local socket: how it is, its reminders, and an installer's verbs."""

import asyncio
import contextlib
import json
from collections.abc import Callable, Mapping
from functools import partial
from typing import get_args

import msgspec

from agent.ask import Answer
from agent.clock import Clock
from agent.describing import describe
from agent.documents import Documents
from agent.inbox import Inbox
from agent.reminders import Reminders
from agent.roundtrips import Roundtrips
from agent.sensing import Sensing
from agent.store.writer import Writer
from rules.events import InstallerAsked, Verb
from rules.state import House

VERBS_MAX, VERB_EVERY_MS = 60, 1_000
"""S12: so many verbs at once, and then one a second: what they report is never dropped, and each is journalled."""

TAKEN_S = 1.0
"""How long whoever asks waits for the commit of what they asked: a bad disk does not hold them up (S1)."""


class Answering:
    """Makes the answers. `house` gives the house as it is, `counters` what the agent has counted."""

    def __init__(
        self,
        house: Callable[[], House],
        clock: Clock,
        inbox: Inbox,
        writer: Writer,
        sensing: Sensing,
        documents: Documents,
        counters: Callable[[], dict[str, int]],
        roundtrips: Roundtrips,
    ) -> None:
        self._house, self._clock, self._inbox = house, clock, inbox
        self._sensing, self._documents, self._counters = sensing, documents, counters
        self._roundtrips = roundtrips
        self._started_ms = clock.now().ms
        self._free_ms = self._started_ms - VERBS_MAX * VERB_EVERY_MS
        reminders = Reminders(house, writer, clock)
        self.answers: Mapping[str, Answer] = {"status": self.status, "reminders": reminders.answer}
        self.verbs: Mapping[str, Answer] = {verb: partial(self._do, verb) for verb in get_args(Verb)}

    def status(self) -> bytes:
        """Say how the hub is."""
        return msgspec.json.encode(
            describe(
                self._house(),
                self._clock.now(),
                started_ms=self._started_ms,
                outbox={str(lane): count for lane, count in self._documents.outbox.waiting.items()},
                drivers=self._sensing.listening.status,
                strangers=self._sensing.roster.strangers,
                counters=self._counters(),
                vitals=self._sensing.roster.vitals,
                roundtrips=self._roundtrips.known,
            )
        )

    async def _do(self, verb: Verb) -> bytes:
        """Put what an installer asks before the rules, and wait until it is journalled."""
        now_ms = self._clock.now().ms
        free_ms = max(self._free_ms, now_ms - VERBS_MAX * VERB_EVERY_MS) + VERB_EVERY_MS
        if free_ms > now_ms:
            return b'{"error": "too much is asked at once: try again in a second"}'
        self._free_ms = free_ms
        taken = asyncio.Event()
        if not self._inbox.put(InstallerAsked(verb), taken.set):
            return b'{"error": "the hub is too busy to take it: try again"}'
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(TAKEN_S):
                await taken.wait()
        return json.dumps({"did": verb}).encode()
