"""What the doctor says of one thing it looked at, and what a check is."""

from collections.abc import Callable, Iterable
from typing import Literal, NamedTuple

import msgspec

from provisioning.doctor.scene import Scene

State = Literal["well", "warning", "wrong", "skipped"]

WORST_FIRST: tuple[State, ...] = ("wrong", "warning", "skipped", "well")


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One thing looked at: `about` names it, `found` says how it is, `remedy` what to do ("" where nothing is).

    `round_trip_ms` is the test alarm's, from its commit to the centre's receipt. S11: no names, numbers or texts of a
    care plan are ever in it.
    """

    state: State
    about: str
    found: str
    remedy: str = ""
    round_trip_ms: int | None = None


class Looked(msgspec.Struct, frozen=True, kw_only=True):
    """What one check found, under its title."""

    check: str
    title: str
    findings: tuple[Finding, ...]


class Check(NamedTuple):
    """A check: `look` probes and judges, in at most `timeout_s` seconds. One that `needs_config` is skipped without."""

    name: str
    title: str
    look: Callable[[Scene], Iterable[Finding]]
    timeout_s: float = 15.0
    needs_config: bool = True


def well(about: str, found: str) -> Finding:
    """Say that a thing is as it should be."""
    return Finding(state="well", about=about, found=found)


def warning(about: str, found: str, remedy: str) -> Finding:
    """Say that a thing works, and that somebody should look at it."""
    return Finding(state="warning", about=about, found=found, remedy=remedy)


def wrong(about: str, found: str, remedy: str) -> Finding:
    """Say that a thing does not work, and what to do."""
    return Finding(state="wrong", about=about, found=found, remedy=remedy)


def skipped(about: str, found: str) -> Finding:
    """Say that a thing was not looked at, and why."""
    return Finding(state="skipped", about=about, found=found)
