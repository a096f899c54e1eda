"""Every check there is, in the order in which they are shown: each needs what stands above it."""

from typing import Final

from provisioning.doctor.checks import (
    alarm,
    bus,
    clock,
    configuration,
    disk,
    hub,
    keys,
    modem,
    pins,
    plan,
    renewal,
    serial,
    service,
    sound,
    uplink,
)
from provisioning.doctor.finding import Check

CHECKS: Final[tuple[Check, ...]] = (
    configuration.CHECK,
    keys.CHECK,
    clock.CHECK,
    disk.CHECK,
    pins.CHECK,
    serial.CHECK,
    bus.CHECK,
    modem.CHECK,
    sound.CHECK,
    uplink.CHECK,
    renewal.CHECK,
    service.CHECK,
    plan.CHECK,
    hub.CHECK,
    alarm.CHECK,
)
