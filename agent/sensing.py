"""Joins the sensors to the inbox: drivers hear, the roster knows whom, events enter."""

from collections.abc import Callable
from functools import partial
from typing import Any

from agent.clock import Clock
from agent.config import HubConfig
from agent.inbox import Inbox
from rules.events import Config
from rules.plan import Plan
from rules.state import House
from rules.supervision import silences
from sensors.driver import Observation, SensorDriver
from sensors.listening import Listening
from sensors.registry import DriverType
from sensors.roster import Place, Roster


class Sensing:
    """Every configured driver, listening."""

    def __init__(
        self,
        config: HubConfig,
        inbox: Inbox,
        clock: Clock,
        pins: Callable[[], Any] | None,
        driver_type: Callable[[str], DriverType],
    ) -> None:
        self._driver_type = driver_type
        self._inbox = inbox
        self._clock = clock
        self.roster = Roster(Place(each.driver, each.address, each.id, each.kind) for each in config.sensors)
        self._supervised: tuple[Config, Plan] | None = None
        makers = {driver.name: partial(self._make, config, driver.name, pins) for driver in config.drivers}
        self.listening = Listening(makers, self._hear, inbox.tell)

    def supervise(self, house: House) -> None:
        """Have the roster tell signs of life as often as this house's configuration and care plan need them."""
        if (house.config, house.plan) != self._supervised:
            self._supervised = (house.config, house.plan)
            self.roster.supervise(silences(house))

    def _make(self, config: HubConfig, name: str, pins: Callable[[], Any] | None) -> SensorDriver:
        driver = config.driver(name)
        addresses = [sensor.address for sensor in config.sensors if sensor.driver == name]
        factory = pins() if pins is not None and driver.type == "gpio" else None
        return self._driver_type(driver.type).make(driver.options, addresses, self._now_ms, factory)

    def _now_ms(self) -> int:
        return self._clock.now().ms

    def _hear(self, driver: str, observation: Observation) -> None:
        for event in self.roster.translate(driver, observation, self._now_ms()):
            self._inbox.tell(event)
