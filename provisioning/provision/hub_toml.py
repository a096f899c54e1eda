"""Writes into `hub.toml` what a site decides: who the hub is, its keys, and the ways to the centre. Comments stay.

Pure, but for `write`. Nothing takes the file's place that the hub could not read.
"""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import tomlkit
from tomlkit.exceptions import TOMLKitError
from tomlkit.items import AoT, Table

from agent.config import DEFAULT_PATH, ConfigError, HubConfig, load
from agent.files import sync_folder, write_whole
from agent.wire.enrolment import SiteWord, WayIn
from provisioning.provision.folder import CA, HUB_KEY, KEYS, PLAN_KEY, UPLINK, UPLINK_KEY, centre_name

NEW_MODE = 0o644
"""There is nothing secret in it, and the hub's own user must read it."""

_STARTER = """\
# The hub's configuration. `hearthline sensors learn` adds its sensors; docs/hub-toml.md tells of the rest.

hub = ""
{places}outputs = "log"                       # no lamps, no sounder: replace this line by tables [outputs] and [pins]

[keys]
hub = ""

"""


_ELSEWHERE = """\
state_dir = "state"                   # beside this file, as this is not the usual place for a hub
socket = "hub.sock"
"""


class TomlError(Exception):
    """The file cannot be edited, or the hub could not read what it would become; the text says what to do."""


def starter(path: Path) -> str:
    """Give the file that a hub begins with. One that is not in the usual place has everything beside it."""
    return _STARTER.format(places="" if path.absolute() == DEFAULT_PATH else _ELSEWHERE)


def edited(text: str, hub: str, word: SiteWord) -> str:
    """Give the file with the hub's name, `[keys]` and the site's ways; everything else stays. Raises TomlError.

    A way that the file has by its name keeps what only the home knows: its interface, whether it stands by. One that
    the site does not name stays where it leads, with the hub's certificate (`strangers` names it).
    """
    document = parsed(text)
    document["hub"] = hub
    keys = document.setdefault("keys", tomlkit.table())
    if not isinstance(keys, Table):
        raise TomlError("keys is not a table: write [keys]")
    centre = [f"{KEYS}/{centre_name(number)}" for number in range(1, len(word.centre) + 1)]
    _set(keys, {"hub": f"{KEYS}/{HUB_KEY}", "plan": f"{KEYS}/{PLAN_KEY}", "centre": centre})
    ways = document.setdefault("uplink", tomlkit.aot())
    if not isinstance(ways, AoT):
        raise TomlError("uplink is not a list of tables: write each as [[uplink]]")
    known = {each.get("name"): each for each in ways}
    for way in word.ways:
        if way.name not in known:
            ways.append(tomlkit.table())
        _set(known.get(way.name, ways[-1]), {"name": way.name, **_way(way)})
    for each in ways:
        _set(each, {"ca": f"{KEYS}/{CA}", "certificate": f"{KEYS}/{UPLINK}", "key": f"{KEYS}/{UPLINK_KEY}"})
    return f"{document.as_string().rstrip()}\n"


def parsed(text: str) -> tomlkit.TOMLDocument:
    """Read a file. Raises TomlError."""
    try:
        return tomlkit.parse(text)
    except (TOMLKitError, ValueError, RecursionError) as error:
        raise TomlError(f"not valid TOML: {error}") from None


def strangers(config: HubConfig, ways: Iterable[WayIn]) -> tuple[str, ...]:
    """Name the ways of a file that the site does not name: an installer must know of them."""
    named = {way.name for way in ways}
    return tuple(uplink.name for uplink in config.uplinks if uplink.name not in named)


def write(path: Path, text: str) -> HubConfig:
    """Put the file in place, as soon as the hub could read it; give what it says. Raises TomlError, OSError.

    A file that is there passes on its owner and its mode.
    """
    checked = path.with_name(f"{path.name}.checked")
    old = path.stat() if path.exists() else None
    owner = (old.st_uid, old.st_gid) if old is not None and os.geteuid() == 0 else None
    write_whole(checked, text.encode(), new=path.with_name(f"{path.name}.new"), owner=owner)
    try:
        load(checked)
    except ConfigError as error:
        checked.unlink()
        problems = "\n".join(f"  {each}" for each in error.problems)
        raise TomlError(
            f"{path}: the hub could not be started with it: mend this, and run the command again:\n{problems}"
        ) from None
    checked.chmod(NEW_MODE if old is None else old.st_mode & 0o777)
    checked.replace(path)
    sync_folder(path.parent)
    return load(path)


def _way(way: WayIn) -> dict[str, Any]:
    return {"host": way.host, "port": way.port, **({"address": way.address} if way.address else {})}


def _set(table: Table, values: dict[str, Any]) -> None:
    """Set what is different, so that a comment behind what is not stays where it was.

    What is new goes above the last comments and blank lines: they belong to what follows.
    """
    body = table.value.body
    end = len(body)
    while end and body[end - 1][0] is None:
        end -= 1
    below = body[end:]
    del body[end:]
    for key, value in values.items():
        if table.get(key) != value:
            table[key] = value
    body.extend(below or [(None, tomlkit.nl())])
