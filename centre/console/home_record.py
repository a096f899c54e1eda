"""A home's record as a form: what was typed into it, and what of that changes the record. Pure."""

import hashlib
import re
from collections.abc import Mapping
from typing import Any

import msgspec
from msgspec.structs import replace

from centre.store.records import FIELDS, ContactPerson, Health, Person, Record

PERSONS_MAX, CONTACTS_MAX = 8, 20
LINE_CHARS_MAX, TEXT_CHARS_MAX = 200, 4_000
REFERENCE = re.compile(r"[a-z0-9][a-z0-9-]{0,39}")
REFERENCE_HELP = "a-z, 0-9 and hyphens, such as daughter; never a name: it stands in the plan, which travels"

TEXTS: tuple[tuple[str, str, str], ...] = (
    ("address", "Address", "With what helps to find the door"),
    ("telephone", "Telephone of the home", ""),
    ("access", "How to get in", "Entrance, floor, entry phone; not the key safe's code"),
    ("key_safe", "Key safe", "Where it is, and its code"),
    ("hazards", "Beware of", "Dogs, oxygen, stairs, somebody violent"),
    ("notes", "Notes", "What helps whoever calls or goes"),
)
"""Fields of one text: name, label, help."""

_LINES = ("name", "language", "telephone", "relation")

Data = Mapping[str, Any]


def line(data: Data, name: str) -> str:
    """Give what was typed into a field, as one line."""
    value = data.get(name, "")
    return " ".join(value.replace("\0", "").split()) if isinstance(value, str) else ""


def text(data: Data, name: str) -> str:
    """Give what was typed into a field of several lines."""
    value = data.get(name, "")
    return value.replace("\0", "").replace("\r\n", "\n").strip() if isinstance(value, str) else ""


def typed(data: Data) -> Record:
    """Give the record that a form says. Rows that are empty are none; a reference that was left out is made."""
    persons, health = _persons(data)
    texts: dict[str, Any] = {name: text(data, name) for name, _, _ in TEXTS}
    return Record(persons=persons, health=health, contacts=_contacts(data), **texts)


def _persons(data: Data) -> tuple[tuple[Person, ...], tuple[Health, ...]]:
    persons: list[Person] = []
    health: list[Health] = []
    for row in range(PERSONS_MAX + 1):
        ref, name, language, born = (line(data, f"person-{row}-{each}") for each in ("ref", "name", "language", "born"))
        needs = text(data, f"person-{row}-needs")
        if not (ref or name or needs or born):
            continue
        ref = ref or f"resident-{len(persons) + 1}"
        persons.append(Person(ref=ref, name=name, language=language))
        if born or needs:
            health.append(Health(ref=ref, born=born, needs=needs))
    return tuple(persons), tuple(health)


def _contacts(data: Data) -> tuple[ContactPerson, ...]:
    contacts: list[ContactPerson] = []
    for row in range(CONTACTS_MAX + 1):
        parts = ("ref", "name", "telephone", "relation")
        ref, name, telephone, relation = (line(data, f"contact-{row}-{each}") for each in parts)
        if not (ref or name or telephone or relation):
            continue
        made = "-".join(re.findall(r"[a-z0-9]+", relation.lower()))[:40].strip("-")
        contacts.append(
            ContactPerson(
                ref=ref or made or f"contact-{len(contacts) + 1}",
                name=name,
                telephone=telephone,
                relation=relation,
                holds_key=data.get(f"contact-{row}-key") == "yes",
            )
        )
    return tuple(contacts)


def problems(record: Record) -> list[str]:
    """Say what of a record cannot be kept, and what to do: nothing of what is in it."""
    found = []
    sorts: tuple[tuple[str, tuple[Person | ContactPerson, ...]], ...] = (
        ("person who lives there", record.persons),
        ("contact", record.contacts),
    )
    for what, people in sorts:
        refs = [each.ref for each in people]
        for number, (ref, person) in enumerate(zip(refs, people, strict=True), 1):
            if not REFERENCE.fullmatch(ref):
                found.append(f"Short word of {what} {number}: use {REFERENCE_HELP}")
            elif refs.index(ref) != number - 1:
                found.append(f"Short word of {what} {number}: another has the same one; each has its own")
            if not person.name:
                found.append(f"Name of {what} {number}: write it, or empty the whole row")
            if any(len(getattr(person, name)) > LINE_CHARS_MAX for name in _LINES if hasattr(person, name)):
                found.append(f"A line of {what} {number} is longer than {LINE_CHARS_MAX} characters: shorten it")
    texts = [(label, getattr(record, name)) for name, label, _ in TEXTS]
    texts += [("What an ambulance should know", each.needs) for each in record.health]
    found += [
        f"{label}: longer than {TEXT_CHARS_MAX} characters: shorten it"
        for label, each in texts
        if len(each) > TEXT_CHARS_MAX
    ]
    if len(record.persons) > PERSONS_MAX or len(record.contacts) > CONTACTS_MAX:
        found.append(f"At most {PERSONS_MAX} people and {CONTACTS_MAX} contacts: take some out")
    return found


def digests(record: Record) -> dict[str, str]:
    """Give, for each field, what tells whether it is still as it was when the form was shown."""
    encoded = {name: msgspec.json.encode(getattr(record, name)) for name in FIELDS}
    return {name: hashlib.sha256(each).hexdigest()[:16] for name, each in encoded.items()}


def merged(now: Record, was: Mapping[str, str], new: Record, fields: frozenset[str]) -> tuple[Record, list[str]]:
    """Change of the record as it is now what was changed in the form; name what somebody else has changed meanwhile.

    If there is any, nothing is to be kept before whoever typed has seen it.
    """
    changed = {name for name in fields if digests(new)[name] != was.get(name)}
    others = {
        name for name in changed if digests(now)[name] != was.get(name) and digests(new)[name] != digests(now)[name]
    }
    return replace(now, **{name: getattr(new, name) for name in changed}), sorted(others)
