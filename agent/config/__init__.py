"""The hub's configuration, `hub.toml`: read strictly, and every problem told at once with its remedy."""

import tomllib
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from agent.config.credentials import Credentials
from agent.config.reading import Known, Reading
from agent.config.strict import Problem, Reader
from agent.config.tables import (
    ButtonName,
    Buttons,
    Driver,
    HubConfig,
    Keys,
    ModemConfig,
    OutputPins,
    SensorConfig,
    Sound,
    Uplink,
)
from rules.events import Config, Sensor
from sensors.registry import DRIVER_TYPES

__all__ = [
    "DEFAULT_PATH",
    "ButtonName",
    "Buttons",
    "ConfigError",
    "Driver",
    "HubConfig",
    "Keys",
    "ModemConfig",
    "OutputPins",
    "SensorConfig",
    "Sound",
    "Uplink",
    "examine",
    "load",
    "rules_config",
]

DEFAULT_PATH = Path("/etc/hearthline/hub.toml")

FILE_BYTES_MAX = 256 * 1024
"""S12. The file is far smaller in any home."""


class ConfigError(Exception):
    """The configuration cannot be used. The text has a line for each problem; tables are counted from 1."""

    def __init__(self, path: Path, problems: Iterable[Problem | str]) -> None:
        self.path = path
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{path}: {problem}" for problem in self.problems))


def load(path: Path = DEFAULT_PATH, types: Known = DRIVER_TYPES) -> HubConfig:
    """Read the configuration and check everything that can be checked without opening a device. Raises ConfigError.

    Whether the key files hold the right kind of key is found when they are opened (`agent.wire.envelope.read_key`).
    """
    config, problems = examine(path, types)
    if config is None or problems:
        raise ConfigError(path, problems)
    return config


def examine(path: Path = DEFAULT_PATH, types: Known = DRIVER_TYPES) -> tuple[HubConfig | None, tuple[Problem, ...]]:
    """Read the configuration as far as it goes, for whoever looks for everything that is wrong; with every problem.

    A hub runs only by what `load` gives. Raises ConfigError for a file that cannot be read at all.
    """
    raw = _parse(path)
    reader = Reader(path.parent)
    return Reading(path, reader, types).hub(raw), tuple(reader.problems)


def rules_config(config: HubConfig, heartbeat: Callable[[str], int | None], version: str) -> Config:
    """Give what the rules need to know. `heartbeat` gives a driver type's default silence in ms, None for none."""

    def heartbeat_ms(sensor: SensorConfig) -> int | None:
        match sensor.silent_after_s:
            case None if sensor.kind == "reading":
                return None  # a scale sleeps until somebody steps on it, once a week perhaps
            case None:
                return heartbeat(config.driver(sensor.driver).type)
            case "never":
                return None
            case seconds:
                return seconds * 1_000

    return Config(
        hub=config.hub,
        sensors=tuple(
            Sensor(each.id, each.kind, each.location, each.person, heartbeat_ms(each)) for each in config.sensors
        ),
        kinds=config.kinds,
        uplinks=tuple(uplink.name for uplink in config.uplinks),
        standby=tuple(uplink.name for uplink in config.uplinks if uplink.standby),
        outputs=config.outputs is not None or config.sound is not None,
        version=version,
    )


def _parse(path: Path) -> dict[str, Any]:
    try:
        with Credentials(path).configuration.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
    except OSError as error:
        raise ConfigError(path, [f"{error.strerror}: {_remedy(error)}"]) from None
    if len(content) > FILE_BYTES_MAX:
        raise ConfigError(path, [f"larger than {FILE_BYTES_MAX // 1024} KiB: is this the right file?"])
    try:
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise ConfigError(path, [f"line {line} is not UTF-8: save the file as UTF-8"]) from None
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        remedy = "correct that line; texts stand in quotes"
        raise ConfigError(path, [f"not valid TOML: {error}: {remedy}"]) from None


def _remedy(error: OSError) -> str:
    if isinstance(error, PermissionError):
        return "run this with sudo"
    named = f"name the right file with --config (the usual one is {DEFAULT_PATH})"
    return f"hearthline provision enrol makes it; or {named}" if isinstance(error, FileNotFoundError) else named
