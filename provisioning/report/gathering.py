"""Makes a commissioning report of what the doctor, the hub, its configuration and its care plan say. Pure."""

from collections.abc import Iterable, Iterator

import msgspec

from agent.config import HubConfig
from agent.status import HubStatus
from provisioning.doctor.command import Told
from provisioning.doctor.finding import WORST_FIRST, Finding, Looked, State
from provisioning.doctor.show import findings
from provisioning.plan.explain_words import sentences
from provisioning.report.facts import Checked, Commissioning, Installed, Part, Tested, Trouble
from provisioning.sensors.listing import lines
from provisioning.sensors.walk import RangeTest, WalkTest
from rules.plan import Plan
from rules.values import Now, utc

GAPS = "What is known to be missing"
"""The title of the section of `provisioning.plan.explain_words` that tells the accepted gaps."""


class Found(msgspec.Struct, frozen=True, kw_only=True):
    """Everything a report is made of. `status` is None where no hub runs; `plan` None for the built-in one."""

    config: HubConfig
    site: str
    told: Told
    status: HubStatus | None
    walk: WalkTest | None = None
    plan: Plan | None = None


def put_together(found: Found, software: str, now: Now) -> Commissioning:
    """Put a report together: what does not work comes first, from whoever found it."""
    tests, ranges = tuple(_tests(found.config, found.walk)), found.walk.ranges if found.walk else ()
    looked, plan = found.told.checks, found.plan or Plan()
    return Commissioning(
        hub=found.config.hub,
        site=found.site,
        software=software,
        made=utc(now.wall_ms),
        synced=now.synced,
        not_working=(*_troubles(findings(looked, "wrong")), *_untested(tests), *_out_of_range(ranges)),
        to_look_at=_troubles(findings(looked, "warning")),
        sensors=tuple(_sensors(found.config, found.status)),
        parts=tuple(_parts(found.config)),
        walked=found.walk.ended if found.walk else "",
        tests=tests,
        ranges=ranges,
        checks=tuple(_checked(each) for each in looked if each.findings),
        round_trips_ms=tuple(_round_trips(tests, looked)),
        plan_version=plan.version,
        plan=tuple(
            Part(title=each.title, points=each.points, alarm=each.alarm)
            for each in sentences(plan)
            if each.points and each.title != GAPS
        ),
        gaps=next((each.points for each in sentences(plan) if each.title == GAPS), ()) if plan.accepted_gaps else (),
    )


def _troubles(found: Iterable[Finding]) -> tuple[Trouble, ...]:
    return tuple(Trouble(about=each.about, found=each.found, remedy=each.remedy) for each in found)


def _tests(config: HubConfig, walk: WalkTest | None) -> Iterator[Tested]:
    """Give a line for every sensor there is now: one that is new, or another thing since, was not tested."""
    known = {(each.id, each.kind, each.location): each for each in (walk.sensors if walk else ())}
    for each in config.sensors:
        test = known.get((each.id, each.kind, each.location))
        yield Tested(
            sensor=each.id,
            kind=each.kind,
            location=each.location,
            result=test.outcome if test else "not tested",
            missing=test.missing if test else "",
            signal=test.signal if test else None,
            round_trip_ms=test.roundtrip_ms if test else None,
        )


_WORKS = ("arrived", "heard")
_TEST_AGAIN = "hearthline sensors test, then make this report again"


def _untested(tests: Iterable[Tested]) -> Iterator[Trouble]:
    for each in tests:
        if each.result in _WORKS:
            continue
        words = {
            "not tested": "it was not tested: nobody knows whether it works",
            "left out": "it was left out of the walk test: nobody knows whether it works",
            "not heard": "the hub did not hear it in the walk test",
            "not arrived": "the hub hears it, but no call of it arrived at the centre",
        }
        found = words[each.result] + (f" ({each.missing})" if each.missing else "")
        yield Trouble(about=f"{each.kind} {each.sensor}, {each.location}", found=found, remedy=_TEST_AGAIN)


def _out_of_range(ranges: Iterable[RangeTest]) -> Iterator[Trouble]:
    for each in ranges:
        if not each.passed:
            found = f"the range test heard {each.heard} of {each.pressed or 'some'} presses"
            yield Trouble(about=each.sensor, found=found, remedy="move the receiver or its aerial, and test again")


def _sensors(config: HubConfig, status: HubStatus | None) -> Iterator[Installed]:
    for each in lines(config, status):
        yield Installed(
            sensor=each.id,
            kind=each.kind,
            location=each.location,
            driver=each.driver,
            address=each.address,
            heard=each.heard,
            signal=each.signal,
            battery=each.battery,
        )


def _parts(config: HubConfig) -> Iterator[tuple[str, str]]:
    """Say what the box itself has."""
    ways = (f"{each.name}{f' by {each.interface}' if each.interface else ''}" for each in config.uplinks)
    yield "Lines to the centre", ", ".join(ways)
    yield "Text messages", "by a modem of its own" if config.modem else "none: nobody can be texted"
    yield "Buttons on the box", ", ".join(config.buttons.by_name) or "none"
    yield "Lights and signals", ", ".join(config.outputs.by_part) if config.outputs else "none"
    yield "Loudspeaker", "yes: it sounds and speaks" if config.sound else "none"


def _checked(looked: Looked) -> Checked:
    """Give a check's worst state, and what has it; what was not looked at is told, and makes nothing worse."""
    seen: list[State] = [each.state for each in looked.findings if each.state != "skipped"]
    worst: State = min(seen, key=WORST_FIRST.index) if seen else "skipped"
    told = [each for each in looked.findings if each.state in (worst, "skipped")]
    return Checked(title=looked.title, state=worst, words="; ".join(f"{each.about}: {each.found}" for each in told))


def _round_trips(tests: Iterable[Tested], looked: Iterable[Looked]) -> Iterator[int]:
    """Give those of the walk test, and the doctor's own."""
    yield from (each.round_trip_ms for each in tests if each.round_trip_ms is not None)
    yield from (each.round_trip_ms for one in looked for each in one.findings if each.round_trip_ms is not None)
