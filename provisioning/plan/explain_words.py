"""What a care plan says, in sentences for families, care managers and commissioners: short words, in order of time."""

from collections.abc import Iterator

from provisioning.plan.explain_reminders import heard, people, reminders, thresholds
from provisioning.plan.groups import Group, groups
from provisioning.plan.phrases import (
    CASES,
    cause,
    clock,
    date_words,
    hours_of,
    language,
    listed,
    long_time,
    named,
    place,
    short_name,
)
from rules.acknowledgement import HOLD_MS
from rules.ladder import NIGHTLESS_PRIORITY
from rules.plan import SIREN_MS, Contact, Door, Plan, Silence, Step, Temperature
from rules.texts import CODE_MS
from rules.values import Value


class Section(Value, frozen=True):
    """A part of the explanation: what it is about, and its points, each of one sentence or a few."""

    title: str
    points: tuple[str, ...]
    alarm: bool = False
    """Whether it tells what is done about some alarms: there is one such section for each of `groups`."""


def sentences(plan: Plan) -> tuple[Section, ...]:
    """Say a plan in plain words. References stay as they are; numbers and texts are not in a plan's values (S11)."""
    found = groups(plan)
    sections = [
        Section("In short", tuple(_in_short(plan))),
        *(Section(f"What is done: {group.title}", tuple(_group(group)), alarm=True) for group in found),
        Section("When somebody has it", tuple(_taken(plan))),
        Section("Who may be asked", tuple(_contacts(plan))),
        Section("What is watched", tuple(_watched(plan))),
        Section("Who lives here", tuple(people(plan))),
        Section("What the hub reminds of", tuple(reminders(plan))),
        Section("What else the hub says", tuple(heard(plan))),
        Section("At night and in quiet hours", tuple(_hours(plan, found))),
        Section("In a power cut", tuple(_power_cut(plan))),
        Section("What is never done", tuple(_never(plan, found))),
        Section("What is known to be missing", tuple(_gaps(plan))),
    ]
    return tuple(sections)


def _in_short(plan: Plan) -> Iterator[str]:
    yield "The hub is the box in the home. The centre is the team that takes its calls, day and night."
    yield "Each alarm goes to the centre. The rest of this plan is for when nobody has it yet."
    if plan.version:
        yield f"This is plan number {plan.version}."
    else:
        yield "This plan has no number yet. It is the plan of a new hub."
    yield f"Texts are in {language(plan.language)}. Times are those of {place(plan.time_zone)}."


# --- alarms ------------------------------------------------------------------------------------------


def _group(group: Group) -> Iterator[str]:
    for kind in group.kinds:
        yield f"When {cause(kind.name)}, {_window(kind.name, kind.cancel_ms, silent=group.silent)}"
    if group.silent:
        yield "Nobody in the home sees or hears a thing. That is on purpose."
    yield "The centre hears of it at once. The times below start with that call."
    for step in group.steps:
        yield _step(group, step)
    if not group.steps:
        yield "Nothing else is done. Only the centre is called."
    if group.repeat_ms and group.steps:
        yield f"If nobody has it {long_time(group.repeat_ms)} after the last step, the steps start again."
    if group.quietened:
        yield "In quiet hours the siren and the voice stay off."
    for step in group.ladder.steps:
        if group.never(step):
            why = "this alarm makes no sound or light" if group.silent else "this plan has no night"
            yield f"One step is left out, as {why}: {_does(step)}."


def _window(kind: str, ms: int, *, silent: bool) -> str:
    if not ms:
        return "the hub calls at once."
    if silent:
        return f"the hub waits {long_time(ms)}. Then it calls."
    if kind == "inactivity":
        return (
            f"the hub first asks if all is well, by voice or sound. If nobody moves for {long_time(ms)} more, it calls."
        )
    return f"there are {long_time(ms)} to press cancel. Then the hub calls."


def _step(group: Group, step: Step) -> str:
    said = f"{_when(step)}, {_does(step)}."
    if step.only is None or group.nightless:
        return said
    hour = "By day only" if step.only == "day" else "At night only"
    return f"{hour}: {said[0].lower()}{said[1:]}"


