"""The account after a trial: every call that began arrived, once; nothing is missing; no id has two contents."""

import asyncio
import contextlib
import sqlite3
from collections import Counter
from collections.abc import Iterator

from rules.reports import AlarmRaised
from simulators.rig import HUB, LEDGER_MAX, Rig, UnsettledError
from simulators.trials.trial import Figures, Violation

CALLING = "alarm.raised "
"""What the hub logs, with the alarm's id, as it begins the call: after its commit, or 250 ms (S1)."""

_POLL_S = 0.1


async def settle(rig: Rig, figures: Figures, *, timeout_s: float = 60, quiet_s: float = 1.5) -> None:
    """Wait until nothing waits at the hub and nothing lacks at the centre, then hold ledger, log and store together.

    Every sensor must have been pressed at most once in the round. The hub must be running, with a line. What counts is
    the ledger, so the centre may have been replaced meanwhile. Raises Violation.
    """
    await emptied(rig, timeout_s=timeout_s, quiet_s=quiet_s)
    calling = set(rig.hub.logged(CALLING))
    arrived = raised(rig)
    lost = sorted(calling - set(arrived.values()))
    if lost:
        raise Violation(f"S1: {len(lost)} alarms whose call had begun never arrived: {lost[:5]}")
    times = Counter(arrived.values())
    twice = [alarm for alarm in times if times[alarm] > 1]
    if twice:
        raise Violation(f"S4: alarms that arrived under several ids: {twice[:5]}")
    doubled = {sensor: alarms for sensor, alarms in rig.alarms_by_sensor().items() if len(alarms) > 1}
    if doubled:
        raise Violation(f"S4: one press gave several alarms: {doubled}")
    compare(rig)
    figures.count("alarms whose call had begun", len(calling))
    figures.count("alarms arrived", len(arrived))


async def emptied(rig: Rig, *, timeout_s: float = 60, quiet_s: float = 1.5) -> None:
    """Wait until every row of the hub has its receipt, and the centre knows of nothing it lacks.

    Raises Violation when that takes longer than it may on a line that carries (S2, S3).
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + timeout_s
    while True:
        await lives(rig)
        try:
            await rig.settled(quiet_s=quiet_s, timeout_s=max(quiet_s + 1, until - loop.time()))
        except UnsettledError as error:
            raise Violation(f"S2: {error}") from error
        left = waiting(rig)
        if left == 0:
            return
        if loop.time() > until:
            raise Violation(f"S3: {left} rows still wait at the hub after {timeout_s:g} s with a line")
        await asyncio.sleep(_POLL_S)


async def lives(rig: Rig) -> None:
    """See that the hub runs. Raises Violation: nobody but the trial may end it."""
    if not rig.hub.running:
        raise Violation(f"S1: the hub ended by itself, with {await rig.hub.ended()}")


def compare(rig: Rig) -> None:
    """Hold the hub's store against the ledger: each row arrived as it was committed. Raises Violation."""
    if rig.centre.intake.missing(HUB):
        raise Violation(f"S2: numbers missing at the centre: {rig.centre.intake.missing(HUB)}")
    entries = rig.centre.ledger.events(limit=LEDGER_MAX)
    conflicts = [entry.id for _, entry, conflict in entries if conflict]
    if conflicts:
        raise Violation(f"S1: ids with two contents: {conflicts[:5]}")
    if lacking := absent(rig):
        raise Violation(f"S2: the ledger lacks {len(lacking)} rows of the hub's that have a receipt: {lacking[:3]}")


def absent(rig: Rig) -> list[tuple[str, str]]:
    """Give id and digest of the hub's rows that the ledger does not hold."""
    held = {(entry.id, entry.digest) for _, entry, _ in rig.centre.ledger.events(limit=LEDGER_MAX)}
    return [row for row in rows(rig) if row not in held]


def raised(rig: Rig) -> dict[str, str]:
    """Give the alarms that the ledger holds as raised: alarm by event."""
    return {ref: report.alarm for ref, report in rig.held(AlarmRaised)}


# --- the hub's store, read beside the hub ---------------------------------------------------------------


@contextlib.contextmanager
def store(rig: Rig) -> Iterator[sqlite3.Connection]:
    """Open the hub's store to read, running or not. Raises sqlite3.Error."""
    connection = sqlite3.connect(f"file:{rig.state_dir}/hub.db?mode=ro", uri=True)
    try:
        yield connection
    finally:
        connection.close()


def waiting(rig: Rig) -> int:
    """Count the rows without a receipt."""
    with store(rig) as connection:
        (count,) = connection.execute("SELECT count(*) FROM outbox WHERE state = 0").fetchone()
        return int(count)


def rows(rig: Rig) -> list[tuple[str, str]]:
    """Give id and digest of every row that the hub still holds."""
    with store(rig) as connection:
        found = connection.execute("SELECT epoch, lane, seq, digest FROM outbox ORDER BY number").fetchall()
    return [(f"{epoch}-{lane}-{seq}", digest) for epoch, lane, seq, digest in found]
