"""What the tests of the commands share: a command line, and a hub's local socket that answers as told."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from agent.ask import AskServer


@pytest.fixture
def cli() -> CliRunner:
    return CliRunner(env={"COLUMNS": "160"})


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Callable[..., Path]]:
    """Serve this answer to a question on a real socket, from a thread, as a running hub would."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    servers: list[AskServer] = []

    def serve(answer: bytes, question: str = "status") -> Path:
        path = tmp_path / "hub.sock"
        server = AskServer(path, {question: lambda: answer})
        asyncio.run_coroutine_threadsafe(server.start(), loop).result(10)
        servers.append(server)
        return path

    yield serve
    for server in servers:
        asyncio.run_coroutine_threadsafe(server.close(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()
