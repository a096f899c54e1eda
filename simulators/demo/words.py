"""Plain words for what the demonstration shows: the resident's page, in a line each (`docs/residents.md`)."""

from collections.abc import Mapping

from rules.projection import Alert
from simulators.demo.senses import Rhythm

SIGNS: Mapping[str, str] = {
    "chirp:heard": "one pip: it has heard you",
    "chirp:cancelled": "a long note, a lower short one: cancelled",
    "chirp:nothing-to-cancel": "two low pips: there is nothing to cancel",
    "chirp:arrived": "three rising notes: your call has arrived",
    "chirp:someone-has-it": "two long rising notes: a person has taken it on",
    "chirp:resolved": "three long falling notes: it is over",
    "chirp:lapsed": "one long low note, two short ones: it calls again",
    "chirp:locate": "ten quick high pips: here is the box",
    "chirp:attention": "two pairs of notes, the last long: it has something to say",
    "chirp:reminder": "long, short, long: it reminds you of something",
    "chirp:message": "short, long, short, long: there is a message for you",
    "chirp:taken": "a short note, a long higher one: it has heard your answer",
    "chirp:later": "a falling row of notes: later, then",
    "tone:pending": "ticks like a clock: you can still cancel",
    "tone:calling": "rings: it is calling",
    "tone:no-line": "the busy tone: no line or no answer, it goes on trying",
    "tone:waiting": "a calm double pip: arrived, nobody has it yet",
    "lamp:call:lit": "the CALL lamp comes on",
    "lamp:call:fast": "the CALL lamp blinks fast: your call is going out",
    "lamp:arrived:on": "the ARRIVED lamp comes on: the centre has your call",
    "lamp:someone:on": "the SOMEONE lamp comes on: a person has your call",
    "lamp:prompt:slow": "the PROMPT lamp blinks slowly: it waits for your answer",
    "lamp:prompt:on": "the PROMPT lamp shines: there is a message for you",
    "lamp:prompt:off": "the PROMPT lamp goes out",
    "alert:pending": "the alert (a lamp, or a pad under the pillow) is as a clock's tick: you can still cancel",
    "alert:calling": "the alert is on and off, slowly: it is calling",
    "alert:no-line": "the alert is twice as fast: no line, it tries another way",
    "alert:arrived": "the alert is twice long, and rests: your call has arrived",
    "alert:someone": "the alert is on for three seconds: a person has your call",
    "alert:reminder": "the alert is long, short, long: it reminds you of something",
    "lamp:fault:lit": "the FAULT lamp comes on: something needs looking after",
    "lamp:fault:off": "the FAULT lamp goes out",
    "siren:on": "THE SIREN: a minute has passed and the call has not arrived",
    "siren:off": "the siren stops",
    "dark": "the lamps of the call go out",
}
"""What a sign means to the resident. Signs that are not here are told by others that come with them."""

LAMPS: Mapping[tuple[str, Rhythm], str] = {
    ("call", "off"): "dark",
    ("call", "lit"): "comes on",
    ("call", "slow"): "blinks slowly: you can still cancel",
    ("call", "fast"): "blinks fast: your call is going out",
    ("call", "on"): "steady: your call has arrived",
    ("arrived", "off"): "dark",
    ("arrived", "on"): "on: the centre has your call",
    ("someone", "off"): "dark",
    ("someone", "on"): "on: a person has taken it on",
    ("fault", "off"): "dark: all is well",
    ("fault", "lit"): "comes on",
    ("fault", "slow"): "blinks: something is unwell",
    ("fault", "on"): "on",
    ("prompt", "off"): "dark",
    ("prompt", "lit"): "comes on",
    ("prompt", "slow"): "blinks slowly: it waits for your answer",
    ("prompt", "on"): "steady: there is a message for you",
}

ALERT: Mapping[Alert, str] = {
    "none": "still",
    "pending": "ticks: you can still cancel",
    "calling": "slow: it is calling",
    "no-line": "fast: no line, it tries another way",
    "arrived": "twice, and rests: it has arrived",
    "someone": "once long: a person has it",
    "reminder": "long, short, long: a reminder",
}
"""What the flashing lamp, or the vibrating pad, says."""

TONES: Mapping[str, str] = {
    "none": "silence",
    "pending": "tick ... tick: you can still cancel",
    "calling": "ringing: it is calling",
    "no-line": "busy tone: no line, it tries again",
    "waiting": "calm double pip: it has arrived",
}

