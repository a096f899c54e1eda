import asyncio
import contextlib
import json
import socket
import stat
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from agent import ask as module
from agent.ask import Answer, AskError, AskServer, ask, do

ANSWER = b'{"hub": "hub-3f9a"}'


@pytest.fixture
async def path(tmp_path: Path) -> AsyncIterator[Path]:
    path = tmp_path / "hub.sock"
    server = AskServer(path, {"status": lambda: ANSWER})
    await server.start()
    yield path
    await server.close()


async def exchange(path: Path, request: bytes) -> bytes:
    reader, writer = await asyncio.open_unix_connection(path)
    writer.write(request)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        await hang_up(writer)


async def hang_up(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(ConnectionError):
        await writer.wait_closed()


async def test_a_question_gets_the_answer(path: Path) -> None:
    assert await asyncio.to_thread(ask, path) == ANSWER
    assert await exchange(path, b'{"ask": "status"}\n') == ANSWER + b"\n"


def test_only_owner_and_group_may_ask(path: Path) -> None:
    assert stat.S_IMODE(path.stat().st_mode) == 0o660


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (b'{"ask": "resolve"}\n', "unknown question"),
        (b"{}\n", "unknown question"),
        (b"[1]\n", "unknown question"),
        (b"how are you\n", "one line of JSON"),
        (b"\xff\xfe\n", "one line of JSON"),
        (b"[" * 4000 + b"\n", "one line of JSON"),
        (b"x" * 5000 + b"\n", "at most 4096 bytes"),
    ],
)
async def test_a_bad_question_is_refused_and_harms_nobody(path: Path, request_: bytes, why: str) -> None:
    assert why in json.loads(await exchange(path, request_))["error"]
    assert await asyncio.to_thread(ask, path) == ANSWER


async def test_s12_a_silent_client_is_let_go(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 0.05)
    assert await exchange(path, b'{"ask": ') == b""
    assert await asyncio.to_thread(ask, path) == ANSWER


async def test_s12_too_many_clients_are_refused_and_then_served(path: Path) -> None:
    idle = [await asyncio.open_unix_connection(path) for _ in range(16)]
    with pytest.raises(AskError, match=r"hung up: too many are asking|broke off"):
        await asyncio.to_thread(ask, path)
    for reader, writer in idle:
        writer.write(b'{"ask": "status"}\n')
        assert await reader.read() == ANSWER + b"\n"
        await hang_up(writer)
    assert await exchange(path, b'{"ask": "status"}\n') == ANSWER + b"\n"


async def test_an_answer_that_fails_is_told_and_the_server_lives(tmp_path: Path) -> None:
    path, answers = tmp_path / "s", iter([None, ANSWER])

    def answer() -> bytes:
        given = next(answers)
        if given is None:
            raise RuntimeError("inside")
        return given

    server = AskServer(path, {"status": answer})
    await server.start()
    assert b"could not answer" in await exchange(path, b'{"ask": "status"}\n')
    assert await exchange(path, b'{"ask": "status"}\n') == ANSWER + b"\n"
    await server.close()


