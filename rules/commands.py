"""Commands of the centre: each carried out once, or refused with its reason."""

from collections.abc import Callable
from typing import Annotated, Literal

import msgspec
from msgspec.structs import replace

from rules import acknowledgement, expecting, links, messages, modes, selftest
from rules.actions import PublishState, Resend
from rules.alarm import Alarm, IllegalTransitionError
from rules.events import Commanded, Mode
from rules.reports import CommandDone, CommandRefused
from rules.triggers import HUB_BUTTON
from rules.turn import Turn
from rules.values import TEXT_CHARS_MAX, Value

REMEMBERED = 256
"""How many command ids are remembered, so that a command repeated until its `command.done` is done once (S4, S8)."""

RESEND_ROWS_MAX = 10_000
"""The most rows one `resend` may ask for (S12)."""

SEALED_CHARS_MAX = 8_192
"""More than any sealed message needs (S12)."""

KEPT = "kept"
"""What stands in the place of a sealed message here: it was opened, and the agent has it (S11)."""

MESSAGE_HOURS, MESSAGE_HOURS_MAX = 24, 168
"""How long a message is good, if not said otherwise; and at most."""


Id = Annotated[str, msgspec.Meta(max_length=128)]
Row = Annotated[int, msgspec.Meta(ge=1, le=2**53)]
Text = Annotated[str, msgspec.Meta(max_length=TEXT_CHARS_MAX)]
Reference = Annotated[str, msgspec.Meta(pattern="^([a-z0-9-]{1,40})?$")]
Sealed = Annotated[str, msgspec.Meta(max_length=SEALED_CHARS_MAX)]


class RefusedError(Exception):
    """A command cannot be carried out now; its message is the reason given to the centre."""


class Acknowledge(Value, frozen=True):
    """Take an alarm, or renew having it."""

    alarm: Id


class Resolve(Value, frozen=True):
    """Close an alarm."""

    alarm: Id
    outcome: Text = ""


class SetMode(Value, frozen=True):
    """Change the hub's mode."""

    mode: Mode


class ResendRows(Value, frozen=True):
    """Send the rows `from` to `to` of an epoch's lane again."""

    epoch: Id
    lane: Literal["a", "t"]
    first: Row = msgspec.field(name="from")
    last: Row = msgspec.field(name="to")


class Test(Value, frozen=True):
    """Report a self-test now; or, with `expect`, take the next press of that kind or sensor for a test.

    It is expected for `minutes` (30 unless said), once, and is no less delivered for being a test.
    """

    __test__ = False  # not a test case, whatever its name says to a test runner

    expect: Id = ""
    minutes: Annotated[int, msgspec.Meta(ge=1, le=expecting.MINUTES_MAX)] = expecting.MINUTES


class SayMessage(Value, frozen=True):
    """Say a message until it is heard: a `text` of the care plan, by its reference, or one that comes `sealed`.

    `sealed` is a compact JWE (ECDH-ES+A256KW, A256GCM) to the hub's key for plans, over the JSON of `text` and
    `language`. `person` is whom it is for, a reference. It is good for so many `hours`.
    """

    text: Reference = ""
    sealed: Sealed = ""
    person: Reference = ""
    hours: Annotated[int, msgspec.Meta(ge=1, le=MESSAGE_HOURS_MAX)] = MESSAGE_HOURS


class Nothing(Value, frozen=True):
    """A command that needs no data."""


def _open_alarm(turn: Turn, alarm_id: str) -> Alarm:
    alarm = turn.house.alarm(alarm_id)
    if alarm is None:
        raise RefusedError(f"no open alarm {alarm_id}")
    return alarm


def _acknowledge(turn: Turn, body: Acknowledge) -> None:
    acknowledgement.acknowledge(turn, _open_alarm(turn, body.alarm), "centre")


def _resolve(turn: Turn, body: Resolve) -> None:
    acknowledgement.resolve(turn, _open_alarm(turn, body.alarm), body.outcome)


def _set_mode(turn: Turn, body: SetMode) -> None:
    modes.set_mode(turn, body.mode)


def _resend(turn: Turn, body: ResendRows) -> None:
    if not body.first <= body.last < body.first + RESEND_ROWS_MAX:
        raise RefusedError(f"from..to must be in order, and at most {RESEND_ROWS_MAX} rows")
    turn.do(Resend(body.epoch, body.lane, body.first, body.last))


def _silence(turn: Turn, _body: Nothing) -> None:
    """Stop sound at home, never escalation or delivery. What may still be cancelled must go on saying so."""
    for alarm in turn.house.alarms:
        if alarm.stage == "pending":
            continue
        turn.put_alarm(replace(alarm, silenced=True, siren_until_ms=None))


def _test(turn: Turn, body: Test) -> None:
    if not body.expect:
        links.test_now(turn)
        selftest.report(turn, "command")
        return
    reason = expecting.expect(turn, body.expect, body.minutes, (*turn.house.config.sensors, HUB_BUTTON))
    if reason:
        raise RefusedError(reason)


def _locate(turn: Turn, _body: Nothing) -> None:
    turn.chirp("locate")


def _report(turn: Turn, _body: Nothing) -> None:
    turn.do(PublishState())


def _say(turn: Turn, body: SayMessage) -> None:
    if bool(body.text) == bool(body.sealed) or body.sealed not in ("", KEPT):
        raise RefusedError("a message is either a text of the care plan or a sealed one that this hub can open")
    message = turn.house.commands[-1]  # this command's own id
    if not messages.take(turn, message, body.text, body.person, body.hours):
        raise RefusedError(f"{messages.WAITING_MAX} messages wait to be heard already")


_HANDLERS: dict[str, tuple[type[Value], Callable[..., None]]] = {
    "acknowledge": (Acknowledge, _acknowledge),
    "resolve": (Resolve, _resolve),
    "set-mode": (SetMode, _set_mode),
    "resend": (ResendRows, _resend),
    "silence": (Nothing, _silence),
    "test": (Test, _test),
    "locate": (Nothing, _locate),
    "report": (Nothing, _report),
    "say": (SayMessage, _say),
}


def on_commanded(turn: Turn, event: Commanded) -> None:
    """Carry a command out once; one that is unknown, malformed or illegal now is refused with its reason."""
    if event.id in turn.house.commands:
        return  # S4: a command received twice changes nothing
    turn.update(commands=(*turn.house.commands, event.id)[-REMEMBERED:])
    try:
        _carry_out(turn, event)
    except (RefusedError, IllegalTransitionError) as refusal:
        reason = str(refusal)[:TEXT_CHARS_MAX]  # S12
        turn.send(CommandRefused(clock=turn.clock, command=event.id, type=event.type, reason=reason))
    else:
        turn.send(CommandDone(clock=turn.clock, command=event.id, type=event.type))


def _carry_out(turn: Turn, event: Commanded) -> None:
    if event.refused:
        raise RefusedError(event.refused)
    if event.type not in _HANDLERS:
        raise RefusedError(f"this hub does not know the command {event.type!r}")
    body_type, handler = _HANDLERS[event.type]
    try:
        body = msgspec.json.decode(event.body, type=body_type)
    except (msgspec.DecodeError, UnicodeError, RecursionError) as error:
        raise RefusedError(f"data of {event.type}: {error}") from None
    handler(turn, body)
