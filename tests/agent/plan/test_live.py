"""A real hub, broker and centre: a plan goes the whole way, and what it keeps private is found nowhere else."""

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from click.testing import CliRunner
from joserfc.jwk import OKPKey

from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, Signer, read_key
from agent.wire.sealing import seal_plan
from provisioning.plan.apply import apply
from rules.reports import PlanApplied, PlanRefused
from simulators.rig import HUB, NO_WINDOW, Rig, pendants, radio

NUMBER, TEXT = "+447700900173", "Stay where you are."


def plan(version: int, **changes: Any) -> dict[str, Any]:
    """A plan that this rig's hub, which has neither a modem nor a siren, can keep: every gap is accepted."""
    return {
        "version": version,
        "contact": {"son": {"consent": "2026-10-01"}},
        "ladder": {"default": {"step": [{"after_s": 60, "do": "centre"}]}},
        "accepted_gaps": ["*"],
        "private": {"numbers": {"son": NUMBER}, "texts": {"stay": TEXT}},
        **changes,
    }


def search(folder: Path) -> tuple[set[str], set[str]]:
    """Give the names of all files, and of those in which the number or the text stands."""
    files = {each.name: each.read_bytes() for each in folder.rglob("*") if each.is_file()}
    found = {name for name, content in files.items() if NUMBER.encode() in content or TEXT.encode() in content}
    return set(files), found


async def test_s9_s11_a_plan_by_mqtt_and_by_file_through_kills_and_forgeries(tmp_path: Path) -> None:
    (tmp_path / "radio").touch()
    async with Rig(tmp_path, radio(tmp_path / "radio") + pendants([1]) + NO_WINDOW) as rig:
        key = read_key(rig.keys.hubs[HUB].plan_public, HUB_ALGORITHM)
        await rig.hub.start()
        await rig.online()
        rig.centre.plan(HUB, plan(3), key)
        await rig.event("plan.applied", timeout_s=40)

        rig.centre.plan(HUB, plan(4, accepted_gaps=[]), key)
        await rig.event("plan.refused", timeout_s=40)
        await rig.hub.kill()
        await rig.hub.start()  # the refused one is retained: it comes again, and is told of once for this start
        await rig.event("plan.refused", count=2, timeout_s=40)
        stranger = Signer(OKPKey.generate_key("Ed25519"), CENTRE_ALGORITHM)
        rig.centre._publish(HUB, "plan", seal_plan(plan(9), HUB, 1, stranger, key))
        forged = "refused plan: signed by an unknown key"
        await rig.until_status(lambda status: status["counters"].get(forged) == 1, timeout_s=40)

        laid = tmp_path / "plan.json"
        for version, mode, code in [(5, 0o600, 0), (2, 0o600, 1), (6, 0o644, 2)]:
            laid.write_bytes(msgspec.json.encode(plan(version)))
            laid.chmod(mode)
            ran = await asyncio.to_thread(CliRunner().invoke, apply, [str(laid), "--config", str(rig.config)])
            assert ran.exit_code == code, (version, ran.output)
            assert NUMBER not in ran.output
        await rig.event("plan.applied", count=2, timeout_s=40)
        await rig.settled(quiet_s=0.3)
        await rig.hub.kill()

        applied = [report for _, report in rig.held(PlanApplied)]
        assert [(each.before, each.version) for each in applied] == [(0, 3), (3, 5)]
        refused = [report for _, report in rig.held(PlanRefused)]
        assert [(each.version, each.in_force) for each in refused] == [(4, 3), (4, 3), (2, 5)]
        assert "no human is reached" in refused[0].reason

        searched, found = search(tmp_path)
        assert {"hub.db", "hub.log", "plan.outcome.json"} <= searched
        assert found == {"5.json", "plan.json", "plan.toml.refused"}, "kept, ours, and what was laid and not taken"
