"""`hearthline provision init-site`, `issue`, `list`, `revoke`, `rotate-centre-key`, `broker-config`."""

import contextlib
import json
import os
import pwd
import re
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import click
import msgspec
from rich.console import Console
from rich.table import Table

from agent.clock import SystemClock
from agent.wire.enrolment import WayIn
from centre.site import broker, showing
from centre.site.folder import ROOT_KEY, Folder
from centre.site.judging import Refused
from centre.site.registry import HubRecord
from centre.site.settings import FILE, SiteError, SiteSettings
from centre.site.site import TOKEN_S, TOKEN_S_MAX, Site
from rules.values import utc

EXIT_CANNOT = 2
BROKER_PORT, ENROLMENT_PORT = 8883, 8443
HOUR_S = 3_600
RELOAD = "systemctl reload mosquitto"
_HOST = re.compile(r"[A-Za-z0-9.:-]{1,253}")
LAYING = ".laying"
"""Locked in the site's folder, not in the broker's: who has the broker could hold it for ever."""


def _site_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option(
        "--site",
        "folder",
        type=click.Path(path_type=Path),
        default=Path("site"),
        show_default=True,
        help="The site's folder.",
    )(function)


def _json_option(function: Callable[..., Any]) -> Callable[..., Any]:
    return click.option("--json", "as_json", is_flag=True, help="Print it as one line of JSON.")(function)


@contextlib.contextmanager
def _told() -> Iterator[None]:
    """Tell what cannot be done, and exit with 2."""
    try:
        yield
    except (SiteError, Refused) as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_CANNOT)


@contextlib.contextmanager
def _opened(folder: Path) -> Iterator[Site]:
    with _told(), contextlib.closing(Site.open(folder)) as site:
        yield site


def _wall_ms() -> int:
    return SystemClock().now().wall_ms


# --- init-site ----------------------------------------------------------------------------------------


@click.command("init-site")
@_site_option
@click.option("--name", default="Hearthline", show_default=True, help="What the site is called; hubs are told.")
@click.option("--broker", "broker_at", help="HOST or HOST:PORT that hubs reach the broker by; else this computer's.")
@click.option("--enrolment", help="HOST or HOST:PORT that boxes enrol at; else the broker's host.")
@_json_option
def init_site(folder: Path, name: str, broker_at: str | None, enrolment: str | None, *, as_json: bool) -> None:
    """Make a site: its authority, its registry of hubs, and the centre's key.

    Run it once, on a computer that stays safe; keep copies of the folder. Cut short, it goes on where it was when it
    is run again; on a site that is whole it changes nothing. The key of the root (root/root.key) is needed for nothing
    daily: move it to a stick, and the stick to a safe.

    \b
    Exits with
      0  the site is there
      2  it cannot be made: the reason and the remedy are told
    """  # noqa: D301 -- click's mark for lines kept as they are
    with _told():
        host, port = _host_and_port(broker_at or socket.gethostname(), BROKER_PORT)
        there, at = _host_and_port(enrolment, ENROLMENT_PORT) if enrolment else (host, ENROLMENT_PORT)
        endpoint = f"[{there}]:{at}" if ":" in there else f"{there}:{at}"
        try:
            settings = msgspec.convert(
                {"name": name, "enrolment": endpoint, "way": [{"host": host, "port": port}]}, SiteSettings
            )
        except msgspec.ValidationError as error:
            raise SiteError(f"--name {name!r} or --broker {host!r} cannot be used: {error}") from None
        with contextlib.closing(Site.create(folder, settings, _wall_ms())) as site:
            if as_json:
                click.echo(json.dumps({"site": str(folder), "name": site.settings.name, "made": site.made}))
            elif site.made:
                _say_made(site)
            else:
                click.echo(f"{folder}: the site {site.settings.name} is there and whole; nothing was changed.")
                _say_reached(site)


