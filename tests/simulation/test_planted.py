"""Each planted bug is found by the promise that it breaks, in one of the worlds that the real code passes."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from simulators.world.script import Incident, Script
from simulators.world.world import Broken, play
from tests.simulation.patches import PLANTED, StaleError, apply, copied

PLAY = """
import sys, msgspec
from simulators.world.script import Script, generate
from simulators.world.world import play
seed, told = int(sys.argv[1]), sys.argv[2]
script = msgspec.json.decode(told, type=Script) if told else generate(seed, 2)
sys.stdout.buffer.write(msgspec.json.encode(play(seed, script).broken))
"""

SCRIPTS: dict[str, Script] = {
    "held-for-ever": (
        Incident(1_000, "plan", "newer", n=8),
        Incident(590_000, "line cut", ms=9_000_000),
        Incident(590_000, "mobile cut", ms=9_000_000),
        Incident(590_000, "modem pulled", ms=1_500_000),
        Incident(600_000, "press", "pendant-1"),
        Incident(1_000_000, "help"),
    ),
    "missing": (
        Incident(60_000, "reading", "smoke-hall", n=80),
        Incident(300_000, "line cut", ms=600_000),
        Incident(300_000, "mobile cut", ms=600_000),
        Incident(400_000, "reading", "co-kitchen", n=40),
        Incident(500_000, "kill", ms=2_000),
    ),
    "struck-out": (
        Incident(1_000, "plan", "newer", n=11),
        Incident(60_000, "command", "away"),
        Incident(1_860_000, "plan", "newer", n=18),
        Incident(1_920_000, "command", "home"),
    ),
    "time-made-up": (
        Incident(1_000, "plan", "newer", n=11),
        Incident(1_810_000, "power cut", ms=5_000, n=102),
        Incident(1_850_000, "open", "box-1", ms=5_000),
    ),
}
"""What finds a bug that none of the fifty days happens to meet: a modem back while somebody has the alarm, who leaves
it; a reading that is an epoch's last, and waits while the line is cut and the process dies; tablets that a newer plan
strikes out while everybody is away; and their box, opened after a power cut before anybody knows the time."""

FOUND_BY = {
    "lost": (1, "no alarm lost"),
    "doubled": (1, "none doubled"),
    "two-contents": (1, "no id with two contents"),
    "missing": (1, "no number missing"),
    "waits-for-the-disk": (15, "the call sounds"),
    "deadline-put-off": (13, "every step on time"),
    "tires-of-resending": (7, "offered at once"),
    "alarms-queue-up": (3, "alarms overtake"),
    "window-without-bound": (2, "everything is bounded"),
    "replay-differs": (1, "replay equals live"),
    "unnoticed": (2, "noticed in time"),
    "unproven": (7, "messages are proven"),
    "held-time-counts": (1, "every step on time"),
    "spacing-lost": (1, "every step on time"),
    "older-plan": (1, "only a newer plan"),
    "ladder-changed": (1, "only a newer plan"),
    "texted-twice": (1, "each is texted once"),
    "one-contact": (1, "each is texted once"),
    "any-code": (3, "each is texted once"),
    "held-for-ever": (1, "each is texted once"),
    "mains-unnoticed": (1, "noticed in time"),
    "silence-unnoticed": (1, "silence is noticed"),
    "stays-away": (2, "silence is noticed"),
    "away-not-paused": (20, "what is watched"),
    "goes-unseen": (1, "what is watched"),
    "cold-all-day": (1, "what is watched"),
    "not-in-bed-yet": (2, "what is watched"),
    "each-edge-told": (4, "no alarm displaces"),
    "displaced": (1, "no alarm displaces"),
    "jam-unnoticed": (1, "noticed in time"),
    "battery-unnoticed": (2, "noticed in time"),
    "any-press-a-test": (22, "a test only"),
    "test-forgotten": (4, "a test only"),
    "standby-waits": (21, "the second line"),
    "dose-doubled": (1, "each occasion"),
    "moved-and-doubled": (1, "each occasion"),
    "said-through-alarms": (1, "each occasion"),
    "said-at-night": (1, "a message is heard"),
    "struck-out": (1, "each occasion"),
    "time-made-up": (1, "each occasion"),
}
"""The world (of test_world's fifty days) that finds it soonest, and the promise that it breaks."""


def found(patch: Path, seed: int, folder: Path, script: Script = ()) -> Broken | None:
    apply(patch, copied(folder))
    ended = subprocess.run(
        [sys.executable, "-c", PLAY, str(seed), msgspec.json.encode(script).decode() if script else ""],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        check=False,
        timeout=120,
    )
    assert ended.returncode == 0, ended.stderr.decode()[-2_000:]
    return msgspec.json.decode(ended.stdout, type=Broken | None)


@pytest.mark.parametrize("name", FOUND_BY)
def test_a_planted_bug_is_found_by_the_promise_it_breaks(name: str, tmp_path: Path) -> None:
    seed, promise = FOUND_BY[name]
    broken = found(PLANTED / f"{name}.patch", seed, tmp_path, SCRIPTS.get(name, ()))
    assert broken is not None, f"seed {seed} does not find it any more: look for another, or mend the patch"
    assert broken.promise.startswith(promise), broken


@pytest.mark.parametrize("name", SCRIPTS)
def test_the_real_code_passes_the_scripts_that_bugs_are_found_by(name: str) -> None:
    assert play(FOUND_BY[name][0], SCRIPTS[name]).broken is None


def test_every_patch_is_tried() -> None:
    assert {each.stem for each in PLANTED.glob("*.patch")} == set(FOUND_BY)


def test_a_patch_that_does_not_fit_any_more_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "delivery.py").write_text("RESEND_MS = (1, 2, 3)\n")
    with pytest.raises(StaleError, match="fits 0 times"):
        apply(PLANTED / "tires-of-resending.patch", tmp_path)
