"""The enrolment service: what a site answers by HTTPS to boxes that want to be hubs, and to hubs that renew.

Its paths are named after EST's (RFC 7030), its refusals are problem documents (RFC 9457). What is asked of it is never
logged, and no address either (S11).
"""

import asyncio
import logging
import math
import traceback
from collections.abc import Callable, Mapping
from email.utils import formatdate
from typing import Any, TypeVar

import msgspec
from litestar import Litestar, MediaType, Request, Response, Router, get, post
from litestar.exceptions import HTTPException

from agent.clock import Clock
from agent.wire.enrolment import AUDIENCE, EST, REQUEST_BYTES_MAX, Answer, Refusal
from agent.wire.envelope import CONTENT_TYPE
from agent.wire.papers import COMMISSIONING, DECOMMISSIONED, PAPER_BYTES_MAX, SITE, Decommissioned, Report, SiteAnswer
from centre.site.judging import refused
from centre.site.limits import FailureLimit
from centre.site.site import Refused, Site, SiteError

log = logging.getLogger(__name__)

HEALTH = "/health"
BODY_S = 10.0
"""How long a request may take to arrive, in seconds."""

RECEIPT = "decommissioned.jws"
"""Under which name a hub's last word is kept."""

PROBLEM = "application/problem+json"
PEM_CHAIN = "application/pem-certificate-chain"

Paper = TypeVar("Paper", Report, Decommissioned)

_RETRY_DOWN_S = 30
_HARMLESS = ("clock", "down", "too-many")
"""Refusals that say nothing against who asked: they cost no place."""

_TITLES = {
    404: "There is nothing here",
    405: "Not to be asked in this way",
    408: "Too slow",
    413: "Too large",
    415: "Not a signed request",
}


class TooManyError(Refused):
    """Too many requests failed: `wait_s` until the next is looked at."""

    def __init__(self, wait_s: int) -> None:
        self.wait_s = wait_s
        detail = f"try again in {wait_s} s"
        super().__init__(Refusal(title="Too many failures", status=429, detail=detail, code="too-many"))


def app(site: Site, clock: Clock, limit: FailureLimit | None = None) -> Litestar:
    """Make the service on its own."""
    return Litestar([router(site, clock, limit)], openapi_config=None, logging_config=None, **_on_trouble(clock))


