"""Pages of homes: which there are and how they are, one home's health, and who lives there (each look recorded)."""

from collections import Counter
from typing import Annotated, Any

from litestar import Request, Response, get, post
from litestar.enums import RequestEncodingType
from litestar.params import Body, FromPath, FromQuery
from litestar.response import Redirect, Template
from msgspec.structs import replace

from centre.console import home_record, home_words
from centre.console.guards import allow, who
from centre.console.home_lately import kept_and_missed, visits
from centre.console.home_reading import all_known, in_force, known, state_of
from centre.console.home_status import MARKS, ORDER, glance, sensors
from centre.services import Given, Services
from centre.staff.values import Operator
from centre.store.records import CHANGED, FIELDS, SHOWN, NotAllowedError, Record, Role, Shown

HERE: tuple[Role, ...] = ("operator", "supervisor", "installer")
PAGE = 100
CASES = 10
COMMANDS = 5
LATELY_MS = 14 * 86_400_000

WHY: dict[str, str] = {
    "call": "The home or its family is on the telephone",
    "help": "Somebody may need help there",
    "visit": "A visit is planned or under way",
    "change": "To write down what has changed",
    "new": "The home is new",
}
"""Why somebody looks at a record: what they choose from, and what the record of looks says."""

Form = Annotated[dict[str, Any], Body(media_type=RequestEncodingType.URL_ENCODED)]
AnyRequest = Request[Any, Any, Any]


@get("/homes", guards=[allow(*HERE)], sync_to_thread=True)
def homes(services: Given, show: FromQuery[str] = "", start: FromQuery[str] = "") -> Template:
    """List the homes: those that need somebody first."""
    now_ms = services.now_ms()
    everybody = [glance(each, now_ms) for each in all_known(services)]
    counts = Counter(each.mark for each in everybody)
    chosen = [each for each in everybody if show in ("", each.mark)]
    if not show:  # who has gone is listed when asked for
        chosen = [each for each in chosen if each.mark not in ("left", "revoked")]
    chosen.sort(key=lambda each: (ORDER.index(each.mark), each.since_ms or 0, each.hub))
    first = next((place for place, each in enumerate(chosen) if each.hub == start), 0)
    context = {
        "lines": chosen[first : first + PAGE],
        "before": chosen[max(0, first - PAGE)].hub if first else "",
        "after": chosen[first + PAGE].hub if len(chosen) > first + PAGE else "",
        "counts": [(mark, words, counts[mark]) for mark, words in MARKS.items() if counts[mark]],
        "total": len(everybody),
        "show": show if show in MARKS else "",
        "site": services.site is not None,
        "faults": home_words.fault,
    }
    return Template("homes.html", context=context)


@post("/homes/find", guards=[allow(*HERE)], status_code=200, sync_to_thread=True)
def find(request: AnyRequest, services: Given, data: Form) -> Template:
    """Find homes by name, address or number. What is sought never stands in an address."""
    me, words = who(request), home_record.line(data, "words")
    now_ms = services.now_ms()
    try:
        found = services.records.find(words, me.role, me.name, now_ms)
    except NotAllowedError as error:
        return Template("homes_found.html", context={"problem": str(error), "found": None}, status_code=422)
    marks = {each.hub: glance(each, now_ms) for each in all_known(services)}
    lines = [(hub, record, marks.get(hub)) for hub, record in found.homes]
    context = {"problem": "", "found": lines, "more": found.more}
    return Template("homes_found.html", context=context)


@get("/homes/{hub:str}", guards=[allow(*HERE)], sync_to_thread=True)
def home(request: AnyRequest, services: Given, hub: FromPath[str], said: FromQuery[str] = "") -> Template:
    """Show one home's health, and what there is to do with it."""
    since_ms = services.now_ms() - LATELY_MS
    context = {
        **_health(services, hub),
        "reminders": kept_and_missed(services.database, hub, since_ms),
        "visits": visits(services.database, hub, since_ms),
        "whys": [(key, words) for key, words in WHY.items() if key != "new"],
        "site": services.site is not None,
        "said": _SAID.get(said, ""),
        "me": who(request),
    }
    return Template("home.html", context=context)


@get("/homes/{hub:str}/part", guards=[allow(*HERE)], sync_to_thread=True)
def home_part(request: AnyRequest, services: Given, hub: FromPath[str]) -> Template:
    """Show the part of it that lives."""
    return Template("home_part.html", context=_health(services, hub) | {"me": who(request)})


_SAID = {
    "kept": "The record is kept.",
    "left": "Noted: this home has left the service.",
    "back": "Noted: this home is back.",
    "revoked": "This hub is shut out.",
}


