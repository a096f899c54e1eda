"""Whether the centre is well, and its counts: said to whoever may hear it, and true."""

from typing import Any

import pytest
from litestar.testing import TestClient

from centre.attaching.health import WATCH_MS
from centre.cases.events import Took
from centre.console.app import application
from centre.intake import LedgerDownError
from centre.silence import Silence
from centre.silence.seen import Seen, Standing
from centre.work.keeping import Health, PartHealth, WatchBook
from tests.centre.attaching.conftest import PAGES
from tests.centre.console.desk_of_cases import DeskOfCases, SetClock


def works(desk: DeskOfCases, *, line: str = "") -> None:
    """The watch ticks, and a worker says how it is."""
    book = WatchBook(desk.database)
    faults = (Standing(fault="battery", subject="s", priority=3, known_ms=1),)
    seen = [Seen(hub="hub-1", enrolled_ms=1, online=True, online_ms=1, faults=faults), Seen(hub="hub-2", enrolled_ms=1)]
    book.keep(Silence(at_ms=desk.now_ms), seen)
    health = Health(worker="w1", at_ms=desk.now_ms, leading=True, line=line, parts={"watch": PartHealth(restarts=3)})
    book.say(health)


def test_a_process_that_answers_lives_whatever_else_is_down(
    client: TestClient[Any], desk: DeskOfCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(desk.database, "reading", _down)
    assert client.get("/health/live").text == "ok"
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()["store"]) == (503, "down")


def _down() -> None:
    raise LedgerDownError("the centre's store: disk I/O error")


def test_it_is_ready_only_while_store_line_and_watch_are_well(
    client: TestClient[Any], desk: DeskOfCases, clock: SetClock
) -> None:
    assert client.get("/health/ready").json() == {"ready": False, "store": "ok", "line": "never", "watch": "ok"}
    works(desk)
    clock.move(WATCH_MS)
    ready = client.get("/health/ready")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "store": "ok", "line": "ok", "watch": "ok"})
    clock.move(1)
    late = client.get("/health/ready")
    assert (late.status_code, late.json()) == (503, {"ready": False, "store": "ok", "line": "late", "watch": "late"})
    works(desk, line="not connected")
    assert client.get("/health/ready").json() == {"ready": False, "store": "ok", "line": "down", "watch": "ok"}


def test_the_counts_are_those_of_the_store(client: TestClient[Any], bearer: Any, desk: DeskOfCases) -> None:
    works(desk)
    desk.alarm("hub-1", "fall", ago_ms=200_000)
    taken = desk.alarm("hub-2", "flood", ago_ms=90_000)
    desk.desk.act(taken.id, Took(at_ms=desk.now_ms, by="beth", seen=taken.version))
    desk.alarm("hub-3", "pendant", ago_ms=70_000)
    desk.alarm("hub-4", "test", test=True)
    told = client.get("/metrics", headers=bearer("metrics"))
    assert told.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = set(told.text.splitlines())
    for line in (
        "hearthline_store_up 1.0",
        'hearthline_cases_open{priority="1"} 2.0',
        'hearthline_cases_open{priority="2"} 1.0',
        "hearthline_cases_needed 2.0",
        'hearthline_cases_waiting_over{seconds="60"} 2.0',
        'hearthline_cases_waiting_over{seconds="180"} 1.0',
        "hearthline_case_longest_wait_seconds 200.0",
        'hearthline_homes{state="online"} 1.0',
        'hearthline_homes{state="never-heard"} 1.0',
        "hearthline_faults_standing 1.0",
        "hearthline_watch_age_seconds 0.0",
        "hearthline_workers_leading 1.0",
        "hearthline_workers_connected 1.0",
        "hearthline_part_restarts_total 3.0",
    ):
        assert line in lines, line
    assert "hub-1" not in told.text


def test_a_store_that_is_down_is_a_count_to_whoever_asks_from_this_computer(
    desk: DeskOfCases, monkeypatch: pytest.MonkeyPatch
) -> None:
    with _from(desk, "127.0.0.1") as client:
        monkeypatch.setattr(desk.database, "reading", _down)
        answer = client.get("/metrics")
    assert (answer.status_code, "hearthline_store_up 0.0" in answer.text) == (200, True)
    assert "hearthline_cases_open" not in answer.text


def test_counts_are_for_this_computer_itself_or_for_a_token(desk: DeskOfCases) -> None:
    for address, headers, status in (
        ("127.0.0.1", {}, 200),
        ("::1", {"host": "[::1]:8080"}, 200),
        ("127.0.0.1", {"host": "localhost:8080"}, 200),
        ("127.0.0.1", {"x-forwarded-for": "198.51.100.7"}, 401),
        ("127.0.0.1", {"forwarded": "for=198.51.100.7"}, 401),
        ("127.0.0.1", {"via": "1.1 proxy"}, 401),
        ("127.0.0.1", {"host": "centre.example.org"}, 401),
        ("192.0.2.9", {}, 401),
        ("testclient", {}, 401),
    ):
        with _from(desk, address) as client:
            assert client.get("/metrics", headers=headers).status_code == status, (address, headers)


def test_a_token_to_read_is_none_for_counts(client: TestClient[Any], bearer: Any) -> None:
    assert client.get("/metrics", headers=bearer("read")).status_code == 401
    assert client.get("/metrics", headers=bearer("metrics")).status_code == 200


def _from(desk: DeskOfCases, address: str) -> TestClient[Any]:
    """A client that seems to come from an address."""
    client = TestClient(application(desk.services, pages=PAGES), base_url="http://127.0.0.1")
    whole = client.app.asgi_handler

    async def handler(scope: Any, receive: Any, send: Any) -> None:
        scope["client"] = (address, 50_000)
        await whole(scope, receive, send)

    client.app.asgi_handler = handler
    return client
