"""A home is let in by a code that is shown once, and a hub is shut out for good."""

import logging
import re
from html import unescape

import pytest

from agent.wire.enrolment import parse_code
from centre.site.judging import Refused
from tests.centre.console.homes_desk import HomesDesk
from tests.centre.console.homes_fixtures import bare_site, homes  # noqa: F401 -- fixtures
from tests.support.sites import Box

# ruff: noqa: F811 -- fixtures

HUB = "hub-3f9a2c"


def code_of(page: str) -> str:
    found = re.search(r"<figcaption><code>([^<]+)</code>", page)
    assert found is not None
    return unescape(found[1])


def test_a_code_is_shown_once_and_a_box_enrols_by_it(homes: HomesDesk, caplog: pytest.LogCaptureFixture) -> None:
    with homes.client("asha") as browser, caplog.at_level(logging.DEBUG):
        asked = browser.get("/homes/new").text
        name = re.search(r'name="hub"[^>]*', asked)
        assert name is not None
        hub = re.search(r'value="(hub-[0-9a-f]{6})"', asked)
        assert hub is not None
        answer = browser.post("/homes/new", {"hub": hub[1], "hours": "72"})
        assert answer.status_code == 200
        assert "location" not in answer.headers
        assert answer.headers["cache-control"] == "no-store"
        code = code_of(answer.text)
        assert 'src="data:image/svg+xml;base64,' in answer.text
        assert "Waiting for its box" in browser.get(f"/homes/{hub[1]}").text
        homes.site.enrol(Box().enrol(parse_code(code)), homes.now_ms)
        assert "Never heard of" in browser.get(f"/homes/{hub[1]}").text
    ((of, who, body),) = homes.audit("code-issued")
    assert (of, who, body) == (hub[1], "asha", b'{"hours":72,"again":false}')
    secret = code.partition("#")[2]
    assert secret not in "\n".join(each.getMessage() for each in caplog.records)
    homes.database.close()
    assert all(
        secret.encode() not in path.read_bytes() for path in homes.services.settings.data.rglob("*") if path.is_file()
    )


def test_a_form_sent_twice_makes_one_home_and_the_first_code_is_void(homes: HomesDesk) -> None:
    with homes.client("asha") as browser:
        first = code_of(browser.post("/homes/new", {"hub": HUB, "hours": "24"}).text)
        again = browser.post("/homes/new", {"hub": HUB, "hours": "24"})
        assert "The code before is void" in again.text
        assert "A new code" in browser.get(f"/homes/{HUB}/code").text
    assert [each.hub for each in homes.site.hubs()] == [HUB]
    with pytest.raises(Refused):
        homes.site.enrol(Box().enrol(parse_code(first)), homes.now_ms)
    homes.site.enrol(Box().enrol(parse_code(code_of(again.text))), homes.now_ms)


def test_what_cannot_be_a_home_is_told(homes: HomesDesk) -> None:
    homes.enrolled(HUB)
    wrong = (
        (HUB, "72", "enrolled already"),
        ("new", "72", "No home can be called new"),
        ("Mrs A", "72", "Mrs A"),
        ("hub-x", "9", "how long"),
        ("", "72", ""),
    )
    with homes.client("asha") as browser:
        for hub, hours, words in wrong:
            answer = browser.post("/homes/new", {"hub": hub, "hours": hours})
            assert answer.status_code == 422, hub
            assert words in unescape(answer.text), hub
            assert "figcaption" not in answer.text
    assert [each.hub for each in homes.site.hubs()] == [HUB]


def test_a_hub_is_shut_out_by_writing_its_name(homes: HomesDesk) -> None:
    homes.home(HUB)
    with homes.client("asha") as browser:
        assert "cannot be undone" in browser.get(f"/homes/{HUB}/revoke").text
        assert browser.post(f"/homes/{HUB}/revoke", {"name": "yes"}).status_code == 422
        assert homes.site.hub(HUB).state == "enrolled"  # type: ignore[union-attr]
        page = browser.post(f"/homes/{HUB}/revoke", {"name": HUB}, follow_redirects=True).text
    assert "This hub is shut out" in page
    assert homes.site.hub(HUB).state == "revoked"  # type: ignore[union-attr]
    assert [(hub, who) for hub, who, _ in homes.audit("revoked")] == [(HUB, "asha")]


def test_only_a_supervisor_lets_in_and_shuts_out(homes: HomesDesk) -> None:
    homes.home(HUB)
    for name in ("beth", "ines", "otto"):
        with homes.client(name) as browser:
            for path in ("/homes/new", f"/homes/{HUB}/code", f"/homes/{HUB}/revoke"):
                assert browser.get(path).status_code == 403
            assert browser.post("/homes/new", {"hub": "hub-b", "hours": "72"}).status_code == 403
            assert browser.post(f"/homes/{HUB}/revoke", {"name": HUB}).status_code == 403
    assert [each.state for each in homes.site.hubs()] == ["enrolled"]


def test_a_console_without_a_site_says_where_homes_are_added(homes: HomesDesk) -> None:
    homes.home(HUB)
    homes.services.site = None
    with homes.client("asha") as browser:
        assert browser.get("/homes/new").status_code == 404
        assert browser.get(f"/homes/{HUB}").status_code == 200
        assert browser.get(f"/homes/{HUB}/revoke").status_code == 404
        assert "Add a home" not in browser.get("/homes").text


def test_a_register_that_cannot_be_read_is_told(homes: HomesDesk) -> None:
    homes.home(HUB)
    homes.site.close()
    with homes.client("asha") as browser:
        answer = browser.get("/homes")
        assert answer.status_code == 503
        assert "register of hubs" in answer.text
