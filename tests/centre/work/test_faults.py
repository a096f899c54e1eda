"""What can break: a worker killed, the store down, the broker away, two workers, hubs that come and go."""

import asyncio
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest
from joserfc.jwk import OKPKey
from paho.mqtt.client import MQTTMessage
from paho.mqtt.subscribeoptions import SubscribeOptions

from agent.wire.envelope import CENTRE_ALGORITHM, Verifier
from agent.wire.sealing import open_plan
from agent.wire.topics import Channel, topic
from centre import intake
from centre.cases.events import Took
from centre.work.leading import LEASE_MS, Lease
from centre.work.line import IN_HAND_MAX, Line, Note
from centre.work.watch import Watch
from rules.values import Now
from sensors.mqtt_link import MqttLink
from simulators.trials.storm.hub import LightHub
from tests.centre.store.postgres import Postgres
from tests.centre.work import process
from tests.centre.work.town import Town, names, running, until

READY_S = 30.0


async def _press_on(hub: LightHub) -> None:
    while True:
        hub.raise_alarm()
        await asyncio.sleep(0.2)


async def ready(worker: asyncio.subprocess.Process) -> None:
    assert worker.stdout is not None
    async with asyncio.timeout(READY_S):
        assert await worker.stdout.readline() == b"ready\n"


async def test_s2_a_worker_killed_between_event_and_case_loses_and_doubles_nothing(town: Town) -> None:
    hub = town.hub()
    process.tell(town.folder, town.url, town.broker.port, town.centre_key, town.site, die="before-the-case")
    worker = await process.start(town.folder, "worker-1")
    try:
        await ready(worker)
        async with running(hub.run()):
            alarm = hub.raise_alarm()
            async with asyncio.timeout(READY_S):
                assert await worker.wait() < 0, "it died by its own hand"
            assert [entry.id for _, entry, _ in town.office.ledger.events()] == [alarm.ref]
            assert not town.office.desk.standing()
            with town.office.database.writing() as connection:  # as if its lease had run out
                connection.exec_driver_sql("UPDATE lease SET until_ms = 0")
            async with town.working("worker-2"):
                case = await town.case()
                await until(lambda: alarm.receipted_ms, "a receipt")
                assert [each.alarm for each in case.alarms] == [alarm.alarm]
    finally:
        if worker.returncode is None:
            worker.kill()
            await worker.wait()
    assert len(town.office.ledger.events()) == 1
    assert len(town.office.desk.standing()) == 1


async def test_two_workers_share_the_load_and_one_leads(town: Town) -> None:
    hubs = [town.hub(name) for name in names(6)]
    async with running(*(hub.run() for hub in hubs)), town.working("worker-1") as first:
        await until(lambda: first.leading, "somebody leads")
        async with town.working("worker-2") as second:
            await until(lambda: all(hub.counters["connections"] for hub in hubs), "all are there")
            for round_ in range(4):
                for hub in hubs:
                    hub.raise_alarm(sensor=f"pendant-{round_}")
            await until(lambda: all(a.receipted_ms for hub in hubs for a in hub.raised.values()), "receipts")
            alarms = {a.alarm for hub in hubs for a in hub.raised.values()}

            def held() -> bool:
                cases = town.office.desk.standing()
                return len(cases) == len(hubs) and {a.alarm for case in cases for a in case.alarms} == alarms

            await until(held, "every alarm is in one case of its home")
            taken = [each.counters["accepted"] for each in (first.health, second.health)]
            assert all(taken), f"one did all the work: {taken}"
            assert (first.leading, second.leading) == (True, False)
        assert not second.leading
    async with town.working("worker-3") as third:
        await until(lambda: third.leading, "who gives up its lease lets the next one lead at once")


