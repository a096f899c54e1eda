"""What every answer carries, cookies, forged requests, plain http, and where one is sent after signing in."""

import asyncio
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st
from litestar import Litestar, Request
from litestar.testing import TestClient

from centre.console import security
from centre.console.app import application
from centre.console.guards import SignedIn, own_path, still
from centre.staff.sessions import digest
from tests.centre.console.desk_of_cases import DeskOfCases
from tests.centre.console.test_roles import filled, routes
from tests.support.staff import make_roster

HTTPS, HTTP = "https://localhost.local", "http://127.0.0.1:8080"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskOfCases]:
    made = DeskOfCases(tmp_path_factory.mktemp("security"))
    made.services.roster = make_roster(made.database, made.services.keyring, made.clock)
    yield made
    made.close()


@pytest.fixture(scope="module")
def app(desk: DeskOfCases) -> Litestar:
    return application(desk.services)


@pytest.fixture
def client(app: Litestar) -> Iterator[TestClient[Any]]:
    with TestClient(app, base_url=HTTPS, raise_server_exceptions=False) as client:
        client.follow_redirects = False
        yield client


def signed_in(client: TestClient[Any], desk: DeskOfCases, name: str = "beth", *, secure: bool = True) -> str:
    token = desk.token(name)
    client.cookies.set(security.cookie_name("session", secure=secure), token)
    return token


# --- headers ---------------------------------------------------------------------------------------------


def check_headers(response: Any, path: str) -> None:
    for name, value in security.HEADERS.items():
        assert response.headers.get_list(name) == [value], path
    assert response.headers["strict-transport-security"].startswith("max-age=31536000")
    if not path.startswith("/static/"):
        assert response.headers["cache-control"] == "no-store", path
    assert "server" not in response.headers


def test_every_route_s_answer_carries_the_headers_whoever_asks(client: TestClient[Any], desk: DeskOfCases) -> None:
    for name in ("", "asha", "otto"):
        client.cookies.clear()
        if name:
            signed_in(client, desk, name)
        for method, path, _ in routes(client.app):
            if path != "/live" or not name:
                check_headers(client.request(method, filled(path)), path)


