"""How far does each line to the centre's broker get: interface, name, route, TCP, TLS, and the broker's own word?

The diagnosis is made step by step, with a context like the uplink's own. The verdict is `agent.uplink.trying`'s: the
hub's own code, under a client id of its own, so that a hub that is connected stays so.
"""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from time import monotonic
from typing import Literal

import msgspec

from agent.clock import Clock
from agent.config import Uplink
from agent.uplink.tls import judge_by_clock
from agent.uplink.trying import try_ways
from provisioning.doctor.finding import Check, Finding, warning, well, wrong
from provisioning.doctor.running import within
from provisioning.doctor.scene import Scene

Step = Literal["interface", "name", "route", "tcp", "tls", "certificate", "broker", ""]

_STEP_S = 5.0
_ALERT_S = 0.5
"""With TLS 1.3 the server judges our certificate once the handshake is over for us: so long its alert is awaited."""

_REASON_CHARS_MAX = 160


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """One uplink: the `step` at which it failed, "" when it is through, and in what way.

    `code` is OpenSSL's verification code or alert, or the operating system's word.
    """

    name: str
    host: str
    port: int
    interface: str = ""
    step: Step = ""
    code: str = ""
    reason: str = ""
    address: str = ""
    took_ms: int = 0
    tls: bool = True
    synced: bool = True


_ENROL = "enrol the hub anew: sudo hearthline provision enrol"
_CLOCK = "see what is said of the clock first; if that is right, the broker needs a new certificate: tell the site"

_PORT = "correct the port in hub.toml (8883 is usual); does a firewall or a proxy stand in between?"
_CUT_SHORT = "whoever answers there hangs up on TLS: it speaks none, or somebody in between forbids it"

_VERIFY = {
    "9": ("the broker's certificate is of the future", _CLOCK),
    "10": ("the broker's certificate has expired", _CLOCK),
    "18": ("another authority vouches for this broker: it is not this site's", "name this site's ca.pem in hub.toml"),
    "19": ("another authority vouches for this broker: it is not this site's", "name this site's ca.pem in hub.toml"),
    "20": ("another authority vouches for this broker: it is not this site's", "name this site's ca.pem in hub.toml"),
    "21": (
        "the broker does not send its whole chain",
        "tell the site: its broker's certfile lacks the issuing authority",
    ),
    "26": ("the broker's certificate is not for a server", "tell the site: it has been given a hub's certificate"),
    "62": ("the broker's certificate is for another name", "write the host in hub.toml as the site names it"),
    "64": ("the broker's certificate is for another address", "write the host in hub.toml as the site names it"),
}
"""By OpenSSL's X509_V_ERR (x509_vfy.h)."""

_ALERTS = {
    "TLSV1_ALERT_PROTOCOL_VERSION": (
        "the broker does not speak TLS 1.3",
        "tell the site: the hub speaks nothing older",
    ),
    "UNSUPPORTED_PROTOCOL": ("the broker does not speak TLS 1.3", "tell the site: the hub speaks nothing older"),
    "UNEXPECTED_EOF_WHILE_READING": (_CUT_SHORT, _PORT),
    "RESET": (_CUT_SHORT, _PORT),
    "HUNG_UP": ("the broker hung up when it saw the hub's certificate", f"see its log; if nothing is there, {_ENROL}"),
    "WRONG_VERSION_NUMBER": ("this port speaks no TLS", _PORT),
    "TLSV1_ALERT_UNKNOWN_CA": ("the broker does not know who issued the hub's certificate", _ENROL),
    "TLSV13_ALERT_CERTIFICATE_REQUIRED": ("the broker did not get the hub's certificate", _ENROL),
    "SSLV3_ALERT_CERTIFICATE_EXPIRED": ("the hub's certificate has expired", "sudo hearthline provision renew"),
    "SSLV3_ALERT_CERTIFICATE_REVOKED": (
        "the site has revoked the hub's certificate",
        f"ask the site why; then {_ENROL}",
    ),
    "SSLV3_ALERT_BAD_CERTIFICATE": ("the broker refuses the hub's certificate", _ENROL),
    "SSLV3_ALERT_CERTIFICATE_UNKNOWN": ("the broker refuses the hub's certificate", _ENROL),
}
"""By OpenSSL's reason."""

