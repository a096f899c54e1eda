"""What an uplink hears: receipts and commands, judged, matched with what was sent, and put before the rules."""

import asyncio
from collections import Counter, deque
from collections.abc import Callable
from functools import partial

from paho.mqtt.client import MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.clock import Clock
from agent.inbox import Inbox
from agent.messages.arrival import SAY, Put
from agent.store.writer import BUDGET_MS
from agent.uplink.inward import Inward
from agent.uplink.presence import Presence
from agent.uplink.session import Session
from agent.uplink.window import Window
from agent.wire.topics import topic
from rules.events import Commanded, Receipted

COMMANDS_JOURNALLED_MAX = 256
"""How many commands are remembered as journalled: as many as the rules remember as carried out."""


def subscriptions(hub: str) -> tuple[tuple[str, SubscribeOptions], ...]:
    """Give what an uplink listens to, and how."""
    # Retain-as-published, or a live retained command would look unretained; handling 2: none of the stored ones.
    live = SubscribeOptions(qos=1, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_DO_NOT_SEND)
    # The plan is retained, and wanted on every connection: it is fresh when its version is new.
    kept = SubscribeOptions(qos=1, retainAsPublished=True, retainHandling=SubscribeOptions.RETAIN_SEND_ON_SUBSCRIBE)
    return (topic(hub, "receipt"), live), (topic(hub, "command"), live), (topic(hub, "plan"), kept)


class Hearing:
    """The ears of the uplink `name`. `check_in` is id and digest of the check-in that waits for its receipt."""

    def __init__(
        self, name: str, hub: str, inward: Inward, inbox: Inbox, clock: Clock, presence: Presence, window: Window
    ) -> None:
        self._name, self._hub = name, hub
        self._inward, self._inbox, self._clock = inward, inbox, clock
        self._presence, self._window = presence, window
        self._commands_journalled: deque[str] = deque(maxlen=COMMANDS_JOURNALLED_MAX)
        self.check_in: tuple[str, str] | None = None
        self.counters: Counter[str] = Counter()
        self.on_plan: Callable[[bytes], None] | None = None
        self.on_message: Callable[[Commanded, Put], None] | None = None

    def heard(self, session: Session, message: MQTTMessage) -> None:
        """Take what the centre says. A receipt is acknowledged at once, a command when it is journalled (S8)."""
        payload = bytes(message.payload)
        if message.topic == topic(self._hub, "receipt"):
            self._receipt(session, payload, retained=message.retain)
            session.link.ack(message)
        elif message.topic == topic(self._hub, "command"):
            self._command(session, message, payload)
        elif message.topic == topic(self._hub, "plan"):
            if self.on_plan is not None:
                self.on_plan(payload)
            session.link.ack(message)  # the broker has it for us, whatever becomes of this one
        else:
            self._inward.refuse("other", "not a topic of ours", payload)
            session.link.ack(message)

    def poisoned(self, message: MQTTMessage, problem: Exception) -> None:
        """Put a message aside that nobody can handle."""
        self._inward.refuse("poison", type(problem).__name__, bytes(message.payload))

    def _receipt(self, session: Session, payload: bytes, *, retained: bool) -> None:
        receipt = self._inward.receipt(
            payload, self._clock.now(), self._presence.living(session.nonce), retained=retained
        )
        if receipt is None:
            return
        expected = self._window.digest(receipt.ref)
        if self.check_in is not None and receipt.ref == self.check_in[0]:
            expected = self.check_in[1]
        if expected is None:
            self.counters["receipts for nothing that waits"] += 1
        elif expected != receipt.digest and receipt.result != "conflict":
            self._inward.refuse("receipt", "for other content", payload)
        else:
            if self.check_in is not None and receipt.ref == self.check_in[0]:
                self.check_in = None  # S8: replayed later, it would prove a centre that may be gone by then
            retry_after_ms = int(receipt.retry_after * 1000)
            self._inbox.put(Receipted(receipt.ref, receipt.result, retry_after_ms, receipt.reason, self._name))

    def _command(self, session: Session, message: MQTTMessage, payload: bytes) -> None:
        command = self._inward.command(
            payload, self._clock.now(), self._presence.living(session.nonce), retained=message.retain
        )
        if command is None:
            session.link.ack(message)
            return
        if command.id in self._commands_journalled:
            self.counters["commands heard again"] += 1  # S12: nor is a replay written to the disk again and again
            session.link.ack(message)
            return
        event = Commanded(command.id, command.type, bytes(command.data).decode())
        acknowledge = partial(session.link.ack, message)
        # S1: receipts are acknowledged behind it, so not even this waits for a bad disk (decision 0012)
        asyncio.get_running_loop().call_later(BUDGET_MS / 1000, acknowledge)
        put = partial(self._put, acknowledge=acknowledge)
        if event.type == SAY and self.on_message is not None:
            self.on_message(event, put)  # S11: what it says is taken out of it first
        else:
            put(event)

    def _put(self, event: Commanded, acknowledge: Callable[[], None]) -> bool:
        put = self._inbox.put(event, partial(self._journalled, event.id, acknowledge))
        if not put:
            acknowledge()  # the centre repeats it until it is done
        return put

    def _journalled(self, command: str, acknowledge: Callable[[], None]) -> None:
        self._commands_journalled.append(command)
        acknowledge()
