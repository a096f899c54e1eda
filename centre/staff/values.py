"""What is known of one of the staff. A name is a reference; `shown` is what colleagues call them."""

import re

from centre.store.records import Role
from rules.values import Value

NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])")
NAME_HELP = "2 to 32 of a-z, 0-9 and hyphens, such as asha-k"

RESERVED = frozenset({"anybody", "centre", "hub", "nobody", "retention", "shell", "system"})
"""What the audit calls others than staff."""

SHELL = "shell"
"""Who does what is done on the server's own command line."""

SHOWN_CHARS_MAX = 80

ROLES: dict[Role, str] = {
    "operator": "Operator: answers alarms",
    "supervisor": "Supervisor: all of it, and the staff",
    "installer": "Installer: homes and their boxes",
    "auditor": "Auditor: figures and who did what",
}


class Operator(Value, frozen=True, kw_only=True):
    """One of the staff, of whatever role. `name` is a reference, `language` as in BCP 47.

    `keys` and `sounds`: whether single letters are keys of the console (WCAG 2.1.4), and whether it sounds.
    `ready`: has set a password and a second factor, and so can sign in.
    """

    name: str
    shown: str
    role: Role
    active: bool = True
    language: str = "en"
    keys: bool = True
    sounds: bool = True
    ready: bool = False


class Session(Value, frozen=True, kw_only=True):
    """Somebody signed in by one browser. Times are the centre's Unix ms. `id` is a digest, and signs nobody in."""

    id: str
    operator: Operator
    begun_ms: int
    seen_ms: int
    ends_ms: int
    browser: str = ""


class StaffError(Exception):
    """This cannot be done with the staff; the text says why, and what to do, for whoever asked."""
