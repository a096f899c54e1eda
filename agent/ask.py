"""The local socket: the command line asks the running hub how it is, and to do what an installer may: JSON lines."""

import asyncio
import contextlib
import json
import logging
import os
import socket
import stat
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

log = logging.getLogger(__name__)

DEFAULT_SOCKET = Path("/run/hearthline/hub.sock")

REQUEST_BYTES_MAX = 4 * 1024
REPLY_BYTES_MAX = 1024 * 1024
CLIENTS_MAX = 16
PATIENCE_S = 2.0
"""How long a client may take to ask, and to take its answer."""
ANSWER_S = 1.5
"""How long the hub may take to make an answer that it must wait for."""

Answer = Callable[[], bytes | Awaitable[bytes]]
"""Makes an answer: one JSON document without line breaks. One that must wait for something is a coroutine function."""


class AskError(Exception):
    """The hub cannot be asked, or the socket cannot be opened; the text says why and what to do."""


class AskServer:
    """Answers `{"ask": NAME}` with what `answers` has under that name, and `{"do": VERB}` with what `verbs` has.

    The owner and group of the socket may ask and do (mode 0660). What is done is done by the rules: what `verbs` has
    only puts it before them.
    """

    def __init__(self, path: Path, answers: Mapping[str, Answer], verbs: Mapping[str, Answer] | None = None) -> None:
        self._path = path
        self._known = {"ask": answers, "do": verbs or {}}
        self._clients: dict[asyncio.StreamWriter, asyncio.Task[None]] = {}
        self._server: asyncio.Server | None = None
        self._inode = 0

    async def run(self) -> None:
        """Serve until cancelled. Raises AskError."""
        await self.start()
        try:
            await asyncio.Event().wait()
        finally:
            await self.close()

    async def start(self) -> None:
        """Open the socket. Raises AskError."""
        sock = _bind(self._path)
        self._inode = self._path.stat().st_ino
        self._server = await asyncio.start_unix_server(self._connected, sock=sock, limit=REQUEST_BYTES_MAX)

    async def close(self) -> None:
        """Close the socket and remove its file, unless another has taken its place."""
        if self._server is None:
            return
        self._server.close()
        for writer in self._clients:
            writer.transport.abort()
        await asyncio.gather(*self._clients.values(), return_exceptions=True)
        with contextlib.suppress(OSError):
            if self._path.stat().st_ino == self._inode:
                self._path.unlink()

    def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if len(self._clients) >= CLIENTS_MAX:  # S12
            writer.transport.abort()
            return
        self._clients[writer] = asyncio.get_running_loop().create_task(self._serve(reader, writer))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            async with asyncio.timeout(PATIENCE_S):
                writer.write(await self._reply(reader) + b"\n")
                await writer.drain()
        except (TimeoutError, OSError):
            writer.transport.abort()
        finally:
            self._clients.pop(writer)
            writer.close()

    async def _reply(self, reader: asyncio.StreamReader) -> bytes:
        try:
            request = json.loads(await reader.readuntil(b"\n"))
        except asyncio.LimitOverrunError:
            return _error(f"a question is one line of at most {REQUEST_BYTES_MAX} bytes")
        except (asyncio.IncompleteReadError, ValueError, RecursionError):
            return _error('a question is one line of JSON, such as {"ask": "status"}')
        way = "do" if isinstance(request, dict) and "do" in request else "ask"
        wanted = request.get(way) if isinstance(request, dict) else None
        answer = self._known[way].get(wanted) if isinstance(wanted, str) else None
        if answer is None:
            known = " or ".join(json.dumps({way: each}) for each in self._known[way]) or "nothing"
            return _error(f"unknown {'question' if way == 'ask' else 'verb'}: {way} {known}")
        return await _made(answer)


