"""The simulated response centre as a process: its command line, its time-line on stdout, its staff on stdin."""

import argparse
import asyncio
import signal
import ssl
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import msgspec

from agent.clock import SystemClock
from agent.plan.reading import PlanError, read_plan
from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, Key, KeyFileError, read_key
from agent.wire.topics import topic
from centre.intake import LedgerDownError
from centre.issue import TooManyCommandsError
from sensors.mqtt_link import LinkLostError
from simulators.centre import SimulatedCentre, UnknownAlarmError
from simulators.misbehaviour import UnknownFaultError
from simulators.timeline import Entry

HELP = """\
acknowledge ALARM | resolve ALARM [OUTCOME]    ALARM may be `last`
fault NAME on|off                              and: fault late SECONDS
command HUB TYPE [JSON]
plan HUB FILE [PEM]                            PEM is the hub's public key for plans
missing HUB                                    asks the hub for what is missing
quit\
"""


class UsageError(Exception):
    """A line that is no command."""


def obey(centre: SimulatedCentre, line: str) -> str:
    """Carry out one line of the staff's protocol; give the answer, which begins with `ok` or `error`."""
    verb, *words = line.split(maxsplit=3)
    try:
        return f"ok {_obey(centre, verb, words)}".rstrip()
    except (UnknownAlarmError, UnknownFaultError, TooManyCommandsError, LedgerDownError, UsageError) as error:
        return f"error {error}"
    except KeyError as error:
        return f"error no hub {error}"


def _obey(centre: SimulatedCentre, verb: str, words: list[str]) -> str:
    match verb, words:
        case "acknowledge", [alarm]:
            return centre.acknowledge(_alarm(centre, alarm))
        case "resolve", [alarm, *outcome]:
            return centre.resolve(_alarm(centre, alarm), " ".join(outcome))
        case "fault", [name, value]:
            centre.faults.turn(name, value)
            return " ".join(centre.faults.on())
        case "command", [hub, kind, *data]:
            return centre.command(hub, kind, _json("".join(data) or "{}"))
        case "plan", [hub, file, *pem]:
            return _plan(centre, hub, Path(file), Path(pem[0]) if pem else None)
        case "missing", [hub]:
            return msgspec.json.encode(centre.ask_for_missing(hub)).decode()
        case _:
            raise UsageError(f"not understood. There is:\n{HELP}")


def _plan(centre: SimulatedCentre, hub: str, file: Path, pem: Path | None) -> str:
    try:
        document = read_plan(file)
        centre.plan(hub, document.raw, None if pem is None else read_key(pem, HUB_ALGORITHM))
    except (PlanError, KeyFileError, ValueError) as error:
        raise UsageError(str(error).replace("\n", "; ")) from None
    return f"version {document.plan.version}"


def _alarm(centre: SimulatedCentre, name: str) -> str:
    return centre.alarms[-1] if name == "last" and centre.alarms else name


def _json(text: str) -> object:
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError as error:
        raise UsageError(f"the command's data is not JSON: {error}") from None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m simulators.centre", description=__doc__, epilog=HELP)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=1883)
    parser.add_argument("--key", type=Path, required=True, help="the centre's private Ed25519 key, PEM")
    parser.add_argument("--hub-key", action="append", default=[], metavar="HUB=PEM", help="a hub's public key; repeat")
    parser.add_argument("--name", default="centre-1", help="the MQTT client id")
    parser.add_argument("--ledger", default=":memory:", metavar="FILE")
    parser.add_argument("--acknowledge-after", type=float, metavar="S", help="acknowledge every alarm after so long")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME=on", help="a fault to begin with; repeat")
    parser.add_argument("--tls-ca", type=Path, help="speak TLS, and trust this authority")
    parser.add_argument("--tls-cert", type=Path)
    parser.add_argument("--tls-key", type=Path)
    parser.add_argument("--json", action="store_true", help="write the time-line as JSON, one entry a line")
    return parser


def _hub_keys(pairs: Sequence[str]) -> dict[str, list[Key]]:
    hubs: dict[str, list[Key]] = {}
    for pair in pairs:
        hub, equals, file = pair.partition("=")
        if not equals:
            raise UsageError(f"--hub-key {pair}: expected HUB=PEM, a hub's id and the file of its public key")
        topic(hub, "event")  # refuses what is no hub id
        hubs.setdefault(hub, []).append(read_key(Path(file), HUB_ALGORITHM))
    return hubs


def _tls(options: argparse.Namespace) -> ssl.SSLContext | None:
    if options.tls_ca is None:
        return None
    context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=str(options.tls_ca))
    if options.tls_cert is not None:
        context.load_cert_chain(options.tls_cert, options.tls_key)
    return context


def _say(entry: Entry, *, as_json: bool) -> None:
    print(msgspec.json.encode(entry).decode() if as_json else entry.line(), flush=True)


async def _run(options: argparse.Namespace) -> None:
    centre = SimulatedCentre(
        options.host,
        options.port,
        read_key(options.key, CENTRE_ALGORITHM),
        _hub_keys(options.hub_key),
        SystemClock(),
        tls=_tls(options),
        name=options.name,
        ledger=options.ledger,
        acknowledge_after_s=options.acknowledge_after,
        on_entry=lambda entry: _say(entry, as_json=options.json),
    )
    for each in options.fault:
        centre.faults.turn(*each.partition("=")[::2])
    over = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, over.set)

    def heard(line: str) -> None:
        if line == "quit":
            over.set()
        elif line:
            print(obey(centre, line), file=sys.stderr, flush=True)

    await centre.start()
    # A thread, for stdin may be a file, a pipe or nothing; it is a daemon, for nothing can interrupt its reading.
    threading.Thread(target=_read_lines, args=(loop, heard), daemon=True).start()
    await over.wait()
    await centre.stop()


def _read_lines(loop: asyncio.AbstractEventLoop, heard: Callable[[str], None]) -> None:
    for line in sys.stdin:
        try:
            loop.call_soon_threadsafe(heard, line.strip())
        except RuntimeError:  # the loop is closed
            return


def main(arguments: Sequence[str] | None = None) -> None:
    """Run until SIGTERM, SIGINT or `quit`. Replies to lines on stdin go to stderr."""
    options = _parser().parse_args(arguments)
    try:
        asyncio.run(_run(options))
    except (KeyFileError, LedgerDownError, LinkLostError, UsageError, UnknownFaultError, OSError, ValueError) as error:
        sys.exit(f"simulated centre: {error}")
