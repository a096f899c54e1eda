"""The editor of care plans: nothing leaves that was not proven as it stands; a hostile plan harms nobody."""

import asyncio
import logging
import os
import re
import sys
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agent.wire.messages import LinkNote, State
from centre.console import plan_editor, plan_review
from centre.console.plan_editor import _renumbered
from centre.console.plan_review import Known, Question, ReviewError, known_hub, review
from centre.console.plan_samples import plain, samples
from provisioning.plan import review as reviewer
from provisioning.plan.review import MEMORY_BYTES_MAX
from rules.events import Config, Sensor
from rules.proof.values import Fittings
from rules.reports import FaultNote
from tests.centre.console.homes_desk import HomesDesk
from tests.centre.console.homes_fixtures import bare_site, homes  # noqa: F401 -- fixtures

# ruff: noqa: F811 -- fixtures

HUB = "hub-3f9a2c"
NUMBER = "+44 7700 900131"
PLAN = f"""# What nobody may lose: she is slow.
version = 2
time_zone = "Europe/London"

[contact.daughter]
consent = 2026-09-28

[private.numbers]
daughter = "{NUMBER}"
"""
PROVEN = "Proven: this plan may be sent"


@cache
def _answer(question: bytes) -> bytes:
    asked = msgspec.json.decode(question, type=reviewer.Question)
    return msgspec.json.encode(reviewer.review(asked))


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Review within this process: what is tested is what is done with the answer."""

    async def ask(question: bytes, _timeout_s: float) -> bytes:
        return _answer(question)

    monkeypatch.setattr(plan_review, "_ask", ask)


def posted(browser: Any, what: str, document: str, **more: Any) -> Any:
    files = more.pop("files", {"file": ("", b"")})
    form = {"document": document, **more}
    return browser.post(f"/homes/{HUB}/plan/{what}", form, files=files)


def token(page: str) -> str:
    found = re.search(r'name="checked" value="([^"]*)"', page)
    return found[1] if found else ""


def test_a_plan_is_checked_explained_and_sent(homes: HomesDesk) -> None:
    """With the true process, as it is delivered."""
    homes.home(HUB)
    with homes.client("asha") as browser:
        page = posted(browser, "check", PLAN)
        assert page.status_code == 200
        assert PROVEN in page.text
        assert "When a human is reached, whatever fails" in page.text
        assert "the hub sends a text to daughter" in page.text
        assert 'src="data:image/svg+xml;base64,' in page.text
        answer = posted(browser, "send", PLAN, checked=token(page.text))
        assert answer.headers["location"] == f"/homes/{HUB}/plan?said=sent"
        (row,) = homes.services.plans.of_home(HUB)
        assert (row.version, row.by, row.state) == (2, "asha", "waiting")
        document = homes.services.plans.document(row.number)
        assert document["contact"] == {"daughter": {"consent": "2026-09-28"}}
        assert document["private"]["numbers"]["daughter"].replace(" ", "") == NUMBER.replace(" ", "")
        homes.services.plans.told(HUB, 2, applied=False, reason="<b>no</b> such sensor", at_ms=homes.now_ms)
        shown = browser.get(f"/homes/{HUB}/plan").text
        assert "refused it" in shown
        assert "&lt;b&gt;no&lt;/b&gt; such sensor" in shown
        read = browser.get(f"/homes/{HUB}/plan/read/{row.number}").text
        homes.services.plans.send(HUB, {"version": 3}, "asha")
        homes.services.plans.told(HUB, 3, applied=True, reason="", at_ms=homes.now_ms)
        for path in ("/plan", ""):  # its state document is older, and still says 1
            assert "version 3<" in browser.get(f"/homes/{HUB}{path}").text
    assert "the hub sends a text to daughter" in read
    assert "7700" not in read
    ((hub, who, body),) = homes.audit("plan-sent")
    assert (hub, who) == (HUB, "asha")
    assert b"7700" not in body


@pytest.mark.usefixtures("quick")
def test_nothing_is_sent_but_what_was_checked_just_now_by_the_same_person(homes: HomesDesk) -> None:
    homes.home(HUB)
    homes.home("hub-other")
    with homes.client("asha") as browser:
        good = token(posted(browser, "check", PLAN).text)
        changed = PLAN.replace("2026-09-28", "2026-09-29")
        for document, carried in (
            (changed, good),
            (PLAN, ""),
            (PLAN, "a.b"),
            (PLAN, good[:-8] + "AAAAAAA="),
            (PLAN, "é"),
        ):
            answer = posted(browser, "send", document, checked=carried)
            assert answer.status_code == 422
            assert "not what was checked" in answer.text
        elsewhere = browser.post(
            "/homes/hub-other/plan/send", {"document": PLAN, "checked": good}, files={"file": ("", b"")}
        )
        assert "not what was checked" in elsewhere.text
    homes.services.roster.add("asha", "sam", "Sam", "supervisor")
    with homes.client("sam") as browser:
        assert posted(browser, "send", PLAN, checked=good).status_code == 422
    with homes.client("asha") as browser:
        homes.clock.move(plan_editor.CHECKED_MS + 1)  # type: ignore[attr-defined]
        assert posted(browser, "send", PLAN, checked=good).status_code == 422
    assert homes.services.plans.waiting() == []


@pytest.mark.usefixtures("quick")
def test_a_plan_that_is_not_proven_offers_no_way_to_send_it(homes: HomesDesk) -> None:
    homes.home(HUB)
    dementia = next(each.text for each in samples() if each.name == "dementia").replace("version = 1", "version = 2")
    wrong = (
        ("version = x", "Cannot be read yet", "not valid TOML"),
        ("version = 2\nladder = 3\nfoo = 1\n", "Cannot be read yet", "foo"),
        (dementia, "Cannot be read yet", "dispenser-lid"),  # this home has no such sensor
        (PLAN.replace("version = 2", "version = 1"), "The version must rise", "version = 2</code> or more"),
        (
            "version = 2\n[kind.pendant]\nladder = 'one'\n[[ladder.one.step]]\nafter_s = 1\ndo = 'light'\n",
            "Not safe yet",
            "nobody",
        ),
    )
    with homes.client("asha") as browser:
        for document, verdict, words in wrong:
            page = posted(browser, "check", document)
            assert page.status_code == 422, document
            assert verdict in page.text, document
            assert words in page.text, document
            assert token(page.text) == ""
        empty = posted(browser, "check", " \n")
        assert "There is no plan here yet" in empty.text


@pytest.mark.usefixtures("quick")
def test_a_proof_that_fails_after_the_check_sends_nothing(homes: HomesDesk, monkeypatch: pytest.MonkeyPatch) -> None:
    homes.home(HUB)
    with homes.client("asha") as browser:
        good = token(posted(browser, "check", PLAN).text)
        homes.said(HUB, plan_version=2)  # meanwhile the hub has taken a plan of this version from elsewhere
        answer = posted(browser, "send", PLAN, checked=good)
        assert answer.status_code == 422
        assert "The version must rise" in answer.text

        async def busy(_question: Question) -> None:
            raise ReviewError("other plans are being checked")

        monkeypatch.setattr(plan_editor, "review", busy)
        later = PLAN.replace("version = 2", "version = 3")
        assert "other plans are being checked" in posted(browser, "check", later).text
        carried = plan_editor._token(homes.services, HUB, "asha", later)
        assert posted(browser, "send", later, checked=carried).status_code == 422
    assert homes.services.plans.waiting() == []


@pytest.mark.usefixtures("quick")
def test_the_version_rises_by_a_button_and_by_itself_when_a_plan_is_opened(homes: HomesDesk) -> None:
    homes.home(HUB)
    homes.services.plans.send(HUB, {"version": 7}, "asha")
    with homes.client("asha") as browser:
        page = posted(browser, "check", PLAN)
        assert "Use version 8, and check" in page.text
        page = posted(browser, "check", PLAN, do="renumber")
        assert PROVEN in page.text
        assert "version = 8" in page.text
        assert "version = 8" in browser.get(f"/homes/{HUB}/plan/edit?begin=alone").text
    assert _renumbered("[kind.x]\nversion = 3\n", 4) == "version = 4\n[kind.x]\nversion = 3\n"
    assert _renumbered("", 4) == ""


@pytest.mark.usefixtures("quick")
def test_s11_what_was_written_is_kept_sealed_for_whoever_goes_on(
    homes: HomesDesk, caplog: pytest.LogCaptureFixture
) -> None:
    homes.home(HUB)
    homes.services.roster.add("asha", "sam", "Sam", "supervisor")
    with homes.client("asha") as browser, caplog.at_level(logging.DEBUG):
        posted(browser, "check", PLAN + "broken")
    with homes.client("sam") as browser:
        page = browser.get(f"/homes/{HUB}/plan/edit").text
    assert "what asha checked last" in page
    assert "she is slow" in page
    assert NUMBER in page
    assert [(who, body) for _, who, body in homes.audit("plan-opened")] == [("sam", b'{"what":"draft"}')]
    homes.database.close()
    everything = b"".join(path.read_bytes() for path in homes.services.settings.data.glob("store.db*"))
    assert b"900131" not in everything
    assert b"she is slow" not in everything
    assert "900131" not in "\n".join(each.getMessage() for each in caplog.records)


@pytest.mark.usefixtures("quick")
def test_a_plan_can_be_made_before_the_box_is_there_and_waits_for_its_key(homes: HomesDesk) -> None:
    homes.awaited(HUB)
    document = next(each.text for each in samples() if each.name == "alone")
    with homes.client("asha") as browser:
        page = posted(browser, "check", document)
        assert "it can be sent once the box is there" in page.text
        assert token(page.text) == ""
        homes.enrolled(HUB)
        assert PROVEN in posted(browser, "check", document).text
        homes.site.revoke(HUB, homes.now_ms)
        assert "this hub is shut out" in posted(browser, "check", document).text


@pytest.mark.usefixtures("quick")
def test_a_plan_comes_from_a_file_too(homes: HomesDesk) -> None:
    homes.home(HUB)
    with homes.client("asha") as browser:
        page = posted(browser, "check", "", files={"file": ("plan.toml", PLAN.replace("\n", "\r\n").encode())})
        assert PROVEN in page.text
        for content, words in ((b"\xff\xfe\x00", "no text in UTF-8"), (b"#" * 65_537, "larger than 64 KiB")):
            page = posted(browser, "check", "kept", files={"file": ("plan.toml", content)})
            assert page.status_code == 422
            assert words in page.text
            assert "\nkept</textarea>" in page.text


def test_a_plan_is_a_supervisors_to_change_and_others_to_read(homes: HomesDesk) -> None:
    homes.home(HUB)
    with homes.client("beth") as browser:
        assert browser.get(f"/homes/{HUB}/plan").status_code == 200
        assert browser.get(f"/homes/{HUB}/plan/edit").status_code == 403
        assert posted(browser, "check", PLAN).status_code == 403
        assert posted(browser, "send", PLAN).status_code == 403
        assert browser.get(f"/homes/{HUB}/plan/read/1").status_code == 404


def test_every_sample_can_be_begun_with(homes: HomesDesk) -> None:
    homes.enrolled(HUB)
    with homes.client("asha") as browser:
        first = browser.get(f"/homes/{HUB}/plan/edit").text
        for sample in (plain(None), *samples()):
            assert f"begin={sample.name}" in first
            assert sample.about[:30] in first
            assert sample.title in first
            begun = browser.get(f"/homes/{HUB}/plan/edit?begin={sample.name}").text
            assert "version = 1" in begun
    assert [each.name for each in samples()] == ["alone", "couple", "dementia", "no-modem"]
    assert homes.audit("plan-opened") == []  # samples are nobody's


# --- hostile and endless ---------------------------------------------------------------------------------

NASTY = (
    "a = " + "[" * 30_000,
    "version = " + "9" * 60_000,
    "[" + ".".join("a" * 20_000) + "]",
    "x = '\u202e\ufffe'\n" * 2_000,
    "\x00\x01",
    "[[reminder]]\nname = 'a'\nat = ['00:00']\nrule = 'FREQ=SECONDLY;COUNT=99999999'\n" * 20,
    "version = 2\n[kind.'<script>alert(1)</script>']\npriority = 1\n",
)


def test_s12_no_document_brings_the_review_down() -> None:
    for document in NASTY:
        found = reviewer.review(reviewer.Question(document=document))
        assert found.problems, document[:40]
    found_too = asyncio.run(review(Question(document=NASTY[0])))  # and with the true process
    assert found_too.problems
    assert not found_too.ok


@pytest.mark.usefixtures("quick")
def test_what_a_hostile_plan_says_is_inert(homes: HomesDesk) -> None:
    homes.home(HUB)
    with homes.client("asha") as browser:
        for document in (NASTY[-1], NASTY[3], "</textarea><script>alert(1)</script>"):
            page = posted(browser, "check", document)
            assert page.status_code == 422
            assert "<script>alert" not in page.text


def test_s12_an_endless_review_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "endless.py").write_text(
        "import os, pathlib, time\n"
        "pathlib.Path(__file__).with_name('pid').write_text(str(os.getpid()))\n"
        "time.sleep(600)\n"
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(plan_review, "MODULE", "endless")
    with pytest.raises(ReviewError, match="longer than 1 s"):
        asyncio.run(review(Question(document=PLAN), timeout_s=1))
    pid = int((tmp_path / "pid").read_text())
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


def test_s12_a_review_that_ends_without_an_answer_or_cannot_begin_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(plan_review, "MODULE", "this")  # prints a poem
    with pytest.raises(ReviewError, match="without a verdict"):
        asyncio.run(review(Question(document=PLAN)))
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(ReviewError, match="could not be started"):
        asyncio.run(review(Question(document=PLAN)))


def test_s12_few_reviews_run_at_once_and_the_others_wait_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    running, most = 0, 0

    async def several() -> list[Any]:
        go = asyncio.Event()

        async def ask(_question: bytes, _timeout_s: float) -> bytes:
            nonlocal running, most
            running, most = running + 1, max(most, running + 1)
            await go.wait()
            running -= 1
            return b'{"ok":true}'

        monkeypatch.setattr(plan_review, "_ask", ask)
        monkeypatch.setattr(plan_review, "TURN_S", 0.05)
        first = [asyncio.ensure_future(review(Question(document="x"))) for _ in range(plan_review.AT_ONCE)]
        late = await asyncio.gather(review(Question(document="x")), return_exceptions=True)
        go.set()
        return [*late, *await asyncio.gather(*first), await review(Question(document="x"))]

    late, *others = asyncio.run(several())
    assert isinstance(late, ReviewError)
    assert "try again" in str(late)
    assert all(each.ok for each in others)
    assert most == plan_review.AT_ONCE


def test_s12_a_review_may_take_so_much_memory_and_no_more() -> None:
    code = f"import provisioning.plan.review as r; r.limit(); bytearray({MEMORY_BYTES_MAX})"

    async def run() -> tuple[int | None, bytes]:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", code),
            stderr=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": str(Path.cwd())},
        )
        _, told = await child.communicate()
        return child.returncode, told

    ended, told = asyncio.run(run())
    assert ended != 0
    assert b"MemoryError" in told


def test_a_home_is_known_by_what_it_has_told(homes: HomesDesk) -> None:
    homes.home(HUB)
    assert known_hub(HUB, None) is None
    body = homes.services.ledger.state(HUB)
    assert body is not None
    found = known_hub(HUB, msgspec.json.decode(body, type=State))
    assert found is not None
    assert found.config.uplinks == ("main",)
    assert Sensor("pendant-1", "pendant", "worn") in found.config.sensors
    assert found.fittings == Fittings()
    homes.said(HUB, links=(LinkNote(uplink="main", up=True),), faults=(FaultNote("no-outputs", "", 3),))
    body = homes.services.ledger.state(HUB)
    assert body is not None
    found = known_hub(HUB, msgspec.json.decode(body, type=State))
    assert found is not None
    assert found.fittings == Fittings(modem=False, siren=False, light=False, relay=False)


@pytest.mark.parametrize("modem", [True, False])
@pytest.mark.parametrize("kinds", [("pendant",), ("pendant", "door-button", "smoke")])
def test_a_plain_plan_is_proven_for_the_box_that_it_is_made_for(modem: bool, kinds: tuple[str, ...]) -> None:
    config = Config("hub-a", tuple(Sensor(f"{kind}-1", kind, "hall") for kind in kinds))
    known = Known(config, Fittings(modem=modem))
    text = plain(known).text
    found = reviewer.review(reviewer.Question(document=text, hub=config, fittings=known.fittings))
    assert (found.problems, [each for each in found.findings if each.severity == "error"]) == ((), [])
    assert found.ok
    assert bool(found.accepted) == (not modem and "door-button" in kinds)


def test_a_plain_plan_is_proven_while_nothing_is_known_of_the_box() -> None:
    assert reviewer.review(reviewer.Question(document=plain(None).text)).ok
