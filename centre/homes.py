"""What the centre knows of a hub's connections: which live, the newest nonce, when it was heard. Pure."""

from typing import Literal

import msgspec
from msgspec.structs import replace

from agent.wire.messages import State, Status
from rules.values import Now

PAST_NONCES = 32
"""How many superseded nonces are remembered, so that an old status cannot come back as a new one."""


class Home(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A hub, as its own signed words left it. `heard_ms` is Unix time by the centre's clock; None for never.

    `lines` are the nonces of its living connections, the one heard of last at the end; `nonce` is that one, or the
    last there was. `said_ms` is when its newest online status was said, on the clock of `boot`.
    """

    hub: str
    lines: tuple[str, ...] = ()
    nonce: str = ""
    past: tuple[str, ...] = ()
    boot: str = ""
    epoch: str = ""
    said_ms: int = 0
    reason: str = ""
    heard_ms: int | None = None
    check_in: int = 0
    oldest: dict[str, str | None] = {}
    state_boot: str = ""
    state_ms: int = -1

    @property
    def online(self) -> bool:
        """Whether any connection of it lives."""
        return bool(self.lines)


Stale = Literal["stale"]


def on_status(home: Home, status: Status, now: Now, *, retained: bool) -> Home | Stale:
    """Take a status. One that cannot be the hub's newest word is stale.

    A connection's nonce is new, and one that has ended never comes back. An `online` names every connection that
    lives, so those it does not name have ended, their wills unspoken: a client that comes back takes its own will's
    place. A will, or a planned end, ends one; the hub is gone with the last.
    """
    if status.nonce in home.past:
        return "stale"
    ended: tuple[str, ...] = (status.nonce,)
    if status.online:
        if status.boot == home.boot and status.monotonic_ms < home.said_ms:
            return "stale"  # overtaken by a newer one, on another connection
        lines = tuple(each for each in dict.fromkeys((*status.also, status.nonce)) if each not in home.past)
        ended = tuple(each for each in home.lines if each not in lines)
    elif status.nonce in home.lines:
        lines = tuple(each for each in home.lines if each != status.nonce)
    elif home.nonce and not retained:
        return "stale"
    else:
        # S7: the broker keeps only the last word, of a connection that came and went while the centre was away. Of the
        # others nothing is known: taken for gone, until one of them speaks, at its next check-in.
        lines = ()
    return replace(
        home,
        lines=lines,
        nonce=lines[-1] if lines else status.nonce,
        past=(*home.past, *ended)[-PAST_NONCES:],
        boot=status.boot,
        epoch=status.epoch,
        said_ms=status.monotonic_ms if status.online else home.said_ms,
        reason="" if lines else status.reason,
        check_in=home.check_in if status.epoch == home.epoch else 0,
        heard_ms=now.wall_ms if status.online and not retained else home.heard_ms,
    )


def on_state(home: Home, state: State) -> Home | Stale:
    """Take a state document, unless a newer one of the same boot, or one of the present boot, was there already."""
    if home.boot and home.state_boot == home.boot != state.clock.boot:
        return "stale"
    if state.clock.boot == home.state_boot and state.clock.monotonic_ms < home.state_ms:
        return "stale"
    return replace(home, state_boot=state.clock.boot, state_ms=state.clock.monotonic_ms)


def on_check_in(home: Home, epoch: str, seq: int, oldest: dict[str, str | None], now: Now) -> Home | Stale:
    """Take a check-in. An old one played again is no sign of life."""
    if (home.epoch and epoch != home.epoch) or seq <= home.check_in:
        return "stale"
    return replace(home, epoch=epoch, heard_ms=now.wall_ms, check_in=seq, oldest=oldest)
