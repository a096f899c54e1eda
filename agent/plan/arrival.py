"""Where a care plan comes in, by MQTT or as a file: opened, read, proven, kept, and only then offered (S9).

Nothing waits on it: it has one place where the newest plan waits its turn, and a part of its own in the daemon.
"""

import asyncio
import contextlib
import os
import stat
from collections import deque
from collections.abc import Awaitable, Callable
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, NamedTuple

import msgspec

from agent.files import write_whole
from agent.plan.keeping import Keeping
from agent.plan.proving import Verdict
from agent.plan.reading import PlanDocument, PlanError, parse, read_plan
from agent.wire.envelope import DOCUMENT_BYTES_MAX, EnvelopeError, Key, Verifier
from agent.wire.sealing import AddressError, SealError, open_plan
from rules.events import PartChanged, PlanOffered, PlanRefused
from rules.plan import Plan
from rules.state import House
from rules.values import TEXT_CHARS_MAX

DROPPED = "plan.toml"
"""A plan laid here, in the hub's own directory, is taken: only the hub's user and root can lay one."""

OUTCOME = "plan.outcome.json"
"""What became of the last one that was laid there."""

REFUSED = "plan.toml.refused"
"""Where one that was not taken goes, so that nobody's work is lost."""

LOOK_EVERY_S = 1.0
APPLIED_S = 10.0
"""How long the house may take over a plan that was offered, before whoever laid it is told that it is not known."""

JUDGED_MAX = 32
"""S12: how many plans are remembered as judged: brokers deliver a retained one again on every connection."""

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_PART = "care plan"

Word = Literal["applied", "in-force", "refused"]


