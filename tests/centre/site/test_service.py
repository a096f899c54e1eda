"""The enrolment service without its network: what it answers to good, bad and hostile requests."""

import asyncio
import base64
import json
import logging
from collections.abc import AsyncIterator, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.wire.enrolment import EST, REQUEST_BYTES_MAX, Answer, Refusal
from agent.wire.papers import COMMISSIONING, DECOMMISSIONED, PAPER_BYTES_MAX, SITE, Decommissioned, Report, SiteAnswer
from centre.site import service
from centre.site.limits import Allowance, FailureLimit
from centre.site.service import app
from centre.site.site import Site, SiteError
from tests.support.enrolling import RIGHT, Off, code_for, make_site
from tests.support.examples import examples
from tests.support.sites import Box, enrolled

ENROL, RENEW = f"{EST}/simpleenroll", f"{EST}/simplereenroll"
JOSE = {"content-type": "application/jose"}
AMPLE = Allowance(burst=10**9, every_ms=1)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with closing(make_site(tmp_path_factory.mktemp("site") / "site")) as made:
        yield made


def client_of(site: Site, limit: FailureLimit | None = None, address: str = "192.0.2.1") -> httpx.AsyncClient:
    made: Any = app(site, RIGHT, limit)  # the two libraries have each their own types for the same thing
    transport = httpx.ASGITransport(made, client=(address, 1))
    return httpx.AsyncClient(transport=transport, base_url="https://site", headers=JOSE)


@pytest.fixture
async def client(site: Site) -> AsyncIterator[httpx.AsyncClient]:
    async with client_of(site, FailureLimit(AMPLE, AMPLE)) as made:
        yield made


def refusal(response: httpx.Response) -> Refusal:
    assert response.headers["content-type"] == "application/problem+json"
    said = msgspec.json.decode(response.content, type=Refusal)
    assert said.status == response.status_code
    return said


async def test_a_request_and_its_answer(site: Site, client: httpx.AsyncClient) -> None:
    box = Box()
    body = box.enrol(code_for(site, "hub-a"))
    response = await client.post(ENROL, content=body)
    assert response.status_code == 200
    assert response.headers["date"].endswith("GMT")
    answer = msgspec.json.decode(response.content, type=Answer)
    assert (answer.hub, answer.request) == ("hub-a", box.request)
    assert (await client.post(ENROL, content=body)).content == response.content  # S4
    renewed = await client.post(RENEW, content=box.renew("hub-a", RIGHT.now().wall_ms, box.uplink, "ab"))
    assert msgspec.json.decode(renewed.content, type=Answer).hub == "hub-a"


async def test_what_anybody_may_ask(site: Site, client: httpx.AsyncClient) -> None:
    assert (await client.get(f"{EST}/cacerts")).text == site.ca_pem
    word = msgspec.json.decode((await client.get(SITE)).content, type=SiteAnswer)
    assert word.issuing == site.issuing_pem
    assert (await client.get("/health")).status_code == 200


async def test_a_clock_far_off_is_told_the_time(site: Site, client: httpx.AsyncClient) -> None:
    box, _ = enrolled(site, "hub-b", RIGHT.now().wall_ms)
    late = box.renew("hub-b", Off(-3_600_000).now().wall_ms, box.uplink, "cd")
    response = await client.post(RENEW, content=late)
    assert refusal(response).code == "clock"
    assert response.headers["date"]


async def test_reports_are_kept_and_a_receipt_of_the_end_revokes(site: Site, client: httpx.AsyncClient) -> None:
    box, _ = enrolled(site, "hub-c", RIGHT.now().wall_ms)
    report = Report(iat=0, hub="hub-c", name="commissioning.html", content=b"<p>done")
    assert (await client.post(COMMISSIONING, content=box.sign(report))).json()["kept"] == "commissioning.html"
    assert b"<p>done" in [each.read_bytes() for each in site.folder.rglob("*.html")]
    others = msgspec.structs.replace(report, hub="hub-a")
    assert refusal(await client.post(COMMISSIONING, content=box.sign(others))).code == "unreadable"
    end = Decommissioned(iat=0, synced=True, hub="hub-c", wiped=("hub.db",), waiting={"a": 0})
    assert refusal(await client.post(DECOMMISSIONED, content=box.sign(report))).code == "unreadable"
    assert (await client.post(DECOMMISSIONED, content=box.sign(end))).status_code == 200
    hub = site.hub("hub-c")
    assert hub is not None
    assert hub.state == "revoked"
    renewal = box.renew("hub-c", RIGHT.now().wall_ms, box.uplink, "ef")
    assert refusal(await client.post(RENEW, content=renewal)).code == "revoked"


def header(**fields: object) -> bytes:
    return base64.urlsafe_b64encode(json.dumps(fields).encode()).rstrip(b"=")


NESTED = b"[" * 20_000
HOSTILE = {
    "nothing": (b"", JOSE, 400),
    "junk": (b"\xff\x00" * 99, JOSE, 400),
    "not signed": (header(alg="none") + b".e30.", JOSE, 400),
    "another algorithm": (header(alg="HS256", kid="x") + b".e30.AA", JOSE, 400),
    "critical headers": (header(alg="ES256", kid="x", crit=["exp"], exp=1) + b".e30.AA", JOSE, 400),
    "headers in headers": (header(alg="ES256", kid={"kid": ["x"]}, jwk={"kty": "EC"}) + b".e30.AA", JOSE, 400),
    "a deep header": (base64.urlsafe_b64encode(NESTED[:8_000]) + b".e30.AA", JOSE, 400),
    "a deep payload": (
        header(alg="ES256", kid="x") + b"." + base64.urlsafe_b64encode(NESTED[:8_000]) + b".AA",
        JOSE,
        400,
    ),
    "too large": (b"A" * (REQUEST_BYTES_MAX + 1), JOSE, 413),
    "a form": (b"a=1", {"content-type": "application/x-www-form-urlencoded"}, 415),
    "JSON": (b"{}", {"content-type": "application/json"}, 415),
    "no type": (b"{}", {"content-type": ""}, 415),
}


