"""Takes over what a site says anew: the centre's keys, its authorities, the ways to its broker. `hub.toml` comes last.

Whatever is cut off: every file is whole, the hub can start with what is there, and the next run does all of it again.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import tomlkit
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from msgspec.structs import replace

from agent.config import ConfigError, HubConfig, Uplink, load
from agent.wire.enrolment import SiteWord, WayIn
from agent.wire.papers import SiteAnswer
from provisioning.provision.folder import CA, ISSUING, KEYS, UPLINK, WORD, HubFolder, centre_name
from provisioning.provision.hub_toml import TomlError, parsed, write
from provisioning.provision.pair import put

SLOTS = (f"{KEYS}/{centre_name(1)}", f"{KEYS}/{centre_name(2)}")
"""Where the centre's keys are, as `hub.toml` names them: systemd hands over no others."""

_NEXT_CA = "ca.next.pem"


class TakeOverError(Exception):
    """What the site says cannot be taken over; the text says why, and what to do. Nothing was changed."""


class Prepared(NamedTuple):
    """A newer word, ready to be taken over. `text` is `hub.toml` as it will be; `uplinks` are what to try of it.

    `to_try` is False where nothing changed that could keep the hub from its broker.
    """

    said: SiteAnswer
    word: SiteWord
    text: str
    uplinks: tuple[Uplink, ...]
    centre: Mapping[str, bytes]
    to_try: bool


# --- what changes, as values ----------------------------------------------------------------------------


def slots(listed: Mapping[str, bytes], wanted: Sequence[bytes]) -> dict[str, bytes]:
    """Give each key that is wanted a place: the one it has, else a free one, and only then that of a retired key."""
    placed = {place: key for place, key in listed.items() if key in wanted}
    free = sorted((place for place in SLOTS if place not in placed), key=lambda place: place in listed)
    for key in wanted:
        if key not in placed.values():
            placed[free.pop(0)] = key
    return placed


def revised(text: str, old: SiteWord, new: SiteWord, centre: Sequence[str]) -> str:
    """Give `hub.toml` as the new word wants it: only what the site itself has changed is touched.

    What the installer has set stays: an interface, a standby, an address beside a way that is the same. An uplink that
    was made of a way, by its name or else by its host and port, goes where that way goes. Raises TakeOverError.
    """
    try:
        document = parsed(text)
        keys, uplinks = document["keys"], document["uplink"]
        if list(keys["centre"]) != list(centre):
            keys["centre"] = list(centre)
        _move(uplinks, {each.name: each for each in old.ways}, {each.name: each for each in new.ways})
        return tomlkit.dumps(document)
    except (TomlError, KeyError, TypeError, AttributeError) as error:
        raise TakeOverError(f"hub.toml: {error}: mend it, and run this again") from None


def _move(uplinks: list[Any], old: Mapping[str, WayIn], new: Mapping[str, WayIn]) -> None:
    pattern = dict(uplinks[0])
    for uplink in list(uplinks):
        way = _made_of(uplink, old)
        if way is None:
            continue
        now = new.get(way.name)
        if now is None and uplink["name"] == way.name:
            uplinks.remove(uplink)
        else:
            _lead(uplink, way, now or next(iter(new.values())))
    for name in new.keys() - old.keys() - {uplink["name"] for uplink in uplinks}:
        added = tomlkit.table()
        added["name"] = name
        _lead(added, None, new[name])
        for key in ("ca", "certificate", "key"):
            added[key] = pattern[key]
        uplinks.append(added)
    first = next((n for n, uplink in enumerate(uplinks) if not uplink.get("standby")), 0)
    if first:  # the first uplink never stands by
        uplinks.insert(0, uplinks.pop(first))


def _made_of(uplink: Mapping[str, Any], ways: Mapping[str, WayIn]) -> WayIn | None:
    if uplink["name"] in ways:
        return ways[uplink["name"]]
    place = (uplink["host"], uplink.get("port", 8883))
    return next((way for way in ways.values() if (way.host, way.port) == place), None)


def _lead(uplink: Any, was: WayIn | None, now: WayIn) -> None:  # noqa: ANN401 -- tomlkit's table
    if was is not None and was.host != now.host and "interface" not in uplink:
        uplink.pop("address", None)  # of the host before; beside an interface there must be one
    for key in ("host", "port", "address"):
        value = getattr(now, key)
        if was is not None and value == getattr(was, key):
            continue
        if value:
            uplink[key] = value
        else:
            uplink.pop(key, None)


# --- the files ------------------------------------------------------------------------------------------


def prepare(folder: HubFolder, old: SiteWord, said: SiteAnswer, word: SiteWord) -> Prepared:
    """Lay the new configuration beside the one in use, and check that a hub could start with it.

    Raises TakeOverError, OSError.
    """
    text = folder.config.read_text("utf-8")
    config = load_hub(folder.config)
    present = {each: _raw((folder.folder / each).read_bytes()) for each in _listed(text)}
    centre = slots(present, [_raw(pem.encode()) for pem in word.centre])
    pems = {_raw(pem.encode()): pem.encode() for pem in word.centre}
    files = {place: pems[key] for place, key in centre.items()}
    for place in files.keys() - present.keys():  # nobody reads it yet
        put(folder.folder / place, files[place])
    content = revised(text, old, word, list(files))
    candidate, next_ca = folder.folder / f"{folder.config.name}.next", folder.keys / _NEXT_CA
    put(candidate, content.encode())
    put(next_ca, word.ca.encode())
    changed = load_hub(candidate)
    candidate.unlink()
    uplinks = tuple(replace(each, ca=next_ca) for each in ours(folder, changed))
    moved = changed.uplinks != config.uplinks or word.ca != (folder.keys / CA).read_text("ascii")
    return Prepared(said, word, content, uplinks, files, moved)


def take_over(folder: HubFolder, prepared: Prepared) -> None:
    """Put it all in place; the word itself last, as that is what says that nothing is left to do.

    Raises TomlError, OSError.
    """
    for place, pem in prepared.centre.items():
        put(folder.folder / place, pem)
    put(folder.keys / CA, prepared.word.ca.encode())
    write(folder.config.absolute(), prepared.text)
    put(folder.keys / ISSUING, prepared.said.issuing.encode())
    (folder.keys / _NEXT_CA).unlink(missing_ok=True)
    put(folder.keys / WORD, prepared.said.word.encode())


def load_hub(path: Path) -> HubConfig:
    """Read a configuration. Raises TakeOverError."""
    try:
        return load(path.absolute())
    except ConfigError as error:
        raise TakeOverError(str(error)) from None


def ours(folder: HubFolder, config: HubConfig) -> tuple[Uplink, ...]:
    """Give the uplinks that use the certificate of this site."""
    return tuple(each for each in config.uplinks if each.certificate == folder.keys / UPLINK)


def _listed(text: str) -> list[str]:
    try:
        return [str(each) for each in parsed(text)["keys"]["centre"]]
    except (TomlError, KeyError, TypeError) as error:
        raise TakeOverError(f"hub.toml: {error}: mend it, and run this again") from None


def _raw(pem: bytes) -> bytes:
    try:
        key = load_pem_public_key(pem)
    except ValueError:
        key = None
    if not isinstance(key, Ed25519PublicKey):
        raise TakeOverError("a key of the centre's is not a public Ed25519 key in PEM: tell the site")
    return key.public_bytes_raw()
