"""What the page shows at a moment, made from the world: equal values look the same. No web in it."""

from msgspec import Struct

from simulators.demo.picture import CHIRP_SHOWN_MS
from simulators.demo.senses import Rhythm, Senses
from simulators.demo.story import Step, when
from simulators.demo.words import ALERT, CHIRPS, LAMPS, TONES
from simulators.demo.world import World
from simulators.flat_page.words import own

_DEAD = "dark: the box is dead"


class Lamp(Struct, frozen=True):
    """A lamp of the box: whether it is lit at this very moment, its rhythm, and what that means."""

    lit: bool
    rhythm: Rhythm
    words: str


class Open(Struct, frozen=True):
    """An open alarm, as the simulated centre has it."""

    name: str
    note: str
    new: bool


class Shown(Struct, frozen=True, kw_only=True):
    """The page's state. `hub` is runs, starting or dead; `line` up, cut, connecting, or off: the box is.

    `outbox` counts what waits for the centre's receipt; None: the box does not say. `alarm` is the centre's: none, new
    or taken.
    """

    lamps: dict[str, Lamp]
    alert: Lamp
    siren: bool
    tone: str
    sound: str
    hub: str
    line: str
    line_cut: bool
    plugged: bool
    power: str
    silent: bool
    fallen: bool
    wet: bool
    smoky: bool
    calling: bool
    alarm: str
    outbox: int | None
    simulated: bool
    cases: tuple[Open, ...]


class Told(Struct, frozen=True):
    """A step of the story: its number, its moment (boot-relative ms), the time since the call, who, what, own words."""

    number: int
    ms: int
    when: str
    who: str
    key: str
    words: str
    own: str


def shown(world: World) -> Shown:
    """Give the page's state now."""
    senses, running = world.senses, world.flat.hub.running
    status = world.status if running else None
    up = status.links[0].up if status is not None else None
    now_ms = world.now_ms()
    said = world.said
    speaks = said is not None and said.aloud and now_ms - said.ms <= said.lasts_ms
    lamps, cases = senses.lamps.items(), world.desk.cases.values()
    return Shown(
        lamps={
            name: Lamp(lamp.lit, lamp.rhythm, LAMPS[name, lamp.rhythm] if running else _DEAD) for name, lamp in lamps
        },
        alert=Lamp(senses.alert.lit, "off" if senses.alert.alert == "none" else "on", ALERT[senses.alert.alert]),
        siren=senses.siren.lit,
        tone=senses.ear.tone,
        sound=("the box, speaking" if speaks else _sound(senses, now_ms)) if running else "nothing: the box is off",
        hub="runs" if status is not None else "starting" if running else "dead",
        line="cut" if world.line_cut else "off" if status is None else "up" if up else "connecting",
        line_cut=world.line_cut,
        plugged=world.luck.plugged,
        power="mains" if world.luck.plugged else "battery",
        silent=world.silent,
        fallen=world.flat.radar.fallen,
        wet=world.wet,
        smoky=world.smoky,
        calling=bool(not senses.quiet or (cases and not running)) and not senses.lamps["someone"].lit,
        alarm=_alarm(world),
        outbox=None if status is None else sum(status.outbox.values()),
        simulated=world.far_end is None,
        cases=tuple(Open(case.name, case.note or "new, nobody has it", case.stage == "new") for case in cases),
    )


def _alarm(world: World) -> str:
    """Give how far the centre is with the call; a centre elsewhere says so by the box's lamps, and by them alone."""
    if world.far_end is not None and not world.far_end.ours:
        arrived, someone = (world.senses.lamps[name].rhythm != "off" for name in ("arrived", "someone"))
        return "taken" if someone else "new" if arrived else "none"
    cases = world.desk.cases.values()
    return "new" if any(case.stage == "new" for case in cases) else "taken" if cases else "none"


def _sound(senses: Senses, now_ms: int) -> str:
    if senses.siren.lit:
        return "THE SIREN"
    chirp = senses.ear.chirp
    if chirp is not None and now_ms - chirp.ms < CHIRP_SHOWN_MS:
        return CHIRPS[chirp.key]
    return TONES[senses.ear.tone]


def told(number: int, step: Step) -> Told:
    """Give what the page is told of a step."""
    return Told(number, step.ms, when(step), step.who, step.key, step.text, own(step))