def router(site: Site, clock: Clock, limit: FailureLimit | None = None) -> Router:
    """Make the service as a part of a greater one."""
    desk = _Desk(site, clock, FailureLimit() if limit is None else limit)

    @get(f"{EST}/cacerts")
    async def cacerts() -> Response[str]:
        return Response(site.ca_pem, media_type=PEM_CHAIN, headers=desk.headers())

    @post(f"{EST}/simpleenroll", status_code=200, request_max_body_size=REQUEST_BYTES_MAX)
    async def simpleenroll(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await desk.judged(request, desk.enrol)

    @post(f"{EST}/simplereenroll", status_code=200, request_max_body_size=REQUEST_BYTES_MAX)
    async def simplereenroll(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await desk.judged(request, desk.renew)

    @post(COMMISSIONING, status_code=200, request_max_body_size=PAPER_BYTES_MAX)
    async def commissioning(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await desk.judged(request, desk.commissioned)

    @post(DECOMMISSIONED, status_code=200, request_max_body_size=PAPER_BYTES_MAX)
    async def decommissioned(request: Request[Any, Any, Any]) -> Response[bytes]:
        return await desk.judged(request, desk.decommissioned)

    @get(SITE)
    async def word() -> Response[bytes]:
        return await desk.answered(desk.word)

    @get(HEALTH)
    async def health() -> Response[bytes]:
        return await desk.answered(desk.health)

    handlers = [cacerts, simpleenroll, simplereenroll, commissioning, decommissioned, word, health]
    return Router("/", route_handlers=handlers, **_on_trouble(clock))


class _Desk:
    """Takes what comes to the site, within bounds, and hands out its answers."""

    def __init__(self, site: Site, clock: Clock, limit: FailureLimit) -> None:
        self._site, self._clock, self._limit = site, clock, limit

    def headers(self) -> dict[str, str]:
        """Tell the time by which requests are judged: a hub whose clock is wrong signs again by it (S6)."""
        return _headers(self._clock)

    async def judged(self, request: Request[Any, Any, Any], judge: Callable[[bytes], object]) -> Response[bytes]:
        """Answer a request whose failures are counted."""
        address = request.client.host if request.client else ""
        if wait_ms := self._limit.take(address, self._clock.now().ms):
            raise TooManyError(math.ceil(wait_ms / 1_000))
        try:
            response = await self.answered(judge, await self._body(request))
        except Refused as refused:
            if refused.refusal.code in _HARMLESS:
                self._limit.give_back(address)
            raise
        except SiteError:
            self._limit.give_back(address)
            raise
        self._limit.give_back(address)
        return response

    async def answered(self, make: Callable[..., object], *given: bytes) -> Response[bytes]:
        """Answer with what a thread makes of it: the registry and its disk may take their time."""
        content = msgspec.json.encode(await asyncio.to_thread(make, *given))
        return Response(content, media_type=MediaType.JSON, headers=self.headers())

    async def _body(self, request: Request[Any, Any, Any]) -> bytes:
        """Take what was sent: no more than the route's bound (Litestar's), and no longer than `BODY_S`."""
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != CONTENT_TYPE:
            raise HTTPException(status_code=415, detail=f"send a compact JWS as {CONTENT_TYPE}")
        try:
            async with asyncio.timeout(BODY_S):
                return await request.body()
        except TimeoutError:
            raise HTTPException(status_code=408, detail=f"send the request within {BODY_S:g} s") from None

    # --- what a thread does --------------------------------------------------------------------------

    def enrol(self, body: bytes) -> Answer:
        answer = self._site.enrol(body, self._clock.now().wall_ms)
        log.info("%s enrolled", answer.hub)
        return answer

    def renew(self, body: bytes) -> Answer:
        answer = self._site.renew(body, self._clock.now().wall_ms)
        log.info("%s renewed", answer.hub)
        return answer

    def commissioned(self, body: bytes) -> dict[str, str]:
        hub, payload = self._site.said_by(body, PAPER_BYTES_MAX)
        report = _paper(payload, Report, hub)
        self._site.keep_report(hub, report.name, report.content, self._clock.now().wall_ms)
        log.info("%s handed in a report", hub)
        return {"hub": hub, "kept": report.name}

    def decommissioned(self, body: bytes) -> dict[str, str]:
        return {"hub": take_leave(self._site, body, self._clock.now().wall_ms), "kept": RECEIPT}

    def word(self) -> SiteAnswer:
        return SiteAnswer(word=self._site.word(self._clock.now().wall_ms), issuing=self._site.issuing_pem)

    def health(self) -> dict[str, bool]:
        self._site.hubs()  # the registry can be read
        return {"well": True}


def take_leave(site: Site, body: bytes, wall_ms: int) -> str:
    """Keep a hub's receipt of its decommissioning, and trust it no more; give the hub. Raises Refused, SiteError.

    Its keys are gone: who could still show its certificate would be somebody else.
    """
    hub, payload = site.said_by(body, PAPER_BYTES_MAX)
    _paper(payload, Decommissioned, hub)
    try:
        site.keep_report(hub, RECEIPT, body, wall_ms)
    except Refused as full:
        log.warning("the receipt of %s could not be kept: %s", hub, full.refusal.code)
    site.revoke(hub, wall_ms)
    log.info("%s is decommissioned: the broker learns of it by `hearthline provision revoke`, as for any hub", hub)
    return hub


def _paper(payload: bytes, kind: type[Paper], hub: str) -> Paper:
    try:
        paper = msgspec.json.decode(payload, type=kind)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        raise refused("unreadable", "what is signed is not what this address takes") from None
    if paper.hub != hub or paper.aud != AUDIENCE:
        raise refused("unreadable", "what is signed is another hub's, or meant for somebody else")
    return paper


# --- refusals ----------------------------------------------------------------------------------------


def _on_trouble(clock: Clock) -> Mapping[str, Any]:
    """Give the handlers that make a problem document of whatever goes wrong."""

    def problem(refusal: Refusal, **more: str) -> Response[bytes]:
        content = msgspec.json.encode(refusal)
        return Response(content, status_code=refusal.status, media_type=PROBLEM, headers=_headers(clock) | more)

    def unwanted(_: object, error: Refused) -> Response[bytes]:
        log.info("a request was refused: %s", error.refusal.code)
        again = {"Retry-After": str(error.wait_s)} if isinstance(error, TooManyError) else {}
        return problem(error.refusal, **again)

    def down(_: object, error: SiteError) -> Response[bytes]:
        log.error("the site cannot be used: %s", error)
        detail = f"the site cannot be used now: try again in {_RETRY_DOWN_S} s"
        refusal = Refusal(title="Down", status=503, detail=detail, code="down")
        return problem(refusal, **{"Retry-After": str(_RETRY_DOWN_S)})

    def http(_: object, error: HTTPException) -> Response[bytes]:
        return problem(_unreadable(error.status_code, error.detail))

    def defect(_: object, error: Exception) -> Response[bytes]:
        where = traceback.extract_tb(error.__traceback__)[-1:]
        # S11: neither what was sent nor the error's text, which may repeat it
        log.error("a defect: %s at %s", type(error).__name__, [f"{each.filename}:{each.lineno}" for each in where])
        return problem(Refusal(title="Down", status=500, detail="a defect of the service: tell its site", code="down"))

    return {"exception_handlers": {Refused: unwanted, SiteError: down, HTTPException: http, Exception: defect}}


def _headers(clock: Clock) -> dict[str, str]:
    return {"Date": formatdate(clock.now().wall_ms / 1_000, usegmt=True), "Cache-Control": "no-store"}


def _unreadable(status: int, detail: str) -> Refusal:
    return Refusal(title=_TITLES.get(status, "Not to be read"), status=status, detail=detail, code="unreadable")
