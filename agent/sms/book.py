"""Whose telephone number is whose: asked by contact and plan version, or by number. They never leave the hub (S11)."""

from collections.abc import Mapping
from typing import Protocol


class Book(Protocol):
    """The address book that comes with the care plans. Numbers are E.164 (`+441632960001`), compared by digits."""

    def number(self, contact: str, plan_version: int) -> str | None:
        """Give a contact's number as it was in that plan, else as it is in today's; None when there is none."""

    def contact(self, number: str) -> str | None:
        """Give the contact whose number this is; None for a stranger's."""


class Numbers:
    """A book of plain numbers, the same in every version of the plan."""

    def __init__(self, numbers: Mapping[str, str]) -> None:
        self._numbers = dict(numbers)
        self._contacts = {_digits(number): contact for contact, number in numbers.items()}

    def number(self, contact: str, plan_version: int) -> str | None:  # noqa: ARG002 -- the same in all of them
        """Give a contact's number."""
        return self._numbers.get(contact)

    def contact(self, number: str) -> str | None:
        """Give the contact whose number this is."""
        return self._contacts.get(_digits(number))


def _digits(number: str) -> str:
    return "".join(filter(str.isdecimal, number))