class Outcome(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a plan. `digest` is the SHA-256 of what was laid. `transient`: another time it may go better."""

    outcome: Word
    version: int = 0
    reasons: tuple[str, ...] = ()
    digest: str = ""
    transient: bool = False

    @property
    def reason(self) -> str:
        """The reasons on one line, as long as a report's may be."""
        return "; ".join(self.reasons)[:TEXT_CHARS_MAX]


class Gate(NamedTuple):
    """What decides whether a plan comes from the centre: this hub's id, the centre's keys, our key for plans."""

    hub: str
    verifier: Verifier
    key: Key | None


class Plans:
    """Takes plans. `prove` judges them, `carry` runs what writes to the disk on a thread, `refuse` counts (S8)."""

    def __init__(  # noqa: PLR0913 -- the parts it is wired to, named at the call
        self,
        state_dir: Path,
        gate: Gate,
        keeping: Keeping,
        *,
        house: Callable[[], House],
        put: Callable[..., bool],
        refuse: Callable[[str, str, bytes], None],
        prove: Callable[[Plan], Awaitable[Verdict]],
        carry: Callable[..., Awaitable[Any]] = asyncio.to_thread,
        look_every_s: float = LOOK_EVERY_S,
    ) -> None:
        self._dropped = state_dir / DROPPED
        self._outcome = state_dir / OUTCOME
        self._gate = gate
        self.keeping = keeping
        self._house = house
        self._put = put
        self._refuse = refuse
        self._prove = prove
        self._carry = carry
        self._look_every_s = look_every_s
        self._waiting: bytes | None = None
        self._bell = asyncio.Event()
        self._durable = asyncio.Event()
        self._tidied = frozenset((0,))
        self._judged: deque[str] = deque(maxlen=JUDGED_MAX)
        self._judging = ""
        self._told_incomplete = False

    # --- coming in -----------------------------------------------------------------------------------

    def at_start(self) -> None:
        """Offer again what was kept and is not in force: the hub stopped in between, or its house was lost."""
        waiting = self.keeping.waiting()
        if waiting is not None:
            self._put(PlanOffered(waiting.plan))

    def arrived(self, token: bytes) -> None:
        """Take what came on the plan's topic. The newest waits; one that was or is being judged is not judged again."""
        if _digest(token) not in (*self._judged, self._judging):  # S4
            self._waiting = token
            self._bell.set()

    async def run(self) -> None:
        """Judge what comes, one at a time, until cancelled."""
        while True:
            await self.turn()
            self._bell.clear()
            if self._waiting is None:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(self._look_every_s):
                        await self._bell.wait()

    async def turn(self) -> None:
        """Judge what is there now."""
        token, self._waiting = self._waiting, None
        if token is not None:
            self._judging = _digest(token)
            try:
                await self._judge_token(token)
            finally:
                self._judging = ""
        if self._dropped.exists():
            await self._judge_file()
        self._watch_numbers()
        if (needed := self.keeping.needed()) != self._tidied:
            self._tidied = needed
            await self._carry(self.keeping.tidy, needed)

    def _watch_numbers(self) -> None:
        """S7: a plan whose numbers are gone texts nobody: somebody must send it again."""
        incomplete = not self.keeping.complete
        if incomplete != self._told_incomplete:
            self._told_incomplete = incomplete
            reason = "the numbers and texts of the plan in force are lost: send it again" if incomplete else ""
            self._put(PartChanged(_PART, ok=not incomplete, reason=reason))

    # --- by MQTT -------------------------------------------------------------------------------------

    async def _judge_token(self, token: bytes) -> None:
        """S8: what is not the centre's word to this hub is counted, and changes nothing else."""
        gate = self._gate
        try:
            raw = open_plan(token, gate.hub, gate.verifier, gate.key)
        except (EnvelopeError, AddressError) as error:
            self._refuse("plan", str(error), token)
            self._judged.append(_digest(token))
            return
        except SealError as error:
            outcome = Outcome(outcome="refused", version=error.version, reasons=(str(error),))
        else:
            outcome = await self._judge(raw)
        if outcome.outcome == "refused":
            self._put(PlanRefused(outcome.version, outcome.reason))
        if not outcome.transient:
            self._judged.append(_digest(token))

    # --- as a file -----------------------------------------------------------------------------------

    async def _judge_file(self) -> None:
        content = b""
        try:
            content = _read_private(self._dropped)
            outcome = await self._judge(parse(content, DROPPED, json=content.lstrip()[:1] == b"{"))
        except PlanError as error:
            outcome = _refused(0, error)
        if outcome.outcome == "refused":
            self._put(PlanRefused(outcome.version, outcome.reason))
        elif outcome.outcome == "applied":
            outcome = await self._settled(outcome)
        with contextlib.suppress(OSError):  # what cannot be told is seen in the status, and in what the centre hears
            await self._carry(self._tell, msgspec.structs.replace(outcome, digest=_digest(content)))

    async def _settled(self, outcome: Outcome) -> Outcome:
        """Wait for the house's word: only that puts a plan in force. A bad disk is not waited for (S1)."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(APPLIED_S):
                await self._durable.wait()
        if self._house().plan.version == outcome.version:
            return outcome
        reason = "it was proven and kept, and is not in force yet: see hearthline status"
        return Outcome(outcome="refused", version=outcome.version, reasons=(reason,), transient=True)

    def _tell(self, outcome: Outcome) -> None:
        """Write the outcome, then take the plan away: one cut short is judged again, which changes nothing (S4)."""
        write_whole(self._outcome, msgspec.json.encode(outcome), new=self._outcome.with_suffix(".new"))
        if outcome.outcome == "refused":
            self._dropped.replace(self._dropped.with_name(REFUSED))
        else:
            self._dropped.unlink()

    # --- either way ----------------------------------------------------------------------------------

    async def _judge(self, raw: dict[str, Any]) -> Outcome:
        """Judge a document; one that is well is kept and offered, in that order."""
        try:
            document = await self._carry(read_plan, raw, self._house().config)  # it may take a moment: alarms go on
        except PlanError as error:
            return _refused(_version(raw), error)
        version, in_force = document.plan.version, self._house().plan
        if version == 0:
            return _refused(0, "version: found nothing, expected a number that only rises: add version = 1")
        if version < in_force.version:
            return _refused(version, f"version {version} is not newer than {in_force.version}, which is in force")
        if version == in_force.version:
            return await self._same(document, in_force)
        return await self._newer(document)

    async def _newer(self, document: PlanDocument) -> Outcome:
        version = document.plan.version
        verdict = await self._prove(document.plan)
        if not verdict.ok:
            return _refused(version, *verdict.reasons, transient=verdict.transient)
        if (problem := await self._keep(document)) is not None:
            return problem
        self._durable.clear()
        if not self._put(PlanOffered(document.plan), self._durable.set):  # S9: the house decides which is in force
            return _refused(version, "the hub is too busy to take it", transient=True)
        return Outcome(outcome="applied", version=version)

    async def _same(self, document: PlanDocument, in_force: Plan) -> Outcome:
        """Judge a plan of the version that is in force: the same again is nothing, unless its numbers were lost."""
        version = in_force.version
        again = f"version {version} is in force with other content: give the new one a higher version"
        if document.plan != in_force:
            return _refused(version, again)
        kept = self.keeping.private(version)
        if kept is None:
            problem = await self._keep(document)
            return problem or Outcome(outcome="in-force", version=version)
        return Outcome(outcome="in-force", version=version) if kept == document.private else _refused(version, again)

    async def _keep(self, document: PlanDocument) -> Outcome | None:
        try:
            await self._carry(self.keeping.keep, document)
        except OSError as error:
            return _refused(document.plan.version, f"it could not be kept: {error.strerror}", transient=True)
        return None


def _refused(version: int, *reasons: str | PlanError, transient: bool = False) -> Outcome:
    told = [
        str(each) for reason in reasons for each in (reason.problems if isinstance(reason, PlanError) else (reason,))
    ]
    return Outcome(outcome="refused", version=version, reasons=tuple(told), transient=transient)


def _version(raw: dict[str, Any]) -> int:
    """Give the version of a document that may be anything."""
    version = raw.get("version")
    return version if isinstance(version, int) and 0 <= version < 1 << 53 else 0


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()


def _read_private(path: Path) -> bytes:
    """Read a file that only its owner may read, and nothing that merely looks like one. Raises PlanError."""
    try:
        handle = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as file:
            mode = os.fstat(handle).st_mode
            if not stat.S_ISREG(mode):
                raise PlanError(DROPPED, ["not a file: lay a file there"])
            if mode & _OTHERS:
                remedy = f"chmod 600 {path}, or use hearthline plan apply"
                raise PlanError(
                    DROPPED, [f"mode {stat.S_IMODE(mode):04o} lets others read the numbers in it: {remedy}"]
                )
            return file.read(DOCUMENT_BYTES_MAX + 1)
    except OSError as error:
        raise PlanError(DROPPED, [f"{error.strerror}: lay a file there that the hub's user may read"]) from None
