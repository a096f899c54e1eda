"""Each planted bug is found by the promise that it breaks, in one of the worlds that the real code passes."""

import os
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from simulators.world.world import Broken
from tests.simulation.patches import PLANTED, StaleError, apply, copied

PLAY = """
import sys, msgspec
from simulators.world.command import one_world
sys.stdout.buffer.write(msgspec.json.encode(one_world(int(sys.argv[1]), 2).broken))
"""

FOUND_BY = {
    "lost": (1, "no alarm lost"),
    "doubled": (1, "none doubled"),
    "two-contents": (1, "no id with two contents"),
    "missing": (7, "no number missing"),
    "waits-for-the-disk": (6, "the call sounds"),
    "deadline-put-off": (10, "every step on time"),
    "tires-of-resending": (7, "offered at once"),
    "alarms-queue-up": (3, "alarms overtake"),
    "window-without-bound": (4, "everything is bounded"),
    "replay-differs": (3, "replay equals live"),
    "unnoticed": (1, "noticed in time"),
    "unproven": (7, "messages are proven"),
    "held-time-counts": (1, "every step on time"),
    "spacing-lost": (5, "every step on time"),
    "older-plan": (1, "only a newer plan"),
    "ladder-changed": (1, "only a newer plan"),
    "texted-twice": (1, "each is texted once"),
    "one-contact": (1, "each is texted once"),
    "any-code": (7, "each is texted once"),
    "held-for-ever": (7, "each is texted once"),
    "mains-unnoticed": (1, "noticed in time"),
    "silence-unnoticed": (1, "silence is noticed"),
    "stays-away": (2, "silence is noticed"),
}
"""The world (of test_world's fifty days) that finds it soonest, and the promise that it breaks."""


def found(patch: Path, seed: int, folder: Path) -> Broken | None:
    apply(patch, copied(folder))
    ended = subprocess.run(
        [sys.executable, "-c", PLAY, str(seed)],
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
    broken = found(PLANTED / f"{name}.patch", seed, tmp_path)
    assert broken is not None, f"seed {seed} does not find it any more: look for another, or mend the patch"
    assert broken.promise.startswith(promise), broken


def test_every_patch_is_tried() -> None:
    assert {each.stem for each in PLANTED.glob("*.patch")} == set(FOUND_BY)


def test_a_patch_that_does_not_fit_any_more_is_not_passed_over(tmp_path: Path) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "rules" / "delivery.py").write_text("RESEND_MS = (1, 2, 3)\n")
    with pytest.raises(StaleError, match="fits 0 times"):
        apply(PLANTED / "tires-of-resending.patch", tmp_path)
