"""What the rules want done. Plain values: the agent carries them out after the commit (S1)."""

from typing import Literal

from rules.reports import CheckIn, Lane, Report
from rules.values import Value, kebab

ChirpName = Literal[
    "heard",
    "cancelled",
    "nothing-to-cancel",
    "arrived",
    "someone-has-it",
    "resolved",
    "lapsed",
    "locate",
    "attention",
    "reminder",
    "message",
    "taken",
    "later",
]

PromptName = Literal[
    "medication",
    "appointment-tomorrow",
    "appointment",
    "drink",
    "weigh",
    "other",
    "message",
    "missed",
    "no-information",
]
"""What is said of a reminder or message, beside its own text or in its place."""


What = Literal["alarm", "taken", "yours", "over", "not-understood"]
"""What a text is about: help is needed; somebody else goes; you go; it is over; your answer could not be used."""


class Action(Value, frozen=True, tag_field="action", tag=kebab):
    """Something to do."""


class Send(Action, frozen=True):
    """Put a report in the outbox under an id that is now its own for ever, and deliver it until receipted (S2)."""

    epoch: str
    lane: Lane
    seq: int
    wall_ms: int
    report: Report

    @property
    def id(self) -> str:
        """The event's id on the wire: `{epoch}-{lane}-{seq}`."""
        return f"{self.epoch}-{self.lane}-{self.seq}"


class SendCheckIn(Action, frozen=True):
    """Tell the centre we live. Not kept: a check-in that cannot go now is pointless later."""

    id: str
    seq: int
    wall_ms: int
    report: CheckIn


class Settle(Action, frozen=True):
    """The centre has this event: it may leave the outbox (S2)."""

    ref: str


class Postpone(Action, frozen=True):
    """The centre cannot keep this event yet: offer it again after `after_ms`."""

    ref: str
    after_ms: int


class Reject(Action, frozen=True):
    """The centre will never take this event: stop offering it, keep it, let the lane go on."""

    ref: str


class Resend(Action, frozen=True):
    """Offer the rows `first` to `last` of an epoch's lane again: the centre says it lacks them."""

    epoch: str
    lane: Literal["a", "t"]
    first: int
    last: int


class Chirp(Action, frozen=True):
    """A short sound, once. `early` ones may sound before the commit (S1): they promise nothing but attention."""

    name: ChirpName
    early: bool = False


class Say(Action, frozen=True):
    """Say something, once: the text with the reference `text`, if there is one, and what `prompt` is about.

    `person` is whom it is for (a reference): they are spoken to in their language. `message` is the message whose text
    it is; without one `text` is the care plan's.
    """

    text: str = ""
    prompt: PromptName | None = None
    person: str = ""
    message: str = ""


class SendText(Action, frozen=True):
    """Send a text to a contact until it succeeds or is told otherwise; the outcome comes back as an event.

    The number is found by `contact` in the care plan `plan_version` that the alarm began with, else in today's.
    """

    text: str
    contact: str
    plan_version: int
    language: str
    what: What
    kind: str
    test: bool
    code: int


class PublishState(Action, frozen=True):
    """Publish the state document now, because the centre asked."""


class Restart(Action, frozen=True):
    """Stop in good order, and start anew (S10)."""


AnyAction = Send | SendCheckIn | Settle | Postpone | Reject | Resend | Chirp | Say | SendText | PublishState | Restart
"""The union of all actions."""
