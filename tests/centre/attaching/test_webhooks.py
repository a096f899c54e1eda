"""Webhooks: told once, signed, in order, repeated until received; and never sent where they must not go."""

import asyncio
import base64
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import sqlalchemy as sa
from standardwebhooks import Webhook as Verifier

from agent.clock import SystemClock
from centre.attaching import posting
from centre.attaching.hooks import KEPT_MS, WAITING_MAX, WEBHOOKS_MAX, HookBook, HookError
from centre.attaching.posting import AddressError, Answer, check, is_public, post
from centre.attaching.telling import PAUSES_S, pause_ms
from centre.attaching.webhooks import Delivering, deliver
from centre.cases.events import Ended, Noted, Reopened, Resolved, Took
from centre.intake import LedgerDownError
from centre.store.schema import AUDIT, FOLLOWER, WEBHOOK
from tests.centre.attaching.receiver import Receiver, receiving
from tests.centre.console.desk_of_cases import DeskOfCases, SetClock
from tests.support.certificates import Authority

URL = "https://platform.example.org/in"


@pytest.fixture
def now(tmp_path: Path, made: bytes) -> Iterator[DeskOfCases]:
    """A centre by the real clock: receivers refuse what is signed at another time."""
    (tmp_path / "store.db").write_bytes(made)
    opened = DeskOfCases(tmp_path, SystemClock())
    yield opened
    opened.close()


def book_of(desk: DeskOfCases) -> HookBook:
    return HookBook(desk.database, desk.services.keyring)


@asynccontextmanager
async def delivering(desk: DeskOfCases) -> AsyncIterator[None]:
    task = asyncio.create_task(deliver(desk.database, desk.services.keyring, desk.clock, allow_private=True))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def an_evening(desk: DeskOfCases) -> str:
    """A case is opened, taken, noted, resolved and reopened; a home is silent and back."""
    case = desk.alarm("hub-3f7a", "fall")
    case = desk.desk.act(case.id, Took(at_ms=desk.now_ms, by="beth", seen=case.version))
    case = desk.desk.act(case.id, Noted(at_ms=desk.now_ms, by="beth", seen=case.version, text="Mary fell"))
    act = Resolved(at_ms=desk.now_ms, by="beth", seen=case.version, outcome="hospital", note="Mary went along")
    case = desk.desk.act(case.id, act)
    desk.desk.act(case.id, Reopened(at_ms=desk.now_ms, by="carl", seen=case.version, why="the daughter rang"))
    desk.found("hub-90bc", "silence", priority=2)
    desk.desk.take_in("hub-90bc", [Ended(at_ms=desk.now_ms, cause="silence")])
    return case.id


TOLD = [
    "case.opened",
    "case.taken",
    "case.resolved",
    "case.reopened",
    "case.opened",
    "home.silent",
    "home.back",
    "case.resolved",
]


async def test_a_platform_is_told_of_an_evening_in_order_and_can_prove_who_told_it(now: DeskOfCases) -> None:
    async with receiving() as receiver, delivering(now):
        secret, _ = await asyncio.to_thread(book_of(now).add, receiver.url, "asha", now.now_ms, allow_private=True)
        await _read_once(now)
        case = await asyncio.to_thread(an_evening, now)
        got = await receiver.of(len(TOLD))
    assert [each.said["type"] for each in got] == TOLD
    assert len({each.headers["webhook-id"] for each in got}) == len(TOLD)
    for each in got:
        assert Verifier(secret).verify(each.body, each.headers) == each.said
    opened, resolved = got[0].said, got[2].said
    assert {**opened["data"], "case": case} == opened["data"]
    assert (opened["data"]["hub"], opened["data"]["priority"], opened["data"]["test"]) == ("hub-3f7a", 1, False)
    assert (resolved["data"]["outcome"], resolved["data"]["version"]) == ("hospital", 4)
    told = b"".join(each.body for each in got)
    for secret_word in (b"Mary", b"beth", b"carl", b"daughter"):
        assert secret_word not in told  # S11


async def _read_once(desk: DeskOfCases) -> None:
    """Let the cursor begin before anything happens."""
    await asyncio.to_thread(book_of(desk).read_on, desk.now_ms)


