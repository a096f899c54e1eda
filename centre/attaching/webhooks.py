"""Webhooks: what changes is told to platforms that asked for it, signed, and repeated until they have it."""

import asyncio
import logging
from datetime import UTC, datetime
from typing import NoReturn

from standardwebhooks import Webhook as Signer

from agent.clock import Clock
from centre.attaching.hooks import PAGE, Delivery, HookBook, Webhook
from centre.attaching.posting import Answer, post
from centre.intake import LedgerDownError
from centre.store.database import Database
from centre.store.sealing import Keyring, SealError

LOOK_S = 1.0
"""How often the audit is looked at for what is new."""

AT_ONCE = 20
"""Messages to one receiver in a round, one after the other; receivers are told at the same time."""

TIDY_EVERY_MS = 3_600_000

log = logging.getLogger(__name__)


async def deliver(database: Database, keyring: Keyring, clock: Clock, *, allow_private: bool = False) -> NoReturn:
    """Tell what changes, until cancelled. Only the leader need run it: `deliver(database, keyring, clock)`.

    It outlives a store that is down. `allow_private` lets webhooks go to machines of one's own network, and
    unencrypted. A message may arrive twice, as when this is killed after an answer and
    before its commit; its id is then the same.
    """
    await Delivering(HookBook(database, keyring), clock, allow_private=allow_private).run()


class Delivering:
    """Makes messages of what changes, and sends what is due: to each receiver one after the other, to all at once."""

    def __init__(self, book: HookBook, clock: Clock, *, allow_private: bool = False) -> None:
        self._book, self._clock, self._allow_private = book, clock, allow_private
        self._tidied_ms: int | None = None
        self._busy: dict[str, asyncio.Task[None]] = {}

    async def run(self) -> NoReturn:
        """Go on until cancelled."""
        async with asyncio.TaskGroup() as group:
            while True:
                try:
                    more = await self.look(group)
                except LedgerDownError as error:
                    log.warning("webhooks wait for the store: %s", error)
                    more = False
                if not more:
                    await asyncio.sleep(LOOK_S)
        raise AssertionError("unreachable")

    async def look(self, group: asyncio.TaskGroup) -> bool:
        """Read on, and begin to send what is due. True if there is more to read at once. Raises LedgerDownError."""
        now = self._clock.now()
        read = await asyncio.to_thread(self._book.read_on, now.wall_ms)
        self._busy = {hook: task for hook, task in self._busy.items() if not task.done()}
        for hook, several in await asyncio.to_thread(self._book.due, now.wall_ms, AT_ONCE):
            if hook.id not in self._busy:
                self._busy[hook.id] = group.create_task(self._send(hook, several))
        late = self._tidied_ms is None or now.ms - self._tidied_ms >= TIDY_EVERY_MS
        if late and await asyncio.to_thread(self._book.tidy, now.wall_ms) < PAGE:
            self._tidied_ms = now.ms
        return read == PAGE

    async def _send(self, hook: Webhook, several: list[Delivery]) -> None:
        """Send to one receiver, in order, until one is not received: it would not take the others now either."""
        for each in several:
            answer = await self._attempt(hook, each)
            try:
                await asyncio.to_thread(self._book.tried, each, answer, self._clock.now().wall_ms)
            except LedgerDownError as error:
                log.warning("what came of a webhook's message waits for the store: %s", error)
                return
            if answer.reason:
                return

    async def _attempt(self, hook: Webhook, delivery: Delivery) -> Answer:
        try:
            signer = Signer(await asyncio.to_thread(self._book.secret, hook.id))
        except SealError as error:
            return Answer(f"it cannot be signed: {error}")
        except LedgerDownError as error:
            return Answer(str(error))
        body = delivery.body.decode()
        at = datetime.fromtimestamp(self._clock.now().wall_ms // 1000, UTC)
        headers = {
            "content-type": "application/json",
            "user-agent": "Hearthline",
            "webhook-id": delivery.id,
            "webhook-timestamp": str(int(at.timestamp())),
            "webhook-signature": signer.sign(delivery.id, at, body),
        }
        return await post(hook.url, body.encode(), headers, allow_private=self._allow_private)