_TCP = {
    "refused": ("nothing listens there", "is the broker running? Is the port right? A firewall may refuse, too"),
    "timeout": ("no answer", "a firewall may swallow it: ask whoever runs the network to let this port out"),
    "unreachable": ("the network cannot be reached", "is the cable in, the Wi-Fi joined, the modem registered?"),
}


def judge(facts: Facts) -> Iterator[Finding]:
    """Say how far it got, and what that means."""
    about, where = f"uplink {facts.name}", f"{facts.host}:{facts.port}"
    what, remedy = f"{facts.reason}", "see the broker's log"
    match facts.step:
        case "interface":
            what = f"interface {facts.interface} {facts.reason}"
            remedy = "ip link lists what there is: correct [[uplink]] interface, or bring it up"
        case "name":
            what = f"the name {facts.host} cannot be looked up: {facts.reason}"
            remedy = "is it right? Does the network have a name server (resolvectl status)? Or give its IP as address"
        case "route":
            by = f" by {facts.interface}" if facts.interface else ""
            what = f"no way{by} to {facts.address}: {facts.reason}"
            remedy = (
                "ip route must show a default route there: is the cable in, the Wi-Fi joined, the modem registered?"
            )
        case "tcp":
            found, remedy = _TCP.get(facts.code, (facts.reason, "see whether other machines here reach it"))
            what = f"{where}: {found}"
        case "tls" | "certificate":
            known = _VERIFY if facts.code.isdigit() else _ALERTS
            what, remedy = known.get(
                facts.code, (f"TLS fails: {facts.reason}", "see the broker's log, and tell the site")
            )
        case "broker":
            what, remedy = f"the broker does not take the hub: {facts.reason}", "see its log; is the hub revoked?"
        case "":
            over = "TLS 1.3, certificates and broker" if facts.tls else "without TLS, the broker"
            yield well(about, f"{where} answers in {facts.took_ms} ms: {over} are well")
            return
    if facts.step in ("tls", "certificate") and facts.code in ("9", "10") and not facts.synced:
        yield warning(about, f"{what}, by a clock that is not synchronised", remedy)
        return
    yield wrong(about, what, remedy)


# --- probing ------------------------------------------------------------------------------------------


class _StoppedError(Exception):
    """It got no further."""

    def __init__(self, step: Step, code: str = "", reason: str = "") -> None:
        super().__init__(reason)
        self.step, self.code, self.reason = step, code, reason


def probe(uplink: Uplink, hub: str, clock: Clock) -> Facts:
    """Go as far as it goes."""
    synced = clock.now().synced
    known = Facts(
        name=uplink.name,
        host=uplink.host,
        port=uplink.port,
        interface=uplink.interface or "",
        tls=uplink.ca is not None,
        synced=synced,
    )
    address = ""
    try:
        _see_interface(uplink.interface)
        address = _look_up(uplink)
        _see_route(address, uplink)
        began = monotonic()
        with _connect(address, uplink) as sock:
            took_ms = round((monotonic() - began) * 1_000)
            if uplink.ca is not None:
                _shake_hands(sock, uplink, synced=synced)
        (tried,) = asyncio.run(try_ways(hub, [uplink], trusted=synced))
        if tried.outcome != "taken":
            raise _StoppedError("broker", tried.outcome, tried.why)  # noqa: TRY301 -- as every other step
    except _StoppedError as stopped:
        found = {"step": stopped.step, "code": stopped.code, "reason": stopped.reason[:_REASON_CHARS_MAX]}
        return msgspec.structs.replace(known, address=address, **found)
    return msgspec.structs.replace(known, address=address, took_ms=took_ms)