async def test_s2_while_the_store_is_locked_hubs_are_told_to_try_again_and_then_it_is_taken(
    town: Town, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "RETRY_AFTER_S", 1.0)
    hub = town.hub()
    async with town.working(), running(hub.run()):
        await until(lambda: hub.counters["receipts: accepted"], "it has checked in")
        blocker = sqlite3.connect(town.folder / "store.db", isolation_level=None)
        blocker.execute("BEGIN IMMEDIATE")
        alarm = hub.raise_alarm()
        await until(lambda: hub.counters["receipts: retry"], "told to try again")
        assert alarm.receipted_ms is None
        assert not town.office.desk.standing()
        blocker.execute("ROLLBACK")
        blocker.close()
        await until(lambda: alarm.receipted_ms, "taken", 30)
        case = await town.case()
        assert len(case.alarms) == 1


async def test_a_broker_that_restarts_costs_no_alarm(town: Town) -> None:
    hub = town.hub()
    async with running(hub.run()), town.working() as working:
        first = hub.raise_alarm()
        case = await town.case()
        town.broker.kill()
        await until(lambda: not working.hears, "the line is gone")
        second = hub.raise_alarm(sensor="pendant-2")
        taken = town.office.desk.act(case.id, Took(at_ms=town.office.now_ms(), by="ann", seen=case.version))
        assert taken.owner == "ann", "staff go on"
        town.broker.start()
        await until(lambda: first.receipted_ms and second.receipted_ms, "both receipted", 30)
        await until(lambda: first.stage == "acknowledged", "the command came as soon as there was a line", 30)
        await town.case(lambda each: len(each.alarms) == 2, "both in one case")


async def test_s12_a_flood_that_the_broker_cannot_hold_back_is_left_and_what_it_can_is_not(town: Town) -> None:
    hands: list[tuple[Note, Callable[[], None]]] = []
    line = Line(town.line(), "line-1", (("flood/#",),), lambda note, done: hands.append((note, done)))
    link = MqttLink("hostile", lambda _: None)
    async with running(line.run()):
        await until(lambda: line.up, "the line is up")
        await link.connect("127.0.0.1", town.broker.port)
        for _ in range(IN_HAND_MAX + 50):
            link.publish("flood/0", b"x", qos=0)
        await link.publish("flood/1", b"x")
        await until(lambda: any(note.topic == "flood/1" for note, _ in hands), "what comes at QoS 1 is heard")
        assert (len(hands), line.unheard) == (IN_HAND_MAX + 1, 50)
        for _, done in hands:
            done()
        link.publish("flood/0", b"later", qos=0)
        await until(lambda: hands[-1][0].payload == b"later", "the next is heard")
        await link.close()


async def test_a_hub_enrolled_while_it_runs_is_known_at_once_and_a_revoked_ones_alarm_is_seen(town: Town) -> None:
    async with town.working():
        hub = town.hub("hub-new")
        async with running(hub.run()):
            await until(lambda: hub.counters["receipts: accepted"], "its first check-in")
            assert not town.office.ledger.quarantine()
            town.site.revoke("hub-new")
            presses = asyncio.create_task(_press_on(hub))  # it may be taken for ours a second or two longer
            case = await town.case(lambda each: "unknown-hub" in {a.kind for a in each.alarms}, "seen")
            presses.cancel()
            assert case.hub == "hub-new"


async def test_a_plan_is_retained_for_its_hub_and_again_by_a_broker_that_forgot_it(town: Town) -> None:
    document = {"version": 2, "private": {"numbers": {"daughter": "+44 20 7946 0000"}}}
    town.site.enrol("hub-1")
    verifier = Verifier([OKPKey.import_key(town.centre_key.as_dict(private=False))], CENTRE_ALGORITHM)
    town.office.plans.send("hub-1", document, "ann")
    async with town.working() as working:
        for _ in range(2):
            plan = open_plan(await heard(town, "plan"), "hub-1", verifier, town.site.plan_keys["hub-1"])
            assert {name: plan[name] for name in document} == document
            town.broker.kill()
            (town.broker.folder / "mosquitto.db").unlink()
            await until(lambda: not working.hears, "the line is gone")
            town.broker.start()
        town.office.plans.told("hub-1", 2, applied=True, reason="", at_ms=1)
    assert not town.office.plans.waiting()


