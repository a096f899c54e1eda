"""A console with invented people, homes and cases: for its tests, and to look at."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC
from pathlib import Path
from typing import Any

import msgspec
import uvicorn
from litestar import Litestar
from litestar.testing import TestClient
from msgspec.structs import replace

from agent.clock import Clock, SystemClock
from centre.cases.case import Case
from centre.cases.events import Act, Found, Heard, Took
from centre.console import security
from centre.console.app import application
from centre.pulse import Pulse
from centre.services import Services
from centre.settings import Settings
from centre.silence import Silence
from centre.staff import sessions
from centre.staff.consent import Consents
from centre.staff.roster import Roster
from centre.store.cases import Cases
from centre.store.database import Database
from centre.store.ledger import StoredLedger
from centre.store.records import ContactPerson, Health, Person, Record, Records, Role
from centre.store.schema import KEPT
from centre.store.sealing import Keyring
from centre.work.commands import CommandBook
from centre.work.desk import Desk
from centre.work.plans import PlanBook
from rules.kinds import KINDS
from rules.values import Now

DESKS = ("centre.console.queue", "centre.console.case", "centre.console.live")
PRIORITY = {kind.name: kind.priority for kind in KINDS}
STAFF: tuple[tuple[str, str, Role], ...] = (
    ("asha", "Asha Kaur", "supervisor"),
    ("beth", "Beth Morgan", "operator"),
    ("carl", "Carl Jones", "operator"),
    ("ines", "Ines Roy", "installer"),
    ("otto", "Otto Weiss", "auditor"),
)
MARYS = Record(
    persons=(Person(ref="resident", name="Mary Example", language="pa"),),
    address="12 Sample Street\nFlat 3\nTesttown TE1 0ST",
    telephone="01632 960 001",
    access="Green door beside the bakery, first floor. The bell does not work.",
    key_safe="Left of the door, behind the meter: 4711",
    contacts=(
        ContactPerson(
            ref="daughter", name="Priya Example", telephone="+44 1632 960 002", relation="daughter", holds_key=True
        ),
        ContactPerson(ref="neighbour", name="Tom Nextdoor", telephone="01632 960003", relation="neighbour"),
    ),
    hazards="Oxygen cylinder in the bedroom. The dog bites.",
    health=(
        Health(
            ref="resident", born="1941", needs="Insulin at 8 and 20 h. Walks with a frame. Hard of hearing on the left."
        ),
    ),
    notes="Prefers to be called Mrs Example.",
)


class SetClock:
    """A clock that tests move."""

    boot = "b00t"

    def __init__(self, wall_ms: int = 1_800_000_000_000) -> None:
        self.wall_ms = wall_ms

    def now(self) -> Now:
        return Now(self.wall_ms - 1_799_000_000_000, self.wall_ms, True)

    def move(self, ms: int) -> None:
        self.wall_ms += ms


class DeskOfCases:
    """Services on a real store, and short ways to what is done to them."""

    def __init__(self, folder: Path, clock: Clock | None = None, *, store: bytes = b"") -> None:
        """`store` is the file of a store without a row: copied faster than made."""
        self.clock = clock or SystemClock()
        if store:
            (folder / "store.db").write_bytes(store)
        self.database = Database(f"sqlite:///{folder / 'store.db'}")
        keyring = Keyring.make(folder / "keyring.json")
        roster = Roster(self.database, keyring, self.clock)
        cases, commands = Cases(self.database), CommandBook(self.database, self.clock)
        self.desk = Desk(self.database, cases, commands, self.clock, roster.knows)
        self.services = Services(
            clock=self.clock,
            database=self.database,
            ledger=StoredLedger(self.database),
            cases=cases,
            desk=self.desk,
            commands=commands,
            plans=PlanBook(self.database, keyring, self.clock),
            records=Records(self.database, keyring),
            roster=roster,
            consents=Consents(self.database, self.clock),
            keyring=keyring,
            pulse=Pulse(self.database, self.desk, roster, self.clock),
            settings=Settings(data=folder, worker="test"),
            zone=UTC,
        )
        for name, shown, role in STAFF:
            roster.add("shell", name, shown, role)
        self.watched()
        self._alarms = 0
        self._app: Litestar | None = None

    @property
    def now_ms(self) -> int:
        return self.clock.now().wall_ms

    def close(self) -> None:
        self.database.close()

    def act(self, kind: type[Act], case: Case, by: str, **facts: Any) -> Case:
        """Somebody does something, having seen the case as it is here."""
        return self.desk.act(case.id, kind(at_ms=self.now_ms, by=by, seen=case.version, **facts))  # type: ignore[arg-type]

    # --- what happens --------------------------------------------------------------------------------

    def alarm(self, hub: str, kind: str = "pendant", *, ago_ms: int = 0, **facts: Any) -> Case:
        """A hub calls. An alarm that is named again is the same one."""
        self._alarms += 1
        event = Heard(
            at_ms=self.now_ms - ago_ms,
            **{
                "ref": f"e1-a-{self._alarms}",
                "what": "raised",
                "alarm": f"alarm-{self._alarms}",
                "kind": kind,
                "priority": PRIORITY.get(kind, 4),
                "sensor": f"{kind}-1",
                "location": "bathroom",
                "person": "resident",
                **facts,
            },
        )
        return self.desk.take_in(hub, [event])[-1]

    def found(self, hub: str, cause: Any, *, ago_ms: int = 0, **facts: Any) -> Case:
        return self.desk.take_in(hub, [Found(at_ms=self.now_ms - ago_ms, cause=cause, **facts)])[-1]

    def record(self, hub: str, record: Record = MARYS) -> None:
        self.services.records.keep(hub, record, "supervisor", "asha", self.now_ms)

    def watched(self, silence: Silence | None = None, *, ago_ms: int = 0) -> None:
        """The watch has ticked."""
        kept = replace(silence or Silence(), at_ms=self.now_ms - ago_ms)
        with self.database.writing() as connection:
            values = {"name": "silence", "body": msgspec.json.encode(kept)}
            connection.execute(self.database.upsert(KEPT, values))

    # --- who asks ------------------------------------------------------------------------------------

    def token(self, name: str) -> str:
        """Somebody signs in; the token of their cookie."""
        with self.database.writing() as connection:
            return sessions.begin(connection, name, "a test", self.now_ms)

    @contextmanager
    def client(self, name: str = "beth", **more: Any) -> Iterator["Browser"]:
        """A browser of somebody's, signed in."""
        token = self.token(name)
        self._app = self._app or application(self.services, pages=DESKS)
        with TestClient(self._app, base_url="https://console.local", **more) as client:
            client.cookies.set(security.cookie_name("session", secure=True), token)
            yield Browser(client, security.csrf_of(token))


