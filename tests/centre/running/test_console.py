"""How the console is served: over TLS to other computers, and no connection held for nothing."""

import asyncio
import contextlib
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from agent.clock import SystemClock
from centre.running import console
from centre.running.console import Listening, check_certificate, serve_console
from centre.running.settings import ConsoleChoice, SetUpError
from simulators.keys import KeySet, make_keys

HOST = "127.0.0.1"
IN_TIME_S = 10.0

Receive = Callable[[], Awaitable[dict[str, Any]]]
Send = Callable[[dict[str, Any]], Awaitable[None]]


async def app(scope: dict[str, Any], receive: Receive, send: Send) -> None:
    """Say who asked, and over what; or stream until told to end."""
    if scope["type"] == "lifespan":
        while True:
            message = await receive()
            await send({"type": f"{message['type']}.complete"})
            if message["type"] == "lifespan.shutdown":
                return
    if scope["path"] == "/form":
        while (await receive()).get("more_body"):
            pass
    await send({"type": "http.response.start", "status": 200, "headers": []})
    if scope["path"] == "/follow":
        await send({"type": "http.response.body", "body": b"begun\n", "more_body": True})
        while (await receive())["type"] != "http.disconnect":
            pass
        return
    if scope["path"] == "/stream":
        await send({"type": "http.response.body", "body": b"begun\n", "more_body": True})
        await asyncio.sleep(1)
        await send({"type": "http.response.body", "body": b"ended\n"})
        return
    await send({"type": "http.response.body", "body": f"{scope['scheme']} {scope['client'][0]}".encode()})


@contextlib.asynccontextmanager
async def served(choice: ConsoleChoice) -> AsyncIterator[Listening]:
    with contextlib.closing(Listening(HOST, 0, "the console")) as place:
        task = asyncio.create_task(serve_console(app, choice, place))
        try:
            yield place
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.wait_for(task, IN_TIME_S)


@pytest.fixture
def keys(tmp_path: Path) -> KeySet:
    return make_keys(tmp_path / "keys", SystemClock().now().wall_ms, [])


async def asked(url: str, headers: dict[str, str] | None = None, verify: ssl.SSLContext | bool = False) -> str:
    async with httpx.AsyncClient(verify=verify) as browser:
        return (await browser.get(url, headers=headers)).text


async def test_with_a_certificate_it_speaks_tls_and_nothing_older_than_1_2(keys: KeySet) -> None:
    choice = ConsoleChoice(certificate=str(keys.broker.certificate), key=str(keys.broker.key))
    trusting = ssl.create_default_context(cafile=str(keys.ca))
    async with served(choice) as place:
        assert await asked(f"https://localhost:{place.port}/", verify=trusting) == f"https {HOST}"
        with pytest.raises(httpx.HTTPError):
            await asked(f"http://localhost:{place.port}/")
        old = ssl.create_default_context(cafile=str(keys.ca))
        old.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        old.set_ciphers("ALL")
        assert await asked(f"https://localhost:{place.port}/", verify=old) == f"https {HOST}"


def test_a_certificate_that_cannot_be_used_is_told_before_anything_runs(keys: KeySet, tmp_path: Path) -> None:
    for name in (str(keys.ca), str(tmp_path / "none.pem")):
        with pytest.raises(SetUpError, match="console"):
            check_certificate(ConsoleChoice(certificate=name, key=str(keys.broker.key)))


@pytest.mark.parametrize(("proxy", "told"), [(True, "https 192.0.2.7"), (False, f"http {HOST}")])
async def test_what_a_proxy_says_is_believed_only_if_there_is_one(proxy: bool, told: str) -> None:
    choice = ConsoleChoice(proxy=proxy, address="https://console.example.org" if proxy else "")
    headers = {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"}
    async with served(choice) as place:
        assert await asked(f"http://{HOST}:{place.port}/", headers) == told


async def test_s12_a_connection_that_asks_nothing_is_ended_and_one_that_streams_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(console, "FIRST_S", 0.2)
    async with served(ConsoleChoice()) as place:
        streaming = asyncio.create_task(asked(f"http://{HOST}:{place.port}/stream"))
        for said in (b"", b"GET / HT"):
            reader, writer = await asyncio.open_connection(HOST, place.port)
            writer.write(said)
            assert await asyncio.wait_for(reader.read(), IN_TIME_S) == b""
            writer.close()
        assert await streaming == "begun\nended\n"


async def test_s12_a_form_that_comes_by_drops_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console, "FIRST_S", 0.2)
    async with served(ConsoleChoice()) as place:
        reader, writer = await asyncio.open_connection(HOST, place.port)
        writer.write(b"POST /form HTTP/1.1\r\nHost: localhost\r\nContent-Length: 100000\r\n\r\n")
        ended = asyncio.create_task(reader.read())

        async def drop() -> None:
            while True:
                writer.write(b"a")
                await asyncio.sleep(0.02)

        drops = asyncio.create_task(drop())
        assert await asyncio.wait_for(ended, IN_TIME_S) == b""
        drops.cancel()
        writer.close()


@pytest.mark.parametrize("proxy", [True, False])
async def test_s12_one_address_cannot_have_every_connection(proxy: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(console._Impatient, "each_max", 2)
    choice = ConsoleChoice(proxy=proxy, address="https://console.example.org" if proxy else "")
    async with served(choice) as place:
        held = [await asyncio.open_connection(HOST, place.port) for _ in range(2)]
        if proxy:  # all are its own
            assert await asked(f"http://{HOST}:{place.port}/") == f"http {HOST}"
        else:
            reader, writer = await asyncio.open_connection(HOST, place.port)
            with contextlib.suppress(ConnectionError):
                assert await asyncio.wait_for(reader.read(), IN_TIME_S) == b""
            writer.close()
        for _, writer in held:
            writer.close()


async def test_a_page_that_is_open_at_the_end_is_let_go_and_nothing_is_cut_by_force(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with served(ConsoleChoice()) as place:
        reader, writer = await asyncio.open_connection(HOST, place.port)
        writer.write(b"GET /follow HTTP/1.1\r\nHost: localhost\r\n\r\n")
        assert b"begun" in await asyncio.wait_for(reader.readuntil(b"begun"), IN_TIME_S)
    assert not caplog.records
    writer.close()


async def test_a_part_that_is_started_again_has_the_same_port() -> None:
    with contextlib.closing(Listening(HOST, 0, "the console")) as place:
        first = place.take()
        assert first.getsockname()[1] == place.port
        first.close()
        with place.take() as again:
            assert again.getsockname()[1] == place.port
