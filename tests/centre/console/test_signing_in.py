"""Signing in by hand, from a link's page to the queue, and the pages of one's account, the staff, audit and consent."""

import html
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from litestar import Litestar
from litestar.testing import TestClient

from centre.console import security
from centre.console.app import application
from centre.staff import attempts, codes
from centre.staff.auditing import AuditBook
from centre.staff.values import SHELL
from tests.centre.console.desk_of_cases import DeskOfCases
from tests.support.renewing import HandClock
from tests.support.staff import PASSWORD, Member, make_roster, member

PAGES = [f"centre.console.{name}" for name in ("queue", "signing_in", "account", "staff", "audit", "consent")]
HOSTILE = '"><script>alert(1)</script>\u202e&{{7*7}}'
OTHER = "a different sentence altogether"


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
def desk(made: bytes, tmp_path: Path, clock: HandClock) -> Iterator[DeskOfCases]:
    opened = DeskOfCases(tmp_path, clock, store=made)
    opened.services.roster = make_roster(opened.database, opened.services.keyring, clock, demonstration=True)
    yield opened
    opened.close()


@pytest.fixture
def app(desk: DeskOfCases) -> Litestar:
    return application(desk.services, pages=PAGES)


class Person:
    """Somebody before a browser: reads the forms of pages, fills in and sends them."""

    def __init__(self, client: TestClient[Any]) -> None:
        self._client, self.cookies, self.page, self.path = client, httpx.Cookies(), "", "/"

    def open(self, path: str) -> Any:
        return self.ask("GET", path)

    def ask(self, method: str, path: str, **more: Any) -> Any:
        self._client.cookies = self.cookies
        more["headers"] = {"accept": "text/html"} | more.get("headers", {})
        response = self._client.request(method, path, **more)
        self.cookies = self._client.cookies
        self.page, self.path = response.text, response.url.path
        return response

    def send(self, action: str = "", **fields: str) -> Any:
        """Send the form whose action it is, with all its hidden fields."""
        forms = re.findall(r"<form([^>]*)>(.*?)</form>", self.page, re.DOTALL)
        found = [body for head, body in forms if (f'action="{action}"' in head if action else "action=" not in head)]
        hidden = re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', found[0])
        data = {name: html.unescape(value) for name, value in hidden} | fields
        return self.ask("POST", action or self.path, data=data)

    @property
    def problem(self) -> str:
        found = re.search(r'<p class="problem"[^>]*>(.*?)</p>', self.page, re.DOTALL)
        return html.unescape(found[1]) if found else ""

    @property
    def session(self) -> str:
        return self.cookies.get("__Host-hearthline-session") or ""

    def sign_in(self, who: Member, code: str | None = None, password: str = PASSWORD, going: str = "/account") -> Any:
        self.open(f"/sign-in?next={going}")
        return self.send("/sign-in", name=who.name, password=password, code=who.code() if code is None else code)


@pytest.fixture
def people(app: Litestar) -> Iterator[Callable[[], Person]]:
    with TestClient(app, base_url="https://localhost.local") as client:
        yield lambda: Person(client)


@pytest.fixture
def person(people: Callable[[], Person]) -> Person:
    return people()


@pytest.fixture
def asha(desk: DeskOfCases, clock: HandClock) -> Member:
    return member(desk.services.roster, clock, "asha-k", "supervisor")


@pytest.fixture
def bo(desk: DeskOfCases, clock: HandClock) -> Member:
    return member(desk.services.roster, clock, "bo-b", "operator", '"><script>alert(1)</script>')


# --- by a link, for the first time -----------------------------------------------------------------------


def test_from_a_supervisor_s_link_to_being_signed_in(
    desk: DeskOfCases, person: Person, people: Callable[[], Person], asha: Member
) -> None:
    """A supervisor adds somebody and makes the link; they set password and second factor, and sign in."""
    person.sign_in(asha, going="/staff")
    person.send("/staff", name="new-one", shown="New One", role="operator", password=PASSWORD)
    assert "Added" in person.page
    assert person.path == "/staff/new-one"
    person.send("/staff/new-one/link", password=PASSWORD)
    (link,) = re.findall(r'value="https://localhost\.local(/welcome/[\w-]{43})"', person.page)
    assert link not in person.open("/staff/new-one").text, "shown once"

    other = people()
    other.open(link)
    assert 'src="data:image/svg+xml' in other.page
    assert other.send(password="short", again="short", code="1").status_code == 422  # noqa: S106
    assert "characters" in other.problem
    assert other.send(password=OTHER, again=PASSWORD, code="1").status_code == 422
    assert "not the same" in other.problem
    carried = html.unescape(re.findall(r'name="carried" value="([^"]*)"', other.page)[0])
    offer = desk.services.roster.offered("new-one", carried)
    assert codes.readable(offer.secret) in other.page, "the secret stays, though the form came back"
    other.send(password=OTHER, again=OTHER, code=codes.code_at(offer.secret, asha.clock.now().wall_ms))
    recovery = re.findall(r"<li><code>([A-Z2-7 ]+)</code>", other.page)
    assert len(recovery) == 10
    assert other.open(link).status_code == 410
    assert other.open("/account").url.path == "/sign-in", "a link signs nobody in"
    other.sign_in(Member(desk.services.roster, asha.clock, "new-one", offer.secret, recovery), password=OTHER)
    assert other.path == "/account"
    assert "New One" in other.page


