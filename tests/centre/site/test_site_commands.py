import contextlib
import json
import shutil
import stat
import threading
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from agent.wire.enrolment import parse_code
from centre.site import broker, commands
from centre.site.registry import Registry
from centre.site.site import Site
from tests.support.sites import NOW_MS, SETTINGS, Box, enrolled


@pytest.fixture(scope="module")
def new_site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("new") / "site"
    site = Site.create(folder, SETTINGS, NOW_MS)
    enrolled(site, "hub-a")
    site.close()
    return folder


@pytest.fixture
def site(new_site: Path, tmp_path: Path) -> Path:
    return shutil.copytree(new_site, tmp_path / "site")


def run(command: click.Command, *arguments: object) -> Result:
    done = CliRunner().invoke(command, [str(each) for each in arguments])
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done


def told(command: click.Command, *arguments: object) -> str:
    done = run(command, *arguments)
    assert done.exit_code == 0, done.output
    assert "PRIVATE KEY" not in done.output
    return done.output


# --- init-site ----------------------------------------------------------------------------------------


def test_a_site_is_made_with_one_line(tmp_path: Path) -> None:
    folder = tmp_path / "site"
    output = told(commands.init_site, "--site", folder, "--broker", "mqtt.example.org", "--name", "Test")
    assert "mqtt.example.org:8883" in output
    assert "mqtt.example.org:8443" in output
    assert "stick" in output
    again = told(commands.init_site, "--site", folder, "--broker", "other.example.org")
    assert "nothing was changed" in again
    assert json.loads(told(commands.init_site, "--site", folder, "--json"))["made"] == []


@pytest.mark.parametrize(
    ("given", "host", "port", "enrolment"),
    [
        ("a.example:1234", "a.example", 1234, "a.example:8443"),
        ("10.0.0.7", "10.0.0.7", 8883, "10.0.0.7:8443"),
        ("[fe80::1]:99", "fe80::1", 99, "[fe80::1]:8443"),
        ("[fe80::1]", "fe80::1", 8883, "[fe80::1]:8443"),
    ],
)
def test_where_the_broker_is(tmp_path: Path, given: str, host: str, port: int, enrolment: str) -> None:
    told(commands.init_site, "--site", tmp_path / "site", "--broker", given)
    with contextlib.closing(Site.open(tmp_path / "site")) as made:
        assert (made.settings.way[0].host, made.settings.way[0].port) == (host, port)
        assert made.settings.enrolment == enrolment
        assert made.server("broker", NOW_MS)
        assert made.server("enrolment", NOW_MS)


@pytest.mark.parametrize("given", ["host:port", "https://host", "", ":8883", "a b", "host:99999"])
def test_where_no_broker_is(tmp_path: Path, given: str) -> None:
    done = run(commands.init_site, "--site", tmp_path / "site", "--broker", given, "--enrolment", "host")
    assert done.exit_code == commands.EXIT_CANNOT or given == ""
    assert (tmp_path / "site/ca.pem").exists() == (given == "")


# --- issue, list, revoke ------------------------------------------------------------------------------


def test_a_code_is_shown_as_text_and_as_a_picture(site: Path) -> None:
    output = told(commands.issue, "--site", site)
    (line,) = (line for line in output.splitlines() if line.startswith("Code"))
    code = parse_code(line.removeprefix("Code"))
    assert any(block in output for block in "█▀▄")
    (name,) = (line.split()[1] for line in output.splitlines() if line.startswith("Hub "))
    opened = Site.open(site)
    try:
        assert opened.hub(name) is not None
        assert opened.enrol(Box().enrol(code), opened.hub(name).issued_ms).hub == name  # type: ignore[union-attr]
    finally:
        opened.close()


@pytest.mark.parametrize("name", ["code.png", "code.svg", "code.txt"])
def test_a_code_goes_into_a_file_for_its_owner_alone(site: Path, tmp_path: Path, name: str) -> None:
    out = tmp_path / name
    output = told(commands.issue, "hub-b", "--site", site, "--out", out)
    assert stat.S_IMODE(out.stat().st_mode) == 0o600
    assert "#" not in output
    assert out.stat().st_size > 50
    if name == "code.txt":
        assert parse_code(out.read_text()).endpoint == "localhost:8443"
    answer = json.loads(told(commands.issue, "hub-b", "--site", site, "--out", out, "--json"))
    assert answer["file"] == str(out)
    assert "code" not in answer


@pytest.mark.parametrize("out", ["code.gif", "code", "nowhere/code.png"])
def test_no_code_is_issued_that_could_not_be_written(site: Path, tmp_path: Path, out: str) -> None:
    assert run(commands.issue, "hub-b", "--site", site, "--out", tmp_path / out).exit_code == commands.EXIT_CANNOT
    assert [each["hub"] for each in json.loads(told(commands.list_hubs, "--site", site, "--json"))] == ["hub-a"]


@pytest.mark.parametrize("hub", ["centre", "Mrs Jones", "hub-a"])
def test_a_name_that_will_not_do_is_told(site: Path, hub: str) -> None:
    done = run(commands.issue, hub, "--site", site)
    assert done.exit_code == commands.EXIT_CANNOT
    assert "name" in done.output


