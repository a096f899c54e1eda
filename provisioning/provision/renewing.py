"""Carries a renewal out: asks the site, proves its answer, tries it at the broker, and only then puts it in place.

Cut off anywhere, the hub has a certificate and a configuration that work, and the next run goes on.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine, Iterable, Iterator
from pathlib import Path
from typing import Any, Final, Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from agent.clock import Clock
from agent.config import Uplink
from agent.files import read_small
from agent.maintenance import lay_wanted
from agent.status import RENEWAL_FILE, RenewalStatus, RenewalTrouble
from agent.uplink.trying import Tried, try_ways
from agent.wire.enrolment import EST, Renew, SiteWord
from agent.wire.papers import SiteAnswer
from provisioning.provision import pair, stick, takeover
from provisioning.provision.answers import AnswerError, Proven, prove, prove_word
from provisioning.provision.client import RefusedError, Service, UnreachableError
from provisioning.provision.folder import (
    CA,
    HUB_KEY,
    ISSUING,
    UPLINK,
    UPLINK_KEY,
    WORD,
    FolderError,
    HubFolder,
    root_of,
)
from provisioning.provision.hub_toml import TomlError
from provisioning.provision.keys import new_key, new_request_id, sealed, signing_request
from provisioning.provision.pair import Begun, Pair, put
from provisioning.provision.renewal import (
    Validity,
    best_time,
    due_ms,
    failed,
    hindrance,
    is_near,
    may_try,
    validity,
    well,
)
from provisioning.provision.takeover import Prepared, TakeOverError

OWED = "restart.owed"
"""In the folder of keys, while what is there may differ from what the hub has loaded."""

DELIVERY: Final = "certificate"
"""Why the restart is wanted, for both: keys and ways of the centre too may be what delivery needs (S10)."""

ENDPOINT = "simplereenroll"

_NOTES_BYTES_MAX = 4_096
_BUSY = ("too-many", "down")
"""Refusals that are not meant for us."""


class NotRenewedError(Exception):
    """It is due and cannot be done now; `why` is for the centre, the text for whoever is at the hub."""

    def __init__(self, why: RenewalTrouble, told: str) -> None:
        super().__init__(told)
        self.why: RenewalTrouble = why


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """What a run came to. Times are Unix ms: the certificate's end, when it is renewed, when it is tried again.

    `word` is the version of the site's word that this hub goes by, `restart` whether it was asked to start anew,
    `told` is for people.
    """

    outcome: Literal["renewed", "taken-over", "nothing", "waiting", "asked", "failed"]
    hub: str
    ends_ms: int
    due_ms: int
    word: int
    told: str
    why: RenewalTrouble | None = None
    again_ms: int | None = None
    restart: bool = False


class Known(NamedTuple):
    """What a hub knows before anything is asked. `root` is the pinned one (PEM), `period` the certificate's."""

    hub: str
    word: SiteWord
    root: str
    state_dir: Path
    period: Validity

    @property
    def due_ms(self) -> int:
        """When renewing begins."""
        return due_ms(self.hub, self.period, self.word.offline_days)