def _when(step: Step) -> str:
    if not step.after_ms:
        return "At once"
    match step.unless:
        case "received":
            return f"If the centre does not have the call after {long_time(step.after_ms)}"
        case "acknowledged":
            return f"If nobody has it after {long_time(step.after_ms)}"
        case "resolved":
            return f"After {long_time(step.after_ms)}, even if somebody has it"


def _does(step: Step) -> str:
    lasting = f"for {long_time(step.for_ms)}" if step.for_ms else "until the alarm is closed"
    match step.means:
        case "siren":
            return f"the siren sounds for {long_time(step.for_ms or SIREN_MS)}"
        case "light":
            return f"the light flashes {lasting}"
        case "relay":
            return f"the hub turns its switch on {lasting} (such as a lock on the door)"
        case "say":
            return f"the hub says the words “{named(step.text)}”"
        case "sms":
            return f"the hub sends a text to {listed(map(named, step.to))}" if step.to else "a text goes to nobody"
        case "centre":
            return "the hub tells the centre once more"


def _taken(plan: Plan) -> Iterator[str]:
    yield "The centre can take an alarm. Then it has it."
    if _texts(plan):
        yield (
            "Each text has a code of two digits. Send back 1 and the code to take the alarm, such as 1 42. "
            f"The code is good for {long_time(CODE_MS)}, and for this one alarm."
        )
        yield "All who got a text are told when somebody has it, and when it is over."
    yield "A helper in the home can hold the button on the hub for 3 seconds. Then the helper has it."
    yield "When somebody has it, the siren stops. Steps that are for when nobody has it wait."
    yield (
        f"The centre has it for {long_time(HOLD_MS['centre'])}. A helper or a friend has it for "
        f"{long_time(HOLD_MS['contact'])}. They can take it again. If not, the hub calls for help again."
    )
    yield "Only the centre can close an alarm."


def _texts(plan: Plan) -> bool:
    return any(step.means == "sms" and step.to for group in groups(plan) for step in group.steps)


# --- people ------------------------------------------------------------------------------------------


def _contacts(plan: Plan) -> Iterator[str]:
    for contact in plan.contacts:
        yield _contact(plan, contact)
    steps = (step for group in groups(plan) for step in group.steps)
    strangers = {name for step in steps for name in step.to if plan.contact(name) is None}
    for name in sorted(strangers):
        yield f"There is a text for {named(name)}, but the plan does not say who that is. It can not be sent."
    if not plan.contacts and not strangers:
        yield "This plan asks nobody but the centre."


def _contact(plan: Plan, contact: Contact) -> str:
    name = named(contact.contact)
    said = [f"A text may go to {name}." if contact.channels else f"No text goes to {name}."]
    if contact.consent:
        said.append(f"A yes was given on {date_words(contact.consent)}.")
    else:
        said.append("There is no yes yet. Ask first.")
    if contact.neighbour:
        said.append(f"The home of {name} is close by.")
    if contact.language and contact.language != plan.language:
        said.append(f"Texts to {name} are in {language(contact.language)}.")
    return " ".join(said)


# --- what is watched ---------------------------------------------------------------------------------


def _watched(plan: Plan) -> Iterator[str]:
    for still in plan.inactivity:
        where = f" Only these count: {listed(map(named, still.sensors))}." if still.sensors else ""
        when = hours_of(still.window) if still.window else "all day and all night"
        looks = "The hub looks for signs of life."
        yield f"{looks} It is too long with none for {long_time(still.limit_ms)}. This is {when}.{where}"
    for absence in plan.absences:
        when = f" This is {hours_of(absence.window)}." if absence.window else ""
        left = f"The hub knows when somebody leaves {named(absence.sensor)}."
        yield f"{left} It is too long after {long_time(absence.limit_ms)}.{when}"
    for door in plan.doors:
        yield from _door(door)
    for room in plan.temperatures:
        yield from _room(room)
    for visit in plan.visits:
        comes = f"A carer comes for {named(visit.name)}, {hours_of(visit.window)}."
        by = f"The carer lets the hub know by {named(visit.sensor)}."
        yield f"{comes} {by} If not, that is an alarm at {clock(visit.window.to)}."
    yield from thresholds(plan)
    if plan.inactivity or plan.absences:
        away = "When all are out, the hub can be set to away. Then it does not look for signs of life."
        yield f"{away} A press on a pendant ends that."
    for silence in plan.supervision.silences:
        yield _silence(silence)
    yield "The hub checks its own parts. If one fails, the centre is told."


