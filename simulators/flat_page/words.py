"""What the resident says of what they see and hear: in their own words, a line each, to be read or read out."""

from collections.abc import Mapping
from typing import NamedTuple

from simulators.demo.story import Step

OWN: Mapping[str, str] = {
    "chirp:heard": "One pip. It has heard me.",
    "chirp:cancelled": "A long note, then a low one. Cancelled: nobody is called.",
    "chirp:nothing-to-cancel": "Two low pips. There was nothing to cancel.",
    "chirp:arrived": "Three rising notes! My call has arrived.",
    "chirp:someone-has-it": "Two long rising notes. A person has taken it on.",
    "chirp:resolved": "Three long falling notes. It is over.",
    "chirp:lapsed": "A long low note, two short ones. It calls again, by itself.",
    "chirp:attention": "Two pairs of notes. The box has something to tell me.",
    "chirp:reminder": "Long, short, long. It is time for something.",
    "chirp:message": "Short, long, short, long. There is a message for me.",
    "chirp:taken": "A short note, a higher long one. It has heard my answer.",
    "chirp:later": "A falling row of notes. Later, then.",
    "tone:pending": "It ticks like a clock. If it was a mistake, I can still press cancel.",
    "tone:calling": "It rings, like a telephone at the other end. It is calling.",
    "tone:no-line": "The busy tone. It does not get through yet; it goes on trying.",
    "tone:waiting": "A calm double pip. They have my call; nobody has taken it yet.",
    "lamp:arrived:on": "The ARRIVED lamp is on. The centre has my call.",
    "lamp:someone:on": "The SOMEONE lamp is on. A person is dealing with it.",
    "lamp:prompt:slow": "The PROMPT lamp blinks slowly. It waits for my answer.",
    "lamp:prompt:on": "The PROMPT lamp shines. There is a message for me.",
    "lamp:fault:lit": "The FAULT lamp is on. Something needs looking after; I need do nothing.",
    "lamp:fault:off": "The FAULT lamp is out. All is well again.",
    "siren:on": "The siren! A minute has gone by, and nobody has my call. The neighbours can hear it.",
    "siren:off": "The siren has stopped.",
    "dark": "The lamps of my call are out.",
    "you:up": "I get up again.",
    "you:hold": "The neighbour holds “help has arrived” for three seconds.",
    "you:later": "I hold the button with the tick, for three seconds: not now.",
    "you:answer": "I press the button with the tick: yes.",
}
"""What a sign means to whoever lives there. Those that are not here come with others, or are told by the time-line."""


def own(step: Step) -> str:
    """Give what the resident says of a step; "" for what they do not notice, or need not say."""
    if step.who == "you":
        return OWN.get(step.key, f"I {step.text}.") if step.text else ""
    if step.key.startswith("says:"):
        return f"The box {step.text}"
    return OWN.get(step.key, "") if step.who == "home" else ""


class Try(NamedTuple):
    """Something to try: what to do, and the keys of the steps that show, in this order, that it went as it should."""

    title: str
    how: str
    keys: tuple[str, ...]
    ours: bool = False
    """Only where the centre is this flat's own."""


TRIES: tuple[Try, ...] = (
    Try(
        "Call for help",
        "Press the pendant (p). The box ticks: there is time to cancel. Then it calls. Take the alarm at the centre,"
        " and watch the home hear of it.",
        ("you:call", "lamp:arrived:on", "lamp:someone:on"),
    ),
    Try(
        "Oh dear, a mistake", "Press the pendant (p), then Cancel (x) while it ticks.", ("you:call", "chirp:cancelled")
    ),
    Try(
        "No line",
        "Cut the line (l), then fall (f). Hear the busy tone. Mend the line (l): the call arrives.",
        ("line:cut", "tone:no-line", "line:restored", "lamp:arrived:on"),
    ),
    Try(
        "The box dies",
        "Press the pendant (p), and kill the box (k) before it has called. It starts again, and calls.",
        ("you:call", "hub:killed", "lamp:arrived:on"),
    ),
    Try(
        "No mains",
        "Pull the plug (o), and press the pendant (p): the battery calls as well.",
        ("hub:unplugged", "you:call", "lamp:arrived:on"),
    ),
    Try(
        "Nobody answers",
        "Freeze the centre (s), and let the sink run over (w). After a minute the siren calls the neighbours. Wake the"
        " centre (s).",
        ("centre:asleep", "siren:on", "centre:awake", "lamp:arrived:on"),
        ours=True,
    ),
)
"""What a visitor should see, in this order."""
