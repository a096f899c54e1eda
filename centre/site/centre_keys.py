"""Changes the centre's key: a second one is added, hubs learn of it, and the first is retired. Never deleted."""

from typing import Literal

from centre.site.folder import RETIRED, Folder
from centre.site.founding import add_centre_key, centre_key
from centre.site.registry import Registry
from centre.site.settings import SiteError

Step = Literal["add", "finish"]

DAY_MS = 24 * 3_600_000


def add_key(folder: Folder, registry: Registry, wall_ms: int) -> tuple[str, ...]:
    """Add a second key; name the valid ones. Raises SiteError."""
    valid = registry.centre_keys()
    if len(valid) == 1:
        number = max(valid[-1].number, *registry.retired_keys(), 0) + 1
        add_centre_key(folder, registry, number, wall_ms)
    return _names(registry)


def finish_rotation(folder: Folder, registry: Registry, wall_ms: int, wait_ms: int) -> tuple[str, ...]:
    """Retire the older of two keys, if the newer is `wait_ms` old; name the valid ones. Raises SiteError."""
    valid = registry.centre_keys()
    if len(valid) > 1:
        left_ms = valid[-1].added_ms + wait_ms - wall_ms
        if left_ms > 0:
            raise SiteError(
                f"{centre_key(valid[-1].number)} is not old enough: a hub that was cut off may not know it for another"
                f" {-(-left_ms // DAY_MS)} days (offline_days), and would believe no receipt. Wait; or, if the old key"
                " is known to others, use --now"
            )
        with registry.change():
            registry.retire_centre_key(valid[0].number, wall_ms)
    for number in registry.retired_keys():
        for name in (centre_key(number), centre_key(number).replace(".key", ".pem")):
            if folder.has(name):
                folder.move(name, f"{RETIRED}/{name.rpartition('/')[2]}")
    return _names(registry)


def _names(registry: Registry) -> tuple[str, ...]:
    return tuple(centre_key(each.number) for each in registry.centre_keys())
