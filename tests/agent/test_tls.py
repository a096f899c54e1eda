"""TLS to the broker: what a certificate must be, with a clock that is trusted and without one."""

import datetime as dt
import ssl
from pathlib import Path
from typing import Literal

import pytest

from agent.clock import SystemClock
from agent.config import Uplink
from agent.uplink.tls import judge_by_clock, tls_context
from simulators.keys import Authority

DAY = dt.timedelta(days=1)
NOW = dt.datetime.fromtimestamp(SystemClock().now().wall_ms / 1000, dt.UTC)
Day = Literal["today", "not yet", "over"]
AGES: dict[Day, dt.timedelta] = {"today": dt.timedelta(0), "not yet": 30 * DAY, "over": -400 * DAY}
"""When the certificates were made: they are valid from a day before, for a year."""


def handshake(client: ssl.SSLContext, server: ssl.SSLContext, name: str = "localhost") -> None:
    """Shake hands in memory. Raises what the client raises."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    ours = client.wrap_bio(to_client, to_server, server_hostname=name)
    theirs = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (ours, theirs, ours, theirs):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue


class Site:
    """An authority of a day, a broker's context, and an uplink of a hub."""

    def __init__(self, folder: Path, day: Day = "today") -> None:
        folder.mkdir()
        authority = Authority(folder, NOW + AGES[day])
        broker, hub = authority.issue("broker", "localhost", server=True), authority.issue("hub", "hub-test")
        self.broker = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.broker.load_cert_chain(broker.certificate, broker.key)
        self.uplink = Uplink(
            name="main", host="localhost", ca=authority.certificate, certificate=hub.certificate, key=hub.key
        )

    def hub(self, *, trusted: bool) -> ssl.SSLContext:
        """Give the hub's context, as it is before it connects."""
        context = tls_context(self.uplink)
        assert context is not None
        judge_by_clock(context, trusted=trusted)
        return context


@pytest.mark.parametrize("day", ["not yet", "over"])
def test_s3_without_a_clock_no_certificate_is_too_young_or_too_old(day: Day, tmp_path: Path) -> None:
    site = Site(tmp_path / "site", day)
    handshake(site.hub(trusted=False), site.broker)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"certificate (is not yet valid|has expired)"):
        handshake(site.hub(trusted=True), site.broker)


@pytest.mark.parametrize("trusted", [True, False])
def test_s8_another_authority_or_name_is_refused_whatever_the_clock(trusted: bool, tmp_path: Path) -> None:
    site, other = Site(tmp_path / "site"), Site(tmp_path / "other")
    handshake(site.hub(trusted=trusted), site.broker)
    with pytest.raises(ssl.SSLCertVerificationError, match=r"unable to get local issuer|self-signed"):
        handshake(site.hub(trusted=trusted), other.broker)
    with pytest.raises(ssl.SSLCertVerificationError, match="Hostname mismatch"):
        handshake(site.hub(trusted=trusted), site.broker, "another.example")


def test_a_clock_that_becomes_trusted_judges_the_next_handshake(tmp_path: Path) -> None:
    site = Site(tmp_path / "site", "over")
    context = site.hub(trusted=False)
    handshake(context, site.broker)
    judge_by_clock(context, trusted=True)
    with pytest.raises(ssl.SSLCertVerificationError, match="has expired"):
        handshake(context, site.broker)
    judge_by_clock(context, trusted=False)
    handshake(context, site.broker)


def test_a_pair_that_is_renewed_between_the_two_reads_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = Site(tmp_path / "site")
    other = Authority(tmp_path, NOW).issue("renewed", "hub-test")
    load, reads = ssl.SSLContext.load_cert_chain, list[str]()

    def torn(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        reads.append(str(certificate))
        load(context, certificate, other.key if len(reads) == 1 else key)

    monkeypatch.setattr(ssl.SSLContext, "load_cert_chain", torn)
    assert tls_context(site.uplink) is not None
    assert len(reads) == 2
