"""`hearthline sim`: says what it ran, and on a broken promise tells the shrunk story and how to see it again."""

from pathlib import Path

import msgspec
import pytest
from click.testing import CliRunner

from simulators.world.command import sim
from simulators.world.promises import sound
from simulators.world.script import Incident

SCRIPT = (
    Incident(900_000, "reading", "smoke-hall"),
    Incident(1_000_000, "press", "pendant-1"),
    Incident(1_200_000, "alive", "pendant-2"),
)


def test_a_good_day_is_said_to_be_one() -> None:
    done = CliRunner().invoke(sim, ["--seed", "1", "--days", "1"])
    assert done.exit_code == 0, done.output
    assert "1 world of 1 days, from seed 1" in done.output
    assert "seed 1 (1/1): every promise was kept" in done.output
    assert "household-days in" in done.output
    assert "stimuli told to the centre" in done.output


def test_without_a_seed_one_is_drawn_and_said() -> None:
    done = CliRunner().invoke(sim, ["--days", "1"])
    assert done.exit_code == 0, done.output
    assert "from seed " in done.output


def test_a_broken_promise_is_shrunk_told_kept_and_can_be_seen_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sound, "DISK_MS", -sound.STEP_MS)  # a promise nobody can keep: it sounds before it is pressed
    script, kept = tmp_path / "script.json", tmp_path / "kept.json"
    script.write_bytes(msgspec.json.encode(SCRIPT))
    done = CliRunner().invoke(sim, ["--seed", "1", "--script", str(script), "--keep", str(kept)])
    assert done.exit_code == 1
    for words in (
        "1 incidents are left",
        "** press pendant-1",
        "BROKEN at day 1 ",
        "the call sounds within 250 ms (S1)",
        f"hearthline sim --seed 1 --script {kept}",
    ):
        assert words in done.output, done.output
    (left,) = msgspec.json.decode(kept.read_bytes(), type=tuple[Incident, ...])
    assert (left.what, left.who) == ("press", "pendant-1")
    again = CliRunner().invoke(sim, ["--seed", "1", "--script", str(kept), "--no-shrink"])
    assert again.exit_code == 1
    assert "BROKEN" in again.output
