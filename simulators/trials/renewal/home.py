"""The home of the renewals' trials: a hub that really enrolled, its site with service and broker, a centre of the site.

The broker has the configuration that the site writes: TLS 1.3, certificates of its hubs alone.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from agent.clock import Clock, SystemClock
from agent.wire.enrolment import WayIn
from centre.site.signing import sign_all
from centre.site.site import Site, SiteSettings
from provisioning.provision.enrol import enrol_box
from provisioning.provision.folder import HubFolder
from provisioning.provision.renewing import Renewal, Result
from rules.values import Now
from simulators.hub_process import HubProcess
from simulators.keys import HubKeys, KeySet, TlsFiles
from simulators.mosquitto import free_port
from simulators.rig import HUB, NO_WINDOW, Rig, pendants, radio, x10
from simulators.serial_line import SerialAdapter
from simulators.site import SiteBroker, serving
from simulators.trials.trial import Round, Violation

DAY_MS = 24 * 3_600_000
SHORT_DAYS = 28
"""How long the certificates of a home are good for that enrolled a while ago."""

PENDANTS = 100
_POLL_S = 0.02


class ThenClock:
    """The machine's clock as it was, trusted: for what was done in this home some time ago."""

    boot = "b"

    def __init__(self, ago_ms: int) -> None:
        self._clock, self._ago_ms = SystemClock(), ago_ms

    def now(self) -> Now:
        """Give this moment, so long ago."""
        now = self._clock.now()
        return Now(now.ms, now.wall_ms - self._ago_ms, synced=True)


NOW = ThenClock(0)
"""The machine's clock, trusted, whether the machine here has somebody who sets it or not."""


_GOING = "starting anew:"


class Lived(NamedTuple):
    """One process of the hub: since when it listened and until when, on the loop's clock, and how it ended.

    `going_at` is when it was seen to have decided on starting anew, or when it ended without a word of it.
    """

    armed_at: float
    going_at: float
    ended_at: float
    code: int


