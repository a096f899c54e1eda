"""What a home's box is told: by whom, sealed where it is somebody's words, and what became of it."""

import re
from typing import Any

import msgspec
import pytest
from joserfc.jwk import ECKey

from agent.wire.sealing import open_message
from centre.site.authority import private_pem
from centre.work.commands import CommandRow
from rules.reports import MessageExpired, MessageHeard
from tests.centre.console.homes_desk import HomesDesk
from tests.centre.console.homes_fixtures import bare_site, homes  # noqa: F401 -- fixtures

# ruff: noqa: F811 -- fixtures

HUB = "hub-3f9a2c"
WORDS = "Your tablets are on the <b>table</b>, Mary."


def told(browser: Any, kind: str, **form: str) -> Any:
    return browser.post(f"/homes/{HUB}/commands", {"kind": kind, **form})


def given(homes: HomesDesk) -> list[CommandRow]:
    return homes.services.commands.of_home(HUB)


@pytest.mark.parametrize(
    ("kind", "form", "type_", "data"),
    [
        ("report", {}, "report", {}),
        ("locate", {}, "locate", {}),
        ("silence", {}, "silence", {}),
        ("test", {}, "test", {}),
        ("set-mode", {"mode": "away"}, "set-mode", {"mode": "away"}),
        ("expect", {"expect": "pendant-1", "minutes": "20"}, "test", {"expect": "pendant-1", "minutes": 20}),
    ],
)
def test_a_box_is_told(homes: HomesDesk, kind: str, form: dict[str, str], type_: str, data: dict[str, Any]) -> None:
    homes.home(HUB)
    with homes.client() as browser:
        assert told(browser, kind, **form).headers["location"] == f"/homes/{HUB}/commands"
    (row,) = given(homes)
    assert (row.type, row.by, row.state) == (type_, "beth", "waiting")
    assert msgspec.json.decode(row.data) == data
    ((hub, who, body),) = homes.audit("told")
    assert (hub, who, msgspec.json.decode(body)) == (HUB, "beth", {"command": row.id, "type": type_})


def test_s11_a_message_is_sealed_for_the_box_and_kept_nowhere_else(homes: HomesDesk) -> None:
    homes.home(HUB)
    with homes.client() as browser:
        told(browser, "say", text=f" {WORDS}\n", language="en-GB", hours="8")
        page = browser.get(f"/homes/{HUB}/commands").text
    (row,) = given(homes)
    assert row.expires - row.at_ms // 1000 == 8 * 3_600
    body = msgspec.json.decode(row.data)
    key = ECKey.import_key(private_pem(homes.boxes[HUB].plan))
    assert open_message(body["sealed"], key) == {"text": WORDS, "language": "en-GB"}
    assert "tablets" not in page
    homes.database.close()
    everything = b"".join(path.read_bytes() for path in homes.services.settings.data.glob("store.db*"))
    assert b"tablets" not in everything


def test_what_cannot_be_told_is_refused_with_its_reason_and_nothing_typed_is_lost(homes: HomesDesk) -> None:
    homes.home(HUB)
    wrong: tuple[tuple[str, dict[str, str], str], ...] = (
        ("say", {"text": "x" * 301, "language": "cy", "hours": "24"}, "300 characters"),
        ("say", {"text": "x", "language": "tlh", "hours": "24"}, "choose the message"),
        ("say", {"text": "x", "language": "cy", "hours": "169"}, "from 1 to 168"),
        ("expect", {"expect": "", "minutes": "30"}, "choose what will be pressed"),
        ("expect", {"expect": "pendant-1", "minutes": "٣"}, "whole number"),
        ("set-mode", {"mode": "party"}, "choose a mode"),
        ("acknowledge", {"alarm": "a"}, "not yours"),
        ("<script>", {}, "not yours"),
        ("", {}, "not yours"),
    )
    with homes.client() as browser:
        for kind, form, words in wrong:
            page = told(browser, kind, **form)
            assert page.status_code == 422, kind
            assert words in page.text, kind
            assert "<script>" not in page.text.replace('<script src="/static/console.js" defer></script>', "")
            if len(form.get("text", "")) > 1:
                assert form["text"] in page.text
                assert re.search(r'<option value="cy" selected>', page.text)
    assert given(homes) == []


def test_a_box_that_is_not_there_is_told_nothing(homes: HomesDesk) -> None:
    homes.awaited(HUB)
    with homes.client("asha") as browser:
        assert "waiting for one" in told(browser, "locate").text
        homes.enrolled(HUB)
        assert told(browser, "locate").status_code == 303
        assert "not connected" in browser.get(f"/homes/{HUB}/commands").text
        homes.site.revoke(HUB, homes.now_ms)
        assert told(browser, "locate").status_code == 422
    assert len(given(homes)) == 1


def test_a_box_that_does_not_answer_is_not_told_for_ever(homes: HomesDesk) -> None:
    homes.home(HUB)
    for _ in range(63):
        homes.services.commands.give(HUB, "report", {}, by="beth")
    with homes.client() as browser:
        last, beyond = told(browser, "report"), told(browser, "report")
    assert (last.status_code, beyond.status_code) == (303, 422)
    assert "is it there?" in beyond.text


def test_each_role_tells_what_is_its_own(homes: HomesDesk) -> None:
    homes.home(HUB)
    with homes.client("ines") as browser:
        page = browser.get(f"/homes/{HUB}/commands").text
        assert "Say a message" not in page
        assert "Quiet the sounds" not in page
        for kind in ("say", "silence"):
            assert told(browser, kind, text="x", language="cy", hours="1").status_code == 422
        assert told(browser, "locate").status_code == 303
    with homes.client("otto") as browser:
        assert told(browser, "locate").status_code == 403
        assert browser.get(f"/homes/{HUB}/commands").status_code == 403
    assert len(given(homes)) == 1


def test_what_became_of_it_is_told(homes: HomesDesk) -> None:
    homes.home(HUB)
    with homes.client() as browser:
        for kind, form in (("locate", {}), ("say", {"text": WORDS, "language": "cy", "hours": "1"})) * 2:
            told(browser, kind, **form)
            homes.clock.move(1_000)  # type: ignore[attr-defined]
        later_say, later, say, first = given(homes)
        answered = homes.services.commands.answered
        answered(HUB, first.id, "done", "", homes.now_ms)
        answered(HUB, later.id, "refused", "<i>why</i>", homes.now_ms)
        homes.report(HUB, MessageHeard(clock=homes.reading(), message=say.id, times=3))
        homes.report(HUB, MessageExpired(clock=homes.reading(), message=later_say.id, times=0))
        page = browser.get(f"/homes/{HUB}/commands/part").text
    for words in (
        "confirmed after it was said 3 times",
        "Nobody confirmed it; it was said 0 times",
        "&lt;i&gt;why&lt;/i&gt;",
    ):
        assert words in page, words


def test_a_test_can_be_announced_of_what_calls_for_help_alone(homes: HomesDesk) -> None:
    homes.home(HUB)
    with homes.client() as browser:
        page = browser.get(f"/homes/{HUB}/commands").text
    choices = re.search(r'<select[^>]*name="expect".*?</select>', page, re.DOTALL)
    assert choices is not None
    assert re.findall(r'value="([^"]+)"', choices[0]) == ["hub", "pendant-1", "bath-floor"]
