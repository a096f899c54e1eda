"""What pages and machines are answered from: the one desk, the store, who may, the pulse. Made once per process."""

from datetime import tzinfo

from litestar.di import NamedDependency

from agent.clock import Clock
from centre.pulse import Pulse
from centre.settings import Settings
from centre.site.site import Site
from centre.staff.consent import Consents
from centre.staff.roster import Roster
from centre.store.cases import Cases
from centre.store.database import Database
from centre.store.ledger import StoredLedger
from centre.store.records import Records
from centre.store.sealing import Keyring
from centre.work.commands import CommandBook
from centre.work.desk import Desk
from centre.work.plans import PlanBook


class Services:
    """Given to every handler that asks for `services`. No dataclass: Litestar would look into each of its fields.

    `zone` is the centre's, in which its pages tell the time; None for this computer's own.
    """

    def __init__(  # noqa: PLR0913 -- all by name, once per process
        self,
        *,
        clock: Clock,
        database: Database,
        ledger: StoredLedger,
        cases: Cases,
        desk: Desk,
        commands: CommandBook,
        plans: PlanBook,
        records: Records,
        roster: Roster,
        consents: Consents,
        keyring: Keyring,
        pulse: Pulse,
        settings: Settings,
        site: Site | None = None,
        zone: tzinfo | None = None,
    ) -> None:
        self.clock, self.database, self.ledger, self.cases = clock, database, ledger, cases
        self.desk, self.commands, self.plans = desk, commands, plans
        self.records, self.roster, self.consents, self.keyring = records, roster, consents, keyring
        self.pulse, self.settings, self.site, self.zone = pulse, settings, site, zone

    def now_ms(self) -> int:
        """Give the centre's Unix time in ms."""
        return self.clock.now().wall_ms


Given = NamedDependency[Services]
"""What a handler writes: `services: Given`."""
