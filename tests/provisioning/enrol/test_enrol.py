"""A box becomes a hub over real HTTPS, against the service in a real process; and what must not make it one."""

import asyncio
import contextlib
import json
import ssl
import subprocess
import sys
from pathlib import Path

import httpx
import pytest
from click.testing import CliRunner

from agent.config import load
from agent.wire.enrolment import EST, Code, Enrol, Refusal
from provisioning.provision import client
from provisioning.provision.answers import AnswerError
from provisioning.provision.client import RefusedError, Service, UnreachableError
from provisioning.provision.enrol import enrol
from provisioning.provision.folder import FolderError
from tests.support.enrolling import FILES, KEY_FILES, RIGHT, ROOT, Off, Served, box, code_for, enrolled, serving_here

YEARS_MS = 3 * 365 * 86_400_000


def test_a_box_becomes_a_hub_that_can_start(service: Served, code: Code, home: Path) -> None:
    outcome = enrolled(home, code)
    assert outcome.new
    assert outcome.identity is not None
    config = load(home / "hub.toml")
    assert config.hub == outcome.identity.hub
    assert (config.uplinks[0].host, config.uplinks[0].port) == ("broker.example.org", 8884)
    assert {each.name for each in (home / "keys").iterdir()} == FILES
    assert {each.name for each in home.iterdir()} == {"hub.toml", "keys"}
    ssl.create_default_context(cafile=str(config.uplinks[0].ca)).load_cert_chain(
        config.uplinks[0].certificate or "", config.uplinks[0].key
    )


def test_s11_its_keys_are_its_own_and_nobody_elses(service: Served, code: Code, home: Path) -> None:
    enrolled(home, code)
    keys = [(home / "keys" / name).read_bytes() for name in KEY_FILES]
    assert len(set(keys)) == 3
    assert (home / "keys").stat().st_mode & 0o777 == 0o700
    assert {(home / "keys" / name).stat().st_mode & 0o777 for name in FILES} == {0o600}
    at_the_site = b"".join(each.read_bytes() for each in service.site.folder.rglob("*") if each.is_file())
    assert not any(key.splitlines()[1] in at_the_site for key in keys)


def test_the_command_says_what_it_did_and_no_secret_and_again_changes_nothing(
    service: Served, code: Code, home: Path
) -> None:
    command = [sys.executable, "-c", "from provisioning.provision.enrol import enrol; enrol()"]
    command += ["--config", str(home / "hub.toml")]
    ran = subprocess.run(command, input=str(code), capture_output=True, text=True, cwd=ROOT, check=True)
    assert "sensors adapters" in ran.stdout
    secret = str(code).split("#")[1]
    everything = ran.stdout + ran.stderr + service.log.read_text()
    assert secret not in everything
    assert secret.replace("-", "")[8:24] not in everything  # the secret's own signs
    files = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    assert not any(secret.encode() in content or code.secret.hex().encode() in content for content in files.values())
    again = CliRunner().invoke(enrol, ["--config", str(home / "hub.toml"), "--json"])
    assert again.exit_code == 0
    assert json.loads(again.output)["state"] == "unchanged"
    assert {path: path.read_bytes() for path in home.rglob("*") if path.is_file()} == files


def test_s4_the_same_request_gets_the_same_certificate_and_other_keys_none(
    service: Served, code: Code, home: Path, tmp_path: Path
) -> None:
    outcome = enrolled(home, code)
    assert outcome.identity is not None
    taken = home / "keys" / "uplink.pem"
    certificate = taken.read_bytes()
    taken.with_name("site.jws").unlink()
    (home / "keys").rename(home / "keys.new")  # as it was before the answer came
    (home / "hub.toml").unlink()
    assert enrolled(home, None).new
    assert taken.read_bytes() == certificate
    other = tmp_path / "other"
    with pytest.raises(RefusedError) as refused:
        enrolled(other, code)
    assert refused.value.refusal.code == "used"
    assert not list(other.iterdir())  # it asks for another code next time


def test_a_code_that_has_expired_says_so(service: Served, home: Path) -> None:
    code = code_for(service.site, "hub-late", Off(-2 * 3_600_000), lifetime_s=3_600)
    with pytest.raises(RefusedError) as refused:
        enrolled(home, code)
    assert refused.value.refusal.code == "expired"


