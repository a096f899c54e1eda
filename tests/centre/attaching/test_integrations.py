"""The pages of integrations: for supervisors alone, a password for each secret, and each secret shown once."""

import re
from collections.abc import Iterator
from html import unescape
from typing import Any

import pytest
from litestar.testing import TestClient

from centre.attaching.hooks import HookBook
from centre.attaching.posting import Answer
from centre.attaching.tokens import Tokens
from centre.console import security
from centre.console.app import application
from centre.console.security import csrf_of
from tests.centre.console.desk_of_cases import Browser, DeskOfCases
from tests.support.staff import PASSWORD, make_roster, member

PAGES = ("centre.console.integrations", "centre.attaching.api")


@pytest.fixture
def browser(desk: DeskOfCases) -> Iterator[Browser]:
    """A supervisor with a password, signed in."""
    desk.services.roster = roster = make_roster(desk.database, desk.services.keyring, desk.clock)
    desk.clock.later = desk.clock.move  # type: ignore[attr-defined]
    member(roster, desk.clock, "ruth", "supervisor")
    token = desk.token("ruth")
    with TestClient(application(desk.services, pages=PAGES), base_url="http://127.0.0.1") as client:
        client.cookies.set(security.cookie_name("session", secure=False), token)
        yield Browser(client, csrf_of(token))


def secret_of(page: Any) -> str:
    found = re.search(r'class="secret"[^>]*>([^<]+)<', page.text)
    assert found is not None, page.text
    return unescape(found[1])


def test_a_token_is_made_with_a_password_shown_once_and_works(browser: Browser, desk: DeskOfCases) -> None:
    form = {"name": "regional platform", "use": "read", "days": "90", "password": PASSWORD}
    made = browser.post("/integrations/tokens", form)
    secret = secret_of(made)
    assert browser.http.get("/api/v1/cases", headers={"authorization": f"Bearer {secret}"}).status_code == 200
    page = browser.get("/integrations")
    assert "regional platform" in page.text
    assert secret not in page.text
    [token] = Tokens(desk.database).all()
    assert browser.post("/integrations/tokens/revoke", {"token": token.id}).status_code == 303
    assert browser.http.get("/api/v1/cases", headers={"authorization": f"Bearer {secret}"}).status_code == 401


@pytest.mark.parametrize(
    ("change", "status", "told"),
    [
        ({"password": "not mine"}, 403, "This is not your password"),
        ({"password": ""}, 403, "This is not your password"),
        ({"name": " "}, 422, "what the token is for"),
        ({"days": "100000"}, 422, "good for 1 to"),
        ({"use": "write"}, 422, "A token is for one of"),
    ],
)
def test_a_token_that_cannot_be_made_says_why_and_keeps_what_was_typed(
    browser: Browser, desk: DeskOfCases, change: dict[str, str], status: int, told: str
) -> None:
    form = {"name": "regional <b>platform</b>", "use": "read", "days": "90", "password": PASSWORD, **change}
    page = browser.post("/integrations/tokens", form)
    assert (page.status_code, Tokens(desk.database).all()) == (status, [])
    assert told in page.text
    assert 'role="alert"' in page.text
    assert "<b>platform" not in page.text
    assert PASSWORD not in page.text


def test_a_webhook_is_added_tried_switched_and_taken_away(browser: Browser, desk: DeskOfCases) -> None:
    page = browser.post("/integrations/webhooks", {"url": "https://platform.example.org/in", "password": PASSWORD})
    assert secret_of(page).startswith("whsec_")
    book = HookBook(desk.database, desk.services.keyring)
    [hook] = book.all()
    for what, state in (("off", "off"), ("on", "on")):
        assert browser.post(f"/integrations/webhooks/{hook.id}", {"what": what}).status_code == 303
        assert book.all()[0].state == state
    assert browser.post(f"/integrations/webhooks/{hook.id}", {"what": "try"}).status_code == 303
    assert "webhook.test" in browser.get("/integrations").text
    assert browser.post(f"/integrations/webhooks/{hook.id}", {"what": "remove"}).status_code == 303
    assert book.all() == []
    assert browser.post(f"/integrations/webhooks/{hook.id}", {"what": "on"}).status_code == 404


@pytest.mark.parametrize(
    "url", ["http://platform.example.org/", "https://127.0.0.1/", "https://[::1]/", "https://a:b@example.org/", "x", ""]
)
def test_an_address_that_nothing_may_be_sent_to_is_refused(browser: Browser, desk: DeskOfCases, url: str) -> None:
    page = browser.post("/integrations/webhooks", {"url": url, "password": PASSWORD})
    assert page.status_code == 422
    assert HookBook(desk.database, desk.services.keyring).all() == []


def test_a_message_that_was_given_up_can_be_sent_again(browser: Browser, desk: DeskOfCases) -> None:
    book = HookBook(desk.database, desk.services.keyring)
    _, hook = book.add("https://platform.example.org/in", "ruth", desk.now_ms)
    assert book.try_out(hook.id, desk.now_ms)
    for _ in range(11):
        [(_, [delivery])] = book.due(2**52, 1)
        book.tried(delivery, Answer("answered 500"), desk.now_ms)
    assert "given up" in browser.get("/integrations").text
    assert browser.post(f"/integrations/messages/{delivery.number}/again").status_code == 303
    assert [each.tries for _, several in book.due(desk.now_ms, 1) for each in several] == [0]
    assert browser.post("/integrations/messages/99/again").status_code == 404