class Browser:
    """Asks for pages, and sends forms with their token."""

    def __init__(self, client: TestClient[Any], csrf: str) -> None:
        self.http, self.csrf = client, csrf

    def get(self, path: str, **more: Any) -> Any:
        return self.http.get(path, **more)

    def post(self, path: str, form: dict[str, Any] | None = None, **more: Any) -> Any:
        more.setdefault("follow_redirects", False)
        return self.http.post(path, data={"csrf": self.csrf, **(form or {})}, **more)


@contextmanager
def served(services: Services) -> Iterator[str]:
    """The console on a port of the kernel's choosing; gives its address."""
    server = uvicorn.Server(
        uvicorn.Config(
            application(services), host="127.0.0.1", port=0, log_level="warning", timeout_graceful_shutdown=1
        )
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        while not server.started and thread.is_alive():
            thread.join(0.02)
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(10)


def furnish(desk: DeskOfCases) -> None:
    """An evening at the centre."""
    desk.record("hub-3f7a")
    desk.alarm("hub-3f7a", "fall", ago_ms=205_000, more={"rule": "window-ended"})
    desk.alarm("hub-3f7a", "pendant", ago_ms=190_000, more={"rule": "second-press"})
    desk.alarm("hub-90bc", "pendant", ago_ms=75_000, location="kitchen")
    desk.alarm("hub-11de", "door-button", ago_ms=20_000, location="front-door", silent=True)
    desk.found("hub-77aa", "silence", ago_ms=40_000, priority=2, text="lost: its line broke, and it has not come back")
    desk.act(Took, desk.alarm("hub-c0de", "smoke", ago_ms=600_000, location="kitchen"), "carl")
    desk.act(Took, desk.alarm("hub-4d4d", "inactivity", ago_ms=900_000, location=""), "beth")
    desk.alarm("hub-5e5e", "visit-missed", ago_ms=30_000, location="")
    desk.alarm("hub-6f6f", "test", ago_ms=30_000, test=True, silent=True, location="")
