"""The days that the power-cut trial lives through: one written down, and as many by dice as wanted."""

import random
from collections.abc import Callable

from agent.store.retention import Limits
from rules.events import (
    CallPressed,
    CancelPressed,
    Cleared,
    ClockChanged,
    Heard,
    HelpArrived,
    LinkDown,
    LinkUp,
    Measured,
    ReceiptResult,
    Triggered,
)
from simulators.trials.powercut.home import Household


def scripted_day(home: Household) -> None:
    """Live through a day in which about everything happens that the store has a part in."""
    home.at("00:00:30").starts()
    home.happens(LinkUp("main"))
    home.is_answered()
    _by_mistake(home)
    _flood_and_a_busy_centre(home)
    _no_line(home)
    _restarts(home)
    home.power_fails()
    home.starts()
    home.happens(LinkUp("main"))
    _evening(home)
    home.stops()


def _by_mistake(home: Household) -> None:
    home.at("07:30:00").presses("pendant-1").after(4).happens(CancelPressed())
    home.is_answered()
    home.at("07:40:00").happens(Heard("fall-1"), Measured("flood-1", "battery", 84.0, "%"))
    home.is_answered()


def _flood_and_a_busy_centre(home: Household) -> None:
    home.at("08:15:00").happens(Triggered("flood-1", "wet", sustained=True))
    home.is_answered("retry").after(12)  # its store is down: the alarm waits, and the ladder begins
    home.is_answered()
    home.commands("acknowledge", alarm=home.newest("flood"))
    home.happens(Cleared("flood-1"))
    home.commands("resolve", alarm=home.newest("flood"), outcome="a tap left running")
    home.checkpoints()
    home.is_answered()
    home.happens(Triggered("door-1", "press"))
    home.is_answered("rejected")


def _no_line(home: Household) -> None:
    home.at("10:00:00").happens(LinkDown("main", "keepalive"))
    home.presses("pendant-2").after(11)
    home.presses("cord-1").happens(Triggered("fall-1", "fall"), CallPressed())
    home.after(31)
    for level in range(12):
        home.happens(Measured("flood-1", "temperature", 19.0 + level, "Cel"), Heard("smoke-1"))
    home.tidies()  # more readings than may wait: some are named, and leave with their report
    home.at("10:40:00").happens(LinkUp("main"))
    for _ in range(3):
        home.is_answered(most=7)  # some events, not all: the line comes and goes
    home.tidies()
    home.happens(HelpArrived())
    home.is_answered("conflict", most=1).is_answered()
    home.commands("resend", epoch=home.epoch, lane="a", **{"from": 1, "to": 60})


def _restarts(home: Household) -> None:
    home.at("13:00:00").presses("pendant-1").after(3)
    home.is_killed()  # in the middle of a cancel window
    home.starts()
    home.after(8)
    home.happens(LinkUp("main"))
    home.is_answered()
    home.is_killed_in(Triggered("fall-1", "fall"))  # between the writes of its commit and their sync
    home.starts()
    home.restarts()
    home.happens(LinkUp("main"))
    home.checkpoints()
    home.presses("cord-1")  # pending when the power fails


def _evening(home: Household) -> None:
    home.at("00:05:00").happens(ClockChanged(synced=True), Triggered("smoke-1", "smoke", sustained=True))
    home.is_answered()
    home.commands("acknowledge", alarm=home.newest("smoke"))
    home.happens(Cleared("smoke-1"))
    home.commands("resolve", alarm=home.newest("smoke"), outcome="toast")
    home.commands("test")
    home.is_answered()
    home.tidies()


def random_day(home: Household, dice: random.Random, events: int) -> None:
    """Live through a day that nobody wrote down."""
    home.starts()
    sensors = ("pendant-1", "pendant-2", "cord-1", "fall-1", "smoke-1", "door-1", "flood-1")
    answers: tuple[ReceiptResult, ...] = ("accepted", "accepted", "retry", "rejected")
    deeds: dict[str, Callable[[], object]] = {
        "press": lambda: home.presses(dice.choice(sensors)),
        "wet": lambda: home.happens(Triggered("flood-1", "wet", sustained=True)),
        "dry": lambda: home.happens(Cleared("flood-1")),
        "read": lambda: home.happens(*[Measured("flood-1", "battery", dice.random(), "%")] * dice.randrange(9)),
        "cancel": lambda: home.happens(CancelPressed()),
        "help": lambda: home.happens(HelpArrived()),
        "up": lambda: home.happens(LinkUp("main")),
        "down": lambda: home.happens(LinkDown("main", "keepalive")),
        "answer": lambda: home.is_answered(dice.choice(answers), dice.randint(1, 64)),
        "wait": lambda: home.after(dice.choice((1, 11, 31))),
        "jump": lambda: home.sleeps(dice.uniform(1, 3_600)),
        "tidy": home.tidies,
        "checkpoint": home.checkpoints,
        "resend": lambda: home.commands("resend", epoch=home.epoch, lane=dice.choice("at"), **{"from": 1, "to": 20}),
        "restart": home.restarts,
    }
    often = (*deeds, *("press", "answer", "wait", "read") * 4)
    for _ in range(events):
        deed = dice.choice((*often, "kill", "cut"))
        if deed in deeds:
            deeds[deed]()
            continue
        if deed == "kill" and dice.random() < 1 / 2:
            home.is_killed_in(Triggered(dice.choice(sensors), "press"))
        elif deed == "kill":
            home.is_killed()
        else:
            home.power_fails()
        home.starts()


def outage(home: Household) -> None:
    """Live through a long outage: readings by the thousand, then answered, retired, and their space given back."""
    home.starts()
    home.examined = False
    for _ in range(8):
        home.happens(*(Measured("flood-1", "temperature", float(n), "y" * 400) for n in range(600)))
    home.happens(LinkUp("main"))
    home.is_answered(most=5_000)
    home.tidies(Limits(journal=10, receipted=10, work=100_000))
    home.examined = True
    pages = home.pages
    home.tidies()
    if home.pages >= pages:
        raise RuntimeError("no space was given back: the outage was too short to show anything")
    home.presses("smoke-1")
    home.checkpoints()
    home.tidies()
    home.is_answered()
