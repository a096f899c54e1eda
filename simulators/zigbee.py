"""A zigbee2mqtt on a real local broker, with a water sensor and an SOS button that behave as the real ones do."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Mapping

import msgspec

from sensors.mqtt_link import MqttLink
from sensors.mqtt_properties import Will

Sleep = Callable[[float], Awaitable[object]]

_ONLINE, _OFFLINE = b'{"state":"online"}', b'{"state":"offline"}'


class Zigbee2Mqtt:
    """The gateway: its own state is retained, and its will says `offline` when it dies.

    Devices are made with it, and report about every `report_s` seconds, each a little differently.
    """

    def __init__(
        self,
        host: str,
        port: int,
        rng: random.Random,
        *,
        base: str = "zigbee2mqtt",
        report_s: float = 3_000.0,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        self.base = base
        self.devices: list[ZigbeeDevice] = []
        self._host, self._port = host, port
        self._rng, self._report_s, self._sleep = rng, report_s, sleep
        self._link: MqttLink | None = None
        self._reports: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Connect, tell that the bridge and its devices are there, and begin reporting. Raises LinkLostError."""
        will = Will(f"{self.base}/bridge/state", _OFFLINE, retain=True)
        self._link = MqttLink(f"{self.base}-bridge", lambda _message: None, will=will)
        await self._link.connect(self._host, self._port)
        await self.publish("bridge/state", _ONLINE, retain=True)
        for device in self.devices:
            await self.publish(f"{device.name}/availability", _ONLINE, retain=True)
        self._reports = [asyncio.create_task(self._report(device)) for device in self.devices]

    async def stop(self) -> None:
        """Say `offline` and end."""
        await self._silence()
        if self._link is not None and not self._link.closed.done():
            await self.publish("bridge/state", _OFFLINE, retain=True)
            await self._link.close()

    async def die(self) -> None:
        """Crash: no good-bye, the broker publishes the will."""
        await self._silence()
        if self._link is not None:
            self._link.abort("it crashed")

    async def restart(self) -> None:
        """Stop and start as it does for an update: what it knew of its devices is null until they report again."""
        await self.stop()
        for device in self.devices:
            device.forget()
        await self.start()
        for device in self.devices:
            await device.report()

    async def publish(self, name: str, payload: bytes, *, retain: bool = False) -> None:
        """Publish below the base topic, and wait for the broker to have it. Raises LinkLostError."""
        if self._link is None:
            raise RuntimeError("start() it first")
        await self._link.publish(f"{self.base}/{name}", payload, retain=retain)

    async def _silence(self) -> None:
        for task in self._reports:
            task.cancel()
        await asyncio.gather(*self._reports, return_exceptions=True)
        self._reports = []

    async def _report(self, device: "ZigbeeDevice") -> None:
        while True:
            await self._sleep(self._report_s * self._rng.uniform(0.5, 1.5))
            await device.report()


class ZigbeeDevice:
    """A device of that gateway, under its friendly name."""

    def __init__(self, gateway: Zigbee2Mqtt, name: str, rng: random.Random) -> None:
        self.name = name
        self._gateway, self._rng = gateway, rng
        gateway.devices.append(self)

    async def report(self) -> None:
        """Report what it knows, as it does of its own accord now and then."""
        await self._gateway.publish(self.name, msgspec.json.encode(self._state()))

    async def lose_radio(self) -> None:
        """Go out of range: the gateway says that it is not available."""
        await self._gateway.publish(f"{self.name}/availability", _OFFLINE, retain=True)

    async def find_radio(self) -> None:
        """Come back into range."""
        await self._gateway.publish(f"{self.name}/availability", _ONLINE, retain=True)

    def forget(self) -> None:
        """Lose what the gateway knew of it."""

    def _state(self) -> Mapping[str, object]:
        return {"battery": None, "linkquality": self._rng.randint(60, 120)}


class WaterSensor(ZigbeeDevice):
    """An Aqara SJCGQ11LM on the floor."""

    def __init__(self, gateway: Zigbee2Mqtt, name: str, rng: random.Random) -> None:
        super().__init__(gateway, name, rng)
        self.battery = 100
        self._leak: bool | None = False

    async def wet(self) -> None:
        """Water reaches it."""
        self._leak = True
        await self.report()

    async def dry(self) -> None:
        """The floor is dry again."""
        self._leak = False
        await self.report()

    def forget(self) -> None:
        """Lose what the gateway knew: `water_leak` is null until it changes."""
        self._leak = None

    def _state(self) -> Mapping[str, object]:
        return {
            "battery": self.battery,
            "battery_low": self.battery < 10,  # noqa: PLR2004 -- per cent
            "device_temperature": self._rng.randint(19, 27),
            "linkquality": self._rng.randint(60, 120),
            "tamper": False,
            "voltage": 3_025,
            "water_leak": self._leak,
        }


class SmokeAlarm(ZigbeeDevice):
    """A Heiman HS1SA under the ceiling."""

    def __init__(self, gateway: Zigbee2Mqtt, name: str, rng: random.Random) -> None:
        super().__init__(gateway, name, rng)
        self._smoke: bool | None = False

    async def smell(self) -> None:
        """Smoke reaches it."""
        self._smoke = True
        await self.report()

    async def clear(self) -> None:
        """The air is clear again."""
        self._smoke = False
        await self.report()

    def forget(self) -> None:
        """Lose what the gateway knew: `smoke` is null until it changes."""
        self._smoke = None

    def _state(self) -> Mapping[str, object]:
        return {"battery": 100, "battery_low": False, "linkquality": self._rng.randint(60, 120), "smoke": self._smoke}


class SosButton(ZigbeeDevice):
    """A TS0215A on the wall."""

    async def press(self) -> None:
        """Press it: the call goes out on two topics, and then comes an empty action."""
        said = {"battery": None, "linkquality": self._rng.randint(60, 120)}
        await self._gateway.publish(self.name, msgspec.json.encode({"action": "emergency"} | said))
        await self._gateway.publish(f"{self.name}/action", b"emergency")
        await self._gateway.publish(self.name, msgspec.json.encode({"action": ""} | said))
