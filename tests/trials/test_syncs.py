"""What an alarm costs the card: no more syncs than the rules ask for, and a number that cannot creep up unseen."""

from pathlib import Path

import pytest

from simulators.trials.syncs import Syncs, count_syncs


@pytest.mark.parametrize(
    ("kind", "syncs"),
    [
        ("pendant", Syncs(pressed=1, raised=1, receipted=1, quiet_hour=30)),
        ("smoke", Syncs(pressed=1, raised=0, receipted=1, quiet_hour=30)),
    ],
)
async def test_s1_an_alarm_costs_as_few_syncs_as_the_rules_allow(tmp_path: Path, kind: str, syncs: Syncs) -> None:
    assert await count_syncs(tmp_path, kind) == syncs
