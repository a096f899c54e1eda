"""Plans to begin with: those that are shipped, and a plain one made for what a home's box has."""

from functools import cache
from importlib.resources import files

from centre.console.plan_review import Known
from rules.values import Value


class Sample(Value, frozen=True, kw_only=True):
    """A plan to begin with: `about` is what its file says of the people that it is for."""

    name: str
    title: str
    about: str
    text: str


_SHIPPED = {
    "alone": "Somebody who lives alone",
    "couple": "A couple",
    "dementia": "Somebody with dementia, who goes out at night",
    "no-modem": "A box that cannot send texts",
}
_INVENTED = "All people here are invented"


@cache
def samples() -> tuple[Sample, ...]:
    """Give the plans that are shipped to begin with."""
    folder = files("provisioning") / "examples"
    found = []
    for name, title in _SHIPPED.items():
        text = (folder / f"{name}.toml").read_text(encoding="utf-8")
        about = " ".join(each.lstrip("# ") for each in text.partition(_INVENTED)[0].splitlines()).strip()
        found.append(Sample(name=name, title=title, about=about, text=text))
    return tuple(found)


PLAIN = "plain"


def plain(known: Known | None) -> Sample:
    """Make a plan that watches nothing and calls people, by what this box has; by everything, if it is not known."""
    modem = known is None or known.fittings.modem
    silent = known is None or any(each.kind == "door-button" for each in known.config.sensors)
    parts = [_HEAD, _CONTACTS if modem else _NO_TEXTS, _LADDER if modem else _SIRENS]
    if silent:
        parts.insert(*((len(parts), _QUIETLY) if modem else (1, _ACCEPTED)))
    if modem:
        parts.append(_PRIVATE)
    about = "Who is called, and nothing is watched. Made for what this box has told us of itself."
    return Sample(name=PLAIN, title="A plain plan for this home", about=about, text="\n".join(parts))


_HEAD = """\
# A plain plan: who is called, and nothing is watched. Change what people are called here (what they are to the
# resident, never a name), the days on which they agreed to be called, and their numbers.

version = 1
language = "en-GB"
time_zone = "Europe/London"
"""

_CONTACTS = """\
[contact.neighbour]
consent = 2026-10-01        # the day on which they agreed
neighbour = true            # comes when the siren sounds

[contact.daughter]
consent = 2026-10-01
"""

_NO_TEXTS = """\
[contact.neighbour]
channels = []               # this box cannot send texts
consent = 2026-10-01        # the day on which they agreed
neighbour = true            # comes when the siren sounds
"""

_LADDER = """\
[ladder.default]            # what is done while nobody has an alarm; the centre is told of each at once
repeat_min = 15

[[ladder.default.step]]
after_s = 60
do = "siren"
unless = "received"         # not if the centre has the alarm

[[ladder.default.step]]
after_s = 120
do = "sms"
to = ["neighbour"]

[[ladder.default.step]]
after_s = 300
do = "sms"
to = ["neighbour", "daughter"]
"""

_SIRENS = """\
[ladder.default]            # what is done while nobody has an alarm; the centre is told of each at once
repeat_min = 10

[[ladder.default.step]]
after_s = 30
do = "siren"
unless = "received"         # not if the centre has the alarm

[[ladder.default.step]]
after_s = 120
do = "siren"                # the centre has it, and nobody has answered
"""

_QUIETLY = """\
[ladder.quietly]            # somebody unwanted is at the door: nothing may be seen or heard in the home

[[ladder.quietly.step]]
after_s = 60
do = "sms"
to = ["neighbour", "daughter"]

[kind.door-button]
ladder = "quietly"
"""

_ACCEPTED = """\
# The button for an unwanted caller must stay silent, and this box sends no texts: then nobody but the centre is told.
# Whoever signs this plan should read it aloud, and agree.
accepted_gaps = ["door-button/*"]
"""

_PRIVATE = """\
[private.numbers]           # sealed: only the box can read them
neighbour = "+44 7700 900131"
daughter = "+44 7700 900132"
"""