def test_errors_carry_them_too(
    client: TestClient[Any], desk: DeskOfCases, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    for method, path, status in (
        ("GET", "/not-there", 404),
        ("PUT", "/sign-in", 405),
        ("GET", "/audit?before=-1", 303),
        ("POST", "/sign-in", 403),
    ):
        response = client.request(method, path)
        assert response.status_code == status
        check_headers(response, path)
    signed_in(client, desk, "asha")
    check_headers(client.get("/audit?before=-1"), "/audit")

    def breaks(*_: object, **__: object) -> object:
        raise ZeroDivisionError("a secret in an error")

    monkeypatch.setattr(desk.services.roster, "everybody", breaks)
    broken = client.get("/staff")
    assert broken.status_code == 500
    check_headers(broken, "/staff")
    assert "secret" not in broken.text
    assert "tell whoever runs it" in broken.text
    assert [each.exc_info is not None for each in caplog.records if "/staff failed" in each.message] == [True]


def test_s12_of_somebody_unknown_little_is_read(client: TestClient[Any], desk: DeskOfCases) -> None:
    """A form of a megabyte keeps the loop busy for a second: whoever is not signed in cannot have one read."""
    client.get("/sign-in")
    token = client.cookies[security.cookie_name("before", secure=True)]
    flood = {"csrf": security.csrf_of(token), "name": "a" * 17_000}
    for path in ("/sign-in", "/welcome/a-link"):
        assert client.post(path, data=flood).status_code == 413, path
    made_up = "made-up"
    client.cookies.set(security.cookie_name("session", secure=True), made_up)
    unread = client.post("/account/preferences", content=b"&" * 2_000_000, headers={"content-type": "text/csv"})
    assert (unread.status_code, unread.headers["location"]) == (303, "/sign-in?lost=1")
    sent = {"csrf": security.csrf_of(made_up), "name": "a" * 1_100_000}
    assert client.post("/account/preferences", data=sent).status_code == 303  # and not 413: nothing was read


def test_a_path_that_no_file_can_have_is_not_there(client: TestClient[Any]) -> None:
    for path in ("/static/console.js%00", "/sign-in%00", "/api/v1/homes/%00"):
        assert client.get(path).status_code == 404, path


def test_the_policy_lets_nothing_in_from_elsewhere_and_no_script_within_a_page() -> None:
    parts = dict(part.split(" ", 1) for part in security.CSP.split("; "))
    assert parts["default-src"] == "'none'"
    assert parts["frame-ancestors"] == parts["base-uri"] == parts["object-src"] == "'none'"
    assert not any("unsafe" in sources or "http" in sources or "*" in sources for sources in parts.values())
    assert {name for name, sources in parts.items() if "data:" in sources} == {"img-src"}


def test_plain_http_has_no_hsts_and_is_for_this_computer_alone(app: Litestar) -> None:
    for host, status in (
        ("127.0.0.1:8080", 200),
        ("localhost:8080", 200),
        ("[::1]:8080", 200),
        ("centre.example.org", 421),
        ("192.168.1.10:8080", 421),
        ("127.0.0.1.evil.example", 421),
        ("localhost.evil.example", 421),
        ("", 421),
        ("[", 421),
    ):
        with TestClient(app, base_url=HTTP) as client:
            response = client.get("/sign-in", headers={"host": host})
        assert response.status_code == status, host
        assert "strict-transport-security" not in response.headers


# --- cookies ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("base", "name"), [(HTTPS, "__Host-hearthline-before"), (HTTP, "hearthline-before")])
def test_a_cookie_is_for_this_host_no_script_and_no_other_site(app: Litestar, base: str, name: str) -> None:
    with TestClient(app, base_url=base) as client:
        (line,) = client.get("/sign-in").headers.get_list("set-cookie")
    key, _, rest = line.partition("=")
    attributes = [each.strip().lower() for each in rest.split(";")[1:]]
    assert key == name
    assert {"httponly", "samesite=strict", "path=/"} <= set(attributes)
    assert ("secure" in attributes) is base.startswith("https")
    assert not any(each.startswith("domain") for each in attributes)


@pytest.mark.parametrize("junk", ["x" * 5_000, "\xff\xfe", "", "a b", "../.."])
def test_a_cookie_that_is_junk_is_nobody(client: TestClient[Any], junk: str) -> None:
    headers = {b"cookie": b"__Host-hearthline-session=" + junk.encode("latin-1"), b"accept": b"text/html"}
    response = client.get("/", headers=headers)
    assert response.status_code == 303


def test_over_tls_a_cookie_without_its_prefix_is_nobody_s(client: TestClient[Any], desk: DeskOfCases) -> None:
    signed_in(client, desk, secure=False)
    assert client.get("/account").status_code == 303


# --- forged requests ---------------------------------------------------------------------------------------


FORM = {"keys": "yes"}


def send(client: TestClient[Any], form: dict[str, str], **headers: str) -> int:
    return client.post("/account/preferences", data=form, headers=headers).status_code


def test_a_form_needs_the_token_of_its_own_session(client: TestClient[Any], desk: DeskOfCases) -> None:
    mine = security.csrf_of(signed_in(client, desk, "beth"))
    others = security.csrf_of(desk.token("carl"))
    before = desk.services.roster.get("beth")
    for wrong in ({}, {"csrf": ""}, {"csrf": others}, {"csrf": mine[:-1]}, {"csrf": "é"}, {"csrf": mine + "0"}):
        assert send(client, {**FORM, **wrong}) == 403, wrong
    assert send(client, FORM, **{"x-csrf-token": "no", "content-type": "text/plain"}) == 403
    assert desk.services.roster.get("beth") == before
    assert send(client, {**FORM, "csrf": mine}) == 303
    assert send(client, FORM, **{"x-csrf-token": mine}) == 303
    after = desk.services.roster.get("beth")
    assert after is not None
    assert not after.sounds


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 303),
        ({"sec-fetch-site": "same-origin", "origin": HTTPS}, 303),
        ({"sec-fetch-site": "cross-site"}, 403),
        ({"sec-fetch-site": "same-site"}, 403),
        ({"sec-fetch-site": "none"}, 403),
        ({"origin": "https://evil.example"}, 403),
        ({"origin": "null"}, 403),
        ({"origin": "http://localhost.local"}, 403),
        ({"origin": "https://localhost.local:8443"}, 403),
        ({"sec-fetch-site": "same-origin", "origin": "https://evil.example"}, 403),
    ],
)
def test_a_form_comes_from_our_own_page_even_with_a_token_that_leaked(
    client: TestClient[Any], desk: DeskOfCases, headers: dict[str, str], status: int
) -> None:
    token = security.csrf_of(signed_in(client, desk))
    assert send(client, {**FORM, "csrf": token}, **headers) == status


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_no_other_method_does_anything(client: TestClient[Any], desk: DeskOfCases, method: str) -> None:
    signed_in(client, desk)
    assert client.request(method, "/account/preferences").status_code == 405


