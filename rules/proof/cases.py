"""What may go wrong while somebody needs help: every case that a plan is played through."""

from typing import Literal

from msgspec.structs import replace

from rules.events import Config
from rules.plan import Plan
from rules.proof.values import Fittings
from rules.values import Value

LineState = Literal["up", "down", "half-open", "lying"]
Upset = Literal["", "restart", "reboot"]
Forgets = Literal["", "centre", "home", "contact"]

DEAF = "no-line+modem-down"
"""Nobody hears anything: here every step of every ladder has its turn, unless it never can."""


class Case(Value, frozen=True, kw_only=True):
    """What is broken. `line` is how the line named first is, or all of them (`every_line`).

    `router_ms`: the mains is off, and the lines through the router end so long after the trigger; the hub ends after
    `hub_ms`. `upset` is what happens to the hub itself, at moments that the player chooses. `forgets` is who takes the
    alarm and then forgets it: the case is about who comes next.
    """

    name: str
    faults: int = 1
    line: LineState = "up"
    every_line: bool = False
    centre: Literal["answers", "idle", "silent"] = "answers"
    modem: bool = True
    router_ms: int | None = None
    hub_ms: int | None = None
    upset: Upset = ""
    forgets: tuple[Forgets, ...] = ("",)


def cases(plan: Plan, config: Config, fittings: Fittings) -> tuple[Case, ...]:
    """Give every case, single faults first."""
    cut = plan.power_cut
    dark = Case(name="mains-off", router_ms=0, hub_ms=max(0, cut.hub_ms - cut.router_ms))
    router_on = Case(name="mains-off-router-on", router_ms=cut.router_ms, hub_ms=cut.hub_ms)
    several = len(config.uplinks) > 1
    no_line = Case(name="no-line", faults=1 + several, line="down", every_line=True)
    deaf = replace(no_line, name=DEAF, faults=2 + several, modem=False)
    found = (
        Case(name="all-well", faults=0),
        Case(name="line-down", line="down"),
        Case(name="half-open", line="half-open"),
        Case(name="line-lying", line="lying"),
        Case(name="centre-silent", centre="silent"),
        Case(name="centre-idle", centre="idle"),
        Case(name="modem-down", modem=False),
        dark,
        *((router_on,) if cut.router_ms else ()),
        Case(name="restarted", upset="restart"),
        Case(name="rebooted", upset="reboot"),
        Case(name="forgotten", forgets=("centre", "home")),
        *((no_line,) if several else ()),
        *(replace(no_line, name=f"no-line+{word}", faults=2 + several, upset=upset) for word, upset in _UPSETS),
        replace(no_line, name="no-line+forgotten", faults=2 + several, forgets=("contact",)),
        deaf,
        Case(name="centre-silent+modem-down", faults=2, centre="silent", modem=False),
        Case(name="centre-idle+modem-down", faults=2, centre="idle", modem=False),
        replace(dark, name="mains-off+modem-down", faults=2, modem=False),
    )
    return found if fittings.modem else tuple(replace(case, modem=False) for case in found)


_UPSETS: tuple[tuple[str, Upset], ...] = (("restarted", "restart"), ("rebooted", "reboot"))

WORDS = {
    "all-well": "all is well",
    "line-down": "the line is down",
    "half-open": "the line is half open, then mends",
    "line-lying": "the line lies for ever",
    "centre-silent": "the centre gives no receipt",
    "centre-idle": "the centre has it, and nobody acts",
    "modem-down": "the modem is down",
    "mains-off": "power cut, the router is dark",
    "mains-off-router-on": "power cut, the router goes on",
    "restarted": "the hub restarts at each step",
    "rebooted": "the hub reboots at each step",
    "forgotten": "taken, then forgotten: who is next",
    "no-line": "every line is down",
    "no-line+restarted": "no line, restarts at each step",
    "no-line+rebooted": "no line, reboots at each step",
    "no-line+forgotten": "no line, a contact forgets it",
    DEAF: "no line, the modem is down",
    "centre-silent+modem-down": "no receipt, the modem is down",
    "centre-idle+modem-down": "nobody acts, the modem is down",
    "mains-off+modem-down": "power cut, the modem is down",
}
"""Each case for people."""
