"""One turn of the hub, without I/O: a batch of arrivals in; what to commit, then what to do, out."""

from collections.abc import Sequence

import msgspec

from agent.inbox import Arrival
from agent.store.rows import Batch, Entry, Row
from agent.wire.messages import digest, encode_event
from rules.actions import Action, Chirp, Reject, Send, Settle
from rules.engine import next_deadline, step
from rules.events import Dropped
from rules.kinds import TEST
from rules.projection import Display, project
from rules.reports import TYPE_OF, AlarmRaised
from rules.state import House


class Turned(msgspec.Struct, frozen=True):
    """What a turn made: `batch` is committed as one transaction; the rest is carried out after it (S1)."""

    batch: Batch
    rows: tuple[Row, ...]
    actions: tuple[Action, ...]
    display: Display

    @property
    def early(self) -> tuple[Chirp, ...]:
        """The short sounds that need not wait for the commit (S1)."""
        return tuple(action for action in self.actions if isinstance(action, Chirp) and action.early)


class Hub:
    """Holds the house between turns."""

    def __init__(self, house: House) -> None:
        self.house = house

    @classmethod
    def restore(cls, saved: bytes | None) -> "Hub":
        """Take up the house as it was last committed. Raises msgspec.DecodeError for one that cannot be read."""
        return cls(House() if saved is None else msgspec.json.decode(saved, type=House))

    def next_deadline(self) -> int | None:
        """When the next turn is due, in boot-relative ms."""
        return next_deadline(self.house)

    def turn(self, arrivals: Sequence[Arrival]) -> Turned:
        """Step through a batch of arrivals, in order."""
        actions: list[Action] = []
        for arrival in arrivals:
            self.house, made = step(self.house, arrival.now, arrival.event)
            actions.extend(made)
        rows = tuple(self._row(action) for action in actions if isinstance(action, Send))
        batch = Batch(
            # Ticks too: what fell due before a crash must replay before the next start, in its own epoch.
            entries=tuple(Entry(arrival.now, msgspec.json.encode(arrival.event)) for arrival in arrivals),
            house=msgspec.json.encode(self.house),
            rows=rows,
            settled=tuple(action.ref for action in actions if isinstance(action, Settle)),
            rejected=tuple(action.ref for action in actions if isinstance(action, Reject)),
            dropped=tuple(arrival.event for arrival in arrivals if isinstance(arrival.event, Dropped)),
        )
        return Turned(batch, rows, tuple(actions), project(self.house))

    def _row(self, action: Send) -> Row:
        body = encode_event(self.house.config.hub, action)
        return Row(
            id=action.id,
            epoch=action.epoch,
            lane=action.lane,
            seq=action.seq,
            rank=rank_of(action),
            body=body,
            digest=digest(body),
        )


def rank_of(action: Send) -> int:
    """Give a row's place in the queue: 0 a raised alarm, 1 what follows it, 2 others of its lane, 3 telemetry (S5).

    An installer's test alarm goes with what follows: it never goes before a real one.
    """
    kind = TYPE_OF[type(action.report)]
    if isinstance(action.report, AlarmRaised) and action.report.kind != TEST.name:
        return 0
    if kind.startswith("alarm."):
        return 1
    return 2 if action.lane == "a" else 3