def _silence(silence: Silence) -> str:
    name = named(silence.sensor)
    if not silence.after_ms:
        return f"The hub does not check if {name} still works. So test it by hand."
    return f"If nothing is heard from {name} for {long_time(silence.after_ms)}, the centre is told. It may be broken."


def _door(door: Door) -> Iterator[str]:
    name = named(door.sensor)
    if door.open_ms is not None:
        yield f"The hub watches {name}. It may be open for {long_time(door.open_ms)}, no more."
    if door.leaving is not None:
        opened = f"If it is opened then, and nobody moves in the home for {long_time(door.back_ms)}, that is an alarm."
        yield f"Nobody should go out by {name} {hours_of(door.leaving)}. {opened}"


def _room(room: Temperature) -> Iterator[str]:
    if room.low is not None:
        yield f"It must not fall below {room.low:g} degrees at {named(room.sensor)}. That is too cold."
    if room.high is not None:
        yield f"It must not rise above {room.high:g} degrees at {named(room.sensor)}. That is too hot."


def _hours(plan: Plan, found: tuple[Group, ...]) -> Iterator[str]:
    timed = any(step.only is not None for group in found for step in group.steps)
    if plan.night is None:
        yield "This plan has no night of its own. It is the same by day and by night."
    else:
        yield f"Night is {hours_of(plan.night)}."
        yield "Some steps are for the day only, or for the night only." if timed else "The steps are the same at night."
    if plan.quiet is None:
        yield "There are no quiet hours."
        return
    small = [kind.name for group in found for kind in group.kinds if kind.priority > NIGHTLESS_PRIORITY]
    yield f"Quiet hours are {hours_of(plan.quiet)}."
    if small:
        yield f"Then the siren and the voice stay off for small things: {listed(map(short_name, small))}."
    yield "For all big alarms they still sound."


def _power_cut(plan: Plan) -> Iterator[str]:
    cut = plan.power_cut
    if cut.hub_ms:
        yield f"The hub has a battery. It goes on for {long_time(cut.hub_ms)}."
    else:
        yield "The hub has no battery. It stops at once. The centre sees that it is gone."
    if not cut.router_ms:
        yield "The router is the box for the internet. It stops at once. So does that line to the centre."
    else:
        lasts = f"It goes on for {long_time(cut.router_ms)}."
        yield f"The router is the box for the internet. {lasts} Then that line stops."
    if cut.hub_ms > cut.router_ms:
        yield "If the hub has a mobile line, it calls by that. If not, it keeps trying till the line is back."
        if _texts(plan):
            yield "Texts still go out, if the hub has a part for texts."
    if cut.hub_ms:
        yield "If a line is up, the centre hears of the cut within 3 minutes. It also hears when power is back."


def _never(plan: Plan, found: tuple[Group, ...]) -> Iterator[str]:
    yield "The hub never gives up. It calls till the centre has the call, for ever."
    yield "No plan can stop an alarm from going to the centre."
    yield "The hub does not ring the fire service or an ambulance. The centre does that."
    if not _texts(plan):
        yield "No text is sent to anybody."
    yield "Friends and family can not close an alarm."
    yield "A text never says a name, or where the home is."
    if any(group.silent for group in found):
        hush = [kind.name for group in found if group.silent for kind in group.kinds]
        yield f"This makes no sound or light in the home, come what may: {listed(map(short_name, hush))}."
    real = [kind.name for group in found for kind in group.kinds if kind.always_real]
    if real:
        yield f"This is never just a test: {listed(map(short_name, real))}."


def _gaps(plan: Plan) -> Iterator[str]:
    for gap in plan.accepted_gaps:
        kind, _, case = gap.partition("/")
        fails = listed(CASES.get(part, f"this fails: {named(part, 120)}") for part in case.split("+"))
        when = f"If {fails}" if set(kind) <= set("*?") else f"When {cause(kind)}: if {fails}"
        yield f"{when}, it may be that no person hears of it. This is known, and was agreed to."
    if not plan.accepted_gaps:
        yield "No gap has been agreed to."
