"""A desk of the centre: a browser without a screen, and somebody at it who takes each case and closes it soon after.

It does what the console's own script does: hears that something changed, and fetches the part that lives.
"""

import asyncio
import contextlib
import html
import random
import re
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, NoReturn

import httpx

AGAIN_S = 0.5
"""How soon a page whose line broke tries again: the console's script waits a second at first, on average half."""

READ_S = 1.0
"""How long somebody reads a case before closing it: what comes meanwhile is seen by all."""

TIMEOUT_S = 15.0
BEAT_S = 15.0
"""A stream that says nothing for so long is dead: it beats every 10 s."""

_ROW = re.compile(r'<li class="row([^"]*)" id="row-([^"]+)">(.*?)</li>', re.DOTALL)
_HUB = re.compile(r'<span class="home">([^<]*)</span>')
_MORE = re.compile(r'<span class="more">and ([0-9]+) more</span>')
_SEEN = re.compile(r'name="seen" value="([0-9]+)"')
_CSRF = re.compile(r'name="csrf" value="([0-9a-f]+)"')
_RESOLVE = re.compile(r'action="/cases/[^"]+/resolve"')
_CUT = re.compile(r"([0-9]+) more wait behind these")


class Row(NamedTuple):
    """A line of the queue. `free`: nobody has it."""

    case: str
    hub: str
    alarms: int
    needed: bool
    free: bool
    seen: str


class Part(NamedTuple):
    """The queue as it was shown: its lines, how many were cut off, and the token of its forms."""

    rows: tuple[Row, ...]
    cut: int
    csrf: str


def read_part(text: str) -> Part:
    """Read the part of the queue's page that lives."""
    rows = []
    for classes, case, inner in _ROW.findall(text):
        hub, more, seen = _HUB.search(inner), _MORE.search(inner), _SEEN.search(inner)
        name = html.unescape(hub[1]) if hub else ""
        count = 1 + int(more[1]) if more else 1
        rows.append(Row(case, name, count, "needed" in classes.split(), seen is not None, seen[1] if seen else ""))
    cut, csrf = _CUT.search(text), _CSRF.search(text)
    return Part(tuple(rows), int(cut[1]) if cut else 0, csrf[1] if csrf else "")


class Desk:
    """One browser. `shown` is told of every part that is on its screen, as it comes.

    `share`, such as (0, 3), says which cases somebody here answers: those whose number leaves 0 when divided by 3.
    Without one nobody works here.
    """

    def __init__(
        self, address: str, link: str, shown: Callable[[Part], None], *, share: tuple[int, int] | None, seed: int = 0
    ) -> None:
        self._client = httpx.AsyncClient(base_url=address, timeout=TIMEOUT_S)
        self._link, self._shown, self._share = link, shown, share
        self._dice = random.Random(seed)
        self._changed = asyncio.Event()
        self._mine: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._csrf = ""
        self.counters: Counter[str] = Counter()

    async def sign_in(self) -> None:
        """Sign in by a demonstration's link. Raises httpx.HTTPError."""
        page = (await self._client.get(self._link)).raise_for_status()
        token = _CSRF.search(page.text)
        answer = await self._client.post(page.url, data={"csrf": token[1] if token else ""})
        if answer.status_code != httpx.codes.SEE_OTHER:
            raise httpx.HTTPError(f"signing in was answered with {answer.status_code}")

    async def run(self) -> None:
        """Sit there until cancelled."""
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(self._listen())
                tasks.create_task(self._look())
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)
            await self._client.aclose()

    async def _listen(self) -> NoReturn:
        """Hear the stream; begin it again when it breaks, and look then: something may have changed meanwhile."""
        while True:
            try:
                timeout = httpx.Timeout(TIMEOUT_S, read=BEAT_S)
                headers = {"accept": "text/event-stream"}
                async with self._client.stream("GET", "/live", headers=headers, timeout=timeout) as stream:
                    stream.raise_for_status()
                    self._changed.set()
                    async for line in stream.aiter_lines():
                        if line.startswith("event: changed"):
                            self._changed.set()
                self.counters["streams that ended"] += 1
            except httpx.HTTPError:
                self.counters["streams that broke"] += 1
            await asyncio.sleep(AGAIN_S * self._dice.uniform(0.5, 1.5))

    async def _look(self) -> NoReturn:
        """Fetch what lives whenever it changed: one fetch at a time."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                answer = (await self._client.get("/queue/part")).raise_for_status()
            except httpx.HTTPError:
                self.counters["parts that failed"] += 1
                await asyncio.sleep(AGAIN_S)
                self._changed.set()
                continue
            part = read_part(answer.text)
            self._csrf = part.csrf or self._csrf
            self.counters["parts"] += 1
            self._shown(part)
            self._begin_with(part)

    # --- somebody works here -------------------------------------------------------------------------

    def _begin_with(self, part: Part) -> None:
        for row in part.rows:
            if row.free and self._is_ours(row.case) and row.case not in self._mine:
                self._mine.add(row.case)
                self._do(self._answer(row))

    def _is_ours(self, case: str) -> bool:
        number = case.rpartition("-")[2]
        return self._share is not None and number.isdigit() and int(number) % self._share[1] == self._share[0]

    def _do(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _answer(self, row: Row) -> None:
        """Take a case; close it some seconds later, having looked at it."""
        await asyncio.sleep(self._dice.uniform(0, 2))
        if not await self._act(row.case, "take", {"seen": row.seen}):
            self._mine.discard(row.case)
            return
        while True:
            await asyncio.sleep(self._dice.uniform(1, 5))
            with contextlib.suppress(httpx.HTTPError):
                page = await self._client.get(f"/cases/{row.case}/part")
                if page.is_success and not _RESOLVE.search(page.text):
                    return  # not ours any more, or closed
                seen = _SEEN.search(page.text)
                await asyncio.sleep(READ_S)
                form = {"seen": seen[1] if seen else "0", "outcome": "reassured", "note": ""}
                if page.is_success and await self._act(row.case, "resolve", form):
                    return

    async def _act(self, case: str, did: str, form: dict[str, str]) -> bool:
        try:
            answer = await self._client.post(f"/cases/{case}/{did}", data={**form, "csrf": self._csrf})
        except httpx.HTTPError:
            self.counters[f"{did}: no answer"] += 1
            return False
        self.counters[f"{did}: {answer.status_code}"] += 1
        return answer.status_code == httpx.codes.SEE_OTHER
