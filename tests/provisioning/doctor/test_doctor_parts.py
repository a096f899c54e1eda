"""The doctor on what a hub has besides its machine: sound, service, renewal, modem, and the care plan it keeps."""

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from agent.config import load
from agent.plan.arrival import OUTCOME
from agent.plan.proving import Verdict
from agent.status import RENEWAL_FILE
from provisioning.doctor.checks import modem, plan, renewal, service, sound
from provisioning.doctor.finding import Check, Finding
from provisioning.doctor.scene import Hub
from simulators.modem import Modem
from simulators.serial_line import SerialAdapter
from tests.support.renewing import Home
from tests.support.sites import NOW_MS

States = Callable[..., list[tuple[str, str]]]
Worst = Callable[..., Finding]


# --- sound ---------------------------------------------------------------------------------------------


def test_a_sound_device_is_opened_unless_the_hub_has_it(states: States, worst: Worst) -> None:
    if shutil.which("aplay") is None:
        pytest.skip("no aplay on this machine")
    assert sound.probe("null", may_open=True).opened is True
    missing = sound.probe("plughw:CARD=NoSuchCard", may_open=True)
    assert missing.opened is False
    assert "cannot be opened" in worst(sound.judge(missing)).found
    assert sound.probe("null", may_open=False).opened is None


def test_missing_programs_are_told(monkeypatch: pytest.MonkeyPatch, states: States) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert states(sound.judge(sound.probe("null", may_open=True))) == [("wrong", "loudspeaker"), ("wrong", "voice")]


# --- service and renewal -------------------------------------------------------------------------------

RUNNING = {"LoadState": "loaded", "ActiveState": "active", "UnitFileState": "enabled", "NRestarts": "0"}


@pytest.mark.parametrize(
    ("unit", "state", "words"),
    [
        (None, "skipped", "systemd"),
        ({"LoadState": "not-found"}, "wrong", "not installed"),
        (RUNNING | {"ActiveState": "failed", "Result": "exit-code"}, "wrong", "exit-code"),
        (RUNNING | {"ActiveState": "inactive"}, "wrong", "not running"),
        (RUNNING | {"UnitFileState": "disabled"}, "wrong", "not started after"),
        (RUNNING | {"NRestarts": "7"}, "warning", "7 times"),
        (RUNNING, "well", ""),
    ],
)
def test_a_service(unit: dict[str, str] | None, state: str, words: str, states: States, worst: Worst) -> None:
    found = list(service.judge(service.Facts(unit=unit, timer=RUNNING)))
    states(found)
    assert (worst(found).state, words in worst(found).found) == (state, True)
    if unit == RUNNING:
        no_timer = worst(service.judge(service.Facts(unit=unit, timer={"LoadState": "not-found"})))
        assert (no_timer.state, no_timer.about) == ("wrong", service.TIMER)


DAY_MS = renewal.DAY_MS


@pytest.mark.parametrize(
    ("notes", "state"),
    [
        (None, "skipped"),
        ({"looked_ms": 99 * DAY_MS}, "well"),
        ({"looked_ms": 90 * DAY_MS}, "wrong"),
        ({"looked_ms": 99 * DAY_MS, "failing_ms": 98 * DAY_MS, "failures": 3}, "warning"),
        ({"looked_ms": 99 * DAY_MS, "failing_ms": 80 * DAY_MS, "failures": 30}, "wrong"),
    ],
)
def test_renewals_own_notes(notes: dict[str, int] | None, state: str, tmp_path: Path, states: States) -> None:
    if notes is not None:
        (tmp_path / RENEWAL_FILE).write_text(json.dumps(notes))
    found = list(renewal.judge(renewal.probe(tmp_path, 100 * DAY_MS)))
    assert states(found) == [(state, "renewal")]


