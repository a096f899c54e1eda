"""The centre's own Mosquitto: what the site says holds there at once, and it lives exactly as long as we do."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from agent.clock import SystemClock
from centre.running import broker as own
from centre.running.broker import BrokerError, OwnBroker, accepts
from centre.running.folder import BROKER, SITE
from centre.running.services import tls
from centre.site.site import Site
from sensors.mqtt_link import LinkLostError, MqttLink
from tests.support.sites import enrolled, identity

CLOCK = SystemClock()
IN_TIME_S = 10.0


@pytest.fixture
def site(data: Path) -> Iterator[Site]:
    with contextlib.closing(Site.open(data / SITE)) as opened:
        yield opened


@contextlib.asynccontextmanager
async def running(data: Path, site: Site) -> AsyncIterator[tuple[OwnBroker, "asyncio.Task[None]"]]:
    broker = OwnBroker(data / BROKER, site, CLOCK, listen="127.0.0.1", port=site.settings.way[0].port)
    task = asyncio.create_task(broker.run())
    try:
        await asyncio.wait_for(broker.ready.wait(), IN_TIME_S)
        yield broker, task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert not await accepts(broker.host, broker.port)


def mosquitto_of(pid: int, data: Path) -> int:
    """Give the process of the broker in a folder that a process began: other tests' may be its children too."""
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    (ours,) = [each for each in children if str(data).encode() in Path(f"/proc/{each}/cmdline").read_bytes()]
    return int(ours)


async def test_a_worker_of_ours_comes_in_by_an_address_that_no_certificate_names(data: Path, site: Site) -> None:
    async with running(data, site) as (broker, _):
        link = MqttLink("centre-1", lambda _: None, tls=tls(site, CLOCK, check_name=False))
        await link.connect(broker.host, broker.port)
        await link.close()
        strict = MqttLink("centre-2", lambda _: None, tls=tls(site, CLOCK, check_name=True))
        with pytest.raises(LinkLostError, match=r"127\.0\.0\.1"):
            await strict.connect(broker.host, broker.port)


async def test_a_hub_that_is_revoked_is_shut_out_by_itself(
    data: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(own, "LOOK_EVERY_S", 0.1)
    box, answer = enrolled(site, "hub-1", CLOCK.now().wall_ms)
    who = identity(data.parent / "hub", site.ca_pem, answer.certificate, box.uplink).tls()
    async with running(data, site) as (broker, _):
        link = MqttLink("hub-1", lambda _: None, tls=who)
        await link.connect("localhost", broker.port)
        await link.close()
        site.revoke("hub-1", CLOCK.now().wall_ms)

        async def refused() -> None:
            while True:
                again = MqttLink("hub-1", lambda _: None, tls=who)
                try:
                    await again.connect("localhost", broker.port)
                except LinkLostError:
                    return
                await again.close()
                await asyncio.sleep(0.05)

        await asyncio.wait_for(refused(), IN_TIME_S)


async def test_a_broker_that_dies_says_what_it_said_last(data: Path, site: Site) -> None:
    async with running(data, site) as (broker, task):
        os.kill(mosquitto_of(os.getpid(), data), signal.SIGKILL)
        with pytest.raises(BrokerError, match="ended with -9"):
            await asyncio.wait_for(task, IN_TIME_S)
        assert not broker.ready.is_set()


async def test_a_port_that_is_taken_is_told(data: Path, site: Site) -> None:
    async with running(data, site) as (broker, _):
        second = OwnBroker(data / "other", site, CLOCK, listen="127.0.0.1", port=broker.port)
        with pytest.raises(BrokerError, match="Address already in use"):
            await asyncio.wait_for(second.run(), IN_TIME_S)


KEEP = """
import asyncio, sys
from pathlib import Path
from agent.clock import SystemClock
from centre.running.broker import OwnBroker
from centre.site.site import Site
async def main():
    site = Site.open(Path(sys.argv[1]))
    broker = OwnBroker(Path(sys.argv[2]), site, SystemClock(), listen="127.0.0.1", port=site.settings.way[0].port)
    task = asyncio.create_task(broker.run())
    await broker.ready.wait()
    print(broker.port, flush=True)
    await task
asyncio.run(main())
"""


async def test_a_broker_ends_with_us_even_if_we_are_killed(data: Path, site: Site) -> None:
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    command = (sys.executable, "-c", KEEP, str(data / SITE), str(data / BROKER))
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:  # noqa: ASYNC220 -- a moment
        assert process.stdout is not None
        port = int(await asyncio.to_thread(process.stdout.readline))
        assert await accepts("127.0.0.1", port)
        process.kill()

    async def gone() -> None:
        while await accepts("127.0.0.1", port):
            await asyncio.sleep(0.02)

    await asyncio.wait_for(gone(), IN_TIME_S)
