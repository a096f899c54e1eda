import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
from click.testing import CliRunner
from cryptography import x509

from agent.clock import SystemClock
from agent.wire.enrolment import parse_code
from centre.site import commands
from centre.site.site import Site
from tests.support import cut
from tests.support.sites import NOW_MS, SETTINGS, Box, enrolled

STEPS_MIN = 5


@pytest.fixture
def place() -> Iterator[Path]:
    """A folder in memory, where a sync costs nothing: a process that is killed leaves the same there."""
    memory = Path("/dev/shm")  # noqa: S108 -- a private folder in it
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        yield Path(folder)


class Cuts:
    """Runs commands of the site's that are killed at every step."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, place: Path, start: Path, command: str, *arguments: str) -> Iterator[Path]:
        """Give a folder for each step at which the command was killed; the last is of the one that was not."""
        out = place / "cuts"
        out.mkdir()
        target = f"centre.site.commands:{command}"
        job = {"target": target, "start": str(start), "out": str(out), "arguments": arguments}
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(job) + "\n")
        self._process.stdin.flush()
        assert self._process.stdout.readline() == "0\n"
        made = sorted(out.iterdir())
        assert len(made) > STEPS_MIN
        yield from made


@pytest.fixture(scope="module")
def cuts() -> Iterator[Cuts]:
    path = str(Path(commands.__file__).parents[2])
    arguments = [sys.executable, cut.__file__]
    with subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env={"PYTHONPATH": path}
    ) as process:
        yield Cuts(process)
        assert process.stdin is not None
        process.stdin.close()


def run(command: click.Command, *arguments: str) -> str:
    done = CliRunner().invoke(command, arguments)
    assert done.exit_code == 0, done.output
    return done.output


def whole(folder: Path) -> Site:
    """Check that nothing is left lying about, and that private things are private."""
    for path in folder.rglob("*"):
        assert path.stat().st_mode & 0o077 == 0, path
        assert path.suffix != ".new", path
    return Site.open(folder)


def test_making_a_site_can_be_cut_at_any_step(cuts: Cuts, place: Path) -> None:
    start = place / "start"
    start.mkdir()
    for folder in cuts(place, start, "init_site", "--site", "{}/site", "--broker", "localhost"):
        site = folder / "site"
        held = {path: path.read_bytes() for path in site.rglob("*.key")}
        run(commands.init_site, "--site", str(site), "--broker", "localhost")
        for path, key in held.items():
            assert path.read_bytes() == key, f"{path} was written over"
        with contextlib.closing(whole(site)) as there:
            _, answer = enrolled(there, "hub-a", SystemClock().now().wall_ms)
            assert answer.hub == "hub-a"


@pytest.fixture
def start(place: Path) -> Path:
    """A site with one hub."""
    folder = place / "start"
    with contextlib.closing(Site.create(folder, SETTINGS, NOW_MS)) as site:
        enrolled(site, "hub-a")
    return folder


def test_issuing_can_be_cut_at_any_step(cuts: Cuts, place: Path, start: Path) -> None:
    for folder in cuts(place, start, "issue", "hub-b", "--site", "{}", "--out", "{}/code.txt"):
        run(commands.issue, "hub-b", "--site", str(folder), "--out", str(folder / "code.txt"))
        code = parse_code((folder / "code.txt").read_text())
        with contextlib.closing(whole(folder)) as site:
            assert site.enrol(Box().enrol(code), SystemClock().now().wall_ms).hub == "hub-b"


def test_revoking_can_be_cut_at_any_step(cuts: Cuts, place: Path, start: Path) -> None:
    run(commands.broker_config, "--site", str(start))
    for folder in cuts(place, start, "revoke", "hub-a", "--site", "{}"):
        run(commands.revoke, "hub-a", "--site", str(folder))
        with contextlib.closing(whole(folder)) as site:
            assert [each.state for each in site.hubs()] == ["revoked"]
        for at in (folder, folder / "broker"):
            assert len(list(x509.load_pem_x509_crl((at / "crl.pem").read_bytes()))) == 1
        assert "user hub-a\ntopic deny #" in (folder / "broker/acl").read_text()


def test_the_next_command_finishes_a_revoking_that_was_cut(cuts: Cuts, place: Path, start: Path) -> None:
    for folder in cuts(place, start, "revoke", "hub-a", "--site", "{}"):
        (told,) = json.loads(run(commands.list_hubs, "--site", str(folder), "--json"))
        crl = x509.load_pem_x509_crl((folder / "crl.pem").read_bytes())
        assert len(list(crl)) == (told["state"] == "revoked")


def test_changing_the_centres_key_can_be_cut_at_any_step(cuts: Cuts, place: Path, start: Path) -> None:
    for folder in cuts(place, start, "rotate_centre_key", "--site", "{}"):
        run(commands.rotate_centre_key, "--site", str(folder))
        told = json.loads(run(commands.rotate_centre_key, "--site", str(folder), "--json"))
        assert told["valid"] == ["centre/centre-1.key", "centre/centre-2.key"]
        whole(folder).close()


def test_writing_the_brokers_configuration_can_be_cut_at_any_step(cuts: Cuts, place: Path, start: Path) -> None:
    for folder in cuts(place, start, "broker_config", "--site", "{}"):
        run(commands.broker_config, "--site", str(folder))
        leaf = x509.load_pem_x509_certificates((folder / "broker/broker.pem").read_bytes())[0]
        with contextlib.closing(whole(folder)) as site:
            assert leaf.public_key() == site._folder.key("broker/broker.key").public_key()
