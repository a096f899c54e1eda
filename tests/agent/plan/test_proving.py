"""S9: the proof runs in a process of its own, which may be slow, broken or gone, and is never trusted for that."""

import os
from pathlib import Path

import msgspec
import pytest

from agent.clock import SystemClock
from agent.plan import prove as prove_module
from agent.plan.proving import Verdict, prove
from rules.plan import Plan
from simulators.keys import make_keys


@pytest.fixture
def hub_toml(tmp_path: Path) -> Path:
    """A hub without a modem and without pins."""
    keys = make_keys(tmp_path / "keys", SystemClock().now().wall_ms, ["hub-1"])
    path = tmp_path / "hub.toml"
    path.write_text(
        f'hub = "hub-1"\nstate_dir = "{tmp_path}"\noutputs = "log"\n'
        f'[keys]\nhub = "{keys.hubs["hub-1"].signing}"\ncentre = ["{keys.centre_public}"]\n'
        '[[uplink]]\nname = "main"\nhost = "localhost"\n'
        '[driver.air]\ntype = "rfxtrx"\ndevice = "/dev/null"\n'
        '[[sensor]]\nid = "p1"\ndriver = "air"\naddress = "security1:a00001"\nkind = "pendant"\nlocation = "hall"\n'
    )
    return path


def gaps(*names: str) -> Plan:
    return Plan(version=1, accepted_gaps=names)


async def test_s9_a_plan_that_calls_nobody_without_a_line_is_not_trusted(hub_toml: Path) -> None:
    verdict = await prove(gaps(), hub_toml)
    assert not verdict.ok
    assert not verdict.transient
    assert any("pendant/line-down" in reason and "no human is reached" in reason for reason in verdict.reasons)


async def test_s9_a_gap_that_is_accepted_is_the_owners_to_bear(hub_toml: Path) -> None:
    assert await prove(gaps("pendant/*"), hub_toml) == Verdict(ok=True)


async def test_s9_a_proof_that_takes_too_long_is_ended_and_not_trusted(hub_toml: Path) -> None:
    verdict = await prove(gaps("pendant/*"), hub_toml, timeout_s=0.01)
    assert (verdict.ok, verdict.transient) == (False, True)
    assert "longer than 0.01 s" in verdict.reasons[0]


async def test_s9_a_hub_that_cannot_be_read_proves_nothing(tmp_path: Path) -> None:
    verdict = await prove(gaps(), tmp_path / "hub.toml")
    assert (verdict.ok, verdict.transient) == (False, True)
    assert "could not be proven" in verdict.reasons[0]


@pytest.mark.parametrize("answer", ["", "{}", "[1]", '{"ok": 1}', "x" * 100_000])
async def test_s9_a_proof_without_a_verdict_is_not_trusted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: str
) -> None:
    python = tmp_path / "python"
    python.write_text(f"#!/bin/sh\necho '{answer}'\n")
    python.chmod(0o700)
    monkeypatch.setattr("sys.executable", str(python))
    assert not (await prove(gaps(), tmp_path / "hub.toml")).ok


async def test_s9_a_proof_that_cannot_start_is_not_trusted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(tmp_path / "no-python"))
    verdict = await prove(gaps(), tmp_path / "hub.toml")
    assert (verdict.ok, verdict.transient) == (False, True)


def test_the_proof_gives_way_to_everything_else(
    hub_toml: Path, monkeypatch: pytest.MonkeyPatch, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(os, "nice", asked.append)
    monkeypatch.setattr("resource.setrlimit", lambda *limit: asked.append(limit))
    read, write = os.pipe()
    os.write(write, msgspec.json.encode(gaps("pendant/*")))
    os.close(write)
    with os.fdopen(read) as plan:
        monkeypatch.setattr("sys.stdin", plan)
        assert prove_module.main([str(hub_toml)]) == 0
    assert asked[0] == 19
    assert len(asked) == 2
    assert capfdbinary.readouterr().out == b'{"ok":true,"reasons":[],"transient":false}'
