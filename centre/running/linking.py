"""Makes the link by which somebody of the staff comes in first, on the server's own shell."""

from pathlib import Path
from typing import Any

from centre.intake import LedgerDownError
from centre.running.settings import SetUpError
from centre.running.starting import link_of, open_quietly
from centre.staff.values import SHELL, StaffError


def make_link(data: Path, name: str, role: Any | None, shown: str | None, *, signs_in: bool = False) -> str:  # noqa: ANN401 -- one of click's choices
    """Give a link; with a role, `name` is added first. Raises SetUpError."""
    with open_quietly(data, demonstration=signs_in) as services:
        roster = services.roster
        try:
            if role is not None:
                roster.add(SHELL, name, shown or name, role)
            elif roster.get(name) is None:
                known = ", ".join(each.name for each in roster.everybody()) or "nobody yet"
                raise SetUpError(f"{name}: nobody of this name ({known}): --role adds them")
            return link_of(services, roster.links.make(SHELL, name, signs_in=signs_in))
        except (StaffError, LedgerDownError) as error:
            raise SetUpError(str(error)) from None
