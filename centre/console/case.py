"""A case: its time-line, the responder's card, and everything that can be done to it, each by one key."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.enums import RequestEncodingType
from litestar.exceptions import NotFoundException
from litestar.params import Body, FromPath, FromQuery
from litestar.response import Redirect, Template

from centre.cases.acts import WAIT_MS_MAX
from centre.cases.case import Case, CaseError, TakenError, UnseenError, WordsError
from centre.cases.events import (
    TEXT_CHARS_MAX,
    AnyAct,
    Began,
    HandedOver,
    LetGo,
    Noted,
    Reopened,
    Resolved,
    Took,
    Waits,
)
from centre.cases.outcomes import OUTCOMES
from centre.console import words
from centre.console.guards import allow, who
from centre.console.telling import told
from centre.services import Given, Services
from centre.staff.values import Operator
from centre.store.records import Shown

Form = Annotated[dict[str, str], Body(media_type=RequestEncodingType.URL_ENCODED)]
Asked = Request[Any, Any, Any]

STORY_MAX = 200
"""A page shows so many of a case's latest words and acts, each; some home's fault may send thousands (S12)."""

PART = "x-part"
"""With this header a page's script asks for the parts that live, and not for people's data again."""

MINUTES = (
    ("5", "5 minutes"),
    ("10", "10 minutes"),
    ("15", "15 minutes"),
    ("30", "30 minutes"),
    ("60", "1 hour"),
    ("120", "2 hours"),
    ("240", "4 hours"),
)
_MINUTE_MS = 60_000

SUGGESTED = (
    "the resident",
    "a contact",
    "our responder",
    "the carers",
    "ambulance",
    "fire brigade",
    "police",
    "engineer",
)
"""For whom a case usually waits. A name does not belong there: the audit keeps it longer than people's data."""


@get("/cases/{case_id:str}", guards=[allow(*words.DESK)], sync_to_thread=True)
def case_page(services: Given, request: Asked, case_id: FromPath[str], did: FromQuery[str] = "") -> Template:
    """Show a case. With the page comes people's data, and that look is recorded; a part brings none."""
    done = words.DONE.get(did, "")
    return _page(services, request, case_id, {"done_text": done})


@get("/cases/{case_id:str}/part", guards=[allow(*words.DESK)], sync_to_thread=True)
def case_part(services: Given, request: Asked, case_id: FromPath[str]) -> Template:
    """Give the parts of a case's page that live."""
    return Template("case_parts.html", context=_parts(services, who(request), _case(services, case_id)))


@post("/cases/{case_id:str}/{did:str}", guards=[allow(*words.DESK)], sync_to_thread=True)
def case_act(services: Given, request: Asked, case_id: FromPath[str], did: FromPath[str], data: Form) -> Response[Any]:
    """Do it, and show the case, or the queue when it is out of one's hands; or the page again, with why not."""
    me, case = who(request), _case(services, case_id)
    try:
        services.desk.act(case.id, _made(did, data, me.name, services.now_ms()))
    except CaseError as error:
        wrong = {"problem_text": _why_not(services, error), "wrong": did, "typed": data}
        return _page(services, request, case_id, wrong, status=422 if isinstance(error, WordsError) else 409)
    services.pulse.look()
    if did in AWAY:
        return Redirect(f"/?did={did}&case={case.id}", status_code=303)
    return Redirect(f"/cases/{case.id}?did={did}", status_code=303)


def _made(did: str, form: Mapping[str, str], by: str, at_ms: int) -> AnyAct:
    """Make of a form what an operator does. `seen` is the version that was on the screen."""
    seen = _number(form.get("seen", ""), 2**53)
    make = ACTS.get(did)
    if make is None:
        raise NotFoundException("This cannot be done to a case.")
    return make(form, {"by": by, "at_ms": at_ms, "seen": seen})


def _text(form: Mapping[str, str], name: str) -> str:
    return form.get(name, "").strip()


