"""Asks the site's enrolment service by HTTPS: TLS 1.3, its certificate under the root the hub holds, its own name."""

import asyncio
import contextlib
import ssl
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import TypeVar

import httpx
import msgspec

from agent.clock import Clock
from agent.uplink.tls import judge_by_clock
from agent.wire.enrolment import EST, Answer, Refusal
from agent.wire.envelope import CONTENT_TYPE
from agent.wire.papers import SITE, SiteAnswer

ANSWER_BYTES_MAX = 128 * 1024
"""S12: an answer is some 10 KiB."""

TIMEOUT = httpx.Timeout(30.0, connect=10.0)
"""In seconds; a slow line, and a service with a slow disk."""

T = TypeVar("T", Answer, SiteAnswer)

ANSWER_S = 60.0
"""How long a request and its answer may take together, in seconds: httpx's own timeouts are for each drop of them."""


class UnreachableError(Exception):
    """The service cannot be reached, is not the site's, or says what nobody understands; the text says what to do."""


class RefusedError(Exception):
    """The service refused; `refusal` says why and what to do."""

    def __init__(self, refusal: Refusal, date: int | None = None) -> None:
        super().__init__(refusal.detail)
        self.refusal = refusal
        self.date = date
        """When it was, by the service's clock, in Unix seconds."""


class Service:
    """The enrolment service at `endpoint`, a host or host:port, as whoever holds its `root` (PEM) can prove it."""

    def __init__(self, endpoint: str, root: str, clock: Clock) -> None:
        self.endpoint = endpoint
        self._root = root
        self._clock = clock

    def ask(self, path: str, make: Callable[[int], bytes]) -> Answer:
        """Send a request (`EST`/…) that `make` signs as of a time, Unix seconds. Raises UnreachableError, RefusedError.

        S6: a service that finds our clock wrong says what time it is, and it has just proven who it is: the request is
        signed again by that time, once.
        """
        return self._read(self.send(f"{EST}/{path}", make), Answer)

    def send(self, path: str, make: Callable[[int], bytes]) -> bytes:
        """Send something signed; give the answer. Raises UnreachableError, RefusedError."""
        try:
            return self._exchange("POST", path, make(self._clock.now().wall_ms // 1_000))
        except RefusedError as refused:
            if refused.refusal.code != "clock" or refused.date is None:
                raise
            return self._exchange("POST", path, make(refused.date))

    def word(self) -> SiteAnswer:
        """Ask for the site's word, to be proven by `answers.prove_word`. Raises UnreachableError, RefusedError."""
        return self._read(self._exchange("GET", SITE), SiteAnswer)

    def _exchange(self, method: str, path: str, body: bytes | None = None) -> bytes:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_verify_locations(cadata=self._root)
        judge_by_clock(context, trusted=self._clock.now().synced)  # S6: a box without a clock could never join
        return _exchange(context, method, f"https://{self.endpoint}{path}", self.endpoint, body)

    def _read(self, content: bytes, kind: type[T]) -> T:
        try:
            return msgspec.json.decode(content, type=kind)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            raise _strange(self.endpoint) from None


def offered_authorities(endpoint: str) -> str:
    """Ask a service which authorities (PEM) it has, before it can be proven: whatever comes must match a pin.

    Nothing of ours is sent. Raises UnreachableError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    try:
        return _exchange(context, "GET", f"https://{endpoint}{EST}/cacerts", endpoint).decode()
    except (RefusedError, UnicodeError):
        raise _strange(endpoint) from None


def _exchange(context: ssl.SSLContext, method: str, url: str, endpoint: str, body: bytes | None = None) -> bytes:
    with _told(endpoint):
        status, content, date = asyncio.run(_asked(context, method, url, body))
    if len(content) > ANSWER_BYTES_MAX:
        raise _strange(endpoint)
    if status == httpx.codes.OK:
        return content
    try:
        refusal = msgspec.json.decode(content, type=Refusal)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        if status == httpx.codes.SERVICE_UNAVAILABLE:
            raise UnreachableError(f"{endpoint}: the service is too busy: try again in a minute") from None
        raise _strange(endpoint, f"status {status}") from None
    raise RefusedError(refusal, _date(date))


async def _asked(context: ssl.SSLContext, method: str, url: str, body: bytes | None) -> tuple[int, bytes, str]:
    """Give the status, the content, no more than one chunk over its bound, and the date of an answer."""
    headers = {"accept-encoding": "identity"} | ({} if body is None else {"content-type": CONTENT_TYPE})
    content = bytearray()
    async with (
        asyncio.timeout(ANSWER_S),
        httpx.AsyncClient(verify=context, timeout=TIMEOUT, trust_env=False) as client,
        client.stream(method, url, content=body, headers=headers) as response,
    ):
        async for chunk in response.aiter_raw():
            content += chunk
            if len(content) > ANSWER_BYTES_MAX:
                break
        return response.status_code, bytes(content), response.headers.get("date", "")


@contextlib.contextmanager
def _told(endpoint: str) -> Iterator[None]:
    """Say what went wrong on the way in words that help. Raises UnreachableError."""
    try:
        yield
    except httpx.HTTPError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, ssl.SSLCertVerificationError):
            cause = cause.__cause__ or cause.__context__
        if isinstance(cause, ssl.SSLCertVerificationError):
            raise UnreachableError(
                f"{endpoint}: who answers there cannot prove to be the site ({cause.verify_message}). "
                "Nothing was sent. Is somebody in between, or is the certificate there not in this name?"
            ) from None
        remedy = "is there a network, is the address right, and does `hearthline provision serve` run at the site?"
        raise UnreachableError(f"{endpoint}: nobody answers ({error or type(error).__name__}): {remedy}") from None
    except TimeoutError:
        raise UnreachableError(f"{endpoint}: no whole answer within {ANSWER_S:g} s: is the address right?") from None
    except (ValueError, httpx.InvalidURL) as error:
        raise UnreachableError(f"{endpoint}: not an address that can be asked ({error})") from None


def _strange(endpoint: str, what: str = "") -> UnreachableError:
    told = f" ({what})" if what else ""
    return UnreachableError(f"{endpoint}: what answers there is not an enrolment service{told}: is the address right?")


def _date(text: str) -> int | None:
    try:
        return int(parsedate_to_datetime(text).timestamp())
    except (TypeError, ValueError, OverflowError):
        return None
