"""Leading: of all workers one, by a lease in the store, does what only one need do.

Two for a moment do no harm: what the follower makes is kept once, commands are carried out once, and what the watch
finds twice changes nothing. The lease only saves the work, and makes clear who is to be asked.
"""

import sqlalchemy as sa

from agent.clock import Clock
from centre.store.database import Database
from centre.store.schema import LEASE

LEASE_MS = 10_000
"""How long a leader leads that says nothing more."""

RENEW_S = 3.0

LEADER = "leader"


class Lease:
    """The lease, as `holder` has it or not. Its clock is the wall's: the centre's computers keep network time."""

    def __init__(self, database: Database, holder: str, clock: Clock, name: str = LEADER) -> None:
        self._database, self._holder, self._clock, self._name = database, holder, clock, name

    def take(self) -> bool:
        """Take or renew it; say whether it is ours. Raises LedgerDownError."""
        now_ms = self._clock.now().wall_ms
        c = LEASE.c
        asked = sa.select(c.holder, c.until_ms).where(c.name == self._name)
        values = {"name": self._name, "holder": self._holder, "until_ms": now_ms + LEASE_MS}
        with self._database.writing() as connection:
            held = connection.execute(asked).first()
            # One that ends later than any can was given before a clock was set back.
            standing = held is not None and now_ms < held.until_ms <= now_ms + 2 * LEASE_MS
            if held is not None and standing and held.holder != self._holder:
                return False
            connection.execute(self._database.upsert(LEASE, values))
        return True

    def give_up(self) -> None:
        """Let the next one lead at once. Raises LedgerDownError."""
        mine = (LEASE.c.name == self._name, LEASE.c.holder == self._holder)
        with self._database.writing() as connection:
            connection.execute(sa.delete(LEASE).where(*mine))

    def holder(self) -> str:
        """Name who leads; nobody, if the lease has run out. Raises LedgerDownError."""
        c = LEASE.c
        with self._database.reading() as connection:
            held = connection.execute(sa.select(c.holder, c.until_ms).where(c.name == self._name)).first()
        return held.holder if held is not None and self._clock.now().wall_ms < held.until_ms else ""
