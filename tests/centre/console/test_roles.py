"""Every route for every role: each says whose it is, and is nobody else's. And for nobody, none is but the door."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from litestar import Litestar, get
from litestar.exceptions import ImproperlyConfiguredException
from litestar.testing import TestClient

from centre.console import security
from centre.console.app import application
from centre.console.guards import allow, check_declared, declared, handlers_of
from tests.centre.console.desk_of_cases import STAFF, DeskOfCases
from tests.support.staff import make_roster

DESK, HOMES = {"operator", "supervisor"}, {"operator", "supervisor", "installer"}
READERS, ALL = {"supervisor", "auditor"}, {"operator", "supervisor", "installer", "auditor"}

MOST: dict[str, set[str]] = {
    "/": DESK,
    "/queue": DESK,
    "/cases": DESK,
    "/status": ALL,
    "/live": ALL,
    "/homes": HOMES,
    "/homes/new": {"supervisor", "installer"},
    "/homes/{hub:str}/code": {"supervisor", "installer"},
    "/homes/{hub:str}/revoke": {"supervisor"},
    "/homes/{hub:str}/left": {"supervisor"},
    "/homes/{hub:str}/export": {"supervisor"},
    "/homes/{hub:str}/plan/edit": {"supervisor", "installer"},
    "/homes/{hub:str}/plan/check": {"supervisor", "installer"},
    "/homes/{hub:str}/plan/send": {"supervisor", "installer"},
    "/worklist": HOMES,
    "/tests": HOMES,
    "/reports": READERS,
    "/reports.csv": READERS,
    "/reports.json": READERS,
    "/integrations": {"supervisor"},
    "/sign-in": {"anybody"},
    "/welcome": {"anybody"},
    "/sign-out": ALL,
    "/account": ALL,
    "/staff": {"supervisor"},
    "/audit": READERS,
    "/consent": ALL,
    "/consent/{hub:str}/emergency": DESK,
    "/static": {"public"},
    "/health": {"machines"},
    "/metrics": {"machines"},
    "/api": {"machines"},
    "/api/v1/openapi.json": {"public"},
}
"""Who may at most, by the longest beginning of a route. One that is not here fails the test: say whose it is."""

STREAMS = {"/live"}
TOLD_BY_GUARD = "This is not for the role of"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DeskOfCases]:
    made = DeskOfCases(tmp_path_factory.mktemp("roles"))
    made.services.roster = make_roster(made.database, made.services.keyring, made.clock)
    yield made
    made.close()


@pytest.fixture(scope="module")
def client(desk: DeskOfCases) -> Iterator[TestClient[Any]]:
    with TestClient(application(desk.services), base_url="https://localhost.local") as client:
        yield client


def routes(app: Litestar) -> Iterator[tuple[str, str, set[str]]]:
    for path, handler in handlers_of(app):
        for method in sorted(getattr(handler, "http_methods", {"GET"}) - {"OPTIONS"}):
            yield method, path, set(declared(handler).split(" or "))


def filled(path: str) -> str:
    return re.sub(r"\{\w+:(\w+)\}", lambda found: "1" if found[1] == "int" else "hub-a", path)


def ask(client: TestClient[Any], method: str, path: str, token: str = "", **headers: str) -> Any:
    client.cookies.clear()
    if token:
        client.cookies.set(security.cookie_name("session", secure=True), token)
        headers |= {security.HEADER: security.csrf_of(token)}
    accept = {"accept": "text/html"} | headers
    return client.request(method, filled(path), headers=accept, follow_redirects=False)


def test_every_route_says_whose_it_is_and_gives_it_to_nobody_more(client: TestClient[Any]) -> None:
    wrong = []
    for method, path, roles in routes(client.app):
        found = [each for each in MOST if path == each or (path.startswith(each.rstrip("/") + "/") and each != "/")]
        most = MOST[max(found, key=len)] if found else set()
        if not roles - {""} or not roles <= most:
            wrong.append(f"{method} {path}: {sorted(roles)}, at most {sorted(most)}")
    assert not wrong


def test_an_application_with_a_route_that_says_nothing_does_not_start() -> None:
    @get("/open", sync_to_thread=False)
    def forgotten() -> str:
        return "everything"

    @get("/shut", guards=[allow()], sync_to_thread=False)
    def told() -> str:
        return ""

    check_declared(Litestar([told], openapi_config=None))
    with pytest.raises(ImproperlyConfiguredException, match="/open"):
        check_declared(Litestar([told, forgotten], openapi_config=None))


@pytest.mark.parametrize(("name", "role"), [(name, role) for name, _, role in STAFF if name != "carl"])
def test_every_route_for_every_role(
    desk: DeskOfCases, client: TestClient[Any], caplog: pytest.LogCaptureFixture, name: str, role: str
) -> None:
    seen, token = {True: 0, False: 0}, desk.token(name)
    caplog.set_level("WARNING", "centre.console.guards")
    for method, path, roles in routes(client.app):
        if roles & {"public", "machines", "anybody"} or (role in roles and path in STREAMS):
            continue
        response = ask(client, method, path, token)
        refused = response.status_code == 403 and TOLD_BY_GUARD in response.text
        assert refused is (role not in roles), f"{method} {path}: {response.status_code}"
        assert response.status_code != 401
        assert response.headers.get("location", "/")[:8] != "/sign-in" or path == "/sign-out"
        seen[refused] += 1
        if path == "/sign-out":
            token = desk.token(name)
    assert seen[False] >= 5
    assert len([each for each in caplog.messages if f"{name} ({role}) was refused /" in each]) == seen[True]
    assert seen[True] >= 3 or role == "supervisor"


def test_every_route_for_nobody(client: TestClient[Any]) -> None:
    checked = 0
    for method, path, roles in routes(client.app):
        if roles & {"public", "machines", "anybody"}:
            continue
        for token in ("", "not-a-token"):
            response = ask(client, method, path, token)
            where = response.headers.get("location", "")
            if method == "GET":
                assert (response.status_code, where.partition("?")[0]) == (303, "/sign-in"), path
            elif token:
                assert (response.status_code, where) == (303, "/sign-in?lost=1"), path
            else:
                assert response.status_code == 403, path
            script = ask(client, method, path, token, **{"sec-fetch-mode": "cors", "sec-fetch-site": "same-origin"})
            assert script.status_code == (403 if method == "POST" and not token else 401), path
            checked += 1
    assert checked > 60


def test_whoever_comes_is_nobody_at_the_door_even_with_a_session(desk: DeskOfCases, client: TestClient[Any]) -> None:
    response = ask(client, "GET", "/welcome/x", desk.token("asha"))
    assert response.status_code == 410
    assert "Sign out" not in response.text