class Home(Rig):
    """The rig, with keys and a configuration that come of enrolling at a site, `ago_days` days ago.

    The hub's process is kept alive as systemd would. `lived` tells of those that ended.
    """

    def __init__(self, folder: Path, adapter: SerialAdapter, *, ago_days: int = 0, trust: Path | None = None) -> None:
        super().__init__(folder, "")
        self.adapter = adapter
        self.pressed: dict[int, float] = {}
        self.lived: list[Lived] = []
        self.armed_at: float | None = None
        self._keeping: asyncio.Task[None] | None = None
        port, wall_ms = free_port(), ThenClock(ago_days * DAY_MS).now().wall_ms
        settings = SiteSettings(
            name="Trial",
            enrolment=f"localhost:{port}",
            way=(WayIn(host="localhost", port=free_port()),),
            **({"offline_days": SHORT_DAYS // 4, "valid_days": SHORT_DAYS} if ago_days else {}),
        )
        self.site = Site.create(folder / "site", settings, wall_ms)
        self.broker: SiteBroker = SiteBroker(folder / "broker", self.site, NOW.now().wall_ms, port=settings.way[0].port)
        self.folder_of_hub = HubFolder(folder / "hub" / "hub.toml")
        self.state_dir, self.config = folder / "hub" / "state", self.folder_of_hub.config
        self._enrol(ago_days * DAY_MS)
        self.keys = self._site_keys(1)
        wrapper = ("-m", "simulators.trials.clock.hub", str(trust), "b00700000001", "500000000") if trust else ()
        pins = ("--until-stdin-closes", "--pins-socket", str(folder / "pins.sock"), "--") if trust else ()
        self.hub = HubProcess(self.config, pins=False)
        if trust is not None:
            trust.touch()
            self.hub.through = (*wrapper, *pins)

    def write_config(self) -> None:
        """Enrolment has written it."""

    def _enrol(self, ago_ms: int) -> None:
        self.state_dir.mkdir(parents=True)
        self.config.write_text(
            f'hub = ""\nstate_dir = "state"\nsocket = "{self.folder}/ask"\noutputs = "log"\n\n[keys]\nhub = ""\n'
            f"{radio(self.adapter.path)}{pendants(range(PENDANTS))}{NO_WINDOW}"
        )
        then, stick = ThenClock(ago_ms), self.folder / "stick"
        stick.mkdir()
        code = self.site.issue_token(HUB, 3_600, then.now().wall_ms)
        enrol_box(self.folder_of_hub, lambda _: code, then, stick)
        sign_all(stick, self.site, then.now().wall_ms)
        enrol_box(self.folder_of_hub, lambda _: None, then, stick)

    def _site_keys(self, number: int) -> KeySet:
        """Give the keys as the rig wants them; the centre signs with the site's key of this number."""
        keys, public = self.folder_of_hub.keys, self.folder / "hub.pub.pem"
        private = load_pem_private_key((keys / "hub.key").read_bytes(), None)
        public.write_bytes(private.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
        centre = self.site.server("centre", NOW.now().wall_ms)
        tls = TlsFiles(keys / "uplink.pem", keys / "uplink.key")
        return KeySet(
            ca=centre.ca,
            broker=tls,
            centre_tls=TlsFiles(centre.certificate, centre.key),
            centre=self.site.folder / "centre" / f"centre-{number}.key",
            centre_public=keys / "centre-1.pem",
            hubs={HUB: HubKeys(tls, keys / "hub.key", public, keys / "plan.key", public)},
        )

    async def centre_signs_with(self, number: int) -> None:
        """Have the centre go on with another of the site's keys."""
        await self.centre.stop()
        self.keys = self._site_keys(number)
        self.centre = self.make_centre(str(self.folder / "ledger.db"))
        await self.centre.start()

    # --- the hub, kept alive -------------------------------------------------------------------------

    async def keep(self) -> None:
        """Start the hub, and again whenever it ends by itself, as systemd does."""
        await self.hub.start()
        self.armed_at = asyncio.get_running_loop().time()
        self._keeping = asyncio.create_task(self._keep())

    async def _keep(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            going = asyncio.create_task(self._going(len(self.lived) + 1))
            code = await self.hub.ended(10_000)
            ended_at = loop.time()
            going_at = going.result() if going.done() else ended_at
            going.cancel()
            assert self.armed_at is not None  # noqa: S101 -- it was started
            self.lived.append(Lived(self.armed_at, going_at, ended_at, code))
            self.armed_at = None
            await self.hub.start()
            self.armed_at = loop.time()

    async def _going(self, times: int) -> float:
        """Wait until the hub has said so often that it starts anew; give when that was seen."""
        while len(self.hub.logged(_GOING)) < times:
            await asyncio.sleep(_POLL_S)
        return asyncio.get_running_loop().time()

    async def restarted(self, times: int, timeout_s: float) -> None:
        """Wait until the hub has started anew so often, and listens. Raises Violation."""
        try:
            async with asyncio.timeout(timeout_s):
                while len(self.lived) < times or self.armed_at is None:
                    self.well()
                    await asyncio.sleep(_POLL_S)
        except TimeoutError:
            raise Violation(f"S10: {len(self.lived)} restarts after {timeout_s:g} s, expected {times}") from None
        await self.listening()

    def well(self) -> None:
        """See that the hub's ends were all orderly. Raises Violation."""
        if self._keeping is not None and self._keeping.done():
            self._keeping.result()
        if any(life.code for life in self.lived):
            raise Violation(f"S1: the hub ended with {[life.code for life in self.lived]}")

    async def leave(self) -> None:
        """Keep it alive no longer."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)
        self.site.close()

    def press(self, number: int) -> None:
        """Press a pendant."""
        self.pressed.setdefault(number, asyncio.get_running_loop().time())
        self.adapter.say(x10(number))

    async def renew(self, *, force: bool = False, clock: Clock = NOW) -> Result:
        """Run a renewal, as the timer does."""

        def work() -> Result:
            with self.folder_of_hub.held():
                return Renewal(self.folder_of_hub, clock).run(force=force)

        return await asyncio.to_thread(work)

    def serving(self) -> contextlib.AbstractContextManager[object]:
        """Run the site's enrolment service. Raises SiteError when it does not come up."""
        return serving(self.site.folder, self.folder / "service.log")


@asynccontextmanager
async def home(this: Round, *, ago_days: int = 0, trust: bool = False) -> AsyncIterator[Home]:
    """Set up a home whose hub enrolled so many days ago; the hub starts when told."""
    with SerialAdapter(this.folder / "radio") as adapter:
        made = Home(this.folder, adapter, ago_days=ago_days, trust=this.folder / "trust" if trust else None)
        try:
            async with made:
                await made.centre_signs_with(1)
                yield made
                made.well()
        finally:
            await made.leave()
