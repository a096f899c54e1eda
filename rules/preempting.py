"""What comes first: an open alarm, before any reminder or message. And what a press of a button is meant for."""

from rules.state import House

HOLDS_PRIORITY = 2
"""An acknowledged alarm of this priority or a more urgent one still comes first: help is on its way, and the hub
listens. A lesser one that somebody has, and forgot to close, must not silence the tablets for days."""


def preempted(house: House) -> bool:
    """Whether an alarm that sounds in this home holds back everything that is said of reminders and messages.

    A silent alarm holds nothing back: that could be noticed (S1).
    """
    return any(
        not alarm.silent and (alarm.stage != "acknowledged" or alarm.priority <= HOLDS_PRIORITY)
        for alarm in house.alarms
    )


def asked(house: House) -> bool:
    """Whether a reminder or a message was said, or waits to be, and no alarm comes first: a press is meant for that."""
    waits = any(each.state == "prompting" for each in house.prompts) or bool(house.messages)
    return waits and not preempted(house)
