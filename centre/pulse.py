"""The pulse: looks at the store four times a second, once per process, and tells every open page that it changed.

It also says what must never go unnoticed: that the store is down, that the centre is deaf, that nobody is watching.
"""

import asyncio
import logging
import threading
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from typing import Literal

import msgspec
import sqlalchemy as sa
from msgspec.structs import replace

from agent.clock import Clock
from centre.cases.case import Case
from centre.intake import LedgerDownError
from centre.silence import Silence
from centre.staff.roster import Roster
from centre.store.database import Database
from centre.store.schema import AUDIT, COMMAND, KEPT, PLAN
from centre.work.bell import listening
from centre.work.commands import UNDER_WAY
from centre.work.desk import Desk
from centre.work.keeping import HEALTH, SILENCE, Health
from rules.values import Value

_log = logging.getLogger(__name__)

POLL_S = 0.25
BEAT_S = 10.0
"""How often a page hears that the line is up, when there is nothing else to say."""

WATCH_MS = 30_000
"""A watch that has not ticked for so long (it does every 5 s) is not watching."""

LATELY_MS = 600_000
"""A part of a process that died of a bug so lately is told of."""

STALE_MS = 5_000
"""A pulse so old shows what was, and not what is."""

STREAM_S = 120.0
"""After so long a page connects anew: whoever was signed out meanwhile does not get in again."""

STREAMS_MAX, EACH_STREAMS_MAX = 200, 40
"""Of all, and of one of the staff: none can take the others' away, and leave their desks deaf (S12)."""

Word = tuple[Literal["changed", "beat", "stale"], int]
"""What a page is told, with the number of what there is to see."""

_PLANS_LOOKED_AT = 20


class View(Value, frozen=True, kw_only=True):
    """What there was at the last look. `number` rises with every change that a page may show.

    `down`: why the store could not be read, and since when its words are old; "" if it could. `deaf`, `unwatched`: the
    centre hears no hub; no watch has ticked lately. `watch_ms` is when it last did, None for never. `at_ms`, `ms`: when
    this was, by the wall and since boot. `ailing`: which of the centre's processes say that they are unwell. `names`:
    what colleagues call each operator.
    """

    number: int
    at_ms: int = 0
    ms: int = 0
    down: str = ""
    unwatched: bool = False
    watch_ms: int | None = None
    silence: Silence | None = None
    ailing: tuple[str, ...] = ()
    mark: tuple[object, ...] = ()
    cases: tuple[Case, ...] = ()
    names: dict[str, str] = msgspec.field(default_factory=dict)

    @property
    def deaf(self) -> bool:
        """Whether the watch has announced that the centre itself hears nobody."""
        return self.silence is not None and self.silence.deaf