def _waits(form: Mapping[str, str], facts: dict[str, Any]) -> AnyAct:
    minutes = _number(form.get("minutes", ""), WAIT_MS_MAX // _MINUTE_MS + 1)
    return Waits(for_whom=_text(form, "for_whom"), until_ms=facts["at_ms"] + minutes * _MINUTE_MS, **facts)


ACTS: dict[str, Callable[[Mapping[str, str], dict[str, Any]], AnyAct]] = {
    "take": lambda form, facts: Took(over=form.get("over", ""), **facts),
    "begin": lambda _, facts: Began(**facts),
    "wait": _waits,
    "note": lambda form, facts: Noted(text=_text(form, "text"), **facts),
    "hand-over": lambda form, facts: HandedOver(to=form.get("to", ""), **facts),
    "let-go": lambda form, facts: LetGo(why=words.bounded(_text(form, "why"), TEXT_CHARS_MAX), **facts),
    "resolve": lambda form, facts: Resolved(outcome=form.get("outcome", ""), note=_text(form, "note"), **facts),
    "reopen": lambda form, facts: Reopened(why=_text(form, "why"), **facts),
}
AWAY = frozenset({"resolve", "let-go", "hand-over"})
"""After these a case is out of one's hands: back to the queue."""


def _why_not(services: Services, error: CaseError) -> str:
    """Put into words for the operator why it was not done, and what to do."""
    match error:
        case TakenError(owner=""):
            return "Nobody has this case: take it first."
        case TakenError(owner=owner):
            name = services.pulse.look().names.get(owner, owner)
            return f"{name} has this case. Nothing was changed. What you typed is still here."
        case UnseenError():
            return "Another alarm came while you were closing this case: look at it, then resolve again."
        case _:
            text = str(error)
            return f"{text[:1].upper()}{text[1:]}."


def _number(given: str, most: int) -> int:
    return min(int(given), most) if given.isascii() and given.isdigit() and len(given) <= len(str(most)) else 0


# --- showing -----------------------------------------------------------------------------------------


def _case(services: Services, case_id: str) -> Case:
    case = services.desk.get(case_id)
    if case is None:
        raise NotFoundException(f"There is no case {words.bounded(case_id, 40)}. Retention may have deleted it.")
    return case


def _page(
    services: Services, request: Asked, case_id: str, more: Mapping[str, object], *, status: int = 200
) -> Template:
    me, case = who(request), _case(services, case_id)
    context = {**_parts(services, me, case), **more}
    if request.headers.get(PART):
        return Template("case_parts.html", context={**context, "acted": True}, status_code=status)
    return Template("case.html", context={**context, **_card(services, me, case)}, status_code=status)


def offered(case: Case, name: str) -> frozenset[str]:
    """Give what somebody of that name can do to a case as it is. Anybody may write a note."""
    if not case.open:
        return frozenset({"note", "reopen"})
    if case.owner != name:
        return frozenset({"note", "over" if case.owner else "take"})
    return frozenset(ACTS) - {"reopen", *(["begin"] if case.state == "in-progress" else [])}


def _parts(services: Services, me: Operator, case: Case) -> dict[str, object]:
    names = services.pulse.view.names
    story = services.desk.latest(case.id, STORY_MAX)
    return {
        "case": case,
        "mine": case.owner == me.name,
        "owner": names.get(case.owner, case.owner),
        "told": [told(entry, names) for entry in reversed(story)],
        "untold": case.version - len(story),
        "commands": services.commands.of_case(case.id, case.hub),
        "names": names,
        "colleagues": [
            (each.name, each.shown)
            for each in services.roster.everybody()
            if each.active and each.role in words.DESK and each.name != me.name
        ],
        "outcomes": OUTCOMES,
        "offered": offered(case, me.name),
        "minutes": MINUTES,
        "suggested": SUGGESTED,
        "at_ms": services.now_ms(),
        "acted": False,
        "done_text": "",
        "problem_text": "",
        "wrong": "",
        "typed": {},
    }


def _card(services: Services, me: Operator, case: Case) -> dict[str, Shown | None]:
    """Give what helps whoever goes there. The look is on the disk before it is shown."""
    if not case.hub:
        return {"shown": None}
    return {"shown": services.records.record(case.hub, me.role, me.name, f"case {case.id}", services.now_ms())}


ROUTES: list[Any] = [case_page, case_part, case_act]
