"""Whose telephone number is whose: asked by contact and plan version, or by number. They never leave the hub (S11)."""

from typing import Protocol


class Book(Protocol):
    """The address book that comes with the care plans. Numbers are E.164 (`+441632960001`), compared by digits."""

    def number(self, contact: str, plan_version: int) -> str | None:
        """Give a contact's number as it was in that plan, else as it is in today's; None when there is none."""

    def contact(self, number: str) -> str | None:
        """Give the contact whose number this is; None for a stranger's."""


def digits(number: str) -> str:
    """Give a number's digits alone: people write the same one in many ways."""
    return "".join(filter(str.isdecimal, number))
