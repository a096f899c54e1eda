"""What a card tells of one home: the buttons and lights it has, and what a power cut does to it.

S11: of a configuration or a plan only durations are printed; all else chooses which phrases stand on the card.
"""

from typing import Literal

from agent.config import HubConfig
from agent.plan.hub import fittings
from rules.kinds import Kind
from rules.plan import Plan, kind_of
from rules.values import Value

Means = Literal["pendant", "pull-cord", "button", "call"]
Lamp = Literal["cancel", "calling", "through", "arrived", "someone", "prompt", "fault", "flash"]
"""`through`: the call light, when the call has arrived and no light of its own says so."""

_WORN: tuple[Means, ...] = ("pendant", "pull-cord", "button")
"""Kinds of sensor that somebody presses or pulls in the open. A hidden button is never on a card: it hangs where
whoever it is meant against can read it (S1)."""


class Home(Value, frozen=True, kw_only=True):
    """One home, as far as its card goes.

    `calls`: how one calls for help. `cancel_s`: how long one may take it back (0: it is sent at once, and cancelled
    afterwards), None without a cancel button. `answer`: the button that answers a reminder (`reminders`) or a message.
    `helper`: there is a button for "help has arrived". `sound`: the hub makes sounds. `hub_min`: how long it lasts in a
    power cut, None when nobody said, and `line_min`: how long it can call meanwhile, None as long as it lasts.
    """

    calls: tuple[Means, ...]
    cancel_s: int | None = None
    answer: Literal["answer", "cancel"] | None = None
    reminders: bool = False
    helper: bool = False
    lamps: tuple[Lamp, ...] = ()
    sound: bool = False
    hub_min: int | None = None
    line_min: int | None = None


def home_of(config: HubConfig, plan: Plan | None, person: str = "") -> Home:
    """Give what the card of a home must tell; with `person`, only of what is theirs, or nobody's in particular."""
    ruled = plan or Plan()
    buttons = frozenset[str](config.buttons.by_name)
    parts = frozenset(config.outputs.by_part) if config.outputs is not None else frozenset[str]()
    calls = _calls(config, ruled, person, buttons)
    cancel_s = _cancel_s(config, ruled, calls) if "cancel" in buttons else None
    reminders = any(not person or each.person in ("", person) for each in ruled.reminders)
    return Home(
        calls=calls,
        cancel_s=cancel_s,
        answer=_answer(buttons, reminders=reminders),
        reminders=reminders,
        helper="arrived" in buttons,
        lamps=_lamps(parts, ruled, cancel=bool(cancel_s)),
        sound="sounder" in parts or config.sound is not None,
        hub_min=None if plan is None else plan.power_cut.hub_ms // 60_000,
        line_min=_line_min(config, ruled),
    )


def _calls(config: HubConfig, plan: Plan, person: str, buttons: frozenset[str]) -> tuple[Means, ...]:
    theirs = {each.kind for each in config.sensors if not person or each.person in ("", person)}
    found: list[Means] = [each for each in _WORN if each in theirs]
    if "call" in buttons:
        found.append("call")
    return tuple(each for each in found if not _kind(config, plan, each).silent)  # S1


def _kind(config: HubConfig, plan: Plan, means: Means) -> Kind:
    return kind_of(plan, config.kinds, "button" if means == "call" else means)


def _cancel_s(config: HubConfig, plan: Plan, calls: tuple[Means, ...]) -> int:
    """Give the shortest of the windows: a card may not promise more time than there is."""
    return min((_kind(config, plan, each).cancel_ms for each in calls), default=0) // 1_000


def _answer(buttons: frozenset[str], *, reminders: bool) -> Literal["answer", "cancel"] | None:
    """Give the button that answers. A cancel button does too, which is worth a line only if there are reminders."""
    if "answer" in buttons:
        return "answer"
    return "cancel" if reminders and "cancel" in buttons else None


def _lamps(parts: frozenset[str], plan: Plan, *, cancel: bool) -> tuple[Lamp, ...]:
    switched = any(step.means == "light" for ladder in plan.ladders for step in ladder.steps)
    there: dict[Lamp, bool] = {
        "cancel": "call" in parts and cancel,
        "calling": "call" in parts,
        "through": "call" in parts and "arrived" not in parts,
        "arrived": "arrived" in parts,
        "someone": "someone" in parts,
        "prompt": "prompt" in parts,
        "fault": "fault" in parts,
        "flash": "alert" in parts or ("beacon" in parts and switched),
    }
    return tuple(lamp for lamp, is_there in there.items() if is_there)


def _line_min(config: HubConfig, plan: Plan) -> int | None:
    """Give how long the hub can call in a power cut, in minutes; None: as long as it lasts itself."""
    fitted = fittings(config)
    cut = plan.power_cut
    if fitted.own_lines or cut.router_ms >= cut.hub_ms:
        return None
    if fitted.modem and any(step.means == "sms" for ladder in plan.ladders for step in ladder.steps):
        return None  # texts need no router
    return cut.router_ms // 60_000
