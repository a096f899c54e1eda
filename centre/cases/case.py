"""A case as a value: one home's alarms and what is being done about them. One table holds every lawful move."""

from typing import Literal

from msgspec.structs import replace

from rules.reports import Clock
from rules.values import Value

State = Literal["new", "taken", "in-progress", "waiting", "resolved"]
Cause = Literal["alarm", "silence", "outage", "unreadable", "unknown-hub", "conflict", "fault", "test"]
"""What a case is about. One of tests has the same life, and is listed apart: nobody is in need."""

Finding = Literal["silence", "outage", "unreadable", "unknown-hub", "conflict", "fault"]
"""What the centre finds by itself, and no hub has told as an alarm."""

MOMENTS: frozenset[str] = frozenset({"unreadable", "unknown-hub", "conflict"})
"""Findings that do not last: they are over when somebody has dealt with them, and the next is another."""

Stage = Literal["raised", "acknowledged", "resolved", "ended"]
"""Where an alarm stands at its hub, as the hub last said; `ended` is what the centre found and is over."""

Move = Literal["take", "begin", "wait", "hand-over", "let-go", "resolve", "close", "reopen"]
"""`close` is the centre's own: a home is back before anybody took its case; a test has ended at the hub."""

HELD: frozenset[State] = frozenset({"taken", "in-progress", "waiting"})
"""States in which somebody has the case."""

OVER: frozenset[Stage] = frozenset({"resolved", "ended"})

TRANSITIONS: dict[tuple[State, Move], State] = {
    ("new", "take"): "taken",
    ("taken", "take"): "taken",  # "I am here", or taken over from somebody
    ("in-progress", "take"): "in-progress",
    ("waiting", "take"): "waiting",
    ("taken", "begin"): "in-progress",
    ("in-progress", "begin"): "in-progress",
    ("waiting", "begin"): "in-progress",
    ("taken", "wait"): "waiting",
    ("in-progress", "wait"): "waiting",
    ("waiting", "wait"): "waiting",
    ("taken", "hand-over"): "taken",
    ("in-progress", "hand-over"): "in-progress",
    ("waiting", "hand-over"): "waiting",
    ("taken", "let-go"): "new",
    ("in-progress", "let-go"): "new",
    ("waiting", "let-go"): "new",
    ("taken", "resolve"): "resolved",
    ("in-progress", "resolve"): "resolved",
    ("waiting", "resolve"): "resolved",
    ("new", "close"): "resolved",
    ("taken", "close"): "resolved",
    ("in-progress", "close"): "resolved",
    ("waiting", "close"): "resolved",
    ("resolved", "reopen"): "new",
}


class CaseError(Exception):
    """What was asked of a case cannot be done; the text tells the operator why."""


class IllegalMoveError(CaseError):
    """The case's state does not allow this."""


class TakenError(CaseError):
    """Somebody else has the case. `owner` is who."""

    def __init__(self, owner: str) -> None:
        super().__init__(f"{owner} has this case" if owner else "nobody has this case: take it first")
        self.owner = owner


class UnseenError(CaseError):
    """Something came that was not on the operator's screen yet: the case cannot be closed over it."""


class WordsError(CaseError):
    """What was said lacks something, is too long, or is none of the words to choose from."""


def moved(state: State, move: Move) -> State:
    """Give the state after a move. Raises IllegalMoveError when the table does not have it."""
    try:
        return TRANSITIONS[state, move]
    except KeyError:
        raise IllegalMoveError(f"a case that is {state} cannot {move}") from None


