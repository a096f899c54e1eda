"""The centre of a storm: the real one, each part a process of its own, so that each can be killed by itself."""

import asyncio
import contextlib
import json
import os
import secrets
import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

import msgspec
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding
from joserfc.jwk import ECKey

from agent.clock import Clock
from agent.config import Uplink as UplinkConfig
from agent.uplink.tls import tls_context
from agent.wire.enrolment import AUDIENCE, Enrol, WayIn
from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, Key, Signer, Verifier
from centre.running.folder import SITE, DataFolder
from centre.running.settings import FILE
from centre.site.authority import new_key, private_pem, public_pem
from centre.site.site import Site, SiteSettings
from simulators.mosquitto import free_port
from simulators.site import SiteBroker
from simulators.trials.storm.hub import LightHub

READY_S = 40.0
STOP_S = 15.0
HOST = "localhost"
TOKEN_S = 3_600
_COMMAND = "from centre.running.command import centre; centre()"
_ROOT = Path(__file__).resolve().parents[3]


class ProcessError(Exception):
    """A process of the centre does not come up; the text is the end of its log."""


class Process:
    """One process of the centre, started until it says where it is, stopped, or killed. Its log outlives it."""

    def __init__(self, name: str, folder: Path, arguments: Sequence[str]) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self._arguments = tuple(arguments)
        self._process: asyncio.subprocess.Process | None = None
        self.kills = 0

    @property
    def running(self) -> bool:
        """Whether it lives."""
        return self._process is not None and self._process.returncode is None

    @property
    def pid(self) -> int:
        """Its number; 0 before its first start."""
        return self._process.pid if self._process is not None else 0

    async def start(self) -> None:
        """Start it, and return once it says that it runs. Raises ProcessError."""
        path = os.pathsep.join([str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-c", _COMMAND, *self._arguments, "--json"),
                stdout=asyncio.subprocess.PIPE,
                stderr=log,
                env=os.environ | {"PYTHONPATH": path},
            )
        assert self._process.stdout is not None  # noqa: S101 -- a pipe was asked for
        try:
            async with asyncio.timeout(READY_S):
                told = await self._process.stdout.readline()
        except TimeoutError:
            told = b""
        if not told:
            await self.kill()
            raise ProcessError(f"{self.name} does not run:\n{self.tail()}")
        json.loads(told)

    async def kill(self) -> None:
        """End it as the power would."""
        if self._process is not None and self.running:
            self.kills += 1
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()

    async def stop(self) -> int | None:
        """Ask it to end, and see that it does; give its exit code."""
        if self._process is not None and self.running:
            self._process.terminate()
            try:
                await asyncio.wait_for(self._process.wait(), STOP_S)
            except TimeoutError:
                await self.kill()
        return None if self._process is None else self._process.returncode

    def tail(self) -> str:
        """Give the end of its log."""
        with contextlib.suppress(OSError):
            return self.log.read_bytes()[-4_000:].decode(errors="replace")
        return ""


class _Box(NamedTuple):
    hub: str
    signing: EllipticCurvePrivateKey
    config: UplinkConfig


class StormCentre:
    """Broker, workers and console over `store` (a URL, or nothing for SQLite), and the hubs that belong to it.

    Entering founds the site, enrols the hubs and starts everything; leaving stops what still runs.
    """

    def __init__(self, folder: Path, clock: Clock, *, hubs: int, store: str = "", workers: int = 2) -> None:
        self.folder = folder / "centre"
        self.store = store or f"sqlite:///{self.folder / 'store.db'}"
        self._clock = clock
        self.console_address = f"http://127.0.0.1:{free_port()}"
        settings = SiteSettings(
            name="Storm", enrolment=f"{HOST}:{free_port()}", way=(WayIn(host=HOST, port=free_port()),)
        )
        self.folder.mkdir(mode=0o700, parents=True)
        self.site = Site.create(self.folder / SITE, settings, self._wall_ms())
        self._write_settings(store)
        self._boxes = [self._enrol(f"hub-{number:04}") for number in range(hubs)]
        self.broker = SiteBroker(folder / "broker", self.site, self._wall_ms(), port=settings.way[0].port)
        data = ("--data", str(self.folder))
        self.workers = [Process(f"worker-{n}", folder, ("worker", *data)) for n in range(1, workers + 1)]
        self.console = Process("console", folder, ("console", *data, "--demonstration"))

    def _wall_ms(self) -> int:
        return self._clock.now().wall_ms

    def _write_settings(self, store: str) -> None:
        path = self.folder / FILE
        path.touch(0o600)
        port = self.site.settings.way[0].port
        path.write_text(
            f"store = {json.dumps(store)}\n"
            f'[broker]\nrun = false\nhost = "{HOST}"\nport = {port}\n'
            "[enrolment]\nrun = false\n"
            f'[console]\nlisten = "{self.console_address.removeprefix("http://")}"\n'
        )

    # --- hubs ----------------------------------------------------------------------------------------

    def _enrol(self, hub: str) -> _Box:
        """Make a hub of the site as a box does it, and lay its files."""
        signing, plan, uplink = new_key(), new_key(), new_key()
        code = self.site.issue_token(hub, TOKEN_S, self._wall_ms())
        request, ours, plans = _request(uplink), public_pem(signing).decode(), public_pem(plan).decode()
        asked = Enrol(
            aud=AUDIENCE,
            iat=0,
            request=secrets.token_hex(8),
            csr=request,
            token=code.token,
            proof=code.proof(request, ours, plans),
            signing=ours,
            plan=plans,
            software="storm",
        )
        answer = self.site.enrol(_signer(signing).seal(msgspec.json.encode(asked)), self._wall_ms())
        folder = self.folder.parent / "hubs"
        folder.mkdir(exist_ok=True)
        certificate, key = folder / f"{hub}.pem", folder / f"{hub}.key"
        certificate.write_text(answer.certificate)
        key.write_bytes(private_pem(uplink))
        way = self.site.settings.way[0]
        config = UplinkConfig(
            name="main", host=way.host, port=way.port, ca=self.site.folder / "ca.pem", certificate=certificate, key=key
        )
        return _Box(hub, signing, config)

    def make_hubs(self) -> list[LightHub]:
        """Make every hub, on the running loop."""
        centre = Verifier([self._public_key()], CENTRE_ALGORITHM)
        return [
            LightHub(box.hub, _key(box.signing), centre, box.config, tls_context(box.config), self._clock)
            for box in self._boxes
        ]

    def _public_key(self) -> Key:
        return DataFolder(self.folder).signing_key()

    # --- running -------------------------------------------------------------------------------------

    async def __aenter__(self) -> Self:
        await asyncio.to_thread(self.broker.start)
        try:
            await asyncio.gather(*(process.start() for process in (*self.workers, self.console)))
        except BaseException:
            await self.__aexit__(None, None, None)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, problem: BaseException | None, trace: TracebackType | None
    ) -> None:
        await asyncio.gather(*(process.stop() for process in (self.console, *self.workers)))
        await asyncio.to_thread(self.broker.stop)
        self.site.close()


def _request(key: EllipticCurvePrivateKey) -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    return builder.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM).decode()


def _key(key: EllipticCurvePrivateKey) -> Key:
    return ECKey.import_key(private_pem(key))


def _signer(key: EllipticCurvePrivateKey) -> Signer:
    return Signer(_key(key), HUB_ALGORITHM)