def test_hubs_are_listed(site: Path) -> None:
    told(commands.issue, "hub-b", "--site", site)
    listed = {each["hub"]: each for each in json.loads(told(commands.list_hubs, "--site", site, "--json"))}
    assert {name: each["state"] for name, each in listed.items()} == {"hub-a": "enrolled", "hub-b": "waiting"}
    assert listed["hub-a"]["certificate_until"].startswith("2028-01-15")
    assert "BEGIN" not in json.dumps(listed)
    output = told(commands.list_hubs, "--site", site)
    assert "hub-a" in output
    assert "waiting" in output


def test_a_hub_is_revoked_and_the_broker_to_be_told(site: Path) -> None:
    assert "broker-config" in told(commands.revoke, "hub-a", "--site", site)
    told(commands.broker_config, "--site", site)
    again = told(commands.revoke, "hub-a", "--site", site)
    assert "before" in again
    assert "systemctl reload mosquitto" in again
    assert json.loads(told(commands.revoke, "hub-a", "--site", site, "--json"))["fresh"] is False
    assert run(commands.revoke, "hub-x", "--site", site).exit_code == commands.EXIT_CANNOT


@pytest.mark.parametrize(
    ("command", "arguments"),
    [
        (commands.issue, ()),
        (commands.list_hubs, ()),
        (commands.revoke, ("hub-a",)),
        (commands.rotate_centre_key, ()),
        (commands.broker_config, ()),
    ],
)
def test_where_no_site_is_the_remedy_is_told(
    tmp_path: Path, command: click.Command, arguments: tuple[str, ...]
) -> None:
    done = run(command, *arguments, "--site", tmp_path / "nowhere")
    assert done.exit_code == commands.EXIT_CANNOT
    assert "init-site" in done.output
    assert not (tmp_path / "nowhere").exists()


def test_of_two_revocations_at_once_both_are_in_what_the_broker_reads(
    site: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told(commands.broker_config, "--site", site)
    files, others = Site.broker_files, list[threading.Thread]()

    def also() -> None:
        with contextlib.closing(Site.open(site)) as second:
            second.revoke("hub-b", NOW_MS)
            commands._lay(second, broker.Layout(site / "broker"), site / "broker")

    def slow(self: Site, layout: broker.Layout, wall_ms: int) -> dict[str, bytes]:
        monkeypatch.undo()
        made = files(self, layout, wall_ms)
        others.append(threading.Thread(target=also))
        others[0].start()
        others[0].join(0.3)  # which it needs, unless it waits for us
        return made

    with contextlib.closing(Site.open(site)) as first:
        enrolled(first, "hub-b")
    monkeypatch.setattr(Site, "broker_files", slow)
    told(commands.revoke, "hub-a", "--site", site)
    others[0].join(10)
    assert {"user hub-a", "user hub-b"} <= set((site / "broker" / broker.ACCESS).read_text().splitlines())


# --- the centre's key, the broker ---------------------------------------------------------------------


def test_the_centres_key_is_changed_step_by_step(site: Path) -> None:
    assert "30 days" in told(commands.rotate_centre_key, "--site", site)
    done = run(commands.rotate_centre_key, "--site", site, "--finish")
    assert done.exit_code == commands.EXIT_CANNOT
    assert "--now" in done.output
    assert "centre-2.key." in told(commands.rotate_centre_key, "--site", site, "--finish", "--now")


def test_the_brokers_folder_is_whole_and_private(site: Path, tmp_path: Path) -> None:
    out = tmp_path / "etc"
    output = told(
        commands.broker_config, "--site", site, "--out", out, "--at", "/etc/mosquitto/hearthline", "--port", 1
    )
    assert "/etc/mosquitto/hearthline" in output
    names = {broker.CONFIGURATION, broker.ACCESS, broker.SERVICE, broker.CA, broker.CERTIFICATE, broker.KEY, broker.CRL}
    assert {each.name for each in out.iterdir()} == names
    assert stat.S_IMODE(out.stat().st_mode) == 0o700
    assert {stat.S_IMODE(each.stat().st_mode) for each in out.iterdir()} == {0o600}
    text = (out / broker.CONFIGURATION).read_text()
    assert "keyfile /etc/mosquitto/hearthline/broker.key" in text
    assert "listener 1\n" in text
    before = {each: each.read_bytes() for each in out.iterdir()}
    told(commands.broker_config, "--site", site, "--out", out, "--at", "/etc/mosquitto/hearthline", "--port", 1)
    assert {each: each.read_bytes() for each in out.iterdir()} == before


def test_no_hub_reads_what_tells_the_workers_apart(site: Path) -> None:
    opened = Site.open(site)
    try:
        group = opened.workers_group
        _, answer = enrolled(opened, "hub-b")
        assert len(group) >= 20
        assert group not in answer.word + answer.certificate
        assert all(
            group.encode() not in each for each in opened.broker_files(broker.Layout(Path("/x")), NOW_MS).values()
        )
    finally:
        opened.close()


def test_a_registry_of_another_version_is_told(site: Path) -> None:
    registry = Registry(site / "registry.db")
    registry._connection.execute("PRAGMA user_version = 99")
    registry.close()
    done = run(commands.list_hubs, "--site", site)
    assert done.exit_code == commands.EXIT_CANNOT
    assert "version 99" in done.output


@pytest.mark.parametrize("rubbish", [b"", b"not a database at all" * 100])
def test_a_damaged_registry_is_told_and_left_as_it_is(site: Path, rubbish: bytes) -> None:
    (site / "registry.db").write_bytes(rubbish)
    done = run(commands.list_hubs, "--site", site)
    assert done.exit_code == commands.EXIT_CANNOT
    assert "registry.db" in done.output
    assert (site / "registry.db").read_bytes() == rubbish