def test_the_token_tells_neither_the_cookie_nor_what_is_stored() -> None:
    token = security.new_token()
    assert len({token, security.csrf_of(token), digest(token)}) == 3


def test_signing_in_has_a_token_too_and_another_site_cannot_sign_one_in(client: TestClient[Any]) -> None:
    form = {"name": "beth", "password": "x", "code": "1"}
    assert client.post("/sign-in", data=form).status_code == 403
    client.get("/sign-in")
    assert client.post("/sign-in", data=form).status_code == 403
    token = security.csrf_of(client.cookies[security.cookie_name("before", secure=True)])
    told = client.post("/sign-in", data={**form, "csrf": token})
    assert "name, password and code must all be right" in told.text
    assert (
        client.post("/sign-in", data={**form, "csrf": token}, headers={"origin": "https://evil.example"}).status_code
        == 403
    )


def test_a_link_from_elsewhere_does_not_sign_anybody_out(client: TestClient[Any], desk: DeskOfCases) -> None:
    """A browser sends none of its strict cookies along such a link: the sign-in page must leave the session's alone."""
    response = client.get("/sign-in?next=/audit")
    assert [line.partition("=")[0] for line in response.headers.get_list("set-cookie")] == ["__Host-hearthline-before"]
    assert 'href="/audit"' in response.text
    signed_in(client, desk, "asha")
    assert client.get("/sign-in?next=/audit").headers["location"] == "/audit"


def test_what_is_too_large_is_not_read_to_its_end(client: TestClient[Any], desk: DeskOfCases) -> None:
    token = security.csrf_of(signed_in(client, desk))
    assert send(client, {"csrf": token, "x": "y" * 2_000_000}) == 413
    assert send(client, {"csrf": token, **{f"k{n}": "v" for n in range(3_000)}}) in (303, 400, 413)


def test_a_form_may_be_in_parts(client: TestClient[Any], desk: DeskOfCases) -> None:
    token = security.csrf_of(signed_in(client, desk))
    files: dict[str, Any] = {"csrf": (None, token), "file": ("x.toml", b"x = 1")}
    assert client.post("/account/preferences", files=files).status_code in (303, 400), "read, and its token found"
    files["csrf"] = (None, "wrong")
    assert client.post("/account/preferences", files=files).status_code == 403


def test_a_file_in_the_token_s_place_is_none(client: TestClient[Any], desk: DeskOfCases) -> None:
    token = security.csrf_of(signed_in(client, desk))
    files = {"csrf": ("x.txt", token.encode())}
    assert client.post("/account/preferences", files=files).status_code == 403


# --- open redirects ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "path",
    [
        "https://evil.example/",
        "//evil.example/",
        "///evil.example",
        "/\\evil.example",
        "\\\\evil.example",
        "/\t/evil.example",
        "\t//evil.example",
        "/%0d%0aset-cookie:x\r\n",
        "javascript:alert(1)",
        "evil.example",
        "",
        "/sign-in",
        "/sign-in?next=/sign-in",
        "/é",
        "/" + "x" * 600,
        "http:/x",
        "//[",
        "/a\0b",
    ],
)
def test_nobody_is_sent_elsewhere_after_signing_in(path: str) -> None:
    assert own_path(path) == "/"


@pytest.mark.parametrize("path", ["/", "/cases/c-12", "/audit?who=asha&home=hub-a", "/homes/hub-a/plan"])
def test_one_is_sent_back_to_where_one_came_from(path: str) -> None:
    assert own_path(path) == path


@given(st.text(max_size=40) | st.text(alphabet="/\\.:@?#%ae\t\n ", max_size=12))
def test_whatever_is_asked_for_is_on_this_host(path: str) -> None:
    assert urlsplit(urljoin("https://centre.example/sign-in", own_path(path))).netloc == "centre.example"


# --- what streams --------------------------------------------------------------------------------------------


def test_what_streams_ends_with_the_session_and_with_the_role(app: Litestar, desk: DeskOfCases) -> None:
    roster = desk.services.roster
    token = desk.token("carl")
    session = roster.sessions.of(token)
    assert session is not None
    scope: dict[str, Any] = {
        "type": "http",
        "state": {"signed_in": SignedIn(roster)},
        "user": session.operator,
        "auth": session,
    }
    request: Request[Any, Any, Any] = Request(scope)  # type: ignore[arg-type]
    assert asyncio.run(still(request))
    roster.change("shell", "carl", shown="Carl J.")
    assert asyncio.run(still(request))
    roster.sessions.end("carl", session.id)
    assert not asyncio.run(still(request))
