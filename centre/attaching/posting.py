"""Posts one message to an address that people gave: never to a machine of our own network, and never further.

Whoever may enter a webhook could otherwise make the centre ask machines that only the centre can reach. So a name is
resolved once, every address that it has must be a public one, and that very address is connected to; redirects are not
followed, no proxy is asked, and of an answer nothing is read but its status.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Mapping
from functools import cache
from urllib.parse import urlsplit

import httpx

from rules.values import Value

URL_CHARS_MAX = 500
CONNECT_S, ANSWER_S, WHOLE_S = 5.0, 10.0, 20.0
GONE = 410
"""The status by which a receiver says that it wants no more."""


class AddressError(Exception):
    """An address that nothing is sent to; the text says why, and what to do."""


class Answer(Value, frozen=True):
    """What came of an attempt. `reason` is empty if it was received."""

    reason: str = ""
    gone: bool = False


def check(url: str, *, allow_private: bool = False) -> None:
    """See that an address can be a webhook's, as far as it can be told without asking. Raises AddressError."""
    if len(url) > URL_CHARS_MAX or not url.isascii() or not url.isprintable() or " " in url:
        raise AddressError(f"An address has at most {URL_CHARS_MAX} characters, all of them ASCII and none a space")
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
        httpx.URL(url)
    except (ValueError, httpx.InvalidURL):
        raise AddressError("This is not an address: write it like https://platform.example.org/hearthline") from None
    schemes = ("https", "http") if allow_private else ("https",)
    if parts.scheme not in schemes or not host:
        raise AddressError("An address begins with https:// and a name: what is told is for nobody on the way")
    if parts.username or parts.password or parts.fragment:
        raise AddressError("An address has no password and no # in it: messages are proven by their signature")
    if not allow_private and _literal(host) is False:
        raise AddressError(_private(host))


def _literal(host: str) -> bool | None:
    """Say whether an address given as such is public; None for a name."""
    try:
        return is_public(host)
    except ValueError:
        return None


def is_public(address: str) -> bool:
    """Say whether an IP address is one of the public Internet's. Raises ValueError for what is no address."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(parsed, ipaddress.IPv6Address):
        inner = parsed.ipv4_mapped or parsed.sixtofour or (parsed.teredo[1] if parsed.teredo else None)
        if inner is None and parsed in _NAT64:
            inner = ipaddress.IPv4Address(int(parsed) & 0xFFFFFFFF)
        if inner is not None:
            return inner.is_global and not inner.is_multicast
        if parsed not in _UNICAST:
            return False
    return parsed.is_global and not parsed.is_multicast


_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
_UNICAST = ipaddress.IPv6Network("2000::/3")
"""All that is given out of IPv6 (RFC 4291). Outside are old and local ways into one's own network, which `is_global`
does not know: `fec0::1`, `64:ff9b:1::7f00:1`, `::ffff:0:7f00:1`."""


async def post(url: str, body: bytes, headers: Mapping[str, str], *, allow_private: bool = False) -> Answer:
    """Post once. Never raises: what went wrong is the answer's reason, in words of ours and not the receiver's."""
    try:
        check(url, allow_private=allow_private)
        async with asyncio.timeout(WHOLE_S):
            return await _posted(httpx.URL(url), body, headers, allow_private=allow_private)
    except AddressError as error:
        return Answer(str(error))
    except TimeoutError:
        return Answer(f"no answer within {WHOLE_S:.0f} s")
    except ssl.SSLError:
        return Answer("its certificate is not one that this computer trusts")
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, OSError, ValueError) as error:
        if "certificate" in str(error).lower():
            return Answer("its certificate is not one that this computer trusts")
        return Answer(f"not reached: {type(error).__name__}")


async def _posted(url: httpx.URL, body: bytes, headers: Mapping[str, str], *, allow_private: bool) -> Answer:
    address = await _address(url, allow_private=allow_private)
    netloc = url.netloc.decode("ascii")
    request = httpx.Request(
        "POST",
        url.copy_with(host=address),
        content=body,
        headers={**headers, "host": netloc},
        extensions={
            "sni_hostname": url.host,
            "timeout": httpx.Timeout(ANSWER_S, connect=CONNECT_S).as_dict(),
        },
    )
    async with httpx.AsyncHTTPTransport(verify=_trust(), retries=0) as transport:
        response = await transport.handle_async_request(request)
        await response.aclose()
    status = response.status_code
    if 200 <= status < 300:  # noqa: PLR2004 -- what HTTP calls success
        return Answer()
    return Answer(f"answered {status}", gone=status == GONE)


async def _address(url: httpx.URL, *, allow_private: bool) -> str:
    """Resolve a name. Every address of it must be allowed, or another answer would be asked for until one is."""
    port = url.port or (443 if url.scheme == "https" else 80)
    try:
        found = await asyncio.get_running_loop().getaddrinfo(url.host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise AddressError(f"{url.host} is not known: nobody has this name, or our own resolver is away") from None
    addresses = [str(each[4][0]) for each in found]
    if not allow_private and not all(is_public(each) for each in addresses):
        raise AddressError(_private(url.host))
    return addresses[0]


def _private(host: str) -> str:
    return f"{host} is a machine of one's own network: nothing is sent there unless the centre's settings allow it"


@cache
def _trust() -> ssl.SSLContext:
    """Trust whom this computer trusts."""
    return ssl.create_default_context()
