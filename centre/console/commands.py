"""The page of a home's commands: what its box is told to do, and what became of that."""

from collections.abc import Callable
from typing import Any

import msgspec
from joserfc.errors import JoseError
from joserfc.jwk import ECKey
from litestar import Response, get, post
from litestar.params import FromPath
from litestar.response import Redirect, Template

from agent.wire.sealing import MESSAGE_CHARS_MAX
from centre.console import home_words, words
from centre.console.guards import allow, who
from centre.console.home_reading import known, note, state_of, told
from centre.console.home_record import line
from centre.console.home_status import online
from centre.console.homes import HERE, AnyRequest, Form
from centre.issue import LIFETIME_S, message
from centre.services import Given, Services
from centre.site.registry import HubRecord
from centre.store.records import Role
from centre.work.commands import CommandRow, TooManyCommandsError
from rules.commands import MESSAGE_HOURS, MESSAGE_HOURS_MAX, Nothing, SetMode, Test
from rules.expecting import MINUTES, MINUTES_MAX
from rules.reports import MessageExpired, MessageHeard
from rules.values import Value

DESK: frozenset[Role] = frozenset({"operator", "supervisor"})
EVERY: frozenset[Role] = DESK | {"installer"}

MAY: dict[str, frozenset[Role]] = {
    "report": EVERY,
    "locate": EVERY,
    "test": EVERY,
    "expect": EVERY,
    "set-mode": EVERY,
    "silence": DESK,
    "say": DESK,
}
"""What the page offers, and to whom. Alarms are acknowledged and resolved by their case alone."""

LANGUAGES = (("en-GB", "English"), ("cy", "Welsh"), ("pl", "Polish"), ("ur", "Urdu"))
HEARD_MS = (MESSAGE_HOURS_MAX + 24) * 3_600_000
SHOWN = 50


_TYPED = {
    "text": "",
    "language": "en-GB",
    "hours": str(MESSAGE_HOURS),
    "expect": "",
    "minutes": str(MINUTES),
    "mode": "home",
}


class WrongError(Exception):
    """What was asked for cannot be told to a box; the text says why."""


class Line(Value, frozen=True, kw_only=True):
    """A command and what became of it. `heard`: what the resident did with a message, in words."""

    row: CommandRow
    what: str
    heard: str = ""


@get("/homes/{hub:str}/commands", guards=[allow(*HERE)], sync_to_thread=True)
def page(request: AnyRequest, services: Given, hub: FromPath[str]) -> Template:
    """Show what a box can be told, and what it was told."""
    return Template("commands.html", context=_context(request, services, hub))


@get("/homes/{hub:str}/commands/part", guards=[allow(*HERE)], sync_to_thread=True)
def part(services: Given, hub: FromPath[str]) -> Template:
    """Show the part of it that lives."""
    known(services, hub)
    return Template(
        "commands_part.html", context={"hub": hub, "lines": _lines(services, hub), "home_words": home_words}
    )


@post("/homes/{hub:str}/commands", guards=[allow(*HERE)], status_code=200, sync_to_thread=True)
def give(request: AnyRequest, services: Given, hub: FromPath[str], data: Form) -> Response[Any]:
    """Tell a box something. It goes when the box is there, and again until it has answered."""
    there, me = known(services, hub), who(request)
    try:
        kind, body, lifetime_s = _wanted(there.record, me.role, data)
        given = services.commands.give(hub, kind, body, by=me.name, lifetime_s=lifetime_s)
    except (WrongError, TooManyCommandsError) as error:
        context = _context(request, services, hub) | {"problem": f"Not sent: {error}", "typed": _TYPED | dict(data)}
        return Template("commands.html", context=context, status_code=422)
    note(services, me.name, "told", hub, {"command": given, "type": kind})
    services.pulse.look()
    return Redirect(f"/homes/{hub}/commands", status_code=303)


def _context(request: AnyRequest, services: Services, hub: str) -> dict[str, Any]:
    there, me = known(services, hub), who(request)
    state = state_of(services, hub)
    return {
        "hub": hub,
        "me": me,
        "online": online(there),
        "state": state,
        "may": {kind for kind, roles in MAY.items() if me.role in roles},
        "lines": _lines(services, hub),
        "home_words": home_words,
        "languages": LANGUAGES,
        "expected": _expected(state.sensors if state else ()),
        "limits": {"chars": MESSAGE_CHARS_MAX, "minutes": MINUTES_MAX, "hours": MESSAGE_HOURS_MAX},
        "typed": _TYPED | {"mode": state.mode if state else "home"},
        "problem": "",
    }