def _say_made(site: Site) -> None:
    click.echo(f"{site.folder}: the site {site.settings.name} is made.")
    _say_reached(site)
    click.echo(f"  if that is not so, change it in {site.folder / FILE} now, before the first hub enrols")
    click.echo(f"  move {site.folder / ROOT_KEY} to a stick, and the stick to a safe: nothing daily needs it")
    click.echo("Next: hearthline provision broker-config, then serve, then issue; each with the same --site.")


def _say_reached(site: Site) -> None:
    way: WayIn = site.settings.way[0]
    click.echo(f"  hubs reach the broker at {way.host}:{way.port}, and enrol at {site.settings.enrolment}")


def _host_and_port(text: str, port: int) -> tuple[str, int]:
    """Split HOST or HOST:PORT. Raises SiteError."""
    try:
        parts = urlsplit(f"//{text}")
        host, given = parts.hostname, parts.port
    except ValueError:
        host, given = None, None
    if host is None or "/" in text or not _HOST.fullmatch(host):
        raise SiteError(f"{text!r}: write HOST or HOST:PORT, such as mqtt.example.org:8883")
    return host, given or port


# --- issue --------------------------------------------------------------------------------------------


@click.command()
@click.argument("hub", required=False)
@_site_option
@click.option(
    "--hours",
    type=click.IntRange(1, TOKEN_S_MAX // HOUR_S),
    default=TOKEN_S // HOUR_S,
    show_default=True,
    help="How long the code is good for.",
)
@click.option("--out", type=click.Path(path_type=Path), help="Write it here (.png, .svg or .txt) and do not show it.")
@_json_option
def issue(folder: Path, hub: str | None, hours: int, out: Path | None, *, as_json: bool) -> None:
    """Issue an enrolment code, by which one box becomes the hub HUB.

    HUB is a pseudonym, never a name or an address; without it a new one is made. The code is shown as text and as a
    QR code: give it to the installer, who types or scans it on the box. It is a secret until it is used, works once,
    and is kept nowhere: issued again, the one before is void.

    \b
    Exits with
      0  the code is issued
      2  it cannot be: the reason and the remedy are told
    """  # noqa: D301 -- click's mark for lines kept as they are
    with _opened(folder) as site:
        if out is not None:
            showing.check_place(out)
        now_ms = _wall_ms()
        name = hub or site.new_name()
        code = site.issue_token(name, hours * HOUR_S, now_ms)
        expires = utc(now_ms + hours * HOUR_S * 1000)
        if out is not None:
            showing.write(code, out)
        if as_json:
            where = {"file": str(out)} if out is not None else {"code": str(code)}
            click.echo(json.dumps({"hub": name, "expires": expires, **where}))
        elif out is not None:
            click.echo(f"{out}: the enrolment code of {name}, good once and until {expires}.")
        else:
            click.echo(showing.terminal(code))
            click.echo(f"Hub        {name}\nCode       {code}\nGood       once, until {expires}")
            click.echo("On the box: sudo hearthline provision enrol")


# --- list, revoke -------------------------------------------------------------------------------------


@click.command("list")
@_site_option
@_json_option
def list_hubs(folder: Path, *, as_json: bool) -> None:
    """List every hub there ever was, and how long its certificate is good for.

    One that waits has a code that nobody has used yet. Times are UTC.

    \b
    Exits with
      0  listed
      2  the site cannot be used: the reason and the remedy are told
    """  # noqa: D301 -- click's mark for lines kept as they are
    with _opened(folder) as site:
        hubs = site.hubs()
        for warning in site.warnings(_wall_ms()):
            click.echo(warning, err=True)
        if as_json:
            click.echo(json.dumps([_told_of(each) for each in hubs]))
            return
        if not hubs:
            click.echo("No hub yet: hearthline provision issue")
            return
        table = Table("hub", "state", "enrolled", "certificate until", "reports", box=None, pad_edge=False)
        for each in hubs:
            told = _told_of(each)
            until = told["code_until"] if each.state == "waiting" else told["certificate_until"]
            waits = " (code)" if each.state == "waiting" and until else ""
            table.add_row(
                each.hub, each.state, told["enrolled"] or "", f"{(until or '')[:16]}{waits}", str(each.reports or "")
            )
        Console().print(table)


def _told_of(hub: HubRecord) -> dict[str, Any]:
    """Give what is told of a hub: no keys, which nobody reads."""
    times = {
        "issued": hub.issued_ms,
        "code_until": hub.token_ends_ms,
        "enrolled": hub.enrolled_ms,
        "renewed": hub.renewed_ms,
        "certificate_until": hub.certificate_ends_ms,
        "revoked": hub.revoked_ms,
    }
    told = {name: utc(ms) if ms else None for name, ms in times.items()}
    return {"hub": hub.hub, "state": hub.state, **told, "software": hub.software, "reports": hub.reports}


@click.command()
@click.argument("hub")
@_site_option
@click.option("--broker", "broker_at", type=click.Path(path_type=Path), help="The broker's folder; else SITE/broker.")
@_json_option
def revoke(folder: Path, hub: str, broker_at: Path | None, *, as_json: bool) -> None:
    """Revoke HUB: stolen, lost, or its keys known to others.

    It gets no certificate any more, and the broker refuses it as soon as it has read the new list of revoked
    certificates and the new access lists: this writes both into the broker's folder, and the broker reads them on
    `systemctl reload mosquitto`. The broker of `hearthline centre run` has them within seconds, by itself. From then on
    a revoked hub that is still connected can neither say nor hear anything, and once it has gone it does not come in
    again. A box that comes back gets a new name.

    \b
    Exits with
      0  the hub is revoked, now or before
      2  it cannot be: the reason and the remedy are told
    """  # noqa: D301 -- click's mark for lines kept as they are
    with _opened(folder) as site:
        fresh = site.revoke(hub, _wall_ms())
        place = broker_at or folder / "broker"
        laid = (place / broker.CONFIGURATION).exists()
        if laid:
            layout = broker.Layout(place)  # neither of the two files says where anything is
            _lay(site, layout, place, (broker.CRL, broker.ACCESS))
        if as_json:
            click.echo(json.dumps({"hub": hub, "fresh": fresh, "broker": str(place) if laid else None}))
            return
        click.echo(f"{hub} is revoked." if fresh else f"{hub} was revoked before.")
        if laid:
            click.echo(f"The broker does not know it yet. On its computer: {RELOAD}")
        else:
            click.echo(f"The broker of `hearthline centre run` knows it soon; for another: broker-config, {RELOAD}")


# --- rotate-centre-key --------------------------------------------------------------------------------


@click.command("rotate-centre-key")
@_site_option
@click.option("--finish", is_flag=True, help="Retire the older of the two keys.")
@click.option("--now", is_flag=True, help="With --finish: do not wait until every hub knows the new key.")
@_json_option
def rotate_centre_key(folder: Path, *, finish: bool, now: bool, as_json: bool) -> None:
    """Change the key by which hubs know the centre's word.

    Without --finish it adds a second key, which every hub learns of when it next asks the site. Let the centre sign
    with the first for as long as a hub may be cut off (offline_days in site.toml), then with the second; then run it
    with --finish, which retires the first: hubs believe it no longer. Keys are never deleted: a retired one is in
    centre/retired. --now is for an old key that others know: hubs that have not asked since then believe no receipt,
    and take their next path for every alarm, until they do.

    \b
    Exits with
      0  done, now or before
      2  it cannot be: the reason and the remedy are told
    """  # noqa: D301 -- click's mark for lines kept as they are
    with _opened(folder) as site:
        valid = site.rotate_centre_key("finish" if finish else "add", _wall_ms(), now=now)
        site.word(_wall_ms())
        if as_json:
            click.echo(json.dumps({"valid": valid}))
            return
        click.echo(f"Hubs believe {' and '.join(valid)}.")
        if finish and len(valid) == 1:
            click.echo("There is nothing more to finish: the centre signs with this one.")
        if len(valid) > 1:
            click.echo(
                f"In {site.settings.offline_days} days: have the centre sign with {valid[-1]},"
                " then run this with --finish."
            )


# --- broker-config ------------------------------------------------------------------------------------


@click.command("broker-config")
@_site_option
@click.option("--out", type=click.Path(path_type=Path), help="Write the files here; else SITE/broker.")
@click.option("--at", type=click.Path(path_type=Path), help="Where they will be on the broker's computer; else --out.")
@click.option("--data", type=click.Path(path_type=Path), default=broker.Layout(Path()).data, show_default=True,
              help="Where the broker keeps its database.")  # fmt: skip
@click.option("--user", default="mosquitto", show_default=True, help="The user the broker runs as.")
@click.option("--listen", default="", help="The address to listen on; else all.")
@click.option("--port", type=click.IntRange(1, 65_535), help="The port; else that of the first way in site.toml.")
@click.option("--connections", type=click.IntRange(10, 1_000_000), default=broker.CONNECTIONS_MAX, show_default=True,
              help="The most connections at once.")  # fmt: skip
@_json_option
def broker_config(  # noqa: PLR0913 -- its options
    folder: Path,
    out: Path | None,
    at: Path | None,
    data: Path,
    user: str,
    listen: str,
    port: int | None,
    connections: int,
    *,
    as_json: bool,
) -> None:
    """Write a complete configuration for Mosquitto 2.0.11 or later, with its certificate.

    TLS 1.3; a certificate of this site, which says who a client is; a hub can only speak as itself; what is retained
    and queued outlives a power cut; limits against a flood. Run it again after a hub is revoked, after a change of a
    host in site.toml, and once a year: the broker's certificate is made anew when it has run down to a year. Each time
    the broker must read it: `systemctl reload mosquitto`, or restart for another port or limit.

    \b
    On the computer that is site and broker, as root:
      hearthline provision broker-config --out /etc/mosquitto/hearthline
      install -D -m 644 /etc/mosquitto/hearthline/mosquitto.service.conf \\
          /etc/systemd/system/mosquitto.service.d/hearthline.conf
      systemctl daemon-reload && systemctl restart mosquitto

    \b
    Exits with
      0  the files are written
      2  they cannot be: the reason and the remedy are told
    """  # noqa: D301 -- click's mark for lines kept as they are
    with _opened(folder) as site:
        place = out or folder / "broker"
        layout = broker.Layout(
            (at or place).absolute(), data.absolute(), user, listen, port or site.settings.way[0].port, connections
        )
        _lay(site, layout, place, owner=_owner(user) if out is not None else None)
        if as_json:
            click.echo(json.dumps({"folder": str(place), "port": layout.port}))
            return
        click.echo(
            f"{place / broker.CONFIGURATION}: Mosquitto on port {layout.port}, with all that it needs beside it."
        )
        if at is not None:
            click.echo(f"Copy the folder to {at}, to be read by {user} alone: the key is in it.")
        click.echo(f"For systemd: {layout.at / broker.SERVICE} says where it goes. A broker that runs: {RELOAD}")


def _lay(
    site: Site, layout: broker.Layout, place: Path, only: tuple[str, ...] = (), owner: tuple[int, int] | None = None
) -> None:
    """Write the broker's files, all or some, each whole or not at all. Raises SiteError.

    One command at a time: of two revocations, the slower must not lay lists that lack the other's hub.
    """
    with Folder(site.folder).alone(LAYING):
        to = Folder(place)
        to.prepare()
        if owner is not None:
            os.chown(place, *owner)
        for name, content in site.broker_files(layout, _wall_ms()).items():
            if name in (only or (name,)):
                to.write(name, content)


def _owner(user: str) -> tuple[int, int] | None:
    """Give the ids of the broker's user, if root can give it the files."""
    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam(user)
    except KeyError:
        return None
    return found.pw_uid, found.pw_gid
