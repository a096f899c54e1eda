"""Replay equals live: what the journal says, stepped again, gives the very house and rows that are on the disk."""

from collections.abc import Sequence

import msgspec

from agent.hub import Hub
from agent.inbox import Arrival
from agent.store.rows import Row
from rules.state import House
from simulators.world.promises.judge import Judge, Scene, Stepped


class Replayed(Judge):
    """A second hub that lives by the journal alone."""

    name = "replay equals live"

    def __init__(self, scene: Scene) -> None:
        super().__init__(scene)
        self.hub = Hub.restore(None)

    def committed(self, entries: Sequence[Arrival], rows: dict[str, str], house: bytes) -> list[Stepped] | None:
        """Step through what one transaction brought, and compare; None when the hub's history begins anew."""
        if self.scene.box.forgot:  # it began with an empty house, as its own could not be read: so do we
            self.hub = Hub(msgspec.json.decode(house, type=House))
            return None
        steps: list[Stepped] = []
        made: list[Row] = []
        again = b""
        for arrival in entries:
            before = self.hub.house
            turned = self.hub.turn((arrival,))
            steps.append(Stepped(arrival.now, arrival.event, before, self.hub.house, turned.actions))
            made.extend(turned.rows)
            again = turned.batch.house
        self.scene.counted["events replayed"] += len(entries)
        if again != house:
            self.broken(_first_difference(again, house))
        if {row.id: row.digest for row in made} != rows:
            self.broken(f"rows: replayed {_named(made)}, on the disk {sorted(rows)}")
        return steps


def _named(rows: Sequence[Row]) -> list[str]:
    return sorted(row.id for row in rows)


def _first_difference(replayed: bytes, live: bytes) -> str:
    one, other = msgspec.json.decode(replayed), msgspec.json.decode(live)
    for name in sorted({*one, *other}):
        if one.get(name) != other.get(name):
            return f"house.{name}: replayed {str(one.get(name))[:300]}, on the disk {str(other.get(name))[:300]}"
    return "the house's bytes differ, though not in content"