CHIRPS: Mapping[str, str] = {
    "heard": "one pip: heard you",
    "cancelled": "cancelled; nobody was called",
    "nothing-to-cancel": "two low pips: nothing to cancel",
    "arrived": "three rising notes: it has arrived",
    "someone-has-it": "two rising notes: a person has it",
    "resolved": "three falling notes: it is over",
    "lapsed": "it calls again",
    "locate": "ten quick pips: here is the box",
    "attention": "four notes: it has something to say",
    "reminder": "long, short, long: a reminder",
    "message": "short, long, short, long: a message",
    "taken": "short, long: your answer is heard",
    "later": "a falling row: later, then",
}

RAISED_BECAUSE: Mapping[str, str] = {
    "window-ended": "the time to cancel is over: calls the centre",
    "second-press": "pressed a second time: calls the centre at once",
    "immediate": "calls the centre at once: this kind does not wait",
    "reboot": "was off for it does not know how long: calls the centre",
}
"""The `rule` of an alarm, as the hub would put it."""

AWAITED: Mapping[str, str] = {
    "hub:durable": "the press was not on the hub's disk",
    "hub:raised:immediate": "the hub did not raise the alarm at once",
    "hub:raised:window-ended": "the hub did not raise the alarm when the time to cancel was over,",
    "hub:link-down": "the hub did not notice that the line is no good",
    "hub:armed": "the hub was not started again",
    "centre:alarm.raised": "the alarm did not arrive at the centre",
    "centre:alarm.cancelled": "the centre did not hear that it was cancelled",
    "centre:alarm.acknowledged": "the hub did not confirm that somebody has it",
    "centre:alarm.resolved": "the hub did not confirm that the alarm is closed",
    "centre:receipt": "the centre gave no receipt",
    "chirp:heard": 'the hub did not sound "heard you"',
    "chirp:cancelled": 'the hub did not sound "cancelled"',
    "chirp:arrived": 'the hub did not sound "arrived"',
    "chirp:someone-has-it": 'the hub did not sound "someone has it"',
    "lamp:call:lit": "the CALL lamp did not come on",
    "lamp:call:slow": "the CALL lamp did not blink slowly",
    "lamp:call:fast": "the CALL lamp did not blink fast",
    "lamp:arrived:on": "the ARRIVED lamp did not come on",
    "lamp:someone:on": "the SOMEONE lamp did not come on",
    "tone:pending": "the hub did not tick",
    "tone:waiting": "the calm double pip did not come",
    "tone:no-line": "the hub did not sound that there is no line",
    "siren:on": "the siren did not sound",
    "siren:off": "the siren did not stop",
    "lamp:fault:lit": "the FAULT lamp did not come on",
    "lamp:fault:off": "the FAULT lamp did not go out",
    "hub:plan": "the hub did not take its care plan",
    "chirp:reminder": "the hub did not sound that it reminds of something",
    "chirp:message": "the hub did not sound that there is a message",
    "chirp:taken": "the hub did not sound that it has heard the answer",
    "lamp:prompt:lit": "the PROMPT lamp did not come on",
    "lamp:prompt:off": "the PROMPT lamp did not go out",
    "alert:pending": "the alert did not tell that one can still cancel",
    "alert:no-line": "the alert did not tell that there is no line",
    "alert:arrived": "the alert did not tell that the call has arrived",
    "alert:someone": "the alert did not tell that a person has the call",
    "alert:reminder": "the alert did not tell of the reminder",
    "centre:reminder.prompted": "the centre did not hear that the resident was reminded",
    "centre:reminder.taken": "the centre did not hear that the reminder was answered",
    "centre:reminder.missed": "the centre did not hear that the reminder was missed",
    "centre:message.heard": "the centre did not hear that the message was heard",
    "centre:fault.raised": "the centre did not hear of a fault",
    "centre:fault.cleared": "the centre did not hear that all is well again",
    "centre:online": "the hub was not back at the centre",
    "centre:command.done": "the hub did not do what the centre asked for",
    "tone:calling": "the hub did not ring",
    "dark": "the lamps did not go out",
}
"""What went wrong when a step did not come."""


def place(kind: str, location: str) -> str:
    """Name an alarm for people: what, and where."""
    return f"{kind}, {location}" if location else kind
