"""Silence: when a home counts as silent, when many are one incident, and what waits for the day team. Pure.

`seen` keeps what the intake's outcomes tell of a home; `judging` says what is wrong with one home now; `troubles` how
that goes on until it has been well for a while; `bursts` when many are one, `incidents` how that goes on; `watching`
ties them together, from tick to tick; `changes` tells what a tick changed; `worklist` is the day team's.
"""

from centre.silence.changes import Change, changes
from centre.silence.incidents import Incident
from centre.silence.seen import Seen, Standing, learn
from centre.silence.troubles import Trouble
from centre.silence.watching import Silence, watch
from centre.silence.worklist import Group, Work, worklist

__all__ = [
    "Change",
    "Group",
    "Incident",
    "Seen",
    "Silence",
    "Standing",
    "Trouble",
    "Work",
    "changes",
    "learn",
    "watch",
    "worklist",
]
