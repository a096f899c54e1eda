"""What the screen shows at a moment, as plain words, made from the world. No terminal in it."""

from msgspec import Struct

from simulators.demo.senses import Senses
from simulators.demo.story import told, when
from simulators.demo.words import ALERT, CHIRPS, LAMPS, TONES
from simulators.demo.world import World

CHIRP_SHOWN_MS = 1_500
"""How long the words of a short sound stay."""

SAID_SHOWN_MS = 3_000
"""How long words stay at least."""

STEPS = 200
"""More lines than any screen has."""


class LampShown(Struct, frozen=True):
    """A lamp: whether it is lit at this very moment, and what its rhythm means."""

    name: str
    lit: bool
    words: str


class Happened(Struct, frozen=True):
    """A line of the time-line."""

    when: str
    who: str
    words: str


class Picture(Struct, frozen=True, kw_only=True):
    """Everything on the screen but what never changes. Equal pictures look the same."""

    lamps: tuple[LampShown, ...]
    sound: str
    said: str
    loud: bool
    flat: str
    cases: tuple[tuple[str, str, bool], ...]
    hub: tuple[str, bool]
    line: tuple[str, bool]
    centre: tuple[str, bool]
    outbox: int | None
    steps: tuple[Happened, ...]


def take(world: World, since: int) -> Picture:
    """Take a picture of the world now; its steps begin at place `since` of the story."""
    now_ms, running = world.now_ms(), world.flat.hub.running
    status = world.status if running else None
    armed = running and status is not None
    up = status.links[0].up if status is not None else None
    silent = world.centre.faults.silent
    loud = world.senses.siren.lit or world.senses.ear.tone != "none"
    return Picture(
        lamps=(
            *(LampShown(name.upper(), lamp.lit, LAMPS[name, lamp.rhythm]) for name, lamp in world.senses.lamps.items()),
            LampShown("ALERT", world.senses.alert.lit, ALERT[world.senses.alert.alert]),
        ),
        sound=_sound(world.senses, now_ms) if running else "the box is off: no light, no sound",
        said=_said(world, now_ms) if running else "",
        loud=loud,
        flat=_flat(world),
        cases=tuple(
            (case.name, case.note or f"new, {(now_ms - case.since_ms) // 1000} s", case.stage == "new")
            for case in world.desk.cases.values()
        ),
        hub=("runs" if armed else "starting" if running else "DEAD", armed),
        line=("CUT" if world.line_cut else "up" if up else "connecting", bool(up) and not world.line_cut),
        centre=("SILENT" if silent else "answers", not silent),
        outbox=None if status is None else sum(status.outbox.values()),
        steps=(
            Happened("", "", "All is ready and quiet. Press p: it presses the pendant."),
            *(
                Happened(when(step), step.who, step.text)
                for step in told(world.story.steps(max(since, len(world.story) - STEPS)))
            ),
        ),
    )


def _sound(senses: Senses, now_ms: int) -> str:
    if senses.siren.lit:
        return "THE SIREN"
    chirp = senses.ear.chirp
    if chirp is not None and now_ms - chirp.ms < CHIRP_SHOWN_MS:
        return CHIRPS[chirp.key]
    return TONES[senses.ear.tone]


def _said(world: World, now_ms: int) -> str:
    said = world.said
    if said is None or now_ms - said.ms > max(said.lasts_ms, SAID_SHOWN_MS):
        return ""
    return f'"{said.words}"'


def _flat(world: World) -> str:
    said = []
    if world.flat.radar.fallen:
        said.append("the resident lies on the bathroom floor")
    if world.wet:
        said.append("the kitchen floor is wet")
    return ", ".join(said)
