"""What `hearthline provision install` does, as values: the steps from what is there to a hub that runs by itself."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

PREFIX: Final = Path("/opt/hearthline")
VENV: Final = PREFIX / "venv"
SOFTWARE: Final = PREFIX / "software"
"""A folder for each version installed, named by its digest: `VENV` leads to the one that is next, or runs."""

STAGED: Final = PREFIX / "staged"
STATE_DIR: Final = Path("/var/lib/hearthline")
COMMAND: Final = Path("/usr/local/bin/hearthline")
PYTHON: Final = Path("/usr/bin/python3")
UNITS: Final = ("hearthline.service", "hearthline-renew.timer")
MODULES: Final = ("usbserial", "cdc-acm", "snd")

PLACES: Final[Mapping[str, Path]] = {
    "hearthline.sysusers": Path("/etc/sysusers.d/hearthline.conf"),
    "hearthline.tmpfiles": Path("/etc/tmpfiles.d/hearthline.conf"),
    "hearthline.modules": Path("/etc/modules-load.d/hearthline.conf"),
    "hearthline.udev": Path("/etc/udev/rules.d/70-hearthline.rules"),
    "hearthline.journald": Path("/etc/systemd/journald.conf.d/hearthline.conf"),
    "hearthline.watchdog": Path("/etc/systemd/system.conf.d/hearthline.conf"),
    "hearthline.service": Path("/etc/systemd/system/hearthline.service"),
    "hearthline-renew.service": Path("/etc/systemd/system/hearthline-renew.service"),
    "hearthline-renew.timer": Path("/etc/systemd/system/hearthline-renew.timer"),
}
"""Where each file of `systemd/` goes."""

_WHY: Final[Mapping[str, str]] = {
    "hearthline.sysusers": "the hub's user and its groups",
    "hearthline.tmpfiles": "the hub's folders",
    "hearthline.modules": "adapters' drivers at each boot",
    "hearthline.udev": "names of adapters that stay",
    "hearthline.journald": "a log that spares the card",
    "hearthline.watchdog": "a board that hangs starts anew, from its next boot on",
    "hearthline.service": "the hub",
    "hearthline-renew.service": "renews the hub's certificate",
    "hearthline-renew.timer": "several times a day",
}

PACKAGES: Final[Mapping[str, str]] = {
    "python3-venv": "makes the private environment",
    "mosquitto": "the box's own broker, which Zigbee sensors speak to",
    "espeak-ng": "the voice",
    "alsa-utils": "the loudspeaker",
    "libpangoft2-1.0-0": "the card and the commissioning report, as paper",
    "libharfbuzz-subset0": "likewise",
}
"""Debian's packages that a hub needs, and what for."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What is there. `files` and `links` tell of those that matter here, those that are not there left out.

    `whole`: the environments that were finished; `linked` and `running`: the one that `VENV` leads to, and the one that
    the running hub was started from; `used`: those that some process runs from. All by digest.
    """

    packages: frozenset[str] = frozenset()
    files: Mapping[Path, bytes] = {}
    links: Mapping[Path, Path] = {}
    whole: frozenset[str] = frozenset()
    used: frozenset[str] = frozenset()
    running: str | None = None

    @property
    def linked(self) -> str | None:
        """The environment that `VENV` leads to."""
        return self.links[VENV].name if VENV in self.links else None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What to install: the software's digest, the files of `systemd/` by name, and what the installer chose."""

    digest: str
    files: Mapping[str, bytes]
    root: Path = Path("/")
    packages: bool = True
    software: bool = True
    start: bool = True

    @property
    def live(self) -> bool:
        """Whether this machine itself is installed on, rather than a folder that is to become one's."""
        return self.root == Path("/")


class Step(msgspec.Struct, frozen=True, kw_only=True, tag_field="do"):
    """One step. `why` is for people; `needed` is False where it is done already."""

    why: str
    needed: bool = True


class Install(Step, frozen=True, kw_only=True, tag="packages"):
    """Install these packages of Debian's."""

    names: tuple[str, ...]


class PutFile(Step, frozen=True, kw_only=True, tag="file"):
    """Put a file in place of what is there."""

    path: Path
    mode: int = 0o644


class Build(Step, frozen=True, kw_only=True, tag="environment"):
    """Make a private environment of locked packages, each checked by its hash, and this software."""

    path: Path


class Link(Step, frozen=True, kw_only=True, tag="link"):
    """Lead a path to another."""

    path: Path
    to: Path


class Run(Step, frozen=True, kw_only=True, tag="run"):
    """Run a command. All of them may be run again."""

    command: tuple[str, ...]


class AskRestart(Step, frozen=True, kw_only=True, tag="ask-restart"):
    """Ask the running hub to start anew with the new software when that harms nobody (S10)."""

    state_dir: Path


