"""What the report's tests share: a report of a home in which some things work."""

import pytest

from provisioning.report.facts import Checked, Commissioning, Installed, Part, Tested, Trouble
from provisioning.sensors.walk import RangeTest


@pytest.fixture
def made() -> Commissioning:
    return Commissioning(
        hub="hub-3f9a",
        site="Riverside",
        software="1",
        made="2026-11-22T13:45:10.000Z",
        synced=True,
        not_working=(Trouble(about="smoke smoke-hall, hall", found="it was not tested", remedy="sudo test it"),),
        to_look_at=(Trouble(about="clock", found="not synchronised", remedy="mend it"),),
        sensors=(
            Installed(sensor="pendant-1", kind="pendant", location="worn", driver="radio", address="security1:a1"),
            Installed(sensor="smoke-hall", kind="smoke", location="hall", driver="radio", address="<b>&amp;"),
        ),
        parts=(("Loudspeaker", "none"),),
        walked="2026-11-22T13:40:00.000Z",
        tests=(
            Tested(sensor="pendant-1", kind="pendant", location="worn", result="arrived", signal=80, round_trip_ms=210),
            Tested(sensor="smoke-hall", kind="smoke", location="hall", result="not tested"),
        ),
        ranges=(RangeTest(sensor="pendant-1", began="x", heard=6, pressed=7, signals=(80, 20)),),
        checks=(Checked(title="Disk", state="well", words="room"), Checked(title="Pins", state="wrong", words="none")),
        round_trips_ms=(210, 41, 1_900),
        plan_version=4,
        plan=(
            Part(title="What is done: pendant", points=("One.", "Two."), alarm=True),
            Part(title="Else", points=("3",)),
        ),
        gaps=("When the line is down, nobody may come.",),
    )
