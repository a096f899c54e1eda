"""Edits hub.toml: comments stay where they are, and a file that the hub could not read never takes its place.

Pure, but for `put`. tomlkit writes the values. Where a table begins and ends is found by its lines: tomlkit hangs a
comment above a table to the table before it. Every edit is read again: nothing but what was wanted has changed.
"""

import copy
import re
import tomllib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import tomlkit

from agent.config import HubConfig
from provisioning.provision.hub_toml import TomlError, write

_HEADER = re.compile(r"\s*\[")
_SENSOR = re.compile(r"\s*\[\[\s*sensor\s*\]\]")
_IDLE = re.compile(r"\s*(#.*)?$")

Raw = dict[str, Any]


class EditError(Exception):
    """The file cannot be edited so; the text says what to do."""


def add_sensor(text: str, sensor: Mapping[str, str]) -> str:
    """Give the file with a table `[[sensor]]` more, behind the last one there is. Raises EditError."""
    lines = text.splitlines(keepends=True)
    blocks = _sensors(lines)
    at = blocks[-1][1] if blocks else len(lines)
    return _checked(
        text,
        _spliced(lines, at, _table("[[sensor]]", sensor)),
        lambda raw: raw.setdefault("sensor", []).append(dict(sensor)),
    )


def remove_sensor(text: str, sensor: str) -> str:
    """Give the file without a sensor's table. Comments around it stay. Raises EditError."""
    lines, index = text.splitlines(keepends=True), _index(text, sensor)
    begin, end = _block(lines, index)
    if end < len(lines) and not lines[end].strip() and (begin == 0 or not lines[begin - 1].strip()):
        end += 1  # one of the two blank lines that would be left
    kept = lines[:begin] + lines[end:]

    def wanted(raw: Raw) -> None:
        del raw["sensor"][index]
        if not raw["sensor"]:
            del raw["sensor"]

    return _checked(text, "".join(kept), wanted)


def move_sensor(text: str, sensor: str, driver: str, address: str) -> str:
    """Give the file with a sensor heard elsewhere: id, kind, location and the rest stay. Raises EditError."""
    index = _index(text, sensor)
    document = tomlkit.parse(text)
    table: Any = document["sensor"]
    for key, value in (("driver", driver), ("address", address)):
        if table[index][key] != value:
            table[index][key] = value
    return _checked(text, document.as_string(), lambda raw: raw["sensor"][index].update(driver=driver, address=address))


def add_driver(text: str, name: str, options: Mapping[str, str | int], *, pins: bool = False) -> str:
    """Give the file with a driver more and, with `pins`, how pins are reached. Raises EditError.

    It stands before the first sensor, where drivers are looked for.
    """
    lines = text.splitlines(keepends=True)
    block = _table(f"[driver.{name}]", options)
    if pins:
        block += ["\n", *_table("[pins]", {"factory": "lgpio"})]
    blocks = _sensors(lines)
    at = _above(lines, blocks[0][0]) if blocks else len(lines)

    def wanted(raw: Raw) -> None:
        raw.setdefault("driver", {})[name] = dict(options)
        if pins:
            raw["pins"] = {"factory": "lgpio"}

    return _checked(text, _spliced(lines, at, block), wanted)


def next_id(kind: str, taken: set[str]) -> str:
    """Give the first free id of a kind: flood-1, flood-2."""
    return next(name for n in range(1, len(taken) + 2) if (name := f"{kind}-{n}") not in taken)


def put(path: Path, edit: Callable[[str], str]) -> HubConfig:
    """Edit the file at `path`, and give the configuration that it is now. Raises EditError: the file is as it was."""
    try:
        return write(path, edit(path.read_text(encoding="utf-8")))
    except TomlError as error:
        raise EditError(f"{error}\n{path} is as it was") from None
    except UnicodeDecodeError:
        raise EditError(f"{path} is not UTF-8: save the file as UTF-8") from None
    except OSError as error:
        raise EditError(f"{path}: {error.strerror}: run this as root or as the owner of the file") from None


# --- pieces of the file ---------------------------------------------------------------------------------


def _table(header: str, values: Mapping[str, str | int]) -> list[str]:
    body = tomlkit.document()
    body.update(values)
    return [f"{header}\n", *body.as_string().splitlines(keepends=True)]


def _spliced(lines: list[str], at: int, block: list[str]) -> str:
    """Put a block before line `at`, with a blank line on either side."""
    before, after = lines[:at], lines[at:]
    if before and not before[-1].endswith("\n"):
        before[-1] += "\n"
    above = ["\n"] if before and before[-1].strip() else []
    below = ["\n"] if after and after[0].strip() else []
    return "".join([*before, *above, *block, *below, *after])


def _sensors(lines: list[str]) -> list[tuple[int, int]]:
    """Give where each `[[sensor]]` begins and ends: behind its last value, so that a comment below stays below."""
    return [_extent(lines, at) for at, line in enumerate(lines) if _SENSOR.match(line)]


def _extent(lines: list[str], begin: int) -> tuple[int, int]:
    end = next((at for at in range(begin + 1, len(lines)) if _HEADER.match(lines[at])), len(lines))
    while _IDLE.match(lines[end - 1]):
        end -= 1
    return begin, end


def _above(lines: list[str], at: int) -> int:
    """Give the first line of the comment that stands right above line `at`."""
    while at and lines[at - 1].lstrip().startswith("#"):
        at -= 1
    return at


def _index(text: str, sensor: str) -> int:
    ids = [each.get("id") for each in _parsed(text).get("sensor", [])]
    if sensor not in ids:
        known = ", ".join(str(each) for each in ids) or "none"
        raise EditError(f"there is no sensor {sensor!r}: there are {known}")
    return ids.index(sensor)


def _block(lines: list[str], index: int) -> tuple[int, int]:
    blocks = _sensors(lines)
    if index >= len(blocks):
        raise EditError("its sensors are not written as tables [[sensor]]: edit the file by hand")
    return blocks[index]


def _checked(old: str, new: str, wanted: Callable[[Raw], object]) -> str:
    """Give the new text if it says what was wanted, and otherwise what the old one said. Raises EditError."""
    raw = copy.deepcopy(_parsed(old))
    wanted(raw)
    try:
        said = _parsed(new)
    except EditError:
        said = None
    if said != raw:
        raise EditError("it is written in a way that this command cannot edit safely: edit the file by hand")
    return new


def _parsed(text: str) -> Raw:
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise EditError(f"it is not valid TOML: {error}") from None
