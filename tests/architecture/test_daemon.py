"""The daemon stays small: what it loads when it starts, asked of a real interpreter."""

import json
import subprocess
import sys

import pytest

from tests.support.house import ROOT

LOADED = "import agent.__main__, json, sys; print(json.dumps(sorted(sys.modules)))"


@pytest.fixture(scope="module")
def loaded() -> frozenset[str]:
    command = [sys.executable, "-c", LOADED]
    result = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    return frozenset(json.loads(result.stdout))


def test_the_daemon_is_what_was_loaded(loaded: frozenset[str]) -> None:
    assert {"agent.daemon", "rules.engine", "paho.mqtt.client"} <= loaded


@pytest.mark.parametrize(
    "library", ["click", "rich", "sqlalchemy", "litestar", "jsonschema", "iotcore", "uvicorn", "structlog", "pydantic"]
)
def test_no_command_line_web_or_schema_library_is_loaded(loaded: frozenset[str], library: str) -> None:
    assert library not in loaded


@pytest.mark.parametrize("package", ["simulators", "provisioning", "centre"])
def test_nobody_above_the_daemon_is_loaded(loaded: frozenset[str], package: str) -> None:
    assert package not in loaded


@pytest.mark.parametrize(
    "module", ["gpiozero", "lgpio", "RFXtrx", "serial", "agent.wire.schema", "agent.wire.asyncapi"]
)
def test_what_only_some_hubs_use_is_loaded_when_it_is_used(loaded: frozenset[str], module: str) -> None:
    assert module not in loaded
