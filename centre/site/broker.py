"""Writes a complete Mosquitto configuration for a site: values in, texts out. For 2.0.11 (Debian 12) and later 2.0."""

from collections.abc import Iterable
from pathlib import Path
from typing import NamedTuple, get_args

from agent.wire.envelope import DOCUMENT_BYTES_MAX
from agent.wire.topics import ROOT, Channel

FROM_HUB: tuple[Channel, ...] = ("event", "status", "state")
TO_HUB: tuple[Channel, ...] = ("receipt", "command", "plan")
assert {*FROM_HUB, *TO_HUB} == set(get_args(Channel))  # noqa: S101 -- a new channel must be somebody's

CONFIGURATION, ACCESS, SERVICE = "mosquitto.conf", "acl", "mosquitto.service.conf"
CA, CERTIFICATE, KEY, CRL = "ca.pem", "broker.pem", "broker.key", "crl.pem"

CENTRE = "centre"
"""The common name of the centre's workers: they hear every hub, and speak to every hub."""

PACKET_BYTES_MAX = DOCUMENT_BYTES_MAX + 2_048
"""The largest document, its topic and its properties."""

INFLIGHT_MAX = 20
QUEUED_MAX, QUEUED_BYTES_MAX = 100_000, 256 * 1024 * 1024
CONNECTIONS_MAX = 20_000


class Layout(NamedTuple):
    """Where things are on the broker's computer. `at` is the folder of these files, `listen` empty for everywhere."""

    at: Path
    data: Path = Path("/var/lib/mosquitto")
    user: str = "mosquitto"
    listen: str = ""
    port: int = 8883
    connections_max: int = CONNECTIONS_MAX


def configuration(layout: Layout) -> str:
    """Give `mosquitto.conf`, whole: nothing is left to a default that lets anybody in or forgets."""
    at = layout.at
    listener = f"listener {layout.port} {layout.listen}".rstrip()
    return f"""\
# Hearthline's broker, written by `hearthline provision broker-config`: write it anew rather than change it here.

{listener}
user {layout.user}
max_connections {layout.connections_max}
set_tcp_nodelay true

# Who comes in: TLS 1.3 and a certificate of this site, not revoked; its common name is who he is.
tls_version tlsv1.3
cafile {at / CA}
certfile {at / CERTIFICATE}
keyfile {at / KEY}
crlfile {at / CRL}
require_certificate true
use_identity_as_username true
allow_anonymous false
allow_zero_length_clientid false

# What each may say and hear.
acl_file {at / ACCESS}

# Retained messages and sessions outlive a power cut, but for the last seconds, which hubs and centre say again. With
# autosave_on_changes the whole database would be written for every message: 32 ms each with 1,500 plans, measured.
persistence true
persistence_location {layout.data}/
autosave_on_changes false
autosave_interval 10
persistent_client_expiration 1d

# Against a flood. An event is at most 16 KiB, a state or plan 64 KiB, all of it at QoS 1. The queue is so long that it
# never overflows in a life: what Mosquitto drops from it, it has acknowledged. A hub repeats what has no receipt.
max_qos 1
max_packet_size {PACKET_BYTES_MAX}
max_inflight_messages {INFLIGHT_MAX}
max_queued_messages {QUEUED_MAX}
max_queued_bytes {QUEUED_BYTES_MAX}
max_keepalive 120
queue_qos0_messages false
upgrade_outgoing_qos false

# Who came and went, and what was refused at the door; never what was said.
log_dest stdout
log_type error
log_type warning
log_type notice
connection_messages true
"""


def access(revoked: Iterable[str] = ()) -> str:
    """Give the access lists: a hub speaks as itself alone. A revoked hub that is connected is deaf and dumb at once."""
    centre = [
        *(f"topic read {ROOT}/+/{channel}" for channel in FROM_HUB),
        *(f"topic write {ROOT}/+/{channel}" for channel in TO_HUB),
        "topic read $SYS/#",
    ]
    hub = [
        *(f"pattern write {ROOT}/%u/{channel}" for channel in FROM_HUB),
        *(f"pattern read {ROOT}/%u/{channel}" for channel in TO_HUB),
    ]
    gone = [line for each in sorted(revoked) for line in ("", f"user {each}", "topic deny #")]
    return "\n".join(
        [
            "# Who may say and hear what. %u is the common name of the client's certificate.",
            "",
            f"user {CENTRE}",
            *centre,
            *gone,
            "",
            "# Every hub",
            *hub,
            "",
        ]
    )


def service(layout: Layout) -> str:
    """Give what systemd is told besides: this configuration, as many files as connections, and never to give up."""
    return f"""\
# For /etc/systemd/system/mosquitto.service.d/hearthline.conf
[Unit]
StartLimitIntervalSec=0

[Service]
ExecStart=
ExecStart=/usr/sbin/mosquitto -c {layout.at / CONFIGURATION}
Restart=always
RestartSec=1
UMask=0077
LimitNOFILE={layout.connections_max + 1_024}
"""
