"""Keeps care plans on disk: the address book and the texts, which the rules never see (S11).

A plan is kept before it is offered, so that the house never has one whose numbers are nowhere; which is in force is
the house's word alone. What is kept and not needed any more is deleted.
"""

import contextlib
import logging
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

from agent.files import write_whole
from agent.plan.private import Private
from agent.plan.reading import PlanDocument, PlanError, parse, read_plan
from agent.sms.book import digits
from agent.store.files import prepare_folder
from rules.state import House

log = logging.getLogger(__name__)

FOLDER = "plans"
"""Where they are, in the hub's state directory."""

_NONE = Private()


class _Kept(msgspec.Struct):
    """What must be readable of a plan, even for a version of this software that would refuse the rest."""

    private: Private = _NONE


def versions(folder: Path) -> list[int]:
    """Give the versions of the plans kept in a folder. Raises OSError."""
    names = [each.stem for each in folder.iterdir() if each.suffix == ".json"]
    return [int(name) for name in names if name.isascii() and name.isdecimal()]


class Keeping:
    """The plans in `folder`, one file each, `{version}.json`. `house` gives the house as it is now."""

    def __init__(self, folder: Path, house: Callable[[], House]) -> None:
        self._folder = folder
        self._house = house
        self._known: dict[int, Private] = {}

    # --- keeping -------------------------------------------------------------------------------------

    def keep(self, document: PlanDocument) -> None:
        """Write a plan down, whole or not at all, and wait until it is durable. Raises OSError."""
        prepare_folder(self._folder)
        write_whole(self._path(document.plan.version), document.to_json(), new=self._folder / "new")
        self._known[document.plan.version] = document.private

    def kept(self, version: int) -> bytes | None:
        """Give a kept plan as it was written; None when there is none."""
        try:
            return self._path(version).read_bytes()
        except OSError:
            return None

    def waiting(self) -> PlanDocument | None:
        """Give the newest plan that was kept and is not in force: the hub stopped before it was, or lost its house."""
        for version in sorted(self._versions(), reverse=True):
            if version <= self._house().plan.version:
                break
            try:
                return read_plan(parse(self.kept(version) or b"", self._path(version).name, json=True))
            except PlanError as error:
                log.error("plan %d cannot be taken up again: %s", version, error.reason)  # noqa: TRY400 -- told, not traced
        return None

    def needed(self) -> frozenset[int]:
        """Name the plans that must stay: the house's, and those of open alarms and of texts."""
        house = self._house()
        alarms, texts = (each.plan_version for each in house.alarms), (each.plan_version for each in house.texts)
        return frozenset((house.plan.version, *alarms, *texts))

    def tidy(self, needed: frozenset[int]) -> None:
        """Delete plans that nobody needs any more (S11). One newer than the house's is on its way to it."""
        in_force = self._house().plan.version
        for version in list(self._versions()):
            if version < in_force and version not in needed:
                # S12: tried again when another is. A disk that takes no writing is a fault already.
                with contextlib.suppress(OSError):
                    self._path(version).unlink()
                    self._known.pop(version, None)

    def _path(self, version: int) -> Path:
        return self._folder / f"{version}.json"

    def _versions(self) -> Iterator[int]:
        with contextlib.suppress(OSError):
            yield from versions(self._folder)

    # --- the address book ----------------------------------------------------------------------------

    @property
    def complete(self) -> bool:
        """Whether what the plan in force keeps from the rules is there."""
        version = self._house().plan.version
        return version == 0 or self.private(version) is not None

    def number(self, contact: str, plan_version: int) -> str | None:
        """Give a contact's number as it was in that plan, else as it is in today's; None when there is none."""
        for version in (plan_version, self._house().plan.version):
            private = self.private(version)
            if private is not None and contact in private.numbers:
                return private.numbers[contact]
        return None

    def contact(self, number: str) -> str | None:
        """Give the contact whose number this is, in today's plan or else in one still needed; None for a stranger's."""
        wanted = digits(number)
        today = self._house().plan.version
        for version in (today, *sorted((each for each in self._versions() if each < today), reverse=True)):
            private = self.private(version) or _NONE
            for contact, known in private.numbers.items():
                if digits(known) == wanted:
                    return contact
        return None

    def text(self, reference: str) -> str | None:
        """Give a text of today's plan, else of one that an open alarm began with; None when there is none."""
        house = self._house()
        for version in (house.plan.version, *(alarm.plan_version for alarm in house.alarms)):
            private = self.private(version)
            if private is not None and reference in private.texts:
                return private.texts[reference]
        return None

    def private(self, version: int) -> Private | None:
        """Give what a kept plan keeps from the rules; None when that is not to be had."""
        if version not in self._known:
            try:
                self._known[version] = msgspec.json.decode(self.kept(version) or b"", type=_Kept).private
            except msgspec.DecodeError:
                return None  # not remembered: it may come again
        return self._known.get(version)