class Renewal:
    """A hub's renewal. `make_service` and `ways` are seams: the site's service, and the trial at the broker."""

    def __init__(
        self,
        folder: HubFolder,
        clock: Clock,
        *,
        make_service: Callable[[str, str, Clock], Service] = Service,
        ways: Callable[..., Coroutine[Any, Any, list[Tried]]] = try_ways,
    ) -> None:
        self._folder, self._clock, self._make_service, self._ways = folder, clock, make_service, ways
        self._pair = Pair(folder.keys / UPLINK, folder.keys / UPLINK_KEY)
        self._time: int | None = None
        """Now, in Unix ms, as far as it is known (S6)."""
        self._changed: Literal["renewed", "taken-over"] | None = None

    def run(self, *, force: bool = False, by_stick: Path | None = None) -> Result:
        """Look, and renew if it is due; `force`: in any case. What fails is noted, for the daemon to tell the centre.

        Raises FolderError, AnswerError or TakeOverError for a hub that is not whole, StickError, and OSError when it
        cannot even be noted.
        """
        known = self._known()
        pair.finish(self._pair)
        self._pay(known.state_dir)
        status = _read(known.state_dir)
        now = self._clock.now()
        self._time = best_time(now.wall_ms, trusted=now.synced, server_ms=None)
        if not force and by_stick is None and not may_try(status, self._time):
            return self._result("waiting", "The last attempt failed, and it is too soon for the next.", status)
        try:
            with _troubles(self._folder):
                if by_stick is not None:
                    result, status = self._by_stick(known, status, by_stick, force=force)
                else:
                    result, status = self._by_network(known, status, force=force)
        except NotRenewedError as error:
            status = failed(known.hub, status, self._time, known.period.until_ms, error.why)
            result = self._result("failed", str(error), status)
        finally:
            self._pay(known.state_dir)
        _note(known.state_dir, status)
        return result

    # --- by network, by stick --------------------------------------------------------------------------

    def _by_network(self, known: Known, status: RenewalStatus, *, force: bool) -> tuple[Result, RenewalStatus]:
        service = self._make_service(known.word.enrolment, known.root, self._clock)
        problem, left = None, None
        try:
            said, word = self._ask_word(service, known)
        except NotRenewedError as error:
            problem = error
        due = force or self._due(known)
        if problem is None:
            left = self._follow(known, said, word, due=due)
        elif due or problem.why == "the answer is not proven":
            raise problem
        else:
            seen = replace(status, looked_ms=self._time or status.looked_ms)
            return self._result("nothing", f"Nothing is due. The site could not be asked: {problem}", seen), seen
        if due:
            begun = pair.begin(self._pair, known.hub)
            self._use(known, self._ask_certificate(service, known, begun), left)
        return self._settled(status)

    def _by_stick(
        self, known: Known, status: RenewalStatus, folder: Path, *, force: bool
    ) -> tuple[Result, RenewalStatus]:
        if not (force or self._time is None or self._due(known)):
            return self._settled(status)
        begun = pair.begin(self._pair, known.hub)
        answer = stick.take(folder, begun.request)
        if answer is None:
            request = self._renew(known, begun, self._clock.now().wall_ms // 1_000)
            path = stick.leave(folder, "renew", begun.request, request)
            return self._result("asked", f"The request lies on the stick: {path}", status), status
        proven = prove(answer, request=begun.request, key=begun.key, root=known.root, hub=known.hub)
        said = SiteAnswer(word=answer.word, issuing=answer.issuing)
        self._use(known, proven, self._follow(known, said, proven.word, due=True))
        stick.clear(folder, begun.request)
        return self._settled(status)

    def _due(self, known: Known) -> bool:
        """Whether it is time, or was when it began: what is begun is brought to its end.

        So it is for one that is not good yet: the site's clock was ahead on the day it was made.
        """
        timely = self._time is None or known.period.from_ms <= self._time < known.due_ms
        return not timely or self._pair.next.key.is_file()

    # --- asking ----------------------------------------------------------------------------------------

    def _ask_word(self, service: Service, known: Known) -> tuple[SiteAnswer, SiteWord]:
        """Ask for the site's word, and for the time if our clock is not trusted: who answers has proven itself."""
        with _troubles(self._folder):
            said = service.word()
            word = prove_word(said.word, issuing=said.issuing, root=known.root)
            if self._time is None:
                self._time = self._ask_time(service, known)
            return said, word

    def _ask_time(self, service: Service, known: Known) -> int | None:
        """Learn the service's time: a request made in 1970 is refused, and the refusal is dated."""
        key = new_key()
        begun = Begun(new_request_id(), signing_request(key), key.public_key())
        try:
            service.send(f"{EST}/{ENDPOINT}", lambda _: self._renew(known, begun, 0))
        except RefusedError as error:
            return None if error.date is None else error.date * 1_000
        return None

    def _ask_certificate(self, service: Service, known: Known, begun: Begun) -> Proven:
        try:
            answer = service.ask(ENDPOINT, lambda iat: self._renew(known, begun, iat))
        except RefusedError as error:
            if error.refusal.code == "used":  # by another key: ours alone can go with it
                pair.drop(self._pair)
            raise
        return prove(answer, request=begun.request, key=begun.key, root=known.root, hub=known.hub)

    def _renew(self, known: Known, begun: Begun, iat: int) -> bytes:
        said = Renew(aud="enrolment", iat=iat, request=begun.request, csr=begun.csr, hub=known.hub)
        return sealed(said, (self._folder.keys / HUB_KEY).read_bytes())

    # --- putting in place ------------------------------------------------------------------------------

    def _follow(self, known: Known, said: SiteAnswer, word: SiteWord, *, due: bool) -> Prepared | None:
        """Take over a newer word (S9: never an older one). One whose ways refuse what we have now is left, and given.

        It may be that they take the certificate that is due.
        """
        if word.version <= known.word.version:
            return None
        prepared = takeover.prepare(self._folder, known.word, said, word)
        hindered = self._hindrance(known, prepared.uplinks, one_will_do=True) if prepared.to_try else None
        if hindered is None:
            self._take_over(prepared)
            return None
        if due:
            return prepared
        raise hindered

    def _use(self, known: Known, proven: Proven, left: Prepared | None) -> None:
        """Try the new certificate, and put it in place. One that no broker takes is not; the next run asks anew."""
        period = validity(proven.answer.certificate)
        longer = period.until_ms > known.period.until_ms or not _valid(known.period, self._time)
        if not longer or not _valid(period, self._time):
            pair.drop(self._pair)
            told = "the new certificate is not good now, or not for longer than the old one: is the site's clock right?"
            raise NotRenewedError("the answer is not proven", told)
        put(self._pair.next.certificate, proven.answer.certificate.encode())
        uplinks = takeover.ours(self._folder, takeover.load_hub(self._folder.config)) if left is None else left.uplinks
        new = self._pair.next
        trying = [replace(each, certificate=new.certificate, key=new.key) for each in uplinks]
        near = is_near(known.period.until_ms, self._time)
        hindered = self._hindrance(known, trying, one_will_do=near or left is not None)
        if hindered is not None:
            if hindered.why == "the broker refuses":
                pair.drop(self._pair)
            raise hindered
        if left is not None:
            self._take_over(left)
        self._owe()
        pair.install(self._pair)
        self._changed = "renewed"

    def _take_over(self, prepared: Prepared) -> None:
        self._owe()
        takeover.take_over(self._folder, prepared)
        self._changed = "taken-over"

    def _hindrance(self, known: Known, uplinks: Iterable[Uplink], *, one_will_do: bool) -> NotRenewedError | None:
        tried = asyncio.run(self._ways(known.hub, list(uplinks), trusted=self._clock.now().synced))
        why = hindrance(tried, one_will_do=one_will_do)
        said = "; ".join(f"{each.way}: {each.outcome}{each.why and f' ({each.why})'}" for each in tried)
        told = said or "no [[uplink]] of hub.toml has this hub's certificate"
        return None if why is None else NotRenewedError(why, f"What is in use stays, {why}: {told}")

    # --- the restart that is owed ----------------------------------------------------------------------

    def _owe(self) -> None:
        """Note, before the first change, that the hub must start anew after it."""
        put(self._folder.keys / OWED, b"")

    def _pay(self, state_dir: Path) -> None:
        """Ask for the restart that is owed; S10 says when it comes. Raises OSError."""
        owed = self._folder.keys / OWED
        if not owed.exists():
            return
        with contextlib.suppress(FileNotFoundError):  # no hub ever ran: it will read what is there
            lay_wanted(state_dir, DELIVERY)
        owed.unlink()

    # --- what is known, and told -----------------------------------------------------------------------

    def _known(self) -> Known:
        identity = self._folder.identity()
        if identity is None:
            raise FolderError(f"{self._folder.keys}: this box is no hub yet: hearthline provision enrol comes first")
        keys = self._folder.keys
        root = root_of((keys / CA).read_text("ascii"))
        word = prove_word((keys / WORD).read_text("ascii"), issuing=(keys / ISSUING).read_text("ascii"), root=root)
        state_dir = takeover.load_hub(self._folder.config).state_dir
        return Known(identity.hub, word, root, state_dir, validity((keys / UPLINK).read_text("ascii")))

    def _settled(self, status: RenewalStatus) -> tuple[Result, RenewalStatus]:
        status = well(status, self._time)
        match self._changed:
            case "renewed":
                return self._result("renewed", "The hub has a new certificate.", status), status
            case "taken-over":
                return self._result("taken-over", "What the site says anew is in place.", status), status
            case None if self._time is None:
                return self._result(
                    "nothing", "The time is not known, and so not whether anything is due.", status
                ), status
            case None:
                return self._result("nothing", "Nothing is due.", status), status

    def _result(self, outcome: Any, told: str, status: RenewalStatus) -> Result:  # noqa: ANN401 -- one of Result's
        known = self._known()
        return Result(
            outcome=outcome,
            hub=known.hub,
            ends_ms=known.period.until_ms,
            due_ms=known.due_ms,
            word=known.word.version,
            told=told,
            why=status.why if outcome in ("failed", "waiting") else None,
            again_ms=status.again_ms,
            restart=self._changed is not None,
        )


def _valid(period: Validity, now_ms: int | None) -> bool:
    return now_ms is None or period.from_ms <= now_ms < period.until_ms


@contextlib.contextmanager
def _troubles(folder: HubFolder) -> Iterator[None]:
    """Say in which of the ways that the centre knows something failed. Raises NotRenewedError."""
    try:
        yield
    except UnreachableError as error:
        raise NotRenewedError("no way to the service", str(error)) from None
    except RefusedError as error:
        why: RenewalTrouble = "no way to the service" if error.refusal.code in _BUSY else "the service refuses"
        raise NotRenewedError(why, f"the site refuses: {error.refusal.detail}") from None
    except AnswerError as error:
        raise NotRenewedError("the answer is not proven", f"what answers is not proven: {error}") from None
    except (TakeOverError, TomlError) as error:
        raise NotRenewedError("hub.toml cannot be changed", str(error)) from None
    except OSError as error:
        told = f"{error.filename or folder.keys}: {error.strerror}: run this as root; is the disk full?"
        raise NotRenewedError("the files cannot be written", told) from None


def _read(state_dir: Path) -> RenewalStatus:
    try:
        return msgspec.json.decode(read_small(state_dir / RENEWAL_FILE, _NOTES_BYTES_MAX)[1], type=RenewalStatus)
    except (OSError, msgspec.DecodeError, UnicodeError, RecursionError):  # junk must not end all renewing
        return RenewalStatus()


def _note(state_dir: Path, status: RenewalStatus) -> None:
    """Write it for the hub's user. Raises OSError."""
    if state_dir.is_dir():  # else no hub ever ran
        put(state_dir / RENEWAL_FILE, msgspec.json.encode(status))