async def heard(town: Town, channel: Channel) -> bytes:
    """Give what comes next on a channel of hub-1's."""
    came: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def take(message: MQTTMessage) -> None:
        if not came.done():
            came.set_result(bytes(message.payload))

    link = MqttLink("listener", take)
    try:
        await link.connect("127.0.0.1", town.broker.port)
        await link.subscribe((topic("hub-1", channel), SubscribeOptions(qos=1)))
        async with asyncio.timeout(READY_S):
            return await came
    finally:
        await link.close()


async def test_a_plan_that_cannot_be_sealed_is_refused_in_its_hubs_stead(town: Town) -> None:
    town.office.plans.send("hub-gone", {"version": 2, "private": {"numbers": {}}}, "ann")
    async with town.working():
        (row,) = await until(
            lambda: [each for each in town.office.plans.of_home("hub-gone") if each.state != "waiting"], "refused"
        )
        assert (row.state, "could not be sent" in row.reason) == ("refused", True)


async def test_a_part_that_dies_of_a_bug_is_begun_again_and_shown(town: Town) -> None:
    hub = town.hub()
    tick, failures = Watch._tick, iter((True, False))

    def failing(self: Watch, hearing: bool) -> object:
        if next(failures, False):
            raise ZeroDivisionError
        return tick(self, hearing)

    Watch._tick = failing  # type: ignore[method-assign,assignment]
    try:
        async with running(hub.run()), town.working() as working:
            await until(lambda: working.health.parts.get("watch", None), "it leads")
            await until(lambda: working.health.parts["watch"].restarts == 1, "it was begun again")
            assert "ZeroDivisionError" in working.health.parts["watch"].why
            hub.raise_alarm()
            await town.case()
            await until(town.office.book.silence, "it watches")
            said = await until(town.office.book.health, "and says so")
            assert said[0].worker == "worker-1"
    finally:
        Watch._tick = tick  # type: ignore[method-assign]


async def test_the_store_of_a_server_that_dies_is_waited_for(
    postgres: Postgres, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(intake, "RETRY_AFTER_S", 1.0)
    town = Town(tmp_path, postgres.store())
    hub = town.hub()
    try:
        with town.broker:
            async with running(hub.run()), town.working():
                first = hub.raise_alarm()
                await town.case()
                await until(lambda: first.receipted_ms, "a receipt")
                await asyncio.to_thread(postgres.stop)
                second = hub.raise_alarm(sensor="pendant-2")
                await until(lambda: hub.counters["receipts: retry"], "told to try again")
                await asyncio.to_thread(postgres.start)
                await until(lambda: second.receipted_ms, "taken", 40)
                await town.case(lambda each: len(each.alarms) == 2, "both in one case")
    finally:
        if not postgres.runs:
            postgres.start()
        town.office.close()


class Stopped:
    """A clock that a test sets."""

    boot = "boot-1"
    wall_ms = 1_800_000_000_000

    def now(self) -> Now:
        return Now(0, self.wall_ms, synced=True)


def test_a_lease_is_one_workers_until_it_says_nothing_more(town: Town) -> None:
    clock = Stopped()
    ann, bob = (Lease(town.office.database, who, clock) for who in ("ann", "bob"))
    assert ann.take()
    assert not bob.take()
    clock.wall_ms += LEASE_MS - 1
    assert not bob.take()
    assert ann.take(), "renewed"
    clock.wall_ms += LEASE_MS
    assert ann.holder() == ""
    assert bob.take()
    assert (ann.take(), ann.holder()) == (False, "bob")
    bob.give_up()
    ann.give_up()
    assert ann.take()


def test_s6_a_lease_given_before_a_clock_was_set_back_binds_nobody(town: Town) -> None:
    clock = Stopped()
    ann, bob = (Lease(town.office.database, who, clock) for who in ("ann", "bob"))
    assert ann.take()
    clock.wall_ms -= 3_600_000
    assert bob.take()
