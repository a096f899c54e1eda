"""One thing wrong with one home, from its loss until it has been well for long enough. Pure."""

from collections.abc import Container

from msgspec.structs import replace

from centre.silence.judging import Loss
from rules.values import Value

SETTLED_MS = 600_000
"""How long a home must be well before its case is over: a line that comes and goes is one case, not many."""


class Trouble(Value, frozen=True, kw_only=True):
    """One thing wrong with one home: `what` is `silence` or a fault. Moments are the centre's Unix ms.

    `since_ms` is when it was first lost, `lost_ms` when it was last (its `times`-th time), `back_ms` since when it is
    well again. `alarm`: an alarm of the home was open. `own`: a case of its own. `incident`: the one that it is part
    of. If that is not announced, or there is none, nobody is told of it yet unless it is `own`.
    """

    hub: str
    what: str
    priority: int
    why: str
    since_ms: int
    lost_ms: int
    due_ms: int
    times: int = 1
    back_ms: int | None = None
    alarm: bool = False
    own: bool = False
    incident: str = ""


def lived(
    hub: str, old: tuple[Trouble, ...], losses: tuple[Loss, ...], now_ms: int, untold: Container[str]
) -> tuple[Trouble, ...]:
    """Bring a home's troubles up to now. `untold`: the incidents that are not announced, and "" for none.

    The same object comes back when nothing has changed.
    """
    was = {each.what: each for each in old}
    lost = {each.what: each for each in losses}
    after = []
    for what in (*was, *(each for each in lost if each not in was)):
        trouble, loss = was.get(what), lost.get(what)
        if trouble is None or (trouble.incident in untold and not trouble.own):
            # Nobody has heard of it yet: one that is back has never been.
            new = _begun(hub, trouble, loss, now_ms)
        else:
            new = _went_on(trouble, loss, now_ms)
        if new is not None:
            after.append(new)
    return old if len(after) == len(old) and all(a is b for a, b in zip(after, old, strict=True)) else tuple(after)


def _begun(hub: str, old: Trouble | None, loss: Loss | None, now_ms: int) -> Trouble | None:
    if loss is None or loss.lost_ms > now_ms:
        return None
    return Trouble(
        hub=hub,
        what=loss.what,
        priority=loss.priority,
        why=loss.why,
        since_ms=loss.lost_ms,
        lost_ms=loss.lost_ms,
        due_ms=loss.due_ms,
        alarm=loss.alarm,
        incident=old.incident if old is not None else "",
    )


def _went_on(trouble: Trouble, loss: Loss | None, now_ms: int) -> Trouble | None:
    """A trouble that staff know of: it is over when it has been well for long enough."""
    if loss is None:
        if trouble.back_ms is None:
            return replace(trouble, back_ms=now_ms)
        return trouble if now_ms - trouble.back_ms < SETTLED_MS else None
    if trouble.back_ms is not None:
        if loss.due_ms > now_ms:
            return trouble  # not missed yet
        trouble = replace(trouble, back_ms=None, times=trouble.times + 1, why=loss.why)
        trouble = replace(trouble, lost_ms=loss.lost_ms, due_ms=loss.due_ms)
    if loss.alarm and not trouble.alarm:
        return replace(trouble, alarm=True, priority=min(trouble.priority, loss.priority))
    return trouble
