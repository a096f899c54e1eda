"""A site that runs on this machine: its broker and its enrolment service as they would be, and a simulated centre.

`python -m simulators.site --site site` runs the site that `hearthline provision init-site` made, to practise on.
"""

import asyncio
import contextlib
import os
import pwd
import select
import signal
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

import click
from joserfc.jwk import ECKey

from agent.clock import SystemClock
from agent.wire.envelope import CENTRE_ALGORITHM, Key, read_key
from centre.site import broker
from centre.site.settings import SiteError
from centre.site.site import Site
from simulators.centre import SimulatedCentre
from simulators.mosquitto import Mosquitto
from simulators.timeline import Entry

SERVE = (sys.executable, "-c", "from centre.site.serving import serve; serve()")
LOOK_EVERY_S = 0.2
_STARTED_S = 20.0
_STOPPED_S = 10.0
_CONNECTIONS = 1_000


class SiteBroker(Mosquitto):
    """Mosquitto with the configuration that the site writes, but for where this machine has things.

    `changes` are settings of it that are to be otherwise; they count from the next start.
    """

    def __init__(
        self,
        folder: Path,
        site: Site,
        wall_ms: int,
        *,
        port: int | None = None,
        changes: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(folder, port=port)
        self.changes = dict(changes or {})
        data = folder / "data"
        data.mkdir(exist_ok=True)
        user = pwd.getpwuid(os.geteuid()).pw_name
        self._layout = broker.Layout(folder.absolute(), data.absolute(), user, self.host, self.port, _CONNECTIONS)
        self.lay(site, wall_ms)

    def lay(self, site: Site, wall_ms: int) -> None:
        """Write the files that `hearthline provision broker-config` writes, as of a time (Unix ms)."""
        for name, content in site.broker_files(self._layout, wall_ms).items():
            (self.folder / name).write_bytes(content)
            (self.folder / name).chmod(0o600)

    def configuration(self) -> str:
        """Give the very file that `hearthline provision broker-config` writes, with the changes."""
        return "\n".join([*map(self._changed, broker.configuration(self._layout).splitlines()), ""])

    def _changed(self, line: str) -> str:
        key = line.partition(" ")[0]
        return f"{key} {self.changes[key]}" if key in self.changes else line

    def reload(self) -> None:
        """Have it read its certificates and access lists again, as `systemctl reload` does."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)


@contextlib.contextmanager
def serving(site: Path, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run the enrolment service of the site in a folder, in a process of its own. Raises SiteError if it does not."""
    with log.open("ab") as file:
        process = subprocess.Popen(
            (*SERVE, "--site", str(site), "--host", "127.0.0.1", "--json"),
            env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            stdout=subprocess.PIPE,
            stderr=file,
        )
    assert process.stdout is not None  # noqa: S101 -- a pipe was asked for
    try:
        if not select.select([process.stdout], [], [], _STARTED_S)[0] or not process.stdout.readline():
            raise SiteError(f"the enrolment service does not run: {log.read_text(errors='replace')}")
        yield process
    finally:
        process.terminate()
        process.wait(_STOPPED_S)
        process.stdout.close()


class RunningSite:
    """The broker, the service and the centre of the site in `folder`, whose names must mean this machine.

    `centre` knows every hub as soon as it has enrolled. `on_entry` is told what comes and goes there.
    """

    def __init__(self, folder: Path, on_entry: Callable[[Entry], None] | None = None) -> None:
        """Raises SiteError."""
        self._clock = SystemClock()
        self.folder = folder
        self.site = Site.open(folder)
        wall_ms = self._clock.now().wall_ms
        self.broker = SiteBroker(folder / "running-broker", self.site, wall_ms, port=self.site.settings.way[0].port)
        self.centre = SimulatedCentre(
            self.site.settings.way[0].host,
            self.broker.port,
            self._centre_key(),
            {},
            self._clock,
            tls=self._centre_tls(wall_ms),
            group=self.site.workers_group,
            on_entry=on_entry,
        )
        self._known: set[str] = set()
        self._watching: asyncio.Task[None] | None = None

    def _centre_key(self) -> Key:
        """Give the key that the centre signs with: the older, while there are two."""
        return read_key(min((self.folder / "centre").glob("centre-*.key")), CENTRE_ALGORITHM)

    def _centre_tls(self, wall_ms: int) -> ssl.SSLContext:
        files = self.site.server("centre", wall_ms)
        context = ssl.create_default_context(cafile=str(files.ca))
        context.load_cert_chain(files.certificate, files.key)
        return context

    async def __aenter__(self) -> Self:
        async with contextlib.AsyncExitStack() as stack:
            stack.enter_context(self.broker)
            stack.enter_context(serving(self.folder, self.folder / "service.log"))
            await self.centre.start()
            stack.push_async_callback(self.centre.stop)
            self._watching = asyncio.create_task(self._watch())
            self._stack = stack.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watching is not None:
            self._watching.cancel()
            await asyncio.gather(self._watching, return_exceptions=True)
        await self._stack.aclose()
        self.site.close()

    async def _watch(self) -> None:
        """Let every hub speak that has enrolled."""
        while True:
            for each in await asyncio.to_thread(self.site.hubs):
                if each.state == "enrolled" and each.signing and each.hub not in self._known:
                    self._known.add(each.hub)
                    self.centre.intake.register(each.hub, [_public(each.signing)])
            await asyncio.sleep(LOOK_EVERY_S)


def _public(pem: str) -> Key:
    return ECKey.import_key(pem)


@click.command(context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--site", "folder", type=click.Path(path_type=Path), default=Path("site"), show_default=True)
def main(folder: Path) -> None:
    """Run a site on this machine, to practise on: broker, enrolment service, and a centre that tells what comes."""

    async def run() -> None:
        stop = asyncio.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, stop.set)
        async with RunningSite(folder, on_entry=lambda entry: click.echo(entry.line())) as running:
            way = running.site.settings.way[0]
            click.echo(f"The site runs: broker {way.host}:{way.port}, enrolment {running.site.settings.enrolment}.")
            click.echo("Ctrl-C ends it.")
            await stop.wait()

    try:
        asyncio.run(run())
    except SiteError as error:
        raise click.ClickException(str(error)) from None


if __name__ == "__main__":
    main()