async def test_one_that_is_not_received_comes_again_as_the_same(desk: DeskOfCases, clock: SetClock) -> None:
    async with receiving() as receiver:
        book = book_of(desk)
        _, hook = book.add(receiver.url, "asha", desk.now_ms, allow_private=True)
        book.try_out(hook.id, desk.now_ms)
        receiver.answers = ["500 Down", "302 Found\r\nlocation: http://127.0.0.1:1/", "204 No Content"]
        for number, (pause_s, reason) in enumerate(((5, "answered 500"), (30, "answered 302"), (0, ""))):
            await _look(desk)
            [delivery] = book.latest()
            assert (delivery.tries, delivery.reason) == (number + 1, reason)
            assert delivery.due_ms == desk.now_ms + pause_s * 1000
            await _look(desk)  # not before it is due
            assert len(receiver.got) == number + 1
            clock.move(pause_s * 1000)
        assert {each.headers["webhook-id"] for each in receiver.got} == {delivery.id}
        assert book.latest()[0].state == "sent"


async def _look(desk: DeskOfCases) -> None:
    async with asyncio.timeout(10), asyncio.TaskGroup() as group:
        await Delivering(book_of(desk), desk.clock, allow_private=True).look(group)


def test_it_is_tried_eleven_times_over_a_day_and_then_given_up_and_shown(desk: DeskOfCases, clock: SetClock) -> None:
    book = book_of(desk)
    _, hook = book.add(URL, "asha", desk.now_ms)
    book.try_out(hook.id, desk.now_ms)
    begun_ms, tries = desk.now_ms, 0
    while due := book.due(desk.now_ms, 1):
        [(_, [delivery])] = due
        tries += 1
        if book.tried(delivery, Answer("answered 503"), desk.now_ms) == "waiting":
            clock.wall_ms = book.latest()[0].due_ms
    assert tries == len(PAUSES_S) + 1 == 11
    assert 23 * 3_600_000 < clock.wall_ms - begun_ms < 24 * 3_600_000
    assert (book.latest()[0].state, book.counts()) == ("failed", {hook.id: {"failed": 1}})
    assert pause_ms(11) is None


async def test_a_receiver_that_does_not_answer_keeps_no_other_waiting(now: DeskOfCases) -> None:
    async with receiving() as slow, receiving() as quick:
        slow.silent = True
        book = book_of(now)
        for each in (slow, quick):
            await asyncio.to_thread(book.add, each.url, "asha", now.now_ms, allow_private=True)
        await _read_once(now)
        async with delivering(now):
            await asyncio.to_thread(now.alarm, "hub-1")
            await slow.of(1)
            await asyncio.to_thread(now.alarm, "hub-2")
            await quick.of(2)
        assert len(slow.got) == 1


async def test_who_wants_no_more_is_switched_off(desk: DeskOfCases) -> None:
    async with receiving() as receiver:
        book = book_of(desk)
        _, hook = book.add(receiver.url, "asha", desk.now_ms, allow_private=True)
        book.try_out(hook.id, desk.now_ms)
        book.try_out(hook.id, desk.now_ms)
        receiver.answers = ["410 Gone"]
        await _look(desk)
    assert [each.state for each in book.all()] == ["off"]
    assert [each.state for each in book.latest()] == ["failed", "failed"]
    assert len(receiver.got) == 1


async def test_a_store_that_is_down_ends_nothing(now: DeskOfCases, monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as receiver:
        book = book_of(now)
        await asyncio.to_thread(book.add, receiver.url, "asha", now.now_ms, allow_private=True)
        await _read_once(now)
        seen = asyncio.Event()
        loop, whole = asyncio.get_running_loop(), HookBook.read_on

        def down(self: HookBook, at_ms: int) -> int:
            loop.call_soon_threadsafe(seen.set)
            raise LedgerDownError("the centre's store: disk I/O error")

        monkeypatch.setattr(HookBook, "read_on", down)
        async with delivering(now):
            await asyncio.wait_for(seen.wait(), 5)
            monkeypatch.setattr(HookBook, "read_on", whole)
            await asyncio.to_thread(now.alarm, "hub-1")
            await receiver.of(1)


# --- made of the audit, once -------------------------------------------------------------------------


def test_two_who_read_at_once_make_each_message_once(desk: DeskOfCases) -> None:
    book = book_of(desk)
    book.add(URL, "asha", desk.now_ms)
    book.read_on(desk.now_ms)
    an_evening(desk)
    threads = [Thread(target=book_of(desk).read_on, args=(desk.now_ms,)) for _ in range(4)]
    for each in threads:
        each.start()
    for each in threads:
        each.join()
    [(_, messages)] = book.due(desk.now_ms, 100)
    assert [each.type for each in messages] == TOLD


def test_what_was_before_there_was_anybody_to_tell_is_no_news(desk: DeskOfCases) -> None:
    an_evening(desk)
    book = book_of(desk)
    book.add(URL, "asha", desk.now_ms)
    while book.read_on(desk.now_ms):
        pass
    assert book.due(desk.now_ms, 100) == []


def test_how_far_it_was_read_holds_no_deletion_of_events_back(desk: DeskOfCases) -> None:
    book_of(desk).read_on(desk.now_ms)
    with desk.database.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(FOLLOWER)) == 0


