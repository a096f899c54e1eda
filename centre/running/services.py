"""Puts together what a process of the centre stands on: site, store, keys, staff, the desk."""

import contextlib
import os
import secrets
import socket
import ssl
from collections.abc import Iterator
from zoneinfo import ZoneInfo

from agent.clock import Clock
from centre.pulse import Pulse
from centre.running.folder import DataFolder
from centre.running.settings import BrokerChoice
from centre.services import Services
from centre.settings import ConsoleSettings, LineSettings, Settings
from centre.site.site import Site
from centre.staff.consent import Consents
from centre.staff.roster import Roster
from centre.store.cases import Cases
from centre.store.ledger import StoredLedger
from centre.store.records import Records
from centre.work.commands import CommandBook
from centre.work.desk import Desk
from centre.work.plans import PlanBook


@contextlib.contextmanager
def opened(
    folder: DataFolder, clock: Clock, *, console: ConsoleSettings | None = None, demonstration: bool = False
) -> Iterator[Services]:
    """Open everything for as long as this lasts; what is missing is made. Raises SetUpError."""
    choices = folder.choices()
    with contextlib.ExitStack() as stack:
        site = stack.enter_context(contextlib.closing(folder.site(clock)))
        database = stack.enter_context(contextlib.closing(folder.database(choices)))
        keyring = folder.keyring(database)
        settings = Settings(
            data=folder.path,
            worker=_name(),
            line=line_settings(folder, choices.broker, site, clock),
            console=console or ConsoleSettings(),
            private_webhooks=choices.webhooks.private,
            retention=choices.retention,
            holds=choices.retention.holds,
        )
        roster = Roster(database, keyring, clock, demonstration=demonstration)
        cases, commands = Cases(database), CommandBook(database, clock)
        desk = Desk(database, cases, commands, clock, roster.knows)
        yield Services(
            clock=clock,
            database=database,
            ledger=StoredLedger(database),
            cases=cases,
            desk=desk,
            commands=commands,
            plans=PlanBook(database, keyring, clock),
            records=Records(database, keyring),
            roster=roster,
            consents=Consents(database, clock),
            keyring=keyring,
            pulse=Pulse(database, desk, roster, clock),
            settings=settings,
            site=site,
            zone=ZoneInfo(choices.console.zone) if choices.console.zone else None,
        )


def line_settings(folder: DataFolder, broker: BrokerChoice, site: Site, clock: Clock) -> LineSettings:
    """Say how workers reach the broker: our own by this computer's own address, another by its name."""
    way = site.settings.way[0]
    own = broker.run
    return LineSettings(
        host=(broker.listen or "127.0.0.1") if own else (broker.host or way.host),
        port=broker.port or way.port,
        group=site.workers_group,
        key=folder.signing_key(),
        tls=lambda: tls(site, clock, check_name=not own),
    )


def tls(site: Site, clock: Clock, *, check_name: bool) -> ssl.SSLContext:
    """Make the TLS context of the centre's workers, with the certificate as it is now. Raises SiteError.

    Our own broker is reached by an address that its certificate does not name: that a server of this site answers is
    checked all the same.
    """
    files = site.server("centre", clock.now().wall_ms)
    context = ssl.create_default_context(cafile=str(files.ca))
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.check_hostname = check_name
    context.load_cert_chain(files.certificate, files.key)
    return context


def _name() -> str:
    """Name this process: nobody else's name, also after a restart."""
    host = "".join(each for each in socket.gethostname().lower() if each.isalnum() or each == "-")[:20]
    return f"{host or 'centre'}-{os.getpid()}-{secrets.token_hex(3)}"
