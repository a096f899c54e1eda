"""Starting again: what a process restart keeps exactly, and what a reboot makes unknown (S6)."""

from msgspec.structs import replace

from rules import faults, ladder, power, selftest, supervision, texts, triggers
from rules.acknowledgement import lapse
from rules.events import Started
from rules.faults import clear_fault, set_fault
from rules.state import Centre, Counters, Fault, House, Link, SensorLife
from rules.triggers import HUB_BUTTON, RECEIPT_MS
from rules.turn import Turn

PROCESS_FAULTS = frozenset({"driver", "part", "storage", "engine"})
"""Faults of a process's own parts: they end with it, and the next one says so if its parts fail too."""


def open_epoch(turn: Turn, event: Started) -> None:
    """Number anew before anything is sent, even what fell due while no process ran, and drop the lines.

    S1: the old process may have sent ids it could not commit, so its epoch is closed. Texts are counted on:
    their codes come from it, and yesterday's must not be today's. A new process has no line, whatever the
    old one believed; a line that was down before goes on counting (S6). And it has read everything anew: whatever a
    restart was wanted for is done (S10).
    """
    now_ms = turn.now.ms
    links = (replace(link, up=False, since_ms=now_ms if link.up else link.since_ms) for link in turn.house.links)
    counters = Counters(texts=turn.house.counters.texts)
    turn.update(epoch=event.epoch, counters=counters, links=tuple(links), restart=None)


def on_started(turn: Turn, event: Started) -> None:
    """Begin with this configuration, and keep what time allows."""
    rebooted = event.boot != turn.house.boot
    known = {} if rebooted else {link.name: link for link in turn.house.links}
    turn.update(
        boot=event.boot,
        config=event.config,
        links=tuple(known.get(name, Link(name=name, since_ms=turn.now.ms)) for name in event.config.uplinks),
        synced=turn.now.synced,
        modem=None,  # a part of the process: the new one says how it is
        warn_at_ms=None,
    )
    _keep_sensors(turn, rebooted=rebooted)
    _end_faults(turn)
    if rebooted:
        _after_reboot(turn)
    turn.update(centre=Centre(checkin_every_ms=turn.house.centre.checkin_every_ms, checkin_at_ms=turn.now.ms))
    for alarm in turn.house.alarms:
        if alarm.delivery == "waiting":
            # S6: a deadline survives a process restart as it is: crashing again and again must not put it off
            due_ms = turn.now.ms + RECEIPT_MS if rebooted else alarm.receipt_due_ms
            turn.put_alarm(replace(alarm, late=True, receipt_due_ms=due_ms))
    texts.after_start(turn, rebooted=rebooted)
    set_fault(turn, "no-outputs", "", 3, active=not event.config.outputs, reason="this hub has no lights or sounds")
    set_fault(turn, "store-quarantined", "", 1, active=event.store_quarantined, reason="the old store was unreadable")
    set_fault(turn, "clock", "", 4, active=not turn.now.synced, reason="not synchronised")


def _keep_sensors(turn: Turn, *, rebooted: bool) -> None:
    configured = {sensor.id for sensor in turn.house.config.sensors} | {HUB_BUTTON.id}
    fresh = SensorLife(sensor="", heard_ms=turn.now.ms)
    lives = {life.sensor: life for life in turn.house.sensors}
    kept = [replace(lives.get(name, fresh), sensor=name) for name in sorted(configured)]
    kept = [replace(life, unsure=life.active) for life in kept]
    if rebooted:
        kept = [replace(life, triggered_ms=None, heard_ms=turn.now.ms, tested=False) for life in kept]
    turn.update(sensors=tuple(kept))


def _end_faults(turn: Turn) -> None:
    for fault in turn.house.faults:
        if fault.fault in PROCESS_FAULTS or not _has_part(turn.house, fault):
            clear_fault(turn, fault.fault, fault.subject)


def _has_part(house: House, fault: Fault) -> bool:
    """Whether this configuration still has the part; a fault of one that is gone could never be cleared."""
    if fault.fault in ("link", "certificate"):
        return any(link.name == fault.subject for link in house.links)
    sensors = {sensor.id: sensor for sensor in house.config.sensors}
    if fault.fault == "sensor-silent":
        return fault.subject in supervision.silences(house)
    return not fault.fault.startswith("sensor-") or fault.subject in sensors


def _after_reboot(turn: Turn) -> None:
    """S6: how long the machine was off is unknown, so whatever waited on time happens now, or starts anew."""
    turn.update(mode="home" if turn.house.mode == "engineer" else turn.house.mode, mode_until_ms=None)
    turn.update(selftest_at_ms=turn.now.ms + selftest.FIRST_MS, expecting=None)
    faults.after_reboot(turn)
    power.after_reboot(turn)
    for alarm in turn.house.alarms:
        if alarm.stage == "pending":
            triggers.raise_alarm(turn, alarm, "reboot")
            continue
        real_at_ms = None if alarm.real_at_ms is None else turn.now.ms
        rebased = replace(
            ladder.after_reboot(turn, alarm), held_ms=None, joined_ms=None, cancel_ms=None, real_at_ms=real_at_ms
        )
        if alarm.stage == "acknowledged":
            lapse(turn, rebased, "reboot")
        else:
            turn.put_alarm(rebased)
