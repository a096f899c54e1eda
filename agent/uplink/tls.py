"""TLS to the response centre's broker: 1.3 only, the site's own authority, the hub's certificate."""

import contextlib
import ssl
from pathlib import Path

from agent.config import Uplink

NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_NO_CHECK_TIME (x509_vfy.h), which Python's ssl does not name."""


class TlsError(Exception):
    """The files of an uplink cannot be used; the text names them."""


def tls_context(uplink: Uplink) -> ssl.SSLContext | None:
    """Make the context of an uplink; None for one without TLS, which the configuration allows on loopback only.

    Raises TlsError.
    """
    if uplink.ca is None or uplink.certificate is None or uplink.key is None:
        return None
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    try:
        context.load_verify_locations(uplink.ca)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(f"{uplink.ca}: not a readable certificate authority in PEM ({error})") from None
    try:
        _load_pair(context, uplink.certificate, uplink.key)
    except (OSError, ssl.SSLError) as error:
        raise TlsError(f"{uplink.certificate} with {uplink.key}: not a certificate and its key ({error})") from None
    return context


def _load_pair(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    """Load the two files; once more if a renewal put both new ones in place between the two reads."""
    with contextlib.suppress(OSError, ssl.SSLError):
        context.load_cert_chain(certificate, key)
        return
    context.load_cert_chain(certificate, key)


def judge_by_clock(context: ssl.SSLContext, *, trusted: bool) -> None:
    """Have the next handshakes judge a certificate's period of validity, or not where the clock is not trusted.

    S3: a box without a clock would take every certificate for one of the future, and no alarm would ever leave it.
    Authority, name and signature are judged all the same, and what the centre says is proven apart from TLS (S8).
    Decision 0011 says what that costs.
    """
    if trusted:
        context.verify_flags &= ~NO_CHECK_TIME
    else:
        context.verify_flags |= NO_CHECK_TIME
