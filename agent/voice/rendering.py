"""Has what the hub says rendered whenever that changes, in a process of its own."""

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import msgspec

from agent.apart import ask
from agent.plan.private import Private
from agent.plan.spoken import spoken
from agent.voice.cache import Cache
from agent.voice.index import Clip, Job, Outcome, Wanted
from rules.events import PartChanged
from rules.state import House

log = logging.getLogger(__name__)

PART = "voice"
TIMEOUT_S = 600.0
"""S12. All phrases in four languages take 5 s of a small computer's time, a minute of a very small one's."""

RETRY_S = 1_800.0
"""How long until what failed is tried again: a disk may have room by then, espeak-ng be installed."""

READY_S = 30.0
"""How long something that is not urgent waits to be rendered before it is said without words."""

Render = Callable[[Job], Awaitable[Outcome]]


async def render(job: Job, *, timeout_s: float = TIMEOUT_S) -> Outcome:
    """Have a job rendered. Never raises; ended when it takes too long, and with the hub."""
    try:
        answer, code = await ask("agent.voice.render", question=msgspec.json.encode(job), timeout_s=timeout_s)
    except TimeoutError:
        return Outcome(ok=False, reason=f"what is said was not rendered within {timeout_s:g} s")
    except OSError as error:
        return Outcome(ok=False, reason=f"what is said could not be rendered: {error.strerror}")
    try:
        return msgspec.json.decode(answer, type=Outcome)
    except msgspec.DecodeError:
        return Outcome(ok=False, reason=f"rendering what is said ended with code {code}")


def job_of(
    folder: Path, house: House, private: Callable[[int], Private | None], message: Callable[[str], Wanted | None]
) -> Job:
    """Give what a house has to say: the plan's texts and those of alarms that began with another, and messages.

    `private` gives what a plan keeps from the rules, by its version; `message` the text of a message, by its id.
    """
    plan, languages = house.plan, spoken(house.plan)
    texts = [
        Wanted(language=languages.get(reference, plan.language), words=words)
        for version in dict.fromkeys((plan.version, *(alarm.plan_version for alarm in house.alarms)))
        if (kept := private(version)) is not None
        for reference, words in kept.texts.items()
    ]
    kept_messages = (message(each.id) for each in house.messages if each.sealed)
    people = (each.language for each in plan.people if each.language)
    return Job(
        folder=str(folder),
        languages=tuple(dict.fromkeys((plan.language, *people))),
        texts=(*texts, *(each for each in kept_messages if each is not None)),
        rate=plan.voice.rate,
    )


class Rendering:
    """Keeps `cache` at what `job` asks for. `tell` is told when not everything can be spoken, and when it can."""

    def __init__(
        self,
        cache: Cache,
        job: Callable[[], Job],
        tell: Callable[[PartChanged], Any],
        *,
        render: Render = render,
        carry: Callable[..., Awaitable[Any]] = asyncio.to_thread,
        retry_s: float = RETRY_S,
    ) -> None:
        self.cache = cache
        self._job = job
        self._tell = tell
        self._render = render
        self._carry = carry
        self._retry_s = retry_s
        self._changed = asyncio.Event()
        self._idle = asyncio.Event()
        self._seen: tuple[object, ...] = ()
        self._told = Outcome(ok=True)

    def look(self, house: House) -> None:
        """Notice that what is to be said may have changed. Cheap: called at every turn."""
        versions = (house.plan.version, *(alarm.plan_version for alarm in house.alarms))
        seen = (frozenset(versions), *(message.id for message in house.messages))
        if seen != self._seen:
            self._seen = seen
            self._idle.clear()
            self._changed.set()

    async def ready(self, key: str, language: str, *, within_s: float = READY_S) -> tuple[Clip, ...]:
        """Give what is played for something that is not urgent; while it is being rendered, wait."""
        if not self.cache.sequence(key, language):
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._idle.wait(), within_s)
        return self.cache.sequence(key, language)

    async def run(self) -> None:
        """Render what is to be said, now and whenever that changes, one job at a time."""
        await self._carry(self.cache.load)
        done: Job | None = None
        while True:
            self._changed.clear()
            job = self._job()
            if job != done:
                outcome = await self._render(job)
                await self._carry(self.cache.load)
                self._note(outcome)
                done = job if outcome.ok else None
            if not self._changed.is_set():
                self._idle.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._changed.wait(), None if done is not None else self._retry_s)

    def _note(self, outcome: Outcome) -> None:
        if outcome == self._told:
            return
        for each in (*outcome.notes, *((outcome.reason,) if outcome.reason else ())):
            log.warning("voice: %s", each)
        if (outcome.ok, outcome.reason) != (self._told.ok, self._told.reason):
            self._tell(PartChanged(PART, ok=outcome.ok, reason=outcome.reason))
        self._told = outcome
