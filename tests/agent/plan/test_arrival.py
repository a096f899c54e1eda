"""S8, S9: how a plan comes in, what keeps it out, and that what keeps it out changes nothing."""

import asyncio
import os
from pathlib import Path
from typing import Any

import msgspec
import pytest
from joserfc.jwk import ECKey, OKPKey

from agent.plan.arrival import JUDGED_MAX
from agent.plan.proving import Verdict
from agent.wire.envelope import CENTRE_ALGORITHM, Signer
from agent.wire.sealing import seal_plan
from rules.events import Triggered
from rules.plan import Plan
from rules.reports import AlarmRaised, FaultRaised, PlanApplied, PlanRefused
from tests.agent.plan.home import HUB, SIGNER, SON, Home, plan, sealed


async def test_a_plan_from_the_centre_is_proven_kept_and_applied(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.hear(sealed(plan(3)))
    assert home.house.plan.version == 3
    assert home.proven == [3]
    assert home.kept == ["3.json"]
    assert home.keeping.number("son", 3) == SON
    assert home.told(PlanApplied)[0].version == 3


async def test_a_plan_laid_as_a_file_is_applied_and_taken_away(tmp_path: Path) -> None:
    home = Home(tmp_path)
    outcome = await home.find(plan(3))
    assert (outcome["outcome"], outcome["version"]) == ("applied", 3)
    assert home.house.plan.version == 3
    assert not (tmp_path / "plan.toml").exists(), "S11: one copy is enough"
    assert (tmp_path / "plan.outcome.json").stat().st_mode & 0o777 == 0o600


async def test_toml_may_be_laid_too(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.find(b'version = 4\nlanguage = "de"\n')
    assert home.house.plan == Plan(version=4, language="de")


@pytest.mark.parametrize(
    "token",
    [
        b"junk",
        sealed(plan(9), signer=Signer(OKPKey.generate_key("Ed25519"), CENTRE_ALGORITHM)),
        sealed(plan(9), hub="hub-2"),
        SIGNER.seal(b'{"aud": "hub-1", "iat": 1, "ref": "e-a-1"}'),
    ],
    ids=["junk", "forged", "misaddressed", "a receipt"],
)
async def test_s8_what_is_not_the_centres_word_to_this_hub_changes_nothing_and_is_counted(
    tmp_path: Path, token: bytes
) -> None:
    home = Home(tmp_path)
    await home.hear(sealed(plan(3)))
    before, events = home.house, len(home.events)
    await home.hear(token, token)
    assert home.house == before
    assert len(home.events) == events, "not even a report: nobody may fill the journal from outside"
    assert sum(home.refused.values()) == 1
    assert next(iter(home.refused)).startswith("plan: ")
    assert home.kept == ["3.json"]


async def test_s8_an_older_plan_replayed_changes_nothing(tmp_path: Path) -> None:
    home = Home(tmp_path)
    old, new = sealed(plan(3)), sealed(plan(4, number="+447700900124"))
    await home.hear(old, new)
    await home.hear(*[sealed(plan(3)) for _ in range(2)], old)
    assert home.house.plan.version == 4
    assert home.keeping.number("son", 4) == "+447700900124"
    assert home.proven == [3, 4], "nor is it proven again"
    assert {each.version for each in home.told(PlanRefused)} == {3}
    assert all("not newer than 4" in each.reason for each in home.told(PlanRefused))


async def test_s4_a_retained_plan_that_comes_with_every_connection_is_told_of_once(tmp_path: Path) -> None:
    home = Home(tmp_path)
    good, bad = sealed(plan(3)), sealed(plan(4, language="x"))
    await home.hear(good, bad, bad, good, bad)
    assert len(home.told(PlanApplied)) == len(home.told(PlanRefused)) == 1


async def test_s4_a_plan_that_comes_again_while_it_is_being_proven_is_told_of_once(tmp_path: Path) -> None:
    home, token = Home(tmp_path), sealed(plan(3))

    def comes_again(_: Plan) -> Verdict:
        home.plans.arrived(token)
        return Verdict(ok=False, reasons=("no human is reached",))

    home.verdict = comes_again
    await home.hear(token)
    await home.plans.turn()
    home.turn()
    assert home.proven == [3]
    assert len(home.told(PlanRefused)) == 1


async def test_the_same_plan_sealed_again_is_nothing_new(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.hear(sealed(plan(3)), sealed(plan(3)))
    assert home.told(PlanRefused) == []


@pytest.mark.parametrize("changes", [{"language": "de"}, {"number": "+447700900199"}], ids=["a rule", "a number"])
async def test_a_change_without_a_new_version_is_not_lost_in_silence(tmp_path: Path, changes: dict[str, Any]) -> None:
    home = Home(tmp_path)
    await home.hear(sealed(plan(3)), sealed(plan(3, **changes)))
    assert home.keeping.number("son", 3) == SON
    assert "give the new one a higher version" in home.told(PlanRefused)[0].reason


BAD = {
    "unreadable": (plan(4, language="english"), "language: "),
    "without consent": (plan(4, contact={"son": {}}), "contact.son.consent: "),
    "for another home": (
        plan(4, visit=[{"name": "a", "sensor": "x", "from": "08:00", "to": "09:00"}]),
        "visit[1].sensor",
    ),
    "without a version": ({}, "version"),
    "with a bad number": (plan(4, number="07700 900123"), "private.numbers.son: "),
}


@pytest.mark.parametrize("name", BAD)
@pytest.mark.parametrize("by_file", [False, True], ids=["by MQTT", "by file"])
async def test_s9_a_bad_plan_never_replaces_a_good_one(tmp_path: Path, name: str, by_file: bool) -> None:
    home = Home(tmp_path)
    await home.hear(sealed(plan(3)))
    document, reason = BAD[name]
    if by_file:
        assert reason in " ".join((await home.find(document))["reasons"])
    else:
        await home.hear(sealed({"version": 0, **document}))
    assert home.house.plan.version == 3
    assert home.keeping.number("son", 3) == SON
    assert reason in home.told(PlanRefused)[0].reason
    assert home.told(PlanRefused)[0].in_force == 3
    assert home.kept == ["3.json"]
    assert home.proven == [3]


async def test_s9_a_plan_that_is_not_proven_never_replaces_a_good_one(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.hear(sealed(plan(3)))
    home.verdict = lambda _: Verdict(ok=False, reasons=("pendant/line-down: no human is reached",))
    await home.hear(sealed(plan(4)))
    assert home.house.plan.version == 3
    assert home.told(PlanRefused)[0].reason == "pendant/line-down: no human is reached"
    assert home.kept == ["3.json"]


async def test_s9_a_proof_that_ran_out_of_time_is_tried_again_when_the_plan_comes_again(tmp_path: Path) -> None:
    home = Home(tmp_path)
    home.verdict = lambda _: Verdict(ok=False, reasons=("the proof took longer than 60 s",), transient=True)
    token = sealed(plan(4))
    await home.hear(token)
    assert home.house.plan.version == 0
    home.verdict = lambda _: Verdict(ok=True)
    await home.hear(token)
    assert home.house.plan.version == 4


async def test_s9_an_open_alarm_keeps_the_numbers_it_began_with(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.hear(sealed(plan(3)))
    home.inbox.put(Triggered("p1"))
    home.turn()
    await home.hear(sealed(plan(4, number="+447700900124")), sealed(plan(5, number="+447700900125")))
    assert home.house.alarms[0].plan_version == 3
    assert home.kept == ["3.json", "5.json"], "the alarm's and the house's; nobody needs the one between"
    assert home.keeping.number("son", 3) == SON
    assert home.keeping.number("son", 5) == "+447700900125"
    assert home.keeping.contact("+44 7700 900125") == home.keeping.contact(SON) == "son"
    assert home.keeping.contact("+447700900124") is None


async def test_alarms_go_on_while_a_plan_is_proven(tmp_path: Path) -> None:
    home = Home(tmp_path)
    proven, done = asyncio.Event(), asyncio.Event()

    async def slowly(_: Plan) -> Verdict:
        proven.set()
        await done.wait()
        return Verdict(ok=True)

    home.plans._prove = slowly
    home.plans.arrived(sealed(plan(3, kind={"pendant": {"cancel_s": 0}})))
    judging = asyncio.create_task(home.plans.turn())
    await asyncio.wait_for(proven.wait(), 5)
    home.inbox.put(Triggered("p1"))
    home.turn()
    assert home.house.alarms[0].plan_version == 0, "by the plan there is"
    done.set()
    await asyncio.wait_for(judging, 5)
    home.turn()
    assert home.house.plan.version == 3


async def test_s12_of_plans_that_come_while_one_is_proven_the_newest_waits(tmp_path: Path) -> None:
    home = Home(tmp_path)
    for version in range(1, JUDGED_MAX * 2):
        home.plans.arrived(sealed(plan(version)))
    await home.plans.turn()
    home.turn()
    assert home.proven == [JUDGED_MAX * 2 - 1]


async def test_the_part_runs_by_itself(tmp_path: Path) -> None:
    home = Home(tmp_path)
    running = asyncio.create_task(home.plans.run())
    home.plans.arrived(sealed(plan(3)))
    async with asyncio.timeout(5):
        while home.house.plan.version != 3:
            await home.inbox.wait(1)
            home.turn()
    laid = tmp_path / "new"
    laid.write_bytes(msgspec.json.encode(plan(4)))
    laid.chmod(0o600)
    laid.rename(tmp_path / "plan.toml")
    async with asyncio.timeout(5):
        while home.house.plan.version != 4:
            await home.inbox.wait(1)
            home.turn()
    running.cancel()


# --- files -------------------------------------------------------------------------------------------


async def test_s11_a_file_that_others_may_read_is_refused_and_kept_for_whoever_laid_it(tmp_path: Path) -> None:
    home = Home(tmp_path)
    outcome = await home.find(plan(3), mode=0o644)
    assert outcome["outcome"] == "refused"
    assert "chmod 600" in outcome["reasons"][0]
    assert home.house.plan.version == 0
    assert not (tmp_path / "plan.toml").exists()
    assert (tmp_path / "plan.toml.refused").exists(), "nobody's work is lost"


@pytest.mark.parametrize("make", [os.mkfifo, os.mkdir, lambda path: path.symlink_to("/etc/hostname")])
async def test_what_is_no_file_is_refused_and_blocks_nothing(tmp_path: Path, make: Any) -> None:
    home = Home(tmp_path)
    make(tmp_path / "plan.toml")
    await asyncio.wait_for(home.plans.turn(), 5)
    home.turn()
    assert home.told(PlanRefused)
    assert home.house.plan.version == 0


# --- power cuts and disks ----------------------------------------------------------------------------


async def test_s9_killed_between_the_file_and_the_commit_the_plan_is_offered_again(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.hear(sealed(plan(3)))
    committed = home.turn()
    home.plans.arrived(sealed(plan(4)))
    await home.plans.turn()  # kept and offered, and there the process ends
    assert home.kept == ["3.json", "4.json"]
    after = Home(tmp_path, committed)
    assert after.house.plan.version == 4
    assert after.keeping.number("son", 4) == SON
    assert after.told(PlanApplied)[0].before == 3


async def test_s9_killed_in_the_middle_of_the_file_the_old_plan_stays(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.hear(sealed(plan(3)))
    committed = home.turn()
    (tmp_path / "plans" / "new").write_bytes(b'{"version": 4, "priv')
    after = Home(tmp_path, committed)
    assert after.house.plan.version == 3
    assert after.keeping.number("son", 3) == SON
    await after.hear(sealed(plan(4)))
    assert after.house.plan.version == 4
    assert after.kept == ["4.json"]


async def test_s9_a_house_that_was_lost_gets_its_plan_back(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.hear(sealed(plan(3)))
    assert Home(tmp_path, None).house.plan == home.house.plan


async def test_s9_a_kept_plan_that_is_damaged_is_passed_over_for_the_one_before(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.hear(sealed(plan(3)))
    (tmp_path / "plans" / "4.json").write_bytes(b"\0" * 100)
    after = Home(tmp_path, None)
    assert after.house.plan.version == 3


async def test_s9_a_plan_that_cannot_be_kept_is_not_offered(tmp_path: Path) -> None:
    home = Home(tmp_path)
    (tmp_path / "plans").write_bytes(b"no folder")
    token = sealed(plan(3))
    await home.hear(token)
    assert home.house.plan.version == 0
    assert "could not be kept" in home.told(PlanRefused)[0].reason
    (tmp_path / "plans").unlink()
    await home.hear(token)
    assert home.house.plan.version == 3, "the disk is well again, and the plan came again"


async def test_s7_numbers_that_are_gone_are_a_fault_until_they_come_again(tmp_path: Path) -> None:
    home = Home(tmp_path)
    token = sealed(plan(3))
    await home.hear(token)
    committed = home.turn()
    (tmp_path / "plans" / "3.json").unlink()
    after = Home(tmp_path, committed)
    await after.plans.turn()
    after.turn()
    assert after.told(FaultRaised)[-1].subject == "care plan"
    assert after.keeping.number("son", 3) is None
    await after.hear(token)
    assert after.keeping.number("son", 3) == SON
    assert not [fault for fault in after.house.faults if fault.subject == "care plan"]


async def test_kept_plans_are_ours_alone_to_read(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.hear(sealed(plan(3)))
    assert (tmp_path / "plans" / "3.json").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "plans").stat().st_mode & 0o777 == 0o700


async def test_numbers_outlive_a_software_that_would_refuse_the_rest_of_their_plan(tmp_path: Path) -> None:
    home = Home(tmp_path)
    await home.hear(sealed(plan(3)))
    kept = tmp_path / "plans" / "3.json"
    kept.write_bytes(kept.read_bytes().replace(b'"version"', b'"verzion"'))
    after = Home(tmp_path, home.turn())
    assert after.keeping.number("son", 3) == SON
    assert after.keeping.text("hi") == "Hello from 3."


# --- S11 ---------------------------------------------------------------------------------------------


async def test_s11_numbers_and_texts_are_in_no_event_report_or_state(tmp_path: Path, caplog: Any) -> None:
    home = Home(tmp_path)
    await home.hear(sealed(plan(3)), sealed(plan(4, number="07700 900199")), sealed(plan(5, contact={})))
    await home.hear(seal_plan(plan(6), HUB, 1, SIGNER, ECKey.generate_key("P-256")))
    await home.find(plan(2))
    home.inbox.put(Triggered("p1"))
    said = home.turn() + b"".join(home.events) + msgspec.json.encode(home.reports) + caplog.text.encode()
    assert len(home.told(PlanRefused)) == 4
    assert b"son" in said
    for secret in (b"7700900", b"900199", b"Hello from"):
        assert secret not in said
    assert home.told(AlarmRaised) == []