async def test_s8_somebody_in_between_gets_nothing(
    service: Served, code: Code, home: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Another authority answers at the address of the code: the pin is not its root's."""
    async with serving_here(tmp_path) as other:
        believed = code._replace(endpoint=other.settings.enrolment)
        with pytest.raises(AnswerError, match="not the site that made this code"):
            await asyncio.to_thread(enrolled, home, believed)
        assert "refused" not in caplog.text  # nothing was posted to it
        with pytest.raises(UnreachableError, match="cannot prove"):  # nor if it repeats the root's certificate
            await asyncio.to_thread(Service(believed.endpoint, service.site.root_pem, RIGHT).word)
        with pytest.raises(UnreachableError, match="cannot prove"):  # nor without a clock
            await asyncio.to_thread(Service(believed.endpoint, service.site.root_pem, Off()).word)
    assert not (home / "keys").exists()
    assert (
        await asyncio.to_thread(enrolled, home, code)
    ).new  # the code is still good, once it leads to the right place


def test_s8_the_services_name_is_part_of_the_proof(service: Served) -> None:
    with pytest.raises(UnreachableError, match=r"cannot prove.*127\.0\.0\.1"):
        Service(f"127.0.0.1:{service.port}", service.site.root_pem, RIGHT).word()


async def test_s8_a_hub_cannot_pose_as_the_service(service: Served, home: Path) -> None:
    """Its certificate is under the same root, and even in the service's name: but it is a client's."""
    await asyncio.to_thread(enrolled, home, code_for(service.site, "localhost"))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(home / "keys" / "uplink.pem", home / "keys" / "uplink.key")
    async with await asyncio.start_server(lambda *_: None, "127.0.0.1", 0, ssl=context) as posing:
        endpoint = f"localhost:{posing.sockets[0].getsockname()[1]}"
        for clock in (RIGHT, Off()):
            with pytest.raises(UnreachableError, match="cannot prove"):
                await asyncio.to_thread(Service(endpoint, service.site.root_pem, clock).word)


async def test_s6_a_clock_that_is_years_wrong_keeps_no_box_from_enrolling(tmp_path: Path) -> None:
    """The service is three years ahead of the box, which knows that its clock is not to be trusted."""
    ahead = Off(YEARS_MS, synced=True)
    async with serving_here(tmp_path, ahead) as site:
        code = code_for(site, "hub-clock", ahead)
        with pytest.raises(UnreachableError, match="not yet valid"):
            await asyncio.to_thread(enrolled, tmp_path / "trusting", code, RIGHT)
        assert (await asyncio.to_thread(enrolled, tmp_path / "knowing", code, Off())).new


def test_s6_a_request_refused_for_its_time_is_signed_again_by_the_services(monkeypatch: pytest.MonkeyPatch) -> None:
    times: list[int] = []

    def exchange(_self: Service, _method: str, _path: str, body: bytes | None = None) -> bytes:
        times.append(int(body or b"0"))
        if len(times) == 1:
            raise RefusedError(Refusal(title="", status=409, detail="", code="clock"), 1_700)
        return b"done"

    monkeypatch.setattr(Service, "_exchange", exchange)
    service = Service("localhost", "", RIGHT)
    assert service.send("/", lambda iat: str(iat).encode()) == b"done"
    assert times[1] == 1_700


def test_a_box_with_another_hubs_key_is_left_alone(code: Code, home: Path) -> None:
    (home / "hub.key").write_text("a key")
    (home / "hub.toml").write_text('hub = "hub-old"\n[keys]\nhub = "hub.key"\n')
    with pytest.raises(FolderError, match="decommission"):
        enrolled(home, code)
    assert {each.name for each in home.iterdir()} == {"hub.key", "hub.toml"}


def test_a_hub_does_not_become_another_by_another_code(service: Served, code: Code, home: Path) -> None:
    enrolled(home, code)
    other = code_for(service.site, "hub-other")
    with pytest.raises(FolderError, match="already, and this code is for another hub"):
        enrolled(home, other)
    assert not enrolled(home, code).new


def test_what_was_written_before_stays_but_for_what_the_site_decides(code: Code, home: Path) -> None:
    before = (
        '# our own words\nhub = "to-come"  # its name\noutputs = "log"\n\n[keys]\nhub = ""\ncentre = [""]\n\n'
        '[[uplink]]  # the line\nname = "main"\nhost = "nowhere"\n\n# the stick\n[[uplink]]\nname = "lte"\n'
        'host = "192.0.2.3"\ninterface = "wwan0"\nstandby = true\n\n[driver.wires]\ntype = "gpio"\n'
    )
    (home / "hub.toml").write_text(before)
    (home / "hub.toml").chmod(0o640)
    outcome = enrolled(home, code)
    text = (home / "hub.toml").read_text()
    assert text.startswith("# our own words\n")
    assert "# its name" in text
    assert "\n\n# the stick\n[[uplink]]\n" in text
    config = load(home / "hub.toml")
    assert [(each.name, each.host, each.standby) for each in config.uplinks] == [
        ("main", "broker.example.org", False),
        ("lte", "192.0.2.3", True),
    ]
    assert outcome.strangers == ("lte",)
    assert (home / "hub.toml").stat().st_mode & 0o777 == 0o640


def test_a_file_that_the_hub_could_not_read_is_mended_by_its_owner_and_then_taken(code: Code, home: Path) -> None:
    broken = 'hub = ""\noutputs = "log"\n[[sensor]]\nid = "A"\n'
    (home / "hub.toml").write_text(broken)
    ran = CliRunner().invoke(enrol, ["--config", str(home / "hub.toml")], input=str(code))
    assert ran.exit_code == 1
    assert "sensor[1]" in ran.output
    assert (home / "hub.toml").read_text() == broken
    (home / "hub.toml").write_text('outputs = "log"\n')
    ran = CliRunner().invoke(enrol, ["--config", str(home / "hub.toml")])
    assert ran.exit_code == 0, ran.output
    assert load(home / "hub.toml").hub == code_hub(home)
    assert {each.name for each in home.iterdir()} == {"hub.toml", "keys"}


def code_hub(home: Path) -> str:
    identity = box(home).identity()
    assert identity is not None
    return identity.hub


def test_a_mistyped_code_and_none_are_told_apart_and_nothing_is_begun(code: Code, home: Path) -> None:
    whole = str(code)
    for given, said in ((whole[:-1], "missing or mistyped"), ("nothing", "host:port#"), ("", "provision issue")):
        ran = CliRunner().invoke(enrol, ["--config", str(home / "hub.toml")], input=given)
        assert (ran.exit_code, said in ran.output) == (1, True), ran.output
        assert whole.split("#")[1] not in ran.output
    assert not list(home.iterdir())


def test_nobody_at_the_address_keeps_the_attempt_and_the_right_address_goes_on_with_it(code: Code, home: Path) -> None:
    with pytest.raises(UnreachableError, match="nobody answers"):
        enrolled(home, code._replace(endpoint="localhost:1"))
    keys = (home / "keys.new" / "hub.key").read_bytes()
    assert enrolled(home, code).new
    assert (home / "keys" / "hub.key").read_bytes() == keys


async def test_s12_an_answer_that_never_ends_ends(service: Served, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither its head nor its body: the command holds the lock that the next renewal needs."""
    files = service.site.server("enrolment", RIGHT.now().wall_ms)
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(files.certificate, files.key)
    monkeypatch.setattr(client, "ANSWER_S", 0.4)

    async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError), contextlib.closing(writer):
            writer.write(b"HTTP/1.1 200 OK\r\nx: ")
            while not writer.is_closing():
                writer.write(b"x")
                await writer.drain()
                await asyncio.sleep(0.05)

    async with await asyncio.start_server(drip, "127.0.0.1", 0, ssl=context) as slow:
        endpoint = f"localhost:{slow.sockets[0].getsockname()[1]}"
        asking = asyncio.to_thread(client.offered_authorities, endpoint)
        with pytest.raises(UnreachableError, match="no whole answer"):
            await asyncio.wait_for(asking, 10)


def test_the_service_takes_no_tls_before_1_3(service: Served) -> None:
    context = ssl.create_default_context(cadata=service.site.root_pem)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with httpx.Client(verify=context) as client, pytest.raises(httpx.ConnectError):
        client.get(f"https://localhost:{service.port}{EST}/cacerts")


def test_the_request_says_nothing_secret() -> None:
    assert set(Enrol.__struct_fields__) == {
        "aud",
        "iat",
        "request",
        "csr",
        "token",
        "proof",
        "signing",
        "plan",
        "software",
    }
