"""The editor of a care plan: it sends nothing before that very text is proven, and somebody could read what it does."""

import asyncio
import base64
import hashlib
import re
from typing import Annotated, Any

import msgspec
import tomlkit
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from litestar import Response, get, post
from litestar.datastructures import UploadFile
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery
from litestar.response import Redirect, Template

from centre.console.guards import allow, who
from centre.console.home_reading import in_force, known, note, state_of
from centre.console.homes import AnyRequest
from centre.console.plan_review import (
    DOCUMENT_CHARS_MAX,
    Question,
    Review,
    ReviewError,
    known_hub,
    picture,
    review,
)
from centre.console.plan_samples import Sample, plain, samples
from centre.console.plan_texts import PlanText, PlanTexts
from centre.services import Given, Services
from centre.store.sealing import Sealed, SealError
from centre.work.plans import PlanError
from rules.values import Value

CHECKED_MS = 30 * 60_000
"""So long after its check a plan may be sent: who sends it has what it does in mind."""

VERSION_MAX = 9_999_999_999
_VERSION = re.compile(r"^version[ \t]*=[ \t]*([0-9]{1,20})\b", re.MULTILINE)

Form = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.MULTI_PART)]


class Shown(Value, frozen=True, kw_only=True):
    """What the editor shows. `token`: this text was proven just now, and may be sent. `held`: why it may not yet."""

    text: str
    about: str = ""
    found: Review | None = None
    token: str = ""
    held: str = ""
    problem: str = ""


class _WrongError(Exception):
    """This is no plan, or cannot be looked at; the text says why."""


@get("/homes/{hub:str}/plan/edit", guards=[allow("supervisor")], sync_to_thread=True)
def edit(request: AnyRequest, services: Given, hub: FromPath[str], begin: FromQuery[str] = "") -> Template:
    """Show a plan to be changed: the one written last, or a sample. That one was opened is written down."""
    known(services, hub)
    text, about = _beginning(services, hub, begin)
    if about in ("draft", "sent"):
        note(services, who(request).name, "plan-opened", hub, {"what": about})
    following = _next_version(services, hub)
    written = _VERSION.search(text)
    if text and (written is None or int(written[1]) < following):
        text = _renumbered(text, following)
    return _page(services, hub, Shown(text=text, about=about))


@post("/homes/{hub:str}/plan/check", guards=[allow("supervisor")], status_code=200)
async def check(request: AnyRequest, services: Given, hub: FromPath[str], data: Form) -> Template:
    """Keep what was written, have it proven and explained, and only then offer to send it."""
    me = who(request).name
    await asyncio.to_thread(known, services, hub)
    try:
        text = await _written(data)
    except _WrongError as error:
        return await asyncio.to_thread(_page, services, hub, Shown(text=_typed(data), problem=str(error)))
    if data.get("do") == "renumber":
        text = _renumbered(text, await asyncio.to_thread(_next_version, services, hub))
    return await _checked(services, hub, text, me)


@post("/homes/{hub:str}/plan/send", guards=[allow("supervisor")], status_code=200)
async def send(request: AnyRequest, services: Given, hub: FromPath[str], data: Form) -> Response[Any]:
    """Send the very text that was checked. It is proven once more: nothing unproven leaves, whatever the form says."""
    me, text = who(request).name, _typed(data)
    await asyncio.to_thread(known, services, hub)
    if not _proven_just_now(services, hub, me, text, str(data.get("checked", ""))):
        return await _checked(services, hub, text, me, "This is not what was checked just now. Here it is, checked")
    try:
        found = await _reviewed(services, hub, text)
    except _WrongError as error:
        return await asyncio.to_thread(_page, services, hub, Shown(text=text, problem=str(error)))
    problem = await asyncio.to_thread(_sent, services, hub, me, found)
    if problem:
        return await _checked(services, hub, text, me, problem)
    return Redirect(f"/homes/{hub}/plan?said=sent", status_code=303)


# --- what was written --------------------------------------------------------------------------------


def _beginning(services: Services, hub: str, begin: str) -> tuple[str, str]:
    """Give the text to begin with, and what it is: `draft`, `sent`, a sample's name, or nothing yet."""
    sample = next((each for each in _samples(services, hub) if each.name == begin), None)
    if sample is not None:
        return sample.text, sample.name
    kept = _texts(services).get(hub)
    sent = services.plans.of_home(hub, 1)
    if kept is not None and not (sent and begin == "sent"):
        return kept.text, "draft"
    if not sent:
        return "", ""
    try:
        return tomlkit.dumps(services.plans.document(sent[0].number)), "sent"
    except SealError:
        return "", ""


def _samples(services: Services, hub: str) -> tuple[Sample, ...]:
    return (plain(known_hub(hub, state_of(services, hub))), *samples())


def _typed(data: dict[str, Any]) -> str:
    text = data.get("document", "")
    return text.replace("\r\n", "\n") if isinstance(text, str) else ""


async def _written(data: dict[str, Any]) -> str:
    """Give the file that was chosen, else what stands in the field. Raises _WrongError."""
    file = data.get("file")
    if not isinstance(file, UploadFile):
        return _typed(data)
    content = await file.read(DOCUMENT_CHARS_MAX + 1)
    if len(content) > DOCUMENT_CHARS_MAX:
        raise _WrongError(f"The file is larger than {DOCUMENT_CHARS_MAX // 1024} KiB: is it the right one?")
    try:
        return content.decode("utf-8").replace("\r\n", "\n")
    except UnicodeDecodeError:
        raise _WrongError("The file is no text in UTF-8: is it the right one?") from None


