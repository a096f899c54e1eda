"""What the machines' side stands on: the console's services are such, and this package knows no console."""

from datetime import tzinfo
from typing import Protocol, runtime_checkable

from litestar.di import NamedDependency

from agent.clock import Clock
from centre.store.database import Database
from centre.store.ledger import StoredLedger
from centre.work.desk import Desk


@runtime_checkable
class Services(Protocol):
    """Given to every handler that asks for `services`. `zone` is the centre's; None for this computer's own."""

    clock: Clock
    database: Database
    ledger: StoredLedger
    desk: Desk
    zone: tzinfo | None

    def now_ms(self) -> int:
        """Give the centre's Unix time in ms."""


Given = NamedDependency[Services]
"""What a handler writes: `services: Given`."""
