"""A console with a site and boxes that have enrolled: for the tests of its pages of homes, and to look at them."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import sqlalchemy as sa
from litestar import Litestar
from litestar.testing import TestClient

from agent.clock import Clock
from agent.wire.messages import CloudEvent, LaneNote, LinkNote, SensorNote, State, digest
from centre.console import security
from centre.console.app import application
from centre.homes import Home
from centre.intake import Entry
from centre.lanes import Position
from centre.silence.seen import Seen, Standing
from centre.site.site import Site
from centre.store.schema import AUDIT, LOOK, SEEN
from rules.reports import TYPE_OF, AlarmCancelled, FaultNote, Report
from rules.reports import Clock as ClockReading
from rules.values import utc
from tests.centre.console.desk_of_cases import Browser, DeskOfCases
from tests.support.sites import NOW_MS, SETTINGS, Box

MINUTE_MS, DAY_MS = 60_000, 86_400_000

SENSORS = (
    ("pendant-1", "pendant", "worn"),
    ("bath-floor", "flood", "bathroom"),
    ("living-room-temperature", "temperature", "living-room"),
    ("hall-motion", "motion", "hall"),
    ("front-door", "door", "hall"),
)


PAGES = tuple(
    f"centre.console.{name}"
    for name in ("homes", "exporting", "plans", "commands", "enrolling", "worklist", "tests_page")
)


class HomesDesk(DeskOfCases):
    """The desk, with a site."""

    def __init__(self, folder: Path, site: Path, clock: Clock | None = None, *, store: bytes = b"") -> None:
        super().__init__(folder, clock, store=store)
        self.site = Site.open(shutil.copytree(site, folder / "site"))
        self.services.site = self.site
        self.boxes: dict[str, Box] = {}
        self._apps: list[Litestar] = []
        self._events = 0

    def close(self) -> None:
        self.site.close()
        super().close()

    def awaited(self, hub: str) -> Any:
        """A code was issued for a box that has not come."""
        return self.site.issue_token(hub, 72 * 3_600, self.now_ms)

    def enrolled(self, hub: str) -> Box:
        code = self.awaited(hub)
        self.boxes[hub] = box = Box()
        self.site.enrol(box.enrol(code), self.now_ms)
        return box

    def home(self, hub: str, *, heard_ago_ms: int = 30_000, faults: tuple[Standing, ...] = (), **seen: Any) -> None:
        """A box that has enrolled, is connected, and has said how it is."""
        self.enrolled(hub)
        heard = self.now_ms - heard_ago_ms
        self.seen(hub, online=True, online_ms=heard, checked_in_ms=heard, faults=faults, **seen)
        self.said(hub, faults=tuple(FaultNote(each.fault, each.subject, each.priority) for each in faults))

    def seen(self, hub: str, **facts: Any) -> None:
        body = msgspec.json.encode(Seen(hub=hub, enrolled_ms=self.now_ms - 30 * DAY_MS, **facts))
        with self.database.writing() as connection:
            connection.execute(self.database.upsert(SEEN, {"hub": hub, "body": body}))

    def said(self, hub: str, **facts: Any) -> None:
        """The hub's state document."""
        heard = utc(self.now_ms - 5 * MINUTE_MS)
        given: dict[str, Any] = {
            "aud": "centre",
            "iat": self.now_ms // 1000,
            "time": utc(self.now_ms),
            "clock": self.reading(),
            "epoch": "e1",
            "software": "0.1.0",
            "plan_version": 1,
            "mode": "home",
            "sensors": tuple(
                SensorNote(sensor=name, kind=kind, location=place, heard=heard, active=False)
                for name, kind, place in SENSORS
            ),
            "links": (LinkNote(uplink="main", up=True), LinkNote(uplink="modem", up=True)),
            "alarms": (),
            "faults": (),
            "lanes": {lane: LaneNote(last=9, waiting=0, oldest=None) for lane in ("a", "t")},
            "counters": {},
            "power": "mains",
            "battery": 97,
        }
        state = State(**{**given, "faults_total": len(facts.get("faults", ())), **facts})
        home = Home(hub=hub, lines=("n0nce-0001",), nonce="n0nce-0001", boot="b1", heard_ms=self.now_ms)
        self.services.ledger.keep_state(home, msgspec.json.encode(state), {})

    def reading(self, *, synced: bool = True) -> ClockReading:
        return ClockReading(boot="b1", monotonic_ms=1_000, wall=utc(self.now_ms), synced=synced)

    def report(self, hub: str, report: Report, *, ago_ms: int = 0) -> None:
        """The hub's report, as the intake keeps it."""
        self._events += 1
        name = f"e1-a-{self._events}"
        event = CloudEvent(
            aud="centre",
            iat=self.now_ms // 1000,
            id=name,
            source=f"/hearthline/v1/{hub}/e1/a",
            type=f"hearthline.{TYPE_OF[type(report)]}",
            time=utc(self.now_ms),
            sequence=f"{self._events:020d}",
            data=msgspec.Raw(msgspec.json.encode(report)),
        )
        body = msgspec.json.encode(event)
        at_ms = self.now_ms - ago_ms
        place = Position("e1", "a", self._events)
        self.services.ledger.take(Entry(hub, name, digest(body), event.type, body, at_ms, place))

    def taken_back(self, hub: str, **facts: Any) -> None:
        given: dict[str, Any] = {
            "alarm": "x",
            "kind": "pendant",
            "priority": 1,
            "sensor": "pendant-1",
            "location": "worn",
            "person": "",
            "test": False,
            "silent": False,
            "stage": "pending",
        }
        self.report(hub, AlarmCancelled(clock=self.reading(), **(given | facts)), ago_ms=MINUTE_MS)

    @contextmanager
    def client(self, name: str = "beth", **more: Any) -> Iterator[Browser]:
        """A browser of somebody's, signed in. Several may be open at once."""
        token = self.token(name)
        app = self._apps.pop() if self._apps else application(self.services, pages=PAGES)
        with TestClient(app, base_url="https://console.local", **more) as client:
            client.cookies.set(security.cookie_name("session", secure=True), token)
            yield Browser(client, security.csrf_of(token))
        self._apps.append(app)

    # --- what was written down ----------------------------------------------------------------------

    def looks(self) -> list[tuple[str, str, str, str]]:
        with self.database.reading() as connection:
            rows = connection.execute(
                sa.select(LOOK.c.hub, LOOK.c.who, LOOK.c.why, LOOK.c.fields).order_by(LOOK.c.number)
            )
            return [tuple(row) for row in rows]

    def audit(self, what: str) -> list[tuple[str, str, bytes]]:
        with self.database.reading() as connection:
            asked = sa.select(AUDIT.c.hub, AUDIT.c.who, AUDIT.c.body).where(AUDIT.c.what == what)
            return [tuple(row) for row in connection.execute(asked.order_by(AUDIT.c.number))]


def new_site(folder: Path) -> Path:
    """A site that is whole and has no hub; to be copied."""
    Site.create(folder / "site", SETTINGS, NOW_MS).close()
    return folder / "site"
