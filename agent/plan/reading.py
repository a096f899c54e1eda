"""Reads a care plan from TOML or JSON, strictly: every problem at once, each with its key and its remedy.

S11: nothing that is said of a problem repeats a telephone number, a text or what may be a name.
"""

import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import msgspec

from agent.config.strict import Problem, Reader
from agent.plan.building import Building
from agent.plan.checking import check, written
from agent.plan.private import Private, withheld
from agent.wire.envelope import DOCUMENT_BYTES_MAX
from rules.events import Config
from rules.plan import Plan

__all__ = ["PlanDocument", "PlanError", "Private", "parse", "read_plan"]

PROBLEMS_SHOWN_MAX = 5
"""How many problems a one-line reason names."""


class PlanError(Exception):
    """A document is no care plan. The text has a line for each problem; tables are counted from 1."""

    def __init__(self, where: str, problems: Iterable[Problem | str]) -> None:
        self.where = where
        self.problems = tuple(problems)
        super().__init__("\n".join(f"{where}: {problem}" for problem in self.problems))

    @property
    def reason(self) -> str:
        """The first few problems on one line, for a report."""
        more = len(self.problems) - PROBLEMS_SHOWN_MAX
        told = "; ".join(str(problem) for problem in self.problems[:PROBLEMS_SHOWN_MAX])
        return f"{told}; and {more} more" if more > 0 else told


class PlanDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A care plan as it was written, and what it says: `plan` to the rules, `private` to the agent alone (S11).

    `raw` is the document itself: what tables and values it had, dates included.
    """

    plan: Plan
    private: Private
    raw: dict[str, Any]

    def __repr__(self) -> str:
        return f"PlanDocument(version={self.plan.version})"

    def to_json(self) -> bytes:
        """Write the same document as JSON, private part and all: for the hub's own eyes."""
        return msgspec.json.encode(self.raw)


def read_plan(source: Path | Mapping[str, Any], config: Config | None = None) -> PlanDocument:
    """Read a plan from a file (`.json`, or else TOML) or from what a file would give. Raises PlanError.

    With a hub's `config`, what the plan watches must be sensors that the hub has, of kinds that tell it.
    """
    if isinstance(source, Path):
        return _read(_parse(source), str(source), config)
    return _read(dict(source), "the plan", config)


def _parse(path: Path) -> dict[str, Any]:
    where = str(path)
    try:
        with path.open("rb") as file:
            content = file.read(DOCUMENT_BYTES_MAX + 1)
    except OSError as error:
        raise PlanError(where, [f"{error.strerror}: name the file with the care plan"]) from None
    return parse(content, where, json=path.suffix == ".json")


def parse(content: bytes, where: str, *, json: bool) -> dict[str, Any]:
    """Parse a document. Raises PlanError."""
    if len(content) > DOCUMENT_BYTES_MAX:  # S12
        raise PlanError(where, [f"larger than {DOCUMENT_BYTES_MAX // 1024} KiB: is this the right file?"])
    try:
        if json:
            return msgspec.json.decode(content, type=dict[str, Any])
        return tomllib.loads(content.decode())
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        raise PlanError(where, [f"line {line} is not UTF-8: save the file as UTF-8"]) from None
    except tomllib.TOMLDecodeError as error:
        raise PlanError(
            where, [f"not valid TOML: {error}: texts stand in quotes, and a day is written 2026-10-01"]
        ) from None
    except msgspec.DecodeError:
        raise PlanError(where, ["not valid JSON, or not an object: write the plan as one JSON object"]) from None
    except (RecursionError, ValueError, OverflowError):  # tables in tables without end, or numbers
        raise PlanError(where, ["a value that no plan has: correct it"]) from None


def _read(raw: dict[str, Any], where: str, config: Config | None) -> PlanDocument:
    reader = Reader(Path())
    building = Building(reader)
    plan = building.plan(raw)
    check(reader, plan, building.private, written(raw), config)
    if reader.problems:
        raise PlanError(where, map(withheld, reader.problems))
    private = building.private
    normal = {**raw, "private": msgspec.to_builtins(private)} if "private" in raw else raw
    return PlanDocument(plan=plan, private=private, raw=normal)
