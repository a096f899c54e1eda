"""Keeps what hubs report of their commissioning: so much of each hub, under names of ours, and never twice."""

import hashlib
import re
from pathlib import Path

from centre.site.folder import REPORTS, Folder
from centre.site.judging import refused
from centre.site.registry import Registry

REPORT_BYTES_MAX = 2 * 1024 * 1024
REPORTS_PER_HUB_MAX = 32
"""What is kept of a hub (S12): more is refused, nothing is deleted."""

_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,40}\.[a-z0-9]{1,5}")


def keep(folder: Folder, registry: Registry, hub: str, name: str, content: bytes, wall_ms: int) -> Path:
    """Keep a report. Raises Refused, SiteError."""
    if not _NAME.fullmatch(name):
        raise refused("unreadable", "a report's name is like commissioning.pdf")
    if len(content) > REPORT_BYTES_MAX:
        raise refused("unreadable", f"a report is at most {REPORT_BYTES_MAX} bytes")
    file = f"{hashlib.sha256(content).hexdigest()[:16]}-{name}"
    place = f"{REPORTS}/{hub}/{file}"
    with registry.change():
        held = registry.reports(hub)
        if file not in held:
            if len(held) >= REPORTS_PER_HUB_MAX:
                raise refused("too-many", f"{len(held)} reports of this hub are kept: move them to its home's papers")
            folder.write(place, content)
            registry.add_report(hub, file, wall_ms)
    return folder / place
