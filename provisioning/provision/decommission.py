"""`hearthline provision decommission`: ends a hub. Wipes journal, plans and keys, and leaves a signed receipt."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import click
import msgspec
from msgspec.structs import replace

from agent.ask import AskError, ask
from agent.clock import Clock, SystemClock
from agent.files import sync_folder
from agent.wire.papers import DECOMMISSIONED, Decommissioned
from provisioning.commands.options import config_option
from provisioning.provision.client import RefusedError, Service, UnreachableError
from provisioning.provision.folder import CA, RECORD, FolderError, HubFolder, remedy, root_of
from provisioning.provision.keys import sealed
from provisioning.provision.pair import put
from provisioning.provision.software import software
from provisioning.provision.wiping import Places, RunningError, stopped, wipe

EXIT_REFUSED, EXIT_CANNOT = 1, 2
MARKER = "decommissioning.json"
COUNT_S = 60.0
PACKAGES = Path(__file__).parents[2]
"""Where Python finds the hub's own packages: never in whatever folder this is run from."""


class UndeliveredError(Exception):
    """There are alarms that never reached the centre, or may be; the text says what to do."""


class Begun(msgspec.Struct, frozen=True, kw_only=True):
    """A decommissioning that a person has confirmed: what it began with, as the next run can no longer find out."""

    hub: str
    state_dir: str
    keys: tuple[str, ...]
    signing: str
    wiped: tuple[str, ...]
    waiting: dict[str, int] | None
    untold: str | None = None
    """Why the site could not be told, nothing if it was, None before that was tried."""


class Gone(NamedTuple):
    """What came of it. `untold` says why the site does not know yet; `left` names what is not the hub's."""

    hub: str
    receipt: Path | None
    untold: str
    left: list[str]


@click.command()
@config_option("config")
@click.option("--yes-wipe", metavar="HUB", help="Wipe without asking: the id of this very hub.")
@click.option("--lose-alarms", is_flag=True, help="Wipe even alarms that never reached the centre.")
@click.option("--json", "as_json", is_flag=True, help="Tell what was done as JSON.")
def decommission(config: Path, yes_wipe: str | None, *, lose_alarms: bool, as_json: bool) -> None:
    """End this hub: nobody can be it any more, and nothing of its home is left on it.

    Wipes the journal, the care plans with their telephone numbers, messages and speech, then the keys and hub.toml. It
    leaves a receipt, signed by the hub's own key before that is wiped, and tells the site, which trusts this hub no
    more. Where the site cannot be reached, take the receipt there on a stick (hearthline provision sign).

    Stop the hub first. It asks for the hub's id. It may be cut off at any moment: run it again, and it goes on.

    Files are overwritten before they are removed. On an SD card that is no promise: they may still be found with
    special tools. If that matters, destroy the card.

    \b
    Exits with
      0  it is done, or was done before
      1  not done: the hub runs, alarms wait, or it was not confirmed
      2  a file cannot be wiped or written
    """  # noqa: D301 -- click's mark for lines kept as they are
    folder = HubFolder(config)
    try:
        with folder.held():
            gone = decommission_box(folder, SystemClock(), _confirmed(yes_wipe), lose_alarms=lose_alarms)
    except (FolderError, RunningError, UndeliveredError) as error:
        click.echo(str(error), err=True)
        sys.exit(EXIT_REFUSED)
    except OSError as error:
        click.echo(f"{error.filename or config}: {error.strerror}: {remedy(error)}", err=True)
        sys.exit(EXIT_CANNOT)
    _tell(config, gone, as_json=as_json)


def _confirmed(yes_wipe: str | None) -> Callable[[str], None]:
    """Give how a person confirms: by the hub's own id. It raises FolderError."""

    def confirm(hub: str) -> None:
        told = yes_wipe or click.prompt(f"This wipes the hub {hub} for good. Type its id to go on", err=True)
        if told != hub:
            raise FolderError(f"nothing was wiped: this is the hub {hub}")

    return confirm


def decommission_box(
    folder: HubFolder, clock: Clock, confirm: Callable[[str], None], *, lose_alarms: bool = False
) -> Gone | None:
    """Wipe a hub, or go on with it; None where there is no hub. Raises what the command catches."""
    marker = folder.folder / MARKER
    begun = _begun(marker)
    if begun is None:
        places = Places(folder.config)
        hub = _who(folder, places)
        if not hub:
            return None
        _require_stopped(places)
        with stopped(places.state_dir):
            waiting = _waiting(places.state_dir)
            _require_delivered(waiting, lose_alarms=lose_alarms)
            confirm(hub)
            begun = _begin(marker, hub, places, waiting)
    with stopped(Path(begun.state_dir)):
        return _finish(folder, marker, begun, clock)


def _finish(folder: HubFolder, marker: Path, begun: Begun, clock: Clock) -> Gone:
    """Wipe what only the hub reads; sign; tell the site; then wipe what could sign and tell. In this order."""
    places = Places(folder.config)
    state_dir = Path(begun.state_dir)
    wipe(state_dir / name for name in begun.wiped)
    receipt = _receipt(folder, begun, clock)
    untold = begun.untold
    if untold is None:
        untold = _told(folder, receipt, clock)
        put(marker, msgspec.json.encode(replace(begun, untold=untold)))  # its keys are needed for telling, and go now
    wipe([*places.folders, *(Path(each) for each in begun.keys)])
    wipe(folder.config.with_name(f"{folder.config.name}{each}") for each in ("", ".new", ".checked", ".next"))
    sync_folder(folder.folder)
    left = sorted(each.name for each in state_dir.iterdir()) if state_dir.is_dir() else []
    marker.unlink()
    sync_folder(folder.folder)
    return Gone(begun.hub, receipt, untold, left)