def test_s12_what_waits_for_one_receiver_is_bounded_and_the_rest_said_to_be_lost(
    desk: DeskOfCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("centre.attaching.hooks.WAITING_MAX", 3)
    book = book_of(desk)
    book.add(URL, "asha", desk.now_ms)
    book.read_on(desk.now_ms)
    an_evening(desk)
    book.read_on(desk.now_ms)
    states = [each.state for each in book.latest()]
    assert (states.count("waiting"), states.count("failed")) == (3, len(TOLD) - 3)
    assert WAITING_MAX == 10_000


def test_s12_what_is_over_is_forgotten_after_a_week(desk: DeskOfCases, clock: SetClock) -> None:
    book = book_of(desk)
    _, hook = book.add(URL, "asha", desk.now_ms)
    for _ in range(2):
        book.try_out(hook.id, desk.now_ms)
    [(_, [first, _waits])] = book.due(desk.now_ms, 2)
    book.tried(first, Answer(), desk.now_ms)
    clock.move(KEPT_MS)
    assert book.tidy(desk.now_ms) == 0
    clock.move(1)
    assert book.tidy(desk.now_ms) == 1
    assert [each.state for each in book.latest()] == ["waiting"]


def test_s12_there_are_so_many_webhooks_at_most(desk: DeskOfCases) -> None:
    book = book_of(desk)
    for _ in range(WEBHOOKS_MAX):
        book.add(URL, "asha", desk.now_ms)
    with pytest.raises(HookError, match="take one away"):
        book.add(URL, "asha", desk.now_ms)


def test_what_is_changed_is_in_the_audit_and_the_secret_is_sealed(desk: DeskOfCases) -> None:
    book = book_of(desk)
    secret, hook = book.add(f"{URL}?key=4711", "asha", desk.now_ms)
    book.set_state(hook.id, "off", "asha", desk.now_ms)
    with desk.database.reading() as connection:
        noted = connection.scalars(sa.select(AUDIT.c.what).where(AUDIT.c.what.startswith("webhook"))).all()
        bodies = b"".join(connection.scalars(sa.select(AUDIT.c.body)))
        [sealed] = connection.scalars(sa.select(WEBHOOK.c.sealed)).all()
    assert noted == ["webhook-added", "webhook-off"]
    assert b"platform.example.org" in bodies
    assert b"4711" not in bodies
    assert base64.b64decode(secret.removeprefix("whsec_")) == book.secret(hook.id)
    assert book.secret(hook.id) not in sealed


# --- where nothing is sent ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "10.1.2.3",
        "172.16.0.1",
        "192.168.1.1",
        "169.254.169.254",
        "100.64.0.1",
        "0.0.0.0",  # noqa: S104 -- an address, not a binding
        "224.0.0.1",
        "255.255.255.255",
        "::1",
        "::",
        "fe80::1%eth0",
        "fd00::1",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "64:ff9b::a00:1",
        "2002:7f00:1::",
        "2002:c0a8:101::1",
        "fec0::1",
        "64:ff9b:1::7f00:1",
        "::ffff:0:7f00:1",
        "::127.0.0.1",
    ],
)
async def test_nothing_is_sent_to_a_machine_of_our_own_network(address: str) -> None:
    assert not is_public(address)
    host = f"[{address}]" if ":" in address else address
    with pytest.raises(AddressError, match=r"own network|not an address"):
        check(f"https://{host}/")
    assert (await post(f"https://{host}/", b"", {})).reason


