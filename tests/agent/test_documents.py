"""S12: what the hub says of itself fits its message, even when every part of the largest home is unwell."""

from pathlib import Path

import msgspec
from joserfc.jwk import ECKey

from agent.clock import SystemClock
from agent.config.reading import SENSORS_MAX
from agent.documents import Documents
from agent.hub import Hub
from agent.inbox import Arrival
from agent.store.opening import open_store
from agent.store.writer import Writer
from agent.wire.envelope import DOCUMENT_BYTES_MAX, EVENT_BYTES_MAX, HUB_ALGORITHM, Signer
from agent.wire.messages import State
from rules.events import Commanded, Config, Event, Heard, Sensor, Started, Triggered, Troubled
from rules.faults import NOTES_MAX
from rules.state import House
from rules.triggers import OPEN_ALARMS_MAX
from rules.values import Now


def longest(prefix: str, number: int) -> str:
    return f"{prefix}-{number}".ljust(40, "x")


SENSORS = tuple(
    Sensor(longest("sensor", n), "carbon-monoxide", longest("room", n), longest("person", n))
    for n in range(SENSORS_MAX)
)


def unwell() -> Hub:
    """Give the hub of a home where everything is wrong at once."""
    hub = Hub(House())
    events: list[Event] = [Started("b" * 12, "e" * 10, Config(hub="h" * 40, sensors=SENSORS, outputs=False))]
    for sensor in SENSORS:
        events.append(Heard(sensor.id))
        events += [Troubled(sensor.id, trouble, active=True) for trouble in ("tamper", "battery-low", "unavailable")]
    events += [Triggered(sensor.id) for sensor in SENSORS[:OPEN_ALARMS_MAX]]
    hub.turn([Arrival(Now(1_000 + n, 1_800_000_000_000), event) for n, event in enumerate(events)])
    return hub


def sealed(payload: bytes) -> int:
    return len(Signer(ECKey.generate_key("P-256"), HUB_ALGORITHM).seal(payload))


async def test_s12_the_state_of_the_largest_and_unluckiest_home_fits_its_message(tmp_path: Path) -> None:
    hub = unwell()
    writer = Writer(open_store(tmp_path / "hub.db").store, lambda _: None)
    await writer.start()
    counters = {f"refused receipt: for a reason as long as there is any, number {n}": 10**9 for n in range(60)}
    state = Documents(hub, writer, SystemClock(), "0.1.0", lambda: counters).state()
    await writer.close()
    assert sealed(state) <= DOCUMENT_BYTES_MAX
    said = msgspec.json.decode(state, type=State)
    assert (len(said.faults), said.faults_total) == (NOTES_MAX, 3 * SENSORS_MAX + 2)
    assert len(said.sensors) == SENSORS_MAX
    assert len(said.alarms) == OPEN_ALARMS_MAX


def test_s12_the_self_test_of_the_unluckiest_home_fits_its_message() -> None:
    hub = unwell()
    turned = hub.turn([Arrival(Now(10_000, 1_800_000_010_000), Commanded("c" * 128, "test"))])
    assert max(sealed(row.body) for row in turned.rows) <= EVENT_BYTES_MAX
    assert any(b"test.report" in row.body for row in turned.rows)


async def test_s11_who_is_in_bed_and_which_door_is_open_stays_at_home(tmp_path: Path) -> None:
    """The centre is told of alarms, and of what asks for help; not of how somebody spends the night."""
    sensors = tuple(Sensor(kind, kind, "room") for kind in ("bed", "door", "flood"))
    hub = Hub(House())
    writer = Writer(open_store(tmp_path / "hub.db").store, lambda _: None)
    await writer.start()
    documents = Documents(hub, writer, SystemClock(), "0.1.0", dict)
    moment = Now(1_000, 1_800_000_000_000)
    hub.turn([Arrival(moment, Started("b" * 12, "e" * 10, Config(hub="h", sensors=sensors)))])
    documents.changed()
    hub.turn([Arrival(moment, Triggered(sensor, sustained=True)) for sensor in ("bed", "door")])
    assert hub.house.sensor("bed").active
    assert not documents.changed()
    hub.turn([Arrival(moment, Triggered("flood", sustained=True))])
    assert documents.changed()
    said = msgspec.json.decode(documents.state(), type=State)
    await writer.close()
    assert {note.sensor: note.active for note in said.sensors} == {"bed": False, "door": False, "flood": True}