def _expected(sensors: tuple[Any, ...]) -> list[tuple[str, str]]:
    """Give what a test may be announced of: the sensors by which somebody calls, and the box's own button."""
    named = home_words.SENSORS
    calls = [each for each in sensors if each.kind in home_words.CALLING]
    lines = [(each.sensor, f"{named[each.kind]}, {each.location or 'no place'} ({each.sensor})") for each in calls]
    return [("hub", "The box's own call button"), *lines]


# --- what is told --------------------------------------------------------------------------------------


def _wanted(record: HubRecord | None, role: Role, data: Form) -> tuple[str, object, int]:
    """Give the command that a form asks for: its type, its data, for how many seconds it is worth doing."""
    kind = line(data, "kind")
    if role not in MAY.get(kind, ()):
        raise WrongError("this is not yours to tell a box")
    if record is not None and record.state != "enrolled":
        raise WrongError("no box answers to this name: it is waiting for one, or was shut out")
    body, lifetime_s = _MAKE[kind](data, record.plan if record else "")
    return "test" if kind == "expect" else kind, body, lifetime_s


def _plain(_data: Form, _key: str) -> tuple[object, int]:
    return Nothing(), LIFETIME_S


def _mode(data: Form, _key: str) -> tuple[object, int]:
    try:
        return msgspec.convert({"mode": line(data, "mode")}, SetMode), LIFETIME_S
    except msgspec.ValidationError:
        raise WrongError("choose a mode") from None


def _expect(data: Form, _key: str) -> tuple[object, int]:
    minutes, expect = _number(data, "minutes", MINUTES_MAX), line(data, "expect")
    if not expect or len(expect) > home_words.SENSOR_CHARS_MAX:
        raise WrongError("choose what will be pressed")
    return Test(expect=expect, minutes=minutes), min(LIFETIME_S, minutes * 60)


def _say(data: Form, key: str) -> tuple[object, int]:
    """Make a message, which from here on only the box can read (S11)."""
    hours, language = _number(data, "hours", MESSAGE_HOURS_MAX), line(data, "language")
    if language not in dict(LANGUAGES):
        raise WrongError("choose the message's language")
    if not key:
        raise WrongError("this centre does not know the key by which messages to this box are sealed")
    try:
        body = message(line(data, "text"), language, ECKey.import_key(key), hours=hours)
    except (ValueError, JoseError) as error:
        raise WrongError(str(error)) from None
    return body, hours * 3_600


_MAKE: dict[str, Callable[[Any, str], tuple[object, int]]] = {
    "report": _plain,
    "locate": _plain,
    "silence": _plain,
    "test": lambda _data, _key: (Test(), LIFETIME_S),
    "expect": _expect,
    "set-mode": _mode,
    "say": _say,
}


def _number(data: Form, name: str, most: int) -> int:
    value = line(data, name)
    if not (value.isascii() and value.isdigit() and len(value) <= len(str(most)) and 1 <= int(value) <= most):
        raise WrongError(f"{name} is a whole number from 1 to {most}")
    return int(value)


# --- what became of it -----------------------------------------------------------------------------------


def _lines(services: Services, hub: str) -> list[Line]:
    rows = services.commands.of_home(hub, SHOWN)
    heard = _heard(services, hub) if any(row.type == "say" for row in rows) else {}
    return [Line(row=row, what=_what(row), heard=heard.get(row.id, "")) for row in rows]


def _what(row: CommandRow) -> str:
    """Say what was told, without a message's text: nobody here can read it any more."""
    text = words.COMMANDS.get(row.type, row.type)
    try:
        if row.type == "set-mode":
            return f"{text}: {home_words.MODES[msgspec.json.decode(row.data, type=SetMode).mode]}"
        if row.type == "test":
            test = msgspec.json.decode(row.data, type=Test)
            return f"Expect a test of {test.expect}, for {test.minutes} min" if test.expect else "Report a self-test"
    except msgspec.DecodeError:
        pass
    return text


def _heard(services: Services, hub: str) -> dict[str, str]:
    since_ms = services.now_ms() - HEARD_MS
    found = {}
    for each in told(services.database, ["message.heard", "message.expired"], since_ms, hub):
        match each.report:
            case MessageHeard(message=name, times=times):
                found[name] = f"Heard: confirmed after it was said {times} times"
            case MessageExpired(message=name, times=times):
                found[name] = f"Nobody confirmed it; it was said {times} times"
            case _:
                pass
    return found


ROUTES: list[Any] = [page, part, give]
