"""Publishes the contract: JSON Schemas and an AsyncAPI document made from the types. A tool: no daemon imports it.

`python -m agent.wire.schema` writes them to `docs/contract/`; with `--check` it only tells whether they are up to date.
"""

import argparse
import inspect
import json
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from agent.wire.asyncapi import SCHEMAS_FOLDER, asyncapi
from agent.wire.messages import PREFIX, CarePlan, CloudEvent, Command, Receipt, State, Status
from rules.commands import Acknowledge, Nothing, ResendRows, Resolve, SayMessage, SetMode, Test
from rules.reports import REPORTS
from rules.values import Value

DIALECT = "https://json-schema.org/draft/2020-12/schema"
FOLDER = Path(__file__).parents[2] / "docs" / "contract"
_REFS = "#/$defs/{name}"

COMMANDS: dict[str, type[Value]] = {
    "acknowledge": Acknowledge,
    "resolve": Resolve,
    "set-mode": SetMode,
    "resend": ResendRows,
    "silence": Nothing,
    "test": Test,
    "locate": Nothing,
    "report": Nothing,
    "say": SayMessage,
}
"""Command type to the `data` it carries."""

EITHER: dict[type[Value], tuple[str, ...]] = {SayMessage: ("text", "sealed")}
"""Of these fields a command's `data` has exactly one."""


def schemas() -> dict[str, dict[str, Any]]:
    """Give every schema by name, such as `event`, `hearthline.alarm.raised`, `command` and `command.resolve`."""
    made = {
        "event": _of(CloudEvent, "event"),
        "status": _of(Status, "status"),
        "state": _of(State, "state"),
        "receipt": _of(Receipt, "receipt"),
        "command": _of(Command, "command"),
        "plan": _of(CarePlan, "plan"),
    }
    for name, report in REPORTS.items():
        made[PREFIX + name] = _typed(CloudEvent, PREFIX + name, report, PREFIX + name)
    for name, body in COMMANDS.items():
        made[f"command.{name}"] = _typed(Command, name, body, f"command.{name}")
    for schema in made.values():
        _straighten(schema["$defs"].values())
    return made


def _straighten(definitions: Iterable[dict[str, Any]]) -> None:
    """Take a docstring's indentation out of descriptions, as Python itself does from 3.13 on."""
    for definition in definitions:
        if "description" in definition:
            definition["description"] = inspect.cleandoc(definition["description"])


def _of(message: type, name: str) -> dict[str, Any]:
    """Make the schema of one message, its own properties at the top and what they refer to in `$defs`."""
    schema = msgspec.json.schema(message, ref_template=_REFS)
    definitions = schema["$defs"]
    top = definitions.pop(schema["$ref"].rpartition("/")[2])
    head = {"$schema": DIALECT, "$id": f"urn:hearthline:v1:{name}", "title": name, "description": _words(message)}
    return {**head, **{key: value for key, value in top.items() if key not in head}, "$defs": definitions}


def _typed(message: type, type_name: str, body: type, name: str) -> dict[str, Any]:
    """Make the schema of a message whose `type`, and so whose `data`, is known."""
    schema = _of(message, name)
    (reference,), definitions = msgspec.json.schema_components([body], ref_template=_REFS)
    schema["description"] = _words(body)
    schema["properties"] = schema["properties"] | {"type": {"const": type_name}, "data": reference}
    schema["$defs"] = schema["$defs"] | definitions
    if body in EITHER:
        definitions[body.__name__]["oneOf"] = [{"required": [field]} for field in EITHER[body]]
    if "data" not in schema["required"] and (definitions[body.__name__].get("required") or body in EITHER):
        schema["required"] = [*schema["required"], "data"]
    return schema


def _words(kind: type) -> str:
    return inspect.cleandoc(kind.__doc__ or "")


def documents() -> dict[str, str]:
    """Give the text of every published file by its path within the contract's folder."""
    made = schemas()
    files = {f"{SCHEMAS_FOLDER}/{name}.json": schema for name, schema in made.items()}
    files["asyncapi.json"] = asyncapi({name: schema["description"] for name, schema in made.items()})
    return {path: json.dumps(content, indent=2, ensure_ascii=False) + "\n" for path, content in files.items()}


def stale(folder: Path) -> list[str]:
    """Name the files that are missing, differ from the code, or have no business there."""
    wanted = documents()
    there = {
        path.relative_to(folder).as_posix(): path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.json"))
    }
    return sorted(path for path in wanted.keys() | there.keys() if wanted.get(path) != there.get(path))


def write(folder: Path) -> list[str]:
    """Bring the folder up to date; give the files that changed."""
    wanted = documents()
    changed = stale(folder)
    for path in changed:
        file = folder / path
        if path in wanted:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(wanted[path], encoding="utf-8")
        else:
            file.unlink()
    return changed


def main(arguments: Sequence[str] | None = None) -> int:
    """Write or check the published contract; 1 when a check finds it out of date."""
    parser = argparse.ArgumentParser(prog="python -m agent.wire.schema", description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing; exit with 1 when a file is out of date")
    parser.add_argument("--folder", type=Path, default=FOLDER, help="where the contract is published")
    options = parser.parse_args(arguments)
    changed = stale(options.folder) if options.check else write(options.folder)
    for path in changed:
        sys.stdout.write(f"{path}: {'out of date: run python -m agent.wire.schema' if options.check else 'written'}\n")
    return 1 if options.check and changed else 0


if __name__ == "__main__":
    sys.exit(main())