# --- checked, and sent -------------------------------------------------------------------------------


async def _reviewed(services: Services, hub: str, text: str) -> Review:
    """Have a text reviewed for this home. Raises _WrongError."""
    if not text.strip():
        raise _WrongError("There is no plan here yet: begin with a sample, and change it")
    if len(text.encode("utf-8", "replace")) > DOCUMENT_CHARS_MAX:
        raise _WrongError(f"The plan is larger than {DOCUMENT_CHARS_MAX // 1024} KiB: take parts out")
    there = known_hub(hub, await asyncio.to_thread(state_of, services, hub))
    config, fittings = there or (None, None)
    try:
        return await review(Question(document=text, hub=config, fittings=fittings))
    except ReviewError as error:
        raise _WrongError(f"Not checked: {error}") from None


async def _checked(services: Services, hub: str, text: str, me: str, problem: str = "") -> Template:
    if len(text) <= DOCUMENT_CHARS_MAX:  # first of all: whatever comes of the check, nobody's work is lost
        kept = PlanText(text=text, by=me, at_ms=services.now_ms())
        await asyncio.to_thread(_texts(services).keep, hub, kept)
    try:
        found = await _reviewed(services, hub, text)
    except _WrongError as error:
        return await asyncio.to_thread(_page, services, hub, Shown(text=text, problem=problem or str(error)))
    held = await asyncio.to_thread(_held, services, hub, found)
    token = "" if held else _token(services, hub, me, text)
    shown = Shown(text=text, found=found, token=token, held=held, problem=problem)
    return await asyncio.to_thread(_page, services, hub, shown)


def _held(services: Services, hub: str, found: Review) -> str:
    """Say why a plan may not be sent: `wrong`, `version`, `revoked` or `no-box`; empty if it may."""
    record = known(services, hub).record
    if not found.ok:
        return "wrong"
    if found.version < _next_version(services, hub):
        return "version"
    if record is not None and record.state == "revoked":
        return "revoked"
    return "" if "private" not in found.document or _has_key(record.plan if record else "") else "no-box"


def _has_key(pem: str) -> bool:
    try:
        ECKey.import_key(pem)
    except (ValueError, JoseError):
        return False
    return True


def _sent(services: Services, hub: str, me: str, found: Review) -> str:
    """Give a plan that was proven to the worker; or say why not."""
    if _held(services, hub, found):
        return "Not sent: see below"
    try:
        number = services.plans.send(hub, found.document, me)
    except PlanError as error:
        return f"Not sent: {error}"
    note(services, me, "plan-sent", hub, {"number": number, "version": found.version})
    services.pulse.look()
    return ""


def _page(services: Services, hub: str, shown: Shown) -> Template:
    state = state_of(services, hub)
    context = {
        "hub": hub,
        "shown": shown,
        "review": shown.found,
        "draft": _texts(services).get(hub) if shown.about == "draft" else None,
        "samples": _samples(services, hub),
        "sent": bool(services.plans.of_home(hub, 1)),
        "next": _next_version(services, hub),
        "fits": known_hub(hub, state),
        "picture": picture,
    }
    refused = bool(shown.problem) or shown.held in ("wrong", "version")
    return Template("plan_edit.html", context=context, status_code=422 if refused else 200)


def _texts(services: Services) -> PlanTexts:
    return PlanTexts(services.database, services.keyring)


# --- versions, and the proof of a check --------------------------------------------------------------


def _next_version(services: Services, hub: str) -> int:
    """Give the lowest version that the hub can take: higher than what it has, and than what is on its way there."""
    on_its_way = [each.version for each in services.plans.of_home(hub) if each.state == "waiting"]
    return max((in_force(services, hub, state_of(services, hub)) or 0, *on_its_way)) + 1


def _renumbered(text: str, version: int) -> str:
    """Write the version into a plan's text; on top, if none stands before its first table."""
    line = f"version = {min(version, VERSION_MAX)}"
    head = f"\n{text}".partition("\n[")[0]
    if _VERSION.search(head) is None:
        return f"{line}\n{text}" if text else text
    return _VERSION.sub(line, text, count=1)


def _place(hub: str, me: str, text: str) -> tuple[str, ...]:
    return "plan-checked", hub, me, hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()


def _token(services: Services, hub: str, me: str, text: str) -> str:
    """Give what a form carries from the check to the sending: the moment, sealed for this text, home and person."""
    sealed = services.keyring.seal(msgspec.json.encode(services.now_ms()), *_place(hub, me, text))
    return f"{sealed.key_id}.{base64.urlsafe_b64encode(sealed.content).decode()}"


def _proven_just_now(services: Services, hub: str, me: str, text: str, token: str) -> bool:
    key_id, _, content = token.partition(".")
    try:
        opened = services.keyring.open(Sealed(key_id, base64.urlsafe_b64decode(content)), *_place(hub, me, text))
        at_ms = msgspec.json.decode(opened, type=int)
    except (SealError, ValueError):
        return False
    return 0 <= services.now_ms() - at_ms <= CHECKED_MS


ROUTES: list[Any] = [edit, check, send]
