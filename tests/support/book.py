"""An address book of a few numbers, for tests of the modem without a plan."""

from collections.abc import Mapping

from agent.sms.book import digits


class Numbers:
    """A book of plain numbers, the same in every version of the plan."""

    def __init__(self, numbers: Mapping[str, str]) -> None:
        self._numbers = dict(numbers)
        self._contacts = {digits(number): contact for contact, number in numbers.items()}

    def number(self, contact: str, plan_version: int) -> str | None:
        """Give a contact's number."""
        return self._numbers.get(contact)

    def contact(self, number: str) -> str | None:
        """Give the contact whose number this is."""
        return self._contacts.get(digits(number))
