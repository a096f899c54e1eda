"""What the hub that a plan is for has: what the rules know of its configuration, and what they do not."""

from pathlib import Path

from agent.config import HubConfig, load, rules_config
from rules.events import Config
from rules.proof import Fittings
from sensors.registry import driver_type


def plan_config(hub_toml: Path) -> tuple[Config, Fittings]:
    """Give what a plan for a hub is read and proven with. Raises ConfigError for a file that cannot be used."""
    config = load(hub_toml)
    return hub_config(config), fittings(config)


def hub_config(config: HubConfig) -> Config:
    """Give what the rules know of a hub."""
    return rules_config(config, lambda name: driver_type(name).heartbeat_ms, "")


def fittings(config: HubConfig) -> Fittings:
    """Give what a hub has besides: the parts that a ladder may use, and the lines that need no router."""
    parts = config.outputs.by_part if config.outputs is not None else {}
    return Fittings(
        modem=getattr(config, "modem", None) is not None,
        siren="siren" in parts,
        light="beacon" in parts,
        relay="relay" in parts,
        call_button="call" in config.buttons.by_name,
        own_lines=tuple(uplink.name for uplink in config.uplinks[1:] if uplink.interface is not None),
    )
