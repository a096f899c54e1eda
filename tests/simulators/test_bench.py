"""The benchmark can itself be wrong: that it drains what it says, sees what a process holds, and judges."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from simulators.bench.drain import drain_floor, drain_hub
from simulators.bench.footprint import Footprint
from simulators.bench.memory import Held, look
from simulators.bench.page import Results, page, quantile
from simulators.bench.signing import Signing, signing
from simulators.bench.speaking import Spoken, speaking
from simulators.bench.stage import Line, Probe, Stage

ROWS = 700


def probe(puback_s: float) -> Probe:
    taken = Probe()
    taken.taken = {stage: [puback_s] * 10 for stage in Probe.STAGES}
    return taken


RESULTS = Results(
    floor=probe(0.001),
    hub=probe(0.0014),
    drains=[(1_000, 800), (1_000, 750)],
    rows=5_000,
    footprint=Footprint([0.2, 0.9], 0.1),
    held=[Held(0, 40_000, 30_000, []), Held(100, 41_000, 30_000, []), Held(200, 41_100, 30_000, [("data", 20_000)])],
    syncs={"smoke": (1, 0, 1)},
    years_a_minute=2.0,
    sync_ms=[0.1],
    spoken=Spoken(written=[0.01] * 10, taken=[0.03] * 10, voice=True),
    signing=Signing(steps=[("an event is signed", 20.0, 50.0)]),
)


def test_every_goal_that_is_met_is_said_to_be() -> None:
    assert "**missed**" not in page(RESULTS)
    assert "1.40 x the floor" in page(RESULTS)
    assert "kind smoke: 2 " in page(RESULTS)
    assert "an event is signed: 50 µs, 2.5 x the 20" in page(RESULTS)


@pytest.mark.parametrize(
    "worse",
    [
        {"hub": probe(0.0016)},
        {"drains": [(1_000, 600)]},
        {"footprint": Footprint([0.2, 1.1], 0.1)},
        {"footprint": Footprint([0.2], 0.6)},
        {"held": [RESULTS.held[0], Held(100, 41_000, 30_000, []), Held(200, 41_600, 30_000, [])]},
        {"held": [RESULTS.held[0], Held(100, 47_000, 30_000, []), Held(200, 47_000, 30_000, [])]},
        {"years_a_minute": 0.9},
        {"spoken": Spoken(written=[0.01] * 9 + [0.051], taken=[0.03] * 10, voice=True)},
    ],
)
def test_a_goal_that_is_missed_is_said_to_be(worse: dict[str, object]) -> None:
    assert page(replace(RESULTS, **worse)).count("**missed**") == 1


def test_a_quantile_is_a_value_that_was_measured() -> None:
    assert quantile([3.0, 1.0, 2.0], 0.5) == 2.0
    assert quantile([1.0], 0.99) == 1.0


def test_what_a_process_shares_with_us_counts_whole_and_is_not_private() -> None:
    pid = os.getpid()
    among_us, alone = look(pid, 0, (pid,)), look(pid, 0, ())
    assert among_us.alone >= alone.alone > alone.private > 0
    assert among_us.largest[0][1] > 0


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path) as stage:
        yield stage


async def test_hub_and_floor_drain_every_row_and_tell_how_fast(tmp_path: Path, stage: Stage) -> None:
    line = Line(tmp_path / "line")
    config = stage.config(line.path)
    assert await drain_floor(stage, config, ROWS) > 10
    assert await drain_hub(config, ROWS) > 10
    line.close()


async def test_the_speaking_hub_is_pressed_while_it_speaks(tmp_path: Path, stage: Stage) -> None:
    line = Line(tmp_path / "line")
    spoken = await speaking(stage, line, stage.config(line.path), 3, warm_up=1, voice_s=0)
    line.close()
    assert len(spoken.written) == len(spoken.taken) == 3
    assert all(0 < moment < 5 for moment in (*spoken.written, *spoken.taken))


def test_what_proof_costs_is_measured_beside_the_floor() -> None:
    for name, bare, ours in signing(20).steps:
        assert 0 < bare < ours, name