def test_whoever_came_by_a_link_has_a_desk_that_nobody_can_lock(desk: DeskOfCases, person: Person, bo: Member) -> None:
    link = desk.services.roster.links.make(SHELL, "bo-b")
    person.open(f"/welcome/{link}")
    carried = html.unescape(re.findall(r'name="carried" value="([^"]*)"', person.page)[0])
    bo.secret = desk.services.roster.offered("bo-b", carried).secret
    person.send(password=PASSWORD, again=PASSWORD, code=codes.code_at(bo.secret, bo.clock.now().wall_ms))
    for _ in range(attempts.FAILURES):
        with pytest.raises(Exception, match="Not signed in"):
            bo.sign_in(password="wrong")  # noqa: S106
    assert person.sign_in(bo).url.path == "/account"


def test_a_demonstration_s_link_signs_in_by_one_press(desk: DeskOfCases, person: Person) -> None:
    link = desk.services.roster.links.make(SHELL, "beth", signs_in=True)
    person.open(f"/welcome/{link}")
    person.open(f"/welcome/{link}")
    assert person.send().url.path == "/"
    assert person.session
    assert person.open("/account").url.path == "/account"
    assert person.open(f"/welcome/{link}").status_code == 410


# --- in and out --------------------------------------------------------------------------------------------


def test_the_session_is_a_new_one_whatever_the_browser_brought(person: Person, desk: DeskOfCases, bo: Member) -> None:
    """Session fixation: what an attacker laid into the browser is not what it is signed in by."""
    laid = security.new_token()
    person.cookies.set("__Host-hearthline-session", laid, domain="localhost.local")
    person.sign_in(bo)
    assert person.path == "/account"
    assert desk.services.roster.sessions.of(laid) is None
    tokens = {cookie.value for cookie in person.cookies.jar if cookie.name.endswith("session")}
    assert any(desk.services.roster.sessions.of(token or "") for token in tokens - {laid})


def test_signing_in_again_ends_the_session_before(person: Person, desk: DeskOfCases, bo: Member) -> None:
    person.sign_in(bo)
    first = person.session
    person.cookies.set("kept", "x")
    person.cookies.delete("__Host-hearthline-session")
    person.open("/sign-in")
    person.cookies.set("__Host-hearthline-session", first, domain="localhost.local", path="/")
    person.send("/sign-in", name=bo.name, password=PASSWORD, code=bo.code())
    assert desk.services.roster.sessions.of(first) is None
    assert len(desk.services.roster.sessions.of_operator("bo-b")) == 1


def test_one_refusal_for_everything_and_what_was_typed_is_kept_but_no_secret(person: Person, bo: Member) -> None:
    told = set()
    for who, password, code in (("bo-b", "wrong pass word", "1"), ("nobody-there", PASSWORD, "1"), (HOSTILE, "x", "y")):
        person.open("/sign-in?next=/audit")
        response = person.send("/sign-in", name=who, password=password, code=code)
        assert response.status_code == 403
        told.add(person.problem)
        assert f'value="{html.escape(who).replace("&quot;", "&#34;")}"' in person.page
        assert PASSWORD not in person.page
        assert "<script>alert" not in person.page
        assert 'name="next" value="/audit"' in person.page
    assert len(told) == 1


def test_too_many_from_an_address_are_told_when(person: Person) -> None:
    person.open("/sign-in")
    for _ in range(20):
        person.send("/sign-in", name="nobody-there", password="x", code="1")  # noqa: S106
    response = person.send("/sign-in", name="nobody-there", password="x", code="1")  # noqa: S106
    assert response.status_code == 429
    assert 0 < int(response.headers["retry-after"]) <= 45


def test_signing_out_ends_the_session_at_the_centre_too(person: Person, desk: DeskOfCases, bo: Member) -> None:
    person.sign_in(bo)
    token = person.session
    response = person.send("/sign-out")
    assert response.history[0].headers["clear-site-data"] == '"cache"'
    assert person.path == "/sign-in"
    assert desk.services.roster.sessions.of(token) is None
    assert person.session == ""