class Pulse:
    """Looks, and tells. `look` may be called from any thread, `run` and `follow` are for the event loop's."""

    def __init__(self, database: Database, desk: Desk, roster: Roster, clock: Clock) -> None:
        self._database, self._desk, self._roster, self._clock = database, desk, roster, clock
        self._lock = threading.Lock()
        self._view = View(number=clock.now().wall_ms)  # a restarted console's numbers are new ones
        self._loop: asyncio.AbstractEventLoop | None = None
        self._changed = asyncio.Event()
        self.streams_of: Counter[str] = Counter()

    @property
    def streams(self) -> int:
        """How many pages are told."""
        return self.streams_of.total()

    @property
    def view(self) -> View:
        """What there was at the last look."""
        return self._view if self._view.ms else self.look()

    @property
    def stale(self) -> bool:
        """Whether the last look was so long ago that nothing here can be relied on."""
        return self._clock.now().ms - self._view.ms > STALE_MS

    def look(self) -> View:
        """Look now: after one's own act, so that the next page shows it. Blocking; raises nothing."""
        with self._lock:
            before = self._view
            after = self._looked(before)
            if _signs(after) != _signs(before):
                after = replace(after, number=before.number + 1)
            self._view = after
        if after.number != before.number and self._loop is not None:
            self._loop.call_soon_threadsafe(self._tell)
        return after

    async def run(self) -> None:
        """Look for ever."""
        self._loop = asyncio.get_running_loop()
        try:
            with listening(self._desk.changed) as ear:
                while True:
                    await asyncio.to_thread(self.look)
                    await ear.wait(POLL_S)  # what another process changed is found by looking
        finally:
            self._loop = None

    async def follow(self, who: str, allowed: Callable[[], Awaitable[bool]]) -> AsyncIterator[Word]:
        """Tell a page of somebody's: at once how things are, then each change, and every 10 s that the line is up.

        It ends as soon as whoever looks is no longer `allowed`, which is asked before each word.
        """
        until = asyncio.get_running_loop().time() + STREAM_S
        told = 0
        await asyncio.to_thread(lambda: self.view)
        self.streams_of[who] += 1
        try:
            while asyncio.get_running_loop().time() < until and await allowed():
                changed = self._changed
                if self.stale:
                    yield "stale", told
                elif self._view.number != told:
                    told = self._view.number
                    yield "changed", told
                else:
                    yield "beat", told
                try:
                    await asyncio.wait_for(changed.wait(), BEAT_S)
                except TimeoutError:
                    continue
        finally:
            self.streams_of[who] -= 1

    def _tell(self) -> None:
        self._changed.set()
        self._changed = asyncio.Event()

    def _looked(self, before: View) -> View:
        now = self._clock.now()
        try:
            with self._database.reading() as connection:
                mark, kept = _read(connection)
            silence = msgspec.json.decode(kept[SILENCE], type=Silence) if SILENCE in kept else None
            # Read after its mark: what comes in between is shown now, and once more.
            same = mark == before.mark
            cases = before.cases if same else tuple(self._desk.standing())
            names = before.names if same else {each.name: each.shown for each in self._roster.everybody()}
        except LedgerDownError as error:
            return replace(before, at_ms=now.wall_ms, ms=now.ms, down=str(error))
        except Exception:  # noqa: BLE001 -- a bug in one look must not end all looking; pages say so, loudly
            _log.exception("the pulse could not look")
            return replace(before, at_ms=now.wall_ms, ms=now.ms, down="the console failed: see its log")
        watch_ms = silence.at_ms if silence is not None else None
        return View(
            number=before.number,
            at_ms=now.wall_ms,
            ms=now.ms,
            unwatched=watch_ms is None or abs(now.wall_ms - watch_ms) > WATCH_MS,
            watch_ms=watch_ms,
            silence=silence,
            ailing=_ailing(kept, now.wall_ms),
            mark=mark,
            cases=cases,
            names=names,
        )


def _read(connection: sa.Connection) -> tuple[tuple[object, ...], dict[str, bytes]]:
    """Read what tells that anything changed: cheap, for it is asked four times a second."""
    c = COMMAND.c
    under_way = sa.select(c.state, sa.func.count(), sa.func.max(c.changed_ms)).group_by(c.state).order_by(c.state)
    latest = sa.select(PLAN.c.changed_ms).order_by(PLAN.c.number.desc()).limit(_PLANS_LOOKED_AT).subquery()
    mark = (
        connection.scalar(sa.select(sa.func.max(AUDIT.c.number))),
        *(tuple(row) for row in connection.execute(under_way.where(c.state.in_(UNDER_WAY)))),
        connection.scalar(sa.select(sa.func.max(latest.c.changed_ms))),
    )
    name = KEPT.c.name
    kept = connection.execute(sa.select(name, KEPT.c.body).where((name == SILENCE) | name.startswith(HEALTH)))
    return mark, {each: body for each, body in kept}  # noqa: C416 -- a row is no pair to mypy


def _ailing(kept: Mapping[str, bytes], now_ms: int) -> tuple[str, ...]:
    """Say which processes are unwell by their own word. One that says nothing may have been taken out of use."""
    found = []
    for name, body in sorted(kept.items()):
        if not name.startswith(HEALTH):
            continue
        health = msgspec.json.decode(body, type=Health)
        if now_ms - health.at_ms > WATCH_MS:
            continue
        if health.line:
            found.append(f"{health.worker} has no line to the broker")
        dying = [
            each for each, part in sorted(health.parts.items()) if part.restarts and now_ms - part.at_ms < LATELY_MS
        ]
        if dying:
            found.append(f"{health.worker} fails and is started again: {', '.join(dying)}")
    return tuple(found)


def _signs(view: View) -> tuple[object, ...]:
    """What a page shows of it: the watch's ticks alone are no change."""
    silence = view.silence or Silence()
    return view.mark, bool(view.down), view.unwatched, view.ailing, silence.deaf, silence.troubles, silence.incidents
