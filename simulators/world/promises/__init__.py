"""What must hold in every world, whatever happens: each promise a judge of its own, from the words of the design."""

from simulators.world.promises.bounds import Bounded
from simulators.world.promises.deadlines import OnTime
from simulators.world.promises.judge import Judge, Scene, Stepped, Stimulus
from simulators.world.promises.kept import NoneLost, NoneMissing, OneContent
from simulators.world.promises.ladder import Escalated
from simulators.world.promises.messages import Heard
from simulators.world.promises.noticed import Noticed, Proven
from simulators.world.promises.offers import AlarmsFirst, Resent
from simulators.world.promises.once import Once
from simulators.world.promises.plans import OnlyNewer
from simulators.world.promises.reminded import Reminded
from simulators.world.promises.replay import Replayed
from simulators.world.promises.restless import Undisturbed
from simulators.world.promises.silence import Missed
from simulators.world.promises.sound import HeardAtOnce
from simulators.world.promises.standby import SecondLine
from simulators.world.promises.tested import Tested
from simulators.world.promises.texts import Texted
from simulators.world.promises.watched import Watched

JUDGES: tuple[type[Judge], ...] = (
    Once,
    NoneLost,
    OneContent,
    NoneMissing,
    HeardAtOnce,
    OnTime,
    Resent,
    AlarmsFirst,
    SecondLine,
    Bounded,
    Replayed,
    Escalated,
    OnlyNewer,
    Texted,
    Missed,
    Watched,
    Undisturbed,
    Tested,
    Reminded,
    Heard,
    Noticed,
    Proven,
)
"""Every promise there is, in the order they are asked."""

__all__ = ("JUDGES", "Judge", "Scene", "Stepped", "Stimulus")
