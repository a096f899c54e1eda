"""One thing that happens in a simulated life."""

import msgspec


class Incident(msgspec.Struct, frozen=True, omit_defaults=True):
    """Something happens at `at_ms` of the world. `who` is a device or a detail, `ms` how long, `n` a number to it."""

    at_ms: int
    what: str
    who: str = ""
    ms: int = 0
    n: int = 0


Script = tuple[Incident, ...]