async def _made(answer: Answer) -> bytes:
    """Make an answer, in time and within bounds, or say why there is none."""
    try:
        given = answer()
        if not isinstance(given, bytes):
            async with asyncio.timeout(ANSWER_S):
                given = await given
    except TimeoutError:
        return _error(f"the hub could not answer within {ANSWER_S:g} s: try again")
    except Exception:  # the hub's work must not end because of a question
        log.exception("a question could not be answered")
        return _error("the hub could not answer: see its log")
    if len(given) >= REPLY_BYTES_MAX:  # S12
        return _error(f"the answer is longer than {REPLY_BYTES_MAX} bytes")
    return given


def ask(path: Path, timeout_s: float = 5.0, question: str = "status") -> bytes:
    """Ask the running hub; give its answer, a JSON line. Raises AskError."""
    return _exchange(path, timeout_s, {"ask": question})


def do(path: Path, verb: str, timeout_s: float = 5.0) -> None:
    """Have the running hub do what an installer may ask (`rules.events.Verb`); returns once it has been taken.

    The status asked for afterwards shows it, unless the hub's disk is in trouble. Raises AskError, also when the hub
    does not know the verb or cannot take it.
    """
    try:
        reply = json.loads(_exchange(path, timeout_s, {"do": verb}))
    except ValueError:
        reply = {"error": "its answer is not JSON"}
    if not isinstance(reply, dict) or reply.get("did") != verb:
        refusal = reply.get("error", "its answer means nothing") if isinstance(reply, dict) else "it means nothing"
        raise AskError(f"{path}: the hub did not do {verb!r}: {refusal}")


def _exchange(path: Path, timeout_s: float, request: Mapping[str, str]) -> bytes:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(timeout_s)
        try:
            sock.connect(os.fspath(path))
            sock.sendall(json.dumps(request).encode() + b"\n")
            reply = _read_line(sock)
        except FileNotFoundError:
            raise AskError(f"{path}: no such socket: is the hub running, and is this its socket?") from None
        except ConnectionRefusedError:
            raise AskError(f"{path}: nobody answers: is the hub running?") from None
        except PermissionError:
            raise AskError(f"{path}: not allowed: ask as root or as a member of the socket's group") from None
        except ConnectionError:
            raise AskError(f"{path}: it hung up: too many are asking, or the hub stops: try again") from None
        except TimeoutError:
            raise AskError(f"{path}: no answer in {timeout_s:g} s: the hub runs but does not respond") from None
        except OSError as error:
            raise AskError(f"{path}: {error.strerror or error}") from None
    if not reply.endswith(b"\n"):
        raise AskError(f"{path}: the answer broke off: try again, and see the hub's log")
    return reply[:-1]


def _read_line(sock: socket.socket) -> bytes:
    reply = bytearray()
    while not reply.endswith(b"\n") and len(reply) <= REPLY_BYTES_MAX:
        chunk = sock.recv(65_536)
        if not chunk:
            break
        reply += chunk
    return bytes(reply)


def _bind(path: Path) -> socket.socket:
    _make_room(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        sock.bind(os.fspath(path))
        path.chmod(0o660)  # before anybody can connect: it does not listen yet
    except OSError as error:
        sock.close()
        remedy = "give `socket` in hub.toml a directory that exists and this user may write, and a path under 108 bytes"
        raise AskError(f"{path}: {error.strerror or error}: {remedy}") from None
    return sock


def _make_room(path: Path) -> None:
    """Remove the socket that a killed hub left; nothing else, and not a socket on which a hub answers."""
    try:
        mode = path.lstat().st_mode
    except OSError:
        return
    if not stat.S_ISSOCK(mode):
        raise AskError(f"{path}: exists and is not a socket: move it away, or name another `socket` in hub.toml")
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
        sock.settimeout(PATIENCE_S)
        try:
            sock.connect(os.fspath(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
        except OSError as error:
            raise AskError(f"{path}: {error.strerror or error}: remove it if no hub uses it") from None
        else:
            raise AskError(f"{path}: another hub answers here: stop it first")


def _error(text: str) -> bytes:
    return json.dumps({"error": text}).encode()
