"""The site's word: what every hub is told of it, signed by the issuing authority; its version only rises (S9)."""

import hashlib
from collections.abc import Callable

import msgspec
from msgspec.structs import replace

from agent.wire.enrolment import SiteWord
from agent.wire.envelope import Signer
from centre.site.registry import Registry


def worded(registry: Registry, signer: Signer, said: Callable[[], SiteWord], wall_ms: int) -> str:
    """Give the word, a JWS: the last one, unless something in it has changed. Raises SiteError.

    `said` gives what it is to say now, whatever its time and version.
    """
    last = registry.word()
    if last is not None and last[1] == _digest(said()):
        return last[2]
    with registry.change():
        wanted = said()  # now that nobody can change it any more
        digest, last = _digest(wanted), registry.word()
        if last is not None and last[1] == digest:
            return last[2]
        now_s = wall_ms // 1000
        # S9: by the time, too: a registry that was brought back from a copy knows nothing of the words since.
        version = max(now_s, 1 if last is None else last[0] + 1)
        jws = signer.seal(msgspec.json.encode(replace(wanted, iat=now_s, version=version))).decode()
        registry.add_word(version, digest, jws, wall_ms)
    return jws


def _digest(word: SiteWord) -> str:
    return hashlib.sha256(msgspec.json.encode(replace(word, iat=0, version=1))).hexdigest()
