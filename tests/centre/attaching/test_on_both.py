"""The same read API, tokens, webhooks and counts over SQLite, and over PostgreSQL."""

from typing import Any

from litestar.testing import TestClient

from centre.attaching.api import READ
from centre.attaching.hooks import HookBook
from centre.attaching.posting import Answer
from centre.attaching.tokens import Tokens
from centre.console.app import application
from centre.homes import Home
from tests.centre.attaching.conftest import PAGES
from tests.centre.console.desk_of_cases import DeskOfCases


def test_everything_that_is_read_can_be_read(desk_on: DeskOfCases) -> None:
    for number in range(5):
        desk_on.alarm(f"hub-{number}", "fall")
        desk_on.services.ledger.keep_state(Home(hub=f"hub-{number}"), b"{}", {})
    secret, token = Tokens(desk_on.database).make("a platform", "read", 30, "asha", desk_on.now_ms)
    headers = {"authorization": f"Bearer {secret}"}
    with TestClient(application(desk_on.services, pages=PAGES), base_url="http://127.0.0.1") as client:
        for path in (path for handler in READ for path in handler.paths):
            asked = "/api/v1" + path.replace("{case_id:str}", "case-1").replace("{hub:str}", "hub-1")
            assert client.get(asked, headers=headers).status_code == 200, asked
        assert _paged(client, headers) == [f"case-{number}" for number in range(1, 6)]
        assert client.get("/health/ready").json()["store"] == "ok"
    assert Tokens(desk_on.database).revoke(token.id, "asha", desk_on.now_ms)


def _paged(client: TestClient[Any], headers: dict[str, str]) -> list[str]:
    found: list[str] = []
    cursor: str | None = ""
    while cursor is not None:
        page = client.get(f"/api/v1/cases?limit=2{cursor}", headers=headers).json()
        found += [each["id"] for each in page["cases"]]
        cursor = None if page["next"] is None else f"&cursor={page['next']}"
    return found


def test_messages_are_made_sent_given_up_and_forgotten(desk_on: DeskOfCases) -> None:
    book = HookBook(desk_on.database, desk_on.services.keyring)
    _, hook = book.add("https://platform.example.org/in", "asha", desk_on.now_ms)
    book.read_on(desk_on.now_ms)
    desk_on.alarm("hub-1", "fall")
    while book.read_on(desk_on.now_ms):
        pass
    [(_, [opened])] = book.due(desk_on.now_ms, 10)
    assert book.tried(opened, Answer("answered 500"), desk_on.now_ms) == "waiting"
    assert book.try_out(hook.id, desk_on.now_ms)
    [(_, [trial])] = book.due(desk_on.now_ms, 10)
    assert book.tried(trial, Answer("answered 410", gone=True), desk_on.now_ms) == "failed"
    assert book.counts() == {hook.id: {"failed": 2}}
    assert book.again(opened.number, desk_on.now_ms)
    assert book.set_state(hook.id, "gone", "asha", desk_on.now_ms)
    assert book.tidy(desk_on.now_ms * 2) == 2