def _health(services: Services, hub: str) -> dict[str, Any]:
    now_ms = services.now_ms()
    there = known(services, hub)
    line = glance(there, now_ms)
    state = state_of(services, hub)
    return {
        "hub": hub,
        "known": there,
        "line": line,
        "state": state,
        "sensors": sensors(state, line.faults) if state else (),
        "other_faults": [each for each in line.faults if not each.fault.startswith("sensor-")],
        "cases": services.desk.of_home(hub, limit=CASES),
        "commands": services.commands.of_home(hub, COMMANDS),
        "plans": services.plans.of_home(hub, 1),
        "in_force": in_force(services, hub, state),
        "home_words": home_words,
        "now": now_ms,
    }


# --- who lives there ---------------------------------------------------------------------------------


@get("/homes/{hub:str}/record", guards=[allow(*HERE)], sync_to_thread=True)
def ask_why(services: Given, hub: FromPath[str]) -> Template:
    """Ask why somebody wants to see it: what is shown is recorded as a look."""
    known(services, hub)
    return Template("home_why.html", context={"hub": hub, "whys": list(WHY.items()), "problem": ""})


@post("/homes/{hub:str}/record", guards=[allow(*HERE)], status_code=200, sync_to_thread=True)
def record(request: AnyRequest, services: Given, hub: FromPath[str], data: Form) -> Template:
    """Show who lives there, to be read and changed. The look is recorded first."""
    known(services, hub)
    me, why = who(request), WHY.get(str(data.get("why", "")), "")
    if not why:
        context = {"hub": hub, "whys": list(WHY.items()), "problem": "Say why you look: it is recorded"}
        return Template("home_why.html", context=context, status_code=422)
    shown = services.records.record(hub, me.role, me.name, why, services.now_ms())
    return _form(me, hub, shown, shown.record, home_record.digests(shown.record))


@post("/homes/{hub:str}/record/save", guards=[allow(*HERE)], status_code=200, sync_to_thread=True)
def save(request: AnyRequest, services: Given, hub: FromPath[str], data: Form) -> Response[Any]:
    """Keep what was changed in the form; with `do=rows` only give more empty rows."""
    known(services, hub)
    me = who(request)
    was = {name: home_record.line(data, f"was-{name}") for name in FIELDS}
    shown = services.records.record(hub, me.role, me.name, WHY["change"], services.now_ms())
    mine = CHANGED[me.role] & SHOWN[me.role] - frozenset(shown.damaged)
    # What this role only reads did not come back with the form.
    read = {name: getattr(shown.record, name) for name in FIELDS if name not in mine}
    new = replace(home_record.typed(data), **read)
    if data.get("do") == "rows":
        return _form(me, hub, shown, new, was, more=4)
    if found := home_record.problems(new):
        return _form(me, hub, shown, new, was, problem=". ".join(found) + ".")
    result, others = home_record.merged(shown.record, was, new, mine)
    if others:
        named = ", ".join(each.replace("_", " ") for each in others)
        problem = (
            f"Somebody else changed {named} while you wrote. Yours stands below and is not kept yet: "
            "open the record in another window, compare, and save again."
        )
        return _form(me, hub, shown, new, home_record.digests(shown.record), problem=problem)
    try:
        services.records.keep(hub, result, me.role, me.name, services.now_ms())
    except NotAllowedError as error:
        return _form(me, hub, shown, new, was, problem=str(error))
    return Redirect(f"/homes/{hub}?said=kept", status_code=303)


def _form(
    me: Operator, hub: str, shown: Shown, record: Record, was: dict[str, str], *, problem: str = "", more: int = 1
) -> Template:
    health = {each.ref: each for each in record.health}
    context = {
        "hub": hub,
        "record": record,
        "persons": [(each, health.get(each.ref)) for each in record.persons],
        "person_rows": min(home_record.PERSONS_MAX, len(record.persons) + more),
        "contact_rows": min(home_record.CONTACTS_MAX, len(record.contacts) + more + 1),
        "texts": home_record.TEXTS,
        "mine": CHANGED[me.role] & SHOWN[me.role] - frozenset(shown.damaged),
        "sees": SHOWN[me.role],
        "hidden": shown.hidden,
        "damaged": shown.damaged,
        "was": was,
        "problem": problem,
        "limits": home_record,
    }
    return Template("home_record.html", context=context, status_code=422 if problem else 200)


# --- leaving -----------------------------------------------------------------------------------------


@post("/homes/{hub:str}/left", guards=[allow("supervisor")], sync_to_thread=True)
def left(request: AnyRequest, services: Given, hub: FromPath[str], data: Form) -> Redirect:
    """Note that a home has left the service, or is back."""
    known(services, hub)
    me, gone = who(request), data.get("gone") == "yes"
    services.records.left(hub, me.role, me.name, services.now_ms(), gone=gone)
    return Redirect(f"/homes/{hub}?said={'left' if gone else 'back'}", status_code=303)


ROUTES: list[Any] = [homes, find, home, home_part, ask_why, record, save, left]