async def test_a_killed_hubs_socket_is_replaced_and_removed_at_the_end(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    server = AskServer(path, {"status": lambda: ANSWER})
    await server.start()
    assert await asyncio.to_thread(ask, path) == ANSWER
    await server.close()
    assert not path.exists()


async def test_another_hubs_socket_is_not_taken(path: Path) -> None:
    with pytest.raises(AskError, match="another hub answers here"):
        await AskServer(path, {}).start()
    assert await asyncio.to_thread(ask, path) == ANSWER


async def test_a_file_that_is_no_socket_is_never_removed(tmp_path: Path) -> None:
    path = tmp_path / "precious"
    path.write_text("kept")
    with pytest.raises(AskError, match="is not a socket"):
        await AskServer(path, {}).start()
    link = tmp_path / "link"
    link.symlink_to(path)
    with pytest.raises(AskError, match="is not a socket"):
        await AskServer(link, {}).start()
    assert path.read_text() == "kept"


async def test_closing_hangs_up_on_whoever_is_asking(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "PATIENCE_S", 1_000)
    server = AskServer(tmp_path / "s", {"status": lambda: ANSWER})
    await server.start()
    reader, writer = await asyncio.open_unix_connection(tmp_path / "s")
    writer.write(b'{"ask"')
    assert await exchange(tmp_path / "s", b'{"ask": "status"}\n')  # by then the first is being served
    await asyncio.wait_for(server.close(), 10)
    assert await asyncio.wait_for(reader.read(), 10) == b""
    await hang_up(writer)


async def test_closing_leaves_a_newer_hubs_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    old = AskServer(path, {})
    await old.start()
    path.rename(tmp_path / "moved")
    new = AskServer(path, {"status": lambda: ANSWER})
    await new.start()
    await old.close()
    assert await asyncio.to_thread(ask, path) == ANSWER
    await new.close()


@pytest.mark.parametrize("name", ["none/hub.sock", "x" * 120])
async def test_a_socket_that_cannot_be_made_says_what_to_do(tmp_path: Path, name: str) -> None:
    with pytest.raises(AskError, match=r"give `socket` in hub\.toml a directory that exists"):
        await AskServer(tmp_path / name, {}).start()


def test_the_client_says_why_it_cannot_ask(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "s"
    with pytest.raises(AskError, match=r"no such socket: is the hub running"):
        ask(path)
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(path))
    with pytest.raises(AskError, match=r"nobody answers: is the hub running"):
        ask(path)
    with pytest.raises(AskError, match="too long"):
        ask(tmp_path / ("x" * 120))

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")  # root, as whom tests may run, is never refused

    monkeypatch.setattr(socket.socket, "connect", refuse)
    with pytest.raises(AskError, match="not allowed: ask as root or as a member"):
        ask(path)


def test_the_client_does_not_wait_for_ever(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as hung:
        hung.bind(str(tmp_path / "s"))
        hung.listen()
        with pytest.raises(AskError, match=r"no answer in 0\.05 s"):
            ask(tmp_path / "s", timeout_s=0.05)


@pytest.mark.parametrize("reply", [b"", b'{"half": '])
async def test_an_answer_that_breaks_off_is_not_taken_for_one(tmp_path: Path, reply: bytes) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readline()
        writer.write(reply)
        await hang_up(writer)

    async with await asyncio.start_unix_server(serve, tmp_path / "s"):
        with pytest.raises(AskError, match="broke off"):
            await asyncio.to_thread(ask, tmp_path / "s")


# --- several questions, and answers that must wait for something --------------------------------------


@pytest.fixture
async def serve(tmp_path: Path) -> AsyncIterator[Callable[..., Awaitable[Path]]]:
    servers: list[AskServer] = []

    async def serve(**answers: Answer) -> Path:
        servers.append(AskServer(tmp_path / "s", answers))
        await servers[-1].start()
        return tmp_path / "s"

    yield serve
    for server in servers:
        await server.close()


async def test_each_question_has_its_own_answer_at_once_or_awaited(serve: Callable[..., Awaitable[Path]]) -> None:
    async def later() -> bytes:
        await asyncio.sleep(0)
        return b'{"later": 1}'

    path = await serve(status=lambda: ANSWER, reminders=later)
    assert await asyncio.to_thread(ask, path) == ANSWER
    assert await asyncio.to_thread(ask, path, question="reminders") == b'{"later": 1}'
    refused = json.loads(await exchange(path, b'{"ask": "weather"}\n'))["error"]
    assert refused == 'unknown question: ask {"ask": "status"} or {"ask": "reminders"}'


async def test_s12_an_answer_that_takes_too_long_is_told_and_holds_up_nobody(
    serve: Callable[..., Awaitable[Path]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "ANSWER_S", 0.2)
    never: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
    path = await serve(status=lambda: ANSWER, reminders=lambda: asyncio.shield(never))
    slow = asyncio.create_task(exchange(path, b'{"ask": "reminders"}\n'))
    assert await exchange(path, b'{"ask": "status"}\n') == ANSWER + b"\n"
    assert not slow.done()
    assert "could not answer within 0.2 s" in json.loads(await slow)["error"]


async def test_an_awaited_answer_that_fails_is_told_and_the_server_lives(
    serve: Callable[..., Awaitable[Path]],
) -> None:
    async def fail() -> bytes:
        raise RuntimeError("inside")

    path = await serve(status=lambda: ANSWER, reminders=fail)
    assert b"could not answer" in await exchange(path, b'{"ask": "reminders"}\n')
    assert await exchange(path, b'{"ask": "status"}\n') == ANSWER + b"\n"


@pytest.mark.parametrize("over", [0, 1])
async def test_s12_an_answer_too_long_to_be_read_is_told_rather_than_broken_off(
    serve: Callable[..., Awaitable[Path]], over: int
) -> None:
    answer = b"x" * (module.REPLY_BYTES_MAX - 1 + over)
    path = await serve(status=lambda: answer)
    given = await asyncio.to_thread(ask, path)
    assert given == (answer if not over else b'{"error": "the answer is longer than 1048576 bytes"}')


async def test_it_runs_until_cancelled_and_leaves_no_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    running = asyncio.create_task(AskServer(path, {"status": lambda: ANSWER}).run())
    while not path.exists():
        await asyncio.sleep(0)
    assert await asyncio.to_thread(ask, path) == ANSWER
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert not path.exists()


# --- doing -------------------------------------------------------------------------------------------


async def test_a_verb_is_done_and_an_unknown_one_is_told_with_those_there_are(tmp_path: Path) -> None:
    done: list[str] = []

    async def home() -> bytes:
        done.append("home")
        return b'{"did": "home"}'

    server = AskServer(
        tmp_path / "s",
        {"status": lambda: ANSWER},
        {"home": home, "engineer": lambda: b"7", "away": lambda: b'{"did": "home"}'},
    )
    await server.start()
    try:
        await asyncio.to_thread(do, tmp_path / "s", "home")
        assert done == ["home"]
        with pytest.raises(
            AskError, match=r"did not do 'status': unknown verb: do {.do.: .home.} or {.do.: .engineer.} or"
        ):
            await asyncio.to_thread(do, tmp_path / "s", "status")
        with pytest.raises(AskError, match="did not do 'engineer'"):
            await asyncio.to_thread(do, tmp_path / "s", "engineer")
        with pytest.raises(AskError, match="did not do 'away'"):
            await asyncio.to_thread(do, tmp_path / "s", "away")
        unknown = json.loads(await exchange(tmp_path / "s", b'{"do": ["home"]}\n'))
        assert unknown["error"].startswith("unknown verb")
        assert json.loads(await exchange(tmp_path / "s", b'{"ask": "home"}\n'))["error"].startswith("unknown question")
    finally:
        await server.close()


async def test_a_hub_that_does_nothing_yet_says_so(path: Path) -> None:
    with pytest.raises(AskError, match="unknown verb"):
        await asyncio.to_thread(do, path, "engineer")


def test_nothing_is_done_without_a_hub(tmp_path: Path) -> None:
    with pytest.raises(AskError, match="is the hub running"):
        do(tmp_path / "none", "engineer")