class Sweep(Step, frozen=True, kw_only=True, tag="sweep"):
    """Remove environments that nobody uses any more."""

    paths: tuple[Path, ...]


AnyStep = Install | PutFile | Build | Link | Run | AskRestart | Sweep


def steps(facts: Facts, wanted: Wanted) -> tuple[AnyStep, ...]:
    """Give every step in order, also those that are done already. Killed after any of them, the next run goes on.

    Whether a file is new or a hub runs on old software is seen from what is there, never from what an earlier run did.
    """
    return (
        *_packages(facts, wanted),
        *_ground(facts, wanted),
        *(_software(facts, wanted) if wanted.software else ()),
        *_service(facts, wanted),
    )


def _packages(facts: Facts, wanted: Wanted) -> tuple[AnyStep, ...]:
    missing = tuple(name for name in PACKAGES if name not in facts.packages)
    if not wanted.packages:
        return ()
    return (Install(names=missing or tuple(PACKAGES), why="what Debian brings", needed=bool(missing)),)


def _ground(facts: Facts, wanted: Wanted) -> tuple[AnyStep, ...]:
    """Users, folders, drivers, names of adapters, and the log."""
    put = {name: _put(facts, wanted, name) for name in PLACES}
    at = () if wanted.live else (f"--root={wanted.root}",)
    made: list[AnyStep] = [
        put["hearthline.sysusers"],
        Run(
            command=("systemd-sysusers", *at, _in(wanted, "hearthline.sysusers")),
            why="user hearthline, in the groups audio, dialout and gpio",
        ),
        put["hearthline.tmpfiles"],
        Run(
            command=("systemd-tmpfiles", *at, "--create", _in(wanted, "hearthline.tmpfiles")),
            why=f"folders /etc/hearthline, its keys (root only) and {STATE_DIR} (the hub only)",
        ),
        *(put[f"hearthline.{name}"] for name in ("modules", "udev", "journald", "watchdog")),
    ]
    if wanted.live:
        made += [
            Run(command=("modprobe", "--all", "--quiet", *MODULES), why="adapters' drivers, plugged in or not"),
            Run(command=("udevadm", "control", "--reload"), why="adapters' names"),
            Run(command=("udevadm", "trigger", *_SUBSYSTEMS), why="also of those that are plugged in already"),
            Run(command=("systemctl", "try-restart", "systemd-journald.service"), why="the log spares the card"),
        ]
    return tuple(made)


_SUBSYSTEMS = tuple(f"--subsystem-match={name}" for name in ("usb", "tty", "gpio"))


def _software(facts: Facts, wanted: Wanted) -> tuple[AnyStep, ...]:
    folder = SOFTWARE / wanted.digest
    keep = {wanted.digest, facts.linked, facts.running, *facts.used}
    old = tuple(SOFTWARE / digest for digest in sorted(facts.whole - keep))
    return (
        Build(
            path=folder,
            why="a private environment; the hub that runs keeps its own",
            needed=wanted.digest not in facts.whole,
        ),
        Link(path=VENV, to=folder, why="what the hub starts with next", needed=facts.links.get(VENV) != folder),
        Link(path=COMMAND, to=VENV / "bin/hearthline", why="the command", needed=COMMAND not in facts.links),
        *((Sweep(paths=old, why="no process runs from these"),) if old else ()),
    )


def _service(facts: Facts, wanted: Wanted) -> tuple[AnyStep, ...]:
    made: list[AnyStep] = [
        _put(facts, wanted, name)
        for name in ("hearthline.service", "hearthline-renew.service", "hearthline-renew.timer")
    ]
    if not wanted.live:
        return (
            *made,
            Run(command=("systemctl", f"--root={wanted.root}", "enable", *UNITS), why="started at each boot"),
        )
    made += [
        Run(command=("systemctl", "daemon-reload"), why="systemd reads the units anew"),
        Run(command=("systemctl", "enable", *UNITS), why="started at each boot"),
    ]
    if wanted.start:
        # Not waited for: before it is enrolled the hub ends again, and is started anew until it can stay.
        made.append(Run(command=("systemctl", "start", "--no-block", *UNITS), why="and now, if they do not run"))
    if wanted.software and facts.running not in (None, wanted.digest):
        made.append(AskRestart(state_dir=STATE_DIR, why="the hub takes up the new software when nobody waits for it"))
    return tuple(made)


def _put(facts: Facts, wanted: Wanted, name: str) -> PutFile:
    path = PLACES[name]
    return PutFile(path=path, why=_WHY[name], needed=facts.files.get(path) != wanted.files[name])


def _in(wanted: Wanted, name: str) -> str:
    """Where a command that knows --root= finds a file: these take paths of this machine."""
    return str(under(wanted.root, PLACES[name]))


def under(root: Path, path: Path) -> Path:
    """Give where a path is, seen from here."""
    return root / path.relative_to("/")