def test_a_form_of_an_ended_session_is_not_done_and_says_so(person: Person, desk: DeskOfCases, bo: Member) -> None:
    person.sign_in(bo)
    desk.services.roster.sessions.end_all("bo-b")
    person.send("/account/preferences")
    assert person.path == "/sign-in"
    assert "<strong>not</strong> done" in person.page
    found = desk.services.roster.get("bo-b")
    assert found is not None
    assert found.sounds


def test_a_store_that_is_down_is_said_and_no_error_of_ours(person: Person, desk: DeskOfCases, bo: Member) -> None:
    person.open("/sign-in")
    desk.database.close()
    Path(desk.database.name or "").write_bytes(b"no database" * 1_000)
    response = person.send("/sign-in", name="bo-b", password=PASSWORD, code="1")
    assert response.status_code == 503
    assert "store" in response.text


# --- one's account -----------------------------------------------------------------------------------------


def test_password_second_factor_and_codes_are_changed_with_the_password_of_now(
    person: Person, desk: DeskOfCases, bo: Member
) -> None:
    person.sign_in(bo)
    token = person.session
    assert person.send("/account/password", password="wrong", new=OTHER, again=OTHER).status_code == 403  # noqa: S106
    assert person.send("/account/password", password=PASSWORD, new=OTHER, again="no").status_code == 422
    assert person.send("/account/password", password=PASSWORD, new="short", again="short").status_code == 422
    person.send("/account/password", password=PASSWORD, new=OTHER, again=OTHER)
    assert "is changed" in person.page
    person.send("/account/recovery", password=OTHER)
    assert len(re.findall(r"<li><code>", person.page)) == 10
    person.open("/account/app")
    assert person.send("/account/app", password=OTHER, code="000000").status_code == 422
    carried = html.unescape(re.findall(r'name="carried" value="([^"]*)"', person.page)[0])
    bo.secret = desk.services.roster.offered("bo-b", carried).secret
    person.send("/account/app", password=OTHER, code=codes.code_at(bo.secret, bo.clock.now().wall_ms))
    assert len(re.findall(r"<li><code>", person.page)) == 10
    assert person.session == token
    bo.password = OTHER
    bo.sign_in()


def test_sessions_are_listed_and_ended_and_nobody_else_s(person: Person, desk: DeskOfCases, bo: Member) -> None:
    elsewhere = bo.sign_in(browser=HOSTILE).token
    others = desk.token("asha")
    person.sign_in(bo)
    assert html.escape(HOSTILE).replace("&quot;", "&#34;") in person.page
    sessions = desk.services.roster.sessions
    (other,) = sessions.of_operator("asha")
    person.send("/account/sessions", session=other.id)
    assert sessions.of(others) is not None
    listed = [each for each in sessions.of_operator("bo-b") if each.browser == HOSTILE]
    person.open("/account")
    person.send("/account/sessions", session=listed[0].id)
    assert sessions.of(elsewhere) is None
    assert "ended" in person.page


def test_keys_and_sounds_are_switched_off_and_on(person: Person, desk: DeskOfCases, bo: Member) -> None:
    person.sign_in(bo)
    for chosen in ({}, {"keys": "yes"}, {"keys": "yes", "sounds": "yes"}):
        person.send("/account/preferences", **chosen)
        found = desk.services.roster.get("bo-b")
        assert found is not None
        assert (found.keys, found.sounds) == ("keys" in chosen, "sounds" in chosen)


# --- the staff ---------------------------------------------------------------------------------------------


def test_nothing_about_staff_is_done_without_the_supervisor_s_own_password(
    person: Person, desk: DeskOfCases, asha: Member, bo: Member
) -> None:
    before = desk.services.roster.everybody()
    person.sign_in(asha, going="/staff")
    sent = {"name": "new-one", "shown": "New <b>", "role": "operator", "active": "yes"}
    for action, page in (("/staff", "/staff"), ("/staff/bo-b", "/staff/bo-b"), ("/staff/bo-b/link", "/staff/bo-b")):
        person.open(page)
        response = person.send(action, **sent, password="wrong")  # noqa: S106
        assert response.status_code == 403
        assert "not your password" in person.problem
    assert desk.services.roster.everybody() == before
    person.open("/staff")
    person.send("/staff", **sent, password="wrong")  # noqa: S106
    assert 'value="New &lt;b&gt;"' in person.page, "what was typed is kept"


def test_a_role_that_changes_signs_out_at_the_next_request(
    person: Person, people: Callable[[], Person], desk: DeskOfCases, asha: Member, bo: Member
) -> None:
    other = people()
    other.sign_in(bo)
    assert other.open("/account").url.path == "/account"
    person.sign_in(asha, going="/staff/bo-b")
    person.send("/staff/bo-b", shown="Bo", role="auditor", active="yes", password=PASSWORD)
    assert "Changed" in person.page
    assert other.open("/account").url.path == "/sign-in"
    assert desk.services.roster.get("bo-b").role == "auditor"  # type: ignore[union-attr]