@pytest.mark.parametrize("address", ["1.1.1.1", "93.184.216.34", "2606:4700::1111"])
def test_the_public_internet_is_where_platforms_are(address: str) -> None:
    assert is_public(address)


async def test_a_name_that_leads_to_our_own_network_is_refused_when_it_is_resolved(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also where only one of its addresses does."""
    assert "own network" in (await post("https://localhost/", b"", {})).reason

    async def two(*_: Any, **__: Any) -> list[Any]:
        return [(0, 0, 0, "", ("93.184.216.34", 443)), (0, 0, 0, "", ("10.0.0.1", 443))]

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", two)
    assert "own network" in (await post("https://platform.example.org/", b"", {})).reason


async def test_it_connects_to_the_very_address_that_was_judged(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is asked for twice may lead elsewhere the second time (DNS rebinding)."""
    asked: list[str] = []
    async with receiving() as receiver:
        loop, port = asyncio.get_running_loop(), int(receiver.url.split(":")[2].split("/")[0])
        whole = loop.getaddrinfo

        async def resolve(host: Any, *more: Any, **options: Any) -> Any:
            asked.append(str(host))
            return await whole("127.0.0.1" if host == "platform.example.org" else host, *more, **options)

        monkeypatch.setattr(loop, "getaddrinfo", resolve)
        answer = await post(f"http://platform.example.org:{port}/in?x=1", b"{}", {}, allow_private=True)
    assert answer == Answer()
    assert asked.count("platform.example.org") == 1
    assert (receiver.got[0].path, receiver.got[0].headers["host"]) == ("/in?x=1", f"platform.example.org:{port}")


async def test_a_redirect_is_not_followed(monkeypatch: pytest.MonkeyPatch) -> None:
    async with receiving() as receiver, receiving() as elsewhere:
        receiver.answers = [f"307 Elsewhere\r\nlocation: {elsewhere.url}"]
        assert (await post(receiver.url, b"{}", {}, allow_private=True)).reason == "answered 307"
        assert elsewhere.got == []


async def test_one_that_never_answers_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "WHOLE_S", 0.2)
    async with receiving() as receiver:
        receiver.silent = True
        assert "no answer" in (await post(receiver.url, b"{}", {}, allow_private=True)).reason


async def test_only_one_with_a_certificate_of_its_own_name_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = Authority(tmp_path)
    files = authority.server()
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    receiver = Receiver()
    server = await asyncio.start_server(receiver._serve, "127.0.0.1", 0, ssl=context)
    whole = asyncio.get_running_loop().getaddrinfo

    async def resolve(host: Any, *more: Any, **options: Any) -> Any:
        return await whole("127.0.0.1" if "." not in str(host) or "platform" in str(host) else host, *more, **options)

    monkeypatch.setattr(asyncio.get_running_loop(), "getaddrinfo", resolve)
    async with server:
        port = server.sockets[0].getsockname()[1]
        unknown = await post(f"https://localhost:{port}/", b"{}", {}, allow_private=True)
        trusting = ssl.create_default_context(cafile=str(authority.certificate))
        monkeypatch.setattr(posting, "_trust", lambda: trusting)
        other = await post(f"https://platform.example.org:{port}/", b"{}", {}, allow_private=True)
        assert receiver.got == []
        assert await post(f"https://localhost:{port}/", b"{}", {}, allow_private=True) == Answer()
    assert "certificate" in unknown.reason
    assert "certificate" in other.reason
    assert len(receiver.got) == 1


async def test_nobody_there_is_told_as_that() -> None:
    assert (await post("http://127.0.0.1:1/", b"{}", {}, allow_private=True)).reason == "not reached: ConnectError"


@pytest.mark.parametrize(
    "url",
    ["", "platform", "ftp://x.org/", "https://", "https://x.org:99999/", "https://x.org/#a", "https://x.org/ a",
     "https://u:p@x.org/", "http://x.org/", "https://x.org/\n",
     "https://münchen.example/", f"https://x.org/{'a' * 500}"],
)  # fmt: skip
def test_what_is_no_address_is_refused_in_words(url: str) -> None:
    with pytest.raises(AddressError):
        check(url)
