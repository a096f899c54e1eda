"""The doctor on a line to the centre: each step's failure is provoked for real, and named with what it means."""

import contextlib
import datetime as dt
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from provisioning.doctor.checks import uplink
from provisioning.doctor.finding import Finding
from simulators.keys import Authority, TlsFiles
from simulators.mosquitto import Mosquitto, ServerFiles, free_port

NOBODY = "an-address-that-nobody-has.invalid"


@pytest.fixture
def broker(box: Any) -> Iterator[Mosquitto]:
    with _broker(box) as running:
        yield running


def _broker(box: Any, files: TlsFiles | None = None, ca: Path | None = None, extra: str = "") -> Mosquitto:
    own = files or box.keys.broker
    return Mosquitto(box.folder / "broker", tls=ServerFiles(ca or box.keys.ca, own.certificate, own.key), extra=extra)


def looked(box: Any, way: str, *, synced: bool = True) -> Finding:
    box.write(way)
    config = box.scene(synced=synced).config
    scene = box.scene(synced=synced)
    (found,) = uplink.judge(uplink.probe(config.uplinks[0], config.hub, scene.clock))
    assert bool(found.remedy) is (found.state != "well")
    return found


def to(broker: Mosquitto, host: str = "127.0.0.1", more: str = "") -> str:
    return f'host = "{host}"\nport = {broker.port}\n{more}'


def test_a_line_that_works_is_well(box: Any, broker: Mosquitto) -> None:
    found = looked(box, to(broker))
    assert found.state == "well"
    assert "TLS 1.3" in found.found


def test_a_closed_port_is_told_from_a_network_that_is_not_there(box: Any) -> None:
    closed = looked(box, f'host = "127.0.0.1"\nport = {free_port()}')
    assert (closed.state, "nothing listens there" in closed.found) == ("wrong", True)
    missing = looked(box, 'host = "127.0.0.1"\ninterface = "nosuch0"')
    assert "interface nosuch0 is not there" in missing.found


def test_a_name_that_cannot_be_looked_up_and_a_name_server_that_hangs(
    box: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unknown(*_arguments: object, **_more: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    assert "Name or service not known" in looked(box, f'host = "{NOBODY}"').found
    hangs = threading.Event()
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_more: hangs.wait(10))
    monkeypatch.setattr(uplink, "_STEP_S", 0.05)
    assert "did not answer" in looked(box, f'host = "{NOBODY}"').found
    hangs.set()


def test_a_port_that_swallows_everything_is_found_in_time(box: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uplink, "_STEP_S", 0.2)
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        found = looked(box, f'host = "127.0.0.1"\nport = {mute.getsockname()[1]}')
    assert "TLS fails" in found.found


def test_another_authority_another_name_and_an_old_certificate_are_told_apart(
    box: Any, now: dt.datetime, tmp_path: Path
) -> None:
    (tmp_path / "foreign").mkdir()
    foreign = Authority(tmp_path / "foreign", now)
    with _broker(box, foreign.issue("broker", "localhost", server=True)) as broker:
        assert "another authority vouches" in looked(box, to(broker)).found
    with _broker(box) as broker:
        other = looked(box, to(broker, "broker.example", 'address = "127.0.0.1"'))
        assert "for another name" in other.found
    (tmp_path / "old").mkdir()
    old = Authority(tmp_path / "old", now - dt.timedelta(days=400))
    box.ca, box.tls = old.certificate, old.issue("hub", "hub-test")
    with _broker(box, old.issue("broker", "localhost", server=True), old.certificate) as broker:
        assert "the broker's certificate has expired" in looked(box, to(broker)).found


def test_a_port_without_tls(box: Any) -> None:
    with Mosquitto(box.folder / "plain") as plain:
        assert "hangs up on TLS" in looked(box, to(plain)).found


def test_a_broker_of_yesterday_that_speaks_no_tls_1_3(box: Any) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    context.load_cert_chain(box.keys.broker.certificate, box.keys.broker.key)
    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=_shake_hands_once, args=(server, context))
        thread.start()
        found = looked(box, f'host = "127.0.0.1"\nport = {server.getsockname()[1]}')
        thread.join()
    assert "does not speak TLS 1.3" in found.found


def _shake_hands_once(server: socket.socket, context: ssl.SSLContext) -> None:
    sock, _ = server.accept()
    with sock, contextlib.suppress(ssl.SSLError):
        context.wrap_socket(sock, server_side=True)


def test_a_certificate_that_the_broker_refuses_is_told_from_a_broker_we_refuse(
    box: Any, broker: Mosquitto, now: dt.datetime, tmp_path: Path
) -> None:
    (tmp_path / "foreign").mkdir()
    box.tls = Authority(tmp_path / "foreign", now).issue("hub", "hub-test")
    found = looked(box, to(broker))
    assert (found.state, "the broker" in found.found, "hub's certificate" in found.found) == ("wrong", True, True)


def test_a_broker_that_takes_the_certificate_and_not_the_hub(box: Any) -> None:
    with _broker(box, extra="clientid_prefixes somebody-else") as broker:
        found = looked(box, to(broker))
    assert "the broker does not take the hub" in found.found


def test_every_code_that_is_known_has_a_remedy() -> None:
    for code in (*uplink._VERIFY, *uplink._ALERTS):
        facts = uplink.Facts(name="main", host="h", port=1, step="tls", code=code)
        (found,) = uplink.judge(facts)
        assert found.state == "wrong"
        assert found.remedy
    (doubted,) = uplink.judge(uplink.Facts(name="m", host="h", port=1, step="tls", code="10", synced=False))
    assert doubted.state == "warning"