class CaseAlarm(Value, frozen=True, kw_only=True):
    """One alarm in a case, or one thing that the centre found (`found`: no hub can be told about it).

    Times are the centre's Unix ms. `raised_ms` is when the hub says that it called, if its clock was synced; else, and
    for what the centre found, when it arrived. `stage`, `held_by` and `clock` are the hub's word: it is held by
    `centre`, `home`, or a contact (the reference). `cancelled`: the resident pressed cancel after it had been sent.
    `silent`: nothing at home may show it, so nobody may call back there.

    `unseen` since case version `version`: nobody has seen it, or its latest trigger, who has the case. `answered_ms` is
    when somebody first had. `told_ms` is when the hub was last told that somebody has it, None if it must be told.
    """

    alarm: str
    kind: str
    priority: int
    sensor: str = ""
    location: str = ""
    person: str = ""
    test: bool = False
    silent: bool = False
    found: bool = False
    text: str = ""
    raised_ms: int
    arrived_ms: int
    triggers: int = 1
    stage: Stage = "raised"
    held_by: str = ""
    cancelled: bool = False
    clock: Clock | None = None
    unseen: bool = True
    version: int
    answered_ms: int | None = None
    told_ms: int | None = None
    outcome: str = ""

    @property
    def key(self) -> str:
        """What it is looked up by among all of its hub: no hub can call an alarm as something found is called."""
        return f"{'found' if self.found else 'alarm'}:{self.alarm}"

    @property
    def over(self) -> bool:
        """Whether it has ended where it came from."""
        return self.stage in OVER


class Case(Value, frozen=True, kw_only=True):
    """One case. Times are the centre's Unix ms, None for not (or not now).

    `owner` is an operator's reference, empty exactly while nobody has it. `version` is 1 when it is opened, and rises
    by one with each change. `since_ms` is since when it has waited for somebody, if nobody has it. At `ask_ms` its
    owner is asked for a word, at `free_ms` it goes back to the queue without one. `taken_ms` is when the owner took it,
    `answered_ms` when anybody first did. `refs` are the latest events taken, so that none counts twice (S4).
    """

    id: str
    hub: str
    state: State = "new"
    cause: Cause = "alarm"
    priority: int = 4
    owner: str = ""
    version: int = 0
    opened_ms: int
    since_ms: int
    taken_ms: int | None = None
    answered_ms: int | None = None
    resolved_ms: int | None = None
    ask_ms: int | None = None
    free_ms: int | None = None
    waiting_for: str = ""
    until_ms: int | None = None
    outcome: str = ""
    reopened: int = 0
    alarms: tuple[CaseAlarm, ...] = ()
    refs: tuple[str, ...] = ()

    @property
    def open(self) -> bool:
        """Whether anything is left to do."""
        return self.state != "resolved"

    @property
    def held(self) -> bool:
        """Whether somebody has it."""
        return self.state in HELD

    @property
    def unseen(self) -> bool:
        """Whether it has an alarm that nobody has seen who has the case."""
        return any(each.unseen for each in self.alarms)

    @property
    def silent(self) -> bool:
        """Whether calling back could betray the caller: any of its alarms is a silent one."""
        return any(each.silent and not each.test for each in self.alarms)

    @property
    def keys(self) -> tuple[str, ...]:
        """What it is looked up by: its hub's alarms for ever, what was found while it stands. In one open case each."""
        return tuple(each.key for each in self.alarms if not (each.found and each.over))

    @property
    def last_ms(self) -> int:
        """When its latest alarm arrived."""
        return max((each.arrived_ms for each in self.alarms), default=self.opened_ms)

    def alarm(self, alarm: str, *, found: bool = False) -> CaseAlarm | None:
        """Give an alarm of it, or what was found under this name."""
        return next((each for each in self.alarms if (each.alarm, each.found) == (alarm, found)), None)

    def with_alarm(self, changed: CaseAlarm) -> "Case":
        """Give the case with an alarm as it is now, or a further one."""
        key = (changed.alarm, changed.found)
        if self.alarm(changed.alarm, found=changed.found) is None:
            return replace(self, alarms=(*self.alarms, changed))
        return replace(self, alarms=tuple(changed if (each.alarm, each.found) == key else each for each in self.alarms))