@pytest.mark.parametrize("path", [ENROL, RENEW])
@pytest.mark.parametrize("case", HOSTILE)
async def test_s12_hostile_requests_are_refused_and_say_why(
    client: httpx.AsyncClient, case: str, path: str, caplog: pytest.LogCaptureFixture
) -> None:
    content, headers, status = HOSTILE[case]
    response = await client.post(path, content=content, headers=headers)
    assert refusal(response).code == "unreadable"
    assert response.status_code == status
    assert "defect" not in caplog.text


async def test_a_body_without_a_length_is_bounded_all_the_same(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while sent < 100 * REQUEST_BYTES_MAX:
            sent += 1_024
            yield b"A" * 1_024

    assert refusal(await client.post(ENROL, content=endless())).status == 413
    assert (await client.post(COMMISSIONING, content=b"A" * (PAPER_BYTES_MAX + 1))).status_code == 413


async def test_a_request_that_comes_by_drops_is_not_waited_for(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service, "BODY_S", 0.01)

    async def dripping() -> AsyncIterator[bytes]:
        yield b"A"
        await asyncio.Event().wait()

    assert refusal(await client.post(ENROL, content=dripping())).status == 408


async def test_what_is_not_there_is_a_problem_too(client: httpx.AsyncClient) -> None:
    assert refusal(await client.get("/nowhere")).status == 404
    assert refusal(await client.get(ENROL)).status == 405


@settings(max_examples=examples(25), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.one_of(
        st.binary(max_size=300),
        st.tuples(
            st.dictionaries(
                st.sampled_from(["alg", "kid", "crit", "b64", "jwk", "typ"]),
                st.recursive(
                    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
                    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
                    max_leaves=5,
                ),
            ),
            st.binary(max_size=60),
            st.binary(max_size=80),
        ).map(
            lambda parts: b".".join(
                base64.urlsafe_b64encode(each).rstrip(b"=") for each in (json.dumps(parts[0]).encode(), *parts[1:])
            )
        ),
    ),
    st.sampled_from([ENROL, RENEW, COMMISSIONING, DECOMMISSIONED]),
)
async def test_whatever_is_sent_is_refused_in_words(site: Site, content: bytes, path: str) -> None:
    async with client_of(site, FailureLimit(AMPLE, AMPLE)) as client:
        response = await client.post(path, content=content)
    assert refusal(response).code in ("unreadable", "unproven", "unknown")


async def test_too_many_failures_wait_and_a_good_request_costs_nothing(site: Site) -> None:
    limit = FailureLimit(Allowance(2, 60_000), AMPLE)
    async with client_of(site, limit) as client:
        good = Box().enrol(code_for(site, "hub-d"))
        for _ in range(5):
            assert (await client.post(ENROL, content=good)).status_code == 200
        for _ in range(2):
            assert refusal(await client.post(ENROL, content=b"x")).code == "unreadable"
        response = await client.post(ENROL, content=good)
        assert refusal(response).code == "too-many"
        assert 0 < int(response.headers["retry-after"]) <= 60
    async with client_of(site, limit, "192.0.2.2") as other:
        assert (await other.post(ENROL, content=good)).status_code == 200


async def test_many_guesses_at_once_gain_nothing(site: Site) -> None:
    async with client_of(site, FailureLimit(Allowance(3, 60_000), AMPLE)) as client:
        responses = await asyncio.gather(*(client.post(ENROL, content=b"x") for _ in range(20)))
    assert sorted(each.status_code for each in responses) == [400] * 3 + [429] * 17


class Broken:
    """A site whose disk is gone, or that has a defect."""

    def __init__(self, site: Site, error: Exception) -> None:
        self.ca_pem, self._error = site.ca_pem, error

    def enrol(self, body: bytes, wall_ms: int) -> Answer:
        raise self._error

    word = hubs = enrol


async def test_a_store_that_is_down_is_said_to_be_and_asked_again(site: Site) -> None:
    broken: Site = Broken(site, SiteError("the disk is full"))  # type: ignore[assignment]
    async with client_of(broken, FailureLimit(Allowance(1, 60_000), AMPLE)) as client:
        for _ in range(3):  # it is not the asker's failure
            response = await client.post(ENROL, content=b"x")
            assert refusal(response).code == "down"
            assert response.status_code == 503
            assert response.headers["retry-after"]


async def test_s11_a_defect_repeats_nothing_that_was_sent(site: Site, caplog: pytest.LogCaptureFixture) -> None:
    broken: Site = Broken(site, RuntimeError("Mrs Smith"))  # type: ignore[assignment]
    with caplog.at_level(logging.DEBUG):
        async with client_of(broken) as client:
            response = await client.post(ENROL, content=b"Mrs Smith")
    assert response.status_code == 500
    assert "RuntimeError" in caplog.text
    assert "Smith" not in caplog.text + response.text
    assert "192.0.2.1" not in caplog.text


def test_the_sites_folder_holds_no_code(site: Site) -> None:
    code = code_for(site, "hub-e")
    kept = b"".join(each.read_bytes() for each in Path(site.folder).rglob("*") if each.is_file())
    assert code.secret not in kept
    assert code.secret.hex().encode() not in kept
