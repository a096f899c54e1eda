"""What the centre sends: receipts and commands, signed; and commands repeated until the hub has answered. No I/O."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from agent.wire.envelope import CENTRE_ALGORITHM, Key, Signer
from agent.wire.messages import Command, Receipt
from agent.wire.sealing import seal_message, seal_plan
from rules.commands import MESSAGE_HOURS, SayMessage
from rules.values import Now, Value

REPEAT_MS = (5_000, 10_000, 20_000, 30_000)
"""Pauses before a command is sent again on one connection; the last holds from there on."""

LIFETIME_S = 600
"""How long a command is worth carrying out, if not said otherwise."""

PENDING_PER_HUB_MAX = 64
"""Commands of one hub without an answer (S12)."""


class TooManyCommandsError(Exception):
    """A hub has not answered so many commands that no further one is taken."""


class Issuer:
    """Signs the centre's messages with its current key. A hub may hold two of the centre's keys as valid."""

    def __init__(self, key: Key) -> None:
        """Take the centre's private Ed25519 key. Raises KeyFileError."""
        self._signer = Signer(key, CENTRE_ALGORITHM)

    def seal(self, message: Receipt | Command) -> bytes:
        """Give the envelope to publish."""
        return self._signer.seal(msgspec.json.encode(message))

    def seal_plan(self, document: Mapping[str, Any], hub: str, now: Now, key: Key | None) -> bytes:
        """Give a care plan's envelope, to publish retained on the hub's plan topic.

        `key` is the hub's public key for plans, to which numbers and texts are encrypted (S11). Raises ValueError.
        """
        return seal_plan(document, hub, now.wall_ms // 1000, self._signer, key)


def message(text: str, language: str, key: Key, *, person: str = "", hours: int = MESSAGE_HOURS) -> SayMessage:
    """Give the data of a `say` command: a message for a hub, encrypted to its public `key` for plans (S11).

    `language` as BCP 47 writes it, `person` is whom it is for (a reference). Raises ValueError.
    """
    return SayMessage(sealed=seal_message(text, language, key), person=person, hours=hours)


class Pending(Value, frozen=True, kw_only=True):
    """A command without an answer yet. `expires` is Unix seconds; `due_ms` is on the centre's steady clock."""

    hub: str
    id: str
    type: str
    data: bytes
    expires: int
    nonce: str = ""
    sent: int = 0
    due_ms: int = 0


class Commands:
    """The commands under way. Only a `command.done` or `command.refused` ends one, or its time."""

    def __init__(self, new_id: Callable[[], str]) -> None:
        """Take a source of ids that never come twice."""
        self._new_id = new_id
        self._pending: dict[str, Pending] = {}

    def __len__(self) -> int:
        return len(self._pending)

    def give(self, hub: str, kind: str, data: object, now: Now, *, lifetime_s: int = LIFETIME_S) -> str:
        """Begin a command; give its id. It goes when `due` is next asked. Raises TooManyCommandsError."""
        if sum(each.hub == hub for each in self._pending.values()) >= PENDING_PER_HUB_MAX:
            raise TooManyCommandsError(f"{hub} has not answered {PENDING_PER_HUB_MAX} commands: is it there?")
        command = Pending(
            hub=hub,
            id=self._new_id(),
            type=kind,
            data=msgspec.json.encode(data),
            expires=now.wall_ms // 1000 + lifetime_s,
        )
        self._pending[command.id] = command
        return command.id

    def hold(self, kept: Iterable[Pending]) -> None:
        """Have exactly these under way, as whoever keeps them says; one that was under way already goes on."""
        self._pending = {each.id: self._pending.get(each.id, each) for each in kept}

    def answered(self, hub: str, command: str) -> Pending | None:
        """Take the hub's `command.done` or `command.refused`; None for a command that is not (or no longer) pending."""
        pending = self._pending.get(command)
        return self._pending.pop(command) if pending is not None and pending.hub == hub else None

    def expired(self, now: Now) -> list[Pending]:
        """Give up commands whose time is over, and name them: staff must know that nobody answered."""
        over = [each for each in self._pending.values() if each.expires * 1000 <= now.wall_ms]
        for each in over:
            del self._pending[each.id]
        return over

    def due(self, now: Now, nonce_of: Callable[[str], str]) -> list[tuple[str, Command]]:
        """Give what to send now: (hub, command). `nonce_of` gives a hub's nonce while it is online, else an empty text.

        A new connection has a new nonce, and makes a command due at once: the hub believed no older one.
        """
        going: list[tuple[str, Command]] = []
        for each in list(self._pending.values()):
            nonce = nonce_of(each.hub)
            if not nonce or each.expires * 1000 <= now.wall_ms or (nonce == each.nonce and each.due_ms > now.ms):
                continue
            sent = each.sent + 1 if nonce == each.nonce else 1
            due_ms = now.ms + REPEAT_MS[min(sent, len(REPEAT_MS)) - 1]
            self._pending[each.id] = replace(each, nonce=nonce, sent=sent, due_ms=due_ms)
            going.append((each.hub, _command(each, nonce, now)))
        return going


def _command(pending: Pending, nonce: str, now: Now) -> Command:
    """Write a pending command for the hub's present connection: the same id, a fresh nonce."""
    return Command(
        aud=pending.hub,
        iat=now.wall_ms // 1000,
        id=pending.id,
        type=pending.type,
        expires=pending.expires,
        nonce=nonce,
        data=msgspec.Raw(pending.data),
    )
