"""What the centre says, judged before it may change anything: signed, for this hub, fresh, and of the contract (S8)."""

from collections import Counter, deque
from collections.abc import Set as AbstractSet
from typing import NamedTuple, TypeVar

from agent.wire.envelope import EnvelopeError, Verifier
from agent.wire.messages import Command, Receipt, UnreadableError, read
from rules.values import Now

FRESH_S = 300
"""With a trusted clock, how far a message's `iat` may lie from ours: clocks and queues differ, replays are older."""

KEPT = 32
"""How many refused messages are kept for inspection (S12)."""

KEPT_BYTES = 2_048
"""How much of each is kept."""

M = TypeVar("M", Receipt, Command)


class RefusedError(Exception):
    """A message from outside is not to be believed, or not to be understood; the text says why."""


class Refusal(NamedTuple):
    """A refused message, kept for inspection."""

    channel: str
    reason: str
    payload: bytes


class Inward:
    """The gate. Counts what it refuses by reason, and keeps the last few."""

    def __init__(self, hub: str, verifier: Verifier) -> None:
        self._hub = hub
        self._verifier = verifier
        self.refused: Counter[str] = Counter()
        self.kept: deque[Refusal] = deque(maxlen=KEPT)

    def receipt(self, payload: bytes, now: Now, nonces: AbstractSet[str], *, retained: bool) -> Receipt | None:
        """Give a receipt that may be believed, or count the refusal and give None.

        `nonces` are those of the hub's living connections: the centre names the one it heard of last, and what names
        any of them was made while it lived, whichever brings it.
        """
        return self._judged("receipt", Receipt, payload, now, nonces, retained=retained)

    def command(self, payload: bytes, now: Now, nonces: AbstractSet[str], *, retained: bool) -> Command | None:
        """Give a command that may be carried out, or count the refusal and give None. `nonces` as for a receipt."""
        return self._judged("command", Command, payload, now, nonces, retained=retained)

    def refuse(self, channel: str, reason: str, payload: bytes) -> None:
        """Count and keep a message that cannot be taken."""
        self.refused[f"{channel}: {reason}"] += 1
        self.kept.append(Refusal(channel, reason, payload[:KEPT_BYTES]))

    def _judged(
        self, channel: str, kind: type[M], payload: bytes, now: Now, nonces: AbstractSet[str], *, retained: bool
    ) -> M | None:
        try:
            return self._judge(kind, payload, now, nonces, retained=retained)
        except UnreadableError:
            self.refuse(channel, "not of the contract", payload)
        except (EnvelopeError, RefusedError) as error:
            self.refuse(channel, str(error), payload)
        return None

    def _judge(self, kind: type[M], payload: bytes, now: Now, nonces: AbstractSet[str], *, retained: bool) -> M:
        """S8: never retained, signed by the centre, addressed to this hub, fresh, not expired."""
        if retained:
            raise RefusedError("retained")
        message = read(self._verifier.open(payload), kind)
        if message.aud != self._hub:
            raise RefusedError("for another hub")
        timely = now.synced and abs(message.iat * 1000 - now.wall_ms) <= FRESH_S * 1000
        if message.nonce not in nonces and not timely:
            raise RefusedError("not fresh")
        if isinstance(message, Command) and now.synced and message.expires * 1000 < now.wall_ms:
            raise RefusedError("expired")
        return message
