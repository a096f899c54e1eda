"""Whose hubs these are: the site's registry, read again by the running centre whenever its file has changed."""

import threading
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

from joserfc.jwk import ECKey

from agent.wire.envelope import Key
from centre.site.folder import REGISTRY
from centre.site.site import HubRecord, Site

READ_EVERY = 50
"""At every so manieth look the registry is read whatever its files look like: two writings can look like one."""

_Mark = tuple[tuple[int, int, int], ...]


class Member(NamedTuple):
    """A hub that belongs to us: what it signs by, what its plans are encrypted to, and since when (Unix ms)."""

    hub: str
    signing: Key
    plan: Key | None
    enrolled_ms: int


class Roll(NamedTuple):
    """Who belongs to us, and who does no more. `number` rises with every change."""

    number: int
    members: Mapping[str, Member]
    revoked: frozenset[str]


class Members(Protocol):
    """Tells who belongs to us."""

    def look(self) -> Roll:
        """Give the roll as it is now. Cheap while nothing has changed. Raises SiteError. From any thread."""


class SiteMembers:
    """The hubs of a site, by its registry: enrolled or revoked in this process or another."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._mark: _Mark = ()
        self._roll = Roll(0, {}, frozenset())
        self._known: dict[tuple[str, str], Member] = {}
        self._looks = 0
        self._turn = threading.Lock()

    def look(self) -> Roll:
        """Give the roll as it is now. Raises SiteError."""
        with self._turn:
            return self._look()

    def _look(self) -> Roll:
        mark = _mark(self._site.folder / REGISTRY)  # before the reading: what comes in between is read next time
        self._looks += 1
        if mark != self._mark or not mark or self._looks % READ_EVERY == 0:
            hubs = self._site.hubs()
            members = {each.hub: self._member(each) for each in hubs if each.state == "enrolled" and each.signing}
            revoked = frozenset(each.hub for each in hubs if each.state == "revoked")
            if members != self._roll.members or revoked != self._roll.revoked:
                self._roll = Roll(self._roll.number + 1, members, revoked)
            self._mark = mark
        return self._roll

    def _member(self, record: HubRecord) -> Member:
        key = (record.signing, record.plan)
        member = self._known.get(key)
        if member is None:
            plan = ECKey.import_key(record.plan) if record.plan else None
            member = Member(record.hub, ECKey.import_key(record.signing), plan, record.enrolled_ms)
            self._known[key] = member
        return member


def _mark(registry: Path) -> _Mark:
    """Tell one state of the registry's files from the next; empty if they cannot be seen."""
    marks = []
    for path in (registry, registry.with_name(f"{registry.name}-wal")):
        try:
            stat = path.stat()
        except OSError:
            marks.append((0, 0, 0))
        else:
            marks.append((stat.st_ino, stat.st_mtime_ns, stat.st_size))
    return tuple(marks) if any(mark != (0, 0, 0) for mark in marks) else ()
