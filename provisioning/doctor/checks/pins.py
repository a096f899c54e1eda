"""Are the board's pins there, and may the hub use them? Opens none: another program may hold them."""

import importlib.util
from collections.abc import Iterable, Iterator

import msgspec

from provisioning.doctor.access import group_name
from provisioning.doctor.finding import Check, Finding, skipped, well, wrong
from provisioning.doctor.scene import Scene


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """`factory` is "" where no pin is used. `chips` are the boards' pin chips, `usable` those that the hub may open."""

    factory: str
    user: str = ""
    library: bool = True
    chips: tuple[str, ...] = ()
    usable: tuple[str, ...] = ()
    group: str = ""


def judge(facts: Facts) -> Iterator[Finding]:
    """Say whether the hub can reach its pins."""
    if not facts.factory:
        yield skipped("pins", "this hub uses none")
    elif facts.factory == "mock":
        yield skipped("pins", "pretended ones, by [pins] factory")
    elif not facts.library:
        yield wrong("pins", "the library lgpio is missing", "install lgpio, or adafruit-lgpio from Python 3.13 on")
    elif not facts.chips:
        remedy = 'is this a Raspberry Pi? Without pins, set outputs = "log" and remove [buttons]'
        yield wrong("pins", "this machine has no /dev/gpiochip", remedy)
    elif not facts.usable:
        group = facts.group or "gpio"
        remedy = f"sudo usermod -aG {group} {facts.user}, then restart the hub"
        yield wrong("pins", f"the hub's user {facts.user} may not open {facts.chips[0]}", remedy)
    else:
        yield well("pins", f"{facts.usable[0]}: the hub may use it")


def probe(scene: Scene) -> Facts:
    """Look for the pin chips."""
    config = scene.config
    if config is None or config.pins != "lgpio":
        return Facts(factory=(config.pins or "") if config else "")
    chips = sorted((scene.root / "dev").glob("gpiochip*"))
    states = {chip: chip.stat() for chip in chips}
    return Facts(
        factory="lgpio",
        user=scene.user.name,
        library=importlib.util.find_spec("lgpio") is not None,
        chips=tuple(map(str, chips)),
        usable=tuple(str(chip) for chip, state in states.items() if scene.user.may(state)),
        group=group_name(states[chips[0]].st_gid) if chips else "",
    )


def _look(scene: Scene) -> Iterable[Finding]:
    return judge(probe(scene))


CHECK = Check("pins", "Pins", _look)
