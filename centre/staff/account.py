"""What staff change of their own: password, second factor, recovery codes. The password of now is asked for each."""

from collections.abc import Callable

from msgspec.structs import replace

from agent.clock import Clock
from centre.staff import codes, passwords, sessions
from centre.staff.door import Door
from centre.staff.held import Proof, keep, needed, note
from centre.staff.passwords import Hashing
from centre.staff.proving import Offer, proved, with_recovery
from centre.store.database import Database


class Account:
    """Each call raises StaffError for what is not right. `session` is the one that stays: all others end."""

    def __init__(self, database: Database, clock: Clock, hashing: Hashing, door: Door) -> None:
        self._database, self._clock, self._hashing, self._door = database, clock, hashing, door

    def change_password(self, name: str, old: str, new: str, *, session: str) -> None:
        """Change the password."""
        operator = self._door.confirm(name, old)
        passwords.check(new, operator.name, operator.shown)
        hashed = self._hashing.make(new)
        self._change(name, session, "password-changed", lambda proof: replace(proof, password=hashed))

    def change_app(self, name: str, password: str, offer: Offer, code: str, *, session: str) -> list[str]:
        """Change the second factor; give new recovery codes, shown once."""
        self._door.confirm(name, password)
        recovery, at_ms = codes.new_recovery(), self._clock.now().wall_ms
        proved(Proof(), offer, code, at_ms)
        self._change(
            name,
            session,
            "second-factor-changed",
            lambda proof: with_recovery(proved(proof, offer, code, at_ms), recovery),
        )
        return recovery

    def renew_recovery(self, name: str, password: str, *, session: str) -> list[str]:
        """Give new recovery codes, shown once; those there were are void."""
        self._door.confirm(name, password)
        recovery = codes.new_recovery()
        self._change(name, session, "recovery-codes-made", lambda proof: with_recovery(proof, recovery))
        return recovery

    def recovery_left(self, name: str) -> int:
        """Say how many recovery codes are left."""
        with self._database.reading() as connection:
            return len(needed(connection, name).proof.recovery)

    def _change(self, name: str, session: str, what: str, change: Callable[[Proof], Proof]) -> None:
        at_ms = self._clock.now().wall_ms
        with self._database.writing() as connection:
            held = needed(connection, name)
            keep(connection, self._database, replace(held, proof=change(held.proof)), at_ms)
            sessions.end_all(connection, name, but=session)
            note(connection, at_ms, name, what)
