"""A judge of one promise: told of all that happens, it says when the promise is broken. Judges change nothing."""

from collections import Counter
from collections.abc import Callable
from typing import NamedTuple, Protocol

import msgspec

from agent.wire.messages import CloudEvent
from centre.intake import Outcome
from rules.actions import Action
from rules.events import Event
from rules.plan import Plan
from rules.state import House
from rules.values import Now
from simulators.world.box import Box, Watcher
from simulators.world.centre import Centre
from simulators.world.household import Device
from simulators.world.line import Line
from simulators.world.link import WorldLink


class Stimulus(msgspec.Struct):
    """Somebody or something asked for help, and the hub's ears heard it. `ms` is on the clock of `boot`."""

    at_ms: int
    device: Device
    boot: str
    ms: int
    process: object
    first: bool = True
    """Whether it was not a radio's repeat of one just before."""
    durable: bool = False
    told: int = 0
    """How many reports at the centre speak of it."""
    told_max: int = 1
    standing: bool = False
    """A level that the hub may take for one that it knows already."""


class Stepped(NamedTuple):
    """One durable event, stepped again: the house before and after it, and what it had the hub do.

    These make one history, whatever died in between: what was acted on and never reached the disk is not in it.
    """

    now: Now
    event: Event
    before: House
    after: House
    actions: tuple[Action, ...]


class Scene(Protocol):
    """What judges may look at."""

    box: Box
    centre: Centre
    line: Line
    counted: Counter[str]
    plan: Plan
    """The newest care plan that was offered to the hub; the empty one before any was."""

    def now_ms(self) -> int:
        """Give the world's time."""

    def later(self, after_ms: float, check: Callable[[], None]) -> None:
        """Look again later."""

    def broken(self, judge: "Judge", what: str) -> None:
        """Say that a promise is broken."""

    @property
    def house(self) -> House:
        """Give the house as the hub knows it."""

    @property
    def line_well_ms(self) -> int:
        """Give since when the way to the centre has been open and honest; far in the future while it is not."""

    def well_ms(self, *what: str) -> int:
        """Give since when all of these incidents have been over; far in the future while one is not."""

    def ill_ms(self, *what: str) -> int:
        """Give since when one of these incidents has lasted; far in the future while none does."""

    disk_since_ms: int
    """When the disk last became well."""

    @property
    def disk_well_ms(self) -> int:
        """Give since when the disk has been well, likewise."""


class Judge(Watcher):
    """The base: hears everything, minds nothing."""

    name = ""
    """The promise in a few words, with its rule."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    def broken(self, what: str) -> None:
        """Say that the promise is broken."""
        self.scene.broken(self, what)

    def stimulus(self, stimulus: Stimulus) -> None:
        """Somebody asked for help, and was heard."""

    def cancelled(self) -> None:
        """The resident pressed cancel."""

    def journalled(self, now: Now, event: Event) -> None:
        """An event is durable."""

    def stepped(self, step: Stepped) -> None:
        """A durable event was stepped again."""

    def forgot(self) -> None:
        """The hub could not read its house, and began with an empty one: its history begins anew."""

    def row_kept(self, ref: str, rank: int, digest: str) -> None:
        """An outbox row is durable."""

    def kept(self, outcome: Outcome) -> None:
        """The centre judged a message."""

    def link_up(self, link: WorldLink) -> None:
        """The hub's link is connected."""

    def published(self, link: WorldLink, event: CloudEvent) -> None:
        """The hub publishes an event."""

    def incident(self, what: str, ms: int) -> None:
        """Something breaks, for so long."""

    def settled(self) -> None:
        """Every fault has ended, and the world had time to come to rest."""