def test_a_timer_that_never_ran_is_noticed_after_a_day(tmp_path: Path, states: States) -> None:
    at = Home(tmp_path)
    config = load(at.folder.config)
    (at.state / RENEWAL_FILE).unlink(missing_ok=True)
    for days, state in ((0, "skipped"), (1, "warning")):
        now_ms = NOW_MS + days * DAY_MS
        assert states(renewal.judge(renewal.probe(at.state, now_ms, renewal._since(config)))) == [(state, "renewal")]
    assert states(renewal.judge(renewal.probe(at.state, None, renewal._since(config)))) == [("skipped", "renewal")]
    (at.keys / "site.jws").unlink()  # keys that no site's service renews
    assert renewal._since(config) is None


# --- modem ---------------------------------------------------------------------------------------------


async def asked(box: Any, simulated: Modem) -> list[Finding]:
    port = simulated.line.path
    box.write(tables=f'[modem]\nport = "{port}"\n')
    check: Check = modem.CHECK
    return list(await asyncio.to_thread(lambda: list(check.look(box.scene()))))


async def test_a_modem_is_asked_by_its_port_and_no_pin_is_tried(
    box: Any, tmp_path: Path, states: States, worst: Worst
) -> None:
    simulated = Modem(tmp_path / "modem")
    simulated.plug()
    assert [state for state, _ in states(await asked(box, simulated))] == ["well", "well", "well"]
    simulated.registration = 2
    assert "not registered" in worst(await asked(box, simulated)).found
    simulated.sim = False
    assert "there is none" in worst(await asked(box, simulated)).found
    assert not [each for each in simulated.commands if each.startswith("+CPIN=")]
    simulated.unplug()
    assert "is not there" in worst(await asked(box, simulated)).found


async def test_a_sim_that_wants_its_pin_and_a_port_that_is_mute(
    box: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, worst: Worst
) -> None:
    locked = Modem(tmp_path / "modem", pin="1234")
    locked.plug()
    assert "wants its PIN" in worst(await asked(box, locked)).found
    monkeypatch.setattr(modem, "_ANSWER_S", 0.1)
    locked.mute = True
    assert "nothing answers" in worst(await asked(box, locked)).found
    assert locked.attempts == 3
    locked.unplug()


def test_a_live_hubs_modem_is_never_opened(box: Any, tmp_path: Path) -> None:
    with SerialAdapter(tmp_path / "modem") as adapter:
        box.write(tables=f'[modem]\nport = "{adapter.path}"\n')
        (found,) = modem.CHECK.look(box.scene(hub=Hub(running="silent")))
        assert (found.state, adapter.hear()) == ("skipped", b"")


# --- care plan -----------------------------------------------------------------------------------------


def test_a_plan_that_is_kept_is_proven_for_this_hub(
    box: Any, monkeypatch: pytest.MonkeyPatch, states: States, worst: Worst
) -> None:
    verdicts = {1: Verdict(ok=True), 2: Verdict(ok=False, reasons=("a", "b", "c"))}

    async def prove(found: Any, _path: Path) -> Verdict:
        return verdicts[found.version]

    monkeypatch.setattr(plan, "prove", prove)
    box.write()

    def looked() -> list[Finding]:
        found = list(plan.CHECK.look(box.scene()))
        states(found)
        return found

    assert "none yet" in looked()[0].found
    (box.state / "plans").mkdir()
    (box.state / "plans/1.json").write_text('{"version": 1, "accepted_gaps": ["pendant/line-down"]}')
    assert states(looked()) == [("well", "care plan 1"), ("warning", "care plan 1")]
    (box.state / "plans/2.json").write_text('{"version": 2}')
    assert "not proven: a; b; and 1 more" in worst(looked()).found
    (box.state / "plans/3.json").write_text('{"version": "three"}')
    assert "expected" in worst(looked()).found
    (box.state / OUTCOME).write_text('{"outcome": "refused", "version": 4, "reasons": ["no ladder"]}')
    assert ("warning", "the last plan laid") in states(looked())


def test_a_plan_that_does_not_suit_the_hub_is_found(box: Any) -> None:
    box.write()
    (box.state / "plans").mkdir()
    watch = {"sensor": "lounge", "low": 16.0}
    (box.state / "plans/1.json").write_text(json.dumps({"version": 1, "temperature": [watch]}))
    (found,) = plan.CHECK.look(box.scene())
    assert (found.state, "temperature[1].sensor" in found.found) == ("wrong", True)
