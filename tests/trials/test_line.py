"""The line's trials, a few rounds of each; the soak makes many more. What only waits is waited for together."""

import asyncio
from collections.abc import Iterable
from pathlib import Path

import pytest

from simulators.trials.line.hanging import EXTRA_MS, HANGS
from simulators.trials.line.hanging import TRIALS as HANG
from simulators.trials.line.home import attempts_max
from simulators.trials.line.lies import TRIALS as LINE
from simulators.trials.line.packed import EVENTS, PRESSES
from simulators.trials.line.packed import TRIALS as PACKED
from simulators.trials.trial import Figures, NotHereError, Trial, percentile, play_rounds

TRIALS = {trial.name: trial for trial in (*LINE, *HANG, *PACKED)}


async def together(folder: Path, rounds: Iterable[tuple[str, int]]) -> Figures:
    """Play rounds at the same time, each a household of its own."""
    figures = Figures()
    for each in await asyncio.gather(*(_one(folder, TRIALS[name], number) for name, number in rounds)):
        figures.add(each)
    return figures


async def _one(folder: Path, trial: Trial, number: int) -> Figures:
    # Sockets have short names.
    return await play_rounds(trial, [number], folder / str(number))


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("line")


@pytest.mark.slow
async def test_s2_s3_s4_s7_alarms_get_through_lines_that_lie_or_come_and_go_peers_that_pack_and_a_dead_centre(
    folder: Path,
) -> None:
    half_open = [0, 2, 12, 13]  # before, after the PUBACK and good again at once, for long, with the press
    rounds = [("half-open", number) for number in half_open]
    rounds += [("poor-line", number) for number in range(4)]  # it flaps, drips, tears, is slow
    rounds += [("silent-centre", number) for number in (6, 19)]  # hears nothing; ended, and another takes over
    rounds += [("packed-records", number) for number in range(2)]  # many packets in a TLS record; a byte in each
    figures = await together(folder, rounds)
    assert figures.counted["half-open lines with an alarm waiting"] == len(half_open)
    assert figures.counted["silences of the centre, on one and the same connection"] == 2
    assert figures.counted["events through packed or split records"] >= 2 * EVENTS
    assert figures.counted["alarms arrived"] == len(half_open) + 2 * 4 + 2 + 2 * PRESSES
    assert len(figures.measured["receipted after the line carried again, s"]) == len(half_open) + 2 * 4
    assert max(figures.measured["receipted after the line carried again, s"]) <= 15
    assert max(figures.measured["a lying line noticed, s"]) <= 10.5
    assert max(figures.measured["a dead centre noticed, s"]) <= 10.5


@pytest.mark.slow
async def test_s1_what_hangs_of_dns_tcp_tls_connack_or_suback_delays_no_sound(folder: Path) -> None:
    dns = asyncio.create_task(together(folder / "dns", [("hanging-dns", 8)]))
    figures = await together(folder, (("hanging-connection", number) for number in range(len(HANGS))))
    for what in HANGS:
        assert percentile(figures.measured[f"extra while {what} hangs, ms"], 0.8) <= EXTRA_MS
    assert len(figures.measured["receipted after the line carried again, s"]) == len(HANGS)
    try:
        figures = await dns
    except NotHereError as error:
        pytest.skip(f"all but DNS: {error}")
    assert percentile(figures.measured["extra while DNS hangs, ms"], 0.8) <= EXTRA_MS


def test_s12_attempts_are_bounded_by_the_pauses() -> None:
    assert attempts_max(0) == 5
    assert attempts_max(12) == 11
