"""A platform that is told: a real HTTP server on loopback that answers as the test says."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple


class Got(NamedTuple):
    """One request."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def said(self) -> Any:
        return json.loads(self.body)


class Receiver:
    """Keeps what comes; answers with the next of `answers`, or 204."""

    def __init__(self) -> None:
        self.got: list[Got] = []
        self.answers: list[str] = []
        self.silent = False
        self.url = ""
        self._came = asyncio.Condition()

    async def of(self, number: int, timeout_s: float = 10) -> list[Got]:
        async with asyncio.timeout(timeout_s), self._came:
            await self._came.wait_for(lambda: len(self.got) >= number)
        return self.got[:number]

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
            headers = {name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:] if line)}
            body = await reader.readexactly(int(headers.get("content-length", 0)))
            async with self._came:
                self.got.append(Got(head[0].split(" ")[1], headers, body))
                self._came.notify_all()
            if not self.silent:
                answer = self.answers.pop(0) if self.answers else "204 No Content"
                writer.write(f"HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n".encode())
                await writer.drain()
            else:
                await reader.read()  # until whoever asked gives up
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


@asynccontextmanager
async def receiving() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    server = await asyncio.start_server(receiver._serve, "127.0.0.1", 0)
    receiver.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/in"
    async with server:
        yield receiver
