"""Reads tables of a configuration file into structs, field by field, and collects every problem with its remedy."""

import difflib
import json
import types
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple, TypeVar, Union, get_args, get_origin

import msgspec

_FOUND_CHARS_MAX = 60

_WORDS: Mapping[Any, str] = {
    str: "text in quotes",
    int: "a whole number",
    float: "a number",
    bool: "true or false",
    Path: "a path in quotes",
    type(None): "nothing",
}

S = TypeVar("S", bound=msgspec.Struct)


class Problem(NamedTuple):
    """One thing wrong: the dotted key, what was found there, what was expected, and what to do."""

    key: str
    found: str
    expected: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.key}: found {self.found}, expected {self.expected}: {self.remedy}"


class Reader:
    """Reads one file's tables. Relative paths in it are relative to `base`. `problems` grows as it reads."""

    def __init__(self, base: Path) -> None:
        self.problems: list[Problem] = []
        self._base = base

    def refuse(self, key: str, found: object, expected: str, remedy: str) -> None:
        """Note a problem; `found` is shown as it would stand in the file."""
        self.problems.append(Problem(key, shown(found), expected, remedy))

    def table(self, raw: object, kind: type[S], at: str) -> S | None:
        """Read a table as a struct; None when there is a problem with it. `at` is its dotted key, "" for the file."""
        if not isinstance(raw, dict):
            self.refuse(at, raw, f"a table [{at}]", "write it as a table")
            return None
        before = len(self.problems)
        misspelt = self._unknown_keys(raw, kind, at)
        values: dict[str, Any] = {}
        for field in msgspec.structs.fields(kind):
            key = _join(at, field.encode_name)
            if field.encode_name in raw:
                values[field.name] = self._value(raw[field.encode_name], field.type, key)
            elif field.required and field.encode_name not in misspelt:
                self.problems.append(Problem(key, "nothing", words(field.type), "add it"))
        if len(self.problems) > before:
            return None
        try:
            return kind(**values)
        except (ValueError, TypeError) as error:  # a struct's own check of its fields together
            self.problems.append(Problem(at, "a table", str(error), "correct it"))
            return None

    def tables(self, raw: object, kind: type[S], at: str, most: int) -> dict[str, S]:
        """Read a list of at most `most` tables; give those without a problem, by their dotted key."""
        if not isinstance(raw, list):
            self.refuse(at, raw, f"tables [[{at}]], in double brackets", "write each so")
            return {}
        if len(raw) > most:  # S12
            self.refuse(at, raw, f"at most {most} tables [[{at}]]", "remove some")
            return {}
        read = {f"{at}[{n}]": self.table(each, kind, f"{at}[{n}]") for n, each in enumerate(raw, start=1)}
        return {key: value for key, value in read.items() if value is not None}

    def unique(self, found: Mapping[str, S], at: str, key: str, of: Callable[[S], object]) -> None:
        """Refuse tables that share what `of` gives with one before them; `key` is the field to name."""
        first: dict[object, str] = {}
        for here, each in found.items():
            other = first.setdefault(of(each), here)
            if other != here:
                expected = f"a {key} that no other {at} has ({other} has it)"
                self.refuse(f"{here}.{key}", getattr(each, key), expected, "give each its own")

    def _unknown_keys(self, raw: Mapping[str, object], kind: type[S], at: str) -> set[str]:
        """Refuse keys that nobody knows; give the known ones they were probably meant to be."""
        known = [field.encode_name for field in msgspec.structs.fields(kind)]
        meant: set[str] = set()
        for key in raw.keys() - set(known):
            close = difflib.get_close_matches(key, [name for name in known if name not in raw], n=1)
            meant.update(close)
            expected = f"one of {', '.join(known)}" if known else "no keys here"
            remedy = f'did you mean "{close[0]}"?' if close else "remove it"
            self.problems.append(Problem(_join(at, key), "an unknown key", expected, remedy))
        return meant

    def _value(self, value: object, kind: Any, key: str) -> Any:  # noqa: ANN401 -- whatever the field is
        try:
            return msgspec.convert(value, kind, strict=True, dec_hook=self._path)
        except msgspec.ValidationError:
            found = _withheld(value) if _is_private(kind) and isinstance(value, str) else shown(value)
            remedy = did_you_mean(value, get_args(kind) if get_origin(kind) is Literal else ())
            self.problems.append(Problem(key, found, words(kind), remedy))
            return None

    def _path(self, kind: type, value: object) -> Path:
        if kind is not Path or not isinstance(value, str) or not value or "\0" in value:
            raise ValueError("not a path")
        return self._base / value


def words(kind: Any) -> str:  # noqa: ANN401 -- any type a field may have
    """Say in plain words what a value of this type is."""
    origin, args = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return _annotated(args[0], args[1:])
    if origin is Literal:
        return "one of " + ", ".join(shown(each) for each in args) if len(args) > 1 else shown(args[0])
    if origin in (Union, types.UnionType):
        return " or ".join(words(each) for each in args if each is not type(None))
    if origin is tuple:
        return f"a list, each {words(args[0])}"
    return _WORDS.get(kind, "another value")


def _annotated(kind: Any, notes: Iterable[object]) -> str:  # noqa: ANN401 -- likewise
    metas = [note for note in notes if isinstance(note, msgspec.Meta)]
    for meta in metas:
        if meta.description:
            return meta.description
    low = next((meta.ge for meta in metas if meta.ge is not None), None)
    high = next((meta.le for meta in metas if meta.le is not None), None)
    bounds = f" from {low}" if low is not None else ""
    return words(kind) + bounds + (f" to {high}" if high is not None else "")


def _is_private(kind: Any) -> bool:  # noqa: ANN401 -- likewise
    notes = get_args(kind)[1:] if get_origin(kind) is Annotated else ()
    return any(isinstance(note, msgspec.Meta) and bool((note.extra or {}).get("private")) for note in notes)


def _withheld(value: str) -> str:
    return f"{len(value)} characters (not shown here: they may be a name)"  # S11


def did_you_mean(value: object, known: Iterable[object]) -> str:
    """Give the remedy for a value that is not among the known ones."""
    close = difflib.get_close_matches(str(value), [str(each) for each in known], n=1)
    return f'did you mean "{close[0]}"?' if close else "correct it"


def shown(value: object) -> str:
    """Show a value as it stands in the file, shortened; a path whole, so that it can be copied."""
    if isinstance(value, Path):
        return f'"{value}"'
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"a list of {len(value)}"
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _FOUND_CHARS_MAX else text[:_FOUND_CHARS_MAX] + "…"


def _join(at: str, key: str) -> str:
    return f"{at}.{key}" if at else key
