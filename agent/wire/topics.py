"""Topic names. `{hub}` is a pseudonym, and the only thing in them that differs between homes (S11)."""

import re
from typing import Literal

ROOT = "hearthline/v1"
HUB_ID = re.compile(r"[a-z0-9-]{3,40}")

Channel = Literal["event", "status", "state", "receipt", "command", "plan"]


def topic(hub: str, channel: Channel) -> str:
    """Give the topic of a hub's channel. Raises ValueError for a hub id that could reach into another topic."""
    if not HUB_ID.fullmatch(hub):
        raise ValueError(f"hub id {hub!r} must match [a-z0-9-]{{3,40}}")
    return f"{ROOT}/{hub}/{channel}"


def hub_of(name: str) -> str:
    """Give the hub a topic belongs to, or an empty string for a topic of another shape."""
    parts = name.split("/")
    return parts[2] if len(parts) == 4 and "/".join(parts[:2]) == ROOT and HUB_ID.fullmatch(parts[2]) else ""  # noqa: PLR2004