# --- before ---------------------------------------------------------------------------------------------


def _begun(marker: Path) -> Begun | None:
    try:
        return msgspec.json.decode(marker.read_bytes(), type=Begun)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:
        raise FolderError(f"{marker}: it is damaged: remove it, and run this again") from None


def _begin(marker: Path, hub: str, places: Places, waiting: dict[str, int] | None) -> Begun:
    begun = Begun(
        hub=hub,
        state_dir=str(places.state_dir),
        keys=tuple(str(each) for each in places.keys),
        signing=str(places.signing),
        wiped=tuple(each.name for each in places.state()),
        waiting=waiting,
    )
    put(marker, msgspec.json.encode(begun))
    return begun


def _who(folder: HubFolder, places: Places) -> str:
    """Give the hub's id: its certificate's name, or else what hub.toml says. Empty where there is no hub."""
    if (folder.keys / RECORD).exists():
        try:
            identity = folder.identity()
        except FolderError:
            identity = None  # damaged, as may be why it is to end
        if identity is not None:
            return identity.hub
    if folder.config.exists() and not places.hub:
        raise FolderError(
            f"{folder.config}: it does not say which hub this is: mend it (hub = ...), and run this again"
        )
    return places.hub


def _require_stopped(places: Places) -> None:
    try:
        ask(places.socket)
    except AskError:
        return
    raise RunningError("this hub is running: stop it first (systemctl stop hearthline), and run this again")


def _waiting(state_dir: Path) -> dict[str, int] | None:
    """Count what was never delivered, in a process of its own; None where the store cannot be read."""
    if not any(state_dir.glob("hub.db*")):
        return {"a": 0, "t": 0, "alarms": 0}  # it never ran
    command = [sys.executable, "-m", "agent.store.left", str(state_dir)]
    try:
        ran = subprocess.run(command, cwd=PACKAGES, capture_output=True, check=True, timeout=COUNT_S)
        return msgspec.json.decode(ran.stdout, type=dict[str, int])
    except (subprocess.SubprocessError, msgspec.DecodeError):
        return None


def _require_delivered(waiting: dict[str, int] | None, *, lose_alarms: bool) -> None:
    """S2: an alarm that the centre has no receipt for is not wiped by accident."""
    if lose_alarms or (waiting is not None and not waiting.get("alarms")):
        return
    how = "start the hub with a line to its centre and let it deliver, or wipe all the same with --lose-alarms"
    if waiting is None:
        raise UndeliveredError(f"the store cannot be read, so there may be alarms that never reached the centre: {how}")
    raise UndeliveredError(f"{waiting['alarms']} alarms never reached the centre: {how}")


# --- then -----------------------------------------------------------------------------------------------


def _receipt(folder: HubFolder, begun: Begun, clock: Clock) -> Path | None:
    """Sign the receipt, once, if the signing key is still there; give where it lies."""
    path = folder.folder / f"decommissioned-{begun.hub}.jws"
    if path.exists():
        return path
    now = clock.now()
    said = Decommissioned(
        iat=now.wall_ms // 1_000,
        synced=now.synced,
        hub=begun.hub,
        wiped=begun.wiped,
        waiting=begun.waiting,
        software=software(),
    )
    try:
        signed = sealed(said, Path(begun.signing).read_bytes())
    except (FileNotFoundError, ValueError):
        return None
    put(path, signed)
    return path


def _told(folder: HubFolder, receipt: Path | None, clock: Clock) -> str:
    """Tell the site; give why it could not be told, or nothing."""
    if receipt is None:
        return "there is no receipt: its signing key was gone"
    try:
        identity = folder.identity()
        root = root_of((folder.keys / CA).read_text())
    except (FolderError, FileNotFoundError, ValueError):
        identity = None
    if identity is None:
        return "this hub did not know its site any more"
    try:
        Service(identity.word.enrolment, root, clock).send(DECOMMISSIONED, lambda _: receipt.read_bytes())
    except UnreachableError as error:
        return str(error)
    except RefusedError as error:
        return "" if error.refusal.code == "revoked" else error.refusal.detail
    return ""


def _tell(config: Path, gone: Gone | None, *, as_json: bool) -> None:
    if as_json:
        told = {} if gone is None else {**gone._asdict(), "receipt": gone.receipt and str(gone.receipt)}
        click.echo(json.dumps(told))
        return
    if gone is None:
        click.echo(f"{config}: there is no hub here (any more): nothing was wiped.")
        return
    click.echo(f"{gone.hub} is no hub any more. Its journal, plans, messages, keys and configuration are wiped.")
    if gone.receipt is not None:
        click.echo(f"The receipt: {gone.receipt}")
    if gone.untold:
        click.echo(f"The site was not told: {gone.untold}")
        if gone.receipt is not None:
            click.echo("Copy the receipt to a stick, and run `hearthline provision sign` on it at the site.")
    else:
        click.echo(
            "The site knows, and trusts it no more. Its broker learns of it there:"
            f" hearthline provision revoke {gone.hub}, as for any hub that is shut out."
        )
    if gone.left:
        click.echo(f"Left in its directory, because no hub made it: {', '.join(gone.left)}")
    click.echo("On an SD card wiping is no promise: if that matters, destroy the card.")
