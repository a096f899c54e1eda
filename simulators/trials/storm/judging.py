"""What must be true after a storm: read from the store itself, and compared with what the hubs know they said."""

from collections import Counter
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from centre.lanes import missing
from centre.store.database import Database
from centre.store.ledger import StoredLedger
from centre.store.schema import CASE, CASE_ALARM, COMMAND, EVENT
from centre.work.commands import UNDER_WAY
from simulators.trials.storm.hub import LightHub
from simulators.trials.trial import Figures, Violation

_NAMED_MAX = 5


def unsettled(database: Database, hubs: Sequence[LightHub]) -> str:
    """Say what still lacks: receipts at the hubs, cases at the centre. Empty when all is done. LedgerDownError."""
    waiting = sum(len(hub.unreceipted) for hub in hubs)
    if waiting:
        return f"{waiting} events have no receipt"
    held = _held(database)
    lacking = [alarm for hub in hubs for alarm in hub.raised if not held[hub.hub, alarm]]
    return f"{len(lacking)} alarms are in no case" if lacking else ""


def unfinished(database: Database, hubs: Sequence[LightHub]) -> str:
    """Say what is under way still: receipts, commands without an answer. Empty for nothing. Raises LedgerDownError."""
    with database.reading() as connection:
        under_way = sa.select(sa.func.count()).select_from(COMMAND).where(COMMAND.c.state.in_(UNDER_WAY))
        commands = connection.scalar(under_way)
    return f"{commands} commands have no answer" if commands else unsettled(database, hubs)


def judge(database: Database, hubs: Sequence[LightHub], figures: Figures) -> None:
    """See that every alarm is stored once, receipted, in one case; and that nothing is missing. Raises Violation."""
    _judge_receipts(hubs, figures)
    _judge_events(database, hubs, figures)
    _judge_cases(database, hubs, figures)
    ledger = StoredLedger(database)
    gaps = [f"{hub.hub}: {each}" for hub in hubs for each in missing(ledger.lanes(hub.hub))]
    _refuse("S2: numbers of lanes are missing at the centre", gaps)


def _judge_receipts(hubs: Sequence[LightHub], figures: Figures) -> None:
    _refuse("S2: events without a receipt", (f"{hub.hub} {ref}" for hub in hubs for ref in hub.unreceipted))
    for name in ("rejected", "conflict"):
        figures.count(f"receipts that say {name}", sum(hub.counters[f"receipts: {name}"] for hub in hubs))
        _refuse(f"S4: receipts that say {name}", (hub.hub for hub in hubs if hub.counters[f"receipts: {name}"]))
    figures.count("receipts that say retry", sum(hub.counters["receipts: retry"] for hub in hubs))
    figures.count("connections made", sum(hub.counters["connections"] for hub in hubs))
    figures.count("commands carried out", sum(hub.counters[f"commands: {kind}"] for hub in hubs for kind in _KINDS))
    refused = Counter[str]()
    for hub in hubs:
        refused.update(hub.inward.refused)
    for reason, count in refused.items():
        figures.count(f"messages a hub did not believe: {reason}", count)


_KINDS = ("acknowledge", "resolve", "resend", "report")


def _judge_events(database: Database, hubs: Sequence[LightHub], figures: Figures) -> None:
    c = EVENT.c
    with database.reading() as connection:
        rows = connection.execute(
            sa.select(c.hub, c.id, sa.func.count(), sa.func.sum(c.conflict)).group_by(c.hub, c.id)
        )
        stored = {(hub, ref): (count, conflicts) for hub, ref, count, conflicts in rows}
    figures.count("events stored", len(stored))
    _refuse("S4: events stored twice, or with two contents", (key for key, found in stored.items() if found != (1, 0)))
    said = [(hub.hub, ref) for hub in hubs for ref in hub.settled]
    _refuse("S2: events that were receipted and are not in the store", (key for key in said if key not in stored))
    raised = [(hub.hub, each.ref) for hub in hubs for each in hub.raised.values()]
    figures.count("alarms", len(raised))
    _refuse("S2: alarms that are not in the store", (key for key in raised if key not in stored))


def _judge_cases(database: Database, hubs: Sequence[LightHub], figures: Figures) -> None:
    held = _held(database)
    alarms = {(hub.hub, alarm) for hub in hubs for alarm in hub.raised}
    _refuse("S4: alarms that are not in exactly one case", (key for key in alarms if held[key] != 1))
    _refuse("S4: alarms in cases that nobody raised", (key for key in held if key not in alarms))
    with database.reading() as connection:
        causes = connection.execute(sa.select(CASE.c.body)).scalars().all()
        open_ones = connection.scalar(sa.select(sa.func.count()).select_from(CASE).where(CASE.c.open == 1))
    figures.count("cases", len(causes))
    figures.count("cases still open at the end", open_ones or 0)


def _held(database: Database) -> Counter[tuple[str, str]]:
    """Count the cases that each alarm is in."""
    c = CASE_ALARM.c
    with database.reading() as connection:
        rows = connection.execute(sa.select(c.hub, c.alarm)).all()
    return Counter((hub, key.removeprefix("alarm:")) for hub, key in rows if key.startswith("alarm:"))


def _refuse(what: str, found: Iterable[object]) -> None:
    listed = [str(each) for each in found]
    if listed:
        more = f" and {len(listed) - _NAMED_MAX} more" if len(listed) > _NAMED_MAX else ""
        raise Violation(f"{what}: {', '.join(listed[:_NAMED_MAX])}{more}")
