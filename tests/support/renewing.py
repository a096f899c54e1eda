"""A hub of a real site, enrolled by stick, whose renewal runs on a clock that is moved by hand, without any network."""

import contextlib
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path

import msgspec

from agent.clock import Clock
from agent.config import Uplink
from agent.uplink.trying import Tried
from agent.wire.papers import SITE, SiteAnswer
from centre.site.signing import sign_all
from centre.site.site import Refused, Site, SiteSettings
from provisioning.provision.client import RefusedError, Service, UnreachableError
from provisioning.provision.enrol import enrol_box
from provisioning.provision.folder import HubFolder
from provisioning.provision.renewing import Renewal, Result
from rules.values import Now
from tests.support.sites import NOW_MS, SETTINGS

DAY_MS = 24 * 3_600_000
HUB = "hub-1"
HUB_TOML = """\
# Made by the installer.
hub = ""
state_dir = "state"
outputs = "log"

[keys]
hub = ""
"""

Broker = Callable[[Uplink], Tried]


def takes(uplink: Uplink) -> Tried:
    return Tried(uplink.name, "taken")


def refuses(uplink: Uplink) -> Tried:
    return Tried(uplink.name, "refused", "the broker refused us")


def away(uplink: Uplink) -> Tried:
    return Tried(uplink.name, "unreachable")


class HandClock:
    """A clock that is moved by hand. `wrong_ms` is how far it is off, `synced` whether it is trusted."""

    boot = "b"

    def __init__(self, wall_ms: int = NOW_MS) -> None:
        self.true_ms, self.wrong_ms, self.synced = wall_ms, 0, True

    def now(self) -> Now:
        return Now(self.true_ms - NOW_MS, self.true_ms + self.wrong_ms, synced=self.synced)

    def later(self, ms: int) -> None:
        self.true_ms += ms


class SiteAtHand(Service):
    """The service without its wire: what it answers is the real site's."""

    def __init__(self, home: "Home", endpoint: str, root: str, clock: Clock) -> None:
        super().__init__(endpoint, root, clock)
        self._home = home

    def _exchange(self, method: str, path: str, body: bytes | None = None) -> bytes:
        self._home.asked.append(path)
        if self._home.down:
            raise UnreachableError("nobody answers")
        wall_ms = self._home.clock.true_ms
        with contextlib.closing(Site.open(self._home.site_folder)) as site:
            try:
                if path == SITE:
                    said = self._home.said or SiteAnswer(word=site.word(wall_ms), issuing=site.issuing_pem)
                    return msgspec.json.encode(said)
                assert body is not None
                return msgspec.json.encode(self._home.forge(site.renew(body, wall_ms)))
            except Refused as refused:
                raise RefusedError(refused.refusal, wall_ms // 1_000) from None


class Home:
    """The hub's folder and its site's. `broker` says what becomes of a trial, `said` replaces the site's word."""

    def __init__(self, folder: Path, settings: SiteSettings = SETTINGS) -> None:
        self.clock = HandClock()
        self.site_folder = folder / "site"
        self.folder = HubFolder(folder / "hub" / "hub.toml")
        self.keys, self.state = self.folder.keys, folder / "hub" / "state"
        self.broker: Broker = takes
        self.down = False
        self.said: SiteAnswer | None = None
        self.forge: Callable[[object], object] = lambda answer: answer
        self.asked: list[str] = []
        self.tried: list[bytes] = []
        """Which certificates were tried, in order."""
        self.state.mkdir(parents=True)
        self.folder.config.write_text(HUB_TOML)
        with contextlib.closing(Site.create(self.site_folder, settings, NOW_MS)) as site:
            code = site.issue_token(HUB, 3_600, NOW_MS)
            stick = folder / "stick"
            stick.mkdir()
            enrol_box(self.folder, lambda _: code, self.clock, stick)
            sign_all(stick, site, NOW_MS)
            enrol_box(self.folder, lambda _: None, self.clock, stick)

    def site(self) -> Site:
        return Site.open(self.site_folder)

    def renew(self, *, force: bool = False, stick: Path | None = None) -> Result:
        renewal = Renewal(self.folder, self.clock, make_service=partial(SiteAtHand, self), ways=self._try)
        return renewal.run(force=force, by_stick=stick)

    async def _try(self, hub: str, uplinks: Iterable[Uplink], *, trusted: bool) -> list[Tried]:
        assert hub == HUB
        assert trusted == self.clock.synced
        uplinks = list(uplinks)
        self.tried += [each.certificate.read_bytes() for each in uplinks if each.certificate is not None]
        return [self.broker(each) for each in uplinks]

    # --- what is there -----------------------------------------------------------------------------------

    def content(self, name: str) -> bytes:
        return (self.keys / name).read_bytes()

    def restart(self) -> str | None:
        """Give why a restart is wanted; None for none."""
        path = self.state / "restart.wanted"
        return str(msgspec.json.decode(path.read_bytes())["why"]) if path.exists() else None
