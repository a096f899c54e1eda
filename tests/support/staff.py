"""Staff for tests: a roster whose hashes cost nothing, people in it who can sign in, and browsers that are."""

from dataclasses import dataclass
from typing import Any

import httpx
from argon2 import PasswordHasher

from agent.clock import Clock
from centre.staff import codes, sessions
from centre.staff.door import Entered, Try
from centre.staff.passwords import Hashing
from centre.staff.roster import Roster
from centre.staff.values import SHELL
from centre.store.database import Database
from centre.store.records import Role
from centre.store.sealing import Keyring

CHEAP = Hashing(PasswordHasher(time_cost=1, memory_cost=8, parallelism=1))
PASSWORD = "violet tractor under nine lakes"  # noqa: S105 -- nobody's
ROLES: tuple[Role, ...] = ("operator", "supervisor", "installer", "auditor")


def make_roster(database: Database, keyring: Keyring, clock: Clock, *, demonstration: bool = False) -> Roster:
    return Roster(database, keyring, clock, hashing=CHEAP, demonstration=demonstration)


@dataclass
class Member:
    """Somebody who can sign in, and the app on their phone."""

    roster: Roster
    clock: Any
    name: str
    secret: bytes
    recovery: list[str]
    password: str = PASSWORD

    def code(self) -> str:
        """Give a code that was not used yet: time goes on to the next."""
        self.clock.later(codes.STEP_S * 1_000)
        return codes.code_at(self.secret, self.clock.now().wall_ms)

    def sign_in(self, *, code: str | None = None, password: str | None = None, **more: str) -> Entered:
        brought = Try(
            name=self.name,
            password=self.password if password is None else password,
            code=self.code() if code is None else code,
            **more,
        )
        return self.roster.door.sign_in(brought)


def member(roster: Roster, clock: Any, name: str, role: Role = "operator", shown: str = "") -> Member:
    """Add somebody who has set up password and second factor. The clock can be moved by `later(ms)`."""
    roster.add(SHELL, name, shown or name.title(), role)
    link = roster.links.make(SHELL, name)
    offer = roster.offer(name)
    code = codes.code_at(offer.secret, clock.now().wall_ms)
    recovery = roster.links.set_up(link, PASSWORD, offer, code)
    return Member(roster, clock, name, offer.secret, recovery)


def added(roster: Roster, name: str, role: Role = "operator") -> str:
    """Add somebody, for tests in which nobody signs in by hand; give the name."""
    roster.add(SHELL, name, name.title(), role)
    return name


def session(database: Database, name: str, at_ms: int) -> str:
    """Begin a session of somebody there is, without the door; give its token."""
    with database.writing() as connection:
        return sessions.begin(connection, name, "a test's browser", at_ms)


def wear(client: httpx.Client | httpx.AsyncClient, token: str) -> None:
    """Let a test's browser be signed in by a token. Its addresses begin with https."""
    client.cookies.set("__Host-hearthline-session", token)
    client.headers["x-csrf-token"] = csrf(token)


def csrf(token: str) -> str:
    """Give the token of a session's forms."""
    from centre.console.security import csrf_of  # noqa: PLC0415 -- staff's own tests need no web

    return csrf_of(token)