def _see_interface(name: str | None) -> None:
    if name is None:
        return
    if name not in (each for _, each in socket.if_nameindex()):
        raise _StoppedError("interface", reason="is not there")
    with contextlib.suppress(OSError), open(f"/sys/class/net/{name}/operstate") as file:  # noqa: PTH123 -- one word
        if file.read().strip() == "down":
            raise _StoppedError("interface", reason="is down")


def _look_up(uplink: Uplink) -> str:
    """Give the address, by the configuration or a name server, which may hang."""
    target = uplink.address or uplink.host
    with contextlib.suppress(ValueError):
        return str(ipaddress.ip_address(target))
    asked = partial(socket.getaddrinfo, target, uplink.port, type=socket.SOCK_STREAM)
    try:
        return str(within(_STEP_S, asked)[0][4][0])
    except TimeoutError:
        raise _StoppedError("name", reason=f"the name server did not answer within {_STEP_S:g} s") from None
    except OSError as error:
        raise _StoppedError("name", reason=str(error.strerror or error)) from None


def _socket(address: str, uplink: Uplink, kind: socket.SocketKind) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family, kind)
    sock.settimeout(_STEP_S)
    try:
        if uplink.interface is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_BINDTODEVICE, uplink.interface.encode())
    except OSError as error:
        sock.close()
        raise _StoppedError("interface", reason=f"cannot be used: {error.strerror}") from None
    return sock


def _see_route(address: str, uplink: Uplink) -> None:
    """Ask the kernel for a route, by a datagram socket that sends nothing."""
    with _socket(address, uplink, socket.SOCK_DGRAM) as sock:
        try:
            sock.connect((address, uplink.port))
        except OSError as error:
            raise _StoppedError("route", reason=str(error.strerror or error)) from None


def _connect(address: str, uplink: Uplink) -> socket.socket:
    sock = _socket(address, uplink, socket.SOCK_STREAM)
    try:
        sock.connect((address, uplink.port))
    except OSError as error:
        sock.close()
        codes = {ConnectionRefusedError: "refused", TimeoutError: "timeout"}
        raise _StoppedError("tcp", codes.get(type(error), "unreachable"), str(error.strerror or error)) from None
    return sock


def _shake_hands(sock: socket.socket, uplink: Uplink, *, synced: bool) -> None:
    """Shake hands as the uplink would, and wait for what the broker thinks of our certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    judge_by_clock(context, trusted=synced)
    try:
        context.load_verify_locations(uplink.ca)
        context.load_cert_chain(uplink.certificate or "", uplink.key)
    except (OSError, ssl.SSLError) as error:
        raise _StoppedError("tls", reason=f"the hub's own files cannot be used ({error})") from None
    step: Step = "tls"
    try:
        with context.wrap_socket(sock, server_hostname=uplink.host) as secured:
            step = "certificate"
            secured.settimeout(_ALERT_S)
            with contextlib.suppress(TimeoutError):
                if secured.recv(1) == b"":
                    raise _StoppedError(step, "HUNG_UP")
    except ssl.SSLCertVerificationError as error:
        raise _StoppedError(step, str(error.verify_code), error.verify_message) from None
    except ssl.SSLError as error:
        raise _StoppedError(step, error.reason or "", error.reason or str(error)) from None
    except ConnectionError:
        raise _StoppedError(step, "RESET" if step == "tls" else "HUNG_UP") from None
    except OSError as error:
        raise _StoppedError(step, reason=str(error.strerror or error)) from None


def _look(scene: Scene) -> Iterable[Finding]:
    config = scene.config
    if config is None:
        return []
    with ThreadPoolExecutor(len(config.uplinks) or 1) as together:
        found = together.map(lambda each: probe(each, config.hub, scene.clock), config.uplinks)
        return [each for facts in found for each in judge(facts)]


CHECK = Check("uplink", "Lines to the centre", _look, timeout_s=45.0)
