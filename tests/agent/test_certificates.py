"""How long certificates are still good for: the first of a chain, the last of the authorities, by a trusted clock."""

import os
from pathlib import Path

import msgspec
import pytest
from cryptography.x509 import load_pem_x509_certificate

from agent.certificates import DAY_MS, Certificates, period
from agent.config import Uplink
from agent.status import RENEWAL_FILE, RenewalStatus
from rules.events import CertificateChanged
from rules.values import Now
from simulators.keys import KeySet, make_keys

WALL_MS = 1_790_000_000_000


class HandClock:
    """A clock that is moved by hand."""

    boot = "b"

    def __init__(self) -> None:
        self.at = Now(0, WALL_MS, synced=True)

    def now(self) -> Now:
        return self.at

    def later(self, ms: int, *, synced: bool = True) -> None:
        self.at = Now(self.at.ms + ms, self.at.wall_ms + ms, synced)


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> KeySet:
    return make_keys(tmp_path_factory.mktemp("keys"), WALL_MS, ["hub-1"])


def uplink(keys: KeySet, *, ca: Path | None = None, certificate: Path | None = None) -> Uplink:
    tls = keys.hubs["hub-1"].tls
    return Uplink(name="main", host="h", ca=ca or keys.ca, certificate=certificate or tls.certificate, key=tls.key)


def end_of(path: Path) -> int:
    end = load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    return round(end.timestamp() * 1000)


def ends_ms(uplink: Uplink) -> int | None:
    found = period(uplink)
    return None if found is None else found.ends_ms


def test_s7_it_is_told_at_the_start_and_daily(keys: KeySet) -> None:
    clock, told = HandClock(), list[CertificateChanged]()
    looks = Certificates([uplink(keys)], clock, told.append)
    days = (ends_ms(uplink(keys)) or 0) - WALL_MS
    looks.look()
    clock.later(DAY_MS - 1)
    looks.look()
    assert told == [CertificateChanged("main", days // DAY_MS, valid_days=366)]
    clock.later(1)
    looks.look()
    assert told[1:] == [CertificateChanged("main", days // DAY_MS - 1, valid_days=366)]


def test_s6_a_clock_that_is_not_trusted_judges_nothing_and_once_it_is_the_look_follows(keys: KeySet) -> None:
    clock, told = HandClock(), list[CertificateChanged]()
    clock.later(10_000 * DAY_MS, synced=False)
    looks = Certificates([uplink(keys)], clock, told.append)
    looks.look()
    assert told == []
    clock.later(600_000)
    looks.look()
    assert told[0].days_left < 0


def test_the_first_of_a_chain_and_the_last_authority_count(keys: KeySet, tmp_path: Path) -> None:
    own, authority = keys.hubs["hub-1"].tls.certificate, keys.ca
    later = make_keys(tmp_path / "later", WALL_MS + 100 * DAY_MS, ["hub-1"])
    chain, both = tmp_path / "chain.pem", tmp_path / "both.pem"
    chain.write_bytes(later.hubs["hub-1"].tls.certificate.read_bytes() + own.read_bytes())
    both.write_bytes(authority.read_bytes() + later.ca.read_bytes())
    assert ends_ms(uplink(keys, ca=both, certificate=chain)) == min(end_of(own), end_of(later.ca))
    far = later.hubs["hub-1"].tls.certificate
    assert ends_ms(uplink(keys, ca=both, certificate=far)) == min(end_of(far), end_of(later.ca))


def test_an_uplink_without_tls_or_with_unreadable_files_has_no_end(keys: KeySet, tmp_path: Path) -> None:
    junk = tmp_path / "junk.pem"
    junk.write_text("-----BEGIN CERTIFICATE-----\nnonsense\n-----END CERTIFICATE-----\n")
    assert ends_ms(Uplink(name="main", host="127.0.0.1")) is None
    assert ends_ms(uplink(keys, certificate=junk)) is None
    assert ends_ms(uplink(keys, ca=tmp_path / "missing.pem")) is None


def test_s7_renewing_that_fails_is_told_with_its_days_and_that_nobody_looks_too(keys: KeySet, tmp_path: Path) -> None:
    clock, told = HandClock(), list[CertificateChanged]()
    file = tmp_path / RENEWAL_FILE
    looks = Certificates([uplink(keys)], clock, told.append, renewal=file)

    def look(status: RenewalStatus | None) -> tuple[int, str]:
        if status is not None:
            file.write_bytes(msgspec.json.encode(status))
        clock.later(DAY_MS)
        looks.look()
        return told[-1].unrenewed_days, told[-1].why

    assert look(None) == (0, ""), "a hub without enrolment is renewed by hand"
    began = clock.now().wall_ms
    failing = RenewalStatus(looked_ms=began, failing_ms=began, failures=1, why="no way to the broker")
    assert look(failing) == (1, "no way to the broker")
    assert look(failing) == (2, "no way to the broker")
    assert look(RenewalStatus(looked_ms=clock.now().wall_ms)) == (1, "hearthline provision renew has not run")
    assert look(RenewalStatus(looked_ms=clock.now().wall_ms + DAY_MS)) == (0, "")
    assert look(RenewalStatus()) == (0, ""), "it ran, by a clock that nobody trusts"
    for junk in (b"\xff" * 10_000, b'{"why":"\xff"}', b'{"x":' + b"[" * 4_000, b'{"looked_ms":-' + b"9" * 4_000 + b"}"):
        file.write_bytes(junk)
        assert look(None) == (0, "")
    file.unlink()
    os.mkfifo(file)  # nobody writes into it: opened as a file, it would hold the hub up for ever
    assert look(None) == (0, "")
