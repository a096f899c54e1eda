"""A site and three devices on this machine, to practise installing a hub: `python -m simulators.practice`."""

import asyncio
import contextlib
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import click

from centre.site.settings import SiteError
from simulators.devices import Rfxtrx433
from simulators.mosquitto import Mosquitto, MosquittoError
from simulators.site import RunningSite
from simulators.timeline import Entry
from simulators.zigbee import SosButton, WaterSensor, Zigbee2Mqtt

BUS_PORT = 18_831
RADIO = "rfxcom"
_DRY_AFTER_S = 2.0

HELP = """\
p  press the pendant        w  wet the water sensor; it dries by itself
s  press the SOS button     q  end"""


class Practice:
    """The site in `folder`/site, a pendant on a receiver, and a water sensor and an SOS button on Zigbee."""

    def __init__(self, folder: Path, on_entry: Callable[[Entry], None] | None = None) -> None:
        """Raises SiteError."""
        dice = random.Random(1)
        self.site = RunningSite(folder / "site", on_entry)
        self._radio = Rfxtrx433(folder / RADIO, dice)
        self._bus = Mosquitto(folder / "bus", port=BUS_PORT)
        self._zigbee = Zigbee2Mqtt(self._bus.host, BUS_PORT, dice)
        self._water = WaterSensor(self._zigbee, "kitchen-water", dice)
        self._sos = SosButton(self._zigbee, "bedroom-sos", dice)

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            await stack.enter_async_context(self.site)
            stack.enter_context(self._bus)
            await self._zigbee.start()
            stack.push_async_callback(self._zigbee.stop)
            await self._radio.start()
            stack.push_async_callback(self._radio.stop)
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._stack.aclose()

    async def press(self) -> None:
        """Press the pendant."""
        await self._radio.press()

    async def wet(self) -> None:
        """Wet the water sensor, for a moment."""
        await self._water.wet()
        await asyncio.sleep(_DRY_AFTER_S)
        await self._water.dry()

    async def call(self) -> None:
        """Press the SOS button."""
        await self._sos.press()


async def _practise(folder: Path) -> None:
    async with Practice(folder, on_entry=lambda entry: click.echo(f"  centre  {entry.line()}")) as it:
        way = it.site.site.settings.way[0]
        click.echo(f"The site runs: broker {way.host}:{way.port}, enrolment {it.site.site.settings.enrolment}.")
        click.echo(f"The receiver is {folder / RADIO}; zigbee2mqtt is at localhost:{BUS_PORT}.\n{HELP}")
        keys = {"p": it.press, "w": it.wet, "s": it.call}
        while (line := await asyncio.to_thread(sys.stdin.readline)) and (key := line.strip().lower()) != "q":
            if key in keys:
                await keys[key]()
            elif key:
                click.echo(HELP)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--folder", type=click.Path(path_type=Path), default=Path("practice"), show_default=True)
def main(folder: Path) -> None:
    """Run a site and three devices, to practise installing a hub at a desk: see docs/installer.md."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # whoever is told to go takes broker and service along
    try:
        asyncio.run(_practise(folder))
    except (SiteError, MosquittoError) as error:
        raise click.ClickException(str(error)) from None
    except KeyboardInterrupt:
        return


if __name__ == "__main__":
    main()
