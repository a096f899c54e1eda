"""What the centre knows of a hub's connection: the newest nonce, whether it is there, when it was heard. Pure."""

from typing import Literal

import msgspec
from msgspec.structs import replace

from agent.wire.messages import State, Status
from rules.values import Now

PAST_NONCES = 32
"""How many superseded nonces are remembered, so that an old status cannot come back as a new one."""


class Home(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A hub, as its own signed words left it. `heard_ms` is Unix time by the centre's clock; None for never."""

    hub: str
    online: bool = False
    nonce: str = ""
    past: tuple[str, ...] = ()
    boot: str = ""
    epoch: str = ""
    reason: str = ""
    heard_ms: int | None = None
    check_in: int = 0
    oldest: dict[str, str | None] = {}
    state_boot: str = ""
    state_ms: int = -1


Stale = Literal["stale"]


def on_status(home: Home, status: Status, now: Now, *, retained: bool) -> Home | Stale:
    """Take a status. One that cannot be the hub's newest word is stale.

    A connection's nonce is new. So an `online` counts with a nonce never seen, or again with the newest while that
    has not ended; a will counts only with the newest. A retained will with an unknown nonce is of a connection that
    came and went while the centre was away: the broker keeps only the last word.
    """
    if status.nonce in home.past:
        return "stale"
    if status.nonce == home.nonce:
        if status.online and not home.online:
            return "stale"  # this connection has ended already
    elif not status.online and home.nonce and not retained:
        return "stale"
    past = home.past if status.nonce == home.nonce or not home.nonce else (*home.past, home.nonce)[-PAST_NONCES:]
    return replace(
        home,
        online=status.online,
        nonce=status.nonce,
        past=past,
        boot=status.boot,
        epoch=status.epoch,
        reason=status.reason,
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
