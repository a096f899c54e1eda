"""The house stands: imports point one way, and the linter that says so can say no."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.house import PACKAGES, PROJECT, ROOT

CONTRACTS = [contract["id"] for contract in PROJECT["tool"]["importlinter"]["contracts"]]
LINT = "from importlinter.cli import lint_imports_command; lint_imports_command()"

BROKEN = [
    ("one-way", "rules/values.py", "import sensors.driver"),
    ("one-way", "sensors/driver.py", "import agent.clock"),
    ("one-way", "agent/clock.py", "import simulators"),
    ("one-way", "agent/clock.py", "import provisioning.cli"),
    ("one-way", "centre/__init__.py", "import provisioning.cli"),
    ("one-way", "provisioning/cli.py", "import centre"),
    ("centre-sees-the-wire", "centre/intake.py", "import agent.inbox"),
    ("centre-sees-the-wire", "centre/intake.py", "import sensors.driver"),
    ("the-wire-stands-alone", "agent/wire/topics.py", "import agent.daemon"),
    ("installing-sees-configuration-and-wire", "provisioning/cli.py", "import agent.daemon"),
    ("rules-are-pure", "rules/values.py", "import time"),
    ("rules-are-pure", "rules/values.py", "from random import random"),
    ("rules-are-pure", "rules/values.py", "import uuid"),
    ("rules-are-pure", "rules/values.py", "import asyncio"),
    ("a-small-daemon", "agent/clock.py", "import click"),
    ("a-small-daemon", "sensors/driver.py", "import iotcore"),
    ("mqtt-in-its-place", "agent/clock.py", "import paho.mqtt.client"),
    ("pins-in-their-place", "agent/clock.py", "import gpiozero"),
    ("storage-in-its-place", "agent/clock.py", "import sqlite3"),
    ("deciding-is-pure", "centre/cases/case.py", "import sqlalchemy"),
    ("deciding-is-pure", "centre/silence/__init__.py", "import centre.store.cases"),
]


def lint(tree: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-c", LINT, "--no-cache", "--no-logo", *options]
    return subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)


def test_every_contract_is_kept() -> None:
    result = lint(ROOT)
    assert result.returncode == 0, result.stdout + result.stderr
    assert f"Contracts: {len(CONTRACTS)} kept, 0 broken." in result.stdout


def test_every_contract_is_shown_to_fail() -> None:
    assert {contract for contract, _, _ in BROKEN} == set(CONTRACTS)


def test_the_centre_loads_nothing_of_the_daemon() -> None:
    paths = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "centre").rglob("*.py")]
    names = [".".join(path.parts) for path in paths if "migrations" not in path.parts and path.stem != "__init__"]
    loads = f"import sys; {'; '.join(f'import {name}' for name in sorted(names))}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", loads], cwd=ROOT, capture_output=True, text=True, check=True)
    ours = {name for name in loaded.stdout.split() if name.split(".")[0] in PACKAGES}
    allowed = ("agent.wire", "agent.clock", "agent.files", "centre", "rules", "sensors.mqtt_")
    assert {name for name in ours - {"agent", "sensors"} if not name.startswith(allowed)} == set()


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    tree = tmp_path_factory.mktemp("house")
    shutil.copy(ROOT / "pyproject.toml", tree)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tree / package, ignore=shutil.ignore_patterns("__pycache__"))
    return tree


@pytest.mark.parametrize(("contract", "module", "line"), BROKEN)
def test_a_forbidden_import_breaks_its_contract(copy: Path, contract: str, module: str, line: str) -> None:
    path = copy / module
    before = path.read_text()
    path.write_text(f"{before}\n{line}\n")
    try:
        result = lint(copy, "--contract", contract)
    finally:
        path.write_text(before)
    assert result.returncode == 1, result.stdout + result.stderr
    assert "Contracts: 0 kept, 1 broken." in result.stdout
