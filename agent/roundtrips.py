"""How long alarms took to the centre and back, for whoever tests the way: the last few, in memory only."""

from collections import OrderedDict
from collections.abc import Iterable

import msgspec

from rules.actions import Action, Send, Settle
from rules.reports import AlarmJoined, AlarmRaised

KEPT = 64
"""S12: how many are remembered."""


class Roundtrip(msgspec.Struct, frozen=True, kw_only=True):
    """One report of an alarm: its raise, or (`joined`) a further trigger that joined it. Moments are boot-relative.

    `sensor` is the alarm's own, also of one that joined. `sent_ms` is when the report was committed and went to the
    uplinks; `receipted_ms` when the centre's receipt was, None until then.
    """

    alarm: str
    kind: str
    sensor: str
    test: bool
    joined: bool
    sent_ms: int
    receipted_ms: int | None = None


class Roundtrips:
    """Notes what turns send and settle. What a restart sends again is not measured: nobody knows since when."""

    def __init__(self) -> None:
        self._known: OrderedDict[str, Roundtrip] = OrderedDict()

    def look(self, actions: Iterable[Action], now_ms: int) -> None:
        """Take the actions of a turn that was committed, at `now_ms`."""
        for action in actions:
            match action:
                case Send(report=AlarmRaised() | AlarmJoined() as report):
                    self._known[action.id] = Roundtrip(
                        alarm=report.alarm,
                        kind=report.kind,
                        sensor=report.sensor,
                        test=report.test,
                        joined=isinstance(report, AlarmJoined),
                        sent_ms=now_ms,
                    )
                    if len(self._known) > KEPT:
                        self._known.popitem(last=False)
                case Settle(ref=ref) if (known := self._known.get(ref)) is not None and known.receipted_ms is None:
                    self._known[ref] = msgspec.structs.replace(known, receipted_ms=now_ms)

    @property
    def known(self) -> tuple[Roundtrip, ...]:
        """Give what is remembered, oldest first."""
        return tuple(self._known.values())
