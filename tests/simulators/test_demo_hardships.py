"""The harder scenarios of `hearthline demo`: each goes as it should, and fails when the promise it shows is broken.

The siren is hastened, from 60 s to 12.
"""

import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import pytest

from simulators.demo.scenarios import SCENARIOS
from tests.simulation.patches import copied
from tests.support.demo import CODE, LIMIT_S, Ran, demo, installed, left_behind
from tests.support.house import ROOT

pytestmark = pytest.mark.slow

SIREN_S = 12

ARRIVED = ("centre:alarm.raised", "centre:receipt", "lamp:arrived:on")
UNANSWERED = ("tone:calling", "tone:no-line", "siren:on")

STORIES: Mapping[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "half-open": (
        ("line:half-open", "you:call", "tone:calling", "tone:no-line", "line:restored", *ARRIVED, "dark"),
        ("lie_noticed_s", "restored_to_receipt_s"),
    ),
    "centre-silent": (
        ("centre:asleep", "you:call", *UNANSWERED, "centre:awake", *ARRIVED, "siren:off", "dark"),
        ("silence_noticed_s", "siren_s", "awake_to_receipt_s"),
    ),
    "disk-full": (
        ("hub:disk-full", "you:call", *ARRIVED, "hub:disk-freed", "hub:durable", "hub:killed", "hub:armed", "dark"),
        ("heard_you_s", "called_to_centre_s", "freed_to_durable_s"),
    ),
    "clock-step": (
        (
            "you:call",
            "hub:clock",
            "tone:calling",
            "hub:clock",
            *UNANSWERED[1:],
            "lamp:arrived:on",
            "dark",
            "hub:honest",
        ),
        ("cancel_window_s", "call_to_ringing_s", "silence_noticed_s", "siren_s"),
    ),
    "forged-receipt": (
        ("hub:refused", "you:call", "line:forged", "hub:refused", *UNANSWERED[1:], "hub:refused", *ARRIVED[1:]),
        ("silence_noticed_s", "siren_s"),
    ),
    "week-of-backlog": (
        ("hub:backlog", "hub:killed", "hub:armed", "you:call", *ARRIVED, "centre:overtaken", "centre:drained"),
        ("overtakes_s",),
    ),
}


class Break(NamedTuple):
    """A line of the code that upholds a promise, what it is broken into, and what the scenario must then say."""

    file: str
    good: str
    bad: str
    said: str


BREAKS: Mapping[tuple[str, str], Break] = {
    ("half-open", "s3 nobody asks whether the line lies"): Break(
        "agent/uplink/uplink.py", "if self.window.lying(now_ms):", "if False:", "notice"
    ),
    ("centre-silent", "s7 nobody waits for a receipt"): Break(
        "rules/triggers.py", "RECEIPT_MS = 10_000", "RECEIPT_MS = 100_000", "did not sound that there is no line"
    ),
    ("disk-full", "s1 action waits for a bad disk"): Break(
        "agent/pump.py", "await self._writer.durable(commit)", "await commit", "the CALL lamp did not come on"
    ),
    ("clock-step", "s6 durations run on a clock that can be set"): Break(
        "simulators/demo/hub.py",
        "replace(now, wall_ms=",
        "replace(now, ms=now.ms + self._lever.wall_ms, wall_ms=",
        "the hub did not ring",
    ),
    ("forged-receipt", "s8 an old receipt is believed"): Break(
        "agent/uplink/inward.py", "if message.nonce not in nonces and not timely:", "if False:", "not fresh"
    ),
    ("forged-receipt", "s8 a check-in's receipt is believed again"): Break(
        "agent/uplink/hearing.py", "self.check_in = None  # S8", "pass  # S8", "receipts for nothing that waits"
    ),
    ("week-of-backlog", "s5 alarms wait their turn"): Break(
        "agent/uplink/window.py",
        "self.key = (row.rank,",
        "self.alarm = False\n        self.key = (0, order) or (row.rank,",
        "overtakes",
    ),
}


def options(name: str) -> list[str]:
    return ["--scenario", name, "--json", *(("--siren", str(SIREN_S)) if SCENARIOS[name].sirens else ())]


def broken(folder: Path, name: str, change: Break) -> Ran:
    """Play a scenario with a copy of the code in which a promise is broken."""
    copy = copied(folder / "code")
    text = (copy / change.file).read_text()
    assert text.count(change.good) == 1, f"{change.file} has {change.good!r} {text.count(change.good)} times"
    (copy / change.file).write_text(text.replace(change.good, change.bad))
    environment = installed(folder)
    environment["PYTHONPATH"] = environment["PYTHONPATH"].replace(str(ROOT), str(copy))
    ran = subprocess.run(
        [sys.executable, "-c", CODE, "demo", *options(name)],
        env=environment,
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=LIMIT_S,
        check=False,
    )
    return Ran(ran.returncode, ran.stdout, ran.stderr)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path: sockets lie in it."""
    with tempfile.TemporaryDirectory(prefix="demo-", ignore_cleanup_errors=True) as made:
        yield Path(made)


def test_every_hardship_is_tested() -> None:
    assert list(STORIES) == list(SCENARIOS)[-len(STORIES) :]
    assert {name for name, _ in BREAKS} == STORIES.keys()


@pytest.mark.parametrize("name", STORIES)
def test_a_hardship_goes_as_it_should(folder: Path, name: str) -> None:
    ran = demo(folder, *options(name))
    assert ran.code == 0, ran.said + ran.complaint
    document = ran.document
    wanted, promised = STORIES[name]
    assert (document["ok"], document["reason"]) == (True, "")
    keys = [step["key"] for step in document["steps"]]
    rest = iter(keys)
    assert all(any(f"{key}:".startswith(f"{one}:") for key in rest) for one in wanted), keys
    assert set(promised) <= document["promised"].keys()
    assert keys.count("centre:alarm.raised") == 1
    assert left_behind(folder) == []


@pytest.mark.parametrize("key", BREAKS, ids=": ".join)
def test_a_hardship_fails_when_its_promise_is_broken(folder: Path, key: tuple[str, str]) -> None:
    ran = broken(folder, key[0], BREAKS[key])
    assert ran.code == 1, ran.said + ran.complaint
    assert BREAKS[key].said in ran.document["reason"]
    assert left_behind(folder) == []
