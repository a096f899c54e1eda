"""What the read API shows of cases, homes and events: references only. Names, notes and who of the staff are not there.

These types are the API's contract: its document is made of them.
"""

from typing import Annotated, Any

import msgspec

from centre.cases.audit import Entry
from centre.cases.case import Case, CaseAlarm, Cause, Stage, State
from centre.cases.events import Act, Heard
from rules.values import utc

Moment = Annotated[str, msgspec.Meta(extra_json_schema={"format": "date-time"})]
"""UTC, milliseconds, `Z`."""


class View(msgspec.Struct, frozen=True, kw_only=True):
    """The base of what is shown."""


class AlarmView(View, frozen=True, kw_only=True):
    """One alarm of a case. `found`: the centre found it by itself, such as a silent home, and no hub told it.

    `raised_at` is when the hub called, if its clock could be relied on, else when it arrived. `answered_at`: when an
    operator first had it.
    """

    alarm: str
    kind: str
    priority: int
    sensor: str
    location: str
    person: str
    test: bool
    silent: bool
    found: bool
    stage: Stage
    cancelled: bool
    triggers: int
    raised_at: Moment
    arrived_at: Moment
    answered_at: Moment | None


class CaseView(View, frozen=True, kw_only=True):
    """One case. `held`: somebody of the staff has it. `version` rises with every change."""

    id: str
    hub: str
    state: State
    cause: Cause
    priority: int
    version: int
    held: bool
    opened_at: Moment
    answered_at: Moment | None
    resolved_at: Moment | None
    outcome: str
    reopened: int
    alarms: list[AlarmView]


class StoryView(View, frozen=True, kw_only=True):
    """One change of a case: which version it made, when, by whom of `hub`, `centre` and `operator`, and what it was."""

    version: int
    at: Moment
    by: str
    what: str
    state: State


class WholeCase(View, frozen=True, kw_only=True):
    """A case and all its changes."""

    case: CaseView
    story: list[StoryView]


class CasePage(View, frozen=True, kw_only=True):
    """Cases in the order of their last change. `next` is the cursor of the next page, null at the end."""

    cases: list[CaseView]
    next: str | None


class HomeView(View, frozen=True, kw_only=True):
    """One home. `online`: a connection of its hub lives. `silent`: the watch has it as a case."""

    hub: str
    online: bool
    silent: bool
    heard_at: Moment | None
    open_cases: int
    faults: int


class HomePage(View, frozen=True, kw_only=True):
    """Homes by hub. `next` is the cursor of the next page, null at the end."""

    homes: list[HomeView]
    next: str | None


class HomeState(View, frozen=True, kw_only=True):
    """The state document that a hub sent last, as the contract's `state` schema has it."""

    hub: str
    state: dict[str, Any]


class EventView(View, frozen=True, kw_only=True):
    """One event of a hub, as the contract's schema of its `type` has it. `number` rises in the order of commits."""

    number: int
    hub: str
    id: str
    type: str
    came_at: Moment
    conflict: bool
    data: Any


class EventPage(View, frozen=True, kw_only=True):
    """Events in the order in which they were kept. Ask again with `after` set to `last` for those that came since."""

    events: list[EventView]
    last: int


def case_view(case: Case) -> CaseView:
    """Show a case."""
    return CaseView(
        id=case.id,
        hub=case.hub,
        state=case.state,
        cause=case.cause,
        priority=case.priority,
        version=case.version,
        held=case.held,
        opened_at=utc(case.opened_ms),
        answered_at=_moment(case.answered_ms),
        resolved_at=_moment(case.resolved_ms),
        outcome=case.outcome,
        reopened=case.reopened,
        alarms=[_alarm_view(each) for each in case.alarms],
    )


def _alarm_view(alarm: CaseAlarm) -> AlarmView:
    same = ("alarm", "kind", "priority", "sensor", "location", "person", "test", "silent", "found", "stage")
    return AlarmView(
        **{name: getattr(alarm, name) for name in same},
        cancelled=alarm.cancelled,
        triggers=alarm.triggers,
        raised_at=utc(alarm.raised_ms),
        arrived_at=utc(alarm.arrived_ms),
        answered_at=_moment(alarm.answered_ms),
    )


def story_view(story: list[Entry]) -> list[StoryView]:
    """Show what happened to a case, without what was written and by whom."""
    shown: list[StoryView] = []
    state: State = "new"
    for entry in story:
        state = next((each.after for each in entry.changes if each.field == "state"), state)
        event = entry.event
        by = "operator" if isinstance(event, Act) else "hub" if isinstance(event, Heard) else "centre"
        what = f"alarm.{event.what}" if isinstance(event, Heard) else str(event.__struct_config__.tag)
        shown.append(StoryView(version=entry.version, at=utc(event.at_ms), by=by, what=what, state=state))
    return shown


def _moment(ms: int | None) -> str | None:
    return None if ms is None else utc(ms)
