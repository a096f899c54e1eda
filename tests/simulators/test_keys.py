"""The demonstration's keys: of the right kinds, their owner's alone, and good enough for OpenSSL's strict rules."""

import shutil
import ssl
import stat
import subprocess
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.x509.oid import NameOID

from agent.clock import SystemClock
from agent.wire.envelope import CENTRE_ALGORITHM, HUB_ALGORITHM, Signer, Verifier, read_key
from simulators import keys
from simulators.keys import make_keys

WALL_MS = SystemClock().now().wall_ms


def test_every_file_is_its_owners_alone(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    make_keys(folder, WALL_MS)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()}
    assert len(modes) == 14
    assert set(modes.values()) == {0o600}
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_the_signing_keys_work_in_pairs(tmp_path: Path) -> None:
    made = make_keys(tmp_path, WALL_MS, ["hub-1", "hub-2"])
    for private, public, algorithm in [
        (made.centre, made.centre_public, CENTRE_ALGORITHM),
        (made.hubs["hub-1"].signing, made.hubs["hub-1"].public, HUB_ALGORITHM),
    ]:
        token = Signer(read_key(private, algorithm), algorithm).seal(b"help")
        assert Verifier([read_key(public, algorithm)], algorithm).open(token) == b"help"
    assert made.hubs["hub-1"].public.read_bytes() != made.hubs["hub-2"].public.read_bytes()


def test_the_hubs_certificate_names_the_hub(tmp_path: Path) -> None:
    made = make_keys(tmp_path, WALL_MS, ["hub-1"])
    certificate = x509.load_pem_x509_certificate(made.hubs["hub-1"].tls.certificate.read_bytes())
    assert [each.value for each in certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)] == ["hub-1"]
    ssl.create_default_context().load_cert_chain(made.hubs["hub-1"].tls.certificate, made.hubs["hub-1"].tls.key)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="needs the openssl command")
def test_the_certificates_stand_up_to_strict_rules(tmp_path: Path) -> None:
    made = make_keys(tmp_path, WALL_MS, ["hub-1"])
    for purpose, files in [
        ("sslserver", made.broker),
        ("sslclient", made.centre_tls),
        ("sslclient", made.hubs["hub-1"].tls),
    ]:
        command = ["openssl", "verify", "-x509_strict", "-purpose", purpose, "-CAfile", str(made.ca)]
        checked = subprocess.run([*command, str(files.certificate)], capture_output=True, text=True, check=False)
        assert checked.returncode == 0, checked.stderr


def test_a_second_set_replaces_the_first_and_a_bad_hub_id_makes_none(tmp_path: Path) -> None:
    first = make_keys(tmp_path, WALL_MS)
    before = first.ca.read_bytes()
    make_keys(tmp_path, WALL_MS)
    assert first.ca.read_bytes() != before
    with pytest.raises(ValueError, match="hub id"):
        make_keys(tmp_path / "none", WALL_MS, ["../hub"])
    assert not (tmp_path / "none").exists()


def test_the_command_names_what_it_made(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert keys.main([str(tmp_path), "--hub", "hub-7"]) == 0
    assert str(tmp_path / "hub-7.signing.key.pem") in capsys.readouterr().out
    (tmp_path / "file").write_text("")
    assert keys.main([str(tmp_path / "file")]) == 1
    assert "file" in capsys.readouterr().err