def test_a_supervisor_signs_somebody_out_everywhere(
    person: Person, desk: DeskOfCases, asha: Member, bo: Member
) -> None:
    tokens = [bo.sign_in().token for _ in range(2)]
    sessions = desk.services.roster.sessions
    person.sign_in(asha, going="/staff/bo-b")
    assert person.send("/staff/bo-b/sessions", password="wrong").status_code == 403  # noqa: S106
    assert all(sessions.of(token) for token in tokens)
    person.open("/staff/bo-b")
    person.send("/staff/bo-b/sessions", password=PASSWORD)
    assert "Signed out everywhere" in person.page
    assert not any(sessions.of(token) for token in tokens)
    told = AuditBook(desk.database).done(who="asha-k", limit=1)[0]
    assert (told.what, dict(told.more)) == ("signed-out", {"name": "bo-b", "sessions": "2"})


def test_the_last_supervisor_cannot_go(person: Person, desk: DeskOfCases, asha: Member) -> None:
    person.sign_in(asha, going="/staff/asha-k")
    assert "This is you" in person.page
    response = person.send("/staff/asha-k", shown="Asha", role="operator", active="yes", password=PASSWORD)
    assert response.status_code == 422
    assert "last supervisor" in person.problem
    assert person.open("/account").url.path == "/account"


@pytest.mark.parametrize("name", ["not-there", "..%2fx", "%00", "x" * 3_000])
def test_who_is_not_there_is_not_found(person: Person, asha: Member, name: str) -> None:
    person.sign_in(asha)
    assert person.open(f"/staff/{name}").status_code in (400, 404)


# --- audit and consent -------------------------------------------------------------------------------------


def test_the_audit_has_what_was_done_and_emergencies_at_its_top(person: Person, asha: Member) -> None:
    person.sign_in(asha, going="/consent/hub-3f7a")
    assert "Nobody has been asked yet" in person.page
    form = {"person": "resident", "what": "listen-in", "given": "", "how": HOSTILE}
    assert person.send("/consent/hub-3f7a", **form).status_code == 422, "nobody's answer is chosen for them"
    form["given"] = "given"
    person.send("/consent/hub-3f7a", **form)
    assert "Entered" in person.page
    assert "<script>alert" not in person.page
    assert person.send("/consent/hub-3f7a/emergency", purpose="listen-in", why="short").status_code == 422
    person.send("/consent/hub-3f7a/emergency", purpose="listen-in", why="no answer, and we hear breathing")
    assert "for four hours" in person.page
    person.open("/audit?home=hub-3f7a")
    at = [
        person.page.index(text) for text in ("Without consent", "we hear breathing", "What was done", "consent-given")
    ]
    assert at == sorted(at)
    assert "consent-given" not in person.open("/audit?who=bo-b").text
    assert person.open("/audit?before=x").status_code == 400
    assert person.open("/audit?who=" + "x" * 101).status_code == 400
    hostile = person.open("/audit?who=%22%3E%3Cscript%3Ealert(1)%3C/script%3E%00&home=%ff&case=%F0%9F%98%80")
    assert hostile.status_code == 200
    assert "<script>alert" not in hostile.text


def test_the_audit_goes_on_page_by_page(person: Person, asha: Member, desk: DeskOfCases) -> None:
    for number in range(150):
        desk.services.consents.give("hub-a", f"p{number}", "listen-in", by="asha-k", how="in person")
    person.sign_in(asha, going="/audit")
    seen = len(re.findall("consent-given", person.page))
    older = html.unescape(re.findall(r'href="(/audit\?[^"]*before=[1-9][^"]*)"', person.page)[0])
    person.open(older)
    assert seen + len(re.findall("consent-given", person.page)) == 150


@pytest.mark.parametrize("hub", ["Hub", "a%2fb", "x" * 41, "é", "%00ab"])
def test_consent_is_of_a_home(person: Person, asha: Member, hub: str) -> None:
    person.sign_in(asha)
    assert person.open(f"/consent/{hub}").status_code in (400, 404)


def test_a_field_that_is_sent_twice_or_is_no_text_breaks_nothing(person: Person, asha: Member) -> None:
    person.sign_in(asha)
    token = security.csrf_of(person.session)
    for body in (b"how=a&how=b&person=x", b"how=%ff%fe%00&person=%ed%a0%80&what=listen-in&given=given", b"%", b"=&&=;"):
        headers = {"content-type": "application/x-www-form-urlencoded", "x-csrf-token": token}
        response = person.ask("POST", "/consent/hub-3f7a", content=body, headers=headers)
        assert response.status_code in (200, 400, 422), body
