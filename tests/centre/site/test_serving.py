"""`hearthline provision serve` as a real process over real HTTPS: rate limit, single use, log, and its end."""

import asyncio
import contextlib
import signal
import socket
import ssl
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from agent.wire.enrolment import EST
from centre.site import serving as serving_module
from centre.site.limits import EACH
from centre.site.serving import serve
from tests.support.enrolling import Off, code_for, make_site, serving, serving_here
from tests.support.sites import Box

ENROL = f"{EST}/simpleenroll"


def test_codes_are_good_once_guesses_are_limited_nothing_is_told_and_it_ends_well(tmp_path: Path) -> None:
    with serving(tmp_path) as served:
        context = ssl.create_default_context(cadata=served.site.root_pem)
        jose = {"content-type": "application/jose"}
        with httpx.Client(verify=context, base_url=f"https://localhost:{served.port}", headers=jose) as client:
            code, body = code_for(served.site, "hub-1"), Box()
            request = body.enrol(code)
            first, again = (client.post(ENROL, content=request) for _ in range(2))
            assert first.status_code == again.status_code == 200
            assert first.content == again.content
            refused = [client.post(ENROL, content=Box().enrol(code)) for _ in range(EACH.burst + 2)]
        assert [each.status_code for each in refused] == [409] * EACH.burst + [429] * 2
        assert refused[0].json()["code"] == "used"
        assert 0 < int(refused[-1].headers["retry-after"]) <= EACH.every_ms // 1_000
        assert "server" not in first.headers
        served.process.send_signal(signal.SIGTERM)
        assert served.process.wait(10) == 0
        log = served.log.read_text()
        assert "hub-1 enrolled" in log
        for secret in (str(code).split("#")[1], code.secret.hex(), code.token, "127.0.0.1", "Traceback"):
            assert secret not in log


async def test_s12_nobody_holds_a_connection_for_ever(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_module, "CONNECTION_S", 0.1)
    async with serving_here(tmp_path) as site:
        context = ssl.create_default_context(cadata=site.root_pem)
        host, _, port = site.settings.enrolment.partition(":")
        reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
        writer.write(b"POST /.well-known/est/simpleenroll HTTP/1.1\r\nHost: x\r\n")  # and never the rest
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for(reader.read(), 10) == b""
        writer.close()


async def test_s12_nobody_holds_all_the_connections(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(serving_module, "EACH_MAX", 3)
    async with serving_here(tmp_path) as site, contextlib.AsyncExitStack() as opened:
        context = ssl.create_default_context(cadata=site.root_pem)
        host, _, port = site.settings.enrolment.partition(":")

        async def connect() -> asyncio.StreamReader:
            reader, writer = await asyncio.open_connection(host, int(port), ssl=context)
            opened.callback(writer.close)
            return reader

        held = [await connect() for _ in range(3)]
        with contextlib.suppress(ConnectionError):
            assert await asyncio.wait_for((await connect()).read(), 10) == b""
        assert not any(each.at_eof() for each in held)


async def test_a_service_that_runs_for_years_renews_its_own_certificate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(serving_module, "CERTIFICATE_EVERY_S", 0.05)
    clock = Off()
    async with serving_here(tmp_path, clock) as site:
        host, _, port = site.settings.enrolment.partition(":")
        first = await asyncio.to_thread(ssl.get_server_certificate, (host, int(port)))
        clock.off_ms = 3 * 365 * 86_400_000
        async with asyncio.timeout(10):
            while await asyncio.to_thread(ssl.get_server_certificate, (host, int(port))) == first:
                await asyncio.sleep(0.05)


def test_a_site_that_is_not_there_is_said(tmp_path: Path) -> None:
    ran = CliRunner().invoke(serve, ["--site", str(tmp_path / "nowhere")])
    assert ran.exit_code == 2
    assert "init-site" in ran.output


def test_a_port_that_is_taken_is_said(tmp_path: Path) -> None:
    make_site(tmp_path / "site").close()
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        ran = CliRunner().invoke(serve, ["--site", str(tmp_path / "site"), "--host", "127.0.0.1", "--port", port])
    assert ran.exit_code == 2
    assert "another --host or --port" in ran.output
