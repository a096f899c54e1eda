"""Proof that nothing is missing: which numbers of a hub's lanes the centre holds, and which it lacks. Pure."""

import re
from collections.abc import Iterable

import msgspec

from agent.wire.messages import CloudEvent
from agent.wire.topics import ROOT

_ID = re.compile(r"([A-Za-z0-9_]{1,64})-([a-z])-([1-9][0-9]{0,17})")
"""`{epoch}-{lane}-{seq}`. Eighteen digits at most: a number must fit the ledger."""

SEQ_MAX = 10**18 - 1
"""The largest number a lane can reach here."""


class Position(msgspec.Struct, frozen=True):
    """Where an event stands: the `seq`-th of its epoch's lane."""

    epoch: str
    lane: str
    seq: int


class Span(msgspec.Struct, frozen=True):
    """The numbers `first` to `last`, both included."""

    first: int
    last: int


class Lane(msgspec.Struct, frozen=True):
    """One lane of one epoch: what the hub said it gave out, and what is accounted for (held, or named as dropped)."""

    epoch: str
    lane: str
    claimed: int
    accounted: tuple[Span, ...]

    @property
    def head(self) -> int:
        """The highest number known to exist."""
        return max([self.claimed, *(span.last for span in self.accounted)])


class Missing(msgspec.Struct, frozen=True):
    """Numbers of a lane that exist and are not held. They may be on their way: a hub resends until receipted."""

    epoch: str
    lane: str
    first: int
    last: int


def position(hub: str, event: CloudEvent) -> Position | None:
    """Give an event's place; None when its id, source and sequence do not agree on one."""
    match = _ID.fullmatch(event.id)
    if match is None:
        return None
    epoch, lane, seq = match[1], match[2], int(match[3])
    agree = event.source == f"/{ROOT}/{hub}/{epoch}/{lane}" and event.sequence == f"{seq:020d}"
    return Position(epoch, lane, seq) if agree else None


def missing(lanes: Iterable[Lane]) -> list[Missing]:
    """Name the numbers that lie below a lane's head and are not accounted for."""
    lacking: list[Missing] = []
    for lane in lanes:
        following = 1
        for span in sorted(lane.accounted, key=lambda each: each.first):
            if span.first > following:
                lacking.append(Missing(lane.epoch, lane.lane, following, span.first - 1))
            following = max(following, span.last + 1)
        if lane.claimed >= following:
            lacking.append(Missing(lane.epoch, lane.lane, following, lane.claimed))
    return lacking
